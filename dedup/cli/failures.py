"""Exit codes and one-line messages for errors that are not our own."""

from __future__ import annotations

import sys
from typing import Any

# Field names, file names and ids come from anywhere: they must not end the line or steer the terminal.
_ESCAPED = {code: f"\\x{code:02x}" for code in (*range(32), *range(127, 160))}


def one_line(message: str) -> str:
    r"""Return the message with its control characters written as escapes.

    Examples
    --------
    >>> one_line("no field a\nb")
    'no field a\\x0ab'
    """
    return message.translate(_ESCAPED)


def exit_code_of_click(error: Exception) -> int | None:
    """Print an error of the argument parser in our own form; return its exit code, None for other errors."""
    show = getattr(error, "format_message", None)
    if show is None:
        code = getattr(error, "exit_code", None)
        return int(code) if code is not None else (130 if type(error).__name__ == "Abort" else None)
    context: Any = getattr(error, "ctx", None)
    command = context.command_path if context is not None else "dedup"
    message = " ".join(str(show()).rstrip(".").split()) or "no command given"
    sys.stderr.write(one_line(f"dedup: error[usage]: {message}; see {command} --help") + "\n")
    return 2


def line_of_os_error(error: OSError) -> str:
    """Return what the system refused, and for which file."""
    what = error.strerror or type(error).__name__
    where = f" ({error.filename})" if error.filename else ""
    return f"{what}{where}; check the disk and the permissions"

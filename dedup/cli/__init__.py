"""The command line: parse, call, print, exit code; no logic."""

from __future__ import annotations

import os
import signal
import sys
from types import FrameType

# Nothing here multiplies matrices; its idle threads only cost start-up and memory.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")


class Terminated(BaseException):
    """SIGTERM, raised where the program stands, so that temporary files go."""


def main() -> None:
    """Run the command line and leave with its exit code."""
    signal.signal(signal.SIGTERM, _on_sigterm)
    if sys.platform != "win32":
        # A closed pipe shows as an error of write, which the outputs handle; Python ignores the signal.
        signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    code = _run(sys.argv[1:])
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        code = 141
    if code == 141:
        # What is left in the buffer has no reader; the interpreter would complain about it at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    sys.exit(code)


def _run(arguments: list[str]) -> int:
    debug = "--debug" in arguments
    from dedup.errors import DedupError

    try:
        from dedup.cli.app import app

        app(arguments, standalone_mode=False, prog_name="dedup")
    except KeyboardInterrupt:
        return _say("interrupted", 130)
    except Terminated:
        return _say("terminated", 143)
    except BrokenPipeError:
        return 141
    except DedupError as error:
        if debug:
            raise
        return _say(f"error[{error.code}]: {error}", error.exit_code)
    except MemoryError:
        return _say("error[system]: out of memory; lower --memory or --workers", 4)
    except Exception as error:  # noqa: BLE001  (the last line of defence: one line, not a traceback)
        return _unexpected(error, debug)
    return 0


def _unexpected(error: Exception, debug: bool) -> int:
    """Return the exit code for errors of the command line's own library, of the system, and for bugs."""
    from dedup.cli.failures import exit_code_of_click, line_of_os_error

    code = exit_code_of_click(error)
    if code is not None:
        return code
    if isinstance(error, OSError):
        return _say(f"error[system]: {line_of_os_error(error)}", 4)
    if debug:
        raise error
    text = " ".join(str(error).split()) or "no message"
    return _say(f"error[bug]: {type(error).__name__}: {text}; run again with --debug and report it", 1)


def _say(message: str, code: int) -> int:
    from dedup.cli.failures import one_line

    try:
        sys.stderr.write(f"dedup: {one_line(message)}\n")
        sys.stderr.flush()
    except OSError:
        pass
    return code


def _on_sigterm(_signal: int, _frame: FrameType | None) -> None:
    raise Terminated

"""The command line: parse, call, print, exit code; no logic."""

from __future__ import annotations

import gc
import os
import signal
import sys
from types import FrameType

# Nothing here multiplies matrices; its idle threads only cost start-up and memory.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

# Arrow and Numba import these at their first use wherever they are installed, and no command needs them;
# together they take longer than a small run.
_SPARED = ("pandas", "scipy", "yaml")
# Modules and kernels are many objects that stay: looking through them for garbage took a tenth of start-up.
_OBJECTS = 100_000


class Spared:
    """A finder that says of them that they are not installed; Spark, which lives on pandas, removes it."""

    @staticmethod
    def find_spec(name: str, path: object = None, target: object = None) -> None:
        """Refuse what is spared, leave the rest to the other finders."""
        if name in _SPARED:
            raise ModuleNotFoundError(f"{name} is left out on purpose", name=name)


class Stopped(BaseException):
    """SIGINT or SIGTERM, raised where the program stands, so that temporary files go."""


def main() -> None:
    """Run the command line and leave with its exit code."""
    _fill_closed_streams()
    for number in (signal.SIGINT, signal.SIGTERM):
        # A job in the background of a script is started with SIGINT ignored.
        if signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, _on_signal)
    if sys.platform != "win32":
        # A closed pipe shows as an error of write, which the outputs handle; Python ignores the signal.
        signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    sys.meta_path.insert(0, Spared)
    gc.set_threshold(_OBJECTS)
    code = _run(sys.argv[1:])
    sys.exit(_flush(code))


def _fill_closed_streams() -> None:
    """Open standard streams that came closed, or the next file opened would become one."""
    streams = (("stdin", os.O_WRONLY, "r"), ("stdout", os.O_RDONLY, "w"), ("stderr", os.O_WRONLY, "w"))
    for number, (name, flags, mode) in enumerate(streams):
        if getattr(sys, name) is None:
            opened = os.open(os.devnull, flags)
            if opened != number:
                os.dup2(opened, number)
                os.close(opened)
            setattr(sys, name, os.fdopen(number, mode, encoding="utf-8", closefd=False))


def _flush(code: int) -> int:
    """Write out what standard output still holds; return the exit code that results."""
    try:
        sys.stdout.flush()
        if code != 141:
            return code
    except BrokenPipeError:
        code = 141
    except OSError as error:
        code = code or _unexpected(error, debug=False)
    # What is left in the buffer has no taker; the interpreter would complain about it at exit.
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    return code


def _run(arguments: list[str]) -> int:
    debug = "--debug" in arguments
    from dedup.errors import DedupError

    try:
        from dedup.cli.app import app

        app(arguments, standalone_mode=False, prog_name="dedup")
    except (KeyboardInterrupt, Stopped) as stop:
        number = stop.args[0] if stop.args else signal.SIGINT
        return _say("terminated" if number == signal.SIGTERM else "interrupted", 128 + number)
    except BrokenPipeError:
        return 141
    except SystemExit as end:
        # The parser's library turns a closed pipe into an exit of its own.
        return 141 if isinstance(end.__context__, BrokenPipeError) else int(end.code or 0)
    except DedupError as error:
        if debug:
            raise
        return _say(f"error[{error.code}]: {error}", error.exit_code)
    except MemoryError:
        return _say("error[system]: out of memory; lower --memory or --workers", 4)
    except Exception as error:
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


def _on_signal(number: int, _frame: FrameType | None) -> None:
    raise Stopped(number)

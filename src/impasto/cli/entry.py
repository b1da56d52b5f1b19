"""The entry point: calls the command, tells every failure in one line, and returns the exit code."""

import os
import sys
import traceback
from collections.abc import Sequence
from contextlib import suppress

from cyclopts import CycloptsError, UnusedCliTokensError

from impasto.cli.app import make_app
from impasto.cli.console import STDIO, warn
from impasto.cli.signals import sigterm_as_interrupt
from impasto.errors import ImpastoError, InputError

DONE, FAILED, USAGE, STOPPED = 0, 1, 2, 130
"""Exit codes."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit code: 0 done, 1 failed, 2 usage or input, 130 stopped by the person.

    `argv` are the words after the program's name; None: those this process was started with. Never raises, but for
    SystemExit.
    """
    words = sys.argv[1:] if argv is None else argv
    # A lone `-` would be taken for an option.
    words = [STDIO if word == "-" else word for word in words]
    try:
        with sigterm_as_interrupt():
            code = make_app()(words, exit_on_error=False, print_error=False)
            sys.stdout.flush()
        return DONE if code is None else int(code)
    except BrokenPipeError:
        _forget_stdout()
        return FAILED
    except KeyboardInterrupt:
        warn("stopped; nothing was saved")
        if argv is None:
            # A picture may still be painted by a thread, whose libraries do not bear being taken down under it.
            sys.stdout.flush()
            os._exit(STOPPED)
        return STOPPED
    except Exception as error:
        return _explain(error)


def _explain(error: Exception) -> int:
    """Tell what went wrong and return the exit code."""
    if isinstance(error, (InputError, CycloptsError)) or _is_pydantic(error):
        warn(_text(error))
        return USAGE
    if isinstance(error, ImpastoError):
        warn(str(error))
    elif is_out_of_memory(error):
        warn("there is not enough memory to paint this: choose a smaller --size (or --precision bf16)")
    elif isinstance(error, OSError):
        warn(f"{error.strerror or error}{f': {error.filename}' if error.filename else ''}")
    else:
        warn("this is a bug in impasto; please report it with what follows")
        traceback.print_exception(error)
        return FAILED
    for note in getattr(error, "__notes__", ()):
        warn(note)
    return FAILED


def _text(error: Exception) -> str:
    if _is_pydantic(error):
        from impasto.recipe import describe

        return describe(error)  # type: ignore[arg-type]
    if isinstance(error, UnusedCliTokensError):
        return f"there is a word too many: {' '.join(error.unused_tokens or ())}; --help shows what is expected"
    return str(error)


def _is_pydantic(error: Exception) -> bool:
    from pydantic import ValidationError

    return isinstance(error, ValidationError)


def is_out_of_memory(error: Exception) -> bool:
    """Tell whether it is the way of Python, NumPy or torch to say that memory has run out."""
    on_processor = isinstance(error, RuntimeError) and "DefaultCPUAllocator" in str(error)
    return isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError" or on_processor


def _forget_stdout() -> None:
    """Whoever read standard output has gone; keep Python from complaining about it at its end."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())

"""Output streams (results on standard output, everything else on standard error), signals and exit codes."""

import gc
import json
import os
import re
import signal
import sys
import threading
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import Any, Final

from impasto.errors import InputError, reason_of
from impasto.filesystem import WeakerPromise
from impasto.shell import CONTROLS

DONE, FAILED, USAGE, PARTLY_FAILED, STOPPED = 0, 1, 2, 3, 130
"""Exit codes."""

HELP_FLAGS: Final = ("--help", "-h", "--help-all")

FIRST_SETTINGS: Final = "Start with these"
"""The heading of the help above those settings of a recipe that are shown first."""

STDIO: Final = "\0-"
"""Replaces a lone `-` before parsing, because the parser reads that as an option. No argument contains a null."""

_LONGEST_LINE: Final = 4000
_UNSAFE: Final = re.compile(f"[{CONTROLS}]")  # compiled now: what is said when memory is short must need none
_STOP_SIGNALS: Final = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]


def is_stdio(word: str) -> bool:
    """Return True if a word of the command line means standard input or output."""
    return word in (STDIO, "-")


def check_stdin_used_once(*words: str | None) -> None:
    """Raise InputError if more than one of the words is `-`."""
    if sum(is_stdio(word or "") for word in words) > 1:
        raise InputError("only one picture can come from standard input")


def warn_of_files_like(styles: Iterable[str]) -> None:
    """Say that a word means a built-in style although there is a file or folder of that name."""
    from impasto.images import is_plate

    for style in styles:
        if is_plate(style) and os.path.lexists(style):
            warn(f"{style} is the built-in style; a file of that name is written ./{style}")


def read_source(word: str) -> str | bytes:
    """Return a path unchanged; for `-` return the bytes from standard input."""
    if not is_stdio(word):
        return word
    try:
        data = sys.stdin.buffer.read()
    except OSError as error:
        raise InputError(f"cannot read standard input: {reason_of(error)}") from None
    if not data:
        raise InputError("standard input is empty: a picture is expected there for `-`")
    return data


def write_line(text: str) -> None:
    """Write a line to standard output."""
    sys.stdout.write(f"{printable(text, sys.stdout.encoding)}\n")
    sys.stdout.flush()


def write_path(path: Path) -> None:
    """Write a path to standard output: for programs the bytes of the name, for people what a terminal can show."""
    if sys.stdout.isatty():
        write_line(str(path))
    else:
        write_bytes(os.fsencode(path) + b"\n")


def write_json(value: Any) -> None:
    """Write one JSON object in ASCII to standard output, whatever the encoding of the terminal."""
    # JSON leaves one control character of ASCII as it is.
    write_bytes(json.dumps(value).replace("\x7f", "\\u007f").encode() + b"\n")


def write_facts(facts: Mapping[str, Any], indent: str = "") -> None:
    """Write named values to standard output, one per line; nested mappings are indented, empty values left out."""
    stated = {name: value for name, value in facts.items() if value not in ("", [], {}, None)}
    width = max(map(len, stated), default=0)
    for name, value in stated.items():
        tables = [item for item in (value if isinstance(value, list) else [value]) if isinstance(item, Mapping)]
        for table in tables:
            write_line(f"{indent}{name}")
            write_facts(table, f"{indent}  ")
        if not tables:
            items = value if isinstance(value, list) else [value]
            text = ", ".join(f"{item:.6g}" if isinstance(item, float) else str(item) for item in items)
            write_line(f"{indent}{name:{width}}  {text}")


def write_bytes(data: bytes) -> None:
    """Write the bytes of a file to standard output."""
    sys.stdout.flush()
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()


def warn(text: str) -> None:
    """Write a text as one line to standard error; a closed stream is ignored, so that no message ends a run."""
    text = text.replace(STDIO, "-").replace(ascii(STDIO).strip("'"), "-")
    # Spaces inside a line may belong to a name.
    line = " ".join(filter(None, map(str.strip, text.splitlines())))[:_LONGEST_LINE]
    write_error(f"impasto: {line}")


def write_error(line: str) -> None:
    """Write a line to standard error, if anybody listens."""
    with suppress(OSError, ValueError):
        sys.stderr.write(f"{printable(line, sys.stderr.encoding)}\n")
        sys.stderr.flush()


@contextmanager
def weaker_promises_shown() -> Iterator[None]:
    """Write what a file system cannot promise to standard error, each in one line, once."""
    shown = set()
    usual = warnings.showwarning

    def show(message: Any, category: type[Warning], *place: Any, **more: Any) -> None:
        if not issubclass(category, WeakerPromise):
            usual(message, category, *place, **more)
        elif str(message) not in shown:
            shown.add(str(message))
            warn(str(message))

    with warnings.catch_warnings():
        warnings.simplefilter("always", WeakerPromise)
        warnings.showwarning = show
        yield


def open_closed_streams() -> None:
    """Put something that refuses every byte where the parent process has closed a standard stream (`2>&-`).

    Otherwise the first file that the program opens would take the number, and receive what libraries write there.
    """
    for name, mode, refusing in (
        ("stdin", "r", os.O_WRONLY),
        ("stdout", "w", os.O_RDONLY),
        ("stderr", "w", os.O_RDONLY),
    ):
        if getattr(sys, name) is None:
            # The system gives the lowest number that is free.
            setattr(sys, name, os.fdopen(os.open(os.devnull, refusing), mode, encoding="utf-8"))


def end_process(code: int) -> None:
    """End the process with an exit code, without the third of a second in which Python would dismantle torch."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            stream.flush()
    os._exit(code)


@contextmanager
def loading_modules() -> Iterator[None]:
    """Do not look for garbage among the objects of modules that are loaded, now or later: there is none.

    It takes a tenth of the time of importing torch.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


def printable(text: str, encoding: str | None = None) -> str:
    """Escape control characters, which a stranger's file may hold, and what the stream cannot encode."""
    encoding = encoding or "utf-8"
    text = _UNSAFE.sub(lambda found: ascii(found[0])[1:-1], text)
    return text.encode(encoding, "backslashreplace").decode(encoding)


def _must_wait(frame: FrameType | None) -> bool:
    """Return True where an exception would not arrive: in what libvips calls to log, and while torch is loaded.

    It is lost in the first, and ends the process in the second if it passes a constructor in C++.
    """
    while frame is not None:
        is_torch = str(frame.f_globals.get("__name__")).partition(".")[0] == "torch"
        if frame.f_code.co_name == "_log_handler_callback" or (is_torch and frame.f_code.co_name == "<module>"):
            return True
        frame = frame.f_back
    return False


@contextmanager
def stop_signals(first: Callable[[], None] | None = None) -> Iterator[None]:
    """Raise KeyboardInterrupt on Ctrl-C, SIGTERM and SIGHUP; the first signal calls `first` instead, if given."""
    pending = [] if first is None else [first]

    def handle(number: int, frame: FrameType | None) -> None:
        if not pending and _must_wait(frame):
            threading.Timer(0.01, os.kill, (os.getpid(), number)).start()
            return
        if not pending:
            raise KeyboardInterrupt
        pending.pop()()

    # Only the main thread may set handlers, and only it is interrupted. A signal that the parent process lets be
    # ignored (`nohup`, `&` in a script) stays ignored.
    is_main = threading.current_thread() is threading.main_thread()
    handled = [number for number in _STOP_SIGNALS if is_main and signal.getsignal(number) is not signal.SIG_IGN]
    before = {number: signal.signal(number, handle) for number in handled}
    try:
        yield
    finally:
        for number, former in before.items():
            signal.signal(number, former)

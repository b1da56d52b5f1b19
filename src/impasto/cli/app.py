"""The commands, `main`, and the messages of errors.

A command's module is imported when the command is called, so that `--help` loads neither torch nor numpy.
"""

import os
import re
import sys
import traceback
from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Final

from cyclopts import App, CycloptsError, UnknownOptionError, UnusedCliTokensError
from cyclopts.help import DefaultFormatter, HelpPanel

import impasto
from impasto.cli.console import DONE, FAILED, STDIO, STOPPED, USAGE, discard_stdout, printable, stop_signals, warn
from impasto.errors import ImpastoError, InputError, RunError

COMMANDS: Final[dict[str, tuple[str, str]]] = {
    "stylize": ("stylize:stylize", "Paint a photo in the style of a picture; the word `stylize` may be left out."),
    "demo": ("stylize:demo", "Paint a built-in photo in a built-in style."),
    "recolor": ("pictures:recolor", "Give a photo the colors of a picture, without strokes."),
    "mask": ("pictures:mask", "Find the main subject of a photo and write a mask of it."),
    "plates": ("builtin:plates", "List the built-in styles; export them as files."),
    "presets": ("builtin:presets", "List the presets; print one as a recipe (TOML)."),
    "info": ("info:info", "Show how a picture was painted; without a file, show device, weights and layers."),
    "score": ("pictures:score", "Measure a finished picture: content kept, style taken, faults."),
    "studio": ("studio:studio", "Open a page in the browser: paint, watch, compare."),
    "resume": ("runs:resume", "Continue a run that was kept with --run."),
    "runs": ("runs:runs", "List the runs that were kept with --run."),
    "weights": ("builtin:weights", "List the weights that are available; download the full-precision ones."),
    "study": ("study:study", "Repeat an experiment and write a report: the paper's figures, long runs, any grid."),
}
"""Module and function of each command, and its help text."""

_HELP_ALL: Final = "--help-all"
_USAGE: Final = """Usage: impasto PHOTO STYLE... [OPTIONS]     (options: impasto stylize --help)
       impasto COMMAND [ARGUMENTS]"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit code: 0 done, 1 failed, 2 usage or input error, 130 stopped.

    Args:
        argv: The words after the program's name; None takes those of this process.
    """
    # The parser would read a lone `-` as an option.
    words = [STDIO if word == "-" else word for word in (sys.argv[1:] if argv is None else argv)]
    try:
        with stop_signals():
            app = _make_app(shows_all=_HELP_ALL in words)
            code = app(_with_command(words, set(app)), exit_on_error=False, print_error=False)
            sys.stdout.flush()
        return DONE if code is None else int(code)
    except BrokenPipeError:
        discard_stdout()
        return FAILED
    except KeyboardInterrupt:
        warn("stopped; nothing was saved")
        if argv is None:
            # A thread may still be painting: torch can crash if the interpreter ends normally under it.
            os._exit(STOPPED)
        return STOPPED
    except Exception as error:
        return _explain(error)


def _make_app(*, shows_all: bool) -> App:
    """Return the program; with `shows_all` the help lists every setting of a recipe, not only the common ones."""
    app = App(
        name="impasto",
        usage=_USAGE,
        help="Paint a photograph in the style of any picture, by optimizing its pixels.",
        version=lambda: f"impasto {impasto.__version__}",
        help_flags=("--help", "-h", _HELP_ALL),
        # The texts contain `backticks` and [brackets], and the Markdown parser would double the time of --help.
        help_format="plaintext",
        help_formatter=None if shows_all else _CommonSettings(),
        result_action="return_value",
        suppress_keyboard_interrupt=False,
    )
    for order, (name, (place, purpose)) in enumerate(COMMANDS.items()):
        app.command(f"impasto.cli.{place}", name=name, help=purpose, sort_key=order)
    app.register_install_completion_command(help="Let the shell complete commands and options.")
    return app


class _CommonSettings(DefaultFormatter):
    """Leaves out the settings of a recipe that are not common."""

    def __call__(self, console: Any, options: Any, panel: HelpPanel) -> None:
        from impasto.recipe import FIELDS, flag_of

        rare = {flag_of(name) for name, field in FIELDS.items() if field.group == panel.title and not field.common}
        entries = [entry for entry in panel.entries if not rare & set(entry.names)]
        if entries:
            super().__call__(console, options, panel.copy(entries=entries))


def _with_command(words: list[str], commands: set[str]) -> list[str]:
    """Put `stylize` before words that do not begin with a command.

    A command's name always means the command: a photo of that name is written with its folder (`./demo`).
    """
    if not words or (words[0] in commands and words[0] != _HELP_ALL):
        return words
    name = words[0]
    if re.fullmatch(r"[a-z][a-z-]*", name) and not Path(name).exists():
        similar = get_close_matches(name, COMMANDS, n=1)
        hint = f"did you mean {similar[0]}? " if similar else ""
        raise InputError(f"{name} is neither a command nor a file: {hint}`impasto --help` lists the commands")
    return ["stylize", *words]


def _explain(error: Exception) -> int:
    """Write what went wrong to standard error and return the exit code."""
    if isinstance(error, (InputError, CycloptsError)) and not isinstance(error, RunError):
        warn(_describe_usage(error))
        return USAGE
    if isinstance(error, ImpastoError):
        warn(str(error))
    elif _is_out_of_memory(error):
        warn("there is not enough memory to paint this: choose a smaller --size (or --precision bf16)")
    elif isinstance(error, OSError):
        discard_stdout()  # what could not be written there would be tried again at exit
        warn(f"{error.strerror or error}{f': {error.filename}' if error.filename else ''}")
    else:
        warn("this is a bug in impasto; please report it with what follows")
        for line in "".join(traceback.format_exception(error)).splitlines():
            sys.stderr.write(f"{printable(line, sys.stderr.encoding)}\n")
        return FAILED
    for note in getattr(error, "__notes__", ()):
        warn(note)
    return FAILED


def _describe_usage(error: InputError | CycloptsError) -> str:
    if isinstance(error, UnknownOptionError):
        from impasto.recipe import RENAMED, flag_of

        renamed = {flag_of(old): flag_of(new) for old, new in RENAMED.items()}
        flag = (error.token.keyword or error.token.value).partition("=")[0]
        if flag in renamed:
            return f"{flag} is called {renamed[flag]} now"
    if isinstance(error, UnusedCliTokensError):
        return f"unexpected words: {' '.join(error.unused_tokens or ())}; --help shows what is expected"
    return str(error)


def _is_out_of_memory(error: Exception) -> bool:
    """Return True if Python, NumPy or torch ran out of memory."""
    is_torch_cpu = isinstance(error, RuntimeError) and "DefaultCPUAllocator" in str(error)
    return isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError" or is_torch_cpu

"""The commands, `main`, and the messages of errors.

A command's module is imported when the command is called, so that `--help` loads neither torch nor numpy.
"""

import atexit
import os
import re
import sys
import traceback
from collections.abc import Sequence
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

from cyclopts import App, CycloptsError, Parameter
from cyclopts.help import DefaultFormatter, HelpEntry, HelpPanel

import impasto
from impasto.cli.completion import CompletedApp
from impasto.cli.console import (
    DONE,
    FAILED,
    FIRST_SETTINGS,
    HELP_FLAGS,
    STDIO,
    STOPPED,
    USAGE,
    end_process,
    open_closed_streams,
    stop_signals,
    warn,
    weaker_promises_shown,
    write_error,
)
from impasto.errors import ImpastoError, InputError, RunError, did_you_mean, is_out_of_memory, reason_of, similar

COMMANDS: Final[dict[str, tuple[str, str]]] = {
    "stylize": ("stylize:stylize", "Paint a photo in the style of a picture; the word `stylize` may be left out."),
    "batch": ("batch:batch", "Paint many photos: folders, patterns, or pairs from a CSV file."),
    "video": ("video:video", "Paint a film: a video, an animation, or numbered pictures."),
    "estimate": ("estimate:estimate", "Say how long a picture takes and how much memory, without painting it."),
    "preview": ("preview:preview", "Paint a photo in many styles in seconds, on one sheet."),
    "learn": ("learn:learn", "Learn a style in minutes, for a network that paints in an instant."),
    "demo": ("stylize:demo", "Paint a built-in photo in a built-in style."),
    "recolor": ("pictures:recolor", "Give a photo the colors of a picture, without strokes."),
    "mask": ("pictures:mask", "Find the main subject of a photo and write a mask of it."),
    "plates": ("builtin:plates", "List the built-in styles; export them as files."),
    "presets": ("builtin:presets", "List the presets; print one as a recipe (TOML)."),
    "info": ("info:info", "Show how a picture was painted; without a file, show device, weights and layers."),
    "score": ("pictures:score", "Measure a finished picture: content kept, style taken, faults."),
    "studio": ("studio:studio", "Open a page in the browser: paint, watch, compare."),
    "resume": ("runs:resume", "Continue a run that was kept with --run, or a film."),
    "runs": ("runs:runs", "List the runs that were kept with --run."),
    "weights": ("builtin:weights", "List the weights that are available; download the full-precision ones."),
    "doctor": ("doctor:doctor", "Examine this installation: versions, devices, memory, weights, and what is wrong."),
    "sweep": ("study:sweep", "Paint every combination of values of any settings, and write a report."),
    "study": ("study:study", "Repeat an experiment and write a report: the paper's figures, long runs, any grid."),
}
"""Module and function of each command, and its help text."""

_COMMANDS_ELSEWHERE: Final = {
    word: command
    for command, words in {
        "stylize": "paint transfer apply render",
        "plates": "styles list ls list-styles gallery",
        "video": "film movie animate clip",
        "learn": "train tune fit finetune",
        "plates export": "export",
        "studio": "gui ui web webui app serve server",
        "info": "show inspect",
        "doctor": "check diagnose health selftest troubleshoot",
        "runs": "status",
        "resume": "continue",
        "--version": "version",
    }.items()
    for word in words.split()
}
"""What the commands may be called in other programs."""
_HELP_ALL: Final = HELP_FLAGS[-1]
_METAVARS: Final = {"INT": "N", "FLOAT": "N", "STR": "TEXT", "STR...": "TEXT", "PATH": "FOLDER"}
"""What stands in the help for types that have no word of their own."""
_LONG_DASHES: Final = "\u2010\u2011\u2012\u2013\u2014\u2015\u2212"
_NARROWEST: Final = 40
_WIDEST: Final = 1000
"""Columns of the help in a terminal that is narrower or wider, or of which nothing is known."""
_COMPLETES: Final = ("--install-completion", "__complete")
"""The commands that make the script of a shell, and that the script calls."""
_USAGE: Final = """Usage: impasto PHOTO STYLE... [OPTIONS]     (options: impasto stylize --help)
       impasto COMMAND [ARGUMENTS]"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit code: 0 done, 1 failed, 2 unusable input, 3 partly failed, 130 stopped.

    Args:
        argv: The words after the program's name; None takes those of this process, which then ends with this code.
    """
    code: int | None = None
    if argv is None:
        # Of the functions that are called at exit, the first that is registered is the last that is called.
        atexit.register(lambda: None if code is None else end_process(code))
    open_closed_streams()
    # The parser would read a lone `-` as an option.
    words = [STDIO if word == "-" else _expanded(word) for word in (sys.argv[1:] if argv is None else argv)]
    if words[:1] == ["help"]:
        words = [*words[1:], "--help"]
    code = _run(words, is_process=argv is None)
    return code


def _run(words: list[str], *, is_process: bool) -> int:
    """Run a command and return the exit code."""
    try:
        with stop_signals(), weaker_promises_shown():
            _check_folder()
            if not words or words[0] not in _COMPLETES:
                _check_words(words)
                _check_dashes(words)
            app = _make_app(words)
            code = app(_with_command(words, set(app)), exit_on_error=False, print_error=False)
            sys.stdout.flush()
        return DONE if code is None else int(code)
    except BrokenPipeError:
        return FAILED
    except KeyboardInterrupt:
        warn("stopped; nothing was saved")
        if is_process:
            # A thread may still be painting: torch can crash if the interpreter ends normally under it.
            os._exit(STOPPED)
        return STOPPED
    except Exception as error:
        return _explain(error, words)


def _make_app(words: Sequence[str]) -> App:
    """Return the program, with the help that the words of the command line ask for."""
    app = CompletedApp(
        name="impasto",
        usage=_USAGE,
        help="Paint a photograph in the style of any picture, by optimizing its pixels.",
        version=lambda: f"impasto {impasto.__version__}",
        help_flags=HELP_FLAGS,
        # The texts contain `backticks` and [brackets], and the Markdown parser would double the time of --help.
        help_format="plaintext",
        help_formatter=_SettingsHelp(words),
        result_action="return_value",
        console=_help_console(),
        default_parameter=Parameter(validator=_check_is_no_stream),
        suppress_keyboard_interrupt=False,
    )
    for order, (name, (place, purpose)) in enumerate(COMMANDS.items()):
        # The parser would call the styles [ARGS...].
        usage = {"usage": "Usage: impasto stylize PHOTO STYLE... [OPTIONS]"} if name == "stylize" else {}
        app.command(f"impasto.cli.{place}", name=name, help=purpose, sort_key=order, **usage)
    app.register_install_completion_command(help="Let the shell complete commands, options, styles and files.")
    if words[:1] and words[0] in _COMPLETES:
        from impasto.cli.stylize import stylize

        app.default(stylize)
    return app


def _check_is_no_stream(_: object, value: object) -> None:
    """Raise ValueError for `-` as a folder or a recipe; words that may be standard input or output are texts."""
    if value == Path(STDIO):
        raise ValueError("- is standard input or output, which cannot be used there: name a file or folder")


def _help_console() -> Any:
    """Return a console of rich of a width for which cyclopts can set the help, unlike 0, 1 or 10^9 columns."""
    from rich.console import Console

    console = Console()
    console.width = min(max(console.width, _NARROWEST), _WIDEST)
    return console


class _SettingsHelp(DefaultFormatter):
    """Shows the defaults of the preset that the command line names; without --help-all the common settings only."""

    def __init__(self, words: Sequence[str]) -> None:
        super().__init__()
        self._shows_all = _HELP_ALL in words
        stated = [word.removeprefix("--preset=") for word in words if word.startswith("--preset=")]
        self._preset = [*stated, *(after for word, after in pairwise(words) if word == "--preset"), None][0]

    def __call__(self, console: Any, options: Any, panel: HelpPanel) -> None:
        entries = [
            self._shown(entry, panel) for entry in panel.entries if self._shows_all or not self._is_rare(entry, panel)
        ]
        if entries:
            super().__call__(console, options, panel.copy(entries=entries))

    def _is_rare(self, entry: HelpEntry, panel: HelpPanel) -> bool:
        from impasto.recipe import FIELDS, flag_of

        fields = (field for name, field in FIELDS.items() if flag_of(name) in entry.names)
        return any(field.group == panel.title and not field.common for field in fields)

    def _shown(self, entry: HelpEntry, panel: HelpPanel) -> HelpEntry:
        """Return an entry without the names of Python's types; a setting of a recipe with the default of the preset."""
        from impasto.recipe import FIELDS, as_text, flag_of, resolve

        entry = entry.copy(metavar=_METAVARS.get(entry.metavar or "", entry.metavar))
        if entry.default is not None:
            entry = entry.copy(default=entry.default.removesuffix(".0"))
        name = next((name for name in FIELDS if flag_of(name) in entry.names), None)
        # Other commands have options of the same name, with defaults of their own.
        if name is None or entry.default is None or panel.title not in (FIRST_SETTINGS, FIELDS[name].group):
            return entry
        value = resolve(self._preset).get(name)
        if isinstance(value, bool):
            return entry.copy(default="on" if value else "off")
        return entry.copy(default=as_text(value))


def _with_command(words: list[str], commands: set[str]) -> list[str]:
    """Put `stylize` before words that do not begin with a command.

    A command's name always means the command: a photo of that name is written with its folder (`./demo`).
    """
    if not words or (words[0] in commands and words[0] != _HELP_ALL) or words[0] in _COMPLETES:
        return words
    name = words[0]
    if re.fullmatch(r"[a-z][a-z-]*", name) and not Path(name).exists():
        from impasto.images import is_plate, similar_file
        from impasto.recipe import FIELDS, flag_of, similar_name

        if is_plate(name):
            raise InputError(f"{name} is a built-in style, and the photo comes first: `impasto photo.jpg {name}`")
        command = _COMMANDS_ELSEWHERE.get(name) or ("" if name in FIELDS else similar(name, COMMANDS))
        setting, _, value = similar_name(name, FIELDS).partition("=")
        option = f"{flag_of(setting)} {value}".strip() if setting else ""
        meant = f"`impasto {command}`" if command else similar_file(name) or option
        hint = f"{did_you_mean(meant)} `impasto --help` lists the commands".lstrip()
        raise InputError(f"{name} is neither a command nor a file: {hint}")
    return ["stylize", *words]


def _expanded(word: str) -> str:
    """Return a word with the home folder for `~` after `=` or `@`, where shells leave it: `sky.png=~/night.jpg`."""
    return re.sub(r"(?<=[=@])~[^/=@]*(?=/)", lambda found: os.path.expanduser(found[0]), word)


def _check_folder() -> None:
    """Raise InputError if the current folder is gone, from which libraries load files with messages of their own."""
    try:
        os.getcwd()
    except OSError as error:
        raise InputError(f"the current folder cannot be used ({reason_of(error)}): go to another one") from None


def _check_words(words: Sequence[str]) -> None:
    """Raise InputError for an empty word, and for a dash of word processors in front of an option."""
    for before, word in zip(("", *words), words, strict=False):
        if not word or (word.startswith("--") and word.endswith("=")):
            option = word.rstrip("=") or (before if before.startswith("-") else "an argument")
            raise InputError(f"{option} is empty: give it a value, or leave it out")
        if word[0] in _LONG_DASHES and not os.path.lexists(word):
            bare = word.lstrip(_LONG_DASHES + "-")
            raise InputError(f"{word} begins with a long dash: write {'-' if bare[:1].isdigit() else '--'}{bare}")


def _check_dashes(words: Sequence[str]) -> None:
    """Raise InputError for an option of several letters after a single dash, such as `-num_iterations`.

    Only `-o` and `-h` have one dash, and what follows `-o` is a file with an extension, or `-`.
    """
    name = next((word.partition("=")[0] for word in words if re.match(r"-[A-Za-z]\w+(=|$)", word)), None)
    if name is not None:
        from impasto.cli.usage import describe_unknown
        from impasto.recipe import FIELDS

        raise InputError(describe_unknown(name, {*FIELDS, "out", "preset", "recipe", "quiet"}, ("stylize",)))


def _switches(words: list[str]) -> set[str]:
    """Return the options of the command that take no value; none if there is no such command."""
    with suppress(InputError, CycloptsError, ValueError):  # a group of commands has no options
        app = _make_app(words)
        _, apps, _ = app.parse_commands(_with_command(words, set(app)))
        return {name for one in apps[-1].assemble_argument_collection() if one.hint is bool for name in one.names}
    return set()


def _explain(error: Exception, words: list[str]) -> int:
    """Write what went wrong to standard error and return the exit code."""
    if isinstance(error, (InputError, CycloptsError)) and not isinstance(error, RunError):
        from impasto.cli.usage import describe_usage

        warn(describe_usage(error, words, _switches(words)))
        return USAGE
    if isinstance(error, ImpastoError):
        warn(str(error))
    elif is_out_of_memory(error):
        warn("there is not enough memory for this: choose a smaller --size, or close other programs")
    elif isinstance(error, OSError):
        warn(f"{error.strerror or error}{f': {error.filename}' if error.filename else ''}")
    else:
        warn("this is a bug in impasto; please report it with what follows")
        for line in "".join(traceback.format_exception(error)).splitlines():
            write_error(line)
        return FAILED
    for note in getattr(error, "__notes__", ()):
        warn(note)
    return FAILED

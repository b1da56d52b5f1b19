"""What is said about a command line that is not understood: one line, in plain words, with what is probably meant."""

import inspect
import re
from collections.abc import Callable, Collection, Sequence
from itertools import dropwhile, pairwise
from typing import Any, Final, Literal, get_args, get_origin

from cyclopts import (
    CoercionError,
    CycloptsError,
    MissingArgumentError,
    UnknownCommandError,
    UnknownOptionError,
    UnusedCliTokensError,
)
from cyclopts.exceptions import RepeatArgumentError

from impasto.cli.console import is_stdio
from impasto.errors import InputError, did_you_mean, similar
from impasto.recipe import FIELDS, RENAMED, SettingError, accepted, by_name, flag_of, one_of_these, similar_name
from impasto.shell import join

_OPTIONS_ELSEWHERE: Final = by_name(
    {
        "out": "output output_image output_path output_dir output_file out_file outfile save save_path dest result",
        "style": "plate",
        "quiet": "silent no_verbose no_progress",
        "recipe": "config settings config_file",
        "preset": "quality_preset profile mode",
        "run": "run_dir checkpoint_dir checkpoint_path log_dir",
        "help": "usage h",
        "help_all": "help_full full_help",
        "version": "v ver",
    }
)
_PICTURES_ELSEWHERE: Final = by_name(
    {
        "photo": "content content_image content_img content_path photo image i input input_image input_path source",
        "style": "style style_image style_images style_img style_path styles reference reference_image",
    }
)
"""Options of other programs for the pictures, which impasto takes without an option."""

_EXAMPLES: Final = {
    "photo": ("a photo", "photo.jpg"),
    "style": ("a style", "night"),
    "styles": ("a style", "night"),
    "result": ("a finished picture", "photo_night.png"),
    "content": ("the photo it was painted from", "photo.jpg"),
    "folder": ("a folder", "my-folder"),
    "photos": ("photos", "."),
    "out": ("a folder for the pictures", "painted"),
}
"""What the arguments of commands are, and an example of each."""


class MissingWordsError(InputError):
    """A command lacks arguments that are needed only together with others, so that the parser does not miss them.

    Args:
        command: The command.
        names: The arguments.
        misplaced: Styles that are named as if they were photos.
    """

    def __init__(self, command: str, names: Sequence[str], misplaced: Collection[str] = ()) -> None:
        super().__init__(f"{command} needs {', '.join(names)}")
        self.command, self.names, self.misplaced = command, names, misplaced


def describe_usage(error: InputError | CycloptsError, words: Sequence[str], switches: Collection[str] = ()) -> str:
    """Return in one line what is wrong with the words of a command line.

    Args:
        error: What was noticed.
        words: The words.
        switches: The options of the command that take no value.
    """
    text = _describe(error, words)
    values = (
        (before, word) for before, word in pairwise(words) if before in switches and re.fullmatch(r"[\w.]+", word)
    )
    # What follows a switch was taken for a file.
    switch = next((before for before, word in values if re.search(rf"(?<![\w.]){re.escape(word)}(?!\w)", text)), "")
    return f"{switch} takes no value; {text}" if switch and "did you mean" not in text else text


def _describe(error: InputError | CycloptsError, words: Sequence[str]) -> str:
    if isinstance(error, MissingWordsError):
        given = [part for word in words for part in (("--style", word) if word in error.misplaced else (word,))]
        arguments = [(name, name in ("style", "out")) for name in error.names]
        return _describe_needed((error.command,), arguments, given)
    if isinstance(error, SettingError):
        flags = {name: flag_of(name) for name in re.findall(r"\w+_\w+", error.wrong) if name in FIELDS}
        if {word.partition("=")[0] for word in words} & {flag_of(error.name), *flags.values()}:
            wrong = re.sub(r"\w+_\w+", lambda found: flags.get(found[0], found[0]), error.wrong)
            return flag_of(error.name) + wrong
    if isinstance(error, InputError):
        return str(error)
    if isinstance(error, MissingArgumentError) and error.keyword is None:
        return _describe_needed(tuple(error.command_chain or ()), _missing_arguments(error, words), words)
    describe = _DESCRIPTIONS.get(type(error))
    if describe is not None:
        return describe(error, tuple(error.command_chain or ()))
    error.verbose = False
    return str(error)


def describe_unknown(name: str, known: Collection[str], command: tuple[str, ...]) -> str:
    """Return what is said about an option that a command does not have; `known` are those that it has."""
    wanted = _setting(name).lower()
    if wanted in RENAMED:
        return f"{name} is called {flag_of(RENAMED[wanted])} now"
    if wanted in _PICTURES_ELSEWHERE and wanted not in known:
        return f"there is no option {name}: pictures are given without an option, as in `impasto photo.jpg style.jpg`"
    if wanted in FIELDS and wanted not in known:
        return f"{' '.join(command)} has no option {name}; `impasto stylize` has it"
    meant = similar_name(name, {*known, "help", "help_all"}) or _OPTIONS_ELSEWHERE.get(wanted, "")
    setting, _, value = meant.partition("=")
    if setting in {*known, "help", "help_all", "version"}:
        return f"there is no option {name}: {did_you_mean(f'{flag_of(setting)} {value}'.strip())}"
    return f"there is no option {name}: `{_help(command)}` lists them"


def _describe_option(error: UnknownOptionError, command: tuple[str, ...]) -> str:
    known = {_setting(name) for argument in error.argument_collection for name in argument.names}
    return describe_unknown((error.token.keyword or error.token.value).partition("=")[0], known, command)


def _describe_missing_value(error: MissingArgumentError, _: tuple[str, ...]) -> str:
    """Return what is said about an option without its value."""
    assert error.keyword is not None
    assert error.argument is not None
    setting = FIELDS.get(_setting(error.keyword))
    wanted = accepted(setting.info) if setting is not None else _wanted(error.argument.hint)
    return f"{error.keyword} needs a value: {wanted or error.argument.parameter.metavar or 'a text'}"


def _missing_arguments(error: MissingArgumentError, words: Collection[str]) -> list[tuple[str, bool]]:
    """Return the arguments that are missing, and whether each is an option."""
    parameters = inspect.signature(error.target).parameters.values() if error.target else ()
    needed = [p for p in parameters if p.default is p.empty and (p.kind != p.VAR_POSITIONAL or p.name == "styles")]
    first = error.argument.field_info.name if error.argument is not None else ""
    # The parser names the first one that is missing: words stand for arguments in their order.
    missing = dropwhile(lambda parameter: parameter.name != first, needed)
    stated = {word.partition("=")[0] for word in words}
    arguments = [(parameter.name, parameter.kind is parameter.KEYWORD_ONLY) for parameter in missing]
    return [(name, is_option) for name, is_option in arguments if not (is_option and flag_of(name) in stated)]


def _describe_needed(command: tuple[str, ...], missing: Sequence[tuple[str, bool]], words: Sequence[str]) -> str:
    """Return what a command needs, with what was typed as an example, completed."""
    named = [_EXAMPLES.get(name, (f"a {name}", name.upper())) for name, _ in missing]
    things = [what for what, _ in named]
    flags = [("-o" if name == "out" else flag_of(name),) if is_option else () for name, is_option in missing]
    more = [part for flag, (_, word) in zip(flags, named, strict=True) for part in (*flag, word)]
    listed = " and ".join(filter(None, (", ".join(things[:-1]), *things[-1:])))
    example = join(["impasto", *("-" if is_stdio(word) else word for word in words), *more])
    plates = "; `impasto plates` lists the built-in styles" if {"style", "styles"} & dict(missing).keys() else ""
    wanted = f"needs {listed}" if listed else "takes styles with --style"
    return f"{' '.join(command)} {wanted}, as in `{example}`{plates}"


def _describe_value(error: CoercionError, _: tuple[str, ...]) -> str:
    """Return what is said about a value that an option or argument does not accept."""
    token, argument = error.token, error.argument
    name = (token.keyword if token else None) or (argument.name.lstrip("-").upper() if argument else "a value")
    given = token.value if token else ""
    kind = error.target_type
    choices = [str(choice) for choice in get_args(kind)] if get_origin(kind) is Literal else []
    if kind is bool:
        return f"{name} takes no value"
    wanted = _wanted(kind)
    text = f"{name} takes {wanted}, not {given}" if wanted else f"{name} cannot be {given}"
    return ": ".join(filter(None, (text, did_you_mean(similar(given, choices)))))


def _wanted(kind: Any) -> str:
    """Return in words what a type of an option accepts; empty if that is any text."""
    if get_origin(kind) is Literal:
        return one_of_these([str(choice) for choice in get_args(kind)])
    parts = [_wanted(part) for part in get_args(kind)]
    return {int: "a whole number", float: "a number"}.get(kind, next(filter(None, parts), ""))


def _describe_extra(error: UnusedCliTokensError, command: tuple[str, ...]) -> str:
    words = join("-" if is_stdio(word) else word for word in error.unused_tokens or ())
    return f"{words} is too much here: `{_help(command)}` shows what belongs there"


def _describe_command(error: UnknownCommandError, command: tuple[str, ...]) -> str:
    word = (error.unused_tokens or [""])[0]
    # A file's name is like that of some command, too.
    meant = similar(word, error.app or ()) if word.isalpha() else ""
    hint = f"{did_you_mean(meant)} `{_help(command)}` lists them".lstrip()
    return f"{' '.join(command)} has no command {word}: {hint}"


def _describe_repeated(error: RepeatArgumentError, _: tuple[str, ...]) -> str:
    return f"{error.token.keyword} is given twice: state it once"


_DESCRIPTIONS: Final[dict[type[CycloptsError], Callable[[Any, tuple[str, ...]], str]]] = {
    UnknownOptionError: _describe_option,
    UnusedCliTokensError: _describe_extra,
    MissingArgumentError: _describe_missing_value,
    CoercionError: _describe_value,
    RepeatArgumentError: _describe_repeated,
    UnknownCommandError: _describe_command,
}
"""How each error of the parser is said, given the command."""


def _setting(option: str) -> str:
    """Return the name of a setting for its flag: `regions` for `--region`."""
    name = option.lstrip("-").replace("-", "_")
    return "regions" if name == "region" else name


def _help(command: tuple[str, ...]) -> str:
    return " ".join(["impasto", *command, "--help"])

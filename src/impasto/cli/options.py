"""Options that several commands share: output, messages, and one flag for every setting of a recipe."""

from collections.abc import Iterable, Mapping
from copy import copy
from dataclasses import dataclass
from pathlib import Path
from types import NoneType
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, TypeAlias, get_args, get_origin

from cyclopts import Group, Parameter
from pydantic import BaseModel, SkipValidation, create_model

from impasto.cli.completion import complete_picture, complete_plate, complete_recipe, complete_style
from impasto.cli.console import FIRST_SETTINGS, is_stdio, read_source
from impasto.errors import InputError
from impasto.recipe import (
    FIELDS,
    PRESET_PURPOSES,
    PRESETS,
    Recipe,
    SettingField,
    accepted,
    as_text,
    check_balance,
    checked_record,
    flag_of,
    flat_fields,
    merge_stated,
    read_recipe,
)
from impasto.shell import file_word, option

START: Final = Group(FIRST_SETTINGS, sort_key=-3, help="Any of them may be left out; --help-all lists all options.")
OUTPUT: Final = Group("Output", sort_key=-2)
RECIPE: Final = Group("Recipe", sort_key=-1, help="The options below change single settings.")

PhotoWord: TypeAlias = Annotated[str, Parameter(completer=complete_picture, metavar="FILE")]
StyleWord: TypeAlias = Annotated[str, Parameter(completer=complete_style, metavar="NAME|FILE")]
PlateWord: TypeAlias = Annotated[str, Parameter(completer=complete_plate, metavar="NAME")]
NetworkWord: TypeAlias = Annotated[str, Parameter(metavar="NAME")]

Switch: TypeAlias = Annotated[bool, Parameter(negative="", show_default=False)]
"""A flag without a value that is off by default."""


@Parameter(name="*", group=OUTPUT)
@dataclass(frozen=True, kw_only=True)
class Saving:
    """Where the picture is written, and in what quality."""

    out: Annotated[str | None, Parameter(name=("--out", "-o"), metavar="FILE")] = None
    """File for the result, which replaces an older file of that name; `-` is standard output."""
    bits: Annotated[Literal[8, 16], Parameter(metavar="N")] = 8
    """Bits per channel; 16 for PNG and TIFF."""
    quality: Annotated[int, Parameter(metavar="N")] = 95
    """Quality of JPEG and WebP, 1 to 100."""


@Parameter(name="*", group=OUTPUT)
@dataclass(frozen=True, kw_only=True)
class SavingAgain:
    """Where the picture of a run that goes on is written; what is not stated is as when the run began."""

    out: Annotated[str | None, Parameter(name=("--out", "-o"), metavar="FILE")] = None
    """File for the result, which replaces an older file of that name; `-` is standard output."""
    bits: Annotated[Literal[8, 16] | None, Parameter(metavar="N")] = None
    """Bits per channel; 16 for PNG and TIFF."""
    quality: Annotated[int | None, Parameter(metavar="N")] = None
    """Quality of JPEG and WebP, 1 to 100."""

    def completed(self, bits: Literal[8, 16], quality: int) -> Saving:
        """Return everything, with the bits and the quality of the run where none are stated."""
        return Saving(
            out=self.out,
            bits=bits if self.bits is None else self.bits,
            quality=quality if self.quality is None else self.quality,
        )


@Parameter(name="*", group=OUTPUT)
@dataclass(frozen=True, kw_only=True)
class Reporting:
    """What is written to standard output and standard error."""

    json: Switch = False
    """Print one JSON object instead of the path."""
    quiet: Switch = False
    """Print nothing but the path and errors."""


@Parameter(name="*", group=RECIPE)
@dataclass(frozen=True, kw_only=True)
class RecipeSource:
    """The recipe whose settings the flags change."""

    preset: Annotated[
        str | None,
        Parameter(
            help=" ".join(
                [
                    "The settings to start from, by default those of `default`.",
                    *(f"{name}: {PRESET_PURPOSES[name]}." for name in PRESETS),
                ]
            ),
            completer=lambda _: PRESET_PURPOSES,
            metavar="PRESET",
            group=START,
        ),
    ] = None
    recipe: Annotated[Path | None, Parameter(completer=complete_recipe, metavar="FILE")] = None
    """A recipe file (TOML or JSON); overrides the preset."""
    from_: Annotated[str | None, Parameter(name="--from", completer=complete_picture, metavar="PICTURE")] = None
    """A painted picture whose recipe is used; overrides the preset."""


SAVING: Final = Saving()
SAVING_AGAIN: Final = SavingAgain()
REPORTING: Final = Reporting()
RECIPE_SOURCE: Final = RecipeSource()

_FILE_SETTINGS: Final = ("init", "weights", "regions")
_METAVARS: Final = {
    "style_crop": "X,Y,W,H/...",
    "regions": "MASK=STYLE",
    "init": "NAME|FILE",
    "weights": "NAME|FILE",
    "max_memory": "8GB",
}
_HEADINGS: Final = list(dict.fromkeys(field.group for field in FIELDS.values()))


def _flag(name: str, field: SettingField) -> tuple[Any, Any]:
    """Return type and field of a setting for the parser; the recipe itself converts and checks the words."""
    info = copy(field.info)
    kind = info.annotation
    group = START if field.first else Group(field.group, sort_key=_HEADINGS.index(field.group))
    # The words of a closed choice, and the two forms of a switch, are shown anyway.
    wanted = "" if get_origin(kind) is Literal or kind is bool else accepted(info)
    options: dict[str, Any] = {
        "name": flag_of(name),
        "group": group,
        "help": f"{info.description} [{wanted}]" if wanted else info.description,
        "show_choices": not wanted,
        "metavar": _METAVARS.get(name) or _metavar(kind),
    }
    if name == "regions" or get_origin(kind) in (dict, tuple):
        default = as_text(info.default)
        options |= {
            "n_tokens": 1,
            "negative": "",
            # A negative number is a value, not an option.
            "allow_leading_hyphen": options["metavar"] == "N,...",
            "show_default": (lambda _: default) if default else False,
        }
        kind = list[str]
    info.metadata = [SkipValidation(), Parameter(**options)]  # type: ignore[type-arg]
    return kind, info


def _metavar(kind: Any) -> str:
    """Return what stands for the value of a setting in the help, such as `N` or `N|photo`."""
    arguments = [part for part in get_args(kind) if part is not NoneType]
    match get_origin(kind):
        case origin if origin is dict:
            return "NAME=WEIGHT,..."
        case origin if origin is tuple:
            return f"{_metavar(arguments[0])},..."
        case origin if origin is Annotated:
            return _metavar(arguments[0])
        case origin if origin is Literal:
            return "NAME" if len(arguments) > 1 else str(arguments[0])
    if arguments:
        return "|".join(map(_metavar, arguments))
    return "N" if kind in (int, float) else "NAME"


if TYPE_CHECKING:
    RecipeFlags: TypeAlias = BaseModel
else:
    RecipeFlags = Parameter(name="*")(
        create_model("RecipeFlags", **{name: _flag(name, field) for name, field in FIELDS.items()})
    )


def stated_settings(
    source: RecipeSource,
    flags: RecipeFlags | None,
    given: Iterable[str] = (),
    *,
    record: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Return the stated settings by flat names: those of a file or a painted picture, overridden by flags.

    The file may come from a stranger: of the files that it names, only those that are `given` as well are opened.
    `record` is that of the painted picture if it has been read.
    """
    if source.recipe is not None and source.from_ is not None:
        raise InputError("--recipe and --from both give a recipe: use one of them")
    settings: dict[str, Any] = {}
    if source.recipe is not None:
        settings = read_recipe(source.recipe)
    elif source.from_ is not None:
        settings = flat_fields((record or read_record(source.from_))["recipe"])
    by_flag = {} if flags is None else {name: getattr(flags, name) for name in flags.model_fields_set}
    check_balance(by_flag)
    named = {name: value for name, value in settings.items() if name in _FILE_SETTINGS and name not in by_flag}
    if named:
        from impasto.api import only_given_files

        settings = settings | only_given_files(named, given)
    return merge_stated({}, settings, by_flag)


def stated_options(source: RecipeSource, flags: RecipeFlags | None, recipe: Recipe) -> list[str]:
    """Return the words of a command line that state a recipe as it was stated."""
    files = {"--preset": source.preset, "--recipe": source.recipe, "--from": source.from_}
    words = [word for flag, value in files.items() if value is not None for word in option(flag, str(value))]
    by_flag = [name for name in FIELDS if flags is not None and name in flags.model_fields_set]
    return [*words, *recipe.flags(by_flag)]


def output_options(*groups: Saving | Reporting, out: str | None = None) -> list[str]:
    """Return the words of a command line for what is not at its default, with a file `out` for the picture."""
    words = [] if out is None else ["-o", "-" if is_stdio(out) else file_word(out)]
    for group in groups:
        for name, value in vars(group).items():
            if name != "out" and value != getattr(type(group), name):
                words += [flag_of(name)] if value is True else option(flag_of(name), str(value))
    return words


def read_record(picture: str) -> dict[str, Any]:
    """Return the record of the run that is embedded in a picture; raises InputError if there is none."""
    from impasto.images import read_metadata

    source = read_source(picture)
    record = read_metadata(source if isinstance(source, bytes) else Path(source))
    if record is None or not isinstance(record.get("recipe"), dict):
        name = "the picture" if is_stdio(picture) else picture
        raise InputError(f"{name} holds no recipe: impasto has not painted it, or another program has removed it")
    return checked_record(record)

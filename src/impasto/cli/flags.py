"""The flags of a recipe, one for every field of `Recipe`, with its type, default and sentence taken from there."""

from copy import copy
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, get_args, get_origin

from cyclopts import Group, Parameter
from pydantic import SkipValidation, create_model

from impasto.cli.console import is_stdio
from impasto.errors import InputError
from impasto.recipe import Recipe, check_balance, read_recipe, resolve
from impasto.recipe.groups import GROUPS
from impasto.recipe.layers import with_stated
from impasto.recipe.writing import flag_of

_SAID_OTHERWISE: Final[dict[str, dict[str, Any]]] = {
    "regions": {"name": flag_of("regions"), "metavar": "MASK=STYLE"},
    "style_crop": {"metavar": "X,Y,W,H/..."},
}
"""Flags that are not called, or not written, as their field alone would have it."""


def _flag(name: str, field: Any) -> tuple[Any, Any]:
    """Return the field as cyclopts is to see it: under its heading, one word a value, checked later."""
    titles = [title for title, names in GROUPS.items() if name in names] or ["Other"]
    group = Group(titles[0], sort_key=[*GROUPS, "Other"].index(titles[0]))
    flag = copy(field)
    # `Recipe` itself checks the values, merged over the preset and the file: then there is one message for each.
    said = _as_one_word(field) | _SAID_OTHERWISE.get(name, {})
    flag.metadata = [*field.metadata, SkipValidation(), Parameter(group=group, **said)]  # type: ignore[type-arg]
    return field.annotation, flag


def _as_one_word(field: Any) -> dict[str, Any]:
    """Let a list be written with commas, as in `--style-crop 10,20,300,200`."""
    items = _item_types(field.annotation)
    if not items:
        return {}
    types = [get_args(item)[0] if get_origin(item) is Annotated else item for item in items]
    kinds = ["..." if kind is ... else getattr(kind, "__name__", "").upper() for kind in types]
    shown = ",".join(map(str, field.default or ()))
    return {
        "n_tokens": 1,
        "negative": "",
        # A number below zero is no option.
        "allow_leading_hyphen": float in types,
        "metavar": ",".join(kinds),
        "show_default": (lambda _: shown) if shown else False,
    }


def _item_types(annotation: Any) -> tuple[Any, ...]:
    """Return the types of a tuple's items, also of one that may be None; nothing for any other type."""
    if get_origin(annotation) is tuple:
        return get_args(annotation)
    return next(filter(None, map(_item_types, get_args(annotation))), ())


if TYPE_CHECKING:
    RecipeFlags = Recipe
else:
    RecipeFlags = Parameter(name="*")(
        create_model("RecipeFlags", **{name: _flag(name, field) for name, field in Recipe.model_fields.items()})
    )


def merge(preset: str | None, recipe: Path | None, painted: str | None, flags: RecipeFlags | None) -> Recipe:
    """Return the recipe that was asked for: preset < file or painted picture < flags.

    Raises InputError in one line for whatever cannot be.
    """
    return resolve(preset, stated(recipe, painted, flags))


def stated(recipe: Path | None, painted: str | None, flags: RecipeFlags | None) -> dict[str, Any]:
    """Return the fields that were stated, by a file or a painted picture, and by flags, which hold over it.

    Raises InputError in one line for whatever cannot be.
    """
    if recipe is not None and painted is not None:
        raise InputError("--recipe and --from both give a recipe: name one of them")
    told: dict[str, Any] = {}
    if recipe is not None:
        told = read_recipe(recipe)
    elif painted is not None:
        told = read_painted(painted)["recipe"]
    said = {} if flags is None else {name: getattr(flags, name) for name in flags.model_fields_set}
    check_balance(said)
    return with_stated({}, told, said)


def read_painted(painted: str) -> dict[str, Any]:
    """Return the record of a run inside a picture; raises InputError if impasto has not painted it."""
    from impasto.cli.console import source
    from impasto.images import read_metadata

    given = source(painted)
    record = read_metadata(given if isinstance(given, bytes) else Path(given))
    if record is None or not isinstance(record.get("recipe"), dict):
        name = "the picture" if is_stdio(painted) else painted
        raise InputError(f"{name} holds no recipe: impasto has not painted it, or another program has removed it")
    return record

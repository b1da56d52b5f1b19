"""Resolving a recipe from a preset and the settings stated in files, flags and keyword arguments."""

from codecs import BOM_UTF16_BE, BOM_UTF16_LE
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from impasto.errors import InputError, did_you_mean, reason_of
from impasto.recipe.accepted import as_choice
from impasto.recipe.model import Recipe, SettingError, checked, flat_fields, merge_stated, states_balance_twice
from impasto.recipe.names import similar_name
from impasto.recipe.presets import PRESETS
from impasto.untrusted import MAX_BYTES, load_json, load_toml


def read_recipe(path: Path) -> dict[str, Any]:
    """Return the settings that a TOML or JSON file states, by flat names; they are checked when they are resolved.

    Raises InputError if the file is missing or is neither TOML nor JSON.
    """
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
        # PowerShell and some editors write UTF-16, or a mark before UTF-8.
        text = data.decode("utf-16" if data.startswith((BOM_UTF16_LE, BOM_UTF16_BE)) else "utf-8-sig")
    except (OSError, ValueError) as error:  # a null character in the name, or bytes that are no text
        reason = "it is not text" if isinstance(error, UnicodeDecodeError) else reason_of(error)
        hint = f"; the preset is --preset {path}" if str(path) in PRESETS else ""
        raise InputError(f"cannot read the recipe {path}: {reason}{hint}") from None
    try:
        fields = load_json(text) if path.suffix.lower() == ".json" else load_toml(text)
    except ValueError as error:
        language = "JSON" if path.suffix.lower() == ".json" else "TOML"
        raise InputError(f"the recipe {path} is not valid {language}: {error}") from None
    if not isinstance(fields, dict):
        raise InputError(f"the recipe {path} must hold fields and values")
    return flat_fields(fields)


def check_balance(stated: Collection[str]) -> None:
    """Raise InputError if strength and weights are both stated at once: it would not be clear which is meant.

    A file may hold both, as every written recipe does: there the strength acts on the file's weights.
    """
    if states_balance_twice(stated):
        raise SettingError("strength", " and content_weight or style_weight both set the balance: state one of them")


def resolve(preset: str | None = None, *stated: Mapping[str, Any]) -> Recipe:
    """Return a preset (`default` if None) with what was stated over it, later settings over earlier ones.

    Args:
        preset: Name of a preset.
        *stated: Settings by flat names or sections.

    Raises:
        InputError: In one line, for an unknown preset, an unknown setting or a value out of bounds.
    """
    name = as_choice(preset or "default", tuple(PRESETS))
    if name not in PRESETS:
        hint = did_you_mean(similar_name(str(name), PRESETS), f"known are {', '.join(PRESETS)}")
        if str(name).lower().endswith((".toml", ".json")):
            hint = f"a file is given by --recipe {name}"
        raise InputError(f"unknown preset {name!r}; {hint}")
    return checked(merge_stated(PRESETS[name].flat(), *stated))

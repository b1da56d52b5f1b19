"""A job: recipe, inputs and levels of a picture, resolved and checked before a network is loaded."""

from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from impasto.backbones import computed_with
from impasto.images import fit
from impasto.painting import Level, Scene
from impasto.recipe import INITS, Recipe


@dataclass(frozen=True, kw_only=True, eq=False)
class Job:
    """A validated job; no network is loaded yet.

    Device and precision of the recipe are resolved, `levels` go from coarse to fine, `alpha` and `exif` are those of
    the photo for the result, `sources` holds names and hashes of weights and inputs, and `notices` are what the
    user should know before painting begins, in one line each.
    """

    recipe: Recipe
    size: tuple[int, int]
    levels: tuple[Level, ...]
    scene: Scene
    photo_size: tuple[int, int]
    alpha: Float[np.ndarray, "h w"] | None
    exif: bytes | None
    sources: dict[str, Any]
    notices: list[str]


def picture_metadata(recipe: Recipe, sources: dict[str, Any]) -> dict[str, Any]:
    """Return the metadata embedded in a picture, from which it can be painted again; they name no folder."""
    own = {"version": version("impasto"), "computed": computed_with(recipe.hardware.device)}
    return {"program": "impasto", **own, "recipe": portable_recipe(recipe), **sources}


def result_size(recipe: Recipe, width: int, height: int) -> tuple[int, int]:
    """Return the result's width and height for a photo of this size."""
    own = max(width, height)
    wanted = own if recipe.picture.size == "photo" else recipe.picture.size
    return fit(width, height, wanted if recipe.picture.upscale else min(wanted, own))


def portable_recipe(recipe: Recipe) -> dict[str, Any]:
    """Return the recipe that is embedded in pictures, without folders."""
    portable = recipe.to_dict()
    portable["hardware"].pop("max_memory", None)
    for section, name, standard in (("network", "weights", ("embedded", "full")), ("start", "init", INITS)):
        if portable[section][name] not in standard:
            portable[section][name] = Path(portable[section][name]).name
    portable["regions"] = [{part: Path(file).name for part, file in region.items()} for region in portable["regions"]]
    return portable

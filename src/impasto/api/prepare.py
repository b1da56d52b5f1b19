"""From what a person gave to what the engine needs."""

from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import torch

from impasto.api.hardware import resolve_hardware
from impasto.api.scene import make_scene
from impasto.backbones import AnyWeights, check_size, load_weights
from impasto.errors import InputError
from impasto.images import Picture, fit
from impasto.losses import make_extractor, needed_layers
from impasto.painting import Painter, Scene, plan_levels
from impasto.recipe import INITS, Recipe
from impasto.runs import RunInputs

_LARGE: Final = 2**16
"""A side in pixels that is large enough for every layer of every network."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Job:
    """A picture to be painted, with everything read, resolved and checked."""

    recipe: Recipe
    inputs: RunInputs
    size: tuple[int, int]
    weights: AnyWeights
    scene: Scene

    def painter(self) -> Painter:
        """Return the engine, ready to paint."""
        recipe = self.recipe
        extractor = make_extractor(
            self.weights,
            recipe,
            precision="bf16" if recipe.precision == "bf16" else "fp32",
            device=torch.device(recipe.device),
            masked=self.scene.masked,
        )
        return Painter(recipe, self.scene, extractor, size=self.size)

    def metadata(self, recipe: Recipe) -> dict[str, Any]:
        """Return what is embedded in the saved picture, so that it can be painted again; no folder is named."""
        return {
            "program": "impasto",
            "version": version("impasto"),
            "recipe": portable_recipe(recipe),
            "weights": {"name": Path(self.weights.name).name, "sha256": self.weights.sha256},
            "inputs": _told(self.inputs),
        }


def _told(inputs: RunInputs) -> dict[str, Any]:
    """Return names and hashes of the pictures; a style's mask stands with it, and a region's pictures together."""
    masks = inputs.style_masks or (None,) * len(inputs.styles)
    told: dict[str, Any] = {
        "content": [_entry(inputs.content)],
        "styles": [
            _entry(style) | ({} if mask is None else {"mask": _entry(mask)})
            for style, mask in zip(inputs.styles, masks, strict=True)
        ],
        "init": [_entry(inputs.init)] if inputs.init else [],
    }
    if inputs.regions:
        told["regions"] = [
            {
                part: _entry(picture)
                for part, picture in (
                    ("mask", region.mask),
                    ("style", region.style),
                    ("style_mask", region.style_mask),
                )
                if picture
            }
            for region in inputs.regions
        ]
    return told


def _entry(picture: Picture) -> dict[str, Any]:
    return {"name": picture.name, "sha256": picture.sha256}


def prepare(recipe: Recipe, inputs: RunInputs) -> Job:
    """Resolve and check everything that can be checked before painting begins. Raises InputError in one line."""
    recipe = resolve_hardware(recipe)
    size = result_size(recipe, inputs.content.width, inputs.content.height)
    # At no size a network that is not installed, or has no such layers, sees anything: that is told as it is.
    check_size(_LARGE, _LARGE, needed_layers(recipe), backbone=recipe.backbone, padding=recipe.padding)
    scene = make_scene(recipe, size, inputs)
    _check_sizes(recipe, size, scene)
    weights = load_weights(recipe.weights, recipe.backbone)
    return Job(recipe=recipe, inputs=inputs, size=size, weights=weights, scene=scene)


def _check_sizes(recipe: Recipe, size: tuple[int, int], scene: Scene) -> None:
    """Raise InputError in one line if something is too large or too small to be painted."""
    coarsest, finest = plan_levels(recipe, *size)[0], plan_levels(recipe, *size)[-1]
    styles = [style for area in scene.areas for style in area.styles]
    for what, (width, height) in (("result", size), *(("style image", style.size(recipe, finest)) for style in styles)):
        if width * height > recipe.max_megapixels * 1e6:
            raise InputError(f"a {what} of {width} x {height} px is above the limit: --max-megapixels raises it")
    layers = needed_layers(recipe)
    network: Any = {"backbone": recipe.backbone, "padding": recipe.padding}
    try:
        check_size(coarsest.width, coarsest.height, layers, **network)
    except InputError as error:
        raise InputError(f"the picture is too small at {coarsest.width} x {coarsest.height} px: {error}") from None
    for style in styles:
        width, height = style.size(recipe, coarsest)
        # A tiny style image could be enlarged, but there is nothing in it to learn.
        width, height = min(width, style.pixels.shape[1]), min(height, style.pixels.shape[0])
        across, down = style.border(width, height)
        width, height = width - 2 * across, height - 2 * down
        try:
            check_size(width, height, layers, **network)
        except InputError as error:
            raise InputError(f"the style image is too small at {width} x {height} px: {error}") from None


def result_size(recipe: Recipe, width: int, height: int) -> tuple[int, int]:
    """Return the result's width and height for a photo of this size."""
    own = max(width, height)
    wanted = own if recipe.size == "photo" else recipe.size
    return fit(width, height, wanted if recipe.upscale else min(wanted, own))


def portable_recipe(recipe: Recipe) -> dict[str, Any]:
    """Return a recipe as it is embedded in pictures: no folder is named."""
    portable: dict[str, Any] = recipe.to_dict()
    for section, field, standard in (("network", "weights", ("embedded", "full")), ("start", "init", INITS)):
        if portable[section][field] not in standard:
            portable[section][field] = Path(portable[section][field]).name
    portable["regions"] = [
        {part: Path(name).name for part, name in region.items()} for region in portable["regions"]
    ]
    return portable

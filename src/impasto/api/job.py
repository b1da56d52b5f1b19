"""A job: recipe, inputs and levels of a picture, resolved and checked before a network is loaded."""

import math
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import numpy as np
from jaxtyping import Float

from impasto.api.build_scene import build_scene
from impasto.api.hardware import limit_memory, resolve_hardware
from impasto.backbones import check_input_size, computed_with, describe_weights, min_input_size
from impasto.errors import InputError
from impasto.images import DecodedImage, describe_stretch, fit, resize
from impasto.losses import needed_layers
from impasto.painting import Level, Scene, plan_levels
from impasto.recipe import INITS, LONGEST_SIDE, Recipe
from impasto.runs import Inputs

_FEATURES: Final = 8
"""Features across the deepest layer below which the part of a style image that is used has hardly any texture."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Job:
    """A validated job; no network is loaded yet.

    Device and precision of the recipe are resolved, `levels` go from coarse to fine, `alpha` and `exif` are those of
    the photo for the result, `sources` holds names and hashes of weights and inputs, and `stretched`
    says which inputs are.
    """

    recipe: Recipe
    size: tuple[int, int]
    levels: tuple[Level, ...]
    scene: Scene
    photo_size: tuple[int, int]
    alpha: Float[np.ndarray, "h w"] | None
    exif: bytes | None
    sources: dict[str, Any]
    stretched: list[str]

    @property
    def notices(self) -> list[str]:
        """What the user should know before painting begins, in one line each."""
        found = [*self.stretched, *_tiny_styles(self.recipe, self.levels[-1], self.scene)]
        picture, steps = self.recipe.picture, self.recipe.schedule.steps
        if picture.size != "photo" and max(self.size) < picture.size:
            own = "the photo has only {} x {} px, so the result has, too".format(*self.photo_size)
            found.insert(0, f"{own}: --upscale paints it at {picture.size} px")
        late = [step for step in (*picture.snapshots, picture.snapshot_every or 0) if step > steps]
        if late:
            found.append(f"no snapshot is taken after step {', '.join(map(str, late))}: the picture has {steps} steps")
        return found


def picture_metadata(recipe: Recipe, sources: dict[str, Any]) -> dict[str, Any]:
    """Return the metadata embedded in a picture, from which it can be painted again; they name no folder."""
    own = {"version": version("impasto"), "computed": computed_with(recipe.hardware.device)}
    return {"program": "impasto", **own, "recipe": portable_recipe(recipe), **sources}


def plan_job(recipe: Recipe, inputs: Inputs) -> Job:
    """Resolve and check everything that can be checked before painting begins, without loading a network.

    Raises:
        InputError: In one line, for what cannot be painted.
    """
    recipe = resolve_hardware(recipe)
    network, content = recipe.network, inputs.content
    size = result_size(recipe, content.width, content.height)
    recipe = limit_memory(recipe, math.prod(size))
    # A network that is not installed, or has no such layers, is reported before any size is checked.
    min_input_size(network.backbone, needed_layers(recipe), network.padding)
    levels = plan_levels(recipe, *size)
    scene = build_scene(recipe, size, levels, inputs)
    _check_sizes(recipe, size, (content.width, content.height), levels, scene)
    weights = describe_weights(network.weights, network.backbone)
    return Job(
        recipe=recipe,
        size=size,
        levels=levels,
        scene=scene,
        photo_size=(content.width, content.height),
        alpha=None if content.alpha is None else resize(content.alpha, *size),
        exif=content.exif,
        sources={
            "weights": {"name": Path(weights["name"]).name, "sha256": weights["sha256"]},
            "inputs": _describe_inputs(inputs),
        },
        stretched=_stretched(inputs),
    )


def _stretched(inputs: Inputs) -> list[str]:
    """Say which masks, and whether the picture of --init, have other proportions than what they are laid on."""
    pairs = [(inputs.init, inputs.content), *((region.mask, inputs.content) for region in inputs.regions)]
    masked = [*zip(inputs.style_masks, inputs.styles, strict=False), *((r.style_mask, r.style) for r in inputs.regions)]
    pairs += [(mask, style) for mask, style in masked if style]
    return [line for own, other in pairs if own and (line := describe_stretch(own, other))]


def _tiny_styles(recipe: Recipe, finest: Level, scene: Scene) -> list[str]:
    """Say how little of a style image is used if it is enlarged and holds no more than a few features."""
    network = recipe.network
    side = _FEATURES * min_input_size(network.backbone, needed_layers(recipe), network.padding) // 2
    styles = [style for region in scene.regions for style in region.styles]
    enlarged = [style for style in styles if style.size(finest)[0] > style.pixels.shape[1]]
    used = [style.pixels[..., 0].size if style.mask is None else round(float(style.mask.sum())) for style in enlarged]
    text = f"px of a style image are used: in fewer than {side} x {side} px the network finds too little texture"
    return [f"only {count} {text}" for count in dict.fromkeys(used) if count < side**2]


def _describe_inputs(inputs: Inputs) -> dict[str, Any]:
    """Return names and hashes of the pictures, masks with their styles and regions as groups."""

    def entry(picture: DecodedImage) -> dict[str, Any]:
        return {"name": picture.name + picture.suffix, "sha256": picture.sha256}

    masks = inputs.style_masks or (None,) * len(inputs.styles)
    styles = zip(inputs.styles, masks, strict=True)
    described: dict[str, Any] = {
        "content": [entry(inputs.content)],
        "styles": [entry(style) | ({"mask": entry(mask)} if mask else {}) for style, mask in styles],
        "init": [entry(inputs.init)] if inputs.init else [],
    }
    if inputs.regions:
        described["regions"] = [
            {part: entry(picture) for part, picture in vars(region).items() if picture} for region in inputs.regions
        ]
    return described


def _check_sizes(
    recipe: Recipe, size: tuple[int, int], photo_size: tuple[int, int], levels: tuple[Level, ...], scene: Scene
) -> None:
    """Raise InputError in one line if something is too large or too small to be painted."""
    coarsest, finest = levels[0], levels[-1]
    styles = [style for region in scene.regions for style in region.styles]
    for what, (width, height) in (("result", size), *(("style image", style.size(finest)) for style in styles)):
        if width * height > recipe.picture.max_megapixels * 1e6:
            raise InputError(f"a {what} of {width} x {height} px is above the limit: --max-megapixels raises it")
    side = min_input_size(recipe.network.backbone, needed_layers(recipe), recipe.network.padding)
    _check_size(recipe, "picture", coarsest.width, coarsest.height, _larger_size(side, *photo_size))
    for style in styles:
        width, height = style.size(coarsest)
        # A tiny style image could be enlarged, but it has no texture to transfer.
        width, height = min(width, style.pixels.shape[1]), min(height, style.pixels.shape[0])
        across, down = style.border(width, height)
        is_tiny = min(style.pixels.shape[:2]) < side
        advice = "choose a larger one" if is_tiny else "choose a larger --size or --style-scale, or shallower layers"
        _check_size(recipe, "style image", width - 2 * across, height - 2 * down, advice)


def _check_size(recipe: Recipe, what: str, width: int, height: int, advice: str) -> None:
    network = recipe.network
    try:
        check_input_size(width, height, needed_layers(recipe), backbone=network.backbone, padding=network.padding)
    except InputError as error:
        raise InputError(f"the {what} is too small: {error}; {advice}") from None


def _larger_size(side: int, width: int, height: int) -> str:
    """Return the options with which a photo's short side is painted with as many pixels as the network needs."""
    long_side = math.ceil(side * max(width, height) / min(width, height))
    if long_side > LONGEST_SIDE:
        return "crop the photo to a shape that is less narrow"
    upscale = " --upscale" if long_side > max(width, height) else ""
    return f"--size {long_side}{upscale}, or more, paints it"


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

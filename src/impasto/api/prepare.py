"""From what a person gave to what the engine needs."""

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import torch
from jaxtyping import Float
from PIL.Image import Image

from impasto.api.hardware import resolve_hardware
from impasto.backbones import AnyWeights, check_size, load_weights
from impasto.control import color_inputs, lightness_only
from impasto.errors import InputError
from impasto.images import crop, fit, is_plate, plate_path, read_picture, resize
from impasto.losses import make_extractor, needed_layers
from impasto.painting import Painter, Scene, plan_levels
from impasto.painting.stage import style_margin, style_size
from impasto.recipe import INITS, Recipe
from impasto.runs import RunInputs

Source: TypeAlias = str | Path | bytes | Image | np.ndarray
"""A picture: a path, the bytes of a file, a PIL image, or an array h x w (x 3 or 4), uint8 or float in [0, 1]."""


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
        )
        return Painter(recipe, self.scene, extractor, size=self.size)

    def metadata(self, recipe: Recipe) -> dict[str, Any]:
        """Return what is embedded in the saved picture, so that it can be painted again; no folder is named."""
        portable: dict[str, Any] = recipe.model_dump(mode="json", exclude_none=True)
        for field, standard in (("weights", ("embedded", "full")), ("init", INITS)):
            if portable[field] not in standard:
                portable[field] = Path(portable[field]).name
        pictures = {"content": [self.inputs.content], "styles": self.inputs.styles, "init": [self.inputs.init]}
        return {
            "program": "impasto",
            "version": version("impasto"),
            "recipe": portable,
            "weights": {"name": Path(self.weights.name).name, "sha256": self.weights.sha256},
            "inputs": {
                role: [{"name": picture.name, "sha256": picture.sha256} for picture in some if picture]
                for role, some in pictures.items()
            },
        }


def read_inputs(content: Source, styles: Source | Sequence[Source], recipe: Recipe) -> RunInputs:
    """Read the pictures; the name of a plate stands for its file. Raises InputError for what cannot be used."""
    limit = recipe.max_megapixels
    several = styles if isinstance(styles, (list, tuple)) else [styles]
    if len(several) != 1:
        raise InputError(f"one style image is needed, not {len(several)}")
    read = [read_picture(plate_or_file(style), max_megapixels=limit) for style in several]
    init = None if recipe.init in INITS else read_picture(recipe.init, max_megapixels=limit)
    return RunInputs(content=read_picture(content, max_megapixels=limit), styles=tuple(read), init=init)


def plate_or_file(style: Any) -> Any:
    """Return the plate's file for its name, unless a file of that name is in the current folder.

    Raises InputError for a string that is neither; whatever is no string is returned as it is.
    """
    if not isinstance(style, str) or Path(style).exists():
        return style
    if is_plate(style):
        return plate_path(style)
    raise InputError(f"there is no file {style}, and no built-in style of that name: `impasto plates` lists them")


def prepare(recipe: Recipe, inputs: RunInputs) -> Job:
    """Resolve and check everything that can be checked before painting begins. Raises InputError in one line."""
    recipe = resolve_hardware(recipe)
    size = result_size(recipe, inputs.content.width, inputs.content.height)
    style = inputs.styles[0].pixels
    if recipe.style_crop is not None:
        style = crop(style, recipe.style_crop)
    _check_sizes(recipe, size, style)
    return Job(
        recipe=recipe,
        inputs=inputs,
        size=size,
        weights=load_weights(recipe.weights, recipe.backbone),
        scene=_scene(recipe, size, inputs, style),
    )


def _scene(recipe: Recipe, size: tuple[int, int], inputs: RunInputs, style: Float[np.ndarray, "sh sw 3"]) -> Scene:
    """Give photo, style and the picture that the canvas starts from the colours that the recipe asks for."""
    photo = _no_larger(inputs.content.pixels, size)
    init = inputs.init.pixels if inputs.init else None
    if recipe.color in ("match", "luminance"):
        # Colours are counted where they are looked at: a large scan would take seconds and gigabytes.
        width, height = style_size(recipe, style.shape[:2], plan_levels(recipe, *size)[-1])
        style = _no_larger(style, (min(width, style.shape[1]), min(height, style.shape[0])))
        if recipe.color == "luminance" and init is not None:
            init = lightness_only(init)
    margin = style_margin(recipe, style.shape[1], style.shape[0])
    content, style = color_inputs(recipe, photo, style, margin=margin)
    return Scene(content=content, style=style, init=init, photo=photo)


def _check_sizes(recipe: Recipe, size: tuple[int, int], style: Float[np.ndarray, "sh sw 3"]) -> None:
    """Raise InputError in one line if something is too large or too small to be painted."""
    coarsest = plan_levels(recipe, *size)[0]
    finest = plan_levels(recipe, *size)[-1]
    for what, (width, height) in (("result", size), ("style image", style_size(recipe, style.shape[:2], finest))):
        if width * height > recipe.max_megapixels * 1e6:
            raise InputError(f"a {what} of {width} x {height} px is above the limit: --max-megapixels raises it")
    layers = needed_layers(recipe)
    network: Any = {"backbone": recipe.backbone, "padding": recipe.padding}
    try:
        check_size(coarsest.width, coarsest.height, layers, **network)
    except InputError as error:
        raise InputError(f"the picture is too small at {coarsest.width} x {coarsest.height} px: {error}") from None
    width, height = style_size(recipe, style.shape[:2], coarsest)
    # A tiny style image could be enlarged, but there is nothing in it to learn.
    width, height = min(width, style.shape[1]), min(height, style.shape[0])
    across, down = style_margin(recipe, width, height)
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


def _no_larger(pixels: Float[np.ndarray, "h w 3"], size: tuple[int, int]) -> Float[np.ndarray, "_h _w 3"]:
    """Shrink a large photo to the result's size once, so that no level starts from all of its pixels."""
    width, height = size
    return resize(pixels, width, height) if pixels.shape[:2] != (height, width) else pixels

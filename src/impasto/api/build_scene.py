"""From pictures and a recipe to a scene: styles cropped and turned, masks normalized, colors matched."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np
from jaxtyping import Float

from impasto.color import lightness_only, photo_for_network, style_for_network
from impasto.errors import InputError
from impasto.images import DecodedImage, crop, mask_from_image, normalize_masks, resize, resize_mask, rotate
from impasto.instant import learned_file
from impasto.painting import CanvasRegion, Level, Scene, StyleImage
from impasto.recipe import Crop, Recipe, SettingError
from impasto.runs import Inputs

_MIN_PIXELS: Final = 16.0
"""Pixels that a region must cover, and that must be left of a masked style image."""


def build_scene(recipe: Recipe, size: tuple[int, int], levels: Sequence[Level], inputs: Inputs) -> Scene:
    """Return the scene of a result of a size (width, height); raises InputError in one line for what cannot be."""
    photo = resize(inputs.content.pixels, *size)
    shown = None if inputs.content.alpha is None else resize(inputs.content.alpha, *size)
    styles = _style_images(recipe, inputs)
    regions = _regions(recipe, size, inputs, styles)
    _check_masks(levels, regions)
    init = None if inputs.init is None else _visible(inputs.init, photo)
    if recipe.color.mode == "luminance" and init is not None:
        init = lightness_only(init)
    return Scene(
        content=photo_for_network(recipe.color, photo),
        regions=tuple(_with_matched_colors(recipe, levels[-1], photo, shown, region) for region in regions),
        init=init,
        photo=photo,
    )


def _visible(picture: DecodedImage, photo: Float[np.ndarray, "h w 3"]) -> Float[np.ndarray, "_h _w 3"]:
    """Return a picture with the photo where it is transparent; at the photo's size if it is anywhere."""
    if picture.alpha is None:
        return picture.pixels
    height, width = photo.shape[:2]
    opacity = resize(picture.alpha, width, height)[..., None]
    return np.asarray(resize(picture.pixels, width, height) * opacity + photo * (1 - opacity))


# -- styles ------------------------------------------------------------------------------------------------------------


def _style_images(recipe: Recipe, inputs: Inputs) -> list[StyleImage]:
    """Return all style images, cropped and turned: the main ones, then those of the regions, in their order."""
    style = recipe.style
    masks = inputs.style_masks or (None,) * len(inputs.styles)
    given = [
        *zip(inputs.styles, masks, strict=True),
        *((region.style, region.style_mask) for region in inputs.regions if region.style is not None),
    ]
    scales = _for_each(style.scale, len(given), "style_scale", 1.0)
    turns = _for_each(style.rotation, len(given), "style_rotation", 0.0)
    crops = style.crop or (None,) * len(given)
    if len(crops) != len(given):
        raise SettingError(
            "style_crop",
            f" has {len(crops)} crops for {_count_of(len(given))}: write one for each, with `/` between them "
            "and `full` for what is not cropped",
        )
    shares = _shares(recipe, len(inputs.styles)) + [1.0] * (len(given) - len(inputs.styles))
    return [
        replace(_style_image(recipe, picture, mask, box, turn), scale=scale, share=share)
        for (picture, mask), box, turn, scale, share in zip(given, crops, turns, scales, shares, strict=True)
    ]


def _style_image(
    recipe: Recipe, picture: DecodedImage, mask: DecodedImage | None, box: Crop | None, turn: float
) -> StyleImage:
    pixels, used = picture.pixels, picture.alpha  # what is transparent teaches nothing
    if mask is not None:
        white = resize_mask(mask_from_image(mask, f"{mask.name} of a style"), picture.width, picture.height)
        used = white if used is None else white * used
    if box:
        pixels = crop(pixels, box)
        used = None if used is None else crop(used, box)
    if turn:
        pixels = rotate(pixels, turn)
        used = None if used is None else rotate(used, turn)
    if used is not None and used.sum() < _MIN_PIXELS:
        raise InputError(f"nothing is left of the style {picture.name}: its mask is black there, or it is transparent")
    is_whole = not (box or turn or mask is not None)  # of what is transparent, nothing was learned
    return StyleImage(
        pixels=pixels,
        mask=used,
        margin=0.0 if box else recipe.style.margin,
        long_side=recipe.style.size,
        key=f"{picture.sha256} {mask and mask.sha256} {box} {turn}",
        is_learned=picture.is_learned,
        learned=learned_file(picture) if is_whole and recipe.method == "instant" else None,
    )


def _check_masks(levels: Sequence[Level], regions: Sequence[CanvasRegion]) -> None:
    """Raise InputError if the mask of a style is black at some level, where the margin is left out."""
    for style in (style for region in regions for style in region.styles if style.mask is not None):
        own = style.pixels.shape[1], style.pixels.shape[0]
        for width, height in (own, *(style.size(level) for level in levels)):
            mask = style.mask_at(width, height)
            if mask is not None and not mask.any():
                raise InputError(
                    f"the mask of a style leaves nothing of it at {width} x {height} px without the margin: "
                    "let more of it be white (and opaque), or set --style-margin 0"
                )


def _shares(recipe: Recipe, count: int) -> list[float]:
    """Return the shares of the main styles, which sum to 1."""
    mix = recipe.style.mix or (1.0,) * count
    if len(mix) != count:
        advice = "write one for each, such as 70,30" if count > 1 else "name the styles that are to be mixed"
        shares = f"{len(mix)} share{'s' * (len(mix) > 1)}"
        raise SettingError("style_mix", f" has {shares} for {_count_of(count)}: {advice}")
    return [share / sum(mix) for share in mix]


def _for_each(values: Sequence[float], count: int, name: str, standard: float) -> list[float]:
    if len(values) > 1 and len(values) != count:
        numbers = f" has {len(values)} numbers for {_count_of(count)}"
        raise SettingError(name, f"{numbers}: write one for each, or one for all")
    return list(values) if len(values) > 1 else [*values, *([standard] * (1 - len(values)))] * count


def _count_of(count: int) -> str:
    return f"{count} style image{'s' if count != 1 else ''}"


# -- regions -----------------------------------------------------------------------------------------------------------


def _regions(recipe: Recipe, size: tuple[int, int], inputs: Inputs, styles: list[StyleImage]) -> list[CanvasRegion]:
    """Assign every style image to its region: the main ones to what the regions leave."""
    main = tuple(style for style in styles[: len(inputs.styles)] if style.share)
    if not inputs.regions:
        return [CanvasRegion(styles=main)]
    others = iter(styles[len(inputs.styles) :])
    names = [region.mask for region in recipe.regions]
    masks = [
        resize_mask(mask_from_image(region.mask, name), *size)
        for region, name in zip(inputs.regions, names, strict=True)
    ]
    shares, rest = normalize_masks(masks)
    regions = []
    for region, mask_name, mask in zip(inputs.regions, names, shares, strict=True):
        name = f"the region {mask_name}"
        if mask.sum() < _MIN_PIXELS:
            raise InputError(f"{name} covers less than {_MIN_PIXELS:.0f} pixels of the result: enlarge it, or the size")
        if region.style is not None:
            regions.append(CanvasRegion(styles=(next(others),), mask=mask, name=name))
    if main:
        if rest.sum() < _MIN_PIXELS:
            raise InputError("the regions leave nothing to the main style: leave that out, or make a mask smaller")
        regions.append(CanvasRegion(styles=main, mask=rest, name="what the regions leave"))
    if not regions:
        raise InputError("every region keeps the photo, so nothing is left to paint: name a style as well")
    return regions


def _with_matched_colors(
    recipe: Recipe,
    finest: Level,
    photo: Float[np.ndarray, "h w 3"],
    shown: Float[np.ndarray, "h w"] | None,
    region: CanvasRegion,
) -> CanvasRegion:
    """Give the style images of a region the colors that the recipe asks for; `shown` is the photo's alpha."""
    if recipe.color.mode not in ("match", "luminance"):
        return region
    where = region.mask if shown is None else shown if region.mask is None else shown * region.mask
    where = region.mask if where is not None and where.sum() < _MIN_PIXELS else where
    styles = []
    for style in region.styles:
        # Colors are counted at the size that is used: a large scan would take seconds and gigabytes.
        height, width = style.pixels.shape[:2]
        wide, tall = style.size(finest)
        wide, tall = min(wide, width), min(tall, height)
        small = resize(style.pixels, wide, tall)
        mask = None if style.mask is None else resize_mask(style.mask, wide, tall)
        margin = style.border(wide, tall)
        pixels = style_for_network(recipe.color, small, photo, margin=margin, where=where, mask=mask)
        # Pixels that depend on the photo are no longer those of the file.
        styles.append(replace(style, pixels=pixels, mask=mask, key=None, learned=None))
    return replace(region, styles=tuple(styles))

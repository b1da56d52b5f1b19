"""From pictures and a recipe to the scene that is painted: styles cropped and turned, masks shared out, colours set."""

from collections.abc import Sequence
from typing import Final

import numpy as np
from jaxtyping import Float

from impasto.control import lightness_only, mask_of, painted_photo, resize_mask, share_out, teaching_style
from impasto.errors import InputError
from impasto.images import Picture, crop, resize, rotate
from impasto.painting import Area, Scene, StyleImage, plan_levels
from impasto.recipe import Recipe
from impasto.runs import RunInputs

_LEAST: Final = 16.0
"""Pixels that a region must cover, and that must teach of a style image."""


def make_scene(recipe: Recipe, size: tuple[int, int], inputs: RunInputs) -> Scene:
    """Return what is to be painted at a size (width, height); raises InputError in one line for what cannot be."""
    photo = no_larger(inputs.content.pixels, size)
    styles = _style_images(recipe, inputs)
    areas = _areas(recipe, size, inputs, styles)
    _check_masks(recipe, size, areas)
    init = inputs.init.pixels if inputs.init else None
    if recipe.color.mode == "luminance" and init is not None:
        init = lightness_only(init)
    return Scene(
        content=painted_photo(recipe, photo),
        areas=tuple(_in_colors(recipe, size, photo, area) for area in areas),
        init=init,
        photo=photo,
    )


def no_larger(pixels: Float[np.ndarray, "h w 3"], size: tuple[int, int]) -> Float[np.ndarray, "_h _w 3"]:
    """Shrink a large photo to the result's size once, so that no level starts from all of its pixels."""
    width, height = size
    return resize(pixels, width, height) if pixels.shape[:2] != (height, width) else pixels


# -- styles ------------------------------------------------------------------------------------------------------------


def _style_images(recipe: Recipe, inputs: RunInputs) -> list[StyleImage]:
    """Return all style images, cropped and turned: the main ones, then those of the regions, as they were named."""
    masks = inputs.style_masks or (None,) * len(inputs.styles)
    given = [
        *zip(inputs.styles, masks, strict=True),
        *((region.style, region.style_mask) for region in inputs.regions if region.style is not None),
    ]
    scales = _for_each(recipe.style_scale, len(given), "style_scale", 1.0)
    turns = _for_each(recipe.style_rotation, len(given), "style_rotation", 0.0)
    boxes = recipe.style_crop or (None,) * len(given)
    if len(boxes) != len(given):
        raise InputError(
            f"style_crop has {len(boxes)} crops for {_styles(len(given))}: write one for each, with `/` between them "
            "and `full` for what is not cropped"
        )
    shares = _shares(recipe, len(inputs.styles)) + [1.0] * (len(given) - len(inputs.styles))
    return [
        _style_image(recipe, picture, mask, box=box, turn=turn, scale=scale, share=share)
        for (picture, mask), box, turn, scale, share in zip(given, boxes, turns, scales, shares, strict=True)
    ]


def _style_image(
    recipe: Recipe,
    picture: Picture,
    mask: Picture | None,
    *,
    box: tuple[int, ...] | None,
    turn: float,
    scale: float,
    share: float,
) -> StyleImage:
    pixels = picture.pixels
    teaches = None
    if mask is not None:
        teaches = resize_mask(mask_of(mask, f"{mask.name} of a style"), picture.width, picture.height)
    if box:
        left, top, width, height = box
        pixels = crop(pixels, (left, top, width, height))
        teaches = None if teaches is None else crop(teaches, (left, top, width, height))
    if turn:
        pixels = rotate(pixels, turn)
        teaches = None if teaches is None else rotate(teaches, turn)
    if teaches is not None and teaches.sum() < _LEAST:
        raise InputError(f"nothing of the style {picture.name} is left to learn from: its mask is black there")
    return StyleImage(pixels=pixels, share=share, mask=teaches, scale=scale, margin=0.0 if box else recipe.style_margin)


def _check_masks(recipe: Recipe, size: tuple[int, int], areas: Sequence[Area]) -> None:
    """Raise InputError if the mask of a style is black at some level, where the margin is left out."""
    levels = plan_levels(recipe, *size)
    for style in (style for area in areas for style in area.styles if style.mask is not None):
        own = style.pixels.shape[1], style.pixels.shape[0]
        for width, height in (own, *(style.size(recipe, level) for level in levels)):
            mask = style.mask_at(width, height)
            if mask is not None and not mask.any():
                raise InputError(
                    f"the mask of a style leaves nothing to learn from at {width} x {height} px without the margin: "
                    "let more of it be white, or set --style-margin 0"
                )


def _shares(recipe: Recipe, count: int) -> list[float]:
    """Return the shares of the main styles, which sum to 1."""
    mix = recipe.style_mix or (1.0,) * count
    if len(mix) != count:
        raise InputError(f"style_mix has {len(mix)} shares for {_styles(count)}: write one for each, such as 70,30")
    return [share / sum(mix) for share in mix]


def _for_each(values: Sequence[float], count: int, field: str, standard: float) -> list[float]:
    if len(values) > 1 and len(values) != count:
        raise InputError(f"{field} has {len(values)} numbers for {_styles(count)}: write one for each, or one for all")
    return list(values) if len(values) > 1 else [*values, *([standard] * (1 - len(values)))] * count


def _styles(count: int) -> str:
    return f"{count} style image{'s' if count != 1 else ''}"


# -- areas -------------------------------------------------------------------------------------------------------------


def _areas(recipe: Recipe, size: tuple[int, int], inputs: RunInputs, styles: list[StyleImage]) -> list[Area]:
    """Give every style image its area: the main ones what the regions leave."""
    main = tuple(style for style in styles[: len(inputs.styles)] if style.share)
    if not inputs.regions:
        return [Area(styles=main)]
    others = iter(styles[len(inputs.styles) :])
    names = [f"the region {region.mask}" for region in recipe.regions]
    masks = [
        resize_mask(mask_of(region.mask, name.removeprefix("the region ")), *size)
        for region, name in zip(inputs.regions, names, strict=True)
    ]
    shares, rest = share_out(masks)
    areas = []
    for region, name, where in zip(inputs.regions, names, shares, strict=True):
        if where.sum() < _LEAST:
            raise InputError(f"{name} covers less than {_LEAST:.0f} pixels of the result: enlarge it, or the size")
        if region.style is not None:
            areas.append(Area(styles=(next(others),), where=where, name=name))
    if main:
        if rest.sum() < _LEAST:
            raise InputError("the regions leave nothing to the main style: leave that out, or make a mask smaller")
        areas.append(Area(styles=main, where=rest, name="what the regions leave"))
    if not areas:
        raise InputError("every region keeps the photo, so nothing is left to paint: name a style as well")
    return areas


def _in_colors(recipe: Recipe, size: tuple[int, int], photo: Float[np.ndarray, "h w 3"], area: Area) -> Area:
    """Give the style images of an area the colours that the recipe asks for."""
    if recipe.color.mode not in ("match", "luminance"):
        return area
    finest = plan_levels(recipe, *size)[-1]
    styles = []
    for style in area.styles:
        # Colours are counted where they are looked at: a large scan would take seconds and gigabytes.
        height, width = style.pixels.shape[:2]
        wide, tall = style.size(recipe, finest)
        wide, tall = min(wide, width), min(tall, height)
        small = no_larger(style.pixels, (wide, tall))
        mask = None if style.mask is None else resize_mask(style.mask, wide, tall)
        margin = style.border(wide, tall)
        pixels = teaching_style(recipe, small, photo, margin=margin, where=area.where, mask=mask)
        styles.append(StyleImage(pixels=pixels, share=style.share, mask=mask, scale=style.scale, margin=style.margin))
    return Area(styles=tuple(styles), where=area.where, name=area.name)

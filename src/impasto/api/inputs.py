"""Reading what a person gave: the photo, style images, regions, and the picture that the canvas starts from."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from PIL.Image import Image

from impasto.api.savable import Savable
from impasto.control import AUTOMATIC, automatic_mask
from impasto.errors import InputError
from impasto.images import Picture, is_plate, plate_path, read_picture
from impasto.recipe import INITS, KEEP, Recipe, RegionSettings, read_style
from impasto.runs import RegionInputs, RunInputs

Source: TypeAlias = str | Path | bytes | Image | np.ndarray
"""A picture: a path, the bytes of a file, a PIL image, or an array h x w (x 3 or 4), uint8 or float in [0, 1]."""


@dataclass(frozen=True, eq=False)
class Style:
    """A style image of which a part teaches: where its mask is white; None: all of it."""

    picture: Source
    mask: Source | None = None


@dataclass(frozen=True, eq=False)
class Region:
    """A part of the photo, where its mask is white, and the style that holds there; `keep`: the photo stays.

    `foreground` and `background` in place of a mask are found by impasto itself (extra `masks`).
    """

    mask: Source | Savable
    style: Source | Style


StyleSource: TypeAlias = Source | Style


def read_inputs(
    content: Source,
    styles: StyleSource | Sequence[StyleSource],
    recipe: Recipe,
    regions: str | Region | Sequence[str | Region] | None = None,
) -> RunInputs:
    """Read the pictures; the name of a plate stands for its file. Raises InputError for what cannot be used.

    `regions` are those of the recipe if None.
    """
    limit = recipe.max_megapixels
    several = [_style(style) for style in _listed(styles)]
    parts = [_region(region) for region in (recipe.regions if regions is None else listed_regions(regions))]
    if not several and not parts:
        raise InputError("a style is needed: a picture to learn from, or the name of a built-in style")
    photo = read_picture(content, max_megapixels=limit)
    read = [_read_style(style, limit) for style in several]
    return RunInputs(
        content=photo,
        styles=tuple(picture for picture, _ in read),
        style_masks=tuple(mask for _, mask in read),
        regions=tuple(_read_region(region, photo, limit) for region in parts),
        init=None if recipe.init in INITS else read_picture(recipe.init, max_megapixels=limit),
    )


def region_texts(regions: str | Region | Sequence[str | Region]) -> tuple[str, ...]:
    """Return regions as a recipe holds them; pictures that are no files are called by their numbers."""
    return tuple(
        region if isinstance(region, (str, RegionSettings)) else _region_text(_region(region), number)
        for number, region in enumerate(listed_regions(regions), start=1)
    )


def listed_regions(regions: str | Region | Sequence[str | Region]) -> Sequence[str | Region]:
    """Let one region stand without a list around it."""
    return [regions] if isinstance(regions, (str, Region)) else regions


def _region_text(region: Region, number: int) -> str:
    style = _style(region.style)
    mask = _called(region.mask, f"mask {number}").replace("=", "-")
    text = f"{mask}={_called(style.picture, f'style {number}')}"
    return text if style.mask is None else f"{text}@{_called(style.mask, f'style mask {number}')}"


def plate_or_file(style: Any) -> Any:
    """Return the plate's file for its name, unless a file of that name is in the current folder.

    Raises InputError for a string that is neither; whatever is no string is returned as it is.
    """
    if not isinstance(style, str) or Path(style).exists():
        return style
    if is_plate(style):
        return plate_path(style)
    raise InputError(f"there is no file {style}, and no built-in style of that name: `impasto plates` lists them")


def _listed(styles: StyleSource | Sequence[StyleSource]) -> Sequence[StyleSource]:
    if isinstance(styles, (list, tuple)):
        return styles
    return [styles]  # type: ignore[list-item]  # a text or an array, though a sequence, is one style


def _style(given: StyleSource) -> Style:
    """Take `starry.jpg@stars.png` apart, unless a file has that very name."""
    if isinstance(given, Style):
        return given
    if isinstance(given, str) and not Path(given).exists():
        return Style(*read_style(given))
    if not isinstance(given, (str, Path, bytes, Image, np.ndarray)):
        raise InputError("a style is a picture (path, bytes, PIL image, array), a built-in name, or an impasto.Style")
    return Style(given)


def _region(given: str | Region) -> Region:
    if isinstance(given, Region):
        return given
    if not isinstance(given, (str, RegionSettings)):
        raise InputError("a region is a text such as sky.png=night, or an impasto.Region(mask, style)")
    region = RegionSettings.model_validate(given)
    return Region(region.mask, KEEP if region.keeps else Style(region.style, region.style_mask))


def _read_style(style: Style, limit: float) -> tuple[Picture, Picture | None]:
    picture = read_picture(plate_or_file(style.picture), max_megapixels=limit)
    return picture, None if style.mask is None else read_picture(style.mask, max_megapixels=limit)


def _read_region(region: Region, photo: Picture, limit: float) -> RegionInputs:
    mask = read_picture(_mask(region.mask, photo), max_megapixels=limit)
    if isinstance(region.style, str) and region.style == KEEP:
        return RegionInputs(mask=mask)
    style, style_mask = _read_style(_style(region.style), limit)
    return RegionInputs(mask=mask, style=style, style_mask=style_mask)


def _mask(given: Source | Savable, photo: Picture) -> Source:
    """Return a mask as a picture; that which impasto finds itself for one of its names, unless there is such a file."""
    if isinstance(given, str) and given in AUTOMATIC and not Path(given).is_file():
        return automatic_mask(given, photo.pixels)
    if isinstance(given, np.ndarray) and given.dtype == bool:
        return given.astype(np.float32)
    # What `subject_mask` hands back.
    return given.as_array() if isinstance(given, Savable) else given


def _called(source: Source | Savable, otherwise: str) -> str:
    return str(source) if isinstance(source, (str, Path)) else otherwise

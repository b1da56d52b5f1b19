"""Reading the inputs of a run: the photo, style images, regions, and the picture that the canvas starts from."""

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, TypeAlias

from impasto.api.hardware import BYTES_PER_PROCESS
from impasto.api.pictures import Savable
from impasto.errors import InputError, check_type, did_you_mean, similar
from impasto.images import (
    PICTURE,
    PICTURE_TYPES,
    PLATES,
    DecodedImage,
    Source,
    check_is_no_url,
    is_plate,
    peek_size,
    plate_path,
    read_bytes,
    read_picture,
    similar_file,
)
from impasto.recipe import (
    INITS,
    KEEP,
    Recipe,
    RegionSettings,
    SettingError,
    memory_text,
    placeholder,
    read_style,
    resolve,
)
from impasto.runs import Inputs, RegionInputs
from impasto.saliency import AUTOMATIC_MASKS, automatic_mask

_DECODED: Final = 18
"""Bytes of a pixel of a photo with 8 bits a channel while it is decoded."""


@dataclass(frozen=True, eq=False)
class Style:
    """A style image, or a part of one.

    Args:
        picture: The style image, or the name of a built-in one.
        mask: White where it is used; None: all of it.

    Example:
        >>> import impasto
        >>> impasto.Style("night", mask="stars.png").mask
        'stars.png'
    """

    picture: Source
    mask: Source | None = None


@dataclass(frozen=True, eq=False)
class Region:
    """A part of the photo with its own style.

    Args:
        mask: White where the region is; `foreground` and `background` are found automatically.
        style: The style there; `keep`: the photo stays as it is.

    Example:
        >>> import impasto
        >>> impasto.Region("sky.png", "night").style
        'night'
    """

    mask: Source | Savable
    style: Source | Style


StyleSource: TypeAlias = Source | Style
RegionSource: TypeAlias = str | Region | RegionSettings
Styles: TypeAlias = StyleSource | Sequence[StyleSource]
Regions: TypeAlias = RegionSource | Sequence[RegionSource]


def read_inputs(content: Source, styles: Styles, recipe: Recipe, regions: Regions | None = None) -> Inputs:
    """Read the pictures of a run; the recipe's regions unless others are given.

    Raises InputError in one line for what cannot be used.
    """
    limit = recipe.picture.max_megapixels
    named = ((f"style image {number}", style) for number, style in enumerate(_as_list(styles), start=1))
    several = {role: _style(style, role) for role, style in named}
    parts = [_region(region) for region in (recipe.regions if regions is None else region_list(regions))]
    init = recipe.start.init
    if init not in INITS and not os.path.exists(init):
        raise SettingError("init", f" is {', '.join(INITS)} or a file, and there is no file {init}")
    if not several and not parts:
        raise InputError("a style is needed: a picture, or the name of a built-in style")
    _check_memory(content, recipe.hardware.memory_limit)
    photo = read_picture(content, max_megapixels=limit, role="the content image")
    if photo.is_learned:
        raise InputError(f"{photo.name}{photo.suffix} is a learned style, and the photo comes first")
    read = [_read_style(style, limit, role) for role, style in several.items()]
    return Inputs(
        content=photo,
        styles=tuple(picture for picture, _ in read),
        style_masks=tuple(mask for _, mask in read),
        regions=tuple(_read_region(region, photo, limit, f"region {n}") for n, region in enumerate(parts, start=1)),
        init=None if init in INITS else read_picture(init, max_megapixels=limit, role="init"),
    )


def _check_memory(content: Source, limit: float | None) -> None:
    """Raise InputError, from its header, if a photo takes more than the limit of memory while it is decoded."""
    # A pipe can be read only once.
    if limit is None or not isinstance(content, str | os.PathLike) or not os.path.isfile(content):
        return
    size = peek_size(read_bytes(Path(content)), str(content))
    needed = 0.0 if size is None else BYTES_PER_PROCESS + _DECODED * size[0] * size[1]
    if size is not None and needed > limit:
        pixels = f"{content} has {size[0]} x {size[1]} px, too many for the limit of memory"
        raise InputError(f"{pixels}: make it smaller, or --max-memory {memory_text(needed)} would do")


def source_files(content: Source, styles: Styles, recipe: Recipe, regions: Regions | None = None) -> list[Path]:
    """Return the names among what `read_inputs` reads; some may be no files."""
    parts = [_region(region) for region in (recipe.regions if regions is None else region_list(regions))]
    used = [_style(style, "a style") for style in (*_as_list(styles), *(part.style for part in parts))]
    given: list[Any] = [content, recipe.start.init, recipe.network.weights, *(part.mask for part in parts)]
    given += [source for style in used for source in (style.picture, style.mask)]
    return [Path(os.fsdecode(source)) for source in given if isinstance(source, str | os.PathLike)]


def region_list(regions: Regions) -> Sequence[RegionSource]:
    """Return regions as a list; a single region need not be in a list, and an empty text means none."""
    parts = [regions] if isinstance(regions, (str, Region, RegionSettings)) else regions
    check_type(parts, (list, tuple), "regions", "a list of regions")
    return [part for part in parts if not isinstance(part, str) or part]


def region_settings(regions: Regions) -> tuple[str | RegionSettings | dict[str, str | None], ...]:
    """Return regions as a recipe reads and checks them; pictures that are not files are named by their numbers."""

    def named(region: Region, number: int) -> dict[str, str | None]:
        def name(source: Source | Savable, part: str) -> str:
            return str(source) if isinstance(source, (str, Path)) else placeholder(part, number)

        style = _style(region.style, f"the style image of region {number}")
        return {
            "mask": name(region.mask, "mask"),
            "style": name(style.picture, "style"),
            "style_mask": None if style.mask is None else name(style.mask, "style_mask"),
        }

    return tuple(
        region if isinstance(region, (str, RegionSettings)) else named(_region(region), number)
        for number, region in enumerate(region_list(regions), start=1)
    )


def only_given_files(settings: Mapping[str, Any], given: Iterable[str]) -> dict[str, Any]:
    """Return `init`, `weights` and `regions` of a recipe that may come from a stranger, with the paths of given files.

    Raises InputError if it names any other file: a recipe must not choose what is read on this machine.
    """
    words = {word for text in given for word in (text, *read_style(text)) if word}
    paths = {Path(word).name: word for word in words} | {word: word for word in words}

    def path_of(name: str, flag: str, *, is_no_file: bool = False) -> str:
        if not is_no_file and name not in paths:
            raise InputError(f"the recipe names {name}, a file that was not given: give it (or another) with {flag}")
        return name if is_no_file else paths[name]

    def region_of(region: RegionSettings) -> dict[str, str | None]:
        return {
            "mask": path_of(region.mask, "--region", is_no_file=region.mask in AUTOMATIC_MASKS),
            "style": path_of(region.style, "--region", is_no_file=region.keeps or is_plate(region.style)),
            "style_mask": region.style_mask and path_of(region.style_mask, "--region"),
        }

    recipe = resolve(None, settings)
    init, weights = recipe.start.init, recipe.network.weights
    resolved = {
        "init": path_of(init, "--init", is_no_file=init in INITS),
        "weights": path_of(weights, "--weights", is_no_file=weights in ("embedded", "full")),
        "regions": [region_of(region) for region in recipe.regions],
    }
    return {name: resolved[name] for name in settings}


def named_files(*words: str, recipe: Recipe | None = None) -> list[Path]:
    """Return every file that photos and styles as they are named, and a recipe, are read from.

    Args:
        words: Photos and styles.
        recipe: A recipe, which may name masks, styles, a start image and weights.
    """
    given = list(words)
    if recipe is not None:
        given += [recipe.network.weights, *([recipe.start.init] if recipe.start.init not in INITS else [])]
        for region in recipe.regions:
            style = region.style if region.style_mask is None else f"{region.style}@{region.style_mask}"
            given += [region.mask, style]
    # `STYLE@MASK` is two files, unless a file has exactly this name.
    names = [part for name in given for part in (name, *read_style(name)) if part]
    return [*map(Path, names), *(plate_path(name) for name in names if is_plate(name))]


def plate_or_file(style: Any, *, in_region: bool = False) -> Any:
    """Return the file of a built-in style image for its name; a file of that name is written `./night`.

    Raises InputError for any other string that is not a file; objects of other types are returned unchanged. In a
    region `keep` is a style, too.
    """
    if not isinstance(style, str):
        return style
    if is_plate(style):
        return plate_path(style)
    if os.path.exists(style):  # not Path.exists, which fails for a name that is too long
        return style
    check_is_no_url(style)
    named = similar(Path(style).stem, [*PLATES, KEEP] if in_region else PLATES)
    hint = did_you_mean(named or similar_file(style))
    keeps = f", and `{KEEP}` leaves the photo as it is" if in_region else ""
    where = " ".join(filter(None, (hint, "`impasto plates` lists them")))
    raise InputError(f"there is no file {style}, and no built-in style of that name: {where}{keeps}")


def _as_list(styles: Styles) -> Sequence[StyleSource]:
    if isinstance(styles, (list, tuple)):
        return styles
    return [styles]  # type: ignore[list-item]  # a text or an array is one style, although it is a sequence


def _style(given: StyleSource, role: str) -> Style:
    """Split `starry.jpg@stars.png`, unless a file has exactly this name."""
    if isinstance(given, Style):
        return given
    if isinstance(given, str) and not os.path.exists(given):
        return Style(*read_style(given))
    check_type(given, PICTURE_TYPES, role, f"{PICTURE}, the name of a built-in style or an impasto.Style")
    return Style(given)


def _region(given: RegionSource) -> Region:
    if isinstance(given, Region):
        return given
    check_type(given, (str, RegionSettings), "a region", "a text such as sky.png=night or an impasto.Region")
    region = RegionSettings.model_validate(given)
    whole = f"{region.style}@{region.style_mask}"
    if region.style_mask and os.path.exists(whole):
        # The name of the style's file has an `@`.
        return Region(region.mask, Style(whole))
    return Region(region.mask, KEEP if region.keeps else Style(region.style, region.style_mask))


def _read_style(style: Style, limit: float, role: str) -> tuple[DecodedImage, DecodedImage | None]:
    source, mask = plate_or_file(style.picture), style.mask
    if source is style.picture:
        picture = read_picture(source, max_megapixels=limit, role=role)
    else:
        # The name of a built-in style is not that of its file, and its size is known.
        picture = replace(read_picture(source, role=role), suffix="")
    return picture, None if mask is None else read_picture(mask, max_megapixels=limit, role=f"the mask of {role}")


def _read_region(region: Region, photo: DecodedImage, limit: float, role: str) -> RegionInputs:
    mask = read_picture(_mask(region.mask, photo), max_megapixels=limit, role=f"the mask of {role}")
    if isinstance(region.style, str) and region.style == KEEP:
        return RegionInputs(mask=mask)
    style_role = f"the style image of {role}"
    given = _style(region.style, style_role)
    plate_or_file(given.picture, in_region=True)
    style, style_mask = _read_style(given, limit, style_role)
    return RegionInputs(mask=mask, style=style, style_mask=style_mask)


def _mask(given: Source | Savable, photo: DecodedImage) -> Source:
    """Return a mask as a picture; `foreground` and `background` are computed; a file is written `./foreground`."""
    if isinstance(given, str) and given in AUTOMATIC_MASKS:
        return automatic_mask(given, photo.pixels)
    if isinstance(given, str) and not os.path.exists(given):
        check_is_no_url(given)
        meant = similar(given, AUTOMATIC_MASKS) or similar_file(given)
        hint = did_you_mean(meant, "make one with `impasto mask`, or by hand")
        raise InputError(f"there is no file {given}; a mask is a file, {' or '.join(AUTOMATIC_MASKS)}: {hint}")
    # What `subject_mask` returns.
    return given.as_array() if isinstance(given, Savable) else given

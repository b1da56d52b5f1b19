"""Colours alone: a photo in the colours of a picture, without a network."""

from dataclasses import dataclass, field
from typing import Any, get_args

import numpy as np
from jaxtyping import Float

from impasto.api.inputs import Source, plate_or_file
from impasto.api.savable import Savable
from impasto.control import recolor as move_colors
from impasto.errors import InputError
from impasto.images import read_picture
from impasto.recipe import ColorMap, one_of


@dataclass(frozen=True, kw_only=True, eq=False)
class Recolored(Savable):
    """A photo in other colours: `pixels` is RGB in [0, 1], `alpha` its transparency."""

    pixels: Float[np.ndarray, "h w 3"] = field(repr=False)
    alpha: Float[np.ndarray, "h w"] | None = field(default=None, repr=False)
    exif: bytes | None = field(default=None, repr=False)

    def as_array(self) -> np.ndarray:
        """Return the pixels."""
        return self.pixels

    def _extras(self) -> dict[str, Any]:
        return {"alpha": self.alpha, "exif": self.exif}


def recolor(
    photo: Source, style: Source, *, color_map: ColorMap = "transport", color_strength: float = 100.0
) -> Recolored:
    """Give a photo the colours of a picture, at its own size and without strokes.

    `photo` and `style` are those of `stylize`. `color_map` is how colours move: `transport` (a linear map, the one that
    moves them least), `cholesky` (another one) or `histogram` (channel by channel); `color_strength`, 0 to 100, is how
    far. Raises InputError if something given cannot be used.
    """
    color_map = one_of(color_map, get_args(ColorMap), "color map")  # type: ignore[assignment]
    if not 0 <= color_strength <= 100:
        raise InputError(f"color_strength goes from 0 to 100, not {color_strength:g}")
    picture, teacher = read_picture(photo), read_picture(plate_or_file(style))
    moved = move_colors(picture.pixels, teacher.pixels, color_map)
    pixels = np.asarray(picture.pixels + color_strength / 100 * (moved - picture.pixels), dtype=np.float32)
    return Recolored(pixels=pixels, alpha=picture.alpha, exif=picture.exif)

"""Masks for those who have none: where a photo shows its main subject."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from jaxtyping import Float
from numpy import ndarray

from impasto.api.inputs import Source
from impasto.control import automatic_mask
from impasto.images import encode_picture, read_picture, write_picture


@dataclass(frozen=True, kw_only=True, eq=False)
class Mask:
    """A part of a photo: `pixels` is 1 in it, 0 outside, and between on a soft border."""

    pixels: Float[ndarray, "h w"] = field(repr=False)

    def save(self, path: str | Path, *, bits: Literal[8, 16] = 8, quality: int = 95) -> Path:
        """Write a grey PNG, JPEG, WebP or TIFF by the extension, whole or not at all; white is the part.

        `bits` = 16 works for PNG and TIFF; `quality` (1..100) for JPEG and WebP. Raises InputError if the folder cannot
        be written or the extension is unknown.
        """
        path = Path(path)
        write_picture(path, self.pixels[..., None], bits=bits, quality=quality)
        return path

    def encode(self, suffix: str, *, bits: Literal[8, 16] = 8, quality: int = 95) -> bytes:
        """Return the bytes that `save` would write to a file with this extension (`.png`)."""
        return encode_picture(self.pixels[..., None], suffix, bits=bits, quality=quality)


def subject_mask(photo: Source, *, background: bool = False) -> Mask:
    """Find the main subject of a photo, or with `background` everything but it, at the photo's own upright size.

    `photo` is that of `stylize`. Needs the extra `masks` (OpenCV) and takes about a second. Raises InputError if the
    photo cannot be used, if OpenCV is not installed, or if nothing stands out in the photo.
    """
    return Mask(pixels=automatic_mask("background" if background else "foreground", read_picture(photo).pixels))

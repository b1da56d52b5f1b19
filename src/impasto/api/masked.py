"""Masks for those who have none: where a photo shows its main subject."""

from dataclasses import dataclass, field

from jaxtyping import Float
from numpy import ndarray

from impasto.api.inputs import Source
from impasto.api.savable import Savable
from impasto.images import read_picture
from impasto.saliency import automatic_mask


@dataclass(frozen=True, kw_only=True, eq=False)
class Mask(Savable):
    """A part of a photo: `pixels` is 1 in it, 0 outside, and between on a soft border."""

    pixels: Float[ndarray, "h w"] = field(repr=False)

    def as_array(self) -> ndarray:
        """Return the pixels."""
        return self.pixels[..., None]


def subject_mask(photo: Source, *, background: bool = False) -> Mask:
    """Find the main subject of a photo, or with `background` everything but it, at the photo's own upright size.

    `photo` is that of `stylize`. Needs the extra `masks` (OpenCV) and takes about a second. Raises InputError if the
    photo cannot be used, if OpenCV is not installed, or if nothing stands out in the photo.
    """
    return Mask(pixels=automatic_mask("background" if background else "foreground", read_picture(photo).pixels))

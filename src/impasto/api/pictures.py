"""Pictures that impasto returns: results of runs, recolored photos, masks. Each can be saved to a file."""

import io
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, get_args

import numpy as np
import PIL.Image
from jaxtyping import Float

from impasto.api.inputs import Source, plate_or_file
from impasto.api.savable import Savable
from impasto.color import recolor as transfer_colors
from impasto.errors import InputError
from impasto.events import StopReason
from impasto.images import quantize, read_picture
from impasto.recipe import ColorMap, Recipe, one_of
from impasto.saliency import automatic_mask


@dataclass(frozen=True, kw_only=True, eq=False)
class Result(Savable):
    """A finished picture and how it was painted.

    Attributes:
        pixels: RGB in [0, 1], in the colors that the recipe asks for.
        alpha: The photo's transparency at the same size, in [0, 1]; None if it is opaque.
        recipe: The recipe at the end of the run, device and precision resolved.
        losses: Step by step the objective (`total`) and its weighted terms (`content`, `style`, `tv` ...).
        loss: The objective of the picture as it was painted.
        saved_loss: The objective of its 8-bit version, which is what is saved, unless the recipe asks for the photo's
            colors, which are put back afterwards.
        steps: Number of steps done.
        seconds: Time spent painting.
        reason: `steps`, `plateau` or `stopped`.
        metadata: What is embedded in the saved file: recipe, weights, names and hashes of the inputs.
        exif: EXIF block of the photo, without location and thumbnail.

    Example:
        >>> import numpy, impasto
        >>> photo = numpy.full((48, 64, 3), 0.5)
        >>> result = impasto.stylize(photo, "night", size=64, steps=2, levels=1)
        >>> result.pixels.shape, result.steps, len(result.losses["style"])
        ((48, 64, 3), 2, 2)
    """

    pixels: Float[np.ndarray, "h w 3"] = field(repr=False)
    alpha: Float[np.ndarray, "h w"] | None = field(default=None, repr=False)
    recipe: Recipe
    losses: Mapping[str, list[float]] = field(repr=False)
    loss: float
    saved_loss: float
    steps: int
    seconds: float
    reason: StopReason
    metadata: Mapping[str, Any] = field(default_factory=dict, repr=False)
    exif: bytes | None = field(default=None, repr=False)

    @property
    def image(self) -> PIL.Image.Image:
        """The picture as an 8-bit PIL image, RGB or RGBA."""
        rgb = quantize(self.pixels)
        if self.alpha is None:
            return PIL.Image.fromarray(rgb)
        return PIL.Image.fromarray(np.dstack([rgb, quantize(self.alpha)]))

    def as_array(self) -> np.ndarray:
        """Return the pixels, h x w x 3 in [0, 1]."""
        return self.pixels

    def _extras(self) -> dict[str, Any]:
        return {"alpha": self.alpha, "exif": self.exif, "metadata": self.metadata}

    def _repr_png_(self) -> bytes:
        """Return the picture as PNG, for Jupyter."""
        buffer = io.BytesIO()
        self.image.save(buffer, format="PNG")
        return buffer.getvalue()


@dataclass(frozen=True, kw_only=True, eq=False)
class Recolored(Savable):
    """A photo in other colors: `pixels` is RGB in [0, 1], `alpha` its transparency.

    Example:
        >>> import numpy, impasto
        >>> impasto.recolor(numpy.full((8, 8, 3), 0.5), "night").pixels.shape
        (8, 8, 3)
    """

    pixels: Float[np.ndarray, "h w 3"] = field(repr=False)
    alpha: Float[np.ndarray, "h w"] | None = field(default=None, repr=False)
    exif: bytes | None = field(default=None, repr=False)

    def as_array(self) -> np.ndarray:
        """Return the pixels, h x w x 3 in [0, 1]."""
        return self.pixels

    def _extras(self) -> dict[str, Any]:
        return {"alpha": self.alpha, "exif": self.exif}


def recolor(
    photo: Source, style: Source, *, color_map: ColorMap = "transport", color_strength: float = 100.0
) -> Recolored:
    """Give a photo the colors of a picture, at its own size and without strokes.

    Args:
        photo: Path, bytes of a file, PIL image or array (h x w x 3 or 4, uint8 or float in [0, 1]).
        style: Likewise, or the name of a built-in style image.
        color_map: `transport` (the linear map that moves colors least), `cholesky` (another one) or `histogram`
            (channel by channel).
        color_strength: How far colors move, 0 to 100.

    Returns:
        The recolored photo.

    Raises:
        InputError: If something given cannot be used.

    Example:
        >>> import numpy, impasto
        >>> moved = impasto.recolor(numpy.random.rand(8, 8, 3), "night", color_strength=50)
        >>> moved.as_array().shape
        (8, 8, 3)
    """
    color_map = one_of(color_map, get_args(ColorMap), "color map")  # type: ignore[assignment]
    if not 0 <= color_strength <= 100:
        raise InputError(f"color_strength goes from 0 to 100, not {color_strength:g}")
    picture, teacher = read_picture(photo), read_picture(plate_or_file(style))
    moved = transfer_colors(picture.pixels, teacher.pixels, color_map)
    pixels = np.asarray(picture.pixels + color_strength / 100 * (moved - picture.pixels), dtype=np.float32)
    return Recolored(pixels=pixels, alpha=picture.alpha, exif=picture.exif)


@dataclass(frozen=True, kw_only=True, eq=False)
class Mask(Savable):
    """A part of a photo: `pixels` is 1 in it, 0 outside, and between on a soft border.

    Example:
        >>> import numpy
        >>> from impasto import Mask
        >>> Mask(pixels=numpy.ones((4, 6), dtype="float32")).as_array().shape
        (4, 6, 1)
    """

    pixels: Float[np.ndarray, "h w"] = field(repr=False)

    def as_array(self) -> np.ndarray:
        """Return the pixels, h x w x 1 in [0, 1]."""
        return self.pixels[..., None]


def subject_mask(photo: Source, *, background: bool = False) -> Mask:
    """Find the main subject of a photo, at the photo's own upright size.

    Needs the extra `masks` (OpenCV).

    Args:
        photo: Path, bytes of a file, PIL image or array (h x w x 3 or 4, uint8 or float in [0, 1]).
        background: Return everything but the subject.

    Returns:
        The mask.

    Raises:
        InputError: If the photo cannot be used, OpenCV is not installed, or nothing stands out in the photo.

    Example:
        >>> import numpy, impasto
        >>> photo = numpy.full((96, 96, 3), 0.2)
        >>> photo[24:72, 24:72] = 0.9, 0.5, 0.1
        >>> mask = impasto.subject_mask(photo).pixels
        >>> mask[48, 48] > 0.5, mask[2, 2] < 0.5
        (np.True_, np.True_)
    """
    return Mask(pixels=automatic_mask("background" if background else "foreground", read_picture(photo).pixels))

"""Pictures that impasto returns: results of runs, recolored photos, masks. Each can be saved to a file."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol, runtime_checkable

import numpy as np
import PIL.Image
from jaxtyping import Float

from impasto.errors import InputError, check_type, file_error, reason_of
from impasto.events import StopReason
from impasto.images import MADE_HERE, encode_picture, quantize, write_picture
from impasto.recipe import Recipe


@runtime_checkable
class Writable(Protocol):
    """A file that is open in binary mode."""

    def write(self, data: bytes, /) -> Any:
        """Write bytes."""


class Savable:
    """A picture that can be saved, with the transparency, EXIF and metadata that it has."""

    pixels: np.ndarray
    metadata: Mapping[str, Any] = MADE_HERE

    def as_array(self) -> np.ndarray:
        """Return the pixels, h x w x 3 (a mask: x 1) in [0, 1]."""
        return self.pixels

    def _extras(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in ("alpha", "exif", "metadata") if hasattr(self, name)}

    def save(
        self, path: str | os.PathLike[str] | Writable, *, bits: Literal[8, 16] = 8, quality: int = 95
    ) -> Path | None:
        """Write the picture with its metadata to a file, completely or not at all.

        Args:
            path: PNG, JPEG, WebP, TIFF or Deep Zoom (`.dzi`) by its extension; an existing file is replaced. A file
                that is open in binary mode gets a PNG; `encode` has the other formats but Deep Zoom.
            bits: Bits per channel; 16 for PNG and TIFF.
            quality: Quality of JPEG and WebP, 1 to 100.

        Returns:
            The path; None for an open file.

        Raises:
            InputError: If the folder cannot be written or the extension is unknown.
        """
        check_type(path, (str, os.PathLike, Writable), "path", "a path or a file open in binary mode")
        if isinstance(path, Writable):
            self._write_to(path, self.encode(".png", bits=bits, quality=quality))
            return None
        path = Path(path)
        write_picture(path, self.as_array(), **self._extras(), bits=bits, quality=quality)
        return path

    @staticmethod
    def _write_to(file: Writable, data: bytes) -> None:
        try:
            file.write(data)
            # A buffer that is full later would fail where nobody expects it.
            getattr(file, "flush", bool)()
        except TypeError:
            raise InputError("path is a file that takes text: open it in binary mode") from None
        except (OSError, ValueError) as error:
            raise file_error(f"cannot write to the file that path is: {reason_of(error)}", error) from None

    def encode(self, suffix: str, *, bits: Literal[8, 16] = 8, quality: int = 95) -> bytes:
        """Return the picture as the bytes of a file.

        Args:
            suffix: Extension that names the format, such as `.png`.
            bits: As for `save`.
            quality: As for `save`.

        Returns:
            The bytes that `save` would write.

        Raises:
            InputError: If the extension is unknown.
        """
        check_type(suffix, str, "suffix", "an extension such as .png")
        return encode_picture(self.as_array(), suffix, **self._extras(), bits=bits, quality=quality)

    def _repr_png_(self) -> bytes:
        """Return the picture as PNG, for Jupyter."""
        return self.encode(".png")


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
    recipe: Recipe = field(repr=False)
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


@dataclass(frozen=True, kw_only=True, eq=False)
class Recolored(Savable):
    """A photo in other colors.

    Attributes:
        pixels: RGB in [0, 1].
        alpha: The photo's transparency, in [0, 1]; None if it is opaque.
        exif: EXIF block of the photo, without location and thumbnail.

    Example:
        >>> import numpy, impasto
        >>> impasto.recolor(numpy.full((8, 8, 3), 0.5), "night").pixels.shape
        (8, 8, 3)
    """

    pixels: Float[np.ndarray, "h w 3"] = field(repr=False)
    alpha: Float[np.ndarray, "h w"] | None = field(default=None, repr=False)
    exif: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, kw_only=True, eq=False)
class Mask(Savable):
    """A part of a photo.

    Attributes:
        pixels: 1 inside the part, 0 outside, and values between on a soft border.

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


@dataclass(frozen=True, kw_only=True, eq=False)
class Preview(Savable):
    """A photo in many styles on one sheet.

    Attributes:
        pixels: The sheet, RGB in [0, 1]: the photo, then one picture for each style, with captions.
        pictures: The pictures in the order of the styles, RGB in [0, 1].

    Example:
        >>> import numpy, impasto
        >>> sheet = impasto.preview(numpy.full((48, 64, 3), 0.5), ["night", "mosaic"], size=64)
        >>> [picture.shape for picture in sheet.pictures]
        [(48, 64, 3), (48, 64, 3)]
    """

    pixels: Float[np.ndarray, "h w 3"] = field(repr=False)
    pictures: tuple[Float[np.ndarray, "_h _w 3"], ...] = field(repr=False)


@dataclass(frozen=True, kw_only=True, eq=False)
class Parts(Savable):
    """Parts of a photo, and the places of a style image that each of them learns from.

    Attributes:
        pixels: Photo and style image beside each other, every part in a color of its own, RGB in [0, 1].
        masks: The parts of the photo; their sum is 1 everywhere. Each can be the mask of a `Region`.
        matches: For each part how much the places of the style image resemble it, 0 to 1.

    Example:
        >>> import numpy, impasto
        >>> photo = numpy.random.default_rng(0).random((48, 64, 3))
        >>> parts = impasto.matched_parts(photo, "night", count=3)
        >>> len(parts.masks), parts.masks[0].pixels.shape
        (3, (48, 64))
    """

    pixels: Float[np.ndarray, "h w 3"] = field(repr=False)
    masks: tuple[Mask, ...] = field(repr=False)
    matches: Float[np.ndarray, "p _h _w"] = field(repr=False)

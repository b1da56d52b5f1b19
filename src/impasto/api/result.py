"""A finished picture and how it came about."""

import io
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
import PIL.Image
from jaxtyping import Float

from impasto.events import StopReason
from impasto.images import encode_picture, quantize, write_picture
from impasto.recipe import Recipe


@dataclass(frozen=True, kw_only=True, eq=False)
class Result:
    """What a run hands back.

    `pixels` is the picture, RGB in [0, 1], in the colours that the recipe asks for; `alpha` the photo's transparency at
    the same size.
    `losses` holds, step by step, the objective (`total`) and its weighted terms (`content`, `style`, `tv`).
    `loss` is the objective of the picture as it was painted, `saved_loss` that of its 8-bit version; that is what is
    saved, unless the recipe asks for the photo's colours, which are put back afterwards.
    `seconds` is the time spent painting; `reason` is `steps`, `plateau` or `stopped`.
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

    def save(self, path: str | Path, *, bits: Literal[8, 16] = 8, quality: int = 95) -> Path:
        """Write PNG, JPEG, WebP or TIFF by the extension, whole or not at all, with the recipe inside.

        `bits` = 16 works for PNG and TIFF; `quality` (1..100) for JPEG and WebP. Raises InputError if the folder cannot
        be written or the extension is unknown.
        """
        path = Path(path)
        write_picture(path, self.pixels, **self._extras(), bits=bits, quality=quality)
        return path

    def encode(self, suffix: str, *, bits: Literal[8, 16] = 8, quality: int = 95) -> bytes:
        """Return the bytes that `save` would write to a file with this extension (`.png`)."""
        return encode_picture(self.pixels, suffix, **self._extras(), bits=bits, quality=quality)

    def _extras(self) -> dict[str, Any]:
        return {"alpha": self.alpha, "exif": self.exif, "metadata": self.metadata}

    def _repr_png_(self) -> bytes:
        """Show the picture in Jupyter."""
        buffer = io.BytesIO()
        self.image.save(buffer, format="PNG")
        return buffer.getvalue()

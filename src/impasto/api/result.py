"""A finished picture and how it came about."""

import io
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import PIL.Image
from jaxtyping import Float

from impasto.api.savable import Savable
from impasto.events import StopReason
from impasto.images import quantize
from impasto.recipe import Recipe


@dataclass(frozen=True, kw_only=True, eq=False)
class Result(Savable):
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

    def as_array(self) -> np.ndarray:
        """Return the pixels."""
        return self.pixels

    def _extras(self) -> dict[str, Any]:
        return {"alpha": self.alpha, "exif": self.exif, "metadata": self.metadata}

    def _repr_png_(self) -> bytes:
        """Show the picture in Jupyter."""
        buffer = io.BytesIO()
        self.image.save(buffer, format="PNG")
        return buffer.getvalue()

"""The canvas: how the optimizer's numbers become a picture.

The optimizers work on coordinates of about the scale of gray levels (0..255), so that a step size means the same for
every canvas.
"""

from typing import Any, Final

import torch
from jaxtyping import Float
from torch import Tensor

from impasto.recipe import CanvasKind

_ALL: Final = slice(None)


class Canvas:
    """Maps pictures (RGB in [0, 1]) to coordinates and back: here to gray levels, as in the paper.

    Nothing keeps these pixels inside the range; they are clipped on saving.
    """

    def coordinates(self, picture: Float[Tensor, "1 3 h w"]) -> Float[Tensor, "1 _c h w"]:
        """Return the coordinates of a picture."""
        return picture * 255.0

    def picture(
        self, coordinates: Float[Tensor, "1 _c h w"], rows: slice = _ALL, columns: slice = _ALL, /
    ) -> Float[Tensor, "1 3 h w"]:
        """Return the picture, differentiable; `rows` and `columns` say which part of it the coordinates are."""
        return coordinates / 255.0


class _BoxCanvas(Canvas):
    """Pixels are clip(1.02 sigmoid(z / 100) - 0.01), so that every coordinate is a color.

    The sigmoid keeps pixels inside the range while they are optimized, so that nothing is lost on saving. The margin of
    0.01 lets black and white be reached at finite coordinates; inside the margin the clip passes the gradient on, so
    that no pixel gets stuck there. At mid-gray a unit of z is about 0.65 gray levels.
    """

    _MARGIN = 0.01
    _WIDTH = 100.0

    def coordinates(self, picture: Float[Tensor, "1 3 h w"]) -> Float[Tensor, "1 3 h w"]:
        inside = (picture.clamp(0, 1) + self._MARGIN) / (1 + 2 * self._MARGIN)
        return torch.logit(inside) * self._WIDTH

    def picture(
        self, coordinates: Float[Tensor, "1 3 h w"], rows: slice = _ALL, columns: slice = _ALL, /
    ) -> Float[Tensor, "1 3 h w"]:
        wide = torch.sigmoid(coordinates / self._WIDTH) * (1 + 2 * self._MARGIN) - self._MARGIN
        clipped: Tensor = _ClipPassingGradient.apply(wide)  # type: ignore[no-untyped-call]
        return clipped


class _ClipPassingGradient(torch.autograd.Function):
    """Clip to [0, 1] with the gradient of the identity."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return x.clamp(0, 1)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        return gradients[0]


class _GrayCanvas(Canvas):
    """A canvas of one number per pixel, which another canvas maps to red, green and blue alike."""

    def __init__(self, canvas: Canvas) -> None:
        self._canvas = canvas

    def coordinates(self, picture: Float[Tensor, "1 3 h w"]) -> Float[Tensor, "1 1 h w"]:
        return self._canvas.coordinates(picture.mean(dim=1, keepdim=True).expand_as(picture))[:, :1]

    def picture(
        self, coordinates: Float[Tensor, "1 1 h w"], rows: slice = _ALL, columns: slice = _ALL, /
    ) -> Float[Tensor, "1 3 h w"]:
        return self._canvas.picture(coordinates.expand(-1, 3, -1, -1))


class KeepingCanvas(Canvas):
    """Another canvas, covered by the photo where `kept` is 1."""

    def __init__(self, canvas: Canvas, photo: Float[Tensor, "1 3 h w"], kept: Float[Tensor, "1 1 h w"]) -> None:
        self._canvas = canvas
        self._free = 1 - kept
        self._photo = photo * kept

    def coordinates(self, picture: Float[Tensor, "1 3 h w"]) -> Float[Tensor, "1 _c h w"]:
        """Return the coordinates of the canvas below."""
        return self._canvas.coordinates(picture)

    def picture(
        self, coordinates: Float[Tensor, "1 _c h w"], rows: slice = _ALL, columns: slice = _ALL, /
    ) -> Float[Tensor, "1 3 h w"]:
        """Return the covered picture."""
        free, photo = (each[:, :, rows, columns] for each in (self._free, self._photo))
        return self._canvas.picture(coordinates) * free + photo


def make_canvas(kind: CanvasKind, *, gray: bool = False) -> Canvas:
    """Return the canvas of that name, for lightness alone if `gray`."""
    canvas = _BoxCanvas() if kind == "box" else Canvas()
    return _GrayCanvas(canvas) if gray else canvas

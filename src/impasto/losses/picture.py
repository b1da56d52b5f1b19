"""Losses of the picture alone: smoothness, large patches of color, and places lighter or darker than the style."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar, Final

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from impasto.backbones import total
from impasto.losses.regions import threshold

_PATCH: Final = 3
"""Side in pixels of a place. Single pixels may be brighter: glints and the edges of strokes are."""
_SHARE: Final = 0.01
"""Share of the style's places that may be lighter, or darker, than the range that the canvas is held to."""
_ENDS: Final = 0.1
"""Only the lightest and the darkest tenth of the range are guarded: in between nothing is lost."""
_LOW: Final = 16
"""How many times the low frequencies of a picture are smaller than the picture."""
_STRIP: Final = 2**20
"""Pixels of a strip."""
_EVEN_VARIANCE: Final = 1 / 12
"""Variance of values that fill [0, 1] evenly."""


class PictureLoss(ABC):
    """A loss of the picture alone that is a sum over its rows, so that it can be computed strip by strip."""

    halo: ClassVar[int] = 0
    """Rows below a strip on which what it adds depends."""

    def __call__(self, picture: Float[Tensor, "1 3 h w"]) -> Float[Tensor, ""]:
        """Return the loss of a whole picture, RGB in [0, 1]."""
        return self.part(picture, slice(0, picture.shape[2]), picture.shape[2])

    @abstractmethod
    def part(self, window: Float[Tensor, "1 3 _h w"], rows: slice, height: int) -> Float[Tensor, ""]:
        """Return what some rows add to the loss of a picture.

        Args:
            window: These rows and, as far as there are any, the next `halo` ones.
            rows: Which rows they are, such as one of `strips_of`.
            height: Number of rows of the picture.
        """


class TotalVariation(PictureLoss):
    """The mean squared difference of neighbors, down plus across, in squared gray levels (0..255).

    A mean over pixels, so that one weight means the same at every size. A picture of a single row or column has no
    neighbors in that direction and gives 0 for it.
    """

    halo = 1

    def part(self, window: Float[Tensor, "1 3 _h w"], rows: slice, height: int) -> Float[Tensor, ""]:
        """Return what some rows add."""
        gray_levels, (_, channels, _, width) = window * 255.0, window.shape
        down = gray_levels.diff(dim=2).square()
        across = gray_levels[:, :, : rows.stop - rows.start].diff(dim=3).square()
        neighbors = channels * (height - 1) * width, channels * height * (width - 1)
        return total(down) / max(neighbors[0], 1) + total(across) / max(neighbors[1], 1)


class LowFrequencies(PictureLoss):
    """Holds the low frequencies: 12 times the mean of |down(x) - down(t)|^2, `down` being about 1/16 of the size.

    Deep layers hardly see a slow drift of brightness or hue; this does. 1/12 is the variance of values that fill [0, 1]
    evenly: the same error costs the same whatever the photo, and a constant one is no special case. Below 64 px the
    pictures shrink less, so that the shorter side keeps at least 4 px (or all it has).

    Args:
        target: The picture t; only its low frequencies are kept.
    """

    def __init__(self, target: Float[Tensor, "1 3 h w"]) -> None:
        self._factor = _reduction(target)
        parts = [target[:, :, rows].contiguous() for rows in strips_of(target)]
        self._target = torch.cat([shrink(part.detach(), self._factor) for part in parts], dim=2)

    def part(self, window: Float[Tensor, "1 3 _h w"], rows: slice, height: int) -> Float[Tensor, ""]:
        """Return what some rows add."""
        small = shrink(window, self._factor)
        top = rows.start // self._factor
        error = small - self._target[:, :, top : top + small.shape[2]]
        return total(error.square()) / self._target.numel() / _EVEN_VARIANCE


def _reduction(picture: Float[Tensor, "1 c h w"]) -> int:
    """Return how many times the low frequencies of a picture are smaller."""
    return max(1, min(_LOW, min(picture.shape[2:]) // 4))


def strips_of(picture: Float[Tensor, "1 c h w"]) -> Iterator[slice]:
    """Cut a picture into strips of whole rows, each of about a million pixels, from top to bottom."""
    (height, width), stride = picture.shape[2:], _reduction(picture)
    step = max(stride, _STRIP // width // stride * stride)
    for top in range(0, height, step):
        yield slice(top, min(height, top + step))


def strips_with_halo(picture: Float[Tensor, "1 c h w"], halo: int) -> Iterator[tuple[slice, slice]]:
    """Yield the strips of a picture, each with the rows that it and the next `halo` ones are."""
    for rows in strips_of(picture):
        yield rows, slice(rows.start, min(picture.shape[2], rows.stop + halo))


def shrink(picture: Float[Tensor, "1 3 h w"], factor: int) -> Float[Tensor, "1 3 _h _w"]:
    """Average over squares of `factor` pixels; those at the right and lower border may be smaller."""
    return functional.avg_pool2d(picture, factor, ceil_mode=True) if factor > 1 else picture


@dataclass(frozen=True, eq=False)
class LuminanceRange:
    """The darkest and the lightest places of a style, channel by channel, in [0, 1].

    One pair of colors for a whole canvas, or one for every place of it.
    """

    darkest: Float[Tensor, "1 3 _h _w"]
    lightest: Float[Tensor, "1 3 _h _w"]

    @staticmethod
    def mixed(ranges: Sequence["LuminanceRange"], shares: Sequence[float]) -> "LuminanceRange":
        """Return the range between those of several styles."""
        if len(ranges) == 1:
            return ranges[0]
        darkest = [share * one.darkest for one, share in zip(ranges, shares, strict=True)]
        lightest = [share * one.lightest for one, share in zip(ranges, shares, strict=True)]
        return LuminanceRange(torch.stack(darkest).sum(dim=0), torch.stack(lightest).sum(dim=0))


def luminance_range(style: Float[Tensor, "1 3 h w"], mask: Float[Tensor, "1 1 h w"] | None = None) -> LuminanceRange:
    """Return the extremes of each channel of a style image (RGB in [0, 1]), or of the part that a mask shows.

    One place in a hundred is darker, another one lighter. The darkest is at most 0.1 and the lightest at least 0.9.
    """
    shown = None if mask is None else _places(mask).flatten()
    inside = None if shown is None else shown >= threshold(shown)
    ends = []
    # One after the other, because sorting takes several times the memory of what is sorted.
    for channel in style.split(1, dim=1):
        places = _places(channel).flatten()
        ordered = (places if inside is None else places[inside]).sort().values
        beyond = round(_SHARE * len(ordered))
        ends.append(ordered[[beyond, len(ordered) - 1 - beyond]])
    darkest, lightest = torch.stack(ends, dim=1)
    shape = (1, 3, 1, 1)
    return LuminanceRange(darkest.clamp(max=_ENDS).reshape(shape), lightest.clamp(min=1 - _ENDS).reshape(shape))


class LuminanceRangeExcess(PictureLoss):
    """The mean square of what the places of a picture exceed the style's by, in squared gray levels (0..255).

    A place is the mean of 3 x 3 px. Moments of features leave the tails of the colors free: where a photo has large
    light areas and the style is ink on paper, the paper's mean is met by areas of pure white between fewer strokes.
    Nearly 0 for the style itself, of which only one place in a hundred is beyond.

    Args:
        allowed: The range of the styles.
    """

    halo = _PATCH - 1

    def __init__(self, allowed: LuminanceRange) -> None:
        self._allowed = allowed

    def part(self, window: Float[Tensor, "1 3 _h w"], rows: slice, height: int) -> Float[Tensor, ""]:
        """Return what some rows add."""
        _, channels, _, width = window.shape
        side = min(_PATCH, height, width)
        if window.shape[2] < side:
            return total(window * 0)
        places = functional.avg_pool2d(window, side, stride=1)
        lightest, darkest = (
            one if one.shape[2] == 1 else one[:, :, rows.start : rows.start + places.shape[2]]
            for one in (self._allowed.lightest, self._allowed.darkest)
        )
        over, under = functional.relu(places - lightest), functional.relu(darkest - places)
        count = channels * (height - side + 1) * (width - side + 1)
        return 255.0**2 * (total(over.square() + under.square()) / count)


def regional_range(regions: Sequence[tuple[LuminanceRange, Float[Tensor, "1 1 h w"] | None]]) -> LuminanceRange:
    """Return the range place by place, where regions have different ones; elsewhere nothing is guarded.

    A region without a mask is the whole canvas.
    """
    masked = [(allowed, _places(mask)) for allowed, mask in regions if mask is not None]
    if not masked:
        return regions[0][0]
    darkest = torch.stack([share * allowed.darkest for allowed, share in masked]).sum(dim=0)
    missing = torch.stack([share * (1 - allowed.lightest) for allowed, share in masked]).sum(dim=0)
    return LuminanceRange(darkest, 1 - missing)


def _places(picture: Float[Tensor, "1 c h w"]) -> Float[Tensor, "1 c _h _w"]:
    side = min(_PATCH, *picture.shape[2:])
    return functional.avg_pool2d(picture, side, stride=1)

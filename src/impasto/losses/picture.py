"""Losses of the picture alone: smoothness, large patches of color, and places lighter or darker than the style."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from impasto.backbones import average, total
from impasto.losses.regions import threshold

_PATCH: Final = 3
"""Side in pixels of a place. Single pixels may be brighter: glints and the edges of strokes are."""
_SHARE: Final = 0.01
"""Share of the style's places that may be lighter, or darker, than the range that the canvas is held to."""
_ENDS: Final = 0.1
"""Only the lightest and the darkest tenth of the range are guarded: in between nothing is lost."""
_EVEN_VARIANCE: Final = 1 / 12
"""Variance of values that fill [0, 1] evenly."""


def total_variation(picture: Float[Tensor, "b 3 h w"]) -> Float[Tensor, ""]:
    """Return the mean squared difference of neighbors, down plus across, in squared gray levels (0..255).

    `picture` is in [0, 1]. A mean over pixels, so that one weight means the same at every size. A picture of a single
    row or column has no neighbors in that direction and gives 0 for it.
    """
    gray_levels = picture * 255.0
    down = gray_levels.diff(dim=2).square()
    across = gray_levels.diff(dim=3).square()
    return total(down) / max(down.numel(), 1) + total(across) / max(across.numel(), 1)


def low_frequency_loss(picture: Float[Tensor, "1 3 h w"], target: Float[Tensor, "1 3 h w"]) -> Float[Tensor, ""]:
    """Hold the low frequencies: 12 times the mean of |down(x) - down(t)|^2, `down` being about 1/16 of the size.

    Deep layers hardly see a slow drift of brightness or hue; this does. 1/12 is the variance of values that fill [0, 1]
    evenly: the same error costs the same whatever the photo, and a constant one is no special case. Below 64 px the
    pictures shrink less, so that the shorter side keeps at least 4 px (or all it has).
    """
    factor = max(1, min(16, min(picture.shape[2:]) // 4))
    return average((shrink(picture, factor) - shrink(target.detach(), factor)).square()) / _EVEN_VARIANCE


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
    places = _places(style)[0].flatten(1)
    if mask is not None:
        shown = _places(mask).flatten()
        places = places[:, (shown >= threshold(shown)).nonzero()[:, 0]]
    count = places.shape[1]
    beyond = round(_SHARE * count)
    ordered = places.sort(dim=1).values
    darkest, lightest = ordered[:, beyond], ordered[:, count - 1 - beyond]
    shape = (1, 3, 1, 1)
    return LuminanceRange(darkest.clamp(max=_ENDS).reshape(shape), lightest.clamp(min=1 - _ENDS).reshape(shape))


def luminance_range_loss(picture: Float[Tensor, "1 3 h w"], allowed: LuminanceRange) -> Float[Tensor, ""]:
    """Return the mean square of what the places of a picture exceed the style's by, in squared gray levels (0..255).

    A place is the mean of 3 x 3 px. Moments of features leave the tails of the colors free: where a photo has large
    light areas and the style is ink on paper, the paper's mean is met by areas of pure white between fewer strokes.
    0 for the style itself but for its own extremes.
    """
    places = _places(picture)
    over, under = functional.relu(places - allowed.lightest), functional.relu(allowed.darkest - places)
    return 255.0**2 * average(over.square() + under.square())


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

"""Statistics of parts of a map: masks brought to a layer, and moments of every part in one pass over the map."""

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional

from impasto.backbones.moments import Moments
from impasto.backbones.products import NUMBERS_AT_ONCE, flat, pieces, quick_products, rounded_mean

FEWEST: Final = 8.0
"""Positions of a layer that a part must have, so that their statistics mean anything."""

_WHOLLY: Final = 0.999
"""Share from which on a position belongs to a part wholly; one of less than the rest to 1 does not belong to it."""


def bring_to(mask: Float[Tensor, "k 1 h w"], maps: Float[Tensor, "1 c lh lw"]) -> Float[Tensor, "k 1 lh lw"]:
    """Return masks at a layer: at each position the mean of what it sees, so that parts which sum to 1 still do.

    A position is taken to see its own pixels and those of its neighbours alike. A chain of 3 x 3 convolutions sees its
    surroundings by a bell whose deviation is about one position at every depth of VGG (0.8 at conv1_1, 1.2 at conv4_1);
    that of this mean is 0.9.
    """
    shrunk = functional.adaptive_avg_pool2d(mask, (maps.shape[2], maps.shape[3]))
    around = functional.pad(shrunk, (1, 1, 1, 1), mode="replicate")
    return functional.avg_pool2d(around, 3, stride=1)


def drawn_parts(shares: Float[Tensor, "k n"], generator: torch.Generator) -> Int[Tensor, "n"]:
    """Draw for every position the part that it belongs to, by its shares; k where it belongs to none.

    On a soft border that is a scatter in which each part has as many positions as is its share.
    """
    chance = torch.rand(shares.shape[1], generator=generator, device=generator.device).to(shares)
    return (chance >= shares.cumsum(dim=0)).sum(dim=0)


def inside(maps: Float[Tensor, "1 c h w"], mask: Float[Tensor, "1 1 h w"]) -> Float[Tensor, "1 c n 1"]:
    """Return the features of the places that belong to a part by half or more, as a map of one column."""
    there = mask.flatten() >= threshold(mask)
    return maps.flatten(2)[:, :, there.nonzero()[:, 0]].unsqueeze(3)


def threshold(mask: Float[Tensor, "1 1 h w"]) -> float:
    """Return from which value on a place is inside: half, or the most where a mask is faint everywhere."""
    return min(0.5, float(mask.max()))


class Part(NamedTuple):
    """The positions of a part: those that belong to it wholly, each of weight `even`, and those at its soft border."""

    whole: Int[Tensor, "n"]
    even: float
    border: Int[Tensor, "m"]
    weights: Float[Tensor, "m"]


class Places:
    """How much every position of a map counts in each of several parts."""

    def __init__(self, masks: Float[Tensor, "k n"]) -> None:
        """Take the masks at the layer, one row for each part, none of them empty."""
        shares = torch.where(masks >= _WHOLLY, 1.0, torch.where(masks <= 1 - _WHOLLY, 0.0, masks))
        # A mask may be so faint everywhere that nothing would be left of it.
        shares = torch.where(shares.sum(dim=1, keepdim=True) > 0, shares, masks)
        self.weights = (shares / shares.sum(dim=1, keepdim=True)).contiguous()
        """The weights of the positions, which sum to 1 for each part."""
        self.parts = tuple(map(self._part, shares, self.weights))
        """The positions of every part. A part costs only where it is, and a weight only at its border."""

    def _part(self, shares: Float[Tensor, "n"], weights: Float[Tensor, "n"]) -> Part:
        whole = (shares >= _WHOLLY).nonzero()[:, 0]
        border = ((shares > 0) & (shares < _WHOLLY)).nonzero()[:, 0]
        return Part(whole, 1 / float(shares.sum()), border, weights[border])


def regional_moments(features: Float[Tensor, "1 c h w"], places: Places) -> list[Moments]:
    """Return mean and covariance of the features in every part, each position weighted, in fp32 or better.

    With weights p that sum to 1: m = sum p f, C = sum p (f - m)(f - m)^T (the guided Gram matrices of Gatys et al. 2017
    are C + m m^T, where p is the square of their guide). Costs hardly more than the moments of the whole map, because a
    part costs only where it is. Keeps the features themselves.
    """
    numbers = _RegionalMoments.apply(features, places)  # type: ignore[no-untyped-call]
    return [Moments(numbers[i], numbers[i + 1]) for i in range(0, len(numbers), 2)]


class _RegionalMoments(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, features: Tensor, places: Places) -> tuple[Tensor, ...]:
        rows = flat(features).T
        # Of large numbers' products only the rounding would be left where a channel hardly varies.
        shift = next(pieces(rows.T)).mean(dim=1)
        found = []
        with quick_products(features):
            for part in places.parts:
                total, products = _sums(rows, part, shift)
                found += [shift + total, products - total.outer(total)]
        ctx.places = places
        ctx.save_for_backward(features, *found[::2])
        return tuple(found)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        features, *means = ctx.saved_tensors
        rows = flat(features).T
        result = torch.zeros_like(rows, memory_format=torch.contiguous_format)
        slopes = [
            _Slope.of(mean, gradients[2 * number], gradients[2 * number + 1], features.dtype)
            for number, mean in enumerate(means)
        ]
        for part, slope in zip(ctx.places.parts, slopes, strict=True):
            even = slope.times(part.even)
            for some in _some(part.whole, rows.shape[1]):
                result.index_copy_(0, some, even.at(rows.index_select(0, some)))
        for part, slope in zip(ctx.places.parts, slopes, strict=True):
            for some, weights in zip(*(_some(t, rows.shape[1]) for t in (part.border, part.weights)), strict=True):
                pull = slope.at(rows.index_select(0, some))
                result.index_add_(0, some, pull.mul_(weights[:, None].to(pull.dtype)))
        return result.T.reshape(features.shape), None


def _some(positions: Tensor, channels: int) -> tuple[Tensor, ...]:
    """Return positions, or their weights, some at a time."""
    return positions.split(max(1, NUMBERS_AT_ONCE // channels)) if len(positions) else ()


def _sums(
    rows: Float[Tensor, "n c"], part: Part, shift: Float[Tensor, "c"]
) -> tuple[Float[Tensor, "c"], Float[Tensor, "c c"]]:
    """Return sum p (f - s) and sum p (f - s)(f - s)^T over the positions of a part."""
    total, products = torch.zeros_like(shift), shift.new_zeros(len(shift), len(shift))
    for positions in _some(part.whole, len(shift)):
        some = rows.index_select(0, positions).to(shift.dtype).sub_(shift)
        total += some.sum(dim=0)
        products.addmm_(some.T, some)
    total *= part.even
    products *= part.even
    for positions, weights in zip(*(_some(t, len(shift)) for t in (part.border, part.weights)), strict=True):
        some = rows.index_select(0, positions).to(shift.dtype).sub_(shift)
        weighted = some * weights[:, None].to(shift.dtype)
        total += weighted.sum(dim=0)
        products.addmm_(weighted.T, some)
    return total, products


class _Slope(NamedTuple):
    """(D + D^T)(f - m) + d: the gradient of a position's features, to be multiplied by its weight."""

    linear: Float[Tensor, "c c"]
    near: Float[Tensor, "c"]
    shift: Float[Tensor, "c"]

    @classmethod
    def of(cls, mean: Tensor, slope_of_mean: Tensor, slope: Tensor, dtype: torch.dtype) -> "_Slope":
        linear = (slope + slope.T).to(dtype)
        near, rest = rounded_mean(mean, dtype)
        shift = (slope_of_mean - linear.to(slope.dtype) @ rest).to(dtype)
        return cls(linear, near, shift)

    def times(self, weight: float) -> "_Slope":
        return _Slope(self.linear * weight, self.near, self.shift * weight)

    def at(self, some: Float[Tensor, "n c"]) -> Float[Tensor, "n c"]:
        return torch.addmm(self.shift, some - self.near, self.linear.T)


def parts_at(where: Sequence[Float[Tensor, "1 1 h w"]], maps: Float[Tensor, "1 c lh lw"]) -> Float[Tensor, "k n"]:
    """Return the masks of several parts at a layer, one row for each."""
    return bring_to(torch.cat(list(where)), maps).flatten(1)

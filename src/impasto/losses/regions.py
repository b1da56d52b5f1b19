"""Statistics of parts of a map: masks brought to a layer, and moments of every part in one pass over the map."""

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from impasto.backbones.moments import Moments
from impasto.backbones.products import flat, precise, quick_products, rounded_mean

FEWEST: Final = 8.0
"""Positions of a layer that a part must have, so that their statistics mean anything."""

_BLOCK: Final = 2**18
"""Numbers of a map that are worked on at a time: in a block as small as that there is hardly ever more than one part,
and where there is only one a mask costs nothing."""


def bring_to(mask: Float[Tensor, "k 1 h w"], maps: Float[Tensor, "1 c lh lw"]) -> Float[Tensor, "k 1 lh lw"]:
    """Return masks at a layer: at each position the mean of what it sees, so that parts which sum to 1 still do.

    A position is taken to see its own pixels and those of its neighbours alike. A chain of 3 x 3 convolutions sees its
    surroundings by a bell whose deviation is about one position at every depth of VGG (0.8 at conv1_1, 1.2 at conv4_1);
    that of this mean is 0.9.
    """
    shrunk = functional.adaptive_avg_pool2d(mask, (maps.shape[2], maps.shape[3]))
    around = functional.pad(shrunk, (1, 1, 1, 1), mode="replicate")
    return functional.avg_pool2d(around, 3, stride=1)


def inside(maps: Float[Tensor, "1 c h w"], mask: Float[Tensor, "1 1 h w"]) -> Float[Tensor, "1 c n 1"]:
    """Return the features of the places that belong to a part by half or more, as a map of one column."""
    there = mask.flatten() >= min(0.5, float(mask.max()))
    return maps.flatten(2)[:, :, there.nonzero()[:, 0]].unsqueeze(3)


class _Block(NamedTuple):
    """Some positions, and the parts they belong to: alike (then `even` is their weight) or each by its own weight."""

    positions: slice
    parts: tuple[int, ...]
    even: float | None


class Places:
    """How much every position of a map counts in each of several parts."""

    def __init__(self, masks: Float[Tensor, "k n"]) -> None:
        """Take the masks at the layer, one row for each part, none of them empty."""
        self.counts = masks.sum(dim=1)
        """How many positions each part has, those that belong to it partly counted by their share."""
        self.weights = (masks / self.counts[:, None]).contiguous()
        """The weights of the positions, which sum to 1 for each part."""
        self._blocks: dict[int, tuple[_Block, ...]] = {}

    def blocks(self, size: int) -> tuple[_Block, ...]:
        """Return the positions in blocks of a size, those left out that belong to no part."""
        if size not in self._blocks:
            starts = range(0, self.weights.shape[1], size)
            found = (self._block(slice(start, start + size)) for start in starts)
            self._blocks[size] = tuple(block for block in found if block.parts)
        return self._blocks[size]

    def _block(self, positions: slice) -> _Block:
        some = self.weights[:, positions]
        low, high = some.amin(dim=1).tolist(), some.amax(dim=1).tolist()
        parts = tuple(k for k, most in enumerate(high) if most > 0)
        even = low[parts[0]] if len(parts) == 1 and low[parts[0]] == high[parts[0]] else None
        return _Block(positions, parts, even)


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
        maps = flat(features)
        channels, count = len(maps), len(places.weights)
        # Of large numbers' products only the rounding would be left where a channel hardly varies.
        shift = precise(maps[:, : max(1, _BLOCK // channels)]).mean(dim=1)
        totals = shift.new_zeros(count, channels)
        products = shift.new_zeros(count, channels, channels)
        with quick_products(features):
            for block in places.blocks(_size(channels)):
                some = maps[:, block.positions].to(shift.dtype, copy=True).sub_(shift[:, None])
                for part in block.parts:
                    _add(totals[part], products[part], some, places.weights[part, block.positions], block.even)
        means = shift + totals
        covariances = products - totals[:, :, None] * totals[:, None, :]
        ctx.places = places
        ctx.save_for_backward(features, means)
        return tuple(number for part in range(count) for number in (means[part], covariances[part]))

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        features, means = ctx.saved_tensors
        maps = flat(features)
        slopes = [
            _Slope.of(mean, gradients[2 * part], gradients[2 * part + 1], features.dtype)
            for part, mean in enumerate(means)
        ]
        by_position = maps.new_zeros((maps.shape[1], len(maps)))
        for block in ctx.places.blocks(_size(len(maps))):
            some, own = maps[:, block.positions], by_position[block.positions]
            for part in block.parts:
                pull = slopes[part].at(some)
                if block.even is not None:
                    torch.mul(pull, block.even, out=own)
                else:
                    own.addcmul_(pull, ctx.places.weights[part, block.positions, None].to(pull.dtype))
        return by_position.T.reshape(features.shape), None


def _size(channels: int) -> int:
    return max(1, _BLOCK // channels)


def _add(total: Tensor, products: Tensor, some: Tensor, weights: Tensor, even: float | None) -> None:
    """Add some positions, already less the shift, to the sums of a part."""
    if even is not None:
        total.add_(some.sum(dim=1), alpha=even)
        products.addmm_(some, some.T, alpha=even)
    else:
        weighted = some * weights.to(some.dtype)
        total += weighted.sum(dim=1)
        products.addmm_(weighted, some.T)


class _Slope(NamedTuple):
    """(D + D^T)(f - m) + d: the gradient of a position's features, to be multiplied by its weight."""

    linear: Float[Tensor, "c c"]
    near: Float[Tensor, "c"]
    shift: Float[Tensor, "c"]

    @classmethod
    def of(cls, mean: Tensor, slope_of_mean: Tensor, slope: Tensor, dtype: torch.dtype) -> "_Slope":
        # The weights of a part are small numbers and its slopes large ones: both stay inside the range of bf16.
        linear = (slope + slope.T).to(dtype)
        near, rest = rounded_mean(mean, dtype)
        shift = (slope_of_mean - linear.to(slope.dtype) @ rest).to(dtype)
        return cls(linear, near, shift)

    def at(self, some: Float[Tensor, "c n"]) -> Float[Tensor, "n c"]:
        return torch.addmm(self.shift, (some - self.near[:, None]).T, self.linear.T)


def parts_at(where: Sequence[Float[Tensor, "1 1 h w"]], maps: Float[Tensor, "1 c lh lw"]) -> Float[Tensor, "k n"]:
    """Return the masks of several parts at a layer, one row for each."""
    return bring_to(torch.cat(list(where)), maps).flatten(1)

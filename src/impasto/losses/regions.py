"""Regions at a layer: how much every position counts in each region, and the moments of all regions in one pass."""

from collections.abc import Sequence
from functools import cached_property
from typing import Any, Final, NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn import functional

from impasto.backbones import Moments, add_product, bf16_matmul, chunk_size, chunks, flat, rounded_mean, total
from impasto.images import strips

MIN_POSITIONS: Final = 8.0
"""Positions of a layer that a region must have, so that their statistics mean anything."""

_INSIDE: Final = 0.999
"""Mask value from which on a position counts as entirely inside; below 1 minus this it counts as outside."""


def resize_to_layer(mask: Float[Tensor, "k 1 h w"], maps: Float[Tensor, "1 c lh lw"]) -> Float[Tensor, "k 1 lh lw"]:
    """Return masks at a layer: averaged over the pixels of each position and over its 3 x 3 neighbors.

    Masks that sum to 1 still do. The neighbors stand for the receptive field: a chain of 3 x 3 convolutions weights its
    surroundings by a bell whose deviation is about one position at every depth of VGG (0.8 at conv1_1, 1.2 at conv4_1);
    that of this mean is 0.9.
    """
    mask = mask.cpu() if mask.device.type == "mps" else mask  # which pools only to sizes that divide
    if mask.shape[2:] != maps.shape[2:]:
        mask = functional.adaptive_avg_pool2d(mask, (maps.shape[2], maps.shape[3]))
    mask = mask.to(maps.device)
    result = torch.empty_like(mask)
    # In strips, because what is computed in between would take the memory of several masks.
    for rows in strips(*mask.shape[2:]):
        first = max(0, rows.start - 1)
        around = functional.pad(mask[:, :, first : rows.stop + 1], (1, 1, 1, 1), mode="replicate")
        pooled = functional.avg_pool2d(around, 3, stride=1)
        result[:, :, rows] = pooled[:, :, rows.start - first : rows.stop - first]
    return result


def draw_owners(shares: Float[Tensor, "k n"], generator: torch.Generator) -> Int[Tensor, "n"]:
    """Draw for every position the region that it belongs to, by its shares; k where it belongs to none.

    On a soft border that is a scatter in which each region has as many positions as is its share.
    """
    chance = torch.rand(shares.shape[1], generator=generator, device=generator.device, dtype=torch.float32).to(shares)
    return (chance >= shares.cumsum(dim=0)).sum(dim=0)


def threshold(mask: Float[Tensor, "*shape"]) -> float:
    """Return the mask value from which on a position is inside: half, or the maximum of a mask that is fainter."""
    return min(0.5, float(mask.max()))


class PositionWeights:
    """How much every position of a layer counts in a region, from the region's mask at the layer.

    Args:
        mask: Values in [0, 1], not zero everywhere; None: 1 everywhere, if there is an importance.
        members: Positions of the region for losses that know no half positions; None: those that the mask covers by
            half or more.
        importance: How much each position counts besides, in [0, 1]; None: all alike.
    """

    def __init__(
        self,
        mask: Float[Tensor, "n"] | None,
        members: Int[Tensor, "m"] | None = None,
        importance: Float[Tensor, "n"] | None = None,
    ) -> None:
        self._is_whole = mask is None
        if mask is None:
            assert importance is not None
            mask = importance.new_ones(()).expand_as(importance)  # without memory
        self.mask = mask
        self._members = members
        self._importance = importance
        self._parts: dict[tuple[int | None, ...], PositionWeights] = {}

    def part(self, width: int, rows: slice, columns: slice, *, kept: bool = True) -> "PositionWeights":
        """Return the weights of the positions in a rectangle of a map of this width; their count is their share.

        They are kept for the next time, unless `kept` says that there is none.
        """
        key = rows.start, rows.stop, rows.step, columns.start, columns.stop, columns.step
        if key not in self._parts:
            mask, shares, inside = (
                each.reshape(-1, width)[rows, columns].flatten() for each in (self.mask, self.shares, self._is_member)
            )
            part = PositionWeights(mask, inside.nonzero()[:, 0])
            part.shares, part.count = shares, float(total(shares))
            if not kept:
                return part
            self._parts[key] = part
        return self._parts[key]

    @cached_property
    def _is_member(self) -> Bool[Tensor, "n"]:
        """Whether each position is one of the members."""
        if self._members is None:
            return (self.mask[:1] > 0).expand_as(self.mask) if self._is_whole else self.mask >= threshold(self.mask)
        return torch.zeros(len(self.mask), dtype=torch.bool, device=self.mask.device).index_fill_(
            0, self._members, True
        )

    @cached_property
    def count(self) -> float:
        """Sum of the mask."""
        return float(len(self.mask)) if self._is_whole else float(total(self.mask))

    @cached_property
    def members(self) -> Int[Tensor, "m"]:
        """Positions of the region for losses that know no half positions."""
        if self._members is not None:
            return self._members
        return (self.mask >= threshold(self.mask)).nonzero()[:, 0]

    @cached_property
    def shares(self) -> Float[Tensor, "n"]:
        """The mask, where values next to 0 and 1 are 0 and 1, times the importance."""
        mask = self.mask
        if self._is_whole and self._importance is not None:
            return self._importance
        shares = torch.where(mask >= _INSIDE, 1.0, torch.where(mask <= 1 - _INSIDE, 0.0, mask))
        # A mask may be so faint everywhere that nothing would be left of it.
        shares = torch.where(total(shares) > 0, shares, mask)
        return shares if self._importance is None else shares * self._importance

    @cached_property
    def weights(self) -> Float[Tensor, "n"]:
        """Weights of the positions, which sum to 1."""
        return normalized(self.shares)

    @cached_property
    def inside(self) -> Int[Tensor, "i"]:
        """Positions entirely inside; a region costs only where it is, and weights only at its border."""
        return (self.shares >= _INSIDE).nonzero()[:, 0]

    @cached_property
    def inside_weight(self) -> float:
        """Weight of each position inside."""
        return 1 / (float(total(self.shares)) or 1.0)

    @cached_property
    def border(self) -> Int[Tensor, "b"]:
        """Positions on the soft border."""
        return ((self.shares > 0) & (self.shares < _INSIDE)).nonzero()[:, 0]

    @cached_property
    def border_weights(self) -> Float[Tensor, "b"]:
        """Weights of the positions on the border."""
        return self.weights[self.border]


def normalized(weights: Float[Tensor, "n"]) -> Float[Tensor, "n"]:
    """Return weights that sum to 1."""
    return weights / total(weights)


def select(maps: Float[Tensor, "1 c h w"], positions: Int[Tensor, "n"]) -> Float[Tensor, "1 c n 1"]:
    """Return the features at some positions as a map of one column."""
    rows = maps.squeeze(0).permute(1, 2, 0).flatten(0, 1)
    return rows.index_select(0, positions).T[None, :, :, None]


def regional_moments(features: Float[Tensor, "1 c h w"], regions: Sequence[PositionWeights]) -> list[Moments]:
    """Return mean and covariance of the features in every region, each position weighted, in fp32 or better.

    With weights p that sum to 1: m = sum p f, C = sum p (f - m)(f - m)^T (the guided Gram matrices of Gatys et al. 2017
    are C + m m^T, where p is the square of their guide). Costs hardly more than the moments of the whole map, because a
    region costs only where it is. Keeps the features themselves.
    """
    numbers = _RegionalMoments.apply(features, tuple(regions))  # type: ignore[no-untyped-call]
    return [Moments(region.count, *numbers[2 * i : 2 * i + 2]) for i, region in enumerate(regions)]


class _RegionalMoments(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, features: Tensor, regions: tuple[PositionWeights, ...]) -> tuple[Tensor, ...]:
        rows = flat(features).T
        # Of the difference of large products only the rounding error would be left where a channel hardly varies.
        shift = next(chunks(rows.T)).mean(dim=1)
        found = []
        with bf16_matmul(features):
            for region in regions:
                rest, products = _sums(rows, region, shift)
                found += [shift + rest, products - rest.outer(rest)]
        ctx.regions = regions
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
        for region, slope in zip(ctx.regions, slopes, strict=True):
            even = slope.times(region.inside_weight)
            for some in _chunked(region.inside, rows):
                result.index_copy_(0, some, even.at(rows.index_select(0, some)))
        for region, slope in zip(ctx.regions, slopes, strict=True):
            for some, weights in _chunked_border(region, rows):
                pull = slope.at(rows.index_select(0, some))
                result.index_add_(0, some, pull.mul_(weights[:, None].to(pull.dtype)))
        return result.T.reshape(features.shape), None


def _chunked(positions: Tensor, rows: Float[Tensor, "n c"]) -> tuple[Tensor, ...]:
    """Return positions, or their weights, in chunks."""
    size = min(chunk_size(rows.shape[1], rows.device), max(1, len(positions)))
    return positions.split(size) if len(positions) else ()


def _chunked_border(region: PositionWeights, rows: Tensor) -> "zip[tuple[Tensor, Tensor]]":
    return zip(_chunked(region.border, rows), _chunked(region.border_weights, rows), strict=True)


def _sums(
    rows: Float[Tensor, "n c"], region: PositionWeights, shift: Float[Tensor, "c"]
) -> tuple[Float[Tensor, "c"], Float[Tensor, "c c"]]:
    """Return sum p (f - s) and sum p (f - s)(f - s)^T over the positions of a region."""
    sums, products = torch.zeros_like(shift), shift.new_zeros(len(shift), len(shift))
    for positions in _chunked(region.inside, rows):
        some = rows.index_select(0, positions).to(shift.dtype).sub_(shift)
        sums += some.sum(dim=0)
        add_product(products, some, some)
    sums *= region.inside_weight
    products *= region.inside_weight
    for positions, weights in _chunked_border(region, rows):
        some = rows.index_select(0, positions).to(shift.dtype).sub_(shift)
        weighted = some * weights[:, None].to(shift.dtype)
        sums += weighted.sum(dim=0)
        add_product(products, weighted, some)
    return sums, products


class _Slope(NamedTuple):
    """(D + D^T)(f - m) + d: the gradient of a position's features, to be multiplied by its weight."""

    linear: Float[Tensor, "c c"]
    near: Float[Tensor, "c"]
    shift: Float[Tensor, "c"]

    @classmethod
    def of(cls, mean: Tensor, mean_gradient: Tensor, covariance_gradient: Tensor, dtype: torch.dtype) -> "_Slope":
        linear = (covariance_gradient + covariance_gradient.T).to(dtype)
        near, rest = rounded_mean(mean, dtype)
        shift = (mean_gradient - linear.to(covariance_gradient.dtype) @ rest).to(dtype)
        return cls(linear, near, shift)

    def times(self, weight: float) -> "_Slope":
        return _Slope(self.linear * weight, self.near, self.shift * weight)

    def at(self, some: Float[Tensor, "n c"]) -> Float[Tensor, "n c"]:
        return torch.addmm(self.shift, some - self.near, self.linear.T)

"""Styles as distributions: sorted projections of the features (sliced Wasserstein), or every channel's histogram."""

from typing import Final, NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from impasto.backbones import average, full_precision, total
from impasto.losses.autograd import with_gradient
from impasto.losses.base import TINY, StyleLoss
from impasto.losses.regions import PositionWeights, select
from impasto.losses.statistics import Positions

CHUNK: Final = 2**22
"""Numbers that are sorted or compared at a time: bounds the memory, about 20 bytes for each."""


class SortedTarget(NamedTuple):
    """Quantiles of a style's projections, as many as the canvas has positions, and the directions of the projections.

    Without directions the channels themselves are compared.
    """

    quantiles: Float[Tensor, "k n"]
    directions: Float[Tensor, "c k"] | None


def random_directions(c: int, k: int, generator: torch.Generator) -> Float[Tensor, "{c} {k}"]:
    """Draw `k` directions in `c` dimensions, as columns of length 1 in fp32 on the generator's device.

    They come in blocks of up to `c` that are orthogonal to each other, each block evenly distributed over all
    rotations (Mezzadri 2007), so that a block of `c` misses nothing and needs fewer than independent ones.
    """
    blocks = []
    for _ in range(-(-k // c)):
        gaussian = torch.randn(c, c, generator=generator, device=generator.device, dtype=torch.float32)
        q, r = torch.linalg.qr(gaussian)
        blocks.append(q * torch.where(r.diagonal() < 0, -1.0, 1.0))
    return torch.cat(blocks, dim=1)[:, :k]


def quantiles(style: Positions, directions: Float[Tensor, "c k"] | None, *, count: int) -> Float[Tensor, "k {count}"]:
    """Return the style's projections on every direction (or its channels), sorted, as `count` weighted quantiles."""
    flat = full_precision(style.features.detach()).squeeze(0).flatten(1)
    n = flat.shape[1]
    result = flat.new_empty(len(flat) if directions is None else directions.shape[1], count)
    levels = (torch.arange(count, dtype=torch.float64) + 0.5) / count
    for rows in row_chunks(len(result), CHUNK // max(n, count)):
        projections = _project(flat, directions, rows)
        if style.weights is None:
            at = (levels * n - 0.5).clamp(0, n - 1)
            low = at.floor().long()
            share, low = (at - low).to(flat), low.to(flat.device)
            ordered = _sort(projections)
            result[rows] = torch.lerp(ordered[:, low], ordered[:, (low + 1).clamp(max=n - 1)], share)
        else:
            result[rows] = _weighted_quantiles(projections, style.weights.to(flat), levels.to(flat))
    return result


def _weighted_quantiles(
    values: Float[Tensor, "k n"], weights: Float[Tensor, "n"], levels: Float[Tensor, "m"]
) -> Float[Tensor, "k m"]:
    """Interpolate between the middles of the values' weights."""
    ordered, order = values.sort(dim=1)
    sorted_weights = weights[order]
    middles = (sorted_weights.cumsum(dim=1) - sorted_weights / 2) / total(weights)
    high = torch.searchsorted(middles, levels.expand(len(values), -1).contiguous()).clamp(max=values.shape[1] - 1)
    low = (high - 1).clamp(min=0)
    before, after = middles.gather(1, low), middles.gather(1, high)
    share = ((levels - before) / (after - before).clamp(min=TINY)).clamp(0, 1)
    return torch.lerp(ordered.gather(1, low), ordered.gather(1, high), share)


def sorted_loss(features: Float[Tensor, "1 c h w"], target: SortedTarget) -> Float[Tensor, ""]:
    """Compare the features with the style's along every direction, as distributions.

    mean |sort(F v) - sort(S v)|^2 / mean |S v|^2, both over the directions v and the positions (Heitz et al. 2021). The
    gradient flows through the values and not through their order. Without directions it is |F - match(F)|^2 / |S|^2,
    where match(F) has the style's histogram in every channel (Risser et al. 2017).

    2 n c k multiplications and k sorts of n numbers. Keeps one gradient of the features' size in fp32 and the target's
    k n numbers. Fewer directions than channels leave something unseen.
    """
    flat = full_precision(features).squeeze(0).flatten(1)
    wanted, directions = target
    with torch.no_grad():
        scale = wanted.numel() * (average(wanted.square()) + TINY)
        value, gradient = flat.new_zeros(()), torch.zeros_like(flat)
        for rows in row_chunks(len(wanted), CHUNK // flat.shape[1]):
            projections = _project(flat, directions, rows)
            error = projections.scatter(1, _order(projections), wanted[rows]).neg_().add_(projections)
            value += total(error.square()) / scale
            if directions is None:
                gradient[rows] = error.mul_(2 / scale)
            else:
                gradient.addmm_(directions[:, rows].to(flat) * (2 / scale), error)
    return with_gradient(value, flat, gradient)


def _project(flat: Float[Tensor, "c n"], directions: Float[Tensor, "c k"] | None, rows: slice) -> Tensor:
    """Return some rows of the projections; without directions the channels themselves."""
    return flat[rows].contiguous() if directions is None else directions[:, rows].T.to(flat) @ flat


def _sort(rows: Float[Tensor, "k n"]) -> Float[Tensor, "k n"]:
    # On a CPU NumPy sorts thirty times as fast as torch, which always carries the order along.
    return torch.from_numpy(np.sort(rows.numpy(), axis=1)) if rows.device.type == "cpu" else rows.sort(dim=1).values


def _order(rows: Float[Tensor, "k n"]) -> Int[Tensor, "k n"]:
    # Here NumPy is six times as fast.
    return torch.from_numpy(np.argsort(rows.numpy(), axis=1)) if rows.device.type == "cpu" else rows.argsort(dim=1)


def row_chunks(count: int, size: int) -> list[slice]:
    """Return slices of at most `size` (at least 1) of `count` rows."""
    size = max(size, 1)
    return [slice(start, min(start + size, count)) for start in range(0, count, size)]


class HistogramLoss(StyleLoss):
    """Histograms of every channel of each layer."""

    def measure(self, maps: Float[Tensor, "1 c h w"], weights: PositionWeights | None = None) -> Positions:
        """Return the features at all positions, or at those of a region."""
        return Positions(maps if weights is None else select(maps, weights.members))

    def prepare(self, target: Positions, canvas: Positions, generator: torch.Generator) -> SortedTarget:
        """Return the style's quantiles, one for each position of the canvas."""
        directions = self._directions(target.features.shape[1], generator)
        directions = None if directions is None else directions.to(target.features.device)
        return SortedTarget(quantiles(target, directions, count=canvas.count), directions)

    def _directions(self, channels: int, generator: torch.Generator) -> Float[Tensor, "c k"] | None:
        return None

    def loss(self, statistic: Positions, target: SortedTarget) -> Float[Tensor, ""]:
        """Compare sorted values."""
        return sorted_loss(statistic.features, target)


class SlicedLoss(HistogramLoss):
    """Projections of each layer's features on random directions."""

    def _directions(self, channels: int, generator: torch.Generator) -> Float[Tensor, "c k"]:
        return random_directions(channels, self.recipe.style.directions, generator)

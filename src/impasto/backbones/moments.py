"""Mean and covariance of feature maps: the statistic of Gaussian, Gram and mean/deviation style losses."""

from dataclasses import dataclass, replace
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from impasto.backbones.matmul import add_product, bf16_matmul, centered_chunks, chunks, flat, gradient_product


@dataclass(frozen=True, eq=False)
class Moments:
    """Mean and covariance of features over positions, in fp32 or better.

    `weight` is the number of positions, or the sum of their weights. The moments of disjoint positions can be added.
    """

    weight: float
    mean: Float[Tensor, "c"]
    covariance: Float[Tensor, "c c"]

    def __add__(self, other: "Moments") -> "Moments":
        """Return the moments of the positions of both."""
        total = self.weight + other.weight
        p, q = self.weight / total, other.weight / total
        mean = p * self.mean + q * other.mean
        # Computed about the common mean, because differences of large second moments lose precision.
        a, b = self.mean - mean, other.mean - mean
        return Moments(total, mean, p * (self.covariance + a.outer(a)) + q * (other.covariance + b.outer(b)))

    def scaled(self, weight: float) -> "Moments":
        """Return the same moments with another weight, for a mixture."""
        return replace(self, weight=weight)


def moments_of(features: Float[Tensor, "1 c h w"] | Moments) -> Moments:
    """Return the mean of the features over the positions and their covariance, in fp32 or better.

    Moments are returned unchanged. Takes 2 n c^2 multiplications, gradient included, and keeps only the features.
    """
    if isinstance(features, Moments):
        return features
    mean, covariance = _Moments.apply(features)  # type: ignore[no-untyped-call]
    return Moments(float(features.shape[2] * features.shape[3]), mean, covariance)


class _Moments(torch.autograd.Function):
    """Keeps only the features themselves for the gradient, in their own precision."""

    @staticmethod
    def forward(ctx: Any, features: Tensor) -> tuple[Tensor, Tensor]:
        sums = MomentSums()
        sums.add(features)
        moments = sums.moments()
        ctx.save_for_backward(features, moments.mean)
        return moments.mean, moments.covariance

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        features, mean = ctx.saved_tensors
        return moments_gradient(features, mean, *gradients, count=features.shape[2] * features.shape[3])


class MomentSums:
    """Accumulates the moments of a map that comes in one part or in several."""

    def __init__(self) -> None:
        self._count = 0

    def add(self, features: Float[Tensor, "1 c h w"]) -> None:
        """Add a part of the map."""
        maps = flat(features)
        if not self._count:
            # The mean of the first positions is close enough to that of all to keep small variances exact.
            self._shift = next(chunks(maps)).mean(dim=1)
            self._total = torch.zeros_like(self._shift)
            self._products = self._shift.new_zeros(len(maps), len(maps))
        self._count += maps.shape[1]
        with bf16_matmul(features):
            for chunk in centered_chunks(maps, self._shift):
                self._total += chunk.sum(dim=1)
                add_product(self._products, chunk.T, chunk.T)

    def moments(self) -> Moments:
        """Return mean m and covariance (F - m)(F - m)^T / n of all parts."""
        rest = self._total / self._count
        return Moments(float(self._count), self._shift + rest, self._products / self._count - rest.outer(rest))


def moments_gradient(
    features: Float[Tensor, "1 c h w"],
    mean: Float[Tensor, "c"],
    mean_gradient: Float[Tensor, "c"],
    covariance_gradient: Float[Tensor, "c c"],
    *,
    count: int,
) -> Float[Tensor, "1 c h w"]:
    """Return the gradient of a map, or of a part of it, from those of its moments: (D + D^T)(F - m) / n + d / n.

    `count` is n, the number of positions of the whole map. The result has the features' number format.
    """
    slope = (covariance_gradient + covariance_gradient.T) / count
    return gradient_product(slope, features, mean=mean, constant=mean_gradient / count)

"""What is kept of feature maps: statistics, which can be added for disjoint positions and mixed for several styles."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import reduce
from operator import add
from typing import Any, Protocol, TypeVar, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor

from impasto.backbones import full_precision, total
from impasto.losses.regions import PositionWeights, normalized


@runtime_checkable
class Statistic(Protocol):
    """A statistic of features at some positions.

    `a + b` is the statistic of the positions of both. `weight` is their number, or the sum of their weights, and
    `scaled(weight)` the same statistic with another weight, so that a mixture of styles is a weighted sum.
    """

    @property
    def weight(self) -> float:
        """Number of positions, or sum of their weights."""
        ...

    def __add__(self, other: Any, /) -> Any:
        """Return the statistic of the positions of both."""
        ...

    def scaled(self, weight: float) -> Any:
        """Return the same statistic with another weight."""
        ...


@dataclass(frozen=True, eq=False)
class Mean:
    """The mean of a quantity over positions, such as f f^T for a Gram matrix."""

    weight: float
    value: Float[Tensor, "*shape"]

    @classmethod
    def of(cls, maps: Float[Tensor, "1 c h w"], weights: PositionWeights | None = None) -> "Mean":
        """Return the mean of a map over its positions, in fp32 or better."""
        columns = full_precision(maps).flatten(2)[0]
        if weights is None:
            return cls(float(columns.shape[1]), columns.mean(dim=1))
        return cls(weights.count, columns @ weights.weights.to(columns))

    def __add__(self, other: "Mean") -> "Mean":
        """Return the mean over the positions of both."""
        both = self.weight + other.weight
        return Mean(both, (self.weight / both) * self.value + (other.weight / both) * other.value)

    def scaled(self, weight: float) -> "Mean":
        """Return the same mean with another weight."""
        return replace(self, weight=weight)


@dataclass(frozen=True, eq=False)
class Count:
    """The number of positions, or the sum of their weights, and nothing else."""

    weight: float

    def __add__(self, other: "Count") -> "Count":
        """Return the count of the positions of both."""
        return Count(self.weight + other.weight)

    def scaled(self, weight: float) -> "Count":
        """Return another count."""
        return Count(weight)


@dataclass(frozen=True, eq=False)
class Positions:
    """The features at some positions themselves; `weights` of the positions, None: 1 each."""

    features: Float[Tensor, "1 c _h _w"]
    weights: Float[Tensor, "n"] | None = None

    @property
    def weight(self) -> float:
        """Number of positions, or sum of their weights."""
        return float(self.count) if self.weights is None else float(total(self.weights))

    @property
    def shares(self) -> Float[Tensor, "n"]:
        """Weights that sum to 1; in float64 where all count alike."""
        if self.weights is None:
            return torch.full((self.count,), 1 / self.count, dtype=torch.float64)
        return normalized(self.weights)

    @property
    def count(self) -> int:
        """Number of positions."""
        return self.features.shape[2] * self.features.shape[3]

    @property
    def rows(self) -> Float[Tensor, "n c"]:
        """The features as one row for each position; a view of channels-last maps."""
        return self.features.squeeze(0).permute(1, 2, 0).flatten(0, 1)

    def __add__(self, other: "Positions") -> "Positions":
        """Return the positions of both."""
        features = torch.cat([part.features.flatten(2).unsqueeze(3) for part in (self, other)], dim=2)
        if self.weights is None and other.weights is None:
            return Positions(features)
        return Positions(features, torch.cat([self._all_weights(), other._all_weights()]))

    def scaled(self, weight: float) -> "Positions":
        """Return the same positions with another sum of weights."""
        own = self._all_weights()
        return replace(self, weights=own * (weight / total(own)))

    def _all_weights(self) -> Float[Tensor, "n"]:
        return full_precision(self.features.new_ones(self.count)) if self.weights is None else self.weights

    def sample(self, count: int, generator: torch.Generator) -> Float[Tensor, "_n c"]:
        """Return the features at `count` random positions, drawn by weight without repetition, or at all if fewer."""
        rows = self.rows
        if self.weights is None:
            if count >= len(rows):
                return full_precision(rows)
            chosen = torch.randperm(len(rows), generator=generator, device=generator.device)[:count]
        else:
            # The largest of u^(1/w) are a sample by weight without replacement (Efraimidis and Spirakis 2006).
            chance = torch.rand(len(rows), generator=generator, device=generator.device, dtype=torch.float32)
            keys = chance.log() / self.weights.to(chance).clamp(min=1e-30)
            chosen = keys.topk(min(count, len(rows))).indices
        return full_precision(rows[chosen.to(rows.device)])


AnyStatistic = TypeVar("AnyStatistic", bound=Statistic)


def mixed(statistics: Sequence[AnyStatistic], shares: Sequence[float]) -> AnyStatistic:
    """Return the statistic of a mixture: the weighted sum of several. One alone is returned as it is."""
    if len(statistics) == 1:
        return statistics[0]
    scaled = [statistic.scaled(share) for statistic, share in zip(statistics, shares, strict=True)]
    mixture: AnyStatistic = reduce(add, scaled)
    return mixture

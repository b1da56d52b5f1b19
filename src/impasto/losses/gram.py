"""The Gram loss of Gatys, Ecker and Bethge 2015."""

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from impasto.backbones import Moments, average, gradient_product, self_product, total
from impasto.losses.base import TINY, StyleLoss
from impasto.losses.regions import PositionWeights, regional_moments
from impasto.losses.statistics import Mean


def gram(features: Float[Tensor, "1 c h w"]) -> Float[Tensor, "c c"]:
    """Return the Gram matrix G = F F^T, summed over the positions (Gatys et al. 2015, eq. 3), in fp32 or better.

    It grows with the area of the picture; `mean_gram` does not.
    """
    product: Tensor = _Gram.apply(features)  # type: ignore[no-untyped-call]
    return product


class _Gram(torch.autograd.Function):
    """F F^T with the gradient (D + D^T) F: one product over the positions where automatic differentiation makes two."""

    @staticmethod
    def forward(ctx: Any, features: Tensor) -> Tensor:
        ctx.save_for_backward(features)
        return self_product(features)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        (features,) = ctx.saved_tensors
        return gradient_product(gradients[0] + gradients[0].T, features)


def mean_gram(features: Float[Tensor, "1 c h w"] | Moments) -> Float[Tensor, "c c"]:
    """Return the Gram matrix divided by the number of positions, the mean of f f^T; of moments C + m m^T.

    Pictures of different sizes can be compared by it, because each is divided by its own area.
    """
    if isinstance(features, Moments):
        return features.covariance + features.mean.outer(features.mean)
    return gram(features) / (features.shape[2] * features.shape[3])


class GramLoss(StyleLoss):
    """Gram matrices of each layer, each divided by its own number of positions.

    With N filters and M positions, G and A being sums over positions (Gatys et al. 2015, eq. 4), by the recipe's
    normalization: `paper`: 1/(4 N^2) sum (G/M - A/M)^2, the paper's 1/(4 N^2 M^2) sum (G - A)^2 for pictures of equal
    size; `size_free`: 1/N^2 sum (G/M - A/M)^2; `relative`: sum (G/M - A/M)^2 / sum (A/M)^2.
    """

    needs_maps = False

    def measure(self, maps: Float[Tensor, "1 c h w"] | Moments, weights: PositionWeights | None = None) -> Mean:
        """Return the mean of f f^T."""
        if weights is not None and not isinstance(maps, Moments):
            (maps,) = regional_moments(maps, [weights])
        count = maps.weight if isinstance(maps, Moments) else float(maps.shape[2] * maps.shape[3])
        return Mean(count, mean_gram(maps))

    def measure_regions(self, maps: Float[Tensor, "1 c h w"], regions: Any) -> list[Mean]:
        """Return the mean of f f^T in every region, in one pass."""
        return [self.measure(moments) for moments in regional_moments(maps, regions)]

    def loss(self, statistic: Mean, target: Mean) -> Float[Tensor, ""]:
        """Return the squared error of the Gram matrix."""
        squares = (statistic.value - target.value).square()
        if self.recipe.network.normalization == "relative":
            return total(squares) / (total(target.value.square()) + TINY)
        return average(squares) / 4 if self.recipe.network.normalization == "paper" else average(squares)

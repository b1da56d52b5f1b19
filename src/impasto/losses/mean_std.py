"""Styles as mean and standard deviation of every channel."""

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from impasto.backbones import Moments, centered_chunks, chunks, flat, rounded_mean
from impasto.losses.base import TINY, StyleLoss
from impasto.losses.regions import PositionWeights, regional_moments


def mean_std(features: Float[Tensor, "1 c h w"] | Moments) -> tuple[Float[Tensor, "c"], Float[Tensor, "c"]]:
    """Return the mean and the standard deviation of every channel over the positions, in fp32 or better.

    The gradient of the deviation of a channel that is constant is 0, where that of a bare root would be infinite.
    Keeps only the features themselves. Of moments the deviation is the root of the covariance's diagonal.
    """
    if isinstance(features, Moments):
        return features.mean, (features.covariance.diagonal().clamp(min=0) + TINY).sqrt()
    mean, std = _MeanStd.apply(features)  # type: ignore[no-untyped-call]
    return mean, std


class _MeanStd(torch.autograd.Function):
    """Mean m and deviation s; the gradient is d_m / n + d_s (F - m) / (n s), in one pass and in the order of memory."""

    @staticmethod
    def forward(ctx: Any, features: Tensor) -> tuple[Tensor, Tensor]:
        maps = flat(features)
        shift = next(chunks(maps)).mean(dim=1)
        total, squares = torch.zeros_like(shift), torch.zeros_like(shift)
        for some in centered_chunks(maps, shift):
            total += some.sum(dim=1)
            squares += some.square_().sum(dim=1)
        rest = total / maps.shape[1]
        mean = shift + rest
        std = ((squares / maps.shape[1] - rest.square()).clamp_(min=0) + TINY).sqrt()
        ctx.save_for_backward(features, mean, std)
        return mean, std

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        features, mean, std = ctx.saved_tensors
        maps = flat(features)
        slope = (gradients[1] / (maps.shape[1] * std)).to(features.dtype)
        near, rest = rounded_mean(mean, features.dtype)
        shift = (gradients[0] / maps.shape[1] - slope * rest).to(features.dtype)
        return (maps - near[:, None]).mul_(slope[:, None]).add_(shift[:, None]).reshape(features.shape)


class MeanStdLoss(StyleLoss):
    """Mean mu and standard deviation sigma of every channel of each layer.

    The statistics are those of Huang and Belongie 2017 (AdaIN), the loss that of Li et al. 2017 ("Demystifying Neural
    Style Transfer"): (|d mu|^2 + |d sigma|^2) / (|mu_t|^2 + |sigma_t|^2). Unlike a Gram loss it separates
    mean and variance.
    """

    needs_maps = False

    def measure(self, maps: Float[Tensor, "1 c h w"] | Moments, weights: PositionWeights | None = None) -> Moments:
        """Return mean and covariance; without weights only the covariance's diagonal is computed."""
        if isinstance(maps, Moments):
            return maps
        if weights is not None:
            return regional_moments(maps, [weights])[0]
        mean, std = mean_std(maps)
        return Moments(float(maps.shape[2] * maps.shape[3]), mean, torch.diag(std.square()))

    def measure_regions(self, maps: Float[Tensor, "1 c h w"], regions: Any) -> list[Moments]:
        """Return mean and covariance in every region, in one pass."""
        return regional_moments(maps, regions)

    def loss(self, statistic: Moments, target: Moments) -> Float[Tensor, ""]:
        """Return the squared error of means and deviations, relative to the target's."""
        (mean, std), (target_mean, target_std) = mean_std(statistic), mean_std(target)
        error = (mean - target_mean).square().sum() + (std - target_std).square().sum()
        return error / (target_mean.square().sum() + target_std.square().sum() + TINY)

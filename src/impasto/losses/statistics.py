"""Statistics of feature maps that a style is described by."""

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from impasto.backbones.moments import Moments
from impasto.backbones.products import self_product, slope_product


def gram(features: Float[Tensor, "1 c h w"]) -> Float[Tensor, "c c"]:
    """Return the Gram matrix G = F F^T, summed over the positions (Gatys et al. 2015, eq. 3), in fp32 or better.

    It grows with the area of the picture; `mean_gram` does not.
    """
    product: Tensor = _SelfProduct.apply(features)  # type: ignore[no-untyped-call]
    return product


class _SelfProduct(torch.autograd.Function):
    """F F^T with the gradient (D + D^T) F: one product over the positions, where automatic differentiation makes two.

    At 512 px that is a fourteenth of the time of a step.
    """

    @staticmethod
    def forward(ctx: Any, features: Tensor) -> Tensor:
        ctx.save_for_backward(features)
        return self_product(features)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        (features,) = ctx.saved_tensors
        return slope_product(gradients[0] + gradients[0].T, features)


def mean_gram(features: Float[Tensor, "1 c h w"] | Moments) -> Float[Tensor, "c c"]:
    """Return the Gram matrix divided by the number of positions: the mean of f f^T.

    Pictures of different sizes can be compared by it, because each is divided by its own area. Of moments it
    is the covariance plus m m^T.
    """
    if isinstance(features, Moments):
        return features.covariance + features.mean.outer(features.mean)
    return gram(features) / (features.shape[2] * features.shape[3])

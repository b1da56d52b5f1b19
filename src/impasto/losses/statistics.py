"""Statistics of feature maps that a style is described by."""

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor


def gram(features: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c c"]:
    """Return the Gram matrix G = F F^T, summed over the positions (Gatys et al. 2015, eq. 3), in fp32 or better.

    It grows with the area of the picture; `mean_gram` does not.
    """
    product: Tensor = _SelfProduct.apply(precise(features).flatten(2))  # type: ignore[no-untyped-call]
    return product


class _SelfProduct(torch.autograd.Function):
    """F F^T with the gradient (D + D^T) F: one product over the positions, where automatic differentiation makes two.

    At 512 px that is a fourteenth of the time of a step.
    """

    @staticmethod
    def forward(ctx: Any, flat: Tensor) -> Tensor:
        ctx.save_for_backward(flat)
        return flat @ flat.mT

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        (flat,) = ctx.saved_tensors
        gradient = gradients[0]
        # So written, the gradient lies in memory as the maps do (channels last): a mixed order is slow further down.
        product: Tensor = (flat.mT @ (gradient + gradient.mT)).mT
        return product


def mean_gram(features: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c c"]:
    """Return the Gram matrix divided by the number of positions: the mean of f f^T.

    Pictures of different sizes can be compared by it, because each is divided by its own area.
    """
    return gram(features) / (features.shape[2] * features.shape[3])


def precise(features: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c h w"]:
    """Return half-precision features as fp32: sums over a whole picture need it."""
    return features.float() if features.dtype.itemsize < 4 else features

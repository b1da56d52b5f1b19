"""Derivatives written by hand, for losses of which automatic differentiation would keep too much."""

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor


def with_gradient(
    value: Float[Tensor, ""], variable: Float[Tensor, "*shape"], gradient: Float[Tensor, "*shape"]
) -> Float[Tensor, ""]:
    """Return `value` as a function of `variable` whose gradient is already known; nothing but `gradient` is kept.

    `value` and `gradient` are constants for whoever computes them. The result can be differentiated once.
    """
    result: Tensor = _Known.apply(value, variable, gradient)  # type: ignore[no-untyped-call]
    return result


class _Known(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, value: Tensor, variable: Tensor, gradient: Tensor) -> Tensor:
        ctx.save_for_backward(gradient)
        return value.clone()

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[None, Tensor, None]:
        (gradient,) = ctx.saved_tensors
        return None, gradients[0] * gradient, None

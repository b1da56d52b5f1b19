"""Hand-written derivatives of losses for which automatic differentiation would keep too much memory."""

from collections.abc import Iterator
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from impasto.backbones import chunk_size, full_precision, total


def with_gradient(
    value: Float[Tensor, ""], variable: Float[Tensor, "*shape"], gradient: Float[Tensor, "*shape"]
) -> Float[Tensor, ""]:
    """Return `value` as a function of `variable` whose gradient is already known; only `gradient` is kept.

    `value` and `gradient` are computed without automatic differentiation. The result can be differentiated once.
    """
    result: Tensor = _KnownGradient.apply(value, variable, gradient)  # type: ignore[no-untyped-call]
    return result


class _KnownGradient(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, value: Tensor, variable: Tensor, gradient: Tensor) -> Tensor:
        ctx.save_for_backward(gradient)
        return value.clone()

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[None, Tensor, None]:
        (gradient,) = ctx.saved_tensors
        return None, gradients[0] * gradient, None


def squared_error(
    features: Float[Tensor, "b c h w"],
    target: Float[Tensor, "b c h w"],
    weight: Float[Tensor, "1 1 h w"] | None = None,
) -> Float[Tensor, ""]:
    """Return sum w (F - P)^2 in fp32 or better; without a weight every position counts alike.

    Target and weight get no gradient. Keeps the features themselves, and on a CPU needs memory for a few rows only,
    where automatic differentiation keeps maps in fp32: a third of a gigabyte for one layer of a picture of a megapixel.
    """
    error: Tensor = _SquaredError.apply(features, target.detach(), weight)  # type: ignore[no-untyped-call]
    return error


class _SquaredError(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, features: Tensor, target: Tensor, weight: Tensor | None) -> Tensor:
        ctx.save_for_backward(features, target, weight)
        error = full_precision(features.new_zeros(()))
        for rows in _row_chunks(features):
            difference = _difference(features, target, rows).square_()
            if weight is not None:
                difference.mul_(weight[:, :, rows])
            error += total(difference)
        return error

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        features, target, weight = ctx.saved_tensors
        slope = torch.empty_like(features)
        for rows in _row_chunks(features):
            difference = _difference(features, target, rows).mul_(2 * gradients[0])
            if weight is not None:
                difference.mul_(weight[:, :, rows])
            slope[:, :, rows] = difference
        return slope, None, None


def _difference(features: Tensor, target: Tensor, rows: slice) -> Tensor:
    some = features[:, :, rows]
    return some.to(full_precision(some.new_zeros(())).dtype, copy=True).sub_(target[:, :, rows])


def _row_chunks(maps: Float[Tensor, "b c h w"]) -> Iterator[slice]:
    height = maps.shape[2]
    step = max(1, chunk_size(1, maps.device) * height // maps.numel()) if maps.numel() else 1
    for top in range(0, height, step):
        yield slice(top, top + step)

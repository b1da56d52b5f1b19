"""Sums of squares over whole maps, a few rows at a time."""

from collections.abc import Iterator
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from impasto.backbones.products import NUMBERS_AT_ONCE, precise


def squared_error(
    features: Float[Tensor, "b c h w"],
    target: Float[Tensor, "b c h w"],
    weight: Float[Tensor, "1 1 h w"] | None = None,
) -> Float[Tensor, ""]:
    """Return sum w (F - P)^2 in fp32 or better; without a weight every place counts alike.

    Target and weight get no gradient. Keeps the features themselves, and needs memory for a few rows only, where
    automatic differentiation keeps maps in fp32: a third of a gigabyte for one layer of a picture of a megapixel.
    """
    error: Tensor = _SquaredError.apply(features, target.detach(), weight)  # type: ignore[no-untyped-call]
    return error


def squared_sum(target: Float[Tensor, "b c h w"], weight: Float[Tensor, "1 1 h w"] | None = None) -> Float[Tensor, ""]:
    """Return sum w P^2 in fp32 or better."""
    return squared_error(target.detach(), target.new_zeros(()).expand_as(target), weight)


class _SquaredError(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, features: Tensor, target: Tensor, weight: Tensor | None) -> Tensor:
        ctx.save_for_backward(features, target, weight)
        total = precise(features.new_zeros(()))
        for rows in _some_rows(features):
            difference = _difference(features, target, rows).square_()
            if weight is not None:
                difference.mul_(weight[:, :, rows])
            total += difference.sum()
        return total

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        features, target, weight = ctx.saved_tensors
        slope = torch.empty_like(features)
        for rows in _some_rows(features):
            difference = _difference(features, target, rows).mul_(2 * gradients[0])
            if weight is not None:
                difference.mul_(weight[:, :, rows])
            slope[:, :, rows] = difference
        return slope, None, None


def _difference(features: Tensor, target: Tensor, rows: slice) -> Tensor:
    some = features[:, :, rows]
    return some.to(precise(some.new_zeros(())).dtype, copy=True).sub_(target[:, :, rows])


def _some_rows(maps: Float[Tensor, "b c h w"]) -> Iterator[slice]:
    height = maps.shape[2]
    step = max(1, NUMBERS_AT_ONCE * height // maps.numel()) if maps.numel() else 1
    for top in range(0, height, step):
        yield slice(top, top + step)

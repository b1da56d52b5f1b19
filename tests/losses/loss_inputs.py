"""Random maps, pictures and masks, and losses of them without a network."""

import torch
from torch import Tensor

from impasto.losses import CONTENT_LOSSES, STYLE_LOSSES, PositionWeights, StyleLoss
from impasto.recipe import LossSettings, Recipe

OF_MOMENTS = ("gram", "mean_std", "wasserstein")
OF_POSITIONS = ("sliced", "histogram", "nearest", "relaxed_emd")
OF_LAYERS = (*OF_MOMENTS, "sliced", "histogram", "nearest")
"""The style losses that compare each layer's map."""


def seeded(seed: int = 3) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def random_map(channels: int, height: int, width: int, seed: int = 0, dtype=torch.float64) -> Tensor:
    """Draw correlated channels of different scale, rectified, without exact zeros."""
    generator = seeded(seed)
    mixture = torch.randn(channels, channels, generator=generator, dtype=torch.float64)
    noise = torch.randn(channels, height * width, generator=generator, dtype=torch.float64)
    return ((mixture @ noise).abs() + 0.01).reshape(1, channels, height, width).to(dtype)


def random_picture(height: int, width: int, seed: int = 0, dtype=torch.float64) -> Tensor:
    """Draw independent pixels in [0, 1]."""
    return torch.rand(1, 3, height, width, generator=seeded(seed), dtype=torch.float64).to(dtype)


def rows_of(maps: Tensor) -> Tensor:
    """Return a map as one row of features for each position."""
    return maps[0].flatten(1).T


def style_loss(name: str, **changes) -> StyleLoss:
    """Return a style loss with few directions and, unless stated otherwise, more samples than there are positions."""
    recipe = Recipe(**{"samples": 1000, "directions": 5, "style_layers": "conv1_1", **changes})
    return STYLE_LOSSES[name](recipe, LossSettings(weight=1.0))


def content_loss(name: str, **changes):
    return CONTENT_LOSSES[name](Recipe(**changes), LossSettings(weight=1.0))


def bind(loss: StyleLoss, style: Tensor, count_like: Tensor, weights: PositionWeights | None = None):
    """Return the loss as a function of a map with the positions of `count_like`; `weights` are those of the canvas."""
    canvas = loss.measure(count_like, weights)
    target = loss.prepare(loss.summarize(loss.measure(style)), canvas, seeded())
    return lambda maps: loss.loss(loss.measure(maps, weights), target)


def soft_mask(height: int = 24, width: int = 32, *, seed: int = 0) -> Tensor:
    """Draw a smooth mask that is 0 in places, 1 in others, and everything between."""
    y, x = torch.meshgrid(torch.linspace(0, 3, height), torch.linspace(0, 4, width), indexing="ij")
    wave = torch.sin(1.7 * x + seed) * torch.cos(1.3 * y - seed) + 0.3 * torch.sin(x + 2 * y)
    return (1.5 * wave + 0.5).clamp(0, 1)[None, None].double()


def halves(height: int = 24, width: int = 32) -> tuple[Tensor, Tensor]:
    left = torch.zeros(1, 1, height, width, dtype=torch.float64)
    left[..., : width // 2] = 1
    return left, 1 - left


def check_slope(function, picture: Tensor, *, step: float, seeds: int = 2) -> None:
    """Compare the gradient of a function of a picture with finite differences in a few random directions."""
    leaf = picture.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(function(leaf), leaf)
    assert torch.isfinite(gradient).all()
    assert gradient.abs().max() > 0
    for seed in range(seeds):
        direction = torch.randn(picture.shape, generator=seeded(seed), dtype=picture.dtype)
        ahead, behind = (float(function(picture + sign * step * direction)) for sign in (1, -1))
        slope = float((gradient * direction).sum())
        scale = float(gradient.norm() * direction.norm()) / picture.numel() ** 0.5
        assert abs((ahead - behind) / (2 * step) - slope) <= 1e-3 * max(abs(slope), scale)

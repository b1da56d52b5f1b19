"""Style losses of one layer by the names that a recipe gives them, each bound to what it compares with."""

from collections.abc import Callable
from typing import Final, TypeAlias

import torch
from jaxtyping import Float
from torch import Tensor

from impasto.backbones.moments import Moments, mean_covariance
from impasto.losses.lessons import Lesson
from impasto.losses.matching import (
    histogram_loss,
    histogram_targets,
    mixed_targets,
    nearest_neighbor_loss,
    random_directions,
    sliced_targets,
    sliced_wasserstein_loss,
)
from impasto.losses.moments import gaussian_loss, gaussian_target, mean_std, mean_std_loss
from impasto.losses.sampling import sample_vectors
from impasto.losses.statistics import mean_gram
from impasto.losses.terms import style_loss
from impasto.recipe import Recipe

MapLoss: TypeAlias = Callable[[Float[Tensor, "1 c h w"]], Float[Tensor, ""]]
MomentLoss: TypeAlias = Callable[..., Float[Tensor, ""]]
"""Takes a map or its moments; the Wasserstein loss also the weights of a small map's positions."""


def _gram(recipe: Recipe, style: Tensor | Moments) -> MomentLoss:
    target = mean_gram(style)
    return lambda features: style_loss(mean_gram(features), target, normalization=recipe.normalization)


def _mean_std(recipe: Recipe, style: Tensor | Moments) -> MomentLoss:
    target = mean_std(style)
    return lambda features: mean_std_loss(*mean_std(features), *target)


def _wasserstein(recipe: Recipe, style: Tensor | Moments) -> MomentLoss:
    target = gaussian_target(*mean_covariance(style))
    return lambda features, weights=None: gaussian_loss(features, target, weights)


def _sliced(recipe: Recipe, lesson: Lesson, layer: str, positions: int, generator: torch.Generator) -> MapLoss:
    taught = lesson.vectors(layer, positions)
    some = taught[0][0]
    directions = random_directions(some.shape[1], recipe.directions, generator).to(some.device)
    target = mixed_targets([sliced_targets(maps, directions, positions=n) for maps, n in taught])
    return lambda features: sliced_wasserstein_loss(features, target, directions)


def _histogram(recipe: Recipe, lesson: Lesson, layer: str, positions: int, generator: torch.Generator) -> MapLoss:
    target = mixed_targets([histogram_targets(maps, positions=n) for maps, n in lesson.vectors(layer, positions)])
    return lambda features: histogram_loss(features, target)


def _nearest(recipe: Recipe, lesson: Lesson, layer: str, positions: int, generator: torch.Generator) -> MapLoss:
    taught = lesson.vectors(layer, recipe.samples)
    vectors = torch.cat([sample_vectors(maps, n, generator) for maps, n in taught])
    return lambda features: nearest_neighbor_loss(features, vectors)


MOMENT_LOSSES: Final[dict[str, Callable[[Recipe, Tensor | Moments], MomentLoss]]] = {
    "gram": _gram,
    "mean_std": _mean_std,
    "wasserstein": _wasserstein,
}
"""Style losses of one layer that look at its mean and covariance; each takes the recipe and the style's."""

MAP_LOSSES: Final[dict[str, Callable[[Recipe, Lesson, str, int, torch.Generator], MapLoss]]] = {
    "sliced": _sliced,
    "histogram": _histogram,
    "nearest": _nearest,
}
"""Style losses that look at every position of a layer; each takes the recipe, the lesson, the layer, and the number of
positions that learn it on the canvas."""

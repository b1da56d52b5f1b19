"""The losses by the names that a recipe gives them, each bound to what it compares with."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import torch
from jaxtyping import Float
from torch import Tensor

from impasto.backbones import Features
from impasto.backbones.moments import Moments, mean_covariance
from impasto.losses.grain import grain, grain_loss
from impasto.losses.layout import MOST_VECTORS, laplacian_loss, self_similarity_loss
from impasto.losses.matching import (
    histogram_loss,
    histogram_targets,
    nearest_neighbor_loss,
    random_directions,
    relaxed_emd_loss,
    sliced_targets,
    sliced_wasserstein_loss,
)
from impasto.losses.moments import gaussian_loss, gaussian_target, mean_std, mean_std_loss
from impasto.losses.sampling import hypercolumns, layer_scales, sample_positions, sample_vectors
from impasto.losses.statistics import mean_gram
from impasto.losses.terms import content_loss, content_scale, style_loss
from impasto.networks import layer_stride
from impasto.recipe import Recipe

Maps: TypeAlias = Mapping[str, Float[Tensor, "1 _c _h _w"]]
MapLoss: TypeAlias = Callable[[Float[Tensor, "1 c h w"]], Float[Tensor, ""]]
MomentLoss: TypeAlias = Callable[[Float[Tensor, "1 c h w"] | Moments], Float[Tensor, ""]]


@dataclass(frozen=True, eq=False)
class View:
    """A picture, RGB in [0, 1], and what the network sees in it."""

    picture: Float[Tensor, "1 3 h w"]
    features: Features


Term: TypeAlias = Callable[[View], Float[Tensor, ""]]


@dataclass(frozen=True, kw_only=True, eq=False)
class Models:
    """What a canvas is compared with at one size: photo and style image.

    `importance` tells how much each place of the photo counts, about 1 on average; None: all alike.
    """

    content: View
    style: View
    importance: Float[Tensor, "1 1 h w"] | None = None


def content_term(name: str, recipe: Recipe, models: Models, generator: torch.Generator) -> Term:
    """Return the content loss of that name on the recipe's content layers; layer weights count for `features` alone."""
    if name == "laplacian":
        photo = models.content.picture
        return lambda view: laplacian_loss(view.picture, photo)
    if name == "self_similarity":
        return _self_similarity(recipe, models, generator)
    return _features(recipe, models)


def style_term(name: str, recipe: Recipe, models: Models, generator: torch.Generator) -> Term:
    """Return the style loss of that name on the recipe's style layers, weighted (all alike in `relaxed_emd`).

    `grain` looks at the pixels, and at no layer.
    """
    if name == "grain":
        return _grain(models)
    if name == "relaxed_emd":
        return _relaxed_emd(recipe, models, generator)
    weights = {layer: weight for layer, weight in recipe.style_layer_weights.items() if weight}
    if name in _MOMENT_LOSSES:
        by_moments = {layer: _MOMENT_LOSSES[name](recipe, _taught(recipe, models, layer)) for layer in weights}
        return lambda view: _sum(
            view, {layer: weight * by_moments[layer](view.features.seen(layer)) for layer, weight in weights.items()}
        )
    losses = {}
    for layer in weights:
        maps, positions = _inner(models.style.features[layer], recipe), _area(models.content.picture, layer)
        losses[layer] = _MAP_LOSSES[name](recipe, maps, positions, generator)
    return lambda view: _sum(
        view, {layer: weight * losses[layer](view.features[layer]) for layer, weight in weights.items()}
    )


def layers_of_moments(recipe: Recipe) -> frozenset[str]:
    """Return the layers in which all that a recipe's terms look at is mean and covariance."""
    if not set(_weighted(recipe.style_loss_weights)) <= {*_MOMENT_LOSSES, "grain"}:
        return frozenset()
    return frozenset(_weighted(recipe.style_layer_weights)) - frozenset(_weighted(recipe.content_layer_weights))


def _weighted(weights: Mapping[str, float]) -> list[str]:
    return [name for name, weight in weights.items() if weight]


def _sum(view: View, parts: Mapping[str, Float[Tensor, ""]]) -> Float[Tensor, ""]:
    return sum(parts.values(), start=view.picture.new_zeros(()))


# -- content -----------------------------------------------------------------------------------------------------------


def _features(recipe: Recipe, models: Models) -> Term:
    weights = {layer: weight for layer, weight in recipe.content_layer_weights.items() if weight}
    targets = {layer: models.content.features[layer] for layer in weights}
    places = (
        {}
        if models.importance is None or recipe.normalization != "relative"
        else {
            layer: torch.nn.functional.adaptive_avg_pool2d(models.importance, (target.shape[2], target.shape[3]))
            for layer, target in targets.items()
        }
    )

    how: Any = {"normalization": recipe.normalization}
    scales = {
        layer: content_scale(target, weight=places.get(layer), **how).detach() for layer, target in targets.items()
    }

    def compare(view: View, layer: str) -> Float[Tensor, ""]:
        maps, weight = view.features[layer], places.get(layer)
        return content_loss(maps, targets[layer], weight=weight, scale=scales[layer], **how)

    return lambda view: _sum(view, {layer: weight * compare(view, layer) for layer, weight in weights.items()})


def _self_similarity(recipe: Recipe, models: Models, generator: torch.Generator) -> Term:
    target, columns = _columns(models.content, recipe.content_layer_weights)
    positions = _positions(models.content, min(recipe.samples, MOST_VECTORS), generator)
    vectors = columns(target, positions)
    return lambda view: self_similarity_loss(columns(view.features, positions), vectors)


# -- style -------------------------------------------------------------------------------------------------------------


def untaught_border(recipe: Recipe) -> int:
    """Return how many outermost positions of the style's maps do not teach.

    Where a style image is cut, strokes end and what is beyond is invented by the padding; a canvas that learns from
    there grows a border.
    """
    return 1 if recipe.style_margin and recipe.style_crop is None else 0


def _inner(features: Float[Tensor, "1 c h w"], recipe: Recipe) -> Float[Tensor, "1 c _h _w"]:
    """Leave the border that does not teach out of maps of 6 x 6 and more."""
    border = untaught_border(recipe)
    if not border or min(features.shape[2:]) < 6:
        return features
    return features[:, :, border:-border, border:-border].contiguous(memory_format=torch.channels_last)


def _taught(recipe: Recipe, models: Models, layer: str) -> Tensor | Moments:
    """Return what a layer teaches: a map, or moments that leave the border out already."""
    seen = models.style.features.seen(layer)
    return seen if isinstance(seen, Moments) else _inner(seen, recipe)


def _gram(recipe: Recipe, style: Tensor | Moments) -> MomentLoss:
    target = mean_gram(style)
    return lambda features: style_loss(mean_gram(features), target, normalization=recipe.normalization)


def _mean_std(recipe: Recipe, style: Tensor | Moments) -> MomentLoss:
    target = mean_std(style)
    return lambda features: mean_std_loss(*mean_std(features), *target)


def _wasserstein(recipe: Recipe, style: Tensor | Moments) -> MomentLoss:
    target = gaussian_target(*mean_covariance(style))
    return lambda features: gaussian_loss(features, target)


def _sliced(recipe: Recipe, style: Tensor, positions: int, generator: torch.Generator) -> MapLoss:
    directions = random_directions(style.shape[1], recipe.directions, generator).to(style.device)
    target = sliced_targets(style, directions, positions=positions)
    return lambda features: sliced_wasserstein_loss(features, target, directions)


def _histogram(recipe: Recipe, style: Tensor, positions: int, generator: torch.Generator) -> MapLoss:
    target = histogram_targets(style, positions=positions)
    return lambda features: histogram_loss(features, target)


def _nearest(recipe: Recipe, style: Tensor, positions: int, generator: torch.Generator) -> MapLoss:
    vectors = sample_vectors(style, recipe.samples, generator)
    return lambda features: nearest_neighbor_loss(features, vectors)


_MOMENT_LOSSES: Final[dict[str, Callable[[Recipe, Tensor | Moments], MomentLoss]]] = {
    "gram": _gram,
    "mean_std": _mean_std,
    "wasserstein": _wasserstein,
}
"""Style losses of one layer that look at its mean and covariance; each takes the recipe and the style's."""

_MAP_LOSSES: Final[dict[str, Callable[[Recipe, Tensor, int, torch.Generator], MapLoss]]] = {
    "sliced": _sliced,
    "histogram": _histogram,
    "nearest": _nearest,
}
"""Style losses that look at every position of a layer; each takes the recipe, the style's features, and the number of
positions that the canvas has in this layer."""


def _relaxed_emd(recipe: Recipe, models: Models, generator: torch.Generator) -> Term:
    target, columns = _columns(models.style, recipe.style_layer_weights)
    vectors = columns(target, _positions(models.style, recipe.samples, generator))
    positions = _positions(models.content, recipe.samples, generator)
    return lambda view: relaxed_emd_loss(columns(view.features, positions), vectors)


def _grain(models: Models) -> Term:
    target = grain(models.style.picture)
    return lambda view: grain_loss(grain(view.picture), target)


# -- sampled places ----------------------------------------------------------------------------------------------------


def _columns(view: View, weights: Mapping[str, float]) -> tuple[Maps, Callable[[Maps, Tensor], Tensor]]:
    """Return a view's maps of the layers that have a weight, and what reads any view's hypercolumns on their scale."""
    layers = [layer for layer, weight in weights.items() if weight]
    chosen = {layer: view.features[layer] for layer in layers}
    scales = layer_scales(chosen)
    return chosen, lambda maps, places: hypercolumns({layer: maps[layer] for layer in layers}, places, scales=scales)


def _positions(view: View, samples: int, generator: torch.Generator) -> Float[Tensor, "n 2"]:
    height, width = view.picture.shape[2:]
    return sample_positions(height, width, samples, generator).to(view.picture.device)


def _area(picture: Float[Tensor, "1 3 h w"], layer: str) -> int:
    """Return how many positions the layer's map of a picture has."""
    stride = layer_stride(layer)
    return (picture.shape[2] // stride) * (picture.shape[3] // stride)

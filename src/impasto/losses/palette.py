"""The losses by the names that a recipe gives them, each bound to what it compares with."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias

import torch
from jaxtyping import Float
from torch import Tensor

from impasto.losses.grain import grain, grain_loss
from impasto.losses.layout import MOST_VECTORS, laplacian_loss, self_similarity_loss, weighted_content_loss
from impasto.losses.matching import (
    histogram_loss,
    histogram_targets,
    nearest_neighbor_loss,
    random_directions,
    relaxed_emd_loss,
    sliced_targets,
    sliced_wasserstein_loss,
)
from impasto.losses.moments import gaussian_loss, gaussian_target, mean_covariance, mean_std, mean_std_loss
from impasto.losses.sampling import hypercolumns, layer_scales, sample_positions, sample_vectors
from impasto.losses.statistics import mean_gram
from impasto.losses.terms import content_loss, style_loss
from impasto.recipe import Recipe

Maps: TypeAlias = Mapping[str, Float[Tensor, "1 _c _h _w"]]
LayerLoss: TypeAlias = Callable[[Float[Tensor, "1 c h w"]], Float[Tensor, ""]]


@dataclass(frozen=True, eq=False)
class View:
    """A picture, RGB in [0, 1], and what the network sees in it."""

    picture: Float[Tensor, "1 3 h w"]
    features: Maps


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
    learn = _inner if recipe.style_margin and recipe.style_crop is None else _whole
    losses = {
        layer: _LAYER_LOSSES[name](
            recipe, learn(models.style.features[layer]), _area(models.content.features[layer]), generator
        )
        for layer in weights
    }
    return lambda view: _sum(
        view, {layer: weight * losses[layer](view.features[layer]) for layer, weight in weights.items()}
    )


def _sum(view: View, parts: Mapping[str, Float[Tensor, ""]]) -> Float[Tensor, ""]:
    return sum(parts.values(), start=view.picture.new_zeros(()))


# -- content -----------------------------------------------------------------------------------------------------------


def _features(recipe: Recipe, models: Models) -> Term:
    weights = {layer: weight for layer, weight in recipe.content_layer_weights.items() if weight}
    targets = {layer: models.content.features[layer] for layer in weights}
    maps = (
        {}
        if models.importance is None
        else {
            layer: torch.nn.functional.adaptive_avg_pool2d(models.importance, (target.shape[2], target.shape[3]))
            for layer, target in targets.items()
        }
    )

    def term(view: View) -> Float[Tensor, ""]:
        parts = {}
        for layer, weight in weights.items():
            features, target = view.features[layer], targets[layer]
            if layer in maps and recipe.normalization == "relative":
                loss = weighted_content_loss(features, target, maps[layer])
            else:
                loss = content_loss(features, target, normalization=recipe.normalization)
            parts[layer] = weight * loss
        return _sum(view, parts)

    return term


def _self_similarity(recipe: Recipe, models: Models, generator: torch.Generator) -> Term:
    target, columns = _columns(models.content, recipe.content_layer_weights)
    positions = _positions(models.content, min(recipe.samples, MOST_VECTORS), generator)
    vectors = columns(target, positions)
    return lambda view: self_similarity_loss(columns(view.features, positions), vectors)


# -- style -------------------------------------------------------------------------------------------------------------


def _whole(features: Float[Tensor, "1 c h w"]) -> Float[Tensor, "1 c h w"]:
    return features


def _inner(features: Float[Tensor, "1 c h w"]) -> Float[Tensor, "1 c _h _w"]:
    """Leave the outermost positions out of maps of 6 x 6 and more.

    Where a style image is cut, strokes end and what is beyond is invented by the padding; a canvas that learns from
    there grows a border.
    """
    if min(features.shape[2:]) < 6:
        return features
    return features[:, :, 1:-1, 1:-1].contiguous(memory_format=torch.channels_last)


def _gram(recipe: Recipe, style: Tensor, positions: int, generator: torch.Generator) -> LayerLoss:
    target = mean_gram(style)
    return lambda features: style_loss(mean_gram(features), target, normalization=recipe.normalization)


def _mean_std(recipe: Recipe, style: Tensor, positions: int, generator: torch.Generator) -> LayerLoss:
    target = mean_std(style)
    return lambda features: mean_std_loss(*mean_std(features), *target)


def _wasserstein(recipe: Recipe, style: Tensor, positions: int, generator: torch.Generator) -> LayerLoss:
    target = gaussian_target(*mean_covariance(style))
    return lambda features: gaussian_loss(features, target)


def _sliced(recipe: Recipe, style: Tensor, positions: int, generator: torch.Generator) -> LayerLoss:
    directions = random_directions(style.shape[1], recipe.directions, generator).to(style.device)
    target = sliced_targets(style, directions, positions=positions)
    return lambda features: sliced_wasserstein_loss(features, target, directions)


def _histogram(recipe: Recipe, style: Tensor, positions: int, generator: torch.Generator) -> LayerLoss:
    target = histogram_targets(style, positions=positions)
    return lambda features: histogram_loss(features, target)


def _nearest(recipe: Recipe, style: Tensor, positions: int, generator: torch.Generator) -> LayerLoss:
    vectors = sample_vectors(style, recipe.samples, generator)
    return lambda features: nearest_neighbor_loss(features, vectors)


_LAYER_LOSSES: Final[dict[str, Callable[[Recipe, Tensor, int, torch.Generator], LayerLoss]]] = {
    "gram": _gram,
    "mean_std": _mean_std,
    "wasserstein": _wasserstein,
    "sliced": _sliced,
    "histogram": _histogram,
    "nearest": _nearest,
}
"""Style losses that look at one layer at a time; each takes the recipe, the style's features, and the number of
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


def _area(features: Float[Tensor, "1 c h w"]) -> int:
    return features.shape[2] * features.shape[3]

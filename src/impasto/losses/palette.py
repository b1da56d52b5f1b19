"""The losses by the names that a recipe gives them, each bound to what it compares with."""

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

import torch
from jaxtyping import Float
from torch import Tensor

from impasto.losses.gamut import Gamut, regional_gamut
from impasto.losses.grain import grain, grain_loss, neighbor_shares, regional_grain
from impasto.losses.layer_losses import MOMENT_LOSSES
from impasto.losses.layout import MOST_VECTORS, laplacian_loss, self_similarity_loss
from impasto.losses.lessons import Lesson, Teacher, View, sum_of
from impasto.losses.matching import relaxed_emd_loss
from impasto.losses.parts import Models, layer_loss, parts_in
from impasto.losses.sampling import hypercolumns, layer_scales, sample_positions
from impasto.losses.terms import content_loss, content_scale
from impasto.recipe import Recipe

Term: TypeAlias = Callable[[View], Float[Tensor, ""]]


_FEWEST_SAMPLES: Final = 64
"""Samples by which a part is known, however small it is."""


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

    `grain` looks at the pixels, and at no layer. Where several parts of the canvas learn different things, each has a
    loss of its own, which counts by its share of the canvas.
    """
    if name == "gradient_energy":
        return _grain(models)
    if name == "relaxed_emd":
        return _relaxed_emd(recipe, models, generator)
    weights = {layer: weight for layer, weight in recipe.style_layer_weights.items() if weight}
    losses = {layer: layer_loss(name, recipe, models, layer, generator) for layer in weights}
    return lambda view: _sum(
        view, {layer: weight * losses[layer](view.features.seen(layer)) for layer, weight in weights.items()}
    )


def too_small(recipe: Recipe, models: Models) -> list[tuple[int, tuple[str, ...]]]:
    """Return the lessons, by their numbers, whose part is too small for some layers, and these layers."""
    missing = []
    for number in range(len(models.lessons)):
        layers = [
            layer for layer in _weighted(recipe.style_layer_weights) if number not in parts_in(recipe, models, layer)
        ]
        if layers:
            missing.append((number, tuple(layers)))
    return missing


def layers_of_moments(recipe: Recipe) -> frozenset[str]:
    """Return the layers in which all that a recipe's terms look at is mean and covariance."""
    if not set(_weighted(recipe.style_loss_weights)) <= {*MOMENT_LOSSES, "gradient_energy"}:
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
    layers = _weighted(recipe.content_layer_weights)
    scales = layer_scales({layer: models.content.features[layer] for layer in layers})
    positions = _positions(models.content, min(recipe.samples, MOST_VECTORS), generator)
    vectors = _columns(models.content, layers, scales, positions)
    return lambda view: self_similarity_loss(_columns(view, layers, scales, positions), vectors)


# -- style -------------------------------------------------------------------------------------------------------------


def _relaxed_emd(recipe: Recipe, models: Models, generator: torch.Generator) -> Term:
    layers = _weighted(recipe.style_layer_weights)
    parts = []
    for lesson in models.lessons:
        scales = _scales(lesson, layers)
        taught = [
            _columns(teacher.view, layers, scales, _taught_positions(teacher, count, generator))
            for teacher, count in lesson.split(recipe.samples)
        ]
        positions = _learning_positions(lesson, models.content, recipe.samples, generator)
        if len(positions):
            parts.append((lesson.weight, scales, positions, torch.cat(taught)))

    def compare(view: View) -> Float[Tensor, ""]:
        losses = (
            weight * relaxed_emd_loss(_columns(view, layers, scales, positions), vectors)
            for weight, scales, positions, vectors in parts
        )
        return sum(losses, start=view.picture.new_zeros(()))

    return compare


def _grain(models: Models) -> Term:
    targets = [lesson.grain() for lesson in models.lessons]
    if models.lessons[0].where is None:
        return lambda view: grain_loss(grain(view.picture), targets[0])
    where = torch.cat([lesson.where for lesson in models.lessons if lesson.where is not None])
    weights, shares = [lesson.weight for lesson in models.lessons], neighbor_shares(where)

    def compare(view: View) -> Float[Tensor, ""]:
        found = regional_grain(view.picture, *shares)
        return sum_of(w * grain_loss(g, t) for w, g, t in zip(weights, found, targets, strict=True))

    return compare


def gamut(models: Models) -> Gamut:
    """Return how light and dark each part of the canvas may get."""
    if models.lessons[0].where is None:
        return models.lessons[0].gamut()
    return regional_gamut([(lesson.gamut(), lesson.where) for lesson in models.lessons if lesson.where is not None])


# -- sampled places ----------------------------------------------------------------------------------------------------


def _columns(
    view: View, layers: list[str], scales: Mapping[str, float], places: Float[Tensor, "n 2"]
) -> Float[Tensor, "n c"]:
    """Return a view's hypercolumns at some places, its maps read from the shallowest to the deepest."""
    return hypercolumns({layer: view.features[layer] for layer in layers}, places, scales=scales)


def _scales(lesson: Lesson, layers: list[str]) -> dict[str, float]:
    """Return the scales of hypercolumns at which all teachers together have a mean squared length of 1."""
    several = [
        (layer_scales({layer: teacher.view.features[layer] for layer in layers}), teacher.share)
        for teacher in lesson.teachers
    ]
    if len(several) == 1:
        return several[0][0]
    return {layer: sum(share / scales[layer] ** 2 for scales, share in several) ** -0.5 for layer in layers}


def _positions(view: View, samples: int, generator: torch.Generator) -> Float[Tensor, "n 2"]:
    height, width = view.picture.shape[2:]
    return sample_positions(height, width, samples, generator).to(view.picture.device)


def _learning_positions(
    lesson: Lesson, content: View, samples: int, generator: torch.Generator
) -> Float[Tensor, "n 2"]:
    """Draw places of the canvas that learn: of a part as many as is its share of all samples, but never too few."""
    share = lesson.weight
    if not share:
        return torch.zeros(0, 2)
    height, width = content.picture.shape[2:]
    wanted = max(samples * share, min(_FEWEST_SAMPLES, samples))
    candidates = _positions(content, min(round(wanted / share), height * width), generator)
    return lesson.learning(candidates)


def _taught_positions(teacher: Teacher, samples: int, generator: torch.Generator) -> Float[Tensor, "n 2"]:
    """Draw about as many places of what teaches in a style image, and never none."""
    height, width = teacher.view.picture.shape[2:]
    places = teacher.teaches(_positions(teacher.view, round(samples / teacher.extent), generator))
    # One place in every pixel finds what is white, however little it is.
    return places if len(places) else teacher.teaches(_positions(teacher.view, height * width, generator))

"""The loss of one layer where parts of the canvas learn different things."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeAlias

import torch
from jaxtyping import Float
from torch import Tensor

from impasto.backbones.products import precise
from impasto.losses.layer_losses import MAP_LOSSES, MOMENT_LOSSES
from impasto.losses.lessons import Lesson, View, sum_of
from impasto.losses.moments import has_few_positions, together
from impasto.losses.regions import FEWEST, Places, drawn_parts, parts_at, regional_moments
from impasto.recipe import Recipe

SeenLoss: TypeAlias = Callable[[Any], Float[Tensor, ""]]
"""Takes what is seen in a layer: a map, or moments where no map was kept."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Models:
    """What a canvas is compared with at one size: the photo, and what each part of the canvas is to learn.

    Either one lesson holds everywhere, or each has its part. `importance` tells how much each place of the photo
    counts, about 1 on average; None: all alike.
    """

    content: View
    lessons: tuple[Lesson, ...]
    importance: Float[Tensor, "1 1 h w"] | None = None


def layer_loss(name: str, recipe: Recipe, models: Models, layer: str, generator: torch.Generator) -> SeenLoss:
    """Return a loss of what is seen in one layer."""
    parts = {number: models.lessons[number] for number in parts_in(recipe, models, layer)}
    if not parts:
        # Not a constant: it must have a gradient, even where nothing is learnt anywhere.
        return lambda seen: 0 * precise(seen[:, :, :1, :1]).sum()
    if models.lessons[0].where is not None:
        if name in MOMENT_LOSSES:
            return _moments_of_parts(name, recipe, models, layer, parts)
        return _maps_of_parts(name, recipe, models, layer, parts, generator)
    (lesson,) = models.lessons
    if name in MOMENT_LOSSES:
        return MOMENT_LOSSES[name](recipe, lesson.moments(layer))
    height, width = models.content.features[layer].shape[2:]
    return MAP_LOSSES[name](recipe, lesson, layer, height * width, generator)


def parts_in(recipe: Recipe, models: Models, layer: str) -> list[int]:
    """Return the lessons of which a layer has enough positions, on the canvas and in the style images.

    A lesson that has enough in no layer is in the one where it has most.
    """
    layers = [name for name, weight in recipe.style_layer_weights.items() if weight]
    counts = {name: _counts(models, name) for name in layers}
    found = []
    for number in range(len(models.lessons)):
        own = {name: counts[name][number] for name in layers}
        best = max(own, key=lambda name: own[name])
        if own[layer] >= FEWEST or (layer == best and own[best] > 0):
            found.append(number)
    return found


def _counts(models: Models, layer: str) -> list[float]:
    """Return of every lesson the number of positions of a layer that learn it, or that teach it if those are fewer."""
    learning = [math.inf] * len(models.lessons)
    if models.lessons[0].where is not None:
        learning = _parts_at(models, layer).sum(dim=1).tolist()
    return [min(n, lesson.positions(layer)) for n, lesson in zip(learning, models.lessons, strict=True)]


def _parts_at(models: Models, layer: str) -> Float[Tensor, "k n"]:
    """Return how much every position of a layer belongs to each lesson."""
    where = [lesson.where for lesson in models.lessons if lesson.where is not None]
    return parts_at(where, models.content.features[layer])


def _moments_of_parts(name: str, recipe: Recipe, models: Models, layer: str, parts: Mapping[int, Lesson]) -> SeenLoss:
    maps = models.content.features[layer]
    places = Places(_parts_at(models, layer)[list(parts)])
    losses = [MOMENT_LOSSES[name](recipe, lesson.moments(layer)) for lesson in parts.values()]
    weights = [lesson.weight for lesson in parts.values()]
    if name == "wasserstein" and has_few_positions(maps):
        own = list(places.weights)
        return lambda seen: sum_of(w * loss(seen, p) for w, loss, p in zip(weights, losses, own, strict=True))

    def compare(seen: Tensor) -> Float[Tensor, ""]:
        found = regional_moments(seen, places)
        tasks = [partial(loss, moments) for loss, moments in zip(losses, found, strict=True)]
        return sum_of(weight * value for weight, value in zip(weights, together(tasks, seen.device), strict=True))

    return compare


def _maps_of_parts(
    name: str,
    recipe: Recipe,
    models: Models,
    layer: str,
    parts: Mapping[int, Lesson],
    generator: torch.Generator,
) -> SeenLoss:
    """Draw for every position the part that it belongs to: these losses know no half positions."""
    # Its own chance: what a style image gives does not depend on masks.
    owner = drawn_parts(_parts_at(models, layer), torch.Generator().manual_seed(recipe.seed))
    losses = []
    for number, lesson in parts.items():
        places = (owner == number).nonzero()[:, 0]
        if len(places):
            loss = MAP_LOSSES[name](recipe, lesson, layer, len(places), generator)
            losses.append((lesson.weight, loss, places))

    def compare(seen: Tensor) -> Float[Tensor, ""]:
        rows = seen.squeeze(0).permute(1, 2, 0).flatten(0, 1)
        values = (weight * loss(rows.index_select(0, places).T[None, :, :, None]) for weight, loss, places in losses)
        return sum(values, start=0 * precise(seen[:, :, :1, :1]).sum())

    return compare

"""The loss of one layer where parts of the canvas learn different things."""

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
from impasto.losses.regions import FEWEST, Places, parts_at, regional_moments
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
    if models.lessons[0].where is not None:
        parts = {number: models.lessons[number] for number in parts_in(models, layer)}
        if name in MOMENT_LOSSES:
            return _moments_of_parts(name, recipe, models, layer, parts)
        return _maps_of_parts(name, recipe, models, layer, parts, generator)
    (lesson,) = models.lessons
    if name in MOMENT_LOSSES:
        return MOMENT_LOSSES[name](recipe, lesson.moments(layer))
    height, width = models.content.features[layer].shape[2:]
    return MAP_LOSSES[name](recipe, lesson, layer, height * width, generator)


def _moments_of_parts(name: str, recipe: Recipe, models: Models, layer: str, parts: Mapping[int, Lesson]) -> SeenLoss:
    if not parts:
        return lambda seen: seen.new_zeros((), dtype=torch.float32)
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
        return sum_of(weight * value for weight, value in zip(weights, together(tasks), strict=True))

    return compare


def _maps_of_parts(
    name: str,
    recipe: Recipe,
    models: Models,
    layer: str,
    parts: Mapping[int, Lesson],
    generator: torch.Generator,
) -> SeenLoss:
    """Let every position belong to the part that has most of it: these losses know no half positions."""
    shares = _parts_at(models, layer)
    owner = torch.where(shares.sum(dim=0) >= 0.5, shares.argmax(dim=0), -1)
    losses = []
    for number, lesson in parts.items():
        places = (owner == number).nonzero()[:, 0]
        if len(places) >= FEWEST:
            loss = MAP_LOSSES[name](recipe, lesson, layer, len(places), generator)
            losses.append((lesson.weight, loss, places))
    return lambda seen: sum(
        (weight * loss(seen.flatten(2)[:, :, places].unsqueeze(3)) for weight, loss, places in losses),
        start=precise(seen.new_zeros(())),
    )


def _parts_at(models: Models, layer: str) -> Float[Tensor, "k n"]:
    """Return how much every position of a layer belongs to each lesson."""
    where = [lesson.where for lesson in models.lessons if lesson.where is not None]
    return parts_at(where, models.content.features[layer])


def parts_in(models: Models, layer: str) -> list[int]:
    """Return the lessons whose part has enough positions in a layer."""
    if models.lessons[0].where is None:
        return [0]
    return (_parts_at(models, layer).sum(dim=1) >= FEWEST).nonzero()[:, 0].tolist()

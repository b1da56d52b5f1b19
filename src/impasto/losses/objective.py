"""The objective: weighted terms bound to the targets of one level."""

from collections.abc import Collection
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from impasto.backbones import Extractor
from impasto.losses.statistics import mean_gram
from impasto.losses.terms import content_loss, style_loss, total_variation
from impasto.recipe import Recipe

TERMS = ("content", "style", "tv")
"""Names of the terms in the order in which an objective returns them."""


@dataclass(frozen=True)
class Targets:
    """What the photo and the style image show the network at one size."""

    features: dict[str, Float[Tensor, "1 _c _h _w"]]
    grams: dict[str, Float[Tensor, "1 _c _c"]]


def measure_targets(
    extractor: Extractor,
    recipe: Recipe,
    content: Float[Tensor, "1 3 h w"],
    style: Float[Tensor, "1 3 sh sw"],
) -> Targets:
    """Look at photo and style once and keep what the objective compares with. Pictures are RGB in [0, 1]."""
    with torch.no_grad():
        seen = extractor(content)
        features = {name: seen[name] for name in recipe.content_layer_weights}
        seen = extractor(style)
        grams = {name: mean_gram(seen[name]) for name in recipe.style_layer_weights}
    return Targets(features, grams)


def needed_layers(recipe: Recipe) -> Collection[str]:
    """Return the layers that a recipe's terms look at."""
    return {**recipe.content_layer_weights, **recipe.style_layer_weights}


class Objective:
    """The weighted sum of content, style and smoothness, as a function of the picture.

    `content_factor` multiplies the content weight (coarse levels use it).
    """

    def __init__(self, extractor: Extractor, recipe: Recipe, targets: Targets, *, content_factor: float = 1.0) -> None:
        self.extractor = extractor
        self.targets = targets
        self._content_factor = content_factor
        self.change(recipe)

    def change(self, recipe: Recipe) -> None:
        """Take other weights; layers, normalization and network must be those the targets were measured with."""
        self._recipe = recipe
        weight = recipe.content_weight * self._content_factor
        self._content = {name: weight * w for name, w in recipe.content_layer_weights.items() if weight * w}
        weight = recipe.style_weight
        self._style = {name: weight * w for name, w in recipe.style_layer_weights.items() if weight * w}

    def __call__(self, picture: Float[Tensor, "1 3 h w"]) -> Float[Tensor, "3"]:
        """Return the weighted terms (content, style, tv) of a picture in [0, 1]; the loss is their sum."""
        how = self._recipe.normalization
        features = self.extractor(picture)
        zero = picture.new_zeros(())
        content, style, tv = zero, zero, zero
        for name, weight in self._content.items():
            content = content + weight * content_loss(features[name], self.targets.features[name], normalization=how)
        for name, weight in self._style.items():
            style = style + weight * style_loss(mean_gram(features[name]), self.targets.grams[name], normalization=how)
        if self._recipe.tv_weight:
            tv = self._recipe.tv_weight * total_variation(picture)
        return torch.stack([content, style, tv])

"""The losses by the names that a recipe gives them. A new one is a class and a line in here, or a call."""

import math
import re
from collections.abc import Collection
from typing import Final

import torch

from impasto import recipe as recipes
from impasto.backbones import FeatureExtractor
from impasto.losses.base import ContentLoss, StyleLoss
from impasto.losses.content import FeatureLoss, LaplacianLoss, SelfSimilarityLoss
from impasto.losses.gradient_energy import GradientEnergyLoss
from impasto.losses.gram import GramLoss
from impasto.losses.mean_std import MeanStdLoss
from impasto.losses.nearest import NearestLoss, RelaxedEMDLoss
from impasto.losses.sliced import HistogramLoss, SlicedLoss
from impasto.losses.wasserstein import WassersteinLoss
from impasto.recipe import Recipe

STYLE_LOSSES: Final[dict[str, type[StyleLoss]]] = {
    "gram": GramLoss,
    "mean_std": MeanStdLoss,
    "wasserstein": WassersteinLoss,
    "sliced": SlicedLoss,
    "histogram": HistogramLoss,
    "nearest": NearestLoss,
    "relaxed_emd": RelaxedEMDLoss,
    "gradient_energy": GradientEnergyLoss,
}
CONTENT_LOSSES: Final[dict[str, type[ContentLoss]]] = {
    "features": FeatureLoss,
    "self_similarity": SelfSimilarityLoss,
    "laplacian": LaplacianLoss,
}


def register_style_loss(name: str, loss: type[StyleLoss]) -> None:
    """Make a style loss known, so that recipes can name it.

    Args:
        name: Lower case letters, digits and underscores; a known name is replaced.
        loss: The class.

    Raises:
        ValueError: The name has other characters.

    Example:
        >>> from impasto.losses import GramLoss, register_style_loss
        >>> register_style_loss("my_gram", GramLoss)
        >>> from impasto import Recipe
        >>> Recipe(style_losses="my_gram=2").style.losses["my_gram"].weight
        2.0
    """
    if not re.fullmatch("[a-z][a-z0-9_]*", name):
        raise ValueError(f"{name!r} cannot be the name of a loss: use lower case letters, digits and underscores")
    STYLE_LOSSES[name] = loss
    recipes.STYLE_LOSSES[name] = loss.inputs == "pixels"


def style_losses(recipe: Recipe) -> dict[str, StyleLoss]:
    """Return the style losses of a recipe that have a weight and something to compare."""
    losses = {name: STYLE_LOSSES[name](recipe, own) for name, own in recipe.style.losses.items() if own.weight}
    return {name: loss for name, loss in losses.items() if loss.has_inputs}


def content_losses(recipe: Recipe) -> dict[str, ContentLoss]:
    """Return the content losses of a recipe that have a weight and something to compare."""
    losses = {name: CONTENT_LOSSES[name](recipe, own) for name, own in recipe.content.losses.items() if own.weight}
    return {name: loss for name, loss in losses.items() if loss.has_inputs}


def compared_layers(recipe: Recipe) -> Collection[str]:
    """Return the layers in which content losses compare whole maps."""
    losses = [loss for loss in content_losses(recipe).values() if loss.inputs == "layer"]
    return dict.fromkeys(layer for loss in losses for layer in loss.layers)


_PROBE: Final = 64
_SORTED: Final = 12
"""How many maps a loss keeps that compares the positions of the whole canvas."""


@torch.no_grad()
def kept_features(recipe: Recipe, extractor: FeatureExtractor) -> tuple[float, float]:
    """Return how many features are kept for each pixel of a picture, whatever its tiles.

    The first number is that of the photo's features that content losses compare, the second that of positions of the
    canvas which style losses compare with each other.
    """
    features = extractor(torch.zeros(1, 3, _PROBE, _PROBE, device=extractor.device), whole=True)
    size = {layer: features[layer].numel() / _PROBE**2 for layer in extractor.layers}
    targets = sum((size[layer] for layer in compared_layers(recipe)), start=0.0)
    losses = [loss for loss in style_losses(recipe).values() if loss.needs_maps and loss.inputs == "layer"]
    positions = sum((size[layer] for loss in losses if not loss.is_mean for layer in loss.layers), start=0.0)
    return targets, _SORTED * positions


def needed_layers(recipe: Recipe) -> Collection[str]:
    """Return the layers that a recipe's losses compare."""
    losses = [*content_losses(recipe).values(), *style_losses(recipe).values()]
    return dict.fromkeys(layer for loss in losses for layer in loss.layers)


def with_shallow_layers(recipe: Recipe, extractor: FeatureExtractor, stride: int) -> Recipe:
    """Return a recipe whose losses compare only layers up to a stride; those have the weight of the others, too.

    Args:
        recipe: The recipe.
        extractor: The network. Where the strides of its layers are not known, nothing changes.
        stride: Pixels between neighboring positions of a layer, at most.

    Returns:
        The recipe; as it is if a loss has no such layer.
    """
    changes = {}
    for section, losses in ("style", style_losses(recipe)), ("content", content_losses(recipe)):
        settings = dict(getattr(recipe, section).losses)
        for name, loss in losses.items():
            kept = {layer: weight for layer, weight in loss.layers.items() if _stride(extractor, layer) <= stride}
            if loss.layers and not sum(kept.values()):
                return recipe
            share = sum(loss.layers.values()) / sum(kept.values()) if kept else 1.0
            layers = {layer: weight * share for layer, weight in kept.items()}
            settings[name] = settings[name].model_copy(update={"layers": layers or None})
        changes[f"{section}_losses"] = settings
    return recipe.with_changes(**changes)


def _stride(extractor: FeatureExtractor, layer: str) -> float:
    return float(extractor.reach[layer].stride) if extractor.reach else math.inf


def layers_of_moments(recipe: Recipe) -> frozenset[str]:
    """Return the layers of which a recipe's losses need only mean and covariance."""
    losses = style_losses(recipe).values()
    maps = [loss.layers for loss in losses if loss.needs_maps] + [c.layers for c in content_losses(recipe).values()]
    return frozenset(layer for loss in losses for layer in loss.layers).difference(*maps)

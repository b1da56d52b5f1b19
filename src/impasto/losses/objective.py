"""The objective: weighted terms bound to photo and style at one size."""

from collections.abc import Collection, Sequence
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

from impasto.backbones import AnyWeights, FeatureExtractor, SmoothedExtractor, build_extractor
from impasto.losses.gamut import gamut_loss
from impasto.losses.layout import color_anchor_loss
from impasto.losses.lessons import Lesson, View
from impasto.losses.palette import Term, content_term, gamut, layers_of_moments, style_term, too_small
from impasto.losses.parts import Models
from impasto.losses.terms import total_variation
from impasto.recipe import Recipe

TERMS = ("content", "style", "anchor", "gamut", "tv")
"""Names of the terms in the order in which an objective returns them."""

_USUAL_DISTANCE = 0.3
"""The style loss that a recoloured photo usually starts with."""


def needed_layers(recipe: Recipe) -> Collection[str]:
    """Return the layers that a recipe's terms look at."""
    weights = [*recipe.content_layer_weights.items(), *recipe.style_layer_weights.items()]
    return dict.fromkeys(layer for layer, weight in weights if weight)


def make_extractor(
    weights: AnyWeights,
    recipe: Recipe,
    *,
    precision: Literal["fp32", "bf16"],
    device: torch.device,
    masked: bool = False,
) -> FeatureExtractor:
    """Return the network as a recipe's terms need it; `masked`: places count differently, so every map is wanted."""
    return build_extractor(
        weights,
        layers=needed_layers(recipe),
        # Moments that are measured strip by strip are those of features that nothing was done to.
        of_moments=() if masked or recipe.smooths else layers_of_moments(recipe),
        pooling=recipe.pooling,
        padding=recipe.padding,
        precision=precision,
        device=device,
    )


def smoothing_extractor(
    extractor: FeatureExtractor, recipe: Recipe, pictures: Sequence[Float[Tensor, "1 3 _h _w"]]
) -> FeatureExtractor:
    """Return an extractor whose features are smoothed if the recipe wants it, on the scale of photo and styles."""
    return SmoothedExtractor(extractor, pictures) if recipe.smooths else extractor


class Objective:
    """The weighted sum of content, style, anchor, gamut and smoothness, as a function of the picture.

    Pictures are RGB in [0, 1]. `lessons` are what the canvas is to learn: one for all of it, or one for each part,
    which has a `where` then. `anchor` is the picture whose large patches of colour are held to, `importance` how
    much each place of the photo counts, and `content_factor` multiplies the content weight (coarse levels use it).
    """

    def __init__(
        self,
        extractor: FeatureExtractor,
        recipe: Recipe,
        *,
        content: Float[Tensor, "1 3 h w"],
        lessons: Sequence[Lesson],
        anchor: Float[Tensor, "1 3 h w"],
        importance: Float[Tensor, "1 1 h w"] | None = None,
        content_factor: float = 1.0,
    ) -> None:
        """Look at photo and style once and keep what the terms compare with."""
        self._extractor = extractor
        self._anchor = anchor
        self._content_factor = content_factor
        # One seed for every level and every resumption: what is drawn belongs to the objective.
        generator = torch.Generator().manual_seed(recipe.seed)
        with torch.no_grad():
            models = Models(content=View(content, extractor(content)), lessons=tuple(lessons), importance=importance)
            self.too_small = too_small(recipe, models)
            """The lessons, by their numbers, whose part is too small for some layers, and these layers."""
            self._gamut = gamut(models)
            self._painted = sum(lesson.weight for lesson in models.lessons)
            self._content: dict[str, Term] = {
                name: content_term(name, recipe, models, generator) for name in _present(recipe.content_loss_weights)
            }
            self._style: dict[str, Term] = {
                name: style_term(name, recipe, models, generator) for name in _present(recipe.style_loss_weights)
            }
        self.change(recipe)

    def change(self, recipe: Recipe) -> None:
        """Take other weights; losses, layers and network must be those the objective was made for."""
        self._recipe = recipe.balanced()

    def __call__(self, picture: Float[Tensor, "1 3 h w"]) -> Float[Tensor, "5"]:
        """Return the weighted terms (content, style, anchor, gamut, tv) of a picture; the loss is their sum."""
        recipe = self._recipe
        view = View(picture, self._extractor(picture))
        zero = picture.new_zeros(())
        content, style, anchor, gamut, tv = zero, zero, zero, zero, zero
        # Style first: its layers are the shallower ones in most recipes, and maps are best used as they are computed.
        if weight := recipe.style_weight:
            style = weight * self._sum(view, self._style, recipe.style_loss_weights)
        if weight := recipe.content_weight * self._content_factor:
            content = weight * self._sum(view, self._content, recipe.content_loss_weights)
        if weight := recipe.anchor_weight:
            anchor = weight * color_anchor_loss(picture, self._anchor)
        if weight := recipe.gamut_weight:
            gamut = weight * gamut_loss(picture, self._gamut)
        if weight := recipe.tv_weight:
            tv = weight * total_variation(picture)
        return torch.stack([content, style, anchor, gamut, tv])

    def adapt(self, picture: Float[Tensor, "1 3 h w"]) -> None:
        """Let the content count more the farther this picture, the canvas's start, is from the style.

        A far style pulls harder and longer, and with one weight for all pairs costs more of the photo. The content
        weight is multiplied by (distance / `_USUAL_DISTANCE`) ** adapt, at most by 4 and at least by 1/4.
        """
        with torch.no_grad():
            view = View(picture, self._extractor(picture))
            distance = float(self._sum(view, self._style, self._recipe.style_loss_weights)) / self._painted
        self._content_factor *= min(4.0, max(0.25, (distance / _USUAL_DISTANCE) ** self._recipe.adapt))

    def _sum(self, view: View, terms: dict[str, Term], weights: dict[str, float]) -> Float[Tensor, ""]:
        return sum((weights[name] * term(view) for name, term in terms.items()), start=view.picture.new_zeros(()))


def _present(weights: dict[str, float]) -> list[str]:
    return [name for name, weight in weights.items() if weight]

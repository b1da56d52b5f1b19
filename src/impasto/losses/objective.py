"""The objective: weighted losses bound to photo and styles at one size, as a function of the picture."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Literal, TypeAlias

import torch
from jaxtyping import Float
from torch import Tensor

from impasto.backbones import AnyWeights, FeatureExtractor, build_extractor
from impasto.losses.comparisons import Binder, Comparison
from impasto.losses.picture import LowFrequencies, LuminanceRangeExcess, PictureLoss, TotalVariation, regional_range
from impasto.losses.registry import content_losses, layers_of_moments, needed_layers, style_losses
from impasto.losses.targets import EncodedImage, RegionTarget, regions_at_layers
from impasto.losses.temporal import EarlierFrame, TemporalLoss
from impasto.recipe import Recipe

TERMS: Final = ("content", "style", "low_frequency", "luminance_range", "tv", "temporal")
"""Names of the terms in the order in which they are summed."""

_USUAL_DISTANCE: Final = 0.3
"""The style loss that a recolored photo usually starts with."""


def make_extractor(
    weights: AnyWeights,
    recipe: Recipe,
    *,
    precision: Literal["fp32", "bf16"],
    device: torch.device,
) -> FeatureExtractor:
    """Return the network as a recipe's losses need it."""
    return build_extractor(
        weights,
        layers=needed_layers(recipe),
        # Moments that are measured in chunks are those of features that are not smoothed.
        of_moments=() if recipe.network.smooths else layers_of_moments(recipe),
        pooling=recipe.network.pooling,
        padding=recipe.network.padding,
        precision=precision,
        device=device,
    )


Key: TypeAlias = tuple[str, str, str]
"""Term, loss and layer of a comparison."""


Paint: TypeAlias = Callable[..., Tensor]
"""Turns coordinates of a canvas, 1 x c x h x w, into pixels, each by itself and differentiable.

Rows and columns that follow as slices say which part of the canvas they are; without them they are all.
"""


class Objective:
    """The weighted sum of content, style, low frequencies, luminance range and smoothness of a picture.

    Losses over many positions are first measured as statistics, which can be added, and then compared with
    targets; so a picture in tiles needs only the sum of its tiles' statistics.

    Args:
        extractor: The network.
        recipe: Weights, losses and layers.
        content: The photo, RGB in [0, 1].
        regions: The targets of the whole canvas, or of each of its regions, which have masks then.
        low_frequency_target: The picture whose large patches of color are kept.
        saliency: How much each place of the photo counts, about 1 on average; None: all alike.
        content_factor: Multiplies the content weight (coarse levels use it).
        coarse: Whether a finer level follows; then style layers count by their positions, as far as places are matched.
        earlier: The painted frames of a film to which this one is held.
    """

    _recompute = False

    def __init__(
        self,
        extractor: FeatureExtractor,
        recipe: Recipe,
        *,
        content: Float[Tensor, "1 3 h w"],
        regions: Sequence[RegionTarget],
        low_frequency_target: Float[Tensor, "1 3 h w"],
        saliency: Float[Tensor, "1 1 h w"] | None = None,
        content_factor: float = 1.0,
        coarse: bool = False,
        earlier: Sequence[EarlierFrame] = (),
    ) -> None:
        self._extractor = extractor
        self._temporal = TemporalLoss(earlier) if earlier else None
        self._content_factor = content_factor
        self._covered = sum(region.weight for region in regions)
        self._style_losses = style_losses(recipe)
        self._whole = any(region.mask is not None for region in regions)
        layers = dict.fromkeys(layer for loss in self._style_losses.values() for layer in loss.layers)
        self._content_losses, self._saliency = content_losses(recipe), saliency
        self._photo, self._regions = content, [region.local_only() for region in regions]
        with torch.no_grad():
            photo = self._encoded(content)
            at_layers = regions_at_layers(regions, photo.features, list(layers), recipe.start.seed)
            # One seed for every level and every resumption: random choices belong to the objective.
            generator = torch.Generator().manual_seed(recipe.start.seed)
            self._recipe = recipe.balanced()
            share = _restyled_share(self._recipe)
            binder = Binder(photo, regions, at_layers, generator, share, coarse, self._recompute)
            self._low_frequencies = LowFrequencies(low_frequency_target)
            ranges = regional_range([(region.range, region.mask) for region in regions])
            self._excess = LuminanceRangeExcess(ranges)
            self._content = self._bind_content(binder)
            self._style = binder.styles(self._style_losses)
        missing = [
            (number, tuple(layer for layer in layers if number not in at_layers[layer].numbers))
            for number in range(len(regions))
        ]
        self.too_small = [(number, lacking) for number, lacking in missing if lacking]
        """The regions, by their numbers, that are too small for some layers, and these layers."""

    def _bind_content(self, binder: Binder) -> dict[str, Comparison]:
        return {name: binder.content(loss, self._saliency) for name, loss in self._content_losses.items()}

    def _encoded(self, picture: Float[Tensor, "1 3 h w"]) -> EncodedImage:
        """Return a picture and its features; where regions weight positions, moments of whole maps are not enough."""
        return EncodedImage.of(self._extractor, picture, whole=self._whole)

    def change(self, recipe: Recipe) -> None:
        """Take other weights; losses, layers and network must be those the objective was made for."""
        before, self._recipe = self._recipe, recipe.balanced()
        if _restyled_share(self._recipe) != _restyled_share(before):
            # The strength fades it, and a resumed run binds the targets with what it is then.
            generator = torch.Generator().manual_seed(recipe.start.seed)
            with torch.no_grad():
                photo = self._encoded(self._photo)
                share = _restyled_share(self._recipe)
                binder = Binder(photo, self._regions, {}, generator, share, recompute=self._recompute)
                self._content = self._bind_content(binder)

    def compare_with(self, content: Float[Tensor, "1 3 h w"]) -> None:
        """Take another photo of the same size, without saliency; what is known of the styles stays."""
        self._photo = content
        with torch.no_grad():
            photo, share = self._encoded(content), _restyled_share(self._recipe)
            binder = Binder(photo, self._regions, {}, torch.Generator(), share, recompute=self._recompute)
            self._content = {name: binder.content(loss, None) for name, loss in self._content_losses.items()}

    def value_and_grad(
        self, coordinates: Float[Tensor, "1 c h w"], paint: Paint | None = None
    ) -> tuple[dict[str, Tensor], Float[Tensor, "1 c h w"]]:
        """Return the weighted terms by name, whose sum is the loss, and the gradient of the loss.

        Nothing is read on the host, so that a GPU is not waited for.

        Args:
            coordinates: Of the canvas.
            paint: Turns them into the picture; None: they are the picture.
        """
        leaf = coordinates.detach().requires_grad_()
        terms = self.terms(leaf if paint is None else paint(leaf))
        loss = total_of(terms)
        if not loss.requires_grad:
            return terms, torch.zeros_like(leaf)
        (gradient,) = torch.autograd.grad(loss, leaf)
        return {name: term.detach() for name, term in terms.items()}, gradient

    def terms(self, picture: Float[Tensor, "1 3 h w"]) -> dict[str, Tensor]:
        """Return the weighted terms of a picture by name, differentiable."""
        values = self._values(picture, self._comparisons())
        alone = {name: weight * loss(picture) for name, (weight, loss) in self._picture_losses().items()}
        return self._terms_of(values, picture) | alone

    def _comparisons(self) -> dict[Key, Comparison]:
        """Return the comparisons that have a weight."""
        # Style first: its layers are the shallower ones in most recipes, and maps are best used as they are computed.
        found: dict[Key, Comparison] = {}
        if self._recipe.style.weight:
            found |= {("style", name, layer): one for name, own in self._style.items() for layer, one in own.items()}
        if self._recipe.content.weight * self._content_factor:
            found |= {("content", name, ""): one for name, one in self._content.items()}
        return found

    def _terms_of(self, values: Mapping[Key, Tensor], picture: Tensor) -> dict[str, Tensor]:
        """Return the terms from the values of the comparisons; those of the picture alone are zero."""
        recipe, terms = self._recipe, {name: picture.new_zeros(()) for name in TERMS}
        if weight := recipe.style.weight:
            terms["style"] = weight * self._style_loss(values, picture)
        if weight := recipe.content.weight * self._content_factor:
            losses = {name: values["content", name, ""] for name in self._content}
            terms["content"] = weight * _weighted_sum(losses, recipe.content.losses, picture)
        return terms

    def _picture_losses(self) -> dict[str, tuple[float, PictureLoss]]:
        """Return the losses of the picture alone that have a weight, by their terms, and the weights."""
        color = self._recipe.color
        found: dict[str, tuple[float, PictureLoss]] = {
            "low_frequency": (color.low_frequency_weight, self._low_frequencies),
            "luminance_range": (color.luminance_range_weight, self._excess),
            "tv": (self._recipe.picture.tv_weight, TotalVariation()),
        }
        if self._temporal is not None:
            found["temporal"] = self._recipe.picture.temporal_weight, self._temporal
        return {name: (weight, loss) for name, (weight, loss) in found.items() if weight}

    def scale_content_weight(self, picture: Float[Tensor, "1 3 h w"]) -> None:
        """Multiply the content weight by (distance / `_USUAL_DISTANCE`) ** exponent, limited to 1/4 ... 4.

        The distance is the style loss of `picture`, the recolored photo: the farther the style is from the photo, the
        more content would be lost if the weight were the same for all pairs.
        """
        with torch.no_grad():
            of_style = {("style", name, layer): one for name, own in self._style.items() for layer, one in own.items()}
            loss = float(self._style_loss(self._values(picture, of_style), picture))
        distance = loss / self._covered
        factor = (distance / _USUAL_DISTANCE) ** self._recipe.content.exponent
        self._content_factor *= min(4.0, max(0.25, factor))

    def _values(self, picture: Float[Tensor, "1 3 h w"], comparisons: Mapping[Key, Comparison]) -> dict[Key, Tensor]:
        """Return the values of comparisons."""
        canvas = self._encoded(picture)
        return {key: one.value(canvas) for key, one in comparisons.items()}

    def _style_loss(self, values: Mapping[Key, Tensor], picture: Tensor) -> Float[Tensor, ""]:
        zero = picture.new_zeros(())
        losses = {}
        for name, comparisons in self._style.items():
            weights = self._style_losses[name].layers
            own = [
                weights.get(layer, 1.0) * one.weight * values["style", name, layer]
                for layer, one in comparisons.items()
            ]
            losses[name] = sum(own, start=zero)
        return _weighted_sum(losses, self._recipe.style.losses, picture)


def _restyled_share(recipe: Recipe) -> float:
    """Return how far the photo's features get the statistics of the matching places; a low strength fades it."""
    return recipe.style.matching * recipe.start.recolor


def total_of(terms: Mapping[str, Tensor]) -> Float[Tensor, ""]:
    """Return the loss: the sum of the terms."""
    return torch.stack(list(terms.values())).sum()


def _weighted_sum(losses: Mapping[str, Tensor], settings: Mapping[str, Any], picture: Tensor) -> Float[Tensor, ""]:
    return sum((settings[name].weight * loss for name, loss in losses.items()), start=picture.new_zeros(()))

"""The objective: weighted losses bound to photo and styles at one size, as a function of the picture."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, Literal

import torch
from jaxtyping import Float
from torch import Tensor

from impasto.backbones import AnyWeights, FeatureExtractor, Moments, SmoothedExtractor, build_extractor
from impasto.losses.base import ContentLoss, StyleLoss
from impasto.losses.picture import low_frequency_loss, luminance_range_loss, regional_range, total_variation
from impasto.losses.regions import MIN_POSITIONS, PositionWeights, draw_owners, resize_to_layer
from impasto.losses.registry import content_losses, layers_of_moments, needed_layers, style_losses
from impasto.losses.sampling import layer_scales
from impasto.losses.targets import EncodedImage, RegionTarget, values_at
from impasto.losses.wasserstein import parallel_map
from impasto.recipe import Recipe

TERMS: Final = ("content", "style", "low_frequency", "luminance_range", "tv")
"""Names of the terms in the order in which they are summed."""

_MAX_VECTORS: Final = 4096
"""Places of hypercolumns at most that are compared in pairs."""
_MIN_SAMPLES: Final = 64
"""Samples that a region has at least, however small it is."""
_USUAL_DISTANCE: Final = 0.3
"""The style loss that a recolored photo usually starts with."""


def make_extractor(
    weights: AnyWeights,
    recipe: Recipe,
    *,
    precision: Literal["fp32", "bf16"],
    device: torch.device,
    masked: bool = False,
) -> FeatureExtractor:
    """Return the network as a recipe's losses need it; `masked`: positions are weighted, so every map is needed."""
    return build_extractor(
        weights,
        layers=needed_layers(recipe),
        # Moments that are measured in chunks are those of features that are not smoothed.
        of_moments=() if masked or recipe.network.smooths else layers_of_moments(recipe),
        pooling=recipe.network.pooling,
        padding=recipe.network.padding,
        precision=precision,
        device=device,
    )


def smoothing_extractor(
    extractor: FeatureExtractor, recipe: Recipe, pictures: Sequence[Float[Tensor, "1 3 _h _w"]]
) -> FeatureExtractor:
    """Return an extractor whose features are smoothed if the recipe wants it, on the scale of photo and styles."""
    return SmoothedExtractor(extractor, pictures) if recipe.network.smooths else extractor


@dataclass(frozen=True, eq=False)
class _Comparison:
    """One style loss in one layer: how the canvas is measured there, and the targets of its regions."""

    loss: StyleLoss
    measure: Callable[[EncodedImage], Sequence[Any]]
    targets: Sequence[Any]
    shares: Sequence[float] | None
    """Share of the canvas of every region; None: one region that is the whole canvas."""

    def value(self, statistics: Sequence[Any], like: Tensor) -> Float[Tensor, ""]:
        """Return the loss of the canvas's statistics."""
        if self.shares is None:
            return self.loss.loss(statistics[0], self.targets[0])
        if not self.targets:
            return like.new_zeros(())
        tasks = [partial(self.loss.loss, *pair) for pair in zip(statistics, self.targets, strict=True)]
        in_parallel = self.loss.uses_one_thread and all(isinstance(one, Moments) for one in statistics)
        values = parallel_map(tasks, like.device) if in_parallel else [task() for task in tasks]
        return torch.stack([share * value for share, value in zip(self.shares, values, strict=True)]).sum(dim=0)


class Objective:
    """The weighted sum of content, style, low frequencies, luminance range and smoothness, as a function of the picture.

    Whatever concerns many positions is first measured as statistics, which can be added, and then compared with
    targets; so a picture in tiles needs only the sum of its tiles' statistics.

    Args:
        extractor: The network.
        recipe: Weights, losses and layers.
        content: The photo, RGB in [0, 1].
        regions: The targets of the whole canvas, or of each of its regions, which have masks then.
        low_frequency_target: The picture whose large patches of color are kept.
        saliency: How much each place of the photo counts, about 1 on average; None: all alike.
        content_factor: Multiplies the content weight (coarse levels use it).
    """

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
    ) -> None:
        self._extractor = extractor
        self._low_frequency_target = low_frequency_target
        self._content_factor = content_factor
        self._regions = regions
        self._seed = recipe.start.seed
        self._style_losses = style_losses(recipe)
        # One seed for every level and every resumption: random choices belong to the objective.
        generator = torch.Generator().manual_seed(recipe.start.seed)
        with torch.no_grad():
            photo = EncodedImage.of(extractor, content)
            self._layer_regions = self._find_layer_regions(photo)
            self._range = (
                regions[0].range
                if regions[0].mask is None
                else regional_range([(region.range, region.mask) for region in regions if region.mask is not None])
            )
            self._content = {
                name: self._content_comparisons(loss, photo, saliency, generator)
                for name, loss in content_losses(recipe).items()
            }
            self._style = {
                name: self._style_comparisons(name, loss, photo, generator)
                for name, loss in self._style_losses.items()
            }
        self.change(recipe)

    def change(self, recipe: Recipe) -> None:
        """Take other weights; losses, layers and network must be those the objective was made for."""
        self._recipe = recipe.balanced()

    def value_and_grad(self, picture: Float[Tensor, "1 3 h w"]) -> tuple[dict[str, Tensor], Float[Tensor, "1 3 h w"]]:
        """Return the weighted terms by name, whose sum is the loss, and the gradient of the loss.

        Nothing is read on the host, so that a GPU is not waited for.
        """
        leaf = picture.detach().requires_grad_()
        terms = self.terms(leaf)
        loss = total_of(terms)
        if not loss.requires_grad:
            return terms, torch.zeros_like(leaf)
        (gradient,) = torch.autograd.grad(loss, leaf)
        return {name: term.detach() for name, term in terms.items()}, gradient

    def terms(self, picture: Float[Tensor, "1 3 h w"]) -> dict[str, Tensor]:
        """Return the weighted terms of a picture by name, differentiable."""
        recipe = self._recipe
        canvas = EncodedImage.of(self._extractor, picture)
        terms = {name: picture.new_zeros(()) for name in TERMS}
        # Style first: its layers are the shallower ones in most recipes, and maps are best used as they are computed.
        if weight := recipe.style.weight:
            terms["style"] = weight * self._style_loss(canvas)
        if weight := recipe.content.weight * self._content_factor:
            losses = {name: compare(canvas) for name, compare in self._content.items()}
            terms["content"] = weight * _weighted_sum(losses, recipe.content.losses, picture)
        if weight := recipe.color.low_frequency_weight:
            terms["low_frequency"] = weight * low_frequency_loss(picture, self._low_frequency_target)
        if weight := recipe.color.luminance_range_weight:
            terms["luminance_range"] = weight * luminance_range_loss(picture, self._range)
        if weight := recipe.picture.tv_weight:
            terms["tv"] = weight * total_variation(picture)
        return terms

    def adapt_to_distance(self, picture: Float[Tensor, "1 3 h w"]) -> None:
        """Let the content count more the farther this picture, the canvas's start, is from the style.

        A distant style pulls harder and longer, and with one weight for all pairs costs more of the photo. The content
        weight is multiplied by (distance / `_USUAL_DISTANCE`) ** exponent, at most by 4 and at least by 1/4.
        """
        with torch.no_grad():
            loss = float(self._style_loss(EncodedImage.of(self._extractor, picture)))
        distance = loss / sum(region.weight for region in self._regions)
        factor = (distance / _USUAL_DISTANCE) ** self._recipe.content.exponent
        self._content_factor *= min(4.0, max(0.25, factor))

    def _style_loss(self, canvas: EncodedImage) -> Float[Tensor, ""]:
        zero = canvas.picture.new_zeros(())
        losses = {}
        for name, comparisons in self._style.items():
            weights = self._style_losses[name].layers
            values = (
                weights.get(layer, 1.0) * one.value(one.measure(canvas), zero) for layer, one in comparisons.items()
            )
            losses[name] = sum(values, start=zero) if weights and "" not in comparisons else next(values)
        return _weighted_sum(losses, self._recipe.style.losses, canvas.picture)

    # -- regions at the layers -----------------------------------------------------------------------------------------

    def _find_layer_regions(self, photo: EncodedImage) -> dict[str, tuple[list[int], tuple[PositionWeights, ...] | None]]:
        """Return for every style layer the regions that have enough positions there, and their weights.

        Enough are `MIN_POSITIONS`, on the canvas and in the style images. A region that has enough in no layer is
        compared in the one where it has most. `too_small` are the regions that lack layers, and these layers.
        """
        layers = list(dict.fromkeys(layer for loss in self._style_losses.values() for layer in loss.layers))
        masks = [region.mask for region in self._regions if region.mask is not None]
        at_layer = {layer: resize_to_layer(torch.cat(masks), photo.features[layer]).flatten(1) for layer in layers if masks}
        counts = {}
        for layer in layers:
            own = at_layer[layer].sum(dim=1).tolist() if masks else [math.inf]
            counts[layer] = [min(n, region.positions(layer)) for n, region in zip(own, self._regions, strict=True)]
        found: dict[str, tuple[list[int], tuple[PositionWeights, ...] | None]] = {}
        for layer in layers:
            numbers = [number for number in range(len(self._regions)) if _has_enough(counts, layer, number)]
            weights = None
            if masks:
                # Random numbers of its own: what a style image gives does not depend on masks.
                owners = draw_owners(at_layer[layer], torch.Generator().manual_seed(self._seed))
                weights = tuple(
                    PositionWeights(at_layer[layer][number], (owners == number).nonzero()[:, 0]) for number in numbers
                )
            found[layer] = numbers, weights
        missing = {
            number: tuple(layer for layer in layers if number not in found[layer][0])
            for number in range(len(self._regions))
        }
        self.too_small = [(number, lacking) for number, lacking in missing.items() if lacking]
        """The regions, by their numbers, that are too small for some layers, and these layers."""
        return found

    # -- what is compared ----------------------------------------------------------------------------------------------

    def _style_comparisons(
        self, name: str, loss: StyleLoss, photo: EncodedImage, generator: torch.Generator
    ) -> dict[str, _Comparison]:
        if loss.inputs == "hypercolumns":
            return {"": self._hypercolumn_comparison(name, loss, photo, generator)}
        if loss.inputs == "pixels":
            masks = [region.mask for region in self._regions if region.mask is not None]
            weights = tuple(PositionWeights(mask.flatten()) for mask in masks) or None
            numbers = list(range(len(self._regions)))
            return {"": self._comparison(name, loss, "", photo, numbers, weights, generator)}
        return {
            layer: self._comparison(name, loss, layer, photo, *self._layer_regions[layer], generator)
            for layer in loss.layers
        }

    def _comparison(
        self,
        name: str,
        loss: StyleLoss,
        layer: str,
        photo: EncodedImage,
        numbers: Sequence[int],
        weights: tuple[PositionWeights, ...] | None,
        generator: torch.Generator,
    ) -> _Comparison:
        if weights is not None and loss.needs_maps and loss.inputs == "layer":
            kept = [(number, one) for number, one in zip(numbers, weights, strict=True) if len(one.members)]
            numbers, weights = [number for number, _ in kept], tuple(one for _, one in kept)

        def measure(canvas: EncodedImage) -> Sequence[Any]:
            found: Any = canvas.features.seen(layer) if layer else canvas.picture
            return [loss.measure(found)] if weights is None else loss.measure_regions(found, weights) if weights else []

        regions = [self._regions[number] for number in numbers]
        targets = [
            loss.prepare(region.statistic(name, layer), canvas, generator)
            for region, canvas in zip(regions, measure(photo) if regions else [], strict=True)
        ]
        return _Comparison(loss, measure, targets, None if weights is None else [region.weight for region in regions])

    def _hypercolumn_comparison(
        self, name: str, loss: StyleLoss, photo: EncodedImage, generator: torch.Generator
    ) -> _Comparison:
        layers = list(loss.layers)
        channels = [photo.features[layer].shape[1] for layer in layers]
        shown, targets, shares = [], [], []
        for region in self._regions:
            places = self._places_in(region, photo, loss.samples, generator)
            if len(places):
                columns, scales = region.columns(name, layers, channels)
                targets.append(loss.prepare(columns, loss.measure(photo.columns(layers, places, scales)), generator))
                shown.append((places, scales))
                shares.append(region.weight)

        def measure(canvas: EncodedImage) -> Sequence[Any]:
            return [loss.measure(canvas.columns(layers, places, scales)) for places, scales in shown]

        return _Comparison(loss, measure, targets, shares)

    def _places_in(
        self, region: RegionTarget, photo: EncodedImage, samples: int, generator: torch.Generator
    ) -> Float[Tensor, "n 2"]:
        """Draw places of a region: as many as is its share of all samples, but never too few.

        Where the region is gray, they are drawn by its share; the same places give the same answer.
        """
        share = region.weight
        if not share:
            return torch.zeros(0, 2)
        wanted = max(samples * share, min(_MIN_SAMPLES, samples))
        height, width = photo.picture.shape[2:]
        places = photo.places(min(round(wanted / share), height * width), generator)
        if region.mask is None:
            return places
        shares = values_at(region.mask, places)[None]
        return places[draw_owners(shares, torch.Generator().manual_seed(len(places))) == 0]

    def _content_comparisons(
        self,
        loss: ContentLoss,
        photo: EncodedImage,
        saliency: Float[Tensor, "1 1 h w"] | None,
        generator: torch.Generator,
    ) -> Callable[[EncodedImage], Float[Tensor, ""]]:
        if loss.inputs == "pixels":
            pixels = loss.prepare(photo.picture, saliency)
            return lambda canvas: loss.loss(canvas.picture, pixels)
        if loss.inputs == "hypercolumns":
            layers = list(loss.layers)
            scales = layer_scales({layer: photo.features[layer] for layer in layers})
            places = photo.places(min(loss.samples, _MAX_VECTORS), generator)
            columns = loss.prepare(photo.columns(layers, places, scales), saliency)
            return lambda canvas: loss.loss(canvas.columns(layers, places, scales), columns)
        targets = {layer: loss.prepare(photo.features[layer], saliency) for layer in loss.layers}

        def compare(canvas: EncodedImage) -> Float[Tensor, ""]:
            values = (
                weight * loss.loss(canvas.features[layer], targets[layer]) for layer, weight in loss.layers.items()
            )
            return sum(values, start=canvas.picture.new_zeros(()))

        return compare


def total_of(terms: Mapping[str, Tensor]) -> Float[Tensor, ""]:
    """Return the loss: the sum of the terms."""
    return torch.stack(list(terms.values())).sum()


def _weighted_sum(losses: Mapping[str, Tensor], settings: Mapping[str, Any], picture: Tensor) -> Float[Tensor, ""]:
    return sum((settings[name].weight * loss for name, loss in losses.items()), start=picture.new_zeros(()))


def _has_enough(counts: Mapping[str, Sequence[float]], layer: str, number: int) -> bool:
    best = max(counts, key=lambda name: counts[name][number])
    return counts[layer][number] >= MIN_POSITIONS or (layer == best and counts[best][number] > 0)

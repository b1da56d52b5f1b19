"""The objective: weighted losses bound to photo and styles at one size, as a function of the picture."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, Literal

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from impasto.backbones import AnyWeights, FeatureExtractor, Moments, build_extractor
from impasto.losses.base import ContentLoss, StyleLoss
from impasto.losses.content import MAX_VECTORS
from impasto.losses.matching import agreement, layer_share, restyle
from impasto.losses.picture import low_frequency_loss, luminance_range_loss, regional_range, total_variation
from impasto.losses.regions import PositionWeights, draw_owners, resize_to_layer
from impasto.losses.registry import content_losses, layers_of_moments, needed_layers, style_losses
from impasto.losses.sampling import layer_scales
from impasto.losses.targets import EncodedImage, LayerRegions, RegionTarget, mask_values, regions_at_layers
from impasto.losses.wasserstein import parallel_map
from impasto.recipe import Recipe

TERMS: Final = ("content", "style", "low_frequency", "luminance_range", "tv")
"""Names of the terms in the order in which they are summed."""

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


@dataclass(frozen=True, eq=False)
class _Comparison:
    """One style loss in one layer: how the canvas is measured there, and what each region is compared with."""

    loss: StyleLoss
    measure: Callable[[EncodedImage], Sequence[Any]]
    targets: Sequence[Any]
    shares: Sequence[float] | None
    """Share of the canvas of every region; None: one region that is the whole canvas."""
    weight: float = 1.0
    """How much the layer counts on this level."""

    def value(self, canvas: EncodedImage) -> Float[Tensor, ""]:
        """Return the loss of the canvas."""
        if not self.targets:
            return canvas.picture.new_zeros(())
        statistics = self.measure(canvas)
        if self.shares is None:
            return self.loss.loss(statistics[0], self.targets[0])
        tasks = [partial(self.loss.loss, *pair) for pair in zip(statistics, self.targets, strict=True)]
        in_parallel = self.loss.parallel_over_regions and all(isinstance(one, Moments) for one in statistics)
        values = parallel_map(tasks, canvas.picture.device) if in_parallel else [task() for task in tasks]
        return torch.stack([share * value for share, value in zip(self.shares, values, strict=True)]).sum(dim=0)


def _measure(
    loss: StyleLoss, layer: str, weights: tuple[PositionWeights, ...] | None, canvas: EncodedImage
) -> Sequence[Any]:
    """Return the statistics of the regions of a canvas in a layer, or in the pixels."""
    maps: Any = canvas.features.map_or_moments(layer) if layer else canvas.picture
    return [loss.measure(maps)] if weights is None else loss.measure_regions(maps, weights)


@dataclass(frozen=True, eq=False)
class _Binder:
    """Binds losses to the photo and to the targets of the regions; what it returns keeps neither."""

    photo: EncodedImage
    regions: Sequence[RegionTarget]
    at_layers: Mapping[str, LayerRegions]
    generator: torch.Generator
    matching: float
    """How far the photo's features get the statistics of the matching places."""

    def style(self, name: str, loss: StyleLoss) -> dict[str, _Comparison]:
        """Return the comparisons of a style loss by layer, in the order of the random numbers that they draw."""
        if loss.inputs == "hypercolumns":
            return {"": self._hypercolumns(name, loss)}
        at_layers = self.at_layers
        if loss.inputs == "pixels":
            at_layers = {"": LayerRegions.of_pixels([region.mask for region in self.regions])}
        return {layer: self._layer(name, loss, layer, *at_layers[layer]) for layer in loss.layers or at_layers}

    def _layer(
        self,
        name: str,
        loss: StyleLoss,
        layer: str,
        numbers: Sequence[int],
        weights: tuple[PositionWeights, ...] | None,
    ) -> _Comparison:
        if weights is not None and loss.needs_maps and layer:
            # The random draw can leave a region with soft values without any position.
            numbers = [number for number, one in zip(numbers, weights, strict=True) if len(one.members)]
            weights = tuple(one for one in weights if len(one.members))
        measure = partial(_measure, loss, layer, weights)
        regions = [self.regions[number] for number in numbers]
        targets = [
            loss.prepare(region.statistic(name, layer), canvas, self.generator)
            for region, canvas in zip(regions, measure(self.photo) if regions else [], strict=True)
        ]
        shares = None if weights is None else [region.weight for region in regions]
        weight = layer_share(self._positions(layer), loss.recipe.style.matching) if layer else 1.0
        return _Comparison(loss, measure, targets, shares, weight)

    def _positions(self, layer: str) -> float:
        """Return the number of positions of the canvas in a layer."""
        maps = self.photo.features.map_or_moments(layer)
        return maps.weight if isinstance(maps, Moments) else float(maps.shape[2] * maps.shape[3])

    def _hypercolumns(self, name: str, loss: StyleLoss) -> _Comparison:
        layers = list(loss.layers)
        channels = [self.photo.features[layer].shape[1] for layer in layers]
        places, targets, shares = [], [], []
        for region in self.regions:
            some = self._places(region, loss.samples)
            if len(some):
                columns, scales = region.columns(name, layers, channels)
                canvas = loss.measure(self.photo.columns(layers, some, scales))
                targets.append(loss.prepare(columns, canvas, self.generator))
                places.append((some, scales))
                shares.append(region.weight)

        def measure(canvas: EncodedImage) -> Sequence[Any]:
            return [loss.measure(canvas.columns(layers, *some)) for some in places]

        return _Comparison(loss, measure, targets, shares)

    def _places(self, region: RegionTarget, samples: int) -> Float[Tensor, "n 2"]:
        """Draw places of a region: as many as is its share of all samples, but never too few.

        Where the region is gray, they are drawn by its share; the same places give the same answer.
        """
        share = region.weight
        if not share:
            return torch.zeros(0, 2, dtype=torch.float32)
        wanted = max(samples * share, min(_MIN_SAMPLES, samples))
        height, width = self.photo.picture.shape[2:]
        places = self.photo.places(min(round(wanted / share), height * width), self.generator)
        if region.mask is None:
            return places
        shares = mask_values(region.mask, places)[None]
        return places[draw_owners(shares, torch.Generator().manual_seed(len(places))) == 0]

    def content(
        self, loss: ContentLoss, saliency: Float[Tensor, "1 1 h w"] | None
    ) -> Callable[[EncodedImage], Float[Tensor, ""]]:
        """Return a content loss as a function of the canvas."""
        photo = self.photo
        if loss.inputs == "pixels":
            pixels = loss.prepare(photo.picture, saliency)
            return lambda canvas: loss.loss(canvas.picture, pixels)
        layers = list(loss.layers)
        if loss.inputs == "hypercolumns":
            scales = layer_scales({layer: photo.features[layer] for layer in layers})
            places = photo.places(min(loss.samples, MAX_VECTORS), self.generator)
            columns = loss.prepare(photo.columns(layers, places, scales), saliency)
            return lambda canvas: loss.loss(canvas.columns(layers, places, scales), columns)
        targets = [
            (layer, weight, loss.prepare(self._restyled(layer), self._importance(layer, saliency)))
            for layer, weight in loss.layers.items()
        ]

        def compare(canvas: EncodedImage) -> Float[Tensor, ""]:
            values = (weight * loss.loss(canvas.features[layer], target) for layer, weight, target in targets)
            return sum(values, start=canvas.picture.new_zeros(()))

        return compare

    def _restyled(self, layer: str) -> Float[Tensor, "1 c h w"]:
        """Return the photo's features, as far as wanted with the statistics of the matching places of the styles.

        The photo's own features pull against the style losses: shading, skin and fur would stay photographs.
        """
        maps = self.photo.features[layer]
        result, share = maps, self.matching
        for region in self.regions:
            if (statistics := region.local(layer)) is not None:
                moved = restyle(maps, statistics, share)
                mask = region.mask
                result = moved if mask is None else result + resize_to_layer(mask, maps).to(maps.dtype) * (moved - maps)
        return result

    def _importance(self, layer: str, saliency: Float[Tensor, "1 1 _h _w"] | None) -> Float[Tensor, "1 1 h w"] | None:
        """Return how much each position of a layer counts: more on what is salient, and where matches agree."""
        maps = self.photo.features[layer]
        height, width = maps.shape[2:]
        weights = None if saliency is None else functional.adaptive_avg_pool2d(saliency, (height, width))
        for region in self.regions:
            if (statistics := region.local(layer)) is not None:
                held = agreement(statistics, height, width).to(maps.device) ** self.matching
                if region.mask is not None:
                    held = 1 + resize_to_layer(region.mask, maps) * (held - 1)
                weights = held if weights is None else weights * held
        return weights


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
            binder = _Binder(photo, regions, at_layers, generator, _restyled_share(self._recipe))
            self._range = regional_range([(region.range, region.mask) for region in regions])
            self._content = self._bind_content(binder)
            self._style = {name: binder.style(name, loss) for name, loss in self._style_losses.items()}
        missing = [
            (number, tuple(layer for layer in layers if number not in at_layers[layer].numbers))
            for number in range(len(regions))
        ]
        self.too_small = [(number, lacking) for number, lacking in missing if lacking]
        """The regions, by their numbers, that are too small for some layers, and these layers."""

    def _bind_content(self, binder: _Binder) -> dict[str, Callable[[EncodedImage], Float[Tensor, ""]]]:
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
                binder = _Binder(photo, self._regions, {}, generator, _restyled_share(self._recipe))
                self._content = self._bind_content(binder)

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
        canvas = self._encoded(picture)
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

    def scale_content_weight(self, picture: Float[Tensor, "1 3 h w"]) -> None:
        """Multiply the content weight by (distance / `_USUAL_DISTANCE`) ** exponent, limited to 1/4 ... 4.

        The distance is the style loss of `picture`, the recolored photo: the farther the style is from the photo, the
        more content would be lost if the weight were the same for all pairs.
        """
        with torch.no_grad():
            loss = float(self._style_loss(self._encoded(picture)))
        distance = loss / self._covered
        factor = (distance / _USUAL_DISTANCE) ** self._recipe.content.exponent
        self._content_factor *= min(4.0, max(0.25, factor))

    def _style_loss(self, canvas: EncodedImage) -> Float[Tensor, ""]:
        zero = canvas.picture.new_zeros(())
        losses = {}
        for name, comparisons in self._style.items():
            weights = self._style_losses[name].layers
            values = (weights.get(layer, 1.0) * one.weight * one.value(canvas) for layer, one in comparisons.items())
            losses[name] = sum(values, start=zero)
        return _weighted_sum(losses, self._recipe.style.losses, canvas.picture)


def _restyled_share(recipe: Recipe) -> float:
    """Return how far the photo's features get the statistics of the matching places; a low strength fades it."""
    return recipe.style.matching * recipe.start.recolor


def total_of(terms: Mapping[str, Tensor]) -> Float[Tensor, ""]:
    """Return the loss: the sum of the terms."""
    return torch.stack(list(terms.values())).sum()


def _weighted_sum(losses: Mapping[str, Tensor], settings: Mapping[str, Any], picture: Tensor) -> Float[Tensor, ""]:
    return sum((settings[name].weight * loss for name, loss in losses.items()), start=picture.new_zeros(()))

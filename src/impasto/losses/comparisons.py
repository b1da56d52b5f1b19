"""Comparisons: losses bound to the photo and to the targets of styles and regions, as functions of the canvas."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, Literal

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from impasto.backbones import Moments
from impasto.losses.base import ContentLoss, StyleLoss
from impasto.losses.content import MAX_VECTORS, FeatureLoss, FeatureTarget
from impasto.losses.matching import LocalStatistics, MapStatistics, Restyling, agreement, layer_share, restyling_of
from impasto.losses.regions import PositionWeights, draw_owners, resize_to_layer
from impasto.losses.statistics import Count
from impasto.losses.targets import EncodedImage, LayerRegions, RegionTarget, mask_values
from impasto.losses.tiles import EncodedTile, TiledImage, joined_columns

_MIN_SAMPLES: Final = 64
"""Samples that a region has at least, however small it is."""


class Comparison(ABC):
    """A loss of the canvas."""

    scope: Literal["statistics", "tiles", "strips", "pixels"]
    """What a picture in tiles is compared by: joined statistics of tiles or strips, the sum of its tiles' values, or
    all pixels."""
    weight: float = 1.0
    """How much the layer counts on this level."""

    @abstractmethod
    def value(self, canvas: EncodedImage) -> Float[Tensor, ""]:
        """Return the loss of a canvas, or what a tile adds to it."""


class StatisticComparison(Comparison):
    """A loss that compares statistics of the whole canvas, one for every region."""

    targets: Sequence[Any]

    def value(self, canvas: EncodedImage) -> Float[Tensor, ""]:
        """Return the loss of a canvas."""
        return self.compare(self.measure(canvas)) if self.targets else canvas.picture.new_zeros(())

    @abstractmethod
    def measure(self, canvas: EncodedImage) -> Sequence[Any]:
        """Return the statistics of a canvas, or of a tile."""

    @abstractmethod
    def join(self, parts: Sequence[Sequence[Any]]) -> Sequence[Any]:
        """Return the statistics of a canvas from those of its tiles."""

    @abstractmethod
    def compare(self, statistics: Sequence[Any]) -> Float[Tensor, ""]:
        """Return the loss of a canvas with these statistics."""


@dataclass(frozen=True, eq=False)
class LayerComparison(StatisticComparison):
    """A style loss in one layer, or of the pixels, and what each region is compared with."""

    loss: StyleLoss
    layer: str
    weights: tuple[PositionWeights, ...] | None
    targets: Sequence[Any] = ()
    shares: Sequence[float] | None = None
    """Share of the canvas of every region; None: one region that is the whole canvas."""
    counts: Sequence[float] = ()
    """Positions of every region on the whole canvas, if the loss is a mean over them."""
    weight: float = 1.0

    @property
    def scope(self) -> Literal["statistics", "tiles", "strips", "pixels"]:  # type: ignore[override]
        """What a picture in tiles is compared by."""
        if self.loss.inputs == "pixels":
            return "pixels" if self.loss.halo is None else "strips"
        return "tiles" if self.loss.is_mean else "statistics"

    def value(self, canvas: EncodedImage) -> Float[Tensor, ""]:
        """Return the loss of a canvas, or what a tile adds to it."""
        if not self.loss.is_mean:
            return super().value(canvas)
        statistics = self.measure(canvas) if self.targets else []
        values = canvas.picture.new_zeros(())
        for number, (statistic, target) in enumerate(zip(statistics, self.targets, strict=True)):
            if statistic.weight:
                share = (1.0 if self.shares is None else self.shares[number]) * (statistic.weight / self.counts[number])
                values = values + share * self.loss.loss(statistic, target)
        return values

    def measure(self, canvas: EncodedImage) -> Sequence[Any]:
        """Return the statistics of a canvas, or of a tile."""
        maps, weights = canvas.some(self.layer, self.weights) if self.layer else (canvas.picture, self.weights)
        return [self.loss.measure(maps)] if weights is None else self.loss.measure_regions(maps, weights)

    def measure_rows(self, window: Float[Tensor, "1 3 _h w"], rows: slice, height: int) -> Sequence[Any]:
        """Return the statistics of some rows of a canvas, if its scope is `strips`."""
        found: Sequence[Any] = self.loss.measure_rows(window, rows, height, self.weights)
        return found

    def join(self, parts: Sequence[Sequence[Any]]) -> Sequence[Any]:
        """Return the statistics of a canvas from those of its tiles or strips."""
        return [self.loss.join(region) for region in zip(*parts, strict=True)]

    def compare(self, statistics: Sequence[Any]) -> Float[Tensor, ""]:
        """Return the loss of a canvas with these statistics."""
        return _compare(self.loss, statistics, self.targets, self.shares)


@dataclass(frozen=True, eq=False)
class ColumnsComparison(StatisticComparison):
    """A loss of the hypercolumns at some places of every region."""

    loss: StyleLoss | ContentLoss
    places: Sequence[tuple[Float[Tensor, "_n 2"], Mapping[str, float]]]
    """Places of every region, and what each layer is multiplied by."""
    targets: Sequence[Any]
    shares: Sequence[float] | None = None

    scope = "statistics"

    def measure(self, canvas: EncodedImage) -> Sequence[Any]:
        """Return the statistics of a canvas, or of a tile."""
        return [canvas.columns(list(self.loss.layers), *some) for some in self.places]

    def join(self, parts: Sequence[Sequence[Any]]) -> Sequence[Any]:
        """Return the statistics of a canvas from those of its tiles."""
        regions = zip(self.places, *parts, strict=True)
        return [joined_columns(found, len(places)) for (places, _), *found in regions]

    def compare(self, statistics: Sequence[Any]) -> Float[Tensor, ""]:
        """Return the loss of a canvas with these statistics."""
        if isinstance(self.loss, StyleLoss):
            statistics = [self.loss.measure(columns) for columns in statistics]
        return _compare(self.loss, statistics, self.targets, self.shares)


def _compare(
    loss: StyleLoss | ContentLoss, statistics: Sequence[Any], targets: Sequence[Any], shares: Sequence[float] | None
) -> Float[Tensor, ""]:
    """Return the weighted sum of the losses of the regions."""
    if shares is None:
        return loss.loss(statistics[0], targets[0])
    # One after the other: in threads of their own the order in which gradients are added would change from run to run.
    values = [share * loss.loss(*pair) for share, *pair in zip(shares, statistics, targets, strict=True)]
    return torch.stack(values).sum(dim=0)


@dataclass(frozen=True, eq=False)
class MapsComparison(Comparison):
    """A content loss of whole maps, which is a sum over positions: layers, their weights and targets."""

    loss: ContentLoss
    targets: Sequence[tuple[str, float, Any]]

    scope = "tiles"

    def value(self, canvas: EncodedImage) -> Float[Tensor, ""]:
        """Return the loss of a canvas, or what a tile adds to it."""
        value = canvas.picture.new_zeros(())
        for layer, weight, target in self.targets:
            maps, _ = canvas.some(layer, None)
            value = value + weight * self.loss.loss(maps, self.loss.part(target, partial(canvas.cut, layer)))
        return value


@dataclass(frozen=True, eq=False)
class RestyledLayer:
    """A layer of the photo, as far as wanted with the statistics of the matching places of the regions' styles.

    The photo's own features pull against the style losses: shading, skin and fur would stay photographs.
    """

    restylings: Sequence[tuple[Restyling, Float[Tensor, "1 1 h w"] | None]]
    """One for every region that is restyled, and where it is; None: everywhere."""

    def __call__(
        self, maps: Float[Tensor, "1 c h w"], rows: slice = slice(None), columns: slice = slice(None)
    ) -> Float[Tensor, "1 c h w"]:
        """Return the target from the photo's features, or from those at these rows and columns."""
        result = maps
        for restyling, share in self.restylings:
            moved = restyling(maps, rows, columns)
            result = moved if share is None else result + share[:, :, rows, columns] * (moved - maps)
        return result


@dataclass(frozen=True, eq=False)
class RecomputedComparison(Comparison):
    """A content loss of whole maps whose targets are computed from the photo whenever a tile needs them."""

    loss: FeatureLoss
    photo: TiledImage
    targets: Mapping[str, tuple[float, RestyledLayer, Float[Tensor, "1 1 _h _w"] | None, Float[Tensor, ""]]]
    """By layer its weight, the target, how much its positions count, and the scale of the error."""

    scope = "tiles"

    def value(self, canvas: EncodedImage) -> Float[Tensor, ""]:
        """Return what a tile adds to the loss of the canvas."""
        assert isinstance(canvas, EncodedTile)
        value = canvas.picture.new_zeros(())
        with torch.no_grad():
            photo = self.photo.part(canvas.tile, self.photo.window(canvas.tile))
        for layer, (weight, restyled, importance, scale) in self.targets.items():
            with torch.no_grad():
                features = restyled(photo.some(layer, None)[0], *photo.own(layer))
            counts = None if importance is None else canvas.cut(layer, importance)
            maps, _ = canvas.some(layer, None)
            value = value + weight * self.loss.loss(maps, FeatureTarget(features, counts, scale))
        return value


@dataclass(frozen=True, eq=False)
class PixelsComparison(Comparison):
    """A content loss of the pixels."""

    loss: ContentLoss
    target: Any

    scope = "pixels"

    def value(self, canvas: EncodedImage) -> Float[Tensor, ""]:
        """Return the loss of a canvas, or what a tile adds to it."""
        return self.loss.loss(canvas.picture, self.target)


@dataclass(frozen=True, eq=False)
class Binder:
    """Binds losses to the photo and to the targets of the regions; what it returns keeps neither."""

    photo: EncodedImage
    regions: Sequence[RegionTarget]
    at_layers: Mapping[str, LayerRegions]
    generator: torch.Generator
    matching: float
    """How far the photo's features get the statistics of the matching places."""
    coarse: bool = False
    """Whether style layers count by their positions."""
    recompute: bool = False
    """Whether the photo's features are computed again whenever a tile of the canvas is compared with them."""

    def styles(self, losses: Mapping[str, StyleLoss]) -> dict[str, dict[str, Comparison]]:
        """Return the comparisons of the style losses by layer, in the order of the random numbers that they draw."""
        opened = {name: self._opened(loss) for name, loss in losses.items() if loss.inputs != "hypercolumns"}
        photo: dict[tuple[str, str], list[Sequence[Any]]] = {}
        for number, part in enumerate(self.photo.parts()):
            for name, by_layer in opened.items():
                for layer, (one, numbers) in by_layer.items():
                    if numbers and (layer or number == 0):
                        canvas = part if layer else self.photo
                        found = one.measure(canvas)
                        # The positions themselves would take as much memory as the photo's features.
                        counted = [Count(each.weight) for each in found] if one.loss.is_mean else found
                        photo.setdefault((name, layer), []).append(counted)
        bound: dict[str, dict[str, Comparison]] = {}
        for name, loss in losses.items():
            if loss.inputs == "hypercolumns":
                bound[name] = {"": self._hypercolumns(name, loss)}
                continue
            bound[name] = {}
            for layer, (one, numbers) in opened[name].items():
                statistics = one.join(photo.pop((name, layer))) if numbers else []
                bound[name][layer] = self._prepared(name, one, [self.regions[number] for number in numbers], statistics)
        return bound

    def _opened(self, loss: StyleLoss) -> dict[str, tuple[LayerComparison, Sequence[int]]]:
        """Return the comparisons of a loss by layer without targets, and the numbers of their regions."""
        at_layers = self.at_layers
        if loss.inputs == "pixels":
            at_layers = {"": LayerRegions.of_pixels([region.mask for region in self.regions])}
        found = {}
        for layer in loss.layers or at_layers:
            numbers, weights = at_layers[layer]
            if weights is not None and loss.needs_maps and layer:
                # The random draw can leave a region with soft values without any position.
                numbers = [number for number, one in zip(numbers, weights, strict=True) if len(one.members)]
                weights = tuple(one for one in weights if len(one.members))
            found[layer] = LayerComparison(loss, layer, weights), numbers
        return found

    def _prepared(
        self, name: str, opened: LayerComparison, regions: Sequence[RegionTarget], photo: Sequence[Any]
    ) -> LayerComparison:
        """Return a comparison with its targets."""
        loss, layer, weights = opened.loss, opened.layer, opened.weights
        targets = [
            loss.prepare(region.statistic(name, layer), canvas, self.generator)
            for region, canvas in zip(regions, photo, strict=True)
        ]
        shares = None if weights is None else [region.weight for region in regions]
        counts = [canvas.weight for canvas in photo] if loss.is_mean else []
        weight = layer_share(self._positions(layer), loss.recipe.style.matching) if layer and self.coarse else 1.0
        return LayerComparison(loss, layer, weights, targets, shares, counts, weight)

    def _positions(self, layer: str) -> float:
        """Return the number of positions of the canvas in a layer."""
        maps = self.photo.features.map_or_moments(layer)
        return maps.weight if isinstance(maps, Moments) else float(maps.shape[2] * maps.shape[3])

    def _hypercolumns(self, name: str, loss: StyleLoss) -> ColumnsComparison:
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
        return ColumnsComparison(loss, places, targets, shares)

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

    def content(self, loss: ContentLoss, saliency: Float[Tensor, "1 1 h w"] | None) -> Comparison:
        """Return a content loss as a function of the canvas."""
        photo = self.photo
        if loss.inputs == "pixels":
            return PixelsComparison(loss, loss.prepare(photo.picture, saliency))
        layers = list(loss.layers)
        if loss.inputs == "hypercolumns":
            scales = photo.scales(layers)
            places = photo.places(min(loss.samples, MAX_VECTORS), self.generator)
            columns = loss.prepare(photo.columns(layers, places, scales), saliency)
            return ColumnsComparison(loss, [(places, scales)], [columns])
        if self.recompute and isinstance(photo, TiledImage) and isinstance(loss, FeatureLoss):
            return self._recomputed(photo, loss, saliency)
        whole, targets = dict(photo.maps(layers)), []
        for layer, weight in loss.layers.items():
            maps = whole.pop(layer)
            restyled = self._restyled(layer, maps.dtype, partial(restyling_of, maps))
            targets.append((layer, weight, loss.prepare(restyled(maps), self._importance(layer, saliency))))
        return MapsComparison(loss, targets)

    def _recomputed(
        self, photo: TiledImage, loss: FeatureLoss, saliency: Float[Tensor, "1 1 h w"] | None
    ) -> RecomputedComparison:
        """Return a content loss of maps of which only what belongs to the whole photo is measured."""
        layers = list(loss.layers)
        known = {layer: MapStatistics() for layer in layers}
        if any(region.local(layer) for region in self.regions for layer in layers):
            for part in photo.parts():
                for layer, statistics in known.items():
                    statistics.add(part.some(layer, None)[0])
        targets, measured = {}, dict.fromkeys(layers, photo.picture.new_zeros(()))
        for layer, weight in loss.layers.items():
            maps, of_photo = photo.features[layer], known[layer]
            size = maps.shape[2], maps.shape[3]
            restyled = self._restyled(layer, maps.dtype, partial(of_photo.restyling, size=size))
            targets[layer] = weight, restyled, loss.weight(self._importance(layer, saliency), size)
        for part in photo.parts():
            for layer, (_, restyled, importance) in targets.items():
                features = restyled(part.some(layer, None)[0], *part.own(layer))
                counts = None if importance is None else part.cut(layer, importance)
                measured[layer] = measured[layer] + loss.measure(features, counts)
        with_scale = {layer: (*target, loss.scale(measured[layer])) for layer, target in targets.items()}
        return RecomputedComparison(loss, photo, with_scale)

    def _restyled(
        self, layer: str, dtype: torch.dtype, restyling: Callable[[LocalStatistics, float], Restyling]
    ) -> RestyledLayer:
        """Return what makes the target of a layer from the photo's features."""
        found = []
        for region in self.regions:
            if (statistics := region.local(layer)) is not None:
                shares = None if region.mask is None else resize_to_layer(region.mask, self.photo.features[layer])
                found.append((restyling(statistics, self.matching), None if shares is None else shares.to(dtype)))
        return RestyledLayer(found)

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

"""What the canvas is compared with: the statistics of style images, for the whole canvas or for its regions."""

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from impasto.backbones import FeatureExtractor, Features, Moments, average
from impasto.losses.matching import LocalStatistics, Matches, PooledSums
from impasto.losses.picture import LuminanceRange, luminance_range
from impasto.losses.regions import MIN_POSITIONS, PositionWeights, draw_owners, resize_to_layer, threshold
from impasto.losses.registry import compared_layers, style_losses
from impasto.losses.sampling import hypercolumns, layer_scales, sample_positions
from impasto.losses.statistics import Positions, mixed
from impasto.recipe import Recipe

_MOST_SAMPLED: Final = 2**18
"""Positions of a layer of a style image from which samples are drawn; a larger map is thinned out to so many."""


@dataclass(frozen=True, eq=False)
class EncodedImage:
    """A picture, RGB in [0, 1], and its features.

    `mask` (0..1) says which places count, and `importance` (0..1) how much each of them does; None: all alike.
    `border` outermost positions of each map do not: where a style image is cut, strokes end and what is beyond is
    invented by the padding; a canvas that takes them over grows a border.
    """

    picture: Float[Tensor, "1 3 h w"]
    features: Features
    mask: Float[Tensor, "1 1 h w"] | None = None
    border: int = 0
    importance: Float[Tensor, "1 1 h w"] | None = None

    @classmethod
    def of(
        cls,
        extractor: FeatureExtractor,
        picture: Float[Tensor, "1 3 h w"],
        mask: Float[Tensor, "1 1 h w"] | None = None,
        border: int = 0,
        *,
        importance: Float[Tensor, "1 1 h w"] | None = None,
        whole: bool = False,
    ) -> "EncodedImage":
        """Return a picture with the features that a network extracts; `whole`: every map, not moments alone."""
        whole = whole or mask is not None or importance is not None
        return cls(picture, extractor(picture, border=border, whole=whole), mask, border, importance)

    def parts(self) -> "Iterator[EncodedImage]":
        """Yield the parts, here one, whose statistics make up those of the picture."""
        yield self

    def layer(self, name: str, step: int = 1) -> tuple[Any, PositionWeights | None]:
        """Return what counts of a layer: its map without the border (or moments), and the weights of a mask.

        With a larger `step`, only so many rows and columns are returned: the first, and every `step` further on.
        """
        maps = self.features.map_or_moments(name)
        if isinstance(maps, Moments):
            return maps, None
        rows, columns = self.inner(name)
        if self.border:
            maps = maps[:, :, rows, columns].contiguous(memory_format=torch.channels_last)
        return thinned(maps, self.weights(name), (0, 0), step)

    def own(self, layer: str) -> tuple[slice, slice]:
        """Return the rows and columns of the map of a whole picture that this part has."""
        height, width = self.features[layer].shape[2:]
        return slice(0, height), slice(0, width)

    def inner(self, layer: str) -> tuple[slice, slice]:
        """Return the rows and columns of a layer's map without the border."""
        height, width = self.features[layer].shape[2:]
        border = self.border if min(height, width) >= 6 else 0
        return slice(border, height - border), slice(border, width - border)

    def weights(self, layer: str) -> PositionWeights | None:
        """Return how much each position of a layer without the border counts; None: all alike."""
        if self.mask is None and self.importance is None:
            return None
        rows, columns = self.inner(layer)
        mask, importance = (
            None if values is None else resize_to_layer(values, self.features[layer])[:, :, rows, columns].flatten()
            for values in (self.mask, self.importance)
        )
        return PositionWeights(mask, importance=importance)

    def maps(self, layers: Collection[str]) -> Mapping[str, Tensor]:
        """Return the whole maps of some layers."""
        return {layer: self.features[layer] for layer in layers}

    def some(
        self, layer: str, weights: tuple[PositionWeights, ...] | None
    ) -> tuple[Any, tuple[PositionWeights, ...] | None]:
        """Return the map (or moments) and the weights of the regions at the positions of this part."""
        return self.features.map_or_moments(layer), weights

    def cut(self, layer: str, maps: Float[Tensor, "1 c h w"]) -> Float[Tensor, "1 c _h _w"]:
        """Return the positions of this part of a map that has the size of the layer's."""
        return maps

    def scales(self, layers: Sequence[str]) -> dict[str, float]:
        """Return what each layer of hypercolumns is multiplied by."""
        return layer_scales(self.maps(layers), self.mask)

    def columns(
        self, layers: Sequence[str], places: Float[Tensor, "n 2"], scales: Mapping[str, float]
    ) -> Float[Tensor, "1 c n 1"]:
        """Return the hypercolumns at some places as a map of one column."""
        columns = hypercolumns({name: self.features[name] for name in layers}, places, scales=scales)
        return columns.T[None, :, :, None]

    def places(self, count: int, generator: torch.Generator) -> Float[Tensor, "n 2"]:
        """Draw about `count` places, (across, down) in [0, 1], of those that count; at least one."""
        height, width = self.picture.shape[2:]
        if self.mask is None:
            return sample_positions(height, width, count, generator).to(self.picture.device)
        limit = threshold(self.mask)
        share = float(average((self.mask >= limit).float()))
        for candidates in (round(count / share), height * width):
            # One place in every pixel finds what is white, however little it is.
            places = sample_positions(height, width, candidates, generator).to(self.picture.device)
            inside = places[mask_values(self.mask, places) >= limit]
            if len(inside):
                break
        return inside


@dataclass(frozen=True, eq=False)
class StyleTarget:
    """The statistics of a style image at one size, by loss and layer; nothing else is kept of it."""

    statistics: Mapping[tuple[str, str], Any]
    positions: Mapping[str, float]
    """How many positions of a layer count; infinity without a mask."""
    range: LuminanceRange
    scales: Mapping[str, float] = field(default_factory=dict)
    """What each layer of hypercolumns was multiplied by."""
    local: Mapping[str, LocalStatistics] = field(default_factory=dict)
    """By layer those of its places, if the style is matched with photos."""

    @property
    def nbytes(self) -> int:
        """Memory of the statistics in bytes."""
        parts = [
            one if isinstance(one, tuple) else (one, *getattr(one, "__dict__", {}).values())
            for one in (*self.statistics.values(), *self.local.values())
        ]
        return sum(value.nbytes for part in parts for value in part if torch.is_tensor(value))


@torch.no_grad()
def measure_style(image: EncodedImage, recipe: Recipe, grid: tuple[int, int] | None = None) -> StyleTarget:
    """Return the statistics of a style image that the losses of a recipe need; with a `grid` those of places, too."""
    statistics: dict[tuple[str, str], Any] = {}
    positions: dict[str, float] = {}
    scales: dict[str, float] = {}
    losses = style_losses(recipe)
    # First, because sorting takes memory that is needed for the weights of positions later.
    extremes = luminance_range(image.picture, image.mask)
    for name, loss in losses.items():
        if loss.inputs == "pixels":
            weights = None if image.mask is None else PositionWeights(image.mask.flatten())
            statistics[name, ""] = loss.summarize(loss.measure(image.picture, weights))
        for layer in loss.layers:
            weights = None if image.mask is None else image.weights(layer)
            positions[layer] = math.inf if weights is None else weights.count
        if loss.inputs == "hypercolumns":
            scales |= image.scales(list(loss.layers))
            places = image.places(loss.samples, torch.Generator().manual_seed(recipe.start.seed))
            columns = image.columns(list(loss.layers), places, scales)
            statistics[name, ""] = loss.summarize(loss.measure(columns))
    by_layer = {name: loss for name, loss in losses.items() if loss.inputs == "layer"}
    found: dict[tuple[str, str], list[Any]] = {}
    local = _LocalSums(image, grid, compared_layers(recipe))
    for part in image.parts():
        for name, loss in by_layer.items():
            for layer in filter(positions.get, loss.layers):
                measured = loss.measure(*part.layer(layer, _step(image, layer) if loss.is_mean else 1))
                found.setdefault((name, layer), []).append(measured)
        local.add(part)
    statistics |= {key: losses[key[0]].summarize(losses[key[0]].join(found.pop(key))) for key in list(found)}
    return StyleTarget(statistics, positions, extremes, scales, local.found())


def _step(image: EncodedImage, layer: str) -> int:
    """Return the distance of the positions of a layer from which a sample is drawn."""
    height, width = image.features[layer].shape[2:]
    return math.ceil(math.sqrt(height * width / _MOST_SAMPLED))


def thinned(
    maps: Float[Tensor, "1 c h w"], weights: PositionWeights | None, first: tuple[int, int], step: int
) -> tuple[Float[Tensor, "1 c _h _w"], PositionWeights | None]:
    """Return every `step`-th row and column of a map, from `first` on, and the weights there."""
    if step == 1:
        return maps, weights
    rows, columns = (slice(at, None, step) for at in first)
    return maps[:, :, rows, columns], weights and weights.part(maps.shape[3], rows, columns)


class _LocalSums:
    """Collects the local statistics of a style image from its parts, if its places are matched with photos."""

    def __init__(self, image: EncodedImage, grid: tuple[int, int] | None, layers: Collection[str]) -> None:
        self._grid = grid
        self._layers = [] if grid is None else list(layers)
        self._image = image
        self._sums: dict[str, PooledSums] = {}
        self._known: dict[str, LocalStatistics] = {}

    def add(self, part: EncodedImage) -> None:
        """Add a part of the image."""
        for layer in self._layers:
            maps, _ = part.some(layer, None)
            assert self._grid is not None
            if part is self._image:
                self._known[layer] = LocalStatistics.of(maps, self._grid)
                continue
            size = self._image.features[layer].shape[2:]
            sums = self._sums.setdefault(layer, PooledSums(self._grid, (size[0], size[1])))
            sums.add(maps, *part.own(layer))

    def found(self) -> dict[str, LocalStatistics]:
        """Return the statistics by layer."""
        return self._known | {layer: sums.statistics() for layer, sums in self._sums.items()}


@dataclass(frozen=True, eq=False)
class RegionTarget:
    """The styles of a region of the canvas, whose shares sum to 1.

    `mask` (0..1) is the region; None: the whole canvas. `matches` say which places of the photo those of each style
    resemble; empty, or None for a style: they were not matched.
    """

    styles: Sequence[StyleTarget]
    shares: Sequence[float] = (1.0,)
    mask: Float[Tensor, "1 1 h w"] | None = None
    matches: Sequence[Matches | None] = ()

    @property
    def weight(self) -> float:
        """Share of the canvas that belongs to the region."""
        return 1.0 if self.mask is None else float(average(self.mask))

    def statistic(self, loss: str, layer: str) -> Any:
        """Return the statistic of the mixture of the styles."""
        known = [(style.statistics, share) for style, share in zip(self.styles, self.shares, strict=True)]
        known = [(statistics, share) for statistics, share in known if (loss, layer) in statistics]
        return mixed([statistics[loss, layer] for statistics, _ in known], [share for _, share in known])

    def columns(
        self, loss: str, layers: Sequence[str], channels: Sequence[int]
    ) -> tuple[Positions, Mapping[str, float]]:
        """Return the hypercolumns of the mixture, and the scales at which they have a mean squared length of 1."""
        if len(self.styles) == 1:
            return self.styles[0].statistics[loss, ""], self.styles[0].scales
        lengths = {
            layer: sum(share / style.scales[layer] ** 2 for style, share in zip(self.styles, self.shares, strict=True))
            for layer in layers
        }
        scales = {layer: length**-0.5 for layer, length in lengths.items()}
        parts = []
        for style in self.styles:
            ratios = [scales[layer] / style.scales[layer] for layer in layers]
            factor = torch.tensor(ratios, dtype=torch.float32).repeat_interleave(torch.tensor(channels))
            own = style.statistics[loss, ""]
            parts.append(Positions(own.features * factor.to(own.features)[None, :, None, None], own.weights))
        return mixed(parts, self.shares), scales

    def local_only(self) -> "RegionTarget":
        """Return the region without the statistics of the style losses, which may hold whole maps."""
        return replace(self, styles=[replace(style, statistics={}) for style in self.styles])

    def local(self, layer: str) -> LocalStatistics | None:
        """Return the local statistics of the mixture of the styles; None if they were not matched with the photo."""
        pairs = zip(self.styles, self.matches, strict=False)
        found = [style.local[layer].matched(matches) for style, matches in pairs if matches and layer in style.local]
        if not found:
            return None
        zero = torch.zeros((), dtype=torch.float32)
        mean, square = (
            sum((share * one for share, one in zip(self.shares, values, strict=True)), start=zero)
            for values in zip(*found, strict=True)
        )
        return LocalStatistics(mean, square)

    def positions(self, layer: str) -> float:
        """Return how many positions of a layer count in all style images together; infinity without masks."""
        return sum(style.positions[layer] for style in self.styles)

    @property
    def range(self) -> LuminanceRange:
        """The darkest and the lightest places of the styles; several meet between."""
        return LuminanceRange.mixed([style.range for style in self.styles], self.shares)


def mask_values(mask: Float[Tensor, "1 1 h w"], places: Float[Tensor, "n 2"]) -> Float[Tensor, "n"]:
    """Return a mask's values at some places, (across, down) in [0, 1]."""
    grid = (places * 2 - 1)[None, None].to(mask)
    return functional.grid_sample(mask, grid, mode="nearest", align_corners=False)[0, 0, 0].to(places.device)


class LayerRegions(NamedTuple):
    """The regions that are compared in a layer, by their numbers, and their weights; None: one without a mask."""

    numbers: Sequence[int]
    weights: tuple[PositionWeights, ...] | None

    @classmethod
    def of_pixels(cls, masks: Sequence[Float[Tensor, "1 1 h w"] | None]) -> "LayerRegions":
        """Return all regions, where pixels are compared."""
        weights = tuple(PositionWeights(mask.flatten()) for mask in masks if mask is not None)
        return cls(range(len(masks)), weights or None)


def regions_at_layers(
    regions: Sequence[RegionTarget], features: Mapping[str, Tensor], layers: Sequence[str], seed: int
) -> dict[str, LayerRegions]:
    """Return for every layer the regions that have enough positions there.

    Enough are `MIN_POSITIONS`, on the canvas and in the style images. A region that has enough in no layer is compared
    in the one where it has most.
    """
    masks = [region.mask for region in regions if region.mask is not None]
    shares = {layer: resize_to_layer(torch.cat(masks), features[layer]).flatten(1) for layer in layers if masks}
    counts = {}
    for layer in layers:
        own = shares[layer].sum(dim=1).tolist() if masks else [math.inf]
        counts[layer] = [min(n, region.positions(layer)) for n, region in zip(own, regions, strict=True)]
    found = {}
    for layer in layers:
        numbers = []
        for number, count in enumerate(counts[layer]):
            best = max(layers, key=lambda name: counts[name][number])
            if count >= MIN_POSITIONS or (layer == best and count > 0):
                numbers.append(number)
        weights = None
        if masks:
            # An own generator, so that samples of a style image do not depend on masks.
            owners = draw_owners(shares[layer], torch.Generator().manual_seed(seed))
            weights = tuple(
                PositionWeights(shares[layer][number], (owners == number).nonzero()[:, 0]) for number in numbers
            )
        found[layer] = LayerRegions(numbers, weights)
    return found

"""Pictures in tiles: the features of a part at a time, equal to those of the whole picture.

A tile has its own positions in every layer. Its features are extracted from a window that is wider by the reach of the
deepest layer, so that padding is seen only at the border of the picture; positions beyond its own are left out.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise
from typing import NamedTuple, TypeAlias

import torch
from jaxtyping import Float, Int
from torch import Tensor

from impasto.backbones import FeatureExtractor, Features
from impasto.losses.regions import PositionWeights
from impasto.losses.sampling import corners_of, layer_scales, weighted_rows
from impasto.losses.targets import EncodedImage, thinned


@dataclass(frozen=True)
class Span:
    """Rows, or columns, of a tile: its own pixels from `first` to before `last`, in a window of pixels of `size`."""

    first: int
    last: int
    window: slice
    size: int

    def own(self, stride: int, count: int) -> slice:
        """Return its positions of the `count` of a layer."""
        return slice(self.first // stride, count if self.last == self.size else self.last // stride)


def spans(size: int, side: int, stride: int, before: int, after: int) -> list[Span]:
    """Cut `size` pixels into about equal spans of at most about `side`, which begin at multiples of `stride`.

    Example:
        >>> [(span.first, span.last, span.window) for span in spans(100, 60, 8, 8, 8)]
        [(0, 48, slice(0, 56, None)), (48, 100, slice(40, 100, None))]
    """
    count = max(1, min(-(-size // max(side, 1)), size // stride))
    edges = [round(number * size / count / stride) * stride for number in range(count)] + [size]
    return [
        Span(first, last, slice(max(0, first - before), min(size, last + after)), size)
        for first, last in pairwise(edges)
    ]


Tile: TypeAlias = tuple[Span, Span]
"""The rows and the columns of a tile."""


class Tiling:
    """The tiles of pictures of one size.

    Args:
        extractor: A network whose `reach` is known.
        height: Of the pictures.
        width: Of the pictures.
        pixels: About the most pixels that a tile has.
        strips: Tiles are strips of whole rows, so that their positions follow each other as in the picture.
        layers: The layers that are asked for, of which windows show what they depend on; None: all of the network.
    """

    def __init__(
        self,
        extractor: FeatureExtractor,
        height: int,
        width: int,
        pixels: int,
        *,
        strips: bool = False,
        layers: Collection[str] | None = None,
    ) -> None:
        if not extractor.reach:
            raise ValueError("the features of this network depend on the whole picture, which has no tiles")
        self.extractor = extractor
        self.layers = tuple(layers or extractor.layers)
        reaches = [extractor.reach[layer] for layer in self.layers]
        stride = max(reach.stride for reach in reaches)
        before = max(-(-reach.before // stride) * stride for reach in reaches)
        after = max(reach.after + 1 - reach.stride for reach in reaches)
        side = round(pixels**0.5)
        across = width if strips else side
        rows = spans(height, max(1, pixels // width) if strips else side, stride, before, after)
        columns = spans(width, across, stride, before, after)
        self.tiles = [(down, along) for down in rows for along in columns]

    @cached_property
    def maps(self) -> Mapping[str, Tensor]:
        """Tensors with the shape, the number format and the device of the maps of whole pictures, but no memory."""
        tile, extractor = self.tiles[-1], self.extractor
        height, width = (span.size - span.window.start for span in tile)
        with torch.no_grad():
            features = extractor(torch.zeros(1, 3, height, width, device=extractor.device), whole=True)
            found = {}
            for name in self.layers:
                stride = extractor.reach[name].stride
                rows, columns = (span.window.start // stride for span in tile)
                _, channels, height, width = features[name].shape
                found[name] = features[name].new_empty(()).expand(1, channels, rows + height, columns + width)
        return found


class PartialColumns(NamedTuple):
    """What a tile adds to the hypercolumns at some of the places."""

    places: Int[Tensor, "m"]
    values: Float[Tensor, "m c"]


@dataclass(frozen=True, eq=False)
class EncodedTile(EncodedImage):
    """A window of a picture and its features, of which the tile's own positions are returned."""

    whole: "TiledImage" = field(kw_only=True)
    tile: Tile = field(kw_only=True)

    def own(self, layer: str) -> tuple[slice, slice]:
        """Return the tile's rows and columns in the map of the whole picture."""
        maps, stride = self.whole.features[layer], self.whole.tiling.extractor.reach[layer].stride
        down, across = self.tile
        return down.own(stride, maps.shape[2]), across.own(stride, maps.shape[3])

    def _starts(self, layer: str) -> tuple[int, int]:
        """Return the first row and column of the window's map in that of the whole picture."""
        stride = self.whole.tiling.extractor.reach[layer].stride
        down, across = self.tile
        return down.window.start // stride, across.window.start // stride

    def _map(self, layer: str, rows: slice, columns: slice) -> Float[Tensor, "1 c h w"]:
        """Return some positions, which are given in the map of the whole picture."""
        top, left = self._starts(layer)
        maps = self.features[layer][
            :, :, rows.start - top : rows.stop - top, columns.start - left : columns.stop - left
        ]
        return maps.contiguous(memory_format=torch.channels_last)

    def layer(self, name: str, step: int = 1) -> tuple[Float[Tensor, "1 c h w"], PositionWeights | None]:
        """Return what counts of the tile's own positions, see `EncodedImage.layer`."""
        inner, own = self.whole.inner(name), self.own(name)
        rows, columns = (
            slice(max(one.start, some.start), max(one.start, some.start, min(one.stop, some.stop)))
            for one, some in zip(inner, own, strict=True)
        )
        weights = self.whole.weights(name)
        if weights is not None:
            top, left = (one.start for one in inner)
            within = slice(rows.start - top, rows.stop - top), slice(columns.start - left, columns.stop - left)
            weights = weights.part(inner[1].stop - left, *within, kept=False)
        top, left = ((one.start - some.start) % step for one, some in zip(inner, (rows, columns), strict=True))
        return thinned(self._map(name, rows, columns), weights, (top, left), step)

    def some(
        self, layer: str, weights: tuple[PositionWeights, ...] | None
    ) -> tuple[Float[Tensor, "1 c h w"], tuple[PositionWeights, ...] | None]:
        """Return the tile's own positions, and the weights of the regions there."""
        own, width = self.own(layer), self.whole.features[layer].shape[3]
        return self._map(layer, *own), weights and tuple(one.part(width, *own) for one in weights)

    def cut(self, layer: str, maps: Float[Tensor, "1 c h w"]) -> Float[Tensor, "1 c _h _w"]:
        """Return the tile's own positions of a map."""
        rows, columns = self.own(layer)
        return maps[:, :, rows, columns]

    def columns(  # type: ignore[override]
        self, layers: Sequence[str], places: Float[Tensor, "n 2"], scales: Mapping[str, float]
    ) -> PartialColumns:
        """Return what the tile's own positions add to the hypercolumns; interpolation is a sum over positions."""
        found = []
        for layer in layers:
            whole = self.whole.features[layer]
            corners = corners_of(whole.shape[2], whole.shape[3], places, whole)
            rows, columns = self.own(layer)
            there = (corners.rows >= rows.start) & (corners.rows < rows.stop)
            there &= (corners.columns >= columns.start) & (corners.columns < columns.stop)
            found.append((corners, there))
        some = torch.stack([there.any(dim=0) for _, there in found]).any(dim=0).nonzero()[:, 0]
        values = []
        for layer, (corners, there) in zip(layers, found, strict=True):
            maps, (top, left) = self.features[layer], self._starts(layer)
            cells = (corners.rows - top) * maps.shape[3] + corners.columns - left
            shares = torch.where(there, corners.shares, 0)[:, some]
            values.append(weighted_rows(maps, torch.where(there, cells, 0)[:, some], shares) * scales[layer])
        return PartialColumns(some, torch.cat(values, dim=1))


@dataclass(frozen=True, eq=False)
class TiledImage(EncodedImage):
    """A picture whose features are extracted tile by tile whenever they are needed.

    Its `features` have the shapes of its maps, but no values.
    """

    tiling: Tiling = field(kw_only=True)
    _weights: dict[torch.Size, PositionWeights | None] = field(default_factory=dict, kw_only=True)

    @classmethod
    def of(  # type: ignore[override]
        cls,
        tiling: Tiling,
        picture: Float[Tensor, "1 3 h w"],
        mask: Float[Tensor, "1 1 h w"] | None = None,
        border: int = 0,
        *,
        importance: Float[Tensor, "1 1 h w"] | None = None,
    ) -> "TiledImage":
        """Return a picture of the size of a tiling; nothing is computed yet."""
        features = Features(tuple(tiling.maps), iter(tiling.maps.items()))
        return cls(picture, features, mask, border, importance, tiling=tiling)

    def parts(self) -> Iterator[EncodedTile]:
        """Yield the tiles, each computed when it is reached."""
        return (self.part(tile, self.window(tile)) for tile in self.tiling.tiles)

    def window(self, tile: Tile) -> Float[Tensor, "1 3 _h _w"]:
        """Return the pixels on which the features of a tile depend."""
        # Contiguous, because the picture may have its channels last, and rounding should not depend on that.
        return self.window_of(self.picture, tile).detach().contiguous()

    @staticmethod
    def window_of(picture: Float[Tensor, "1 c h w"], tile: Tile) -> Float[Tensor, "1 c _h _w"]:
        """Return the window of a tile in any picture of the same size."""
        down, across = tile
        return picture[:, :, down.window, across.window]

    def part(self, tile: Tile, window: Float[Tensor, "1 3 h w"]) -> EncodedTile:
        """Return a tile whose window has these pixels."""
        return EncodedTile(window, self.tiling.extractor(window, whole=True), whole=self, tile=tile)

    def weights(self, layer: str) -> PositionWeights | None:
        """Return how much each position of a layer counts, computed once for all layers of a size."""
        size = self.features[layer].shape[2:]
        if size not in self._weights:
            self._weights[size] = super().weights(layer)
        return self._weights[size]

    def maps(self, layers: Collection[str]) -> Mapping[str, Tensor]:
        """Put the maps of some layers together; they have full size."""
        found = {layer: torch.empty_like(self.features[layer], memory_format=torch.channels_last) for layer in layers}
        for part in self.parts() if found else ():
            for layer, maps in found.items():
                part.cut(layer, maps).copy_(part.some(layer, None)[0])
        return found

    def columns(
        self, layers: Sequence[str], places: Float[Tensor, "n 2"], scales: Mapping[str, float]
    ) -> Float[Tensor, "1 c n 1"]:
        """Return the hypercolumns at some places as a map of one column."""
        return joined_columns([part.columns(layers, places, scales) for part in self.parts()], len(places))

    def scales(self, layers: Sequence[str]) -> dict[str, float]:
        """Return what each layer of hypercolumns is multiplied by."""
        return {layer: layer_scales(self.maps([layer]), self.mask)[layer] for layer in layers}


def joined_columns(parts: Sequence[PartialColumns], count: int) -> Float[Tensor, "1 c n 1"]:
    """Return the sums of what the tiles add to `count` hypercolumns, as a map of one column."""
    columns = parts[0].values.new_zeros(count, parts[0].values.shape[1])
    for part in parts:
        columns = columns.index_add(0, part.places, part.values)
    return columns.T[None, :, :, None]

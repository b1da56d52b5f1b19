"""Matching places of a photo and a style image by deep features, and features restyled place by place.

Statistics of a whole style image bring its proportions and motifs along: where most of a drawing is white paper, a face
is bleached, and its lines fill an empty meadow. Statistics of the places that resemble each place of the photo do not.
"""

from dataclasses import dataclass
from typing import Final, NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional

from impasto.backbones import full_precision
from impasto.losses.base import TINY, float64

_NEIGHBORS: Final = 32
"""How many places of the style a place of the photo is matched with."""
_TEMPERATURE: Final = 0.1
"""Difference of likeness that makes a match count e times less."""
_HUBS: Final = 10
"""Number of nearest neighbors whose mean cosine is subtracted (k of CSLS)."""
_ENOUGH: Final = 2000
"""Positions of a map from which its layer counts in full."""
_DOUBT: Final = 0.05
"""Share of the mean variance that is added to that of a place, so that none counts more than 20 times."""
_PAPER: Final = (0.15, 0.45)
"""Shares of a style's range by which its median lies below its brightest: of a drawing, and of what has all tones."""
_CHUNK: Final = 2**22
"""Features that are restyled at a time."""


def layer_share(positions: float, matching: float) -> float:
    """Return how much a style layer counts whose map has so many positions.

    On a coarse level each position of a deep layer sees a good part of the style image, and the layer's statistics are
    those of whole things: a tree is copied on an animal's fur, a house into water. So there a layer counts in
    proportion to its positions until there are enough of them.

    Args:
        positions: Number of positions of the canvas.
        matching: How far it does so: 0, where every layer counts in full, to 1.

    Example:
        >>> layer_share(500.0, matching=1.0), layer_share(500.0, matching=0.0), layer_share(8e3, matching=1.0)
        (0.25, 1.0, 1.0)
    """
    return 1 - matching * max(0.0, 1 - positions / _ENOUGH)


@dataclass(frozen=True, eq=False)
class Matches:
    """For each of n = h x w places of a photo k places of a style image, and their weights, which sum to 1.

    Attributes:
        places: Indices of places in the style's grid, row by row.
        weights: Their weights.
        photo_grid: Height and width of the grid of the photo's places.
        style_grid: Height and width of the grid of the style's places.
    """

    places: Int[Tensor, "n k"]
    weights: Float[Tensor, "n k"]
    photo_grid: tuple[int, int]
    style_grid: tuple[int, int]

    def average(self, values: Float[Tensor, "1 c _h _w"]) -> Float[Tensor, "1 c h w"]:
        """Return for every place of the photo the mean of a map of the style over the matching places."""
        # MPS pools only to sizes that divide.
        values = values.cpu() if values.device.type == "mps" else values
        return self.average_of_places(functional.adaptive_avg_pool2d(values, self.style_grid))

    def average_of_places(self, pooled: Float[Tensor, "1 c sh sw"]) -> Float[Tensor, "1 c h w"]:
        """Return the same from the means of the map over the places of the style's grid."""
        rows = pooled.flatten(2)[0].T.contiguous()
        places, weights = self.places.to(rows.device), self.weights.to(rows)
        found = functional.embedding_bag(places, rows, mode="sum", per_sample_weights=weights)
        return found.T.reshape(1, -1, *self.photo_grid)

    def counts(self, photo: Float[Tensor, "n"]) -> Float[Tensor, "1 1 h w"]:
        """Return how much each place of the style is matched by places of the photo, which count by their weights."""
        height, width = self.style_grid
        counts = torch.zeros(height * width, dtype=torch.float32)
        counts.index_add_(0, self.places.flatten(), (self.weights * photo[:, None]).flatten())
        return counts.reshape(1, 1, height, width)


def match(
    photo: Float[Tensor, "n c"], style: Float[Tensor, "m c"], used: Int[Tensor, "u"]
) -> tuple[Int[Tensor, "n k"], Float[Tensor, "n k"]]:
    """Return for every place of a photo the places of a style image that resemble it most, and their weights.

    Places are compared by cosines, from which the mean cosine of each place with its nearest neighbors is taken away:
    otherwise a few places that resemble everything would be the match of most (CSLS; Conneau et al. 2018). The weights
    are a softmax, which makes this an attention (AdaAttN; Liu et al. 2021).

    Args:
        photo: A unit vector for each place of the photo.
        style: A unit vector for each place of the style image.
        used: The places of the style image that may be matched, at least one.

    Returns:
        Indices of places of the style image, the most similar first, and weights that sum to 1.
    """
    cosines = photo @ style[used].T
    of_style = cosines.topk(min(_HUBS, len(photo)), dim=0).values.mean(dim=0)
    of_photo = cosines.topk(min(_HUBS, len(used)), dim=1).values.mean(dim=1)
    likeness, places = (2 * cosines - of_style - of_photo[:, None]).topk(min(_NEIGHBORS, len(used)), dim=1)
    return used[places], torch.softmax(likeness / _TEMPERATURE, dim=1)


def tonality(lightness: Float[Tensor, "n"]) -> float:
    """Return how far dark and light of a style image mean tones: 1 in most paintings, 0 in a drawing on light paper.

    There most places are paper, and dark is where a line is, not what was dark in the scene.

    Args:
        lightness: Of places of the style image.

    Example:
        >>> drawing = torch.ones(100)
        >>> drawing[:20] = 0
        >>> tonality(drawing), tonality(torch.linspace(0, 1, 100))
        (0.0, 1.0)
    """
    dark, middle, bright = torch.quantile(lightness, lightness.new_tensor([0.05, 0.5, 0.95]))
    below = float((bright - middle) / (bright - dark + 1e-3))
    first, last = _PAPER
    return min(1.0, max(0.0, (below - first) / (last - first)))


class LocalStatistics(NamedTuple):
    """Mean and mean square of each channel, for every place of a style image or of a photo that is matched with it."""

    mean: Float[Tensor, "1 c h w"]
    square: Float[Tensor, "1 c h w"]

    @classmethod
    def of(cls, maps: Float[Tensor, "1 c _h _w"], grid: tuple[int, int]) -> "LocalStatistics":
        """Measure a map of a style image at the places of a grid (height and width)."""
        # MPS pools only to sizes that divide.
        maps = maps.cpu() if maps.device.type == "mps" else maps
        some = maps.split(max(1, _CHUNK // (maps.shape[2] * maps.shape[3])), dim=1)
        means = [functional.adaptive_avg_pool2d(full_precision(part), grid) for part in some]
        squares = [functional.adaptive_avg_pool2d(full_precision(part).square(), grid) for part in some]
        return cls(torch.cat(means, dim=1), torch.cat(squares, dim=1))

    def matched(self, matches: Matches) -> "LocalStatistics":
        """Return for every place of a photo the statistics of the matching places of the style."""
        # One layout, because sums over channels are rounded differently in another.
        return LocalStatistics(*(matches.average_of_places(values).contiguous() for values in self))


class PooledSums:
    """The means of a map and of its squares over the places of a grid, from the map's parts."""

    def __init__(self, grid: tuple[int, int], size: tuple[int, int]) -> None:
        self._down, self._across = (_pooling(places, count) for places, count in zip(grid, size, strict=True))
        self._sums: list[Tensor] = []

    def add(self, part: Float[Tensor, "1 c h w"], rows: slice, columns: slice) -> None:
        """Add the part of the map that lies at these rows and columns."""
        found = []
        for some in part[0].split(max(1, _CHUNK // (part.shape[2] * part.shape[3]))):
            exact = full_precision(some)
            down, across = (one.to(exact) for one in (self._down[:, rows], self._across[:, columns]))
            found.append([down @ (values @ across.T) for values in (exact, exact.square())])
        sums = [torch.cat(each)[None] for each in zip(*found, strict=True)]
        self._sums = [one + other for one, other in zip(self._sums, sums, strict=True)] if self._sums else sums

    def statistics(self) -> LocalStatistics:
        """Return the statistics of the map."""
        return LocalStatistics(*self._sums)


def _pooling(places: int, count: int) -> Float[Tensor, "places count"]:
    """Return the matrix whose product with a line of `count` values is its adaptive average over `places`."""
    matrix = torch.zeros(places, count, dtype=torch.float64)
    for place in range(places):
        first, last = place * count // places, -(-(place + 1) * count // places)
        matrix[place, first:last] = 1 / (last - first)
    return matrix


class MapStatistics:
    """Mean and deviation of each channel of a map, and its smallest value, from the map's parts."""

    def __init__(self) -> None:
        self._count, self._sums, self._lowest = 0, torch.zeros(2, 1, dtype=torch.float64), torch.zeros(())

    def add(self, part: Float[Tensor, "1 c h w"]) -> None:
        """Add a part of the map."""
        found = []
        for some in part[0].flatten(1).split(max(1, _CHUNK // (part.shape[2] * part.shape[3]))):
            exact = float64(some)
            found.append(torch.stack([exact.sum(dim=1), exact.square().sum(dim=1)]))
        added = torch.cat(found, dim=1)
        self._sums = self._sums.to(added.device) + added
        self._count += part.shape[2] * part.shape[3]
        self._lowest = torch.minimum(self._lowest.to(part), part.amin())

    def restyling(self, statistics: "LocalStatistics", share: float, size: tuple[int, int]) -> "Restyling":
        """Return what restyles parts of the map, which has this height and width."""
        center, squares = self._sums / self._count
        spread = (squares - center.square()).clamp(min=0).sqrt()
        center, spread = (one.float().to(self._lowest.device)[None, :, None, None] for one in (center, spread))
        return Restyling(statistics, share, center, spread, self._lowest, size)


@dataclass(frozen=True, eq=False)
class Restyling:
    """Gives features of a photo the mean and deviation of the matching places (AdaAttN; Liu et al. 2021).

    m + s (f - m_f) / s_f, where m and s belong to the place, m_f and s_f to the whole photo.

    Attributes:
        statistics: Those of the style for every place of a grid.
        share: How far the features go from the photo's (0) to the restyled ones (1).
        center: m_f.
        spread: s_f.
        lowest: The result is not below it: the smallest feature, or 0, where they follow a ReLU.
        size: Height and width of the whole map.
    """

    statistics: LocalStatistics
    share: float
    center: Float[Tensor, "1 c 1 1"]
    spread: Float[Tensor, "1 c 1 1"]
    lowest: Float[Tensor, ""]
    size: tuple[int, int]

    def __call__(
        self, photo: Float[Tensor, "1 c h w"], rows: slice = slice(None), columns: slice = slice(None)
    ) -> Float[Tensor, "1 c h w"]:
        """Return the features of a photo, or of the part of it that lies at these rows and columns."""
        unit = self.spread + 1e-3 * self.spread.mean() + 1e-12
        moved = torch.empty_like(photo, memory_format=torch.channels_last)
        # Some channels at a time, because maps in full precision take more memory than all else at large sizes.
        channels = torch.arange(photo.shape[1]).split(max(1, _CHUNK // (photo.shape[2] * photo.shape[3])))
        for some in channels:
            exact = full_precision(photo[:, some])
            mean, square = (_resized(one[:, some], *self.size, rows, columns).to(exact) for one in self.statistics)
            deviation = (square - mean.square()).clamp(min=0).sqrt()
            restyled = mean + deviation * (exact - self.center[:, some]) / unit[:, some]
            mixed = torch.maximum(exact + self.share * (restyled - exact), self.lowest.to(exact))
            moved[:, some] = mixed.to(photo.dtype)
        return moved


def restyling_of(photo: Float[Tensor, "1 c h w"], statistics: LocalStatistics, share: float) -> Restyling:
    """Return what restyles the features of a photo, which are all there."""
    size = photo.shape[2], photo.shape[3]
    channels = torch.arange(photo.shape[1]).split(max(1, _CHUNK // (size[0] * size[1])))
    own = [torch.std_mean(full_precision(photo[:, some]), dim=(2, 3), correction=0, keepdim=True) for some in channels]
    spread, center = (torch.cat(parts, dim=1) for parts in zip(*own, strict=True))
    return Restyling(statistics, share, center, spread, photo.amin().clamp(max=0), size)


def agreement(statistics: LocalStatistics, height: int, width: int) -> Float[Tensor, "1 1 h w"]:
    """Return how much the places of a style that match a place of a photo agree, about 1 on average.

    v / (V + 0.05 v), where V is the variance over the matching places, averaged over the channels, and v its mean over
    the photo. Where all are bare paper, or one calm ground, the photo is held there, so that the style's lines and
    flakes do not fill it; where they differ, strokes are free.

    Args:
        statistics: Those of the style for every place of a grid.
        height: Of the result.
        width: Of the result.
    """
    variance = (statistics.square - statistics.mean.square()).clamp(min=0).mean(dim=1, keepdim=True)
    usual = variance.mean() + TINY
    return usual / (_resized(variance, height, width) + _DOUBT * usual)


def _resized(
    maps: Float[Tensor, "1 c _h _w"],
    height: int,
    width: int,
    rows: slice = slice(None),
    columns: slice = slice(None),
) -> Float[Tensor, "1 c _rows _columns"]:
    """Average a map over larger places, or interpolate linearly between smaller ones; return a part of the result."""
    if height <= maps.shape[2]:
        return functional.adaptive_avg_pool2d(maps, (height, width))[:, :, rows, columns]
    return interpolate_linearly(maps, height, width, rows=rows, columns=columns)


def interpolate_linearly(
    maps: Float[Tensor, "1 c _h _w"],
    height: int,
    width: int,
    *,
    rows: slice | None = None,
    columns: slice | None = None,
) -> Float[Tensor, "1 c _rows _columns"]:
    """Enlarge maps; torch's own interpolation takes another way, with other rounding, for another number of threads.

    Args:
        maps: What is enlarged.
        height: Of the result.
        width: Of the result.
        rows: Only these rows of the result are computed; None: all.
        columns: Only these columns; None: all.

    Example:
        >>> interpolate_linearly(torch.tensor([[[[0.0, 1.0]]]]), 1, 4)
        tensor([[[[0.0000, 0.2500, 0.7500, 1.0000]]]])
    """
    for dimension, size, wanted in ((2, height, rows), (3, width, columns)):
        count = maps.shape[dimension]
        centers = torch.arange(size, device=maps.device, dtype=torch.float32)[wanted or slice(None)] + 0.5
        places = (centers * (count / size) - 0.5).clamp(0, count - 1)
        below = places.floor().long()
        parts = [maps.index_select(dimension, index) for index in (below, (below + 1).clamp(max=count - 1))]
        share = (places - below).to(maps.dtype).reshape(-1, *([1] * (3 - dimension)))
        maps = parts[0] + share * (parts[1] - parts[0])
    return maps

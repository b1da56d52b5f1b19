"""Matching the photo with the style images: the colors it starts with, and what each place of a style counts."""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final, NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional

from impasto.backbones import FeatureExtractor, full_precision, total
from impasto.color import Colors, colors_of, mixed_colors, recolor
from impasto.images import fit, resize, resize_mask, strips
from impasto.losses import Matches, interpolate_linearly, match, threshold, tonality
from impasto.painting.pyramid import Level
from impasto.painting.scene import Scene, StyleImage

_SIZE: Final = 384
"""Long side in pixels of the canvas at which it is matched; a larger one is reduced, and its styles with it."""
_LARGEST: Final = 1024
"""The same where the coarsest level is larger than `_SIZE`, unless the short side would be less than `_NARROWEST`."""
_NARROWEST: Final = 128
_LAYERS: Final = 3
"""How many layers, the deepest ones, are compared."""
_LIGHT: Final = 0.3
"""How much lightness, standardized over the picture, counts beside each layer, whose columns have a length of 1."""
_COMPOSITION: Final = 0.5
"""How much it counts where a place lies across the picture, and how much where it lies down it."""
_GRAY_LEVEL: Final = 1 / 255
"""A photo that varies less has nothing that could be matched."""
_GRID: Final = 64
"""Most places along each side of a picture."""
_MOST: Final = 3.0
"""A place counts at most so many times as much as the mean one, and at least `_LEAST` of that."""
_LEAST: Final = 0.02
_FILTER_RADIUS: Final = 10
"""Radius in pixels, at `_SIZE`, of the windows of the guided filter."""
_SMOOTHNESS: Final = 0.01
"""Variance of lightness above which the guided filter keeps an edge."""
_DETAIL: Final = 0.6
"""How much of the photo's detail is added to the colors of the matching places."""
_ROUNDS: Final = 20
"""Rounds of k-means, which has settled by then."""


def match_scene(scene: Scene, extractor: FeatureExtractor, levels: Sequence[Level], *, strength: float) -> Scene:
    """Return the scene with style images whose places count by their matches, and with the colors of the matches.

    A scene whose photo has a single color is returned as it is. How much the places of a style count is kept if it is
    known: in a film the first frame of a scene decides.

    Args:
        scene: Photo and styles at full size.
        extractor: The network; its deepest layers are compared.
        levels: The levels from coarse to fine; the network can process the coarsest one.
        strength: Between 0, where nothing changes, and 1.
    """
    level = levels[-1]
    long, short = max(level.width, level.height), min(level.width, level.height)
    reduction = min(max(1.0, long / _SIZE), levels[0].reduction)
    # With few levels the coarsest one may be a poster.
    reduction = max(reduction, min(long / _LARGEST, short / _NARROWEST))
    width, height = max(1, round(level.width / reduction)), max(1, round(level.height / reduction))
    coarse = replace(level, width=width, height=height, reduction=reduction)
    small = scene.at(coarse)
    if not extractor.layers or small.content.std(axis=(0, 1)).max() < _GRAY_LEVEL:
        return scene
    photo = _Places.of(small.content, extractor)
    colors = np.zeros_like(small.content) if small.kept is None else small.content * small.kept[:, :, None]
    regions = []
    for region, reduced in zip(scene.regions, small.regions, strict=True):
        styles, shares = [], _pooled(reduced.mask, photo.size)
        moved, matched = torch.zeros(1, 3, *photo.size, dtype=torch.float32), []
        for style, own in zip(region.styles, reduced.at(coarse).styles, strict=True):
            places = _Places.of(own.pixels, extractor, own.mask)
            matches = photo.matches(places, shares)
            styles.append(_matched(style, matches, shares, places.weights, strength))
            moved += own.share * matches.average(places.colors)
            matched.append(colors_of(_picture(places.colors), matches.counts(shares)[0, 0].numpy()))
        regions.append(replace(region, styles=tuple(styles)))
        moved = _with_contrast(moved, mixed_colors(matched, [style.share for style in styles]), shares)
        colors = colors + _resized(moved, height, width) * (1 if reduced.mask is None else reduced.mask[:, :, None])
    full = scene.at(level)
    colored = _with_detail(colors, small.content, scene.content)
    for rows in strips(*colored.shape[:2]):
        recolored = full.recolored[rows]
        colored[rows] = recolored + np.float32(strength) * (colored[rows] - recolored)
        if full.kept is not None:
            colored[rows] += full.kept[rows, :, None] * (scene.content[rows] - colored[rows])
    return replace(scene, regions=tuple(regions), colored=colored)


def matched_parts(
    photo: Float[np.ndarray, "h w 3"],
    style: Float[np.ndarray, "sh sw 3"],
    extractor: FeatureExtractor,
    *,
    count: int,
    used: Float[np.ndarray, "sh sw"] | None = None,
) -> tuple[Float[np.ndarray, "p h w"], Float[np.ndarray, "p sh sw"]]:
    """Divide a photo into parts of similar deep features, and say which places of a style image match each.

    Args:
        photo: RGB in [0, 1].
        style: Likewise.
        extractor: The network, see `match_scene`.
        count: The largest number p of parts; there are fewer only if the photo has fewer different places.
        used: Which part of the style image is used, 0 to 1; None: all of it.

    Returns:
        How much each place of the photo belongs to each part, summing to 1, and how much each place of the style image
        is matched by each part, at most 1.
    """
    ours, theirs = _Places.of(_reduced(photo), extractor), _Places.of(_reduced(style), extractor, _reduced(used))
    labels = _clustered(ours.vectors(theirs.tonality), count)
    members = functional.one_hot(labels).T.float()
    matches = ours.matches(theirs)
    counts = torch.cat([matches.counts(part) for part in members], dim=1)
    masks = _resized(members.reshape(1, -1, *ours.size), *photo.shape[:2])
    found = _resized(counts / counts.max(), *style.shape[:2])
    return masks.transpose(2, 0, 1), found.transpose(2, 0, 1)


def _reduced(picture: Any) -> Any:
    """Return a picture or a mask at the size at which pictures are matched; None for None."""
    if picture is None or max(picture.shape[:2]) <= _SIZE:
        return picture
    size = fit(picture.shape[1], picture.shape[0], _SIZE)
    return resize(picture, *size) if picture.ndim == 3 else resize_mask(picture, *size)


def _clustered(vectors: Float[Tensor, "n c"], count: int) -> Int[Tensor, "n"]:
    """Return for every unit vector the number of its cluster (spherical k-means, each start far from the others)."""
    centers = functional.normalize(vectors.mean(dim=0, keepdim=True), dim=1)
    for _ in range(count):
        nearest = (vectors @ centers.T).amax(dim=1)
        centers = torch.cat([centers, vectors[nearest.argmin()][None]])
    centers = centers[1:]
    for _ in range(_ROUNDS):
        labels = (vectors @ centers.T).argmax(dim=1)
        sums = torch.zeros_like(centers).index_add_(0, labels, vectors)
        centers = functional.normalize(sums, dim=1)
    used, _ = labels.unique(return_inverse=True)
    return torch.searchsorted(used, labels)


class _Places(NamedTuple):
    """The places of a picture on a coarse grid: standardized deep features and lightness, color and weight of each."""

    features: Float[Tensor, "c n"]
    lightness: Float[Tensor, "1 n"]
    colors: Float[Tensor, "1 3 h w"]
    weights: Float[Tensor, "n"]
    size: tuple[int, int]
    """Height and width of the grid."""

    @classmethod
    @torch.no_grad()
    def of(
        cls,
        picture: Float[np.ndarray, "h w 3"],
        extractor: FeatureExtractor,
        mask: Float[np.ndarray, "h w"] | None = None,
    ) -> "_Places":
        """Standardize every channel over the part that a mask shows, so that a photo can be compared with a drawing."""
        pixels = torch.from_numpy(np.ascontiguousarray(picture.transpose(2, 0, 1)[None]))
        features = extractor(pixels.to(extractor.device), whole=True)
        maps = [full_precision(features[layer]).cpu() for layer in extractor.layers[-_LAYERS:]]
        height, width = min(tuple(one.shape[2:]) for one in maps)
        size = min(_GRID, height), min(_GRID, width)
        weights = _pooled(mask, size)
        columns = [_standardized(functional.adaptive_avg_pool2d(one, size).flatten(2)[0], weights) for one in maps]
        if mask is None:
            colors = functional.adaptive_avg_pool2d(pixels, size)
        else:
            shown = torch.from_numpy(np.ascontiguousarray(mask))[None, None]
            colors = functional.adaptive_avg_pool2d(pixels * shown, size) / weights.clamp(min=1e-6).reshape(size)
        lightness = _standardized(colors.mean(dim=1).flatten(1), weights)
        return cls(torch.cat(columns), lightness, colors, weights, size)

    @property
    def tonality(self) -> float:
        """How far dark and light mean tones."""
        return tonality(self.colors.mean(dim=1).flatten()[self.used])

    @property
    def used(self) -> Int[Tensor, "u"]:
        """The places that may be matched."""
        return (self.weights >= threshold(self.weights)).nonzero()[:, 0]

    def vectors(self, tonality: float, counted: Float[Tensor, "n"] | None = None) -> Float[Tensor, "n c"]:
        """Return a unit vector for each place, in which lightness counts by a style's tonality.

        Flat places resemble each other in everything but where they lie in what is counted: without that a sky becomes
        all that is flat in the style, in patches.
        """
        light = _LIGHT * tonality * self.lightness
        lies = _COMPOSITION * _waves(self.size, self.weights if counted is None else counted)
        return functional.normalize(torch.cat([self.features, light, lies]), dim=0).T

    def matches(self, style: "_Places", region: Float[Tensor, "n"] | None = None) -> Matches:
        """Match the places of a photo with those of a style; `region` says which of them count."""
        tonality = style.tonality
        found = match(self.vectors(tonality, region), style.vectors(tonality), style.used)
        return Matches(*found, self.size, style.size)


def _waves(size: tuple[int, int], counted: Float[Tensor, "n"]) -> Float[Tensor, "4 n"]:
    """Return where places of a grid lie in what counts of it: sine and cosine of half a turn down, and one across."""
    inside = (counted >= threshold(counted)).reshape(size)
    shares = []
    for axis, side in enumerate(size):
        lines = inside.any(dim=1 - axis).nonzero()
        first, last = int(lines[0]), int(lines[-1])
        places = (torch.arange(side, dtype=torch.float32) - first + 0.5) / (last - first + 1)
        shares.append(places.clamp(0, 1) * math.pi)
    angles = torch.stack(torch.meshgrid(*shares, indexing="ij")).flatten(1)
    return torch.cat([angles.sin(), angles.cos()])


def _standardized(rows: Float[Tensor, "c n"], weights: Float[Tensor, "n"]) -> Float[Tensor, "c n"]:
    """Return channels with mean 0 and deviation 1 over weighted places, divided by the mean length of the columns."""
    shares = weights / total(weights).clamp(min=1e-12)
    centered = rows - (rows * shares).sum(dim=1, keepdim=True)
    variance = (centered.square() * shares).sum(dim=1, keepdim=True)
    scaled = centered / (variance.sqrt() + 1e-3 * variance.mean().sqrt() + 1e-12)
    return scaled / (total(torch.linalg.vector_norm(scaled, dim=0) * shares) + 1e-12)


def _pooled(mask: Float[np.ndarray, "h w"] | None, size: tuple[int, int]) -> Float[Tensor, "n"]:
    """Return how much of every place of a grid a mask covers; all of it without one."""
    if mask is None:
        return torch.ones(size[0] * size[1], dtype=torch.float32)
    return functional.adaptive_avg_pool2d(torch.from_numpy(np.ascontiguousarray(mask))[None, None], size).flatten()


def _matched(
    style: StyleImage, matches: Matches, photo: Float[Tensor, "n"], used: Float[Tensor, "m"], strength: float
) -> StyleImage:
    """Return a style image whose places count by how much of the photo resembles them."""
    if style.importance is not None:
        return replace(style, matches=matches)
    counts = matches.counts(photo)
    around = functional.avg_pool2d(functional.pad(counts, (1, 1, 1, 1), mode="replicate"), 3, stride=1)
    mean = total(around.flatten() * used) / total(used).clamp(min=1e-12)
    weights = ((1 + strength * (around / mean.clamp(min=1e-12) - 1)) / _MOST).clamp(_LEAST, 1)
    height, width = style.pixels.shape[:2]
    across, down = style.border(width, height)
    importance = _resized(weights, height - 2 * down, width - 2 * across)[:, :, 0]
    importance = np.pad(importance, ((down, down), (across, across)), mode="edge")
    return replace(style, importance=importance, matches=matches, key=None)


def _with_contrast(
    moved: Float[Tensor, "1 3 h w"], target: Colors, shares: Float[Tensor, "n"]
) -> Float[Tensor, "1 3 h w"]:
    """Give averages over many places of a style the contrast of these places: its lights and darks."""
    if not shares.any():
        return moved
    colored = recolor(_picture(moved), target, where=shares.reshape(moved.shape[2:]).numpy())
    return torch.from_numpy(np.ascontiguousarray(colored.transpose(2, 0, 1)[None]))


def _picture(maps: Float[Tensor, "1 3 h w"]) -> Float[np.ndarray, "h w 3"]:
    return np.ascontiguousarray(maps[0].permute(1, 2, 0).numpy())


def _resized(maps: Float[Tensor, "1 c _h _w"], height: int, width: int) -> Float[np.ndarray, "h w c"]:
    """Interpolate maps linearly."""
    return np.asarray(interpolate_linearly(maps, height, width)[0].permute(1, 2, 0).numpy())


def _with_detail(
    colors: Float[np.ndarray, "_h _w 3"], small: Float[np.ndarray, "_h _w 3"], photo: Float[np.ndarray, "h w 3"]
) -> Float[np.ndarray, "h w 3"]:
    """Return coarse colors with the edges and, in part, the detail of the photo's lightness.

    In every window the result is a linear function of lightness (guided filter; He, Sun, Tang 2010), fitted at the
    small size and applied at the full one.
    """
    light = _lightness(small)
    mean_light, mean = _blurred(light), _blurred(colors)
    slope = (_blurred(light * colors) - mean_light * mean) / (_blurred(light * light) - mean_light**2 + _SMOOTHNESS)
    gain = _blurred(slope) + _DETAIL
    offset = _blurred(mean - slope * mean_light) - _DETAIL * mean_light
    height, width = photo.shape[:2]
    maps = torch.from_numpy(np.dstack([gain, offset]).transpose(2, 0, 1)[None].copy())
    result = np.empty_like(photo)
    for rows in strips(height, width):
        some = interpolate_linearly(maps, height, width, rows=rows)[0].permute(1, 2, 0).numpy()
        result[rows] = (some[..., :3] * _lightness(photo[rows]) + some[..., 3:]).clip(0, 1)
    return result


def _lightness(picture: Float[np.ndarray, "h w 3"]) -> Float[np.ndarray, "h w 1"]:
    # Not as a product, whose rounding depends on the number of threads.
    return np.asarray(0.299 * picture[..., :1] + 0.587 * picture[..., 1:2] + 0.114 * picture[..., 2:], dtype=np.float32)


def _blurred(maps: Float[np.ndarray, "h w c"]) -> Float[np.ndarray, "h w c"]:
    """Return the mean of every window, mirrored at the border."""
    radius = min(_FILTER_RADIUS, *(side - 1 for side in maps.shape[:2]))
    channels = torch.from_numpy(np.ascontiguousarray(maps.transpose(2, 0, 1)[None]))
    around = functional.pad(channels, (radius,) * 4, mode="reflect")
    for window in ((2 * radius + 1, 1), (1, 2 * radius + 1)):
        around = functional.avg_pool2d(around, window, stride=1)
    return np.asarray(around[0].permute(1, 2, 0).numpy())

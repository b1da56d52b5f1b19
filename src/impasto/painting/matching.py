"""Matching: which places of the style images resemble which places of the photo, by deep features.

Statistics of a whole style image bring its proportions along: where most of a drawing is white paper, a face is
bleached. So each place of the style counts by how much of the photo resembles it, and the photo begins with the colors
of the places that it resembles.
"""

from dataclasses import replace
from typing import Final, NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional

from impasto.backbones import FeatureExtractor, full_precision
from impasto.losses import threshold
from impasto.painting.pyramid import Level
from impasto.painting.scene import Scene, StyleImage

_SIZE: Final = 384
"""Long side in pixels at which pictures are matched; larger ones are reduced."""
_LAYERS: Final = 3
"""How many layers, the deepest ones, are compared."""
_LIGHT: Final = 1.0
_GRID: Final = 64
"""Most places along each side of a picture."""
_NEIGHBORS: Final = 8
"""How many places of the style a place of the photo resembles."""
_TEMPERATURE: Final = 0.05
"""Difference of likeness that makes a neighbor count e times less."""
_HUBS: Final = 10
"""Neighbors whose mean cosine tells whether a place resembles everything."""
_MOST: Final = 3.0
"""A place counts at most so many times as much as the mean one, and at least `_LEAST` of that."""
_LEAST: Final = 0.02
_FILTER_RADIUS: Final = 10
"""Radius in pixels, at `_SIZE`, of the windows of the guided filter."""
_SMOOTHNESS: Final = 0.01
"""Variance of lightness above which the guided filter keeps an edge."""
_DETAIL: Final = 0.6
"""How much of the photo's detail is added to the colors of the matching places."""


class Matches(NamedTuple):
    """For n places of the photo k places of the style, the most similar first, and their weights, which sum to 1."""

    places: Int[Tensor, "n k"]
    weights: Float[Tensor, "n k"]


def match(photo: Float[Tensor, "n c"], style: Float[Tensor, "m c"]) -> Matches:
    """Return for every place of the photo the places of the style that resemble it most.

    Places are compared by cosines, from which the mean cosine of each place with its nearest neighbors is taken away:
    otherwise a few places that resemble everything would be the match of most (CSLS; Conneau et al. 2018).

    Args:
        photo: A unit vector for each place of the photo.
        style: A unit vector for each place of the style.
    """
    cosines = photo @ style.T
    of_style = cosines.topk(min(_HUBS, len(photo)), dim=0).values.mean(dim=0)
    of_photo = cosines.topk(min(_HUBS, len(style)), dim=1).values.mean(dim=1)
    likeness, places = (2 * cosines - of_style - of_photo[:, None]).topk(min(_NEIGHBORS, len(style)), dim=1)
    return Matches(places, torch.softmax(likeness / _TEMPERATURE, dim=1))


def match_scene(scene: Scene, extractor: FeatureExtractor, level: Level, *, strength: float) -> Scene:
    """Return the scene with style images whose places count by their matches, and with the colors of the matches.

    Args:
        scene: Photo and styles at full size.
        extractor: The network; its deepest layers are compared.
        level: The finest level.
        strength: Between 0, where nothing changes, and 1.
    """
    reduction = max(1.0, max(level.width, level.height) / _SIZE)
    width, height = max(1, round(level.width / reduction)), max(1, round(level.height / reduction))
    small = scene.at(replace(level, width=width, height=height, reduction=reduction))
    photo = _Places.of(small.content, extractor)
    colors = np.zeros_like(small.content) if small.kept is None else small.content * small.kept[:, :, None]
    regions = []
    for region, reduced in zip(scene.regions, small.regions, strict=True):
        styles, moved = [], torch.zeros(3, *photo.size)
        inside = photo.inside(reduced.mask)
        for style, own in zip(region.styles, reduced.styles, strict=True):
            places = _Places.of(own.pixels, extractor)
            used = places.inside(own.mask)
            matches = match(photo.vectors[inside], places.vectors[used])
            styles.append(_weighted(style, level, matches, used, places.size, strength))
            found = (places.colors[used][matches.places] * matches.weights[..., None]).sum(dim=1)
            moved += own.share * _filled(found, inside, photo.size)
        regions.append(replace(region, styles=tuple(styles)))
        colors = colors + _resized(moved, height, width) * (1 if reduced.mask is None else reduced.mask[:, :, None])
    colored = _with_detail(colors, small.content, scene.content)
    return replace(
        scene, regions=tuple(regions), colored=scene.recolored + np.float32(strength) * (colored - scene.recolored)
    )


class _Places(NamedTuple):
    """The places of a picture on a coarse grid: a unit vector of deep features and a color for each."""

    vectors: Float[Tensor, "n c"]
    colors: Float[Tensor, "n 3"]
    size: tuple[int, int]
    """Height and width of the grid."""

    @classmethod
    @torch.no_grad()
    def of(cls, picture: Float[np.ndarray, "h w 3"], extractor: FeatureExtractor) -> "_Places":
        """Every channel is standardized over the picture, so that a photo can be compared with a drawing."""
        pixels = torch.from_numpy(np.ascontiguousarray(picture.transpose(2, 0, 1)[None]))
        features = extractor(pixels.to(extractor.device), whole=True)
        maps = [full_precision(features[layer]) for layer in extractor.layers[-_LAYERS:]]
        height, width = (min(_GRID, side) for side in min(tuple(one.shape[2:]) for one in maps))
        columns = []
        for one in maps:
            rows = functional.adaptive_avg_pool2d(one, (height, width)).flatten(2)[0].cpu()
            deviation = rows.std(dim=1, correction=0, keepdim=True)
            rows = (rows - rows.mean(dim=1, keepdim=True)) / (deviation + 1e-3 * rows.std(correction=0) + 1e-12)
            columns.append(rows / (rows.norm(dim=0).mean() + 1e-12))
        colors = functional.adaptive_avg_pool2d(pixels, (height, width)).flatten(2)[0].T
        light = colors.mean(dim=1)
        columns.append(_LIGHT * ((light - light.mean()) / (light.std(correction=0) + 1e-3))[None])
        return cls(functional.normalize(torch.cat(columns), dim=0).T, colors, (height, width))

    def inside(self, mask: Float[np.ndarray, "h w"] | None) -> Int[Tensor, "i"]:
        """Return the places that a mask covers by half or more; all without one."""
        if mask is None:
            return torch.arange(len(self.vectors))
        covered = functional.adaptive_avg_pool2d(torch.from_numpy(np.ascontiguousarray(mask))[None, None], self.size)
        return (covered.flatten() >= threshold(covered)).nonzero()[:, 0]


def _weighted(
    style: StyleImage, level: Level, matches: Matches, used: Int[Tensor, "i"], size: tuple[int, int], strength: float
) -> StyleImage:
    """Return a style image whose places count by how much of the photo resembles them."""
    counts = torch.zeros(len(used)).index_add_(0, matches.places.flatten(), matches.weights.flatten())
    counts = _filled((counts / counts.mean())[:, None], used, size)[0]
    around = functional.avg_pool2d(functional.pad(counts[None], (1, 1, 1, 1), mode="replicate"), 3, stride=1)
    weights = ((1 + strength * (around - 1)) / _MOST).clamp(_LEAST, 1)
    height, width = style.pixels.shape[:2]
    across, down = style.border(width, height)
    importance = _resized(weights, height - 2 * down, width - 2 * across)[:, :, 0]
    importance = np.pad(importance, ((down, down), (across, across)), mode="edge")
    return replace(style, importance=importance, key=None)


def _filled(values: Float[Tensor, "i c"], places: Int[Tensor, "i"], size: tuple[int, int]) -> Float[Tensor, "c h w"]:
    """Return values at some places of a grid as maps, with zeros elsewhere."""
    height, width = size
    maps = torch.zeros(height * width, values.shape[1])
    maps[places] = values
    return maps.T.reshape(-1, height, width)


def _resized(maps: Float[Tensor, "c _h _w"], height: int, width: int) -> Float[np.ndarray, "h w c"]:
    """Interpolate maps linearly."""
    large = functional.interpolate(maps[None], (height, width), mode="bilinear")
    return np.asarray(large[0].permute(1, 2, 0).numpy())


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
    maps = torch.from_numpy(np.dstack([gain, offset]).transpose(2, 0, 1).copy())
    gain, offset = np.split(_resized(maps, height, width), 2, axis=2)
    return np.asarray((gain * _lightness(photo) + offset).clip(0, 1), dtype=np.float32)


def _lightness(picture: Float[np.ndarray, "h w 3"]) -> Float[np.ndarray, "h w 1"]:
    return np.asarray(picture @ np.array([[0.299], [0.587], [0.114]], dtype=np.float32))


def _blurred(maps: Float[np.ndarray, "h w c"]) -> Float[np.ndarray, "h w c"]:
    """Return the mean of every window, mirrored at the border."""
    radius = min(_FILTER_RADIUS, *(side - 1 for side in maps.shape[:2]))
    channels = torch.from_numpy(np.ascontiguousarray(maps.transpose(2, 0, 1)[None]))
    around = functional.pad(channels, (radius,) * 4, mode="reflect")
    return np.asarray(functional.avg_pool2d(around, 2 * radius + 1, stride=1)[0].permute(1, 2, 0).numpy())

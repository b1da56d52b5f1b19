"""Matching the photo with the style images: the colors it starts with, and what each place of a style counts."""

from dataclasses import replace
from typing import Final, NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from impasto.backbones import FeatureExtractor, full_precision
from impasto.losses import Matches, match, threshold
from impasto.painting.pyramid import Level
from impasto.painting.scene import Scene, StyleImage

_SIZE: Final = 384
"""Long side in pixels at which pictures are matched; larger ones are reduced."""
_LAYERS: Final = 3
"""How many layers, the deepest ones, are compared."""

_LIGHT: Final = 0.5
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
        styles, moved, shares = [], torch.zeros(1, 3, *photo.size), photo.shares(reduced.mask)
        for style, own in zip(region.styles, reduced.styles, strict=True):
            places = _Places.of(own.pixels, extractor)
            part = places.shares(own.mask)
            used = (part >= threshold(part)).nonzero()[:, 0]
            matches = Matches(*match(photo.vectors, places.vectors, used), photo.size, places.size)
            styles.append(_matched(style, matches, shares, part, strength))
            moved += own.share * matches.average(places.colors)
        regions.append(replace(region, styles=tuple(styles)))
        colors = colors + _resized(moved, height, width) * (1 if reduced.mask is None else reduced.mask[:, :, None])
    colored = _with_detail(colors, small.content, scene.content)
    return replace(
        scene, regions=tuple(regions), colored=scene.recolored + np.float32(strength) * (colored - scene.recolored)
    )


class _Places(NamedTuple):
    """The places of a picture on a coarse grid: a unit vector of deep features and a color for each."""

    vectors: Float[Tensor, "n c"]
    colors: Float[Tensor, "1 3 h w"]
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
        colors = functional.adaptive_avg_pool2d(pixels, (height, width))
        light = colors.mean(dim=1).flatten()
        columns.append(_LIGHT * ((light - light.mean()) / (light.std(correction=0) + 1e-3))[None])
        return cls(functional.normalize(torch.cat(columns), dim=0).T, colors, (height, width))

    def shares(self, mask: Float[np.ndarray, "h w"] | None) -> Float[Tensor, "n"]:
        """Return how much of every place a mask covers; all of it without one."""
        if mask is None:
            return torch.ones(len(self.vectors))
        values = torch.from_numpy(np.ascontiguousarray(mask))[None, None]
        return functional.adaptive_avg_pool2d(values, self.size).flatten()


def _matched(
    style: StyleImage, matches: Matches, photo: Float[Tensor, "n"], used: Float[Tensor, "m"], strength: float
) -> StyleImage:
    """Return a style image whose places count by how much of the photo resembles them."""
    counts = matches.counts(photo)
    around = functional.avg_pool2d(functional.pad(counts, (1, 1, 1, 1), mode="replicate"), 3, stride=1)
    mean = (around.flatten() * used).sum() / used.sum()
    weights = ((1 + strength * (around / mean.clamp(min=1e-12) - 1)) / _MOST).clamp(_LEAST, 1)
    height, width = style.pixels.shape[:2]
    across, down = style.border(width, height)
    importance = _resized(weights, height - 2 * down, width - 2 * across)[:, :, 0]
    importance = np.pad(importance, ((down, down), (across, across)), mode="edge")
    return replace(style, importance=importance, matches=matches, key=None)


def _resized(maps: Float[Tensor, "1 c _h _w"], height: int, width: int) -> Float[np.ndarray, "h w c"]:
    """Interpolate maps linearly."""
    large = functional.interpolate(maps, (height, width), mode="bilinear")
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
    maps = torch.from_numpy(np.dstack([gain, offset]).transpose(2, 0, 1)[None].copy())
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

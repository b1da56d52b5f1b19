"""All measures of a picture, against one photo and one style."""

import dataclasses
import statistics
from collections.abc import Collection, Mapping
from functools import lru_cache
from typing import Final, TypeAlias

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from impasto.backbones import AntialiasedWeights, antialiased_maps, load_weights
from impasto.color import to_oklab
from impasto.errors import InputError
from impasto.images import fit, resize
from impasto.losses import mean_gram
from impasto.score import content, faults, style
from impasto.score.measures import Scores

Floats: TypeAlias = Float[np.ndarray, "_h _w 3"]
Pixels: TypeAlias = Float[np.ndarray, "_h _w 3"] | UInt8[np.ndarray, "_h _w 3"]
"""A picture: sRGB, floats in [0, 1] or 8-bit values."""

MAX_SIZE: Final = 1024
"""Longest side for the networks, which bounds the memory; faults are looked for at full size."""
MIN_SIZE: Final = 32
"""Shortest side: the deepest maps of a smaller picture would have too few positions."""

_FIDELITY_LAYERS: Final = ("conv4_1", "conv5_1")
_LAYOUT_LAYER: Final = "conv4_3"
_PATCH_LAYERS: Final = ("conv3_3", "conv4_1")


class Judge:
    """Scores pictures of one size against one photo and one style; what depends on these only is computed once.

    Networks: VGG-16 and AlexNet of ST-LPIPS. The same pictures always give the same scores.

    Attributes:
        size: Width and height in pixels at which pictures are scored.
    """

    def __init__(self, content: Pixels, style: Pixels, *, size: tuple[int, int]) -> None:
        """Resize the photo to `size`, and the style's long side to that of the size.

        Args:
            content: The photo.
            style: The style image.
            size: Width and height in pixels.

        Raises:
            InputError: If a picture is too small, or if the networks are not installed.
        """
        style = _as_floats(style)
        self.size = size
        self._photo = resize(_as_floats(content), *size)
        self._style = resize(style, *fit(style.shape[1], style.shape[0], max(size)))
        self._photo_maps = _vgg16_maps(_shrink(self._photo))
        small = _shrink(self._style)
        self._style_traits = _measure_style(small, _vgg16_maps(small), is_style=True)
        self._photo_levels, self._style_levels = faults.levels(self._photo), faults.levels(self._style)

    def score(self, result: Pixels) -> Scores:
        """Return all measures of a picture; one of another size is resized first."""
        picture = resize(_as_floats(result), *self.size)
        small = _shrink(picture)
        maps = _vgg16_maps(small)
        return Scores(
            **_compare_content(small, maps, _shrink(self._photo), self._photo_maps),
            **_compare_style(_measure_style(small, maps, is_style=False), self._style_traits),
            **faults.excess(faults.levels(picture), photo=self._photo_levels, style=self._style_levels),
        )

    def score_photo(self) -> Scores:
        """Return the scores of the photo itself: nothing of it is lost, nothing of the style is there."""
        return self.score(self._photo)

    def score_style(self) -> Scores:
        """Return the scores of the style itself; for this the photo is resized to the style's shape."""
        height, width = self._style.shape[:2]
        if (width, height) == self.size:
            return self.score(self._style)
        return Judge(self._photo, self._style, size=(width, height)).score(self._style)


def score_picture(result: Pixels, content: Pixels, style: Pixels) -> Scores:
    """Score a painted picture at its own size; the three pictures may differ in size.

    Args:
        result: The painted picture.
        content: The photo.
        style: The style image.

    Returns:
        All measures.

    Raises:
        InputError: If a picture is too small, or if the networks are not installed.
    """
    return Judge(content, style, size=(result.shape[1], result.shape[0])).score(result)


@lru_cache(maxsize=2)
def load_network(name: str) -> AntialiasedWeights:
    """Load `vgg16` or `alexnet` of ST-LPIPS; raises InputError, saying what to install, if it is not there."""
    weights = load_weights("embedded", name)
    assert isinstance(weights, AntialiasedWeights)
    return weights


def last_layers(weights: AntialiasedWeights) -> tuple[str, ...]:
    """Return the last layer of each of the five blocks, which ST-LPIPS compares.

    For VGG-16 conv1_2, conv2_2, conv3_3, conv4_3, conv5_3; for AlexNet conv1_1 ... conv5_1.
    """
    return tuple({name.split("_")[0]: name for name in weights.layers}.values())


def feature_maps(weights: AntialiasedWeights, picture: Floats, layers: Collection[str]) -> content.Maps:
    """Return the features (after ReLU) of some layers, from the shallowest to the deepest.

    The picture is sRGB in [0, 1]. Raises InputError if a side is shorter than `MIN_SIZE`.
    """
    height, width = picture.shape[:2]
    if min(height, width) < MIN_SIZE:
        raise InputError(
            f"a picture of {width} x {height} px is too small to be judged: both sides must have at least {MIN_SIZE} px"
        )
    with torch.no_grad():
        return {name: maps for name, maps in antialiased_maps(weights, _as_tensor(picture)) if name in layers}


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class _Traits:
    """What describes the style of a picture, independent of positions; `distinct` is measured for the style only."""

    sliced: Mapping[str, tuple[Float[np.ndarray, "_k _n"], ...]]
    grams: Mapping[str, Float[Tensor, "_c _c"]]
    patches: Mapping[str, Float[Tensor, "_n _d"]]
    distinct: Mapping[str, int]
    histogram: Float[np.ndarray, "3 256"]
    colors: Float[np.ndarray, "_k _n"]


def _measure_style(picture: Floats, maps: content.Maps, *, is_style: bool) -> _Traits:
    last = {name: maps[name] for name in last_layers(load_network("vgg16"))}
    alexnet = load_network("alexnet")
    others = feature_maps(alexnet, picture, last_layers(alexnet))
    patches = {name: style.patches(maps[name]) for name in _PATCH_LAYERS}
    return _Traits(
        sliced={
            "vgg16": tuple(map(style.projections, last.values())),
            "alexnet": tuple(map(style.projections, others.values())),
        },
        grams={name: mean_gram(features) for name, features in last.items()},
        patches=patches,
        distinct={name: style.distinct(own) for name, own in patches.items()} if is_style else {},
        histogram=style.histogram(picture),
        colors=style.color_projections(to_oklab(picture, np.float32)),
    )


def _compare_content(picture: Floats, maps: content.Maps, photo: Floats, photo_maps: content.Maps) -> dict[str, float]:
    weights = load_network("vgg16")
    last = last_layers(weights)
    layers = [maps[name] for name in last], [photo_maps[name] for name in last]
    fidelity = [{name: some[name] for name in _FIDELITY_LAYERS} for some in (maps, photo_maps)]
    return {
        "st_lpips": content.perceptual_distance(*layers, weights.importance),
        "ms_ssim": content.multiscale_similarity(_as_tensor(picture), _as_tensor(photo)),
        "self_similarity": content.self_similarity_distance(maps[_LAYOUT_LAYER], photo_maps[_LAYOUT_LAYER]),
        "content_fidelity": content.content_fidelity(*fidelity),
    }


def _compare_style(result: _Traits, target: _Traits) -> dict[str, float]:
    def sliced(network: str) -> float:
        pairs = zip(result.sliced[network], target.sliced[network], strict=True)
        return statistics.fmean(style.sliced_wasserstein(one, other) for one, other in pairs)

    return {
        "sliced_alexnet": sliced("alexnet"),
        "sliced_vgg16": sliced("vgg16"),
        "global_effects": style.global_effects((result.grams, target.grams), (result.histogram, target.histogram)),
        "local_patterns": statistics.fmean(
            style.local_patterns(result.patches[name], own, target.distinct[name])
            for name, own in target.patches.items()
        ),
        "color_distance": style.color_distance(result.colors, target.colors),
    }


def _vgg16_maps(picture: Floats) -> content.Maps:
    weights = load_network("vgg16")
    return feature_maps(weights, picture, {*last_layers(weights), *_FIDELITY_LAYERS, *_PATCH_LAYERS})


def _as_floats(picture: Pixels) -> Floats:
    return picture.astype(np.float32) / 255 if picture.dtype == np.uint8 else picture.astype(np.float32).clip(0, 1)


def _as_tensor(picture: Floats) -> Float[Tensor, "1 3 _h _w"]:
    return torch.from_numpy(np.ascontiguousarray(picture, dtype=np.float32)).permute(2, 0, 1)[None]


def _shrink(picture: Floats) -> Floats:
    height, width = picture.shape[:2]
    return resize(picture, *fit(width, height, min(MAX_SIZE, max(width, height))))

"""All measures of a picture, against one photo and one style."""

import dataclasses
import statistics
from collections.abc import Mapping
from typing import Final, TypeAlias

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from impasto.backbones import AntialiasedName
from impasto.images import fit, resize
from impasto.losses.statistics import mean_gram
from impasto.score import content as kept
from impasto.score import faults
from impasto.score import style as taken
from impasto.score.colors import to_oklab
from impasto.score.networks import Maps, judged_layers, see
from impasto.score.weights import load_judge

Floats: TypeAlias = Float[np.ndarray, "_h _w 3"]
Pixels: TypeAlias = Float[np.ndarray, "_h _w 3"] | UInt8[np.ndarray, "_h _w 3"]
"""A picture: sRGB, floats in [0, 1] or 8-bit values."""

LARGEST: Final = 1024
"""A longer side than this is shrunk to it for the networks, to bound the memory; faults are looked for at full size."""

_FIDELITY_LAYERS: Final = ("conv4_1", "conv5_1")
_LAYOUT_LAYER: Final = "conv4_3"
_PATCH_LAYERS: Final = ("conv3_3", "conv4_1")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Scores:
    """What was measured. Each is explained where it is computed (content.py, style.py, faults.py)."""

    st_lpips: float
    ms_ssim: float
    self_similarity: float
    content_fidelity: float
    sliced_alexnet: float
    sliced_vgg16: float
    global_effects: float
    local_patterns: float
    color_distance: float
    noise: float
    grid: float
    border: float
    clipped: float
    grey: float

    @property
    def content(self) -> float:
        """What of the photo is lost: ST-LPIPS; lower is better, 0 for the photo itself."""
        return self.st_lpips

    @property
    def style(self) -> float:
        """What of the style is missing: mean of both sliced Wassersteins; lower is better, 0 for the style itself."""
        return (self.sliced_alexnet + self.sliced_vgg16) / 2

    @property
    def faults(self) -> float:
        """The worst of the faults; 0 is none, above 0.01 it begins to be seen."""
        return max(self.noise, self.grid, self.border, self.clipped, self.grey)

    def as_dict(self) -> dict[str, float]:
        """Return all measures by name, the three headlines first."""
        return {"style": self.style, "content": self.content, "faults": self.faults} | dataclasses.asdict(self)


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class _Traits:
    """What of a picture tells its style; places do not matter. Only a style needs to know its distinct patches."""

    sliced: Mapping[AntialiasedName, tuple[Float[np.ndarray, "_k _n"], ...]]
    grams: Mapping[str, Float[Tensor, "_c _c"]]
    patches: Mapping[str, Float[Tensor, "_n _d"]]
    distinct: Mapping[str, int]
    histogram: Float[np.ndarray, "3 256"]
    colors: Float[np.ndarray, "_k _n"]


class Judge:
    """Scores pictures of one size against one photo and one style; what depends on these only is computed once.

    Networks: VGG-16 and AlexNet of ST-LPIPS, by which no picture is painted unless its recipe says so. The same
    pictures give the same scores.
    """

    def __init__(self, content: Pixels, style: Pixels, *, size: tuple[int, int]) -> None:
        """Bring the photo to `size` = (width, height), and the style's long side to that of the size.

        Raises InputError if a picture is too small to be judged, or if the networks are not installed.
        """
        style = _floats(style)
        self.size = size
        self._photo = resize(_floats(content), *size)
        self._style = resize(style, *fit(style.shape[1], style.shape[0], max(size)))
        self._photo_maps = _vgg16_maps(_shrunk(self._photo))
        small = _shrunk(self._style)
        self._style_traits = _traits(small, _vgg16_maps(small), teaches=True)
        self._photo_levels, self._style_levels = faults.levels(self._photo), faults.levels(self._style)

    def score(self, result: Pixels) -> Scores:
        """Return all measures of a picture; one of another size is brought to the judge's."""
        picture = resize(_floats(result), *self.size)
        small = _shrunk(picture)
        maps = _vgg16_maps(small)
        return Scores(
            **_content_kept(small, maps, _shrunk(self._photo), self._photo_maps),
            **_style_taken(_traits(small, maps, teaches=False), self._style_traits),
            **faults.excess(faults.levels(picture), photo=self._photo_levels, style=self._style_levels),
        )

    def score_photo(self) -> Scores:
        """Return what the photo itself scores: nothing of it is lost, nothing of the style is there."""
        return self.score(self._photo)

    def score_style(self) -> Scores:
        """Return what the style itself scores; for this the photo is brought to the style's shape."""
        height, width = self._style.shape[:2]
        if (width, height) == self.size:
            return self.score(self._style)
        return Judge(self._photo, self._style, size=(width, height)).score(self._style)


def score_picture(result: Pixels, content: Pixels, style: Pixels) -> Scores:
    """Score a painted picture at its own size; the three may differ in size.

    Raises InputError if a picture is too small to be judged, or if the networks are not installed.
    """
    return Judge(content, style, size=(result.shape[1], result.shape[0])).score(result)


def _floats(picture: Pixels) -> Floats:
    return picture.astype(np.float32) / 255 if picture.dtype == np.uint8 else picture.astype(np.float32).clip(0, 1)


def _shrunk(picture: Floats) -> Floats:
    height, width = picture.shape[:2]
    return resize(picture, *fit(width, height, min(LARGEST, max(width, height))))


def _vgg16_maps(picture: Floats) -> dict[str, Float[Tensor, "1 _c _h _w"]]:
    weights = load_judge("vgg16")
    return see(weights, picture, {*judged_layers(weights), *_FIDELITY_LAYERS, *_PATCH_LAYERS})


def _traits(picture: Floats, maps: Maps, *, teaches: bool) -> _Traits:
    deep, shallow = load_judge("vgg16"), load_judge("alexnet")
    judged = {name: maps[name] for name in judged_layers(deep)}
    others = see(shallow, picture, judged_layers(shallow))
    patches = {name: taken.patches(maps[name]) for name in _PATCH_LAYERS}
    return _Traits(
        sliced={
            "vgg16": tuple(map(taken.projections, judged.values())),
            "alexnet": tuple(map(taken.projections, others.values())),
        },
        grams={name: mean_gram(features) for name, features in judged.items()},
        patches=patches,
        distinct={name: taken.distinct(own) for name, own in patches.items()} if teaches else {},
        histogram=taken.histogram(picture),
        colors=taken.color_projections(to_oklab(picture)),
    )


def _content_kept(picture: Floats, maps: Maps, photo: Floats, photo_maps: Maps) -> dict[str, float]:
    weights = load_judge("vgg16")
    judged = judged_layers(weights)
    layers = [maps[name] for name in judged], [photo_maps[name] for name in judged]
    fidelity = [{name: seen[name] for name in _FIDELITY_LAYERS} for seen in (maps, photo_maps)]
    return {
        "st_lpips": kept.perceptual_distance(*layers, weights.importance),
        "ms_ssim": kept.multiscale_similarity(_tensor(picture), _tensor(photo)),
        "self_similarity": kept.self_similarity_distance(maps[_LAYOUT_LAYER], photo_maps[_LAYOUT_LAYER]),
        "content_fidelity": kept.content_fidelity(*fidelity),
    }


def _style_taken(result: _Traits, style: _Traits) -> dict[str, float]:
    def sliced(network: AntialiasedName) -> float:
        pairs = zip(result.sliced[network], style.sliced[network], strict=True)
        return statistics.fmean(taken.sliced_wasserstein(one, other) for one, other in pairs)

    return {
        "sliced_alexnet": sliced("alexnet"),
        "sliced_vgg16": sliced("vgg16"),
        "global_effects": taken.global_effects((result.grams, style.grams), (result.histogram, style.histogram)),
        "local_patterns": statistics.fmean(
            taken.local_patterns(result.patches[name], own, style.distinct[name]) for name, own in style.patches.items()
        ),
        "color_distance": taken.color_distance(result.colors, style.colors),
    }


def _tensor(picture: Floats) -> Float[Tensor, "1 3 _h _w"]:
    return torch.from_numpy(picture).permute(2, 0, 1)[None]

"""How much of the style is there. Pictures are RGB in [0, 1]; their sizes may differ from the style's."""

from typing import Final

import torch
import torch.nn.functional as F  # noqa: N812 (the name everybody knows it by)
from jaxtyping import Float
from torch import Tensor

from impasto.losses.matching import random_directions, sliced_targets
from impasto.losses.statistics import mean_gram
from impasto.score.networks import Features

_DIRECTIONS: Final = 128
_SEED: Final = 0
_BINS: Final = 8
_COMPARED: Final = 2**22
"""Pairs of patches compared at a time."""


def sliced_wasserstein(result: Features, style: Features) -> float:
    """Return how differently the features are distributed: lower is better.

    In each of the five maps, along up to 128 fixed orthogonal directions, the quantiles of result and style are
    compared: the root of the mean square difference over the root of the style's mean variance, mean over the maps
    (sliced Wasserstein-2, Rabin et al. 2011). The style itself scores 0, one that is as far as a single colour about
    1; the photo itself about 1, 0.7 to 1.5 by pair.
    """
    distances = []
    for a, b in zip(result.maps, style.maps, strict=True):
        channels = a.shape[1]
        generator = torch.Generator().manual_seed(_SEED)
        directions = random_directions(channels, min(channels, _DIRECTIONS), generator)
        positions = max(a[0, 0].numel(), b[0, 0].numel())
        found, wanted = (sliced_targets(maps, directions, positions=positions) for maps in (a, b))
        spread = wanted.var(dim=1, correction=0).mean().clamp(min=1e-12)
        distances.append(float(((found - wanted).square().mean() / spread).sqrt()))
    return sum(distances) / len(distances)


def global_effects(
    result: Features, style: Features, pixels: Float[Tensor, "1 3 h w"], style_pixels: Float[Tensor, "1 3 sh sw"]
) -> float:
    """Return StyleEval's global effects: half the mean cosine of the Gram matrices, half that of colour histograms.

    Higher is better: the style itself scores 1, the photo itself about 0.4 to 0.7.
    """
    pairs = zip(result.maps, style.maps, strict=True)
    grams = [float(F.cosine_similarity(mean_gram(a).flatten(), mean_gram(b).flatten(), dim=0)) for a, b in pairs]
    colors = F.cosine_similarity(_histogram(pixels), _histogram(style_pixels), dim=0)
    return (sum(grams) / len(grams) + float(colors)) / 2


def _histogram(pixels: Float[Tensor, "1 3 h w"]) -> Float[Tensor, "512"]:
    """Return the share of pixels in each of 8 x 8 x 8 cells of RGB."""
    cells = (pixels[0].flatten(1) * _BINS).long().clamp(0, _BINS - 1)
    index = (cells[0] * _BINS + cells[1]) * _BINS + cells[2]
    return torch.bincount(index, minlength=_BINS**3).float() / len(index)


def local_patterns(result: Features, style: Features) -> float:
    """Return StyleEval's local patterns: whether patches look like the style's, and all of the style is used.

    Half the mean cosine of every patch of 3 x 3 features (VGG-16's third map, every second place) with its nearest in
    the style, half the share of the style's patches that are the nearest of some place. Higher is better: the style
    itself scores 1, the photo itself about 0.4.
    """
    canvas, teacher = (_patches(seen.maps[2]) for seen in (result, style))
    best, used = 0.0, set()
    for chunk in canvas.split(max(1, _COMPARED // len(teacher))):
        cosine, nearest = (chunk @ teacher.T).max(dim=1)
        best += float(cosine.sum())
        used |= set(nearest.tolist())
    return (best / len(canvas) + len(used) / min(len(teacher), len(canvas))) / 2


def _patches(maps: Float[Tensor, "1 c h w"]) -> Float[Tensor, "n d"]:
    patches = F.unfold(maps, 3, stride=2)[0].T
    return F.normalize(patches, dim=1)


def color_distance(pixels: Float[Tensor, "1 3 h w"], style_pixels: Float[Tensor, "1 3 sh sw"]) -> float:
    """Return how differently the colours are distributed: lower is better.

    Mean difference of the quantiles along 32 fixed directions of Oklab (sliced Wasserstein-1), times 100. The style
    itself scores 0, the photo itself about 4 to 20; 1 is hardly seen.
    """
    generator = torch.Generator().manual_seed(_SEED)
    directions = random_directions(3, 32, generator)
    positions = max(pixels[0, 0].numel(), style_pixels[0, 0].numel())
    found, wanted = (sliced_targets(oklab(p), directions, positions=positions) for p in (pixels, style_pixels))
    return 100 * float((found - wanted).abs().mean())


def oklab(pixels: Float[Tensor, "1 3 h w"]) -> Float[Tensor, "1 3 h w"]:
    """Return sRGB in [0, 1] as Oklab, in which equal distances look about equally large (Ottosson 2020)."""
    linear = torch.where(pixels <= 0.04045, pixels / 12.92, ((pixels + 0.055) / 1.055) ** 2.4)
    cones = torch.einsum("ij,bjhw->bihw", _RGB_TO_CONES.to(pixels), linear).clamp(min=0) ** (1 / 3)
    return torch.einsum("ij,bjhw->bihw", _CONES_TO_LAB.to(pixels), cones)


_RGB_TO_CONES: Final = torch.tensor(
    [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ]
)
_CONES_TO_LAB: Final = torch.tensor(
    [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ]
)

"""How much of the style is taken: pure functions of features or of colors, independent of positions.

The scores of "the photo", a picture that has nothing of the style, are those of photos of scikit-image beside the
built-in plates at 256 px.
"""

import math
from collections.abc import Mapping
from functools import cache
from typing import Final

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 (the usual name)
from jaxtyping import Float
from torch import Tensor

from impasto.losses import random_directions

_SEED: Final = 0
_DIRECTIONS: Final = 128
_COLOR_DIRECTIONS: Final = 48
_PATCHES: Final = 1024
"""About as many patches of each picture are compared with each other."""
_TINY: Final = 1e-12


@cache
def directions(c: int, k: int) -> Float[np.ndarray, "{c} {k}"]:
    """Return `k` directions in `c` dimensions as columns of length 1, always the same ones; do not modify them."""
    return random_directions(c, k, torch.Generator().manual_seed(_SEED)).numpy()


def projections(features: Float[Tensor, "1 c h w"]) -> Float[np.ndarray, "_k h*w"]:
    """Return the features of all positions projected on min(c, 128) fixed directions, sorted along each."""
    c = features.shape[1]
    along = torch.from_numpy(directions(c, min(c, _DIRECTIONS)))
    return np.sort((along.T @ features.squeeze(0).flatten(1)).numpy(), axis=1)


def color_projections(lab: Float[np.ndarray, "h w 3"]) -> Float[np.ndarray, "_k h*w"]:
    """Return the colors projected on 48 fixed directions, sorted along each."""
    return np.sort(directions(3, _COLOR_DIRECTIONS).T @ lab.reshape(-1, 3).T.astype(np.float32), axis=1)


def quantiles(ordered: Float[np.ndarray, "k n"], count: int) -> Float[np.ndarray, "k {count}"]:
    """Return `count` quantiles of every sorted row, interpolated linearly; the row itself if it has as many values."""
    n = ordered.shape[1]
    if n == count:
        return ordered
    at = ((np.arange(count) + 0.5) * (n / count) - 0.5).clip(0, n - 1)
    low = at.astype(np.int64)
    share = (at - low).astype(np.float32)
    read: np.ndarray = ordered[:, low] * (1 - share) + ordered[:, np.minimum(low + 1, n - 1)] * share
    return read


def squared_distance(a: Float[np.ndarray, "k n"], b: Float[np.ndarray, "k m"]) -> float:
    """Return the squared Wasserstein-2 distance of two sorted samples, mean over the rows; exact for n = m."""
    count = max(a.shape[1], b.shape[1])
    return float(np.square(quantiles(a, count) - quantiles(b, count)).mean(dtype=np.float64))


def sliced_wasserstein(result: Float[np.ndarray, "k n"], style: Float[np.ndarray, "k m"]) -> float:
    """Return the distance of the feature distributions of two pictures: lower is better, 0 for the same.

    The root of the mean squared Wasserstein-2 distance along the directions, divided by the style's standard deviation
    along them. Both arguments come from `projections`. Bonneel et al. 2015; for styles Heitz et al. 2021. The photo
    scores 0.6 to 1.4.
    """
    spread = style.var(axis=1, dtype=np.float64).mean()
    return math.sqrt(squared_distance(result, style) / (spread + _TINY))


def color_distance(result: Float[np.ndarray, "k n"], style: Float[np.ndarray, "k m"]) -> float:
    """Return the distance of the color distributions of two pictures, in units of Oklab: lower is better.

    The sliced Wasserstein-2 distance times the root of 3, so that a palette shifted by d scores d; black and white are
    1 apart, and 0.02 is about the smallest visible difference. Both arguments come from `color_projections`. The photo
    scores 0.07 to 0.35.
    """
    return math.sqrt(3 * squared_distance(result, style))


def histogram(picture: Float[np.ndarray, "h w 3"]) -> Float[np.ndarray, "3 256"]:
    """Return the share of pixels with each 8-bit value, for red, green and blue."""
    values = np.floor(picture.clip(0, 1) * 255 + 0.5).astype(np.int64).reshape(-1, 3)
    return np.stack([np.bincount(channel, minlength=256) for channel in values.T]) / len(values)


def global_effects(
    grams: tuple[Mapping[str, Float[Tensor, "_c _c"]], Mapping[str, Float[Tensor, "_c _c"]]],
    histograms: tuple[Float[np.ndarray, "3 256"], Float[np.ndarray, "3 256"]],
) -> float:
    """Return how similar the overall textures and colors are: higher is better, at most 1.

    Half the mean cosine of the Gram matrices, half the mean cosine of the histograms of red, green and blue. Wang et
    al. 2021, "Evaluate and improve the quality of neural style transfer". The photo scores 0.4 to 0.8.
    """
    one, other = grams
    textures = [torch.cosine_similarity(one[name].flatten(), other[name].flatten(), dim=0).item() for name in one]
    h, g = histograms
    colors = (h * g).sum(axis=1) / (np.linalg.norm(h, axis=1) * np.linalg.norm(g, axis=1))
    return (sum(textures) / len(textures) + float(colors.mean())) / 2


def patches(features: Float[Tensor, "1 c h w"]) -> Float[Tensor, "_n 9*c"]:
    """Return patches of 3 x 3 features as unit vectors, from a grid of at most about 1,024 positions."""
    h, w = features.shape[2:]
    step = max(1, math.ceil(math.sqrt((h - 2) * (w - 2) / _PATCHES)))
    found: Tensor = F.unfold(features, 3, stride=step)[0].T
    lengths: Tensor = torch.linalg.vector_norm(found, dim=1, keepdim=True)
    return found / (lengths + 1e-10)


def distinct(patches: Float[Tensor, "n d"]) -> int:
    """Return how many different patches are the nearest of some patch of the same picture (itself, unless repeated)."""
    nearest: Tensor = (patches @ patches.T).argmax(dim=1)
    return int(nearest.unique().numel())


def local_patterns(result: Float[Tensor, "n d"], style: Float[Tensor, "m d"], most: int) -> float:
    """Return how much of the result is in the style, and of the style in the result: higher is better, at most 1.

    Half the mean cosine of every patch with the style's nearest one, half the number of the style's patches that are
    the nearest of some patch, as a share of `most` (its `distinct` patches). The patterns of Wang et al. 2021. Both
    come from `patches`. The photo scores 0.2 to 0.5.
    """
    cosine, nearest = (result @ style.T).max(dim=1)
    used = int(nearest.unique().numel())
    return (float(cosine.mean()) + min(1.0, used / most)) / 2

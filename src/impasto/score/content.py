"""How much of the photo is kept: pure functions of features or of pictures.

The scores of "the style", a picture that has nothing of the photo, are those of the built-in plates beside photos of
scikit-image at 256 px.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Final, TypeAlias

import torch
import torch.nn.functional as F  # noqa: N812 (the usual name)
from jaxtyping import Float
from torch import Tensor

Maps: TypeAlias = Mapping[str, Float[Tensor, "1 _c _h _w"]]

_WINDOW: Final = 11
_SIGMA: Final = 1.5
_C1: Final = 0.01**2
_C2: Final = 0.03**2
_SCALES: Final = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
_POSITIONS: Final = 1024
"""About as many positions are compared with each other by the self-similarity."""
_LUMA: Final = (0.299, 0.587, 0.114)


def perceptual_distance(
    a: Sequence[Float[Tensor, "1 _c _h _w"]],
    b: Sequence[Float[Tensor, "1 _c _h _w"]],
    importance: Sequence[Float[Tensor, "1 _c 1 1"]],
) -> float:
    """Return the ST-LPIPS distance of two pictures of one size: lower is better, 0 for the same picture.

    The squared differences of unit feature vectors, weighted by channel, are averaged over positions and summed over
    layers (Zhang et al. 2018, eq. 1; weights of Ghildyal and Liu 2022). The style scores 0.6 to 1.0.
    """
    total = 0.0
    for one, other, weight in zip(a, b, importance, strict=True):
        difference = (_normalize(one) - _normalize(other)).square_()
        total += F.conv2d(difference, weight).mean().item()
    return total


def multiscale_similarity(a: Float[Tensor, "1 3 h w"], b: Float[Tensor, "1 3 h w"]) -> float:
    """Return MS-SSIM of the luma of two RGB pictures in [0, 1]: higher is better, 1 for the same picture.

    Wang, Simoncelli and Bovik 2003: contrast and structure on five scales, luminance on the coarsest; a Gaussian window
    of 11 px, sigma 1.5, entirely inside the picture. For a picture too small for five scales fewer are used, with
    weights scaled to a sum of 1. A negative correlation counts as 0. The style scores 0 to 0.12. Raises ValueError
    below 11 px.
    """
    weights = torch.tensor(_LUMA, dtype=torch.float32).view(1, 3, 1, 1)
    x, y = F.conv2d(a, weights), F.conv2d(b, weights)
    side = min(x.shape[-2:])
    if side < _WINDOW:
        raise ValueError(f"the shorter side has {side} px and the window {_WINDOW}")
    scales = min(len(_SCALES), 1 + int(math.log2(side / _WINDOW)))
    exponents = [weight / sum(_SCALES[:scales]) for weight in _SCALES[:scales]]
    result = 1.0
    for scale, exponent in enumerate(exponents):
        full, structure = _similarity(x, y)
        factor = full if scale == scales - 1 else structure
        result *= max(factor, 0.0) ** exponent
        x, y = F.avg_pool2d(x, 2), F.avg_pool2d(y, 2)
    return result


def _similarity(x: Float[Tensor, "1 1 h w"], y: Float[Tensor, "1 1 h w"]) -> tuple[float, float]:
    """Return the mean SSIM and the mean of its part without the luminance."""
    line = torch.exp(-((torch.arange(_WINDOW, dtype=torch.float32) - _WINDOW // 2) ** 2) / (2 * _SIGMA**2))
    line = line / line.sum()
    moments = torch.cat([x, y, x * x, y * y, x * y])
    moments = F.conv2d(F.conv2d(moments, line.view(1, 1, 1, -1)), line.view(1, 1, -1, 1))
    mean_x, mean_y, xx, yy, xy = moments
    structure = (2 * (xy - mean_x * mean_y) + _C2) / (xx - mean_x**2 + yy - mean_y**2 + _C2)
    luminance = (2 * mean_x * mean_y + _C1) / (mean_x**2 + mean_y**2 + _C1)
    return (luminance * structure).mean().item(), structure.mean().item()


def self_similarity_distance(a: Float[Tensor, "1 c h w"], b: Float[Tensor, "1 c h w"]) -> float:
    """Return how much the layouts of two pictures differ: lower is better, 0 for the same layout, at most 1.

    The cosine distances of every position to all others on a grid are divided by their sum; returned is half the
    absolute difference of these distributions, averaged over positions. Colors and textures may change as long as what
    was alike stays alike. After the content term of Kolkin et al. 2019 (STROTSS). From conv4_3 of VGG-16 the style
    scores 0.22 to 0.28.
    """
    step = max(1, math.ceil(math.sqrt(a.shape[2] * a.shape[3] / _POSITIONS)))
    one, other = (_distances(maps[:, :, step // 2 :: step, step // 2 :: step]) for maps in (a, b))
    return (one - other).abs().sum(dim=0).mean().item() / 2


def _distances(maps: Float[Tensor, "1 c h w"]) -> Float[Tensor, "n n"]:
    units = _normalize(maps).flatten(2)[0]
    distances = (1 - units.T @ units).clamp_(min=0).fill_diagonal_(0)
    return distances / distances.sum(dim=0).clamp(min=1e-8)


def content_fidelity(a: Maps, b: Maps) -> float:
    """Return the mean over layers of the cosine of two pictures' features: higher is better, at most 1.

    Wang et al. 2021, "Evaluate and improve the quality of neural style transfer", with conv4_1 and conv5_1. The style
    scores 0.2 to 0.5.
    """
    cosines = [torch.cosine_similarity(a[name].flatten(), b[name].flatten(), dim=0).item() for name in a]
    return min(1.0, sum(cosines) / len(cosines))


def _normalize(maps: Float[Tensor, "1 c h w"]) -> Float[Tensor, "1 c h w"]:
    """Return the features of every position as a unit vector."""
    lengths: Tensor = torch.linalg.vector_norm(maps, dim=1, keepdim=True)
    return maps / (lengths + 1e-10)

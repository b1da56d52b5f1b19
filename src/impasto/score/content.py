"""How much of the photo is left. Pictures are RGB in [0, 1], of one size; features are those of `networks`.

What the style image itself scores depends on the pair: it is what a picture costs that has nothing of the photo.
"""

from typing import Final

import torch
import torch.nn.functional as F  # noqa: N812 (the name everybody knows it by)
from jaxtyping import Float
from torch import Tensor

from impasto.losses.layout import self_similarity_loss
from impasto.score.networks import Features

_TINY: Final = 1e-10
_MS_SSIM_WEIGHTS: Final = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
_WINDOW, _SIGMA = 11, 1.5
_GRID: Final = 24
"""Places a side at which self-similarity is measured."""


def st_lpips(result: Features, photo: Features) -> float:
    """Return the shift-tolerant perceptual distance (Ghildyal and Liu 2022): lower is better.

    The photo itself scores 0, a style image 0.6 to 1.0.
    """
    distance = 0.0
    for a, b, importance in zip(result.maps, photo.maps, result.importance, strict=True):
        distance += float(F.conv2d((_unit(a) - _unit(b)).square(), importance).mean())
    return distance


def _unit(maps: Float[Tensor, "1 c h w"]) -> Float[Tensor, "1 c h w"]:
    return maps / (maps.square().sum(dim=1, keepdim=True).sqrt() + _TINY)


def ms_ssim(result: Float[Tensor, "1 3 h w"], photo: Float[Tensor, "1 3 h w"]) -> float:
    """Return the multi-scale structural similarity (Wang, Simoncelli and Bovik 2003): higher is better.

    Mean over the colour channels. The photo itself scores 1, a style image about 0.1 to 0.4. Of the five scales those
    are left out at which the picture is smaller than the window of 11 pixels; the weights then still sum to 1.
    """
    scales = 1
    while scales < len(_MS_SSIM_WEIGHTS) and min(result.shape[2:]) // 2**scales >= _WINDOW:
        scales += 1
    weights = [weight / sum(_MS_SSIM_WEIGHTS[:scales]) for weight in _MS_SSIM_WEIGHTS[:scales]]
    product = torch.ones(3, dtype=result.dtype)
    for scale, weight in enumerate(weights):
        luminance, structure = _similarity(result, photo)
        factor = luminance * structure if scale == scales - 1 else structure
        product *= factor.mean(dim=(0, 2, 3)).clamp(min=0) ** weight
        result, photo = F.avg_pool2d(result, 2), F.avg_pool2d(photo, 2)
    return float(product.mean())


def _similarity(
    a: Float[Tensor, "1 3 h w"], b: Float[Tensor, "1 3 h w"]
) -> tuple[Float[Tensor, "1 3 _h _w"], Float[Tensor, "1 3 _h _w"]]:
    """Return the similarity of local means, and that of local contrast and structure, where the window fits."""
    line = torch.exp(-((torch.arange(_WINDOW, dtype=a.dtype) - _WINDOW // 2) ** 2) / (2 * _SIGMA**2))
    window = (line[:, None] * line / line.sum() ** 2).expand(3, 1, _WINDOW, _WINDOW)
    mean_a, mean_b = F.conv2d(a, window, groups=3), F.conv2d(b, window, groups=3)
    variance_a = F.conv2d(a * a, window, groups=3) - mean_a**2
    variance_b = F.conv2d(b * b, window, groups=3) - mean_b**2
    covariance = F.conv2d(a * b, window, groups=3) - mean_a * mean_b
    luminance = (2 * mean_a * mean_b + 0.01**2) / (mean_a**2 + mean_b**2 + 0.01**2)
    return luminance, (2 * covariance + 0.03**2) / (variance_a + variance_b + 0.03**2)


def self_similarity(result: Features, photo: Features) -> float:
    """Return how differently the parts of the picture resemble each other (Kolkin et al. 2019): lower is better.

    From VGG-16's fourth map at 24 x 24 places. The photo itself scores 0, a picture without any difference 1, a style
    image about 0.3 to 0.6.
    """
    vectors = [F.adaptive_avg_pool2d(seen.maps[3], (_GRID, _GRID)).flatten(2)[0].T for seen in (result, photo)]
    return float(self_similarity_loss(vectors[0], vectors[1]))


def content_fidelity(result: Features, photo: Features) -> float:
    """Return the mean cosine of deep features at the same place (StyleEval's content fidelity): higher is better.

    From VGG-16's fourth and fifth map. The photo itself scores 1, a style image about 0.2 to 0.4.
    """
    cosines = [F.cosine_similarity(result.maps[i], photo.maps[i], dim=1).mean() for i in (3, 4)]
    return float(sum(cosines) / len(cosines))

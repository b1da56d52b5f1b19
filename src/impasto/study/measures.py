"""Measures that show what long runs do to a picture. Pictures are sRGB, h x w x 3, in [0, 1]."""

from collections.abc import Sequence
from typing import Final

import numpy as np
import torch
from jaxtyping import Float

from impasto.backbones import load_weights
from impasto.color import to_oklab
from impasto.images import resize
from impasto.losses import make_extractor
from impasto.recipe import Recipe

_HALF_A_LEVEL: Final = 0.5 / 255


def gray_threshold(style: Float[np.ndarray, "h w 3"]) -> float:
    """Return the tenth percentile of the style's chroma; pixels below it count as gray."""
    return float(np.quantile(_chroma(to_oklab(style)), 0.1))


def color_figures(picture: Float[np.ndarray, "h w 3"], threshold: float) -> dict[str, float]:
    """Return the share of `gray` (chroma below the threshold) and `clipped` pixels, `lightness` and `chroma`.

    Lightness is the standard deviation in Oklab (Ottosson 2020), which grows as a picture polarizes; chroma is the
    mean distance from gray in Oklab, 0 to about 0.32.
    """
    lab = to_oklab(picture)
    at_limit = (picture < _HALF_A_LEVEL) | (picture > 1 - _HALF_A_LEVEL)
    return {
        "gray": float((_chroma(lab) < threshold).mean()),
        "clipped": float(at_limit.any(axis=2).mean()),
        "lightness": float(lab[..., 0].std()),
        "chroma": float(_chroma(lab).mean()),
    }


def _chroma(lab: Float[np.ndarray, "h w 3"]) -> Float[np.ndarray, "h w"]:
    return np.asarray(np.hypot(lab[..., 1], lab[..., 2]))


def difference(one: Float[np.ndarray, "h w 3"], other: Float[np.ndarray, "_h _w 3"]) -> float:
    """Return the mean absolute difference of two pictures in gray levels (0 to 255), at the size of the first."""
    height, width = one.shape[:2]
    return float(np.abs(one - resize(other, width, height)).mean() * 255)


def deviation_map(pictures: Sequence[Float[np.ndarray, "h w 3"]]) -> Float[np.ndarray, "h w"]:
    """Return the standard deviation over the pictures at each pixel, averaged over the channels."""
    return np.asarray(np.stack(pictures).std(axis=0).mean(axis=2))


def content_loss_maps(
    recipe: Recipe, pictures: Sequence[Float[np.ndarray, "_h _w 3"]], photo: Float[np.ndarray, "ph pw 3"]
) -> list[Float[np.ndarray, "_mh _mw"]]:
    """Return for each picture where content is lost, at the size of the last picture.

    The value of a pixel is the weighted sum over the content layers of the squared difference to the photo's features,
    divided by the mean square of the photo's features. The list is empty for a recipe without content layers.
    """
    weights = {layer: weight for layer, weight in recipe.content.layers.items() if weight}
    if not weights:
        return []
    content_only = recipe.with_changes(style_weight=0.0, style_layers=tuple(weights), strength=50.0, content_weight=1.0)
    extractor = make_extractor(
        load_weights(recipe.network.weights, recipe.network.backbone),
        content_only,
        precision="fp32",
        device=torch.device("cpu"),
    )
    height, width = pictures[-1].shape[:2]
    maps = []
    with torch.no_grad():
        targets = extractor(_tensor(resize(photo, width, height)), whole=True)
        for picture in pictures:
            features = extractor(_tensor(resize(picture, width, height)), whole=True)
            total = torch.zeros(1, 1, height, width, dtype=torch.float32)
            for layer, weight in weights.items():
                error = (features[layer] - targets[layer]).square().mean(dim=1, keepdim=True).float()
                error = error / targets[layer].square().mean()
                total += weight * torch.nn.functional.interpolate(error, (height, width), mode="bilinear")
            maps.append(total[0, 0].numpy())
    return maps


def _tensor(picture: Float[np.ndarray, "h w 3"]) -> Float[torch.Tensor, "1 3 h w"]:
    return torch.from_numpy(np.ascontiguousarray(picture.transpose(2, 0, 1)[None]))

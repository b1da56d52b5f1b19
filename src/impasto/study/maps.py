"""Where in the picture a loss lies, one value for each pixel."""

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float

from impasto.backbones import load_weights
from impasto.images import resize
from impasto.losses import make_extractor
from impasto.recipe import Recipe


def content_maps(
    recipe: Recipe, pictures: Sequence[Float[np.ndarray, "_h _w 3"]], photo: Float[np.ndarray, "ph pw 3"]
) -> list[Float[np.ndarray, "_mh _mw"]]:
    """Return for each picture the squared difference to the photo's features at every place, layers weighted.

    Each layer's is relative to the photo's mean square there, so that 1 is what losing all features would cost on
    average. Nothing comes back for a recipe without content layers.
    """
    weights = {layer: weight for layer, weight in recipe.content_layer_weights.items() if weight}
    if not weights:
        return []
    alone = recipe.with_changes(style_weight=0.0, style_layers=tuple(weights), strength=50.0, content_weight=1.0)
    extractor = make_extractor(
        load_weights(recipe.weights, recipe.backbone), alone, precision="fp32", device=torch.device("cpu"), masked=True
    )
    height, width = pictures[-1].shape[:2]
    with torch.no_grad():
        kept = extractor(_tensor(resize(photo, width, height)))
        maps = []
        for picture in pictures:
            seen = extractor(_tensor(resize(picture, width, height)))
            total = np.zeros((height, width), np.float32)
            for layer, weight in weights.items():
                lost = (seen[layer] - kept[layer]).square().mean(dim=1) / kept[layer].square().mean()
                total += weight * _enlarged(lost[0].float().numpy(), width, height)
            maps.append(total)
    return maps


def _enlarged(values: Float[np.ndarray, "h w"], width: int, height: int) -> Float[np.ndarray, "_height _width"]:
    """Enlarge a map by interpolation between the middles of its cells."""
    tensor = torch.from_numpy(values)[None, None]
    return torch.nn.functional.interpolate(tensor, (height, width), mode="bilinear", align_corners=False)[0, 0].numpy()


def _tensor(picture: Float[np.ndarray, "h w 3"]) -> Float[torch.Tensor, "1 3 h w"]:
    return torch.from_numpy(np.ascontiguousarray(picture.transpose(2, 0, 1)[None]))

"""Softmax-smoothed features, for networks whose residuals and branches make single activations stand out.

Source: Wang, Li and Vasconcelos, "Rethinking and Improving the Robustness of Image Style Transfer", 2021 (SWAG).
"""

from collections.abc import Iterator, Sequence
from typing import Final

import torch
from jaxtyping import Float
from torch import Tensor

from impasto.backbones.extract import Features
from impasto.backbones.interface import FeatureExtractor
from impasto.backbones.matmul import full_precision

PEAK: Final = 1.0
"""What a layer's largest activation in photo and style is brought to before the exponential."""


def smoothed(features: Float[Tensor, "1 c h w"], scale: float) -> Float[Tensor, "1 c h w"]:
    """Return softmax(F / scale) over the whole map times its number of features: exp(F / s) / mean(exp(F / s)).

    In fp32 or better; its mean is 1 whatever the features, so that losses keep their scale.
    """
    exponents = full_precision(features) / scale
    powers = (exponents - exponents.detach().amax()).exp()
    return powers / powers.mean()


class SmoothedExtractor:
    """An extractor whose features are smoothed, those of photo, style and canvas alike.

    The exponential sees absolute sizes, and those of layers and networks differ by orders of magnitude. So each layer
    is divided by a number of its own, by which its largest activation in photo and style becomes `PEAK`; it does not
    depend on the canvas.
    """

    def __init__(self, extractor: FeatureExtractor, pictures: Sequence[Float[Tensor, "1 3 _h _w"]]) -> None:
        """Look at the pictures, photo and style, once."""
        self._extractor = extractor
        self.layers = extractor.layers
        """The layers that a call returns, from the shallowest to the deepest."""
        self.device = extractor.device
        with torch.no_grad():
            seen = [extractor(picture) for picture in pictures]
            peaks = {name: max(float(features[name].amax()) for features in seen) for name in self.layers}
        self._scales = {name: peak / PEAK if peak > 0 else 1.0 for name, peak in peaks.items()}

    def __call__(self, picture: Float[Tensor, "1 3 h w"], *, border: int = 0) -> Features:
        """Return the smoothed features of every layer; see the extractor's own call."""
        return Features(self.layers, self._walk(self._extractor(picture, border=border)))

    def _walk(self, seen: Features) -> Iterator[tuple[str, Float[Tensor, "1 _c _h _w"]]]:
        for name in self.layers:
            yield name, smoothed(seen[name], self._scales[name])

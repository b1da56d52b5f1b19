"""Softmax-smoothed features, for networks whose residuals and branches make single activations stand out.

Source: Wang, Li and Vasconcelos, "Rethinking and Improving the Robustness of Image Style Transfer", 2021 (SWAG).
"""

from collections.abc import Iterator
from typing import Final

import torch
from jaxtyping import Float
from torch import Tensor

from impasto.backbones.extract import Features
from impasto.backbones.interface import FeatureExtractor
from impasto.backbones.products import precise

PEAK: Final = 3.0
"""What the largest activation of a layer is brought to before the exponential."""

_SIDE: Final = 256
"""Side in pixels of the picture on which a layer's largest activation is measured."""


def smoothed(features: Float[Tensor, "1 c h w"], scale: float) -> Float[Tensor, "1 c h w"]:
    """Return softmax(F / scale) over the whole map times its number of features: exp(F / s) / mean(exp(F / s)).

    In fp32 or better; its mean is 1 whatever the features, so that losses keep their scale.
    """
    exponents = precise(features) / scale
    powers = (exponents - exponents.detach().amax()).exp()
    return powers / powers.mean()


class SmoothedExtractor:
    """An extractor whose features are smoothed, content's and style's alike.

    The exponential sees absolute sizes, and those of layers and networks differ by orders of magnitude. So every layer
    is divided by a number of its own, by which the largest activation on one and the same picture of noise becomes
    `PEAK`. It belongs to the network: it depends neither on photo and style nor on the canvas.
    """

    def __init__(self, extractor: FeatureExtractor) -> None:
        """Look at the noise once."""
        self._extractor = extractor
        self.layers = extractor.layers
        """The layers that a call returns, from the shallowest to the deepest."""
        self.device = extractor.device
        with torch.no_grad():
            seen = extractor(pink_noise(_SIDE).to(extractor.device)) if self.layers else {}
            self._scales = {name: max(float(precise(maps).amax()), 1e-6) / PEAK for name, maps in seen.items()}

    def __call__(self, picture: Float[Tensor, "1 3 h w"], *, border: int = 0) -> Features:
        """Return the smoothed features of every layer; see the extractor's own call."""
        return Features(self.layers, self._walk(self._extractor(picture, border=border)))

    def _walk(self, seen: Features) -> Iterator[tuple[str, Float[Tensor, "1 _c _h _w"]]]:
        for name in self.layers:
            yield name, smoothed(seen[name], self._scales[name])


def pink_noise(side: int) -> Float[Tensor, "1 3 {side} {side}"]:
    """Return a colour picture of noise whose amplitudes fall like 1 / frequency, as those of photos do; in [0, 1].

    Always the same one.
    """
    chance = torch.Generator().manual_seed(0)
    spectrum = torch.fft.rfft2(torch.randn(1, 3, side, side, generator=chance))
    down, across = torch.fft.fftfreq(side)[:, None], torch.fft.rfftfreq(side)
    picture: Tensor = torch.fft.irfft2(
        spectrum / (down.square() + across.square()).sqrt().clamp(min=1 / side), s=(side, side)
    )
    return (0.5 + 0.25 / float(picture.std()) * (picture - picture.mean())).clamp(0, 1)

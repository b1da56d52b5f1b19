"""The grain of a style: how much neighbouring pixels differ, in lightness and in hue."""

from typing import Final

import torch
from jaxtyping import Float
from torch import Tensor

_OPPONENT: Final = ((1 / 3, 1 / 3, 1 / 3), (1 / 2, 0.0, -1 / 2), (-1 / 4, 1 / 2, -1 / 4))
"""Lightness, red against blue, green against magenta: nearly independent in pictures, as red, green and blue are not
(Ohta, Kanade and Sakai 1980)."""
_FLOOR: Final = 1.0
"""In squared grey levels: below it a difference of neighbours is no grain but rounding."""


def grain(picture: Float[Tensor, "1 3 h w"]) -> Float[Tensor, "3"]:
    """Return the mean squared difference of neighbours, down plus across, of lightness and two colour differences.

    `picture` is RGB, black being 0 and white 1; the result is in squared grey levels (0..255), and 0 in a direction
    that has no neighbours.
    """
    down, across = picture.diff(dim=2), picture.diff(dim=3)
    return _energy(down) + _energy(across)


def _energy(differences: Float[Tensor, "1 3 h w"]) -> Float[Tensor, "3"]:
    flat = differences.squeeze(0).flatten(1) * 255.0
    # Of the few products of red, green and blue follow those of any mixture of them.
    products = flat @ flat.T / max(flat.shape[1], 1)
    mixtures = torch.tensor(_OPPONENT, dtype=flat.dtype, device=flat.device)
    return ((mixtures @ products) * mixtures).sum(dim=1)


def grain_loss(found: Float[Tensor, "3"], target: Float[Tensor, "3"]) -> Float[Tensor, ""]:
    """Compare two grains by the logarithms of their strengths: mean of (1/2 ln((g + 1) / (t + 1)))^2.

    Near the target that is the squared relative error of the root mean squares; twice as strong costs as much as half
    as strong. In the statistics of network layers the finest scale is a small part of a large sum: a smooth style could
    be painted in coloured speckle, or a crisp one softly. 4 ms at 512 px on one thread.
    """
    return (((found + _FLOOR) / (target + _FLOOR)).log() / 2).square().mean()

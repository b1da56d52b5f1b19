"""What no good picture shows. Each is 0 for the style itself; above 0.01 a fault begins to be seen.

Pictures are RGB in [0, 1]. The style is the measure of what is allowed: a style that is rough, black or grey may make
rough, black or grey pictures.
"""

from typing import Final

import torch
import torch.nn.functional as F  # noqa: N812 (the name everybody knows it by)
from jaxtyping import Float
from torch import Tensor

from impasto.score.style import oklab

Pixels = Float[Tensor, "1 3 _h _w"]

_GREY_CHROMA: Final = 0.02
"""Chroma in Oklab below which a colour is called grey; the most vivid sRGB colours have 0.3."""
_STRIP: Final = 64
"""A border's frame is looked for in the outermost 64th of the shorter side."""


def noise(result: Pixels, style: Pixels) -> float:
    """Return the energy of the finest diagonal detail above the style's own: lower is better, 0 is none.

    Root mean square of the diagonal Haar band (a - b - c + d) / 2 of windows of 2 x 2, which a brush hardly reaches:
    white noise of 8 grey levels adds about 0.03 to a smooth picture. The photo itself scores 0 unless it is sharper
    than the style.
    """
    return max(0.0, _diagonal(result) - _diagonal(style))


def _diagonal(pixels: Pixels) -> float:
    down = pixels[:, :, 1:] - pixels[:, :, :-1]
    return float((down[:, :, :, 1:] - down[:, :, :, :-1]).square().mean().sqrt() / 2)


def grid(result: Pixels, style: Pixels) -> float:
    """Return how much stronger one of two alternating columns or rows is, beyond the style's own: 0 is none.

    |E_even - E_odd| / (E_even + E_odd) of the energies of neighbours' differences, the larger of both directions. A
    picture that was enlarged or pooled badly shows a grid of 2 pixels and scores 0.05 to 0.1; photos 0.003.
    """
    return max(0.0, _alternation(result) - _alternation(style))


def _alternation(pixels: Pixels) -> float:
    shares = []
    for dim in (2, 3):
        energy = pixels.diff(dim=dim).square().sum(dim=[d for d in range(4) if d != dim])
        even, odd = float(energy[::2].mean()), float(energy[1::2].mean())
        shares.append(abs(even - odd) / max(even + odd, 1e-12))
    return max(shares)


def border(result: Pixels, photo: Pixels, style: Pixels) -> float:
    """Return how abruptly the border differs from what lies beside it, beyond photo and style themselves: 0 is none.

    For each side, the outermost strip is compared with the next one: the difference of their mean colours plus that of
    their roughness (root mean square of neighbours' differences), mean over the sides. A frame as zero padding paints
    it scores 0.02 to 0.1; a picture that darkens slowly towards its border scores 0.
    """
    return max(0.0, _frame(result) - max(_frame(photo), _frame(style)))


def _frame(pixels: Pixels) -> float:
    width = max(2, min(pixels.shape[2:]) // _STRIP)
    differences = []
    for turn in range(4):
        side = torch.rot90(pixels, turn, dims=(2, 3))
        outer, inner = side[:, :, :width], side[:, :, width : 2 * width]
        color = (outer.mean(dim=(2, 3)) - inner.mean(dim=(2, 3))).abs().mean()
        differences.append(float(color) + abs(_roughness(outer) - _roughness(inner)))
    return sum(differences) / len(differences)


def _roughness(strip: Pixels) -> float:
    return float(strip.diff(dim=3).square().mean().sqrt())


def clipped(result: Pixels, style: Pixels) -> float:
    """Return the share of the area that is burnt out or drowned, above the style's own: lower is better, 0 is none.

    A place counts if a channel is 0, or is 1, in all of its 3 x 3 neighbourhood. The photo itself scores what it has.
    """
    return max(0.0, _burnt(result) - _burnt(style))


def _burnt(pixels: Pixels) -> float:
    half = 0.5 / 255
    ends = [(pixels < half).float(), (pixels > 1 - half).float()]
    whole = [1 - F.max_pool2d(1 - end, 3, stride=1) for end in ends]
    return float(torch.cat(whole, dim=1).amax(dim=1).mean())


def grey(result: Pixels, style: Pixels) -> float:
    """Return the share of the area that is greyer than the style's: lower is better, 0 is none.

    The share of pixels with a chroma below 0.02 in Oklab, minus the style's own share. The photo itself scores what it
    has of grey.
    """
    return max(0.0, _grey_share(result) - _grey_share(style))


def _grey_share(pixels: Pixels) -> float:
    lab = oklab(pixels)
    return float((lab[:, 1:].square().sum(dim=1).sqrt() < _GREY_CHROMA).float().mean())

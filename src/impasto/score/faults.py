"""Faults: what no good picture shows, how much of it a picture has, and how much of that is too much.

Pictures are RGB in [0, 1]. What the style shows itself is no fault, nor is grain or a frame of the photo. Every fault
is 0 for none; values above 0.01 are visible.
"""

from collections.abc import Mapping
from typing import Final

import numpy as np
from jaxtyping import Float

from impasto.color import to_oklab

_BLOCK: Final = 8
_CALM: Final = 0.25
"""Grain is measured in the smoothest quarter of the picture, where strokes do not hide it."""

_WIDTHS: Final = (1, 2, 4, 8)
_STRIPS: Final = 16
_TOLERANCE: Final = 1.25
"""A quarter more than the style is allowed: shares of an area vary as much from one crop to the next."""

_HALF_A_LEVEL: Final = 0.5 / 255
_GRAY: Final = 0.02
"""Chroma in Oklab below which a color looks gray; the most vivid colors of sRGB have 0.15 to 0.32."""


def levels(picture: Float[np.ndarray, "h w 3"]) -> dict[str, float]:
    """Return how much a picture of at least 16 x 16 px has of everything that may be a fault."""
    return {
        "noise": noise(picture),
        "grid": max(alternation(picture), checkerboard(picture)),
        "border": border(picture),
        "clipped": clipped(picture),
        "gray": gray(picture),
    }


def excess(result: Mapping[str, float], *, photo: Mapping[str, float], style: Mapping[str, float]) -> dict[str, float]:
    """Return the faults of a result from the levels of the pictures: what exceeds what style and photo allow."""
    allowed = {
        "noise": max(photo["noise"], style["noise"]),
        "grid": style["grid"],
        "border": max(photo["border"], style["border"]),
        "clipped": _TOLERANCE * style["clipped"],
        "gray": _TOLERANCE * style["gray"],
    }
    return {name: max(0.0, result[name] - allowed[name]) for name in allowed}


def noise(picture: Float[np.ndarray, "h w 3"]) -> float:
    """Return the grain: the finest diagonal detail in the smooth parts of the picture, as a share of white.

    Root mean square of (a - b - c + d) / 2 over windows of 2 x 2 (the diagonal Haar band, which strokes hardly reach),
    in blocks of 8 x 8 windows; the lower quartile over the blocks. White noise of 8 gray levels scores 0.03 on a smooth
    picture. At 256 px photos score 0.001 to 0.03, the built-in plates 0.02 to 0.05, paintings 0.002 to 0.04.
    """
    down = picture[1:] - picture[:-1]
    diagonal = (down[:, 1:] - down[:, :-1]) / 2
    energy = np.square(diagonal, dtype=np.float64).mean(axis=2)
    tall, wide = (side // _BLOCK for side in energy.shape)
    blocks = energy[: tall * _BLOCK, : wide * _BLOCK].reshape(tall, _BLOCK, wide, _BLOCK).mean(axis=(1, 3))
    return float(np.sqrt(np.quantile(blocks, _CALM)))


def alternation(picture: Float[np.ndarray, "h w 3"]) -> float:
    """Return how much the steps from even to odd columns (or rows) differ from the others, as a share of white.

    The difference of the root mean squares of both kinds of steps, the larger of the two directions. It is large for a
    picture that was doubled in size, or optimized through a network that takes every other pixel. Photos score up to
    0.003, the built-in plates up to 0.008; a picture doubled by interpolation 0.01 more.
    """
    found = []
    for axis in (0, 1):
        steps = np.square(np.diff(picture, axis=axis), dtype=np.float64).mean(axis=(1 - axis, 2))
        found.append(abs(float(np.sqrt(steps[::2].mean()) - np.sqrt(steps[1::2].mean()))))
    return max(found)


def checkerboard(picture: Float[np.ndarray, "h w 3"]) -> float:
    """Return the strength of what repeats every 2 pixels, across, down or diagonally, as a share of white.

    Standard deviation of the pattern: the energy at the ends of the spectrum that exceeds the frequencies around it. A
    checkerboard of +- 4 gray levels scores 0.016. Photos score up to 0.003.
    """
    h, w = picture.shape[:2]
    window = np.hanning(h + 2)[1:-1, None] * np.hanning(w + 2)[1:-1]
    weight = np.square(window).sum() * h * w
    rows, columns = np.abs(np.fft.fftfreq(h))[:, None], np.abs(np.fft.fftfreq(w))[None]
    energy = 0.0
    spectrum = np.zeros((h, w))
    for channel in np.moveaxis(picture, -1, 0):
        spectrum += np.abs(np.fft.fft2((channel - channel.mean()) * window)) ** 2 / weight / 3
    for down, across in ((0.0, 0.5), (0.5, 0.0), (0.5, 0.5)):
        away = np.maximum(np.abs(rows - down), np.abs(columns - across))
        peak, around = away < 1 / 96, (away > 1 / 48) & (away < 1 / 24)
        if around.any():
            energy += max(0.0, float(spectrum[peak].sum() - spectrum[around].mean() * peak.sum()))
    return float(np.sqrt(energy))


def border(picture: Float[np.ndarray, "h w 3"]) -> float:
    """Return how much the outermost strip differs from the next one in color, in units of Oklab.

    The step between the mean colors of the strips, root mean square over the four sides, less 1.25 times the largest
    step between neighboring strips further inside; the largest value for strips of 1, 2, 4 and 8 px. A picture that
    darkens slowly towards its border scores 0, a line along it or a frame as zero padding paints it 0.01 to 0.1. Photos
    score 0; paintings too, unless their reproduction has an edge (up to 0.2).
    """
    lab = to_oklab(picture, np.float32)
    short = min(picture.shape[:2])
    found = 0.0
    for width in _WIDTHS:
        strips = min(_STRIPS, short // (2 * width) - 1)
        if strips < 4:
            break
        squares = np.zeros(strips)
        for turns in range(4):
            side = np.rot90(lab, turns)[: (strips + 1) * width]
            means = side.mean(axis=1, dtype=np.float64).reshape(strips + 1, width, 3).mean(axis=1)
            squares += np.square(np.diff(means, axis=0)).sum(axis=1) / 4
        steps = np.sqrt(squares)
        found = max(found, float(steps[0] - _TOLERANCE * steps[1:].max()))
    return found


def clipped(picture: Float[np.ndarray, "h w 3"]) -> float:
    """Return the share of the area in which a channel is 0, or 255, in a whole neighborhood of 3 x 3 px."""
    lost = np.zeros((picture.shape[0] - 2, picture.shape[1] - 2), dtype=bool)
    for end in (picture < _HALF_A_LEVEL, picture > 1 - _HALF_A_LEVEL):
        across = end[:, :-2] & end[:, 1:-1] & end[:, 2:]
        lost |= (across[:-2] & across[1:-1] & across[2:]).any(axis=2)
    return float(lost.mean())


def gray(picture: Float[np.ndarray, "h w 3"]) -> float:
    """Return the share of the area with a chroma below 0.02 in Oklab."""
    lab = to_oklab(picture, np.float32)
    return float((np.hypot(lab[..., 1], lab[..., 2]) < _GRAY).mean())

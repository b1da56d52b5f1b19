"""Cuts: where one scene ends and the next begins, found in small copies of the frames while they are decoded."""

from collections import deque
from collections.abc import Iterable, Iterator
from statistics import median
from typing import Final, NamedTuple

import numpy as np
from jaxtyping import Float

THUMBNAIL: Final = 64
"""Long side in pixels of the copies in which cuts are looked for."""
_LEAST: Final = 0.3
"""Differences below are never cuts."""
_TIMES: Final = 3.0
"""So many times as different as the frames around it are a cut's two frames."""
_AROUND: Final = 6
"""Frames before and after with which a difference is compared."""
_FLASH: Final = 3
"""A picture that is back after so many frames at most was interrupted by a flash."""
_BACK: Final = 0.5
"""A picture is back if it differs by less than this share of what the cut does."""
_BINS: Final = 6


class _Look(NamedTuple):
    """What is compared of a frame: a histogram of colors, and the spectrum of its lightness."""

    colors: np.ndarray
    spectrum: np.ndarray
    shape: tuple[int, int]


def find_cuts(thumbnails: Iterable[Float[np.ndarray, "h w 3"]]) -> Iterator[int]:
    """Yield the numbers, from 0, of the frames that begin a scene, except for the first frame.

    Two frames differ as much as both their colors do and their shapes, wherever these have moved to: a light that goes
    on changes colors only, a fast pan shapes only. A cut is a difference that is large, much larger than those of the
    frames around, and not undone a few frames later, as that of a flash is.

    Args:
        thumbnails: Small copies of the frames, all of one size; a few of them are kept at a time.

    Example:
        >>> first, second = np.random.default_rng(0).random((2, 36, 64, 3), np.float32) * [[[[0.5]]], [[[1.0]]]]
        >>> list(find_cuts([first] * 9 + [second] * 9))
        [9]
    """
    looks: deque[_Look] = deque(maxlen=_AROUND + _FLASH + 2)
    differences: deque[float] = deque(maxlen=2 * _AROUND + 1)
    count = 0
    # At frame n it is decided about frame n - _AROUND; after the last one about those that are left.
    for look in map(_look, thumbnails):
        differences.append(difference(looks[-1], look) if looks else 0.0)
        looks.append(look)
        count += 1
        if count > _AROUND and _is_cut(looks, differences, _AROUND):
            yield count - 1 - _AROUND
    for after in range(min(_AROUND, count) - 1, -1, -1):
        if _is_cut(looks, differences, after):
            yield count - 1 - after


def _is_cut(looks: deque[_Look], differences: deque[float], after: int) -> bool:
    """Return True if a scene begins with the frame that has `after` frames behind it."""
    place = len(differences) - 1 - after
    here = differences[place]
    around = [value for at, value in enumerate(differences) if at != place and abs(at - place) <= _AROUND]
    if here < max(_LEAST, _TIMES * median(around or [0.0])):
        return False
    first = len(looks) - 1 - after
    before = [looks[at] for at in range(max(0, first - 1 - _FLASH), first)]
    behind = [looks[at] for at in range(first, min(len(looks), first + 1 + _FLASH))]
    # A flash is undone by what comes later, and its end by what was there earlier.
    pairs = [(one, behind[0]) for one in before[:-1]] + [(before[-1], other) for other in behind[1:]]
    return all(difference(*pair) > _BACK * here for pair in pairs)


def difference(one: _Look, other: _Look) -> float:
    """Return how different two frames are, from 0 to 1."""
    colors = float(np.abs(one.colors - other.colors).sum()) / 2
    # The largest of the correlations at all shifts.
    correlation = np.fft.irfft2(one.spectrum * other.spectrum.conj(), one.shape)
    shapes = 1 - float(correlation.max().clip(0, 1))
    return float(np.sqrt(colors * shapes))


def _look(pixels: Float[np.ndarray, "h w 3"]) -> _Look:
    bins = (pixels * (_BINS - 1e-3)).astype(np.int64)
    numbers = bins @ np.array([_BINS**2, _BINS, 1])
    colors = np.bincount(numbers.ravel(), minlength=_BINS**3) / numbers.size
    gray = pixels.mean(axis=2) - pixels.mean()
    size = float(np.sqrt((gray**2).sum()))
    # Frames without any shape, black ones above all, are alike.
    spectrum = np.fft.rfft2(gray / size) if size > 1e-3 * gray.size**0.5 else np.zeros_like(np.fft.rfft2(gray))
    return _Look(colors, spectrum, gray.shape)

"""How large a picture must be for a network."""

from collections.abc import Callable
from typing import Final

from impasto.errors import InputError

LARGEST_SIDE: Final = 2048
"""A network that sees nothing in a picture of this side has no such layer."""


def smallest_side(works: Callable[[int], bool]) -> int:
    """Return the smallest side from 1 to `LARGEST_SIDE` for which `works` is true, found by halving the interval.

    A side that works is taken to be followed by such only. `LARGEST_SIDE` + 1 if none works.

    >>> smallest_side(lambda side: side >= 37)
    37
    """
    low, high = 1, LARGEST_SIDE + 1
    step = 16
    while step < high and not works(step):
        low, step = step + 1, 2 * step
    high = min(step, high)
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if works(middle) else (middle + 1, high)
    return low


def too_small(width: int, height: int, layer: str, smallest: int) -> InputError:
    """Return the error for a picture of `width` x `height` px in which a layer has too little to see."""
    return InputError(
        f"{width} x {height} px is too small for {layer}, which needs both sides to be at least {smallest} px: "
        "choose a larger size, fewer levels or shallower layers"
    )

"""impasto paints a photograph in the style of any picture, by optimising its pixels (Gatys, Ecker, Bethge 2015).

>>> import impasto
>>> result = impasto.stylize("photo.jpg", "night", size=256)  # doctest: +SKIP
>>> result.save("painted.png")  # doctest: +SKIP
"""

from importlib import import_module
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    __version__: str
    from impasto.api import (
        Mask,
        Recolored,
        Region,
        Result,
        Run,
        Style,
        recolor,
        resume,
        start,
        stylize,
        subject_mask,
    )
    from impasto.errors import ImpastoError, InputError, RunError
    from impasto.events import Event, Finished, LevelStarted, Notice, Snapshot, Step
    from impasto.recipe import PRESETS, Recipe

__all__ = [
    "PRESETS",
    "Event",
    "Finished",
    "ImpastoError",
    "InputError",
    "LevelStarted",
    "Mask",
    "Notice",
    "Recipe",
    "Recolored",
    "Region",
    "Result",
    "Run",
    "RunError",
    "Snapshot",
    "Step",
    "Style",
    "__version__",
    "recolor",
    "resume",
    "start",
    "stylize",
    "subject_mask",
]

_HOMES = {
    "impasto.api": (
        "Mask",
        "Recolored",
        "Region",
        "Result",
        "Run",
        "Style",
        "recolor",
        "resume",
        "start",
        "stylize",
        "subject_mask",
    ),
    "impasto.errors": ("ImpastoError", "InputError", "RunError"),
    "impasto.events": ("Event", "Finished", "LevelStarted", "Notice", "Snapshot", "Step"),
    "impasto.recipe": ("PRESETS", "Recipe"),
}


def __getattr__(name: str) -> Any:
    """Load what is asked for when it is asked for: the command line's help needs no torch."""
    if name == "__version__":
        return version("impasto")
    for home, names in _HOMES.items():
        if name in names:
            return getattr(import_module(home), name)
    raise AttributeError(f"module 'impasto' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__

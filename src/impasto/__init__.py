"""impasto paints a photo in the style of another picture by optimizing its pixels (Gatys, Ecker, Bethge 2015).

>>> import impasto
>>> result = impasto.stylize("photo.jpg", "night", size=256)  # doctest: +SKIP
>>> result.save("painted.png")  # doctest: +SKIP
"""

import os
import sys
from importlib import import_module
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    __version__: str
    from impasto.api import (
        Mask,
        Recolored,
        Region,
        Result,
        Run,
        Session,
        Style,
        recolor,
        resume,
        start,
        stylize,
        subject_mask,
    )
    from impasto.errors import ImpastoError, InputError, RunError
    from impasto.events import Event, Finished, LevelStarted, Notice, Snapshot, Step
    from impasto.losses import StyleLoss, register_style_loss
    from impasto.recipe import PRESETS, Recipe

if "torch" not in sys.modules and "OMP_WAIT_POLICY" not in os.environ:
    # OpenMP's threads wait for each other by spinning, for a long time unless told otherwise. Where other programs use
    # the cores too, that makes two threads several times slower than one; a short spin costs a free machine nothing.
    os.environ.setdefault("GOMP_SPINCOUNT", "1000")

_MODULES: Final = {
    "impasto.api": (
        "Mask",
        "Recolored",
        "Region",
        "Result",
        "Run",
        "Session",
        "Style",
        "recolor",
        "resume",
        "start",
        "stylize",
        "subject_mask",
    ),
    "impasto.errors": ("ImpastoError", "InputError", "RunError"),
    "impasto.events": ("Event", "Finished", "LevelStarted", "Notice", "Snapshot", "Step"),
    "impasto.losses": ("StyleLoss", "register_style_loss"),
    "impasto.recipe": ("PRESETS", "Recipe"),
}

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
    "Session",
    "Snapshot",
    "Step",
    "Style",
    "StyleLoss",
    "__version__",
    "recolor",
    "register_style_loss",
    "resume",
    "start",
    "stylize",
    "subject_mask",
]


def __getattr__(name: str) -> Any:
    """Load a name when it is first used: the help of the command line needs no torch."""
    if name == "__version__":
        return version("impasto")
    for module, names in _MODULES.items():
        if name in names:
            return getattr(import_module(module), name)
    raise AttributeError(f"module 'impasto' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__

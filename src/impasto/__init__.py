"""impasto paints a photo in the style of another picture by optimizing its pixels (Gatys, Ecker, Bethge 2015).

>>> import impasto
>>> result = impasto.stylize("photo.jpg", "night", size=256)  # doctest: +SKIP
>>> result.save("painted.png")  # doctest: +SKIP
"""

import os
import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    __version__: str
    from impasto.api import (
        Mask,
        Parts,
        Recolored,
        Region,
        Result,
        Run,
        Session,
        Style,
        matched_parts,
        preview,
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


def _spin_count() -> str:
    """Return how often an OpenMP thread looks for work before it sleeps: seldom where other programs need the cores.

    A thread that spins for long takes the core from whoever else computes, which makes two threads several times slower
    than one; a short spin costs a free machine a quarter of its speed (benchmarks/busy.py).
    """
    try:
        with open("/proc/loadavg") as file:
            others = int(file.read().split()[3].partition("/")[0]) - 1
        free = (os.cpu_count() or 1) - others
        return "10000" if free >= len(os.sched_getaffinity(0)) else "1000"
    except (OSError, AttributeError, LookupError, ValueError):  # not Linux
        return "1000"


def _ask_for_every_thread() -> None:
    """Let OpenMP give as many threads as are asked for: with fewer, torch's libraries compute only a part.

    A limit that the user has set becomes the number of threads that are asked for.
    """
    os.environ["OMP_DYNAMIC"] = "false"
    limit = os.environ.pop("OMP_THREAD_LIMIT", "").strip()
    if limit.isdecimal() and int(limit):
        own = os.environ.get("OMP_NUM_THREADS", "").partition(",")[0].strip()
        asked = int(own) if own.isdecimal() and int(own) else os.cpu_count() or 1
        os.environ["OMP_NUM_THREADS"] = str(min(asked, int(limit)))


def _is_intel() -> bool:
    try:
        with open("/proc/cpuinfo") as file:
            return "GenuineIntel" in file.read(200)
    except (OSError, ValueError):  # not Linux
        return False


if "torch" not in sys.modules:
    _ask_for_every_thread()
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ.setdefault("GOMP_SPINCOUNT", _spin_count())
# oneDNN keeps the code of so many operations, up to a megabyte each, and reads this when it first computes. A picture
# needs fewer; its own 1024 became half a gigabyte in a film, where the sizes of regions differ from frame to frame.
os.environ.setdefault("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "200")
# Torch takes large maps in huge pages of Linux and reads this when it first allocates. A picture in tiles gives each
# map back; to clear them page by page was a third of the processor time of a poster.
os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")
if _is_intel():
    # MKL reads this when it first computes, and its products do not depend on the number of threads then. On other
    # processors they would begin to.
    os.environ.setdefault("MKL_CBWR", "AUTO,STRICT")

_MODULES: Final = {
    "impasto.api": (
        "Learned",
        "Mask",
        "Parts",
        "Recolored",
        "Region",
        "Result",
        "Run",
        "Session",
        "Style",
        "learn",
        "matched_parts",
        "preview",
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
    "Learned",
    "LevelStarted",
    "Mask",
    "Notice",
    "Parts",
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
    "learn",
    "matched_parts",
    "preview",
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
        return import_module("importlib.metadata").version("impasto")
    for module, names in _MODULES.items():
        if name in names:
            return getattr(import_module(module), name)
    raise AttributeError(f"module 'impasto' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__

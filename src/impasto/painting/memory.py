"""How much memory a level takes, and the tiles and the history with which it stays within a limit."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from impasto.backbones import FeatureExtractor
from impasto.errors import InputError
from impasto.losses import kept_features
from impasto.painting.pyramid import Level
from impasto.painting.scene import Scene
from impasto.recipe import Recipe, memory_text

SMALLEST_TILE: Final = 128**2
"""Pixels of the smallest tile: below, most of the work would be done for the windows."""
_TILES: Final = tuple(side**2 for side in (1024, 768, 512))
"""Pixels of tiles: beyond the largest, windows hardly cost anything, and memory grows."""
_FEWEST_PAIRS: Final = 2
"""Pairs below which the history of L-BFGS is not shortened; Adam's moments take as much."""

# Measured by benchmarks/tiles.py.
_PROCESS: Final = 0.55e9
"""Bytes of the process with a network, before a picture is painted."""
_PICTURES: Final = 12
"""Pictures of a level in fp32 that are in memory at once: the canvas, what it is compared with, what the optimizer
computes."""
_SCENE: Final = 8
"""Pictures of the size of the result in fp32, which are in memory at every level."""
_MAPS: Final = 650
"""Numbers that a pixel takes in the features of a tile and their gradients."""
_WHOLE_MAPS: Final = 270
"""The same where a large picture is evaluated as a whole, its first block in chunks."""
_STYLE_MAPS: Final = 320
"""The same in the features of a style image that is measured as a whole."""
_CHUNKED: Final = 2**20
"""Pixels above which that is done."""


@dataclass(frozen=True)
class MemoryPlan:
    """How a level is painted within a limit.

    `tile` is about the number of pixels of its tiles, None: it is evaluated as a whole. `history` is the number of
    pairs that L-BFGS keeps. `peak` is the memory of the process in bytes, about.
    """

    tile: int | None
    history: int
    peak: float

    @property
    def notice(self) -> str:
        """What is said of a level that is painted in tiles."""
        side = round((self.tile or 0) ** 0.5)
        return f"painted in tiles of about {side} x {side} px, which takes longer but less memory"

    def halved(self, level: Level) -> "MemoryPlan | None":
        """Return a plan with tiles of half the size; None if they are too small for that."""
        tile = (self.tile or level.width * level.height) // 2
        return replace(self, tile=tile) if tile >= SMALLEST_TILE else None


def has_tiles(recipe: Recipe, extractor: FeatureExtractor) -> bool:
    """Return True if the features of a tile do not depend on the whole picture."""
    return bool(extractor.reach) and not recipe.network.smooths


def plan_run(
    recipe: Recipe, extractor: FeatureExtractor, scene: Scene, levels: Sequence[Level]
) -> tuple[MemoryPlan, ...]:
    """Return how every level is painted, see `plan_memory`; `scene` has any size."""
    # The finest level first: it needs most, and an error says how much.
    plans = [plan_memory(recipe, extractor, level, scene.style_pixels(level)) for level in reversed(levels)]
    return tuple(reversed(plans))


def plan_memory(recipe: Recipe, extractor: FeatureExtractor, level: Level, style: int = 0) -> MemoryPlan:
    """Return how a level is painted in the memory that the recipe allows; as a whole if it sets no limit.

    The result depends on nothing but the arguments, so that a resumed run has the same tiles.

    Args:
        recipe: The limit, the losses and the optimizer.
        extractor: The network.
        level: The level.
        style: Pixels of the largest style image at the level.

    Raises:
        InputError: The limit is too small for the smallest tile.
    """
    limit = recipe.hardware.memory_limit
    if limit is None:
        return MemoryPlan(None, min(recipe.optimizer.history, level.steps), math.inf)
    plans = list(_plans(recipe, extractor, level, style))
    fitting = next((plan for plan in plans if plan.peak <= limit), None)
    if fitting is None:
        least = memory_text(plans[-1].peak)
        size = f"{level.width} x {level.height} px"
        raise InputError(f"{recipe.hardware.max_memory} is too little for {size}: --max-memory {least} would do")
    return fitting


def peak_memory(recipe: Recipe, extractor: FeatureExtractor, level: Level, style: int, plan: MemoryPlan) -> float:
    """Return the memory of the process in bytes, about, while a level is painted as planned."""
    return plan.peak if math.isfinite(plan.peak) else next(_plans(recipe, extractor, level, style)).peak


def _plans(recipe: Recipe, extractor: FeatureExtractor, level: Level, style: int) -> Iterator[MemoryPlan]:
    """Yield the ways to paint a level, from the fastest to the one that takes the least memory."""
    pixels = level.width * level.height
    exact = 2 if recipe.hardware.precision == "bf16" else 4
    # More pairs than steps are never filled.
    most = min(recipe.optimizer.history, level.steps)
    fewest = min(most, _FEWEST_PAIRS)
    largest = max(pixels, style)
    kept = _PROCESS + 12 * _SCENE * largest * level.reduction**2
    kept += largest * (12 * _PICTURES + exact * kept_features(recipe, extractor))
    of_pair = pixels * 2 * 3 * exact
    maps = _MAPS if pixels <= _CHUNKED else _WHOLE_MAPS
    yield MemoryPlan(None, most, kept + max(most * of_pair + exact * maps * pixels, exact * _STYLE_MAPS * style))
    if not has_tiles(recipe, extractor):
        return
    tiles = [tile for tile in _TILES if tile < pixels]
    for tile, history in [*((tile, most) for tile in tiles), *((tile, fewest) for tile in (*tiles, SMALLEST_TILE))]:
        yield MemoryPlan(tile, history, kept + history * of_pair + exact * _MAPS * tile)

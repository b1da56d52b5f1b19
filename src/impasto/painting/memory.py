"""How much memory a level takes, and the tiles and the history with which it stays within a limit."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from impasto.backbones import FeatureExtractor, processes
from impasto.errors import InputError
from impasto.losses import kept_features
from impasto.painting.pyramid import Level, recipe_at
from impasto.painting.scene import Scene
from impasto.recipe import Recipe, memory_text

SMALLEST_TILE: Final = 128**2
"""Pixels of the smallest tile: below, most of the work would be done for the windows."""
_TILES: Final = tuple(side**2 for side in (1024, 768, 512))
"""Pixels of tiles: beyond the largest, windows hardly cost anything, and memory grows."""
_FEW_PAIRS: Final = 2
"""Pairs below which the history of L-BFGS is shortened only if nothing else helps; Adam's moments take as much."""

# Measured by benchmarks/tiles.py.
_PROCESS: Final = 0.55e9
"""Bytes of the process with a network, before a picture is painted."""
_KEPT: Final = 0.9
"""What the heap holds beside what is needed, as a share of it, where no limit is set and freed memory is kept."""
_MOST_KEPT: Final = 0.9e9
"""Most bytes of it: large pieces are found again."""
_PICTURES: Final = 5.4
"""Pictures of a level in fp32 that are in memory at once: photo, its saliency, canvas, trial, both gradients."""
_WHOLE_PICTURES: Final = 12
"""The same where a picture is evaluated as a whole, so that its losses are, too."""
_SCENE: Final = 3
"""Pictures of the size of the result in fp32, which are in memory at every level: the photo, and it in other colors."""
_STYLE: Final = 2.2
"""Pictures of the size of a style image in fp32 that are in memory while it is measured."""
_BEGUN: Final = 2
"""Pictures of the size of the result in fp32 that are in memory meanwhile."""
_PICTURE: Final = 12
"""Bytes of a pixel in fp32."""
_MAPS: Final = 650
"""Numbers that a pixel takes in the features of a tile and their gradients."""
_WHOLE_MAPS: Final = 290
"""The same where a picture is evaluated as a whole, its first block in chunks, which have no windows."""
_PHOTO_MAPS: Final = 150
"""The same in the photo's features of a tile, if they are computed again."""
_STATISTICS: Final = 1.8e6
"""Bytes of the statistics of a tile; as many belong to their gradients."""
_STYLE_MAPS: Final = 320
"""The same in the features of a style image that is measured as a whole."""


@dataclass(frozen=True)
class MemoryPlan:
    """How a level is painted within a limit.

    `tile` is about the number of pixels of its tiles, None: it is evaluated as a whole. `history` is the number of
    pairs that L-BFGS keeps. `peak` is the memory of the process in bytes, about. `recompute`: the photo's features are
    computed again in every step.
    """

    tile: int | None
    history: int
    peak: float
    recompute: bool = False

    @property
    def notice(self) -> str:
        """What is said of a level that is painted in tiles."""
        side = round((self.tile or 0) ** 0.5)
        again = ", and the photo's features computed in every step" if self.recompute else ""
        if processes.count > 1:
            return f"painted by {processes.count} processes in tiles of about {side} x {side} px{again}"
        return f"painted in tiles of about {side} x {side} px{again}, which takes longer but less memory"

    def halved(self, level: Level) -> "MemoryPlan | None":
        """Return a plan with tiles of half the size; None if they are too small for that."""
        tile = (self.tile or level.width * level.height) // 2
        return replace(self, tile=tile) if tile >= SMALLEST_TILE else None

    def divided(self, level: Level, count: int) -> "MemoryPlan":
        """Return a plan with a tile for each of `count` processes, if the level is large enough for that."""
        tile = -(-level.width * level.height // count)
        return replace(self, tile=tile) if SMALLEST_TILE <= tile < (self.tile or math.inf) else self


def has_tiles(recipe: Recipe, extractor: FeatureExtractor) -> bool:
    """Return True if the features of a tile do not depend on the whole picture."""
    return bool(extractor.reach) and not recipe.network.smooths


def plan_run(
    recipe: Recipe, extractor: FeatureExtractor, scene: Scene, levels: Sequence[Level]
) -> tuple[MemoryPlan, ...]:
    """Return how every level is painted, see `plan_memory`; `scene` has any size."""
    # The finest level first: it needs most, and an error says how much.
    plans = [plan_memory(recipe, extractor, level, scene.style_pixels(level)) for level in reversed(levels)]
    if processes.count > 1 and has_tiles(recipe, extractor):
        divided = [plan.divided(level, processes.count) for plan, level in zip(plans, reversed(levels), strict=True)]
        plans = processes.agree_on(divided)
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
    recipe = recipe_at(recipe, level, extractor)
    limit = recipe.hardware.memory_limit
    if limit is None:
        return MemoryPlan(None, _most_pairs(recipe, level), math.inf)
    plans = list(_plans(recipe, extractor, level, style))
    fitting = next((plan for plan in plans if plan.peak <= limit), None)
    if fitting is None:
        least = memory_text(min(plan.peak for plan in plans))
        size = f"{level.width} x {level.height} px"
        raise InputError(f"{recipe.hardware.max_memory} is too little for {size}: --max-memory {least} would do")
    return fitting


def peak_memory(recipe: Recipe, extractor: FeatureExtractor, level: Level, style: int, plan: MemoryPlan) -> float:
    """Return the memory of the process in bytes, about, while a level is painted as planned."""
    if math.isfinite(plan.peak):
        return plan.peak
    needed = next(_plans(recipe_at(recipe, level, extractor), extractor, level, style)).peak
    return needed + min(_KEPT * (needed - _PROCESS), _MOST_KEPT)


def _plans(recipe: Recipe, extractor: FeatureExtractor, level: Level, style: int) -> Iterator[MemoryPlan]:
    """Yield the ways to paint a level, from the fastest to the one that takes the least memory."""
    pixels = level.width * level.height
    exact = 2 if recipe.hardware.precision == "bf16" else 4
    most = _most_pairs(recipe, level)
    few = min(most, _FEW_PAIRS)
    filled = max(0, level.steps - 1)
    of_pair = pixels * 2 * 3 * exact if recipe.optimizer.name == "lbfgs" else 0
    targets, positions = (exact * count * pixels for count in kept_features(recipe, extractor))
    scene = _PICTURE * pixels * level.reduction**2
    pictures = _PICTURE * pixels * (recipe.optimizer.keep_best + (recipe.optimizer.name == "adam"))
    whole = _SCENE * scene + _WHOLE_PICTURES * _PICTURE * pixels + pictures + targets + positions
    styles = _BEGUN * scene + _STYLE * _PICTURE * style
    computed = max(most * of_pair + exact * _WHOLE_MAPS * pixels, exact * _STYLE_MAPS * style)
    yield MemoryPlan(None, most, _PROCESS + whole + computed)
    if not has_tiles(recipe, extractor):
        return
    # At the finest level the photo is one of the pictures.
    level_pictures = (_SCENE * scene if level.above else 0) + _PICTURES * _PICTURE * pixels + pictures + positions
    tiles = [tile for tile in _TILES if tile < pixels]
    plans = [(tile, most, False) for tile in tiles]
    ways = [(few, False), (few, True), (1, True)]
    plans += [(tile, pairs, recompute) for pairs, recompute in ways for tile in (*tiles, SMALLEST_TILE)]
    for tile, history, recompute in plans:
        kept = level_pictures + min(history, filled) * of_pair + (0 if recompute else targets)
        # While targets are restyled, the photo's own features are there, too.
        begun = max(styles, _BEGUN * scene + (0 if recompute else 2 * targets))
        statistics = 2 * _STATISTICS * pixels / tile
        computed = exact * (_MAPS + recompute * _PHOTO_MAPS) * tile
        yield MemoryPlan(tile, history, _PROCESS + max(kept, begun) + statistics + computed, recompute)


def _most_pairs(recipe: Recipe, level: Level) -> int:
    """Return how many pairs are kept if there is memory: no more than a level fills before its last step."""
    return min(recipe.optimizer.history, max(1, level.steps - 1))

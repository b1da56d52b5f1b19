"""How long painting takes, estimated from a few steps at two small sizes."""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Annotated, Final, NamedTuple, TypeVar

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict, Field

from impasto.backbones import FeatureExtractor
from impasto.images import resize
from impasto.losses import Tiling, needed_layers
from impasto.painting.level import LevelOptimizer
from impasto.painting.matching import match_scene
from impasto.painting.memory import MemoryPlan
from impasto.painting.pyramid import Level, recipe_at
from impasto.painting.scene import CanvasRegion, Scene, StyleImage
from impasto.recipe import Recipe

_SIDES: Final = (96, 320)
"""Sides in pixels of the pictures that are painted."""
_STEPS: Final = 3
_TWO_PASSES: Final = 1.5
"""What a step in tiles takes, in steps of the same number of pixels as a whole: features are computed twice."""
_RECOMPUTED: Final = 0.5
"""What it takes besides if the photo's features are computed again."""
_LAST: Final = 0.4
"""What the loss of the finished picture takes, in steps."""

Result = TypeVar("Result")
Seconds = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class LevelCost(NamedTuple):
    """Seconds that the preparation of a level and each of its steps take, about."""

    preparation: float
    step: float


class Speed(BaseModel):
    """Seconds that a step and the preparation of a level take, whatever their size and for each pixel.

    `fine_pixel` is what a step takes for a pixel at the finest of several levels.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    step: Seconds
    step_pixel: Seconds
    fine_pixel: Seconds
    level: Seconds
    level_pixel: Seconds
    matching: Seconds
    """Of the photo with the styles."""

    def seconds(self, levels: Sequence[Level], costs: Sequence[LevelCost]) -> float:
        """Return about how long it takes to paint levels of these costs, the finest one last."""
        painted = (cost.preparation + level.steps * cost.step for level, cost in zip(levels, costs, strict=True))
        return self.matching + math.fsum(painted) + _LAST * costs[-1].step

    def costs(
        self, recipe: Recipe, levels: Sequence[Level], plans: Sequence[MemoryPlan], extractor: FeatureExtractor
    ) -> tuple[LevelCost, ...]:
        """Return what each level costs."""
        found = []
        for level, plan in zip(levels, plans, strict=True):
            pixels, passes = float(level.width * level.height), 1.0
            if plan.tile is not None:
                layers = needed_layers(recipe_at(recipe, level, extractor))
                tiles = Tiling(extractor, level.height, level.width, plan.tile, layers=layers).tiles
                sizes = [[span.window.stop - span.window.start for span in tile] for tile in tiles]
                pixels = float(sum(height * width for height, width in sizes))
                passes = _TWO_PASSES + _RECOMPUTED * plan.recompute
            rate = self.step_pixel if level.above or not level.below else self.fine_pixel
            preparation = self.level + passes * self.level_pixel * pixels
            found.append(LevelCost(preparation, self.step + passes * rate * pixels))
        return tuple(found)


def measure_speed(recipe: Recipe, extractor: FeatureExtractor) -> Speed:
    """Paint a few steps at two sizes and return how fast that was."""
    recipe = recipe.with_changes(max_memory=None, regions=(), init="content")
    noise = np.random.default_rng(0).random((40, 40, 3), dtype=np.float32)
    picture = resize(noise, max(_SIDES), max(_SIDES))
    style = StyleImage(pixels=picture[::-1].copy())
    scene = Scene(content=picture, regions=(CanvasRegion(styles=(style,)),))
    levels = [Level(side, side, _STEPS, 0) for side in _SIDES]
    matching = 0.0
    if recipe.style.matching:
        match = partial(match_scene, scene, extractor, levels[-1:], strength=recipe.style.matching)
        matching, scene = _timed(match)
    found = [_of_level(recipe, extractor, scene, level) for level in levels]
    small, large = (side**2 for side in _SIDES)
    rates = [max(0.0, (after - before) / (large - small)) for before, after in zip(*found, strict=True)]
    fixed = [max(0.0, before - rate * small) for before, rate in zip(found[0], rates, strict=True)]
    fine, _ = _of_level(recipe, extractor, scene, replace(levels[-1], below=1))
    return Speed(
        step=fixed[0],
        step_pixel=rates[0],
        fine_pixel=max(0.0, (fine - fixed[0]) / large),
        level=fixed[1],
        level_pixel=rates[1],
        matching=matching,
    )


def _of_level(recipe: Recipe, extractor: FeatureExtractor, scene: Scene, level: Level) -> tuple[float, float]:
    """Return the seconds of a step and of the preparation of a level."""
    prepared, optimizer = _timed(lambda: LevelOptimizer(recipe, scene.at(level), extractor, level))
    # The fastest: what else the machine does only adds to it.
    return min(_timed(optimizer.advance)[0] for _ in range(_STEPS)), prepared


def _timed(function: Callable[[], Result]) -> tuple[float, Result]:
    """Return the seconds that a function takes, and its result."""
    began = time.perf_counter()
    result = function()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter() - began, result

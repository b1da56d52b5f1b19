"""Optimizing pixels: canvas, optimizers, levels and the loop."""

from impasto.painting.eta import Eta, clock
from impasto.painting.level import LevelOptimizer, TargetCache
from impasto.painting.matching import match_scene, matched_parts
from impasto.painting.memory import MemoryPlan, peak_memory, plan_memory, plan_run
from impasto.painting.painter import CHANGEABLE, Painter, Position, check_change
from impasto.painting.pyramid import Level, plan_levels
from impasto.painting.scene import CanvasRegion, Earlier, Scene, StyleImage
from impasto.painting.speed import LevelCost, Speed, measure_speed

__all__ = [
    "CHANGEABLE",
    "CanvasRegion",
    "Earlier",
    "Eta",
    "Level",
    "LevelCost",
    "LevelOptimizer",
    "MemoryPlan",
    "Painter",
    "Position",
    "Scene",
    "Speed",
    "StyleImage",
    "TargetCache",
    "check_change",
    "clock",
    "match_scene",
    "matched_parts",
    "measure_speed",
    "peak_memory",
    "plan_levels",
    "plan_memory",
    "plan_run",
]

"""Optimizing pixels: canvas, optimizers, levels and the loop."""

from impasto.painting.eta import Eta, clock
from impasto.painting.level import LevelOptimizer, TargetCache
from impasto.painting.matching import match_scene, matched_parts
from impasto.painting.painter import CHANGEABLE, Painter, Position, check_change
from impasto.painting.pyramid import Level, plan_levels
from impasto.painting.scene import CanvasRegion, Scene, StyleImage

__all__ = [
    "CHANGEABLE",
    "CanvasRegion",
    "Eta",
    "Level",
    "LevelOptimizer",
    "Painter",
    "Position",
    "Scene",
    "StyleImage",
    "TargetCache",
    "check_change",
    "clock",
    "match_scene",
    "matched_parts",
    "plan_levels",
]

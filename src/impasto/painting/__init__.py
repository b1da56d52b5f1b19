"""How the picture comes about: canvas, optimisers, levels and the loop."""

from impasto.painting.engine import CHANGEABLE, Painter
from impasto.painting.pyramid import Level, plan_levels
from impasto.painting.stage import Scene

__all__ = ["CHANGEABLE", "Level", "Painter", "Scene", "plan_levels"]

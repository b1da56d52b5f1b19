"""How the picture comes about: canvas, optimisers, levels and the loop."""

from impasto.painting.engine import CHANGEABLE, Painter
from impasto.painting.pyramid import Level, plan_levels
from impasto.painting.scene import Area, Scene, StyleImage

__all__ = ["CHANGEABLE", "Area", "Level", "Painter", "Scene", "StyleImage", "plan_levels"]

"""What the artist decides before the network sees anything."""

from impasto.control.color import recolor
from impasto.control.importance import importance

__all__ = ["importance", "recolor"]

"""What the artist decides before the network sees anything."""

from impasto.control.color import recolor

__all__ = ["recolor"]

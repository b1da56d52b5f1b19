"""What the artist decides before the network sees anything."""

from impasto.control.color import recolor
from impasto.control.importance import importance
from impasto.control.lightness import lightness_only
from impasto.control.modes import chroma_share, color_inputs, finish_colors
from impasto.control.subject import AUTOMATIC, AutomaticMask, automatic_mask, subject_mask

__all__ = [
    "AUTOMATIC",
    "AutomaticMask",
    "automatic_mask",
    "chroma_share",
    "color_inputs",
    "finish_colors",
    "importance",
    "lightness_only",
    "recolor",
    "subject_mask",
]

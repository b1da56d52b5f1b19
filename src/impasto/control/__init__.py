"""What the artist decides before the network sees anything."""

from impasto.control.color import Colors, colors_of, mixed_colors, recolor
from impasto.control.importance import importance
from impasto.control.lightness import lightness_only
from impasto.control.masks import mask_of, resize_mask, share_out
from impasto.control.modes import chroma_share, finish_colors, painted_photo, teaching_style
from impasto.control.subject import AUTOMATIC, AutomaticMask, automatic_mask, subject_mask

__all__ = [
    "AUTOMATIC",
    "AutomaticMask",
    "Colors",
    "automatic_mask",
    "chroma_share",
    "colors_of",
    "finish_colors",
    "importance",
    "lightness_only",
    "mask_of",
    "mixed_colors",
    "painted_photo",
    "recolor",
    "resize_mask",
    "share_out",
    "subject_mask",
    "teaching_style",
]

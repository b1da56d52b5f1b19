"""Colors of photo and style: linear color transfer, OKLab, and the color modes of a recipe."""

from impasto.color.modes import finish_colors, photo_for_network, style_for_network
from impasto.color.oklab import lightness_only, to_oklab
from impasto.color.transfer import Colors, colors_of, mixed_colors, recolor

__all__ = [
    "Colors",
    "colors_of",
    "finish_colors",
    "lightness_only",
    "mixed_colors",
    "photo_for_network",
    "recolor",
    "style_for_network",
    "to_oklab",
]

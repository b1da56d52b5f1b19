"""The recipe: every choice of a run, presets, reading and writing.

`Recipe()` is the preset `default`. Loading this room loads neither torch nor numpy, so that `--help` is instant.
"""

from impasto.recipe.fields import (
    INITS,
    CanvasKind,
    ColorMap,
    ColorMode,
    DeviceName,
    Normalization,
    OptimizerName,
    Padding,
    Pooling,
    Precision,
    Smoothing,
)
from impasto.recipe.model import Recipe, describe
from impasto.recipe.presets import PRESET_PURPOSES, PRESETS
from impasto.recipe.regions import KEEP, read_region, read_style
from impasto.recipe.resolve import check_balance, read_recipe, resolve

__all__ = [
    "INITS",
    "KEEP",
    "PRESETS",
    "PRESET_PURPOSES",
    "CanvasKind",
    "ColorMap",
    "ColorMode",
    "DeviceName",
    "Normalization",
    "OptimizerName",
    "Padding",
    "Pooling",
    "Precision",
    "Recipe",
    "Smoothing",
    "check_balance",
    "describe",
    "read_recipe",
    "read_region",
    "read_style",
    "resolve",
]

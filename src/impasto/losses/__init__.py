"""Statistics of features, losses that compare them, and the objective, their weighted sum."""

from impasto.losses.autograd import with_gradient
from impasto.losses.base import ContentLoss, StyleLoss
from impasto.losses.gradient_energy import (
    difference_weights,
    gradient_energy,
    gradient_energy_loss,
    regional_gradient_energy,
)
from impasto.losses.gram import GramLoss, gram, mean_gram
from impasto.losses.matching import Matches, interpolate_linearly, match, tonality
from impasto.losses.objective import TERMS, Objective, make_extractor, total_of
from impasto.losses.regions import PositionWeights, threshold
from impasto.losses.registry import (
    CONTENT_LOSSES,
    STYLE_LOSSES,
    kept_features,
    needed_layers,
    register_style_loss,
    style_losses,
    with_shallow_layers,
)
from impasto.losses.sliced import random_directions
from impasto.losses.statistics import Mean, Positions, Statistic
from impasto.losses.targets import EncodedImage, RegionTarget, StyleTarget, measure_style
from impasto.losses.temporal import EarlierFrame, TemporalLoss
from impasto.losses.tiled import TiledObjective
from impasto.losses.tiles import TiledImage, Tiling

__all__ = [
    "CONTENT_LOSSES",
    "STYLE_LOSSES",
    "TERMS",
    "ContentLoss",
    "EarlierFrame",
    "EncodedImage",
    "GramLoss",
    "Matches",
    "Mean",
    "Objective",
    "PositionWeights",
    "Positions",
    "RegionTarget",
    "Statistic",
    "StyleLoss",
    "StyleTarget",
    "TemporalLoss",
    "TiledImage",
    "TiledObjective",
    "Tiling",
    "difference_weights",
    "gradient_energy",
    "gradient_energy_loss",
    "gram",
    "interpolate_linearly",
    "kept_features",
    "make_extractor",
    "match",
    "mean_gram",
    "measure_style",
    "needed_layers",
    "random_directions",
    "regional_gradient_energy",
    "register_style_loss",
    "style_losses",
    "threshold",
    "tonality",
    "total_of",
    "with_gradient",
    "with_shallow_layers",
]

"""What is minimised: statistics of feature maps, terms as pure functions, and the objective that weighs them."""

from impasto.losses.objective import TERMS, Objective, Targets, measure_targets, needed_layers
from impasto.losses.statistics import gram, mean_gram
from impasto.losses.terms import content_loss, style_loss, total_variation

__all__ = [
    "TERMS",
    "Objective",
    "Targets",
    "content_loss",
    "gram",
    "mean_gram",
    "measure_targets",
    "needed_layers",
    "style_loss",
    "total_variation",
]

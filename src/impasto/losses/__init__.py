"""What is minimised: statistics of feature maps, terms as pure functions, and the objective that weighs them."""

from impasto.losses.lessons import Lesson, Teacher, View
from impasto.losses.objective import TERMS, Objective, make_extractor, needed_layers, smoothing_extractor
from impasto.losses.statistics import gram, mean_gram
from impasto.losses.terms import content_loss, style_loss, total_variation

__all__ = [
    "TERMS",
    "Lesson",
    "Objective",
    "Teacher",
    "View",
    "content_loss",
    "gram",
    "make_extractor",
    "mean_gram",
    "needed_layers",
    "smoothing_extractor",
    "style_loss",
    "total_variation",
]

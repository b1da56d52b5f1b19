"""Measures of finished pictures, by networks that are not used for painting by default."""

from impasto.score.judge import Judge, score_picture
from impasto.score.measures import HEADLINES, HIGHER_IS_BETTER, MEASURES, Measure, Scores

__all__ = ["HEADLINES", "HIGHER_IS_BETTER", "MEASURES", "Judge", "Measure", "Scores", "score_picture"]

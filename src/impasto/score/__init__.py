"""Measures of finished pictures, by networks that nothing was optimised with."""

from impasto.score.judge import Judge, Scores, score_picture
from impasto.score.measures import HEADLINES, HIGHER_IS_BETTER, MEASURES, Measure

__all__ = ["HEADLINES", "HIGHER_IS_BETTER", "MEASURES", "Judge", "Measure", "Scores", "score_picture"]

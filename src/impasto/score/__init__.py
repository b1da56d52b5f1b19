"""Measures of finished pictures, by networks that nothing was optimised with."""

from impasto.score.judge import GROUPS, HIGHER_IS_BETTER, Judge, Scores, score_picture

__all__ = ["GROUPS", "HIGHER_IS_BETTER", "Judge", "Scores", "score_picture"]

"""Comparing methods pair by pair; the lower a score, the better.

Scores of different styles are never averaged as they are: how far a style loss falls depends on the style far more
than on who paints.
"""

import statistics
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

Scores: TypeAlias = Mapping[str, float]
Board: TypeAlias = Mapping[str, Mapping[int, Scores]]
"""Scores (`style`, `content`, `faults`...) by method and pair; it has the rows `photo` and `style` too."""

BASELINES = {"style": "photo", "content": "style"}
"""The row that is worst in a measure: the photo has none of the style, the style image none of the content."""


def ranks(values: Mapping[str, float]) -> dict[str, float]:
    """Return the place of every name, 1 for the lowest value; those that are equal share the mean of their places.

    >>> ranks({"a": 0.3, "b": 0.1, "c": 0.3})
    {'a': 2.5, 'b': 1.0, 'c': 2.5}
    """
    return {
        name: sum(other < value for other in values.values()) + (1 + sum(o == value for o in values.values())) / 2
        for name, value in values.items()
    }


def mean_ranks(
    board: Board, measure: str, methods: Iterable[str], pairs: Iterable[int], *, highest: bool = False
) -> dict[str, float]:
    """Rank the methods on every pair, the lowest (or the `highest`) first, and return each one's mean place."""
    methods, sign = list(methods), -1 if highest else 1
    places = [ranks({method: sign * board[method][pair][measure] for method in methods}) for pair in pairs]
    return {method: statistics.fmean(place[method] for place in places) for method in methods}


def relative(board: Board, method: str, pair: int, measure: str) -> float:
    """Return a score as a share of the worst there is on this pair: 0 is perfect, 1 is nothing achieved."""
    return board[method][pair][measure] / board[BASELINES[measure]][pair][measure]


def mean_relative(board: Board, method: str, measure: str, pairs: Iterable[int]) -> float:
    """Return the mean over the pairs of `relative`."""
    return statistics.fmean(relative(board, method, pair, measure) for pair in pairs)


@dataclass(frozen=True, kw_only=True)
class Duel:
    """On how many pairs the first method is better than the second: in style, in content, in both, in neither."""

    pairs: int
    style: int
    content: int
    both: int
    neither: int


def duel(board: Board, first: str, second: str, pairs: Iterable[int]) -> Duel:
    """Compare two methods pair by pair; equal scores are no win."""
    wins = [
        tuple(board[first][pair][measure] < board[second][pair][measure] for measure in ("style", "content"))
        for pair in pairs
    ]
    return Duel(
        pairs=len(wins),
        style=sum(style for style, _ in wins),
        content=sum(content for _, content in wins),
        both=sum(style and content for style, content in wins),
        neither=sum(not style and not content for style, content in wins),
    )


def complete(board: Board, methods: Iterable[str], pairs: Iterable[int]) -> list[str]:
    """Return the methods that were judged on every one of the pairs."""
    pairs = list(pairs)
    return [method for method in methods if all(pair in board.get(method, {}) for pair in pairs)]

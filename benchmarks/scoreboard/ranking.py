"""Comparison of methods pair by pair, and the rules that the presets must keep; lower scores are better.

Scores of different styles are never averaged directly: how far a style loss falls depends more on the style than on
the method.
"""

import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from scoreboard.judges import JUDGES
from scoreboard.methods import OPTIMIZING, PEERS

Scores: TypeAlias = Mapping[str, float]
Board: TypeAlias = Mapping[str, Mapping[int, Scores]]
"""Scores (`style`, `content`, `faults`...) by method and pair, also for the rows `photo` and `style`."""

BASELINES = {"style": "photo", "content": "style"}
"""The row with the worst score: the photo has none of the style, the style image none of the content."""
FAULTS = 0.01
"""Share of a picture that may be at fault beyond the style's own faults."""
CAREFUL = ("default", "faithful", "bold", "photoreal")
"""Presets that may have no faults; the others are for study or a first impression."""
MOST = 0.75
NEARLY_ALL = 10 / 12


def ranks(values: Mapping[str, float]) -> dict[str, float]:
    """Return the rank of every name, 1 for the lowest value; equal values share the mean of their ranks.

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
    """Rank the methods on every pair, the lowest (or the `highest`) first, and return their mean ranks.

    For style and content it is the mean over the ranks that three judges give.
    """
    methods, sign = list(methods), -1 if highest else 1
    places = [
        ranks({method: sign * board[method][pair][name] for method in methods})
        for pair in pairs
        for name in JUDGES.get(measure, (measure,))
    ]
    return {method: statistics.fmean(place[method] for place in places) for method in methods}


def relative(board: Board, method: str, pair: int, measure: str) -> float:
    """Return a score divided by the worst possible score of the pair: 0 is perfect, 1 is nothing achieved."""
    return board[method][pair][measure] / board[BASELINES[measure]][pair][measure]


def mean_relative(board: Board, method: str, measure: str, pairs: Iterable[int]) -> float:
    """Return the mean of `relative` over the pairs."""
    return statistics.fmean(relative(board, method, pair, measure) for pair in pairs)


@dataclass(frozen=True, kw_only=True)
class Duel:
    """Number of pairs on which one method beats another in style, in content, in both and in neither."""

    pairs: int
    style: int
    content: int
    both: int
    neither: int


def duel(board: Board, first: str, second: str, pairs: Iterable[int]) -> Duel:
    """Compare two methods pair by pair: the better one is better for two of three judges; equal is not better."""
    wins = [
        tuple(
            sum(board[first][pair][name] < board[second][pair][name] for name in names) > len(names) / 2
            for names in (JUDGES["style"], JUDGES["content"])
        )
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


@dataclass(frozen=True, kw_only=True)
class Check:
    """A rule, on how many of the pairs it holds, and on how many it must hold."""

    rule: str
    kept: int
    pairs: int
    needed: int

    @property
    def passed(self) -> bool:
        """Whether the rule holds on enough pairs."""
        return self.kept >= self.needed


def checks(board: Board, pairs: Sequence[int]) -> list[Check]:
    """Return the checks of all methods that have scores on every pair."""
    there = set(complete(board, board, pairs))
    found = [*_against_peers(board, pairs, there), *_faults(board, pairs, there)]
    for first, second, measure in (("faithful", "default", "content"), ("bold", "default", "style")):
        if {first, second} <= there:
            kept = getattr(duel(board, first, second, pairs), measure)
            found.append(_check(f"{first} is better than {second} in {measure}", kept, pairs, NEARLY_ALL))
    return found


def _against_peers(board: Board, pairs: Sequence[int], there: Iterable[str]) -> list[Check]:
    found = []
    for peer in PEERS:
        if not {"default", peer} <= set(there):
            continue
        result = duel(board, "default", peer, pairs)
        if peer in OPTIMIZING:
            found.append(_check(f"default is better than {peer} in both", result.both, pairs, MOST))
        else:
            found.append(_check(f"default is better than {peer} in style", result.style, pairs, 1))
        kept = result.pairs - result.neither
        found.append(_check(f"default is better than {peer} in at least one of both", kept, pairs, 1))
    return found


def _faults(board: Board, pairs: Sequence[int], there: Iterable[str]) -> list[Check]:
    return [
        _check(
            f"{method} has at most {FAULTS:.0%} of faults beyond the style's own",
            sum(board[method][pair]["faults"] - board["style"][pair]["faults"] <= FAULTS for pair in pairs),
            pairs,
            1,
        )
        for method in CAREFUL
        if {method, "style"} <= set(there)
    ]


def _check(rule: str, kept: int, pairs: Sequence[int], share: float) -> Check:
    # Slightly less, so that rounding errors do not turn 10 of 12 into 11.
    needed = -int(-(share * len(pairs) - 1e-9) // 1)
    return Check(rule=rule, kept=kept, pairs=len(pairs), needed=needed)

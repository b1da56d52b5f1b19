"""What must hold of the presets: beat the peers, keep to their purpose, make no faults."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from scoreboard.peers import OPTIMISING, PEERS
from scoreboard.ranking import Board, complete, duel

FAULTS = 0.01
"""As much of a picture may be at fault, beyond what the style itself shows."""
CAREFUL = ("default", "faithful", "bold", "photoreal")
"""Presets that may make no faults; the others are for study or a first impression."""
MOST = 0.75
NEARLY_ALL = 10 / 12


@dataclass(frozen=True, kw_only=True)
class Check:
    """A rule, on how many pairs it is kept, of how many, and on how many it must be."""

    rule: str
    kept: int
    pairs: int
    needed: int

    @property
    def passed(self) -> bool:
        """Whether the rule is kept often enough."""
        return self.kept >= self.needed


def checks(board: Board, pairs: Sequence[int]) -> list[Check]:
    """Return every check whose methods were judged on all the pairs."""
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
        if peer in OPTIMISING:
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
    # A tiny bit less, so that 10/12 of 12 is 10 and not 11.
    needed = -int(-(share * len(pairs) - 1e-9) // 1)
    return Check(rule=rule, kept=kept, pairs=len(pairs), needed=needed)

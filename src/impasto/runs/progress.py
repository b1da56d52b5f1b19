"""What a log tells about its run: how far it came and how it ended."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from impasto.events import Finished, LevelStarted, Step
from impasto.runs.log import Line

CLOSING: Final = frozenset({Finished.__name__, "result", "failed"})
"""Types of the lines that say how a run ended; a run that goes on has none."""


@dataclass(frozen=True, kw_only=True)
class Progress:
    """How far a run came.

    `size` is (width, height) in pixels of the level painted last; `seconds` is the time spent painting what the log
    still holds, over all its resumptions; None: not known yet.
    """

    step: int = 0
    level: int | None = None
    loss: float | None = None
    seconds: float = 0.0
    size: tuple[int, int] | None = None


def progress(lines: Sequence[Line]) -> Progress:
    """Read the progress from the lines of a log."""
    step, level, loss, size = 0, None, None, None
    before, latest = 0.0, 0.0
    for line in lines:
        kind = line["type"]
        if kind in (Step.__name__, Finished.__name__):
            step, loss, latest = line["step"], line["loss"], line["seconds"]
            level = line.get("level", level)
        elif kind == LevelStarted.__name__:
            level, size = line["level"], (line["width"], line["height"])
        elif kind == "resumed":
            # The clock of the events starts anew with each resumption.
            before, latest = before + latest, 0.0
    return Progress(step=step, level=level, loss=loss, seconds=before + latest, size=size)


def ending(lines: Sequence[Line]) -> Literal["finished", "failed"] | None:
    """Return how the run ended, or None if it has not, went on after it, or was stopped by the person."""
    how: Literal["finished", "failed"] | None = None
    for line in lines:
        if line["type"] == "failed":
            how = "failed"
        elif line["type"] == "result":
            how = "finished" if line["reason"] != "stopped" else None
        elif line["type"] not in CLOSING:
            how = None
    return how

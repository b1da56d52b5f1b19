"""The remaining time of a run."""

from collections import deque
from collections.abc import Sequence
from typing import Final

from impasto.events import LevelStarted, Step
from impasto.painting.pyramid import Level

_WINDOW: Final = 10
"""Steps over which the speed is measured."""


class Eta:
    """Estimates the remaining time from the steps done; a level is assumed to cost in proportion to its pixels."""

    def __init__(self, levels: Sequence[Level]) -> None:
        self._levels = levels
        self._index = 0
        self._before = 0
        self._done = 0
        self._seconds_per_step: float | None = None
        self._times: deque[tuple[int, float]] = deque(maxlen=_WINDOW + 1)

    def level_started(self, event: LevelStarted) -> None:
        """Note that a level begins, or is continued."""
        if self._seconds_per_step is not None:
            self._seconds_per_step *= self._pixels(event.level) / self._pixels(self._index)
        self._index = event.level
        # A plateau may have ended a level early.
        self._before = min(event.step, sum(level.steps for level in self._levels[: event.level]))
        self._done = event.step - self._before
        self._times.clear()

    def step_done(self, event: Step) -> None:
        """Note that a step was done."""
        self._done = event.step - self._before
        self._times.append((event.step, event.seconds))
        (first, begun), (last, now) = self._times[0], self._times[-1]
        if last > first:
            self._seconds_per_step = (now - begun) / (last - first)

    def seconds_left(self) -> float | None:
        """Return the seconds left, or None before two steps have been seen."""
        if self._seconds_per_step is None:
            return None
        here = self._levels[self._index].steps - self._done
        coming = range(self._index + 1, len(self._levels))
        later = sum(self._levels[i].steps * self._pixels(i) / self._pixels(self._index) for i in coming)
        return self._seconds_per_step * (max(0, here) + later)

    def _pixels(self, index: int) -> int:
        return self._levels[index].width * self._levels[index].height


def clock(seconds: float) -> str:
    """Write a time as m:ss or h:mm:ss.

    >>> clock(65.0), clock(3723.4)
    ('1:05', '1:02:03')
    """
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"

"""The remaining time of a run."""

from collections import deque
from collections.abc import Sequence
from typing import Final

from impasto.events import LevelStarted, Step
from impasto.painting.pyramid import Level

_WINDOW: Final = 10
"""Steps over which the speed is measured."""

_FIXED_PIXELS: Final = 7000
"""What every step costs besides its pixels, in pixels: on one CPU thread, with the default losses."""

_PREPARATION: Final = 1.5
"""What the preparation of a level (its style targets) costs, in steps of the level."""

_TRUSTED_SHARE: Final = 0.1
"""Share of the run after which an estimate is given that nothing but these constants supports."""


class Eta:
    """Estimates the remaining time from the steps done.

    A step costs a fixed part and a part for each pixel of its level. Sizes that were painted cost what was measured;
    two of them determine both parts for the others. A single one is not enough: machines, losses and threads differ, so
    that the time at 512 px can be a third of what 64 px let expect. Then there is no estimate until a tenth of the run
    is done according to it.
    """

    def __init__(self, levels: Sequence[Level]) -> None:
        self._levels = levels
        self._index = 0
        self._before = 0
        self._done = 0
        self._seconds = 0.0
        self._step_seconds: dict[int, float] = {}
        """Measured cost of a step by the number of pixels."""
        self._preparation = _PREPARATION
        self._gap: float | None = None
        self._times: deque[tuple[int, float]] = deque(maxlen=_WINDOW + 1)

    def level_started(self, event: LevelStarted) -> None:
        """Note that a level begins, or is continued."""
        self._index = event.level
        # A plateau may have ended a level early.
        self._before = min(event.step, sum(level.steps for level in self._levels[: event.level]))
        self._done = event.step - self._before
        self._gap = None
        self._times.clear()

    def step_done(self, event: Step) -> None:
        """Note that a step was done."""
        self._done = event.step - self._before
        if not self._times and 0 < self._seconds < event.seconds:
            self._gap = event.seconds - self._seconds
        self._seconds = event.seconds
        self._times.append((event.step, event.seconds))
        (first, begun), (last, now) = self._times[0], self._times[-1]
        if last > first:
            self._step_seconds[self._pixels(self._index)] = seconds = (now - begun) / (last - first)
            if self._gap is not None and seconds > 0:
                self._preparation = max(0.0, self._gap / seconds - 1)

    def seconds_left(self) -> float | None:
        """Return the seconds left, or None as long as they are not known well enough."""
        if not self._step_seconds:
            return None
        coming = [self._pixels(index) for index in range(self._index + 1, len(self._levels))]
        steps = [level.steps + self._preparation for level in self._levels[self._index + 1 :]]
        here = max(0, self._levels[self._index].steps - self._done)
        left = sum(
            count * self._cost(pixels)
            for count, pixels in zip([here, *steps], [self._pixels(self._index), *coming], strict=True)
        )
        is_guess = len(self._step_seconds) == 1 and not self._step_seconds.keys() >= set(coming)
        if is_guess and self._seconds < _TRUSTED_SHARE * (self._seconds + left):
            return None
        return left

    def _cost(self, pixels: int) -> float:
        """Return the seconds of a step of a level of so many pixels."""
        known = self._step_seconds
        if pixels in known:
            return known[pixels]
        *others, large = sorted(known)
        if not others:
            return known[large] * (_FIXED_PIXELS + pixels) / (_FIXED_PIXELS + large)
        small = others[0]
        # Neither part is negative, whatever the noise of the measurement.
        each = (known[large] - known[small]) / (large - small)
        each = min(max(each, 0.0), known[large] / large)
        return max(0.0, known[large] + each * (pixels - large))

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

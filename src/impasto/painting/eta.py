"""The remaining time of a run."""

from collections import deque
from collections.abc import Callable, Sequence
from itertools import pairwise
from statistics import median
from typing import Final

from impasto.events import LevelStarted, Step
from impasto.painting.pyramid import Level
from impasto.painting.speed import LevelCost

_WINDOW: Final = 10
"""Steps over which the speed is measured."""

_FEW: Final = 3
"""Steps of a level that say less about it than the levels before, because the first ones are slow."""

_FIXED_PIXELS: Final = 7000
"""What every step costs besides its pixels, in pixels: on one CPU thread, with the default losses."""

_FINE_PIXEL: Final = 0.75
"""What a pixel costs at the finest of several levels, which compares fewer layers, beside one at the others."""

_PREPARATION: Final = 1.5
"""What the preparation of a level (its style targets) costs, in steps of the level."""

_TRUSTED_SHARE: Final = 0.1
"""Share of the run after which an estimate is given that nothing but these constants supports."""


class Eta:
    """Estimates the remaining time from the steps done.

    If the speed of the machine is known, so is what each level costs beside the others, and the steps done say how much
    slower or faster this run is. Otherwise a step costs a fixed part and a part for each pixel of its level: two sizes
    determine both parts for the others. A single one is not enough: machines, losses and threads differ, so that the
    time at 512 px can be a third of what 64 px let expect. Then there is no estimate until a tenth of the run is done
    according to it. Sizes that were painted cost what was measured, which is the median, because single steps are slow.
    """

    def __init__(self, levels: Sequence[Level], costs: Callable[[], Sequence[LevelCost]] = tuple) -> None:
        """Expect these levels; `costs` returns what each costs as soon as that is known."""
        self._levels = levels
        self._costs = costs
        self._index = 0
        self._before = 0
        self._done = 0
        self._seconds = 0.0
        self._step_seconds: dict[float, float] = {}
        """Measured cost of a step by the number of pixels."""
        self._pace = 1.0
        """How many times longer steps take than expected."""
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
        if len(self._times) > 1:
            seconds = median((now - begun) / (last - first) for (first, begun), (last, now) in pairwise(self._times))
            self._note(seconds, is_early=len(self._times) <= _FEW)

    def _note(self, seconds: float, *, is_early: bool) -> None:
        """Note what a step of this level takes."""
        costs = self._costs()
        if is_early and (costs or self._step_seconds):
            return
        self._step_seconds[self._pixels(self._index)] = seconds
        if costs and costs[self._index].step:
            self._pace = seconds / costs[self._index].step
        if self._gap is not None and seconds > 0:
            self._preparation = max(0.0, self._gap / seconds - 1)

    def seconds_left(self) -> float | None:
        """Return the seconds left, or None as long as they are not known well enough."""
        costs, known = self._costs(), self._step_seconds
        if not costs and not known:
            return None
        coming = range(self._index + 1, len(self._levels))
        left = max(0, self._levels[self._index].steps - self._done) * self._cost(self._index)
        for index in coming:
            step = self._cost(index)
            preparation = costs[index].preparation * self._pace if costs else self._preparation * step
            left += preparation + self._levels[index].steps * step
        is_guess = not costs and len(known) == 1 and not known.keys() >= set(map(self._pixels, coming))
        if is_guess and self._seconds < _TRUSTED_SHARE * (self._seconds + left):
            return None
        return left

    def _cost(self, index: int) -> float:
        """Return the seconds of a step of a level."""
        known, pixels = self._step_seconds, self._pixels(index)
        if pixels in known:
            return known[pixels]
        if costs := self._costs():
            return self._pace * costs[index].step
        *others, large = sorted(known)
        if not others:
            return known[large] * (_FIXED_PIXELS + pixels) / (_FIXED_PIXELS + large)
        small = others[0]
        # Neither part is negative, whatever the noise of the measurement.
        each = (known[large] - known[small]) / (large - small)
        each = min(max(each, 0.0), known[large] / large)
        return max(0.0, known[large] + each * (pixels - large))

    def _pixels(self, index: int) -> float:
        """Return the number of pixels of a level, fewer if they cost less."""
        level = self._levels[index]
        return level.width * level.height * (_FINE_PIXEL if level.below and not level.above else 1.0)


def clock(seconds: float) -> str:
    """Write a time as m:ss or h:mm:ss.

    >>> clock(65.0), clock(3723.4)
    ('1:05', '1:02:03')
    """
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"

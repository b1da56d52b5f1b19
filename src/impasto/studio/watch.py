"""What a page shows of a run that is being painted: how far it is, its losses, and whether there is anything new."""

import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from impasto.events import Event, LevelStarted, Notice, Step
from impasto.painting import Level
from impasto.painting.estimate import Estimate
from impasto.runs.log import Line

MOST_POINTS: Final = 200


@dataclass(frozen=True, kw_only=True)
class Standing:
    """How far a run is.

    `level` counts from 1 and is 0 before the first has begun; `levels`, `width` and `height` (px, of the level) are 0
    until then. `steps` is how many are planned; `seconds_left` is None until the pace is known.
    """

    level: int = 0
    levels: int = 0
    width: int = 0
    height: int = 0
    step: int = 0
    steps: int = 0
    seconds_left: float | None = None


class Curve:
    """The losses of a run, thinned as they come so that a long run takes no more memory than a short one."""

    def __init__(self) -> None:
        self._stride = 1
        self._points: list[tuple[int, float, Mapping[str, float]]] = []
        self._last: tuple[int, float, Mapping[str, float]] | None = None
        self._count = 0

    def add(self, step: int, loss: float, terms: Mapping[str, float]) -> None:
        """Note the losses of a step."""
        self._last = (step, loss, terms)
        if self._count % self._stride == 0:
            self._points.append(self._last)
        self._count += 1
        if len(self._points) >= MOST_POINTS:
            self._points = self._points[::2]
            self._stride *= 2

    def columns(self) -> dict[str, list[float]]:
        """Return `step`, `total` and every term that is not 0 throughout, as columns of at most 200 values.

        The last step is always among them.
        """
        points = list(self._points)
        if self._last is not None and points[-1] is not self._last:
            points.append(self._last)
        names = dict.fromkeys(name for _, _, terms in points for name, value in terms.items() if value)
        columns = {"step": [float(step) for step, _, _ in points], "total": [loss for _, loss, _ in points]}
        return columns | {name: [terms.get(name, 0.0) for _, _, terms in points] for name in names}


class Watch:
    """Hears the events of one run. Hearing takes microseconds: nobody who looks makes the painting wait.

    `version` grows with each new picture, `news` with anything that is worth showing.
    """

    def __init__(self, steps: int) -> None:
        self.version = 0
        self.news = 0
        self.notice = ""
        self._changed = threading.Condition()
        self._standing = Standing(steps=steps)
        self._estimate: Estimate | None = None
        self._curve = Curve()

    def recall(self, lines: Iterable[Line], steps: int, levels: Sequence[Level] = ()) -> None:
        """Take up what a run's log tells of the steps before, and how many are planned; `levels` if that is known."""
        with self._changed:
            self._curve, step = Curve(), 0
            for line in lines:
                if line["type"] == Step.__name__:
                    step = line["step"]
                    # A loss that was not finite is null in the log.
                    terms = {name: _number(value) for name, value in line["terms"].items()}
                    self._curve.add(step, _number(line["loss"]), terms)
            self._standing = Standing(step=step, steps=steps)
            self._estimate = Estimate(levels) if levels else None
            self._tell()

    def hear(self, event: Event) -> None:
        """Take note of an event."""
        with self._changed:
            if isinstance(event, LevelStarted):
                self._hear_level(event)
            elif isinstance(event, Step):
                self._hear_step(event)
            elif isinstance(event, Notice):
                self.notice = event.text
            else:
                return
            self._tell()

    def touch(self, *, picture: bool = False) -> None:
        """Tell whoever waits that something else has changed, with `picture` that there is another picture."""
        with self._changed:
            self.version += picture
            self._tell()

    def wait(self, seen: int, timeout: float) -> int:
        """Sleep until `news` is another number than `seen`, or for `timeout` seconds; return the number now."""
        with self._changed:
            self._changed.wait_for(lambda: self.news != seen, timeout)
            return self.news

    def standing(self) -> Standing:
        """Return how far the run is."""
        with self._changed:
            return self._standing

    def losses(self) -> dict[str, list[float]]:
        """Return the losses so far; see `Curve.columns`."""
        with self._changed:
            return self._curve.columns()

    def _hear_level(self, event: LevelStarted) -> None:
        if self._estimate is not None:
            self._estimate.level_started(event)
        self.version += 1
        self._standing = Standing(
            level=event.level + 1,
            levels=event.levels,
            width=event.width,
            height=event.height,
            step=event.step,
            steps=event.steps,
            seconds_left=self._seconds_left(),
        )

    def _hear_step(self, event: Step) -> None:
        if self._estimate is not None:
            self._estimate.step_done(event)
        self.version += event.improved
        self._curve.add(event.step, event.loss, event.terms)
        here = self._standing
        self._standing = Standing(
            level=here.level,
            levels=here.levels,
            width=here.width,
            height=here.height,
            step=event.step,
            steps=event.steps,
            seconds_left=self._seconds_left(),
        )

    def _seconds_left(self) -> float | None:
        return None if self._estimate is None else self._estimate.seconds_left()

    def _tell(self) -> None:
        self.news += 1
        self._changed.notify_all()


def _number(value: float | None) -> float:
    return float("nan") if value is None else value

"""A submitted job: its state, its progress, and how it is steered."""

import shutil
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias

import numpy as np
from jaxtyping import UInt8

from impasto import api
from impasto.errors import ImpastoError, InputError
from impasto.events import Event, LevelStarted, Notice, Step, StopReason
from impasto.painting import CHANGEABLE, Level, Painter, plan_levels
from impasto.painting.estimate import Estimate
from impasto.recipe import Recipe, check_balance
from impasto.runs import RunFolder
from impasto.runs.checkpoint import NEWEST
from impasto.runs.log import Line
from impasto.studio.run_index import RESULT_16_BIT, newest_picture, read_pixels
from impasto.studio.submission import FIXED, alter, check_altered, give_up, note_failure, one_line, set_back

MOST_POINTS: Final = 200


@dataclass(frozen=True, kw_only=True)
class JobProgress:
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


class LossCurve:
    """The losses of a run, thinned as they come so that a long run takes no more memory than a short one."""

    def __init__(self) -> None:
        self._stride = 1
        self._points: list[tuple[int, float, dict[str, float]]] = []
        self._last: tuple[int, float, dict[str, float]] | None = None
        self._count = 0

    def add(self, step: int, loss: float, terms: dict[str, float]) -> None:
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


class JobMonitor:
    """Hears the events of one run. Hearing takes microseconds: nobody who looks makes the painting wait.

    `picture_version` grows with each new picture, `updates` with anything that is worth showing.
    """

    def __init__(self, steps: int) -> None:
        self.picture_version = 0
        self.updates = 0
        self.notice = ""
        self._changed = threading.Condition()
        self._standing = JobProgress(steps=steps)
        self._estimate: Estimate | None = None
        self._curve = LossCurve()

    def recall(self, lines: Iterable[Line], steps: int, levels: Sequence[Level] = ()) -> None:
        """Take up what a run's log tells of the steps before, and how many are planned; `levels` if that is known."""
        with self._changed:
            self._curve, step = LossCurve(), 0
            for line in lines:
                if line["type"] == Step.__name__:
                    step = line["step"]
                    # A loss that was not finite is null in the log.
                    terms = {name: _number(value) for name, value in line["terms"].items()}
                    self._curve.add(step, _number(line["loss"]), terms)
            self._standing = JobProgress(step=step, steps=steps)
            self._estimate = Estimate(levels) if levels else None
            self._tell()

    def record(self, event: Event) -> None:
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
            self.picture_version += picture
            self._tell()

    def wait(self, seen: int, timeout: float) -> int:
        """Sleep until `news` is another number than `seen`, or for `timeout` seconds; return the number now."""
        with self._changed:
            self._changed.wait_for(lambda: self.updates != seen, timeout)
            return self.updates

    def standing(self) -> JobProgress:
        """Return how far the run is."""
        with self._changed:
            return self._standing

    def losses(self) -> dict[str, list[float]]:
        """Return the losses so far; see `LossCurve.columns`."""
        with self._changed:
            return self._curve.columns()

    def _hear_level(self, event: LevelStarted) -> None:
        if self._estimate is not None:
            self._estimate.level_started(event)
        self.picture_version += 1
        self._standing = JobProgress(
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
        self.picture_version += event.improved
        self._curve.add(event.step, event.loss, event.terms)
        here = self._standing
        self._standing = JobProgress(
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
        self.updates += 1
        self._changed.notify_all()


def _number(value: float | None) -> float:
    return float("nan") if value is None else value


JobState: TypeAlias = Literal["waiting", "painting", "paused", "finished", "stopped", "failed"]


class Work:
    """A run folder on its way through the studio.

    `name` is the run's; `position` counts from 1, which is painted next, and is 0 when it does not wait.
    """

    def __init__(self, path: Path, *, turn: threading.Condition, moved: Callable[[], None]) -> None:
        """Hold a place for a run folder; made by a Studio, whose lock is `turn`.

        `moved` is called, the lock held, whenever the state has changed. Raises InputError for a damaged folder.
        """
        folder = RunFolder.open(path)
        self.name = path.name
        self.path = path
        self.position = 0
        self._recipe = folder.recipe
        self._turn = turn
        self._moved = moved
        self._run: api.Run | None = None
        self._ended: Literal["finished", "stopped", "failed"] | None = None
        self._in_hand = self._paused = self._aside = False
        self._ends = False
        self._changes: dict[str, Any] = {}
        self._failure = ""
        self._watch = JobMonitor(self._recipe.steps)
        self._watch.recall(folder.events(), self._recipe.steps)

    @property
    def state(self) -> JobState:
        """How it stands; `paused` also while it waits."""
        with self._turn:
            if self._ended:
                return self._ended
            if self._paused:
                return "paused"
            return "painting" if self._in_hand else "waiting"

    @property
    def recipe(self) -> Recipe:
        """The recipe as it is now, device and precision resolved."""
        with self._turn:
            return self._recipe if self._run is None else self._run.recipe

    def take_in_hand(self) -> None:
        """Count as being painted; the lock is held."""
        self._in_hand = True
        self._tell()

    def set_aside(self) -> None:
        """Leave the brush to somebody else after the step that is being done, to go on later; the lock is held."""
        self._aside = True
        if self._run is not None:
            self._run.stop()

    def paint(self) -> None:
        """Paint until the run ends or is set aside. Never raises: what goes wrong is the job's message."""
        try:
            reason, steps = self._paint()
        except Exception as error:
            self._fail(one_line(error, self.path))
        else:
            self._put_down(reason, steps)

    def touch(self) -> None:
        """Tell whoever waits for news that there is some."""
        self._watch.touch()

    # -- the thread that paints ----------------------------------------------------------------------------------------

    def _paint(self) -> tuple[StopReason, int]:
        ready = threading.Event()

        def record(event: Event) -> None:
            # Only the first event ever waits: what was wished before must count from the first step on.
            ready.wait()
            self._watch.record(event)

        run = api.resume(self.path, on_event=record)
        try:
            lines = RunFolder.open(self.path).events()
            self._watch.recall(lines, run.recipe.steps, plan_levels(run.recipe, *run.size))
            self._hold(run)
        except BaseException:
            run.stop()
            ready.set()
            with suppress(Exception):
                run.wait()
            raise
        ready.set()
        result = run.wait()
        if result.steps and (result.reason != "stopped" or self._ends):
            # Beside the run's own picture of 8 bits; whoever asks for 16 gets 8 if the disk is full.
            with suppress(ImpastoError, OSError):
                result.save(self.path / RESULT_16_BIT, bits=16)
        return result.reason, result.steps

    def _hold(self, run: api.Run) -> None:
        """Take the handle, and pass on what was wished before there was one."""
        with self._turn:
            self._run = run
            if self._changes:
                changes, self._changes = self._changes, {}
                run.change(**changes)
            if self._ends or self._aside:
                run.stop()
            elif self._paused:
                run.pause()

    def _put_down(self, reason: StopReason, steps: int) -> None:
        with self._turn:
            try:
                if reason == "stopped" and not self._ends:
                    # Not by the person: the log must not say so.
                    set_back(self.path)
                else:
                    self._ended = "stopped" if reason == "stopped" else "finished"
            except ImpastoError as error:
                self._failure, self._ended = one_line(error, self.path), "failed"
            if self._ended == "stopped" and not steps:
                shutil.rmtree(self.path, ignore_errors=True)
            self._let_go()

    def _fail(self, message: str) -> None:
        note_failure(self.path, message)
        with self._turn:
            self._failure, self._ended = message, "failed"
            self._let_go()

    def _let_go(self) -> None:
        """Keep nothing large in memory."""
        if self._run is not None:
            self._recipe = self._run.recipe
        self._run, self._in_hand, self._aside = None, False, False
        if self._ended:
            self._paused = False
        self._watch.touch(picture=True)
        self._tell()

    # -- for those who hold the lock -----------------------------------------------------------------------------------

    def _end(self) -> None:
        with self._turn:
            if self._ended is not None:
                return
            self._ends, self._paused = True, False
            if not self._in_hand:
                self._failure, self._ended = give_up(self.path), "stopped"
            elif self._run is not None:
                self._run.stop()
            self._tell()

    def _tell(self) -> None:
        self._watch.touch()
        self._moved()


GRACE_SECONDS: Final = 15.0
"""Seconds in which a page that was closed may come back, as one that is loaded again does."""


class JobHandle(Work):
    """An order in the hands of the person. Every method may be called from any thread at any time."""

    def __init__(
        self, path: Path, *, turn: threading.Condition, moved: Callable[[], None], cancels_on_close: bool
    ) -> None:
        """Hold a place for a run folder; made by a Studio (see `Work`)."""
        super().__init__(path, turn=turn, moved=moved)
        self._cancels_on_close = cancels_on_close
        self._watchers = 0
        self._grace_timer: threading.Timer | None = None
        self._looking = threading.Lock()
        self._frame: tuple[int, UInt8[np.ndarray, "h w 3"]] | None = None

    def paint(self) -> None:
        """Paint until the run ends or is set aside."""
        super().paint()
        with self._looking:
            self._frame = None

    # -- watching ------------------------------------------------------------------------------------------------------

    @property
    def message(self) -> str:
        """Why it failed, or what is good to know, in one line; empty if there is nothing to say."""
        return self._failure or self._watch.notice

    @property
    def picture_version(self) -> int:
        """A number that grows with each new picture."""
        return self._watch.picture_version

    @property
    def updates(self) -> int:
        """A number that grows with everything that is worth showing: pictures, steps, states, places."""
        return self._watch.updates

    def wait_for_update(self, seen: int, timeout: float) -> int:
        """Sleep until `updates` is no longer `seen`, for `timeout` seconds at most; return it as it is now."""
        return self._watch.wait(seen, timeout)

    def wait(self, timeout: float | None = None) -> bool:
        """Sleep until it is finished, stopped or failed; return False if that took longer than `timeout` seconds."""
        with self._turn:
            return self._turn.wait_for(lambda: self._ended is not None, timeout)

    def progress(self) -> JobProgress:
        """Return how far it is."""
        return self._watch.standing()

    def losses(self) -> dict[str, list[float]]:
        """Return `step`, `total` and the weighted terms, at most 200 values each, for a small plot."""
        return self._watch.losses()

    def picture(self) -> UInt8[np.ndarray, "h w 3"] | None:
        """Return the newest picture, at the size of the current level, or None if there is none yet.

        While it is painted the picture is computed once for each `version`, in the thread that asks; else it is read
        from the folder, each time.
        """
        with self._looking:
            version, run = self.picture_version, self._run
            if run is None:
                self._frame = None
                return read_pixels(newest_picture(self.path))
            if self._frame is None or self._frame[0] != version:
                image = run.image
                if image is None:
                    return read_pixels(newest_picture(self.path))
                self._frame = version, np.asarray(image)
            return self._frame[1]

    def result(self) -> Path | None:
        """Return the path of the picture once it is finished or stopped."""
        path = self.path / "result.png"
        return path if self.state in ("finished", "stopped") and path.is_file() else None

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Count as somebody who looks at it; see `page_closed`."""
        with self._turn:
            self._watchers += 1
            if self._grace_timer is not None:
                self._grace_timer.cancel()
        try:
            yield
        finally:
            with self._turn:
                self._watchers -= 1

    # -- steering ------------------------------------------------------------------------------------------------------

    def pause(self) -> None:
        """Wait before the next step until `resume`; meanwhile others are painted."""
        with self._turn:
            if self._ended is None and not self._ends:
                self._paused = True
                if self._run is not None:
                    self._run.pause()
                self._tell()

    def resume(self) -> None:
        """Go on after `pause`, before everybody who came later."""
        with self._turn:
            self._paused = False
            if self._run is not None:
                self._run.resume()
            self._tell()

    def stop(self) -> None:
        """End after the step that is being done and keep what is there; of nothing painted nothing stays."""
        self._end()

    def cancel(self) -> None:
        """Leave the queue; what is painted already is kept as by `stop`, or else the run's folder goes away."""
        self._end()

    def change(self, **fields: Any) -> None:
        """Change fields of the recipe: while it is painted weights and the like, which count from the next step on.

        An order that nobody has begun takes any field that names no file. Raises InputError for a field that cannot
        change any more or a value out of bounds, and if it has ended.
        """
        check_balance(fields)
        recipe = self.recipe.with_changes(**fields)
        changed = set(recipe.changes_from(self.recipe))
        fresh = not (self.path / NEWEST).exists()
        if fresh and not changed & FIXED and not changed <= CHANGEABLE:
            # Outside of the lock: it reads the pictures, and nobody else should wait for that.
            check_altered(self.path, recipe)
        with self._turn:
            if self._ended is not None:
                raise InputError("the run has ended: its recipe cannot change any more")
            if self._run is not None:
                self._run.change(**fields)
            elif self._in_hand or not fresh:
                Painter.check_change(self._recipe, recipe)
                self._changes |= fields
            else:
                if changed & FIXED:
                    raise InputError(f"{', '.join(sorted(changed & FIXED))} cannot change: make a new order")
                alter(self.path, recipe)
                self._watch.recall((), recipe.steps)
            self._recipe = recipe

    def page_closed(self) -> None:
        """Say that a page was closed and looks no more: if nobody does `GRACE_SECONDS` later, it is cancelled.

        Does nothing in a studio that was told to go on without pages.
        """
        with self._turn:
            if self._grace_timer is not None:
                self._grace_timer.cancel()
            if self._ended is None and not self._watchers and self._cancels_on_close:
                self._grace_timer = threading.Timer(GRACE_SECONDS, self._leave_if_alone)
                self._grace_timer.daemon = True
                self._grace_timer.start()

    def keep(self) -> None:
        """Stay whoever closes a page from now on: the studio closes, and every page with it."""
        with self._turn:
            self._cancels_on_close = False

    def _leave_if_alone(self) -> None:
        with self._turn:
            if self._cancels_on_close and not self._watchers:
                self._end()

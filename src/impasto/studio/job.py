"""A submitted job: its progress, the handle with which pages watch and control it, and how the worker paints it."""

import math
import shutil
import threading
from collections.abc import Callable, Hashable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, ClassVar, Final, Literal, TypeAlias

import numpy as np
from jaxtyping import UInt8

from impasto.api import Result, Run, Session
from impasto.errors import ImpastoError, InputError
from impasto.events import Event, LevelStarted, Notice, Step
from impasto.painting import CHANGEABLE, Eta, Level, LevelCost, check_change
from impasto.recipe import Recipe, check_balance
from impasto.runs import RunFolder
from impasto.studio.run_index import RESULT, RESULT_16_BIT, newest_picture, read_pixels
from impasto.studio.submission import change_recipe, clear_ending, error_line, record_failure, withdraw

GRACE_SECONDS: Final = 15.0
"""Time after which a closed page counts as gone; a reloaded page opens again before that."""

MAX_POINTS: Final = 200
"""Maximum number of points in the plot of losses."""

JobEnding: TypeAlias = Literal["finished", "stopped", "failed"]
JobState: TypeAlias = Literal["waiting", "painting", "paused", "finished", "stopped", "failed"]


@dataclass(frozen=True, kw_only=True)
class JobProgress:
    """Progress of a job; level, levels, width and height are 0 until the first level has started."""

    level: int = 0  # counted from 1
    levels: int = 0
    width: int = 0  # of the level, in pixels
    height: int = 0
    step: int = 0
    steps: int = 0  # planned
    seconds_left: float | None = None  # None until the pace is known


class JobMonitor:
    """Collects the events of a job for its watchers.

    Attributes:
        picture_version: A number that grows with each new picture.
        updates: A number that grows with every change that a page shows: pictures, steps, states, positions.
        notice: The last notice of the run; of a film all, each a line.
    """

    def __init__(self, steps: int) -> None:
        self.picture_version = 0
        self.updates = 0
        self.notice = ""
        self._changed = threading.Condition()
        self.restore((), steps)

    def restore(
        self,
        done: Sequence[Step],
        steps: int,
        levels: Sequence[Level] = (),
        costs: Callable[[], Sequence[LevelCost]] = tuple,
    ) -> None:
        """Start again from the steps done so far; `levels` and their costs are needed to estimate the time of a run."""
        with self._changed:
            self._eta = Eta(levels, costs)
            self._losses = [step.loss for step in done]
            self._progress = JobProgress(step=done[-1].step if done else 0, steps=steps)
        self.notify()

    def record(self, event: Event) -> None:
        """Collect an event."""
        with self._changed:
            progress = self._progress
            if isinstance(event, LevelStarted):
                self._eta.level_started(event)
                size = {"width": event.width, "height": event.height}
                progress = replace(progress, level=event.level + 1, levels=event.levels, **size)
            elif isinstance(event, Step):
                self._eta.step_done(event)
                self._losses.append(event.loss)
            elif isinstance(event, Notice):
                self.notice = event.text
            if isinstance(event, LevelStarted | Step):
                left = self._eta.seconds_left()
                self._progress = replace(progress, step=event.step, steps=event.steps, seconds_left=left)
        self.notify(picture=isinstance(event, LevelStarted) or (isinstance(event, Step) and event.improved))

    def notify(self, *, picture: bool = False) -> None:
        """Wake the threads that wait for updates; `picture` is True if there is a new picture."""
        with self._changed:
            self.picture_version += picture
            self.updates += 1
            self._changed.notify_all()

    def wait(self, seen: int, timeout: float) -> int:
        """Wait until `updates` differs from `seen`, or for `timeout` seconds; return the number now."""
        with self._changed:
            self._changed.wait_for(lambda: self.updates != seen, timeout)
            return self.updates

    def progress(self) -> JobProgress:
        """Return the progress of the job."""
        with self._changed:
            return self._progress

    def losses(self) -> list[float]:
        """Return at most `MAX_POINTS` losses, evenly from the first step on, and that of the last step."""
        with self._changed:
            stride = math.ceil(len(self._losses) / (MAX_POINTS - 1)) or 1
            return self._losses[:-1:stride] + self._losses[-1:]


class JobHandle:
    """Watches and controls a job of a studio. Every method may be called from any thread at any time.

    Attributes:
        name: Name of its run in the workspace.
        path: Folder of its run.
        content: Name of the photo.
        styles: Names of the style images.
        position: Position in the queue: 1 is painted next, 0 is not waiting.
        monitor: Its progress and its losses.
        is_film: Whether it is a film, which lets pictures go first.
    """

    is_film: ClassVar[bool] = False

    def __init__(
        self,
        path: Path,
        *,
        condition: threading.Condition,
        on_change: Callable[[], None],
        cancels_on_close: Callable[[], bool],
    ) -> None:
        """Open the run folder of a job; only a Studio does this.

        `condition` is the studio's lock; `on_change` is called with it held whenever the state has changed;
        `cancels_on_close` returns whether the job ends when its pages are closed. Raises InputError if the folder is
        damaged.
        """
        self.name = path.name
        self.path = path
        self.position = 0
        self._condition = condition
        self._on_change = on_change
        self._cancels_on_close = cancels_on_close
        self._run: Run | None = None
        self._ending: JobEnding | None = None
        self._active = False  # taken by the worker
        self._paused = False
        self._stopping = False  # by the user
        self._set_aside = False  # by the studio
        self._changes: dict[str, Any] = {}  # to be applied when the run exists
        self._failure = ""
        self._watchers: set[Hashable] = set()
        self._grace_timer: threading.Timer | None = None
        self._picture_lock = threading.Lock()
        self._picture: tuple[int, UInt8[np.ndarray, "h w 3"]] | None = None
        self._open()

    def _open(self) -> None:
        """Read what is painted, and how far it is."""
        folder = RunFolder.open(self.path)
        self.content = folder.kept_inputs.content.name
        self.styles = tuple(style.name for style in folder.kept_inputs.styles)
        self._recipe = folder.recipe
        self.monitor = JobMonitor(self._recipe.schedule.steps)
        self.monitor.restore(folder.read_log().steps, self._recipe.schedule.steps)

    # -- watching ------------------------------------------------------------------------------------------------------

    @property
    def state(self) -> JobState:
        """State of the job; a waiting job can be paused, too."""
        with self._condition:
            if self._ending:
                return self._ending
            if self._paused:
                return "paused"
            return "painting" if self._active else "waiting"

    @property
    def has_ended(self) -> bool:
        """Whether it is finished, stopped or failed."""
        return self._ending is not None

    @property
    def recipe(self) -> Recipe:
        """The recipe with all changes so far, device and precision resolved."""
        with self._condition:
            return self._recipe if self._run is None else self._run.recipe

    @property
    def message(self) -> str:
        """The error or the last notice in one line, or an empty text."""
        return self._failure or self.monitor.notice

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until the job has ended; return False after `timeout` seconds."""
        with self._condition:
            return self._condition.wait_for(lambda: self._ending is not None, timeout)

    def picture(self) -> UInt8[np.ndarray, "h w 3"] | None:
        """Return the newest picture at the size of the current level, or None if there is none yet.

        It is computed once for each `picture_version` of a running job, in the calling thread; otherwise it is read
        from the run folder.
        """
        with self._picture_lock:
            version, run = self.monitor.picture_version, self._run
            if run is None:
                self._picture = None
            elif self._picture is None or self._picture[0] != version:
                image = run.image
                self._picture = None if image is None else (version, np.asarray(image))
            return read_pixels(newest_picture(self.path)) if self._picture is None else self._picture[1]

    def result(self) -> Path | None:
        """Return the path of the picture of a finished or stopped job."""
        path = self.path / RESULT
        return path if self.state in ("finished", "stopped") and path.is_file() else None

    def watch(self, watcher: Hashable) -> None:
        """Count a page, or any other watcher, until `unwatch` or `page_closed`."""
        with self._condition:
            self._watchers.add(watcher)
            self._stop_grace_timer()

    def unwatch(self, watcher: Hashable) -> None:
        """Report that a watcher watches something else now."""
        with self._condition:
            self._watchers.discard(watcher)

    def page_closed(self, watcher: Hashable) -> None:
        """Report that a page that showed the job was closed.

        If nobody watches the job `GRACE_SECONDS` later, it is stopped, unless the studio continues jobs without pages.
        """
        with self._condition:
            self._watchers.discard(watcher)
            self._stop_grace_timer()
            if self._ending is None and self._cancels_on_close():
                self._grace_timer = threading.Timer(GRACE_SECONDS, self._stop_if_unwatched)
                self._grace_timer.daemon = True
                self._grace_timer.start()

    def _stop_grace_timer(self) -> None:
        if self._grace_timer is not None:
            self._grace_timer.cancel()

    def _stop_if_unwatched(self) -> None:
        with self._condition:
            if self._cancels_on_close() and not self._watchers:
                self.stop()

    # -- control -------------------------------------------------------------------------------------------------------

    def pause(self) -> None:
        """Wait before the next step until `resume`; other jobs are painted in the meantime."""
        with self._condition:
            if self._ending is None and not self._stopping:
                self._paused = True
                if self._run is not None:
                    self._run.pause()
                self._notify()

    def resume(self) -> None:
        """Continue after `pause`, before all jobs that were submitted later."""
        with self._condition:
            self._paused = False
            if self._run is not None:
                self._run.resume()
            self._notify()

    def stop(self) -> None:
        """End after the current step and keep the picture; delete a job that has no picture yet."""
        with self._condition:
            if self._ending is not None:
                return
            self._stopping, self._paused = True, False
            if not self._active:
                self._failure, self._ending = self._withdraw(), "stopped"
            else:
                self._stop_run()
            self._notify()

    def change(self, **settings: Any) -> None:
        """Change settings from the next step on.

        Args:
            **settings: New values by the flat names of the recipe.

        Raises:
            InputError: If a setting cannot change any more, a value is out of bounds, or the job has ended.
        """
        check_balance(settings)
        now = self.recipe.after()
        wanted = now.with_changes(**settings)
        fixed = sorted(set(wanted.changes_from(now)) - CHANGEABLE)
        if fixed:
            raise InputError(f"{', '.join(fixed)} cannot change any more: submit a new job")
        with self._condition:
            if self._ending is not None:
                raise InputError("the run has ended: its recipe cannot change any more")
            if self._run is not None:
                self._run.change(**settings)
            elif self._active or RunFolder.open(self.path).has_checkpoint:
                check_change(now, wanted)
                self._changes |= settings
            else:
                self._recipe = self._recipe.with_changes(**settings)
                change_recipe(self.path, self._recipe)

    # -- for the studio and its worker ---------------------------------------------------------------------------------

    def activate(self) -> None:
        """Mark the job as being painted; called by the worker with the lock held."""
        self._active = True
        self._notify()

    def set_aside(self) -> None:
        """Stop after the current step and wait in the queue again; called with the lock held."""
        if not self._set_aside:
            self._set_aside = True
            self._stop_run()

    def set_position(self, position: int) -> None:
        """Set the position in the queue; called with the lock held."""
        if position != self.position:
            self.position = position
            self.monitor.notify()

    def paint(self, session: Session) -> None:
        """Paint until the run ends or is set aside. Never raises: an error becomes the job's message."""
        try:
            ending_now = self._paint(session)
            with self._condition:
                self._leave_worker(ending_now())
        except Exception as error:
            message = error_line(error, self.path)
            self._record_failure(message)
            with self._condition:
                self._failure = message
                self._leave_worker("failed")
        with self._picture_lock:
            self._picture = None

    def _paint(self, session: Session) -> Callable[[], JobEnding | None]:
        """Paint, and return what tells with the lock held how the job has ended, or None if it waits again."""
        attached = threading.Event()

        def record(event: Event) -> None:
            # The first event waits, so that requests made before the run existed apply from the first step on.
            attached.wait()
            self.monitor.record(event)

        run = session.resume(self.path, on_event=record)
        try:
            log = RunFolder.open(self.path).read_log()
            # Not of `run`: the monitor is kept when the job has ended, and would keep canvas and features.
            self.monitor.restore(
                log.steps, run.recipe.schedule.steps, run.levels, lambda: getattr(self._run, "level_costs", ())
            )
            self._attach(run)
        except BaseException:
            run.stop()
            attached.set()
            with suppress(Exception):
                run.wait()
            raise
        attached.set()
        result = run.wait()
        if result.steps and (result.reason != "stopped" or self._stopping):
            # If the disk is full now, a 16-bit file can still be made from the run's 8-bit picture.
            with suppress(ImpastoError, OSError):
                result.save(self.path / RESULT_16_BIT, bits=16)
        return partial(self._ending_of, result)

    def _stop_run(self) -> None:
        """End after the current step; called with the lock held."""
        if self._run is not None:
            self._run.stop()

    def _withdraw(self) -> str:
        """Take a job from the queue that is not being painted; return a message in one line, or an empty text."""
        return withdraw(self.path)

    def _record_failure(self, message: str) -> None:
        record_failure(self.path, message)

    def _attach(self, run: Run) -> None:
        """Keep the handle of the run and apply the requests made before it existed."""
        with self._condition:
            self._run = run
            changes, self._changes = self._changes, {}
            if changes:
                run.change(**changes)
            if self._stopping or self._set_aside:
                run.stop()
            elif self._paused:
                run.pause()

    def _ending_of(self, result: Result) -> JobEnding | None:
        """Return how the job ended, or None if it waits again; called with the lock held."""
        if result.reason != "stopped":
            return "finished"
        if not self._stopping:
            # The studio stopped the run, not the user: it continues later, so its log must have no ending.
            clear_ending(self.path)
            return None
        if not result.steps:
            shutil.rmtree(self.path, ignore_errors=True)
        return "stopped"

    def _leave_worker(self, ending: JobEnding | None) -> None:
        """Release the run and its memory; called with the lock held."""
        if self._run is not None:
            self._recipe = self._run.recipe
        self._run, self._active, self._set_aside, self._ending = None, False, False, ending
        if ending:
            self._paused = False
        self.monitor.notify(picture=True)
        self._notify()

    def _notify(self) -> None:
        """Notify watchers and the studio of a changed state; called with the lock held."""
        self.monitor.notify()
        self._on_change()

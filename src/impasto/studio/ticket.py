"""An order of a studio, from the queue to the finished picture: how it stands, and how it is steered."""

import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Literal, TypeAlias

import numpy as np
import PIL.Image
from jaxtyping import UInt8

from impasto import api
from impasto.errors import ImpastoError, InputError
from impasto.events import Event, StopReason
from impasto.painting import CHANGEABLE, Painter, plan_levels
from impasto.recipe import Recipe, check_balance
from impasto.runs import RunFolder
from impasto.runs.checkpoint import NEWEST
from impasto.studio.entries import newest_picture
from impasto.studio.orders import FIXED, alter, check_altered, give_up, note_failure, one_line, set_back
from impasto.studio.watch import Standing, Watch

TicketState: TypeAlias = Literal["waiting", "painting", "paused", "finished", "stopped", "failed"]


class Ticket:
    """What a person holds who has ordered a picture. Every method may be called from any thread at any time.

    `name` is the run's in the workspace; `place` counts from 1, which is painted next, and is 0 when it does not wait.
    """

    def __init__(
        self, path: Path, *, turn: threading.Condition, moved: Callable[[], None], cancels_on_close: bool
    ) -> None:
        """Hold a place for a run folder; made by a Studio, whose lock is `turn`.

        `moved` is called, the lock held, whenever the state has changed. Raises InputError for a damaged folder.
        """
        folder = RunFolder.open(path)
        self.name = path.name
        self.path = path
        self.place = 0
        self._recipe = folder.recipe
        self._turn = turn
        self._moved = moved
        self._cancels_on_close = cancels_on_close
        self._run: api.Run | None = None
        self._ended: Literal["finished", "stopped", "failed"] | None = None
        self._in_hand = self._paused = self._aside = False
        self._wish: Literal["stop", "cancel"] | None = None
        self._changes: dict[str, Any] = {}
        self._failure = ""
        self._watchers = 0
        self._abandoned = False
        self._watch = Watch(self._recipe.steps)
        self._watch.recall(folder.events(), self._recipe.steps)
        self._looking = threading.Lock()
        self._frame: tuple[int, UInt8[np.ndarray, "h w 3"]] | None = None

    # -- watching ------------------------------------------------------------------------------------------------------

    @property
    def state(self) -> TicketState:
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

    @property
    def message(self) -> str:
        """Why it failed, or what is good to know, in one line; empty if there is nothing to say."""
        return self._failure or self._watch.notice

    @property
    def version(self) -> int:
        """A number that grows with each new picture."""
        return self._watch.version

    @property
    def news(self) -> int:
        """A number that grows with everything that is worth showing: pictures, steps, states, places."""
        return self._watch.news

    def wait_for_news(self, seen: int, timeout: float) -> int:
        """Sleep until `news` is no longer `seen`, for `timeout` seconds at most; return it as it is now."""
        return self._watch.wait(seen, timeout)

    def wait(self, timeout: float | None = None) -> bool:
        """Sleep until it is finished, stopped or failed; return False if that took longer than `timeout` seconds."""
        with self._turn:
            return self._turn.wait_for(lambda: self._ended is not None, timeout)

    def progress(self) -> Standing:
        """Return how far it is."""
        return self._watch.standing()

    def losses(self) -> dict[str, list[float]]:
        """Return `step`, `total` and the weighted terms, at most 200 values each, for a small plot."""
        return self._watch.losses()

    def frame(self) -> UInt8[np.ndarray, "h w 3"] | None:
        """Return the newest picture, at the size of the current level, or None if there is none yet.

        While it is painted the picture is computed once for each `version`, in the thread that asks; else it is read
        from the folder, each time.
        """
        with self._looking:
            version, run = self.version, self._run
            if run is None:
                self._frame = None
                return _read(newest_picture(self.path))
            if self._frame is None or self._frame[0] != version:
                image = run.image
                if image is None:
                    return _read(newest_picture(self.path))
                self._frame = version, np.asarray(image)
            return self._frame[1]

    def result(self) -> Path | None:
        """Return the path of the picture once it is finished or stopped."""
        path = self.path / "result.png"
        return path if self.state in ("finished", "stopped") and path.is_file() else None

    @contextmanager
    def watch(self) -> Iterator[None]:
        """Count as somebody who looks at it; see `abandoned`."""
        with self._turn:
            self._watchers += 1
            self._abandoned = False
        try:
            yield
        finally:
            with self._turn:
                self._watchers -= 1
                self._leave_if_alone()

    # -- steering ------------------------------------------------------------------------------------------------------

    def pause(self) -> None:
        """Wait before the next step until `resume`; meanwhile others are painted."""
        with self._turn:
            if self._ended is None and self._wish is None:
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
        self._end_by("stop")

    def cancel(self) -> None:
        """Leave the queue, or end as by `stop`; the run's folder goes away if nothing was painted."""
        self._end_by("cancel")

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

    def abandoned(self) -> None:
        """Say that a page was closed: if nobody else looks, the order is cancelled, where the studio was so told."""
        with self._turn:
            self._abandoned = True
            self._leave_if_alone()

    # -- for the worker of the studio ----------------------------------------------------------------------------------

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
        """Paint until the run ends or is set aside. Never raises: what goes wrong is the ticket's message."""
        try:
            reason, steps = self._paint()
        except Exception as error:
            self._fail(one_line(error, self.path))
        else:
            self._put_down(reason, steps)
        with self._looking:
            self._frame = None

    def touch(self) -> None:
        """Tell whoever waits for news that there is some."""
        self._watch.touch()

    def _paint(self) -> tuple[StopReason, int]:
        ready = threading.Event()

        def hear(event: Event) -> None:
            # Only the first event ever waits: what was wished before must count from the first step on.
            ready.wait()
            self._watch.hear(event)

        run = api.resume(self.path, on_event=hear)
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
        return result.reason, result.steps

    def _hold(self, run: api.Run) -> None:
        """Take the handle, and pass on what was wished before there was one."""
        with self._turn:
            self._run = run
            if self._changes:
                changes, self._changes = self._changes, {}
                run.change(**changes)
            if self._wish or self._aside:
                run.stop()
            elif self._paused:
                run.pause()

    def _put_down(self, reason: StopReason, steps: int) -> None:
        with self._turn:
            try:
                if reason == "stopped" and self._wish is None:
                    # Not by the person: the log must not say so.
                    set_back(self.path)
                else:
                    self._ended = "stopped" if reason == "stopped" else "finished"
            except ImpastoError as error:
                self._failure, self._ended = one_line(error, self.path), "failed"
            if self._ended == "stopped" and self._wish == "cancel" and not steps:
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

    # -- what both share -----------------------------------------------------------------------------------------------

    def _end_by(self, wish: Literal["stop", "cancel"]) -> None:
        with self._turn:
            if self._ended is not None:
                return
            self._wish, self._paused = wish, False
            if not self._in_hand:
                self._failure, self._ended = give_up(self.path), "stopped"
            elif self._run is not None:
                self._run.stop()
            self._tell()

    def _leave_if_alone(self) -> None:
        if self._abandoned and not self._watchers and self._cancels_on_close:
            self._end_by("cancel")

    def _tell(self) -> None:
        self._watch.touch()
        self._moved()


def _read(path: Path | None) -> UInt8[np.ndarray, "h w 3"] | None:
    try:
        if path is not None:
            with PIL.Image.open(path) as image:
                return np.asarray(image.convert("RGB"))
    except OSError:
        # Deleted, or being replaced, at this very moment.
        pass
    return None

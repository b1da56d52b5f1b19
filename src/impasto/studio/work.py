"""An order as the worker handles it: taken in hand, painted, set aside, ended."""

import shutil
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias

from impasto import api
from impasto.errors import ImpastoError
from impasto.events import Event, StopReason
from impasto.painting import plan_levels
from impasto.recipe import Recipe
from impasto.runs import RunFolder
from impasto.studio.orders import give_up, note_failure, one_line, set_back
from impasto.studio.watch import Watch

SIXTEEN_BITS: Final = "result.tif"
"""A result with the 16 bits that were painted, in the run's folder."""

TicketState: TypeAlias = Literal["waiting", "painting", "paused", "finished", "stopped", "failed"]


class Work:
    """A run folder on its way through the studio.

    `name` is the run's in the workspace; `place` counts from 1, which is painted next, and is 0 when it does not wait.
    """

    def __init__(self, path: Path, *, turn: threading.Condition, moved: Callable[[], None]) -> None:
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
        self._run: api.Run | None = None
        self._ended: Literal["finished", "stopped", "failed"] | None = None
        self._in_hand = self._paused = self._aside = False
        self._ends = False
        self._changes: dict[str, Any] = {}
        self._failure = ""
        self._watch = Watch(self._recipe.steps)
        self._watch.recall(folder.events(), self._recipe.steps)

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

    def touch(self) -> None:
        """Tell whoever waits for news that there is some."""
        self._watch.touch()

    # -- the thread that paints ----------------------------------------------------------------------------------------

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
        if result.steps and (result.reason != "stopped" or self._ends):
            # Beside the run's own picture of 8 bits; whoever asks for 16 gets 8 if the disk is full.
            with suppress(ImpastoError, OSError):
                result.save(self.path / SIXTEEN_BITS, bits=16)
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

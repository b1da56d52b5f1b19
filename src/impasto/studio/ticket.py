"""What a person holds who has ordered a picture: it tells how the order stands, and steers it."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import numpy as np
from jaxtyping import UInt8

from impasto.errors import InputError
from impasto.painting import CHANGEABLE, Painter
from impasto.recipe import check_balance
from impasto.runs.checkpoint import NEWEST
from impasto.studio.entries import newest_picture, read_frame
from impasto.studio.orders import FIXED, alter, check_altered
from impasto.studio.watch import Standing
from impasto.studio.work import Work

GRACE: Final = 15.0
"""Seconds in which a page that was closed may come back, as one that is loaded again does."""


class Ticket(Work):
    """An order in the hands of the person. Every method may be called from any thread at any time."""

    def __init__(
        self, path: Path, *, turn: threading.Condition, moved: Callable[[], None], cancels_on_close: bool
    ) -> None:
        """Hold a place for a run folder; made by a Studio (see `Work`)."""
        super().__init__(path, turn=turn, moved=moved)
        self._cancels_on_close = cancels_on_close
        self._watchers = 0
        self._leaving: threading.Timer | None = None
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
                return read_frame(newest_picture(self.path))
            if self._frame is None or self._frame[0] != version:
                image = run.image
                if image is None:
                    return read_frame(newest_picture(self.path))
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
            if self._leaving is not None:
                self._leaving.cancel()
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

    def abandoned(self) -> None:
        """Say that a page was closed and looks no more: if nobody does `GRACE` seconds later, the order is cancelled.

        Does nothing in a studio that was told to go on without pages.
        """
        with self._turn:
            if self._leaving is not None:
                self._leaving.cancel()
            if self._ended is None and not self._watchers and self._cancels_on_close:
                self._leaving = threading.Timer(GRACE, self._leave_if_alone)
                self._leaving.daemon = True
                self._leaving.start()

    def keep(self) -> None:
        """Stay whoever closes a page from now on: the studio closes, and every page with it."""
        with self._turn:
            self._cancels_on_close = False

    def _leave_if_alone(self) -> None:
        with self._turn:
            if self._cancels_on_close and not self._watchers:
                self._end()

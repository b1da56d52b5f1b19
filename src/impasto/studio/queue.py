"""The studio: one worker that paints orders one after the other, and the queue in front of it."""

import atexit
import threading
from collections import OrderedDict
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Final, Literal, TypeAlias

from impasto.api import Region
from impasto.api.inputs import Source, StyleSource
from impasto.errors import InputError
from impasto.recipe import Recipe
from impasto.runs.lock import FolderLock
from impasto.studio.job import JobHandle
from impasto.studio.load_run import originals
from impasto.studio.run_index import RunEntry
from impasto.studio.submission import Limits, Submission, read_submission, repeat_submission, take_up, write_submission
from impasto.studio.workspace import Workspace

OnClose: TypeAlias = Literal["cancel", "go_on"]

_LOCK: Final = "studio.lock"
_REMEMBERED: Final = 500
"""Tickets that have ended and are still known by name."""


class Studio:
    """Takes orders and paints them in the order in which they came, one at a time, in a thread of its own.

    Orders wait in their run folders: none of their pixels is in memory, and they survive the end of the process. On
    start whatever a studio before this one left waiting or half painted waits again, oldest first; what a person
    stopped does not. Every method may be called from any thread.
    """

    def __init__(
        self,
        workspace: Workspace,
        *,
        max_pixels: int = 50_000_000,
        max_bytes: int = 100_000_000,
        on_close: OnClose = "cancel",
    ) -> None:
        """Open the studio and begin to paint what waits.

        `max_pixels` bounds every picture that is given and every result, `max_bytes` the files; `on_close` tells what
        becomes of an order when its page is closed (`JobHandle.page_closed`). Raises InputError if another process has
        opened a studio in this workspace.
        """
        self.workspace = workspace
        self.on_close: OnClose = on_close
        self.limits = Limits(max_pixels=max_pixels, max_bytes=max_bytes)
        self._lock = FolderLock(workspace.path / _LOCK)
        self._lock.acquire()
        self._door = threading.Lock()
        self._turn = threading.Condition()
        self._line: list[JobHandle] = []
        self._tickets: OrderedDict[str, JobHandle] = OrderedDict()
        self._current: JobHandle | None = None
        self._closing = False
        with self._turn:
            for entry in reversed(workspace.list_runs()):
                if entry.status in ("waiting", "interrupted"):
                    # One that was damaged or deleted just now does not keep the studio shut.
                    with suppress(InputError):
                        self._add(entry.path)
        self._thread = threading.Thread(target=self._work, name="impasto-studio", daemon=True)
        # A run ends itself when the interpreter does; whoever was painted then goes on at the next start.
        atexit.register(self.close)
        self._thread.start()

    def __enter__(self) -> "Studio":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # -- orders --------------------------------------------------------------------------------------------------------

    def submit(
        self,
        content: Source,
        styles: StyleSource | Sequence[StyleSource],
        recipe: Recipe | str | None = None,
        regions: str | Region | Sequence[str | Region] | None = None,
        *,
        source_run: str | None = None,
    ) -> JobHandle:
        """Take an order; the arguments are those of `impasto.stylize`.

        Everything is read and checked before this returns, and the order is on the disk. A string names a built-in
        style or a file of this machine: of what a stranger typed pass none on. `source_run` is the name of a run:
        copies of its pictures (`load_run`) stand for the pictures themselves. Raises InputError in one line.
        """
        self._check_open()
        known = originals(self.workspace, source_run) if source_run else {}
        return self._enter(read_submission(self.limits, content, styles, recipe, regions, known))

    def repeat(self, name: str, seed: int | None = None) -> JobHandle:
        """Submission a run's picture once more with another seed (by chance if None), from the run's own copies."""
        self._check_open()
        return self._enter(repeat_submission(self.limits, self.workspace.folder_of(name), seed))

    def resume(self, name: str) -> JobHandle:
        """Let a run that was stopped, failed or interrupted wait for the rest of its steps.

        If it waits or is painted already, its job is returned. Raises InputError if it is finished or unknown.
        """
        self._check_open()
        path = self.workspace.folder_of(name)
        with self._turn:
            job = self._tickets.get(name)
            if job in self._line and job is not None:
                return job
            take_up(path)
            return self._add(path)

    def job(self, name: str) -> JobHandle | None:
        """Return the job of a run that waits, is painted, or has ended lately."""
        with self._turn:
            return self._tickets.get(name)

    def list_runs(self) -> list[RunEntry]:
        """Return the workspace's runs, newest first, with what this studio knows of them."""
        with self._turn:
            states = {job.name: job.state for job in self._line}
        return [
            replace(entry, status=states[entry.name]) if entry.name in states else entry
            for entry in self.workspace.list_runs()
        ]

    def delete(self, name: str) -> None:
        """Remove a run; one that waits leaves the queue. Raises InputError if it is being painted or unknown."""
        with self._turn:
            job = self._tickets.get(name)
            if job is not None and job is self._current:
                raise InputError(f"{name} is being painted: stop it first")
            if job is not None:
                job.stop()
                self._tickets.pop(name, None)
                if not job.path.exists():
                    self.workspace.remove_shared(name)
                    return
        self.workspace.delete(name)

    def close(self) -> None:
        """Let the run that is painted finish its step, leave it and all others for the next start, and end the worker.

        Nothing happens if the studio is closed already.
        """
        with self._turn:
            self._closing = True
            for job in self._tickets.values():
                job.keep()
            if self._current is not None:
                self._current.set_aside()
            self._turn.notify_all()
        self._thread.join()
        self._lock.release()
        atexit.unregister(self.close)

    # -- the queue -----------------------------------------------------------------------------------------------------

    def _check_open(self) -> None:
        if self._closing:
            raise InputError("the studio is closing: try again in a moment")

    def _enter(self, order: Submission) -> JobHandle:
        # One at a time, so that orders stand in the queue as their folders are dated, also after a restart.
        with self._door:
            path = write_submission(self.workspace, order)
            with self._turn:
                return self._add(path)

    def _add(self, path: Path) -> JobHandle:
        job = JobHandle(path, turn=self._turn, moved=self._move_up, cancels_on_close=self.on_close == "cancel")
        self._tickets[job.name] = job
        self._tickets.move_to_end(job.name)
        self._line.append(job)
        self._move_up()
        return job

    def _move_up(self) -> None:
        """Give everybody the place that is theirs now; the lock is held."""
        self._line = [job for job in self._line if job.state in ("waiting", "painting", "paused")]
        waiting = [job for job in self._line if job.state == "waiting"]
        places = {job.name: place for place, job in enumerate(waiting, start=1)}
        for job in self._tickets.values():
            place = places.get(job.name, 0)
            if place != job.position:
                job.position = place
                job.touch()
        if self._current is not None and self._current.state == "paused" and waiting:
            # Whoever pauses does not make the others wait.
            self._current.set_aside()
        self._forget()
        self._turn.notify_all()

    def _forget(self) -> None:
        ended = [name for name, job in self._tickets.items() if job not in self._line]
        for name in ended[: max(0, len(ended) - _REMEMBERED)]:
            del self._tickets[name]

    # -- the worker ----------------------------------------------------------------------------------------------------

    def _work(self) -> None:
        while (job := self._next()) is not None:
            job.paint()
            with self._turn:
                self._current = None
                self._move_up()

    def _next(self) -> JobHandle | None:
        """Sleep until somebody waits, and take the first in hand; None when the studio closes."""
        with self._turn:
            while not self._closing:
                job = next((job for job in self._line if job.state == "waiting"), None)
                if job is not None:
                    self._current = job
                    job.take_in_hand()
                    return job
                self._turn.wait()
            return None

"""The studio: a queue of jobs and the one worker thread that paints them."""

import atexit
import threading
from collections import OrderedDict
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, ClassVar, Final, Literal, TypeAlias

from impasto.api import Estimate, RegionSource, Session, Source, StyleSource
from impasto.backbones import release_memory
from impasto.errors import InputError
from impasto.recipe import Recipe
from impasto.runs import FolderLock, RunFolder, is_locked
from impasto.studio.film_record import FilmRecord
from impasto.studio.job import JobHandle
from impasto.studio.load_run import originals_of
from impasto.studio.run_index import RunEntry, Workspace
from impasto.studio.submission import (
    Limits,
    Submission,
    read_submission,
    repeat_submission,
    requeue,
    within_limits,
    write_submission,
)
from impasto.studio.wall import Previews, StyleWall

if TYPE_CHECKING:
    from impasto.studio.film import FilmOrder

OnClose: TypeAlias = Literal["cancel", "go_on"]

_VARIATIONS: Final = 4
_VARIATION_SIZE: Final = 256
"""Long side of a variation in pixels, at most."""

_CACHE_MEGABYTES: Final = 64.0
"""Kept of styles: enough for the dials; every seed measures its own."""

_MAX_ENDED: Final = 500
"""Number of ended jobs that are kept in memory."""


class Studio:
    """Paints submissions one at a time, in their order, in a worker thread; films let pictures go first.

    Waiting jobs are kept in their run folders, not in memory, and survive the end of the process. A new studio queues
    the waiting and interrupted runs of an earlier one again, oldest first. Every method may be called from any thread.

    Attributes:
        workspace: The folder of its runs.
        on_close: What happens to a job when its page is closed.
        limits: Bounds of pictures.
        wall: The styles that its visitors choose from.
        previews: Paints photos in these styles at once.
    """

    _wall_type: ClassVar[type[StyleWall]] = StyleWall

    def __init__(
        self,
        workspace: Workspace,
        *,
        max_pixels: int = 50_000_000,
        max_bytes: int = 100_000_000,
        on_close: OnClose = "cancel",
    ) -> None:
        """Open the studio and start the worker.

        Args:
            workspace: The folder of its runs.
            max_pixels: Limit of width times height of every input and every result.
            max_bytes: Limit of the length of files.
            on_close: Whether a job is canceled or continues when its page is closed; see `JobHandle.page_closed`.

        Raises:
            InputError: If another process has opened a studio in this workspace.
        """
        self.workspace = workspace
        self.on_close: OnClose = on_close
        self.limits = Limits(max_pixels=max_pixels, max_bytes=max_bytes)
        self.wall = self._wall_type(workspace.path / "styles", self.limits.max_megapixels)
        self.previews = Previews(self.wall)
        lock = workspace.path / "studio.lock"
        if is_locked(lock):
            raise InputError(
                f"a studio is open with {workspace.path} already: use its page (http://127.0.0.1:7860 by default), end "
                "it with Ctrl-C, or give --workspace another folder"
            )
        self._lock = FolderLock(lock)
        self._lock.acquire()
        workspace.remove_unfinished()
        self._submit_lock = threading.Lock()
        self._condition = threading.Condition()
        self._jobs: OrderedDict[str, JobHandle] = OrderedDict()  # in the order of submission, with ended ones
        self._current: JobHandle | None = None
        self._closing = False
        with self._condition:
            for entry in reversed(workspace.list_runs()):
                if entry.status in ("waiting", "interrupted"):
                    # A run that is damaged or just deleted must not prevent the studio from opening.
                    with suppress(InputError):
                        self._add(entry.path)
        self._thread = threading.Thread(target=self._work, name="impasto-studio", daemon=True)
        # The current run ends with the interpreter and continues at the next start.
        atexit.register(self.close)
        self._thread.start()

    def __enter__(self) -> "Studio":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # -- jobs ----------------------------------------------------------------------------------------------------------

    def submit(
        self,
        content: Source,
        styles: StyleSource | Sequence[StyleSource],
        recipe: Recipe | str | None = None,
        regions: RegionSource | Sequence[RegionSource] | None = None,
        *,
        source_run: str | None = None,
    ) -> JobHandle:
        """Read and check a submission, save it, and put it at the end of the queue.

        Args:
            content: The photo; this and the next three are as for `impasto.stylize`. A string may name any file of
                this machine, so never pass a string that a visitor typed.
            styles: Style images.
            recipe: A recipe or the name of a preset.
            regions: Regions with their own styles; None for those of the recipe.
            source_run: Name of a run; copies of its inputs (see `load_run`) are replaced by the inputs themselves.

        Raises:
            InputError: In one line, if something cannot be used.
        """
        self._check_open()
        originals = originals_of(self.workspace, source_run) if source_run else {}
        return self._enqueue(read_submission(self.limits, content, styles, recipe, regions, originals=originals))

    def submit_film(self, order: "FilmOrder") -> JobHandle:
        """Check a film, keep its clip and styles, and put it into the queue, unless the same one is there already.

        Raises:
            InputError: In one line, if it cannot be painted, or PyAV is missing.
        """
        from impasto.studio.film import FilmJob, check_order, write_order

        self._check_open()
        record, files = check_order(self.limits, order)
        with self._submit_lock:
            known = (job for job in self.jobs() if isinstance(job, FilmJob) and job.record.is_same_film(record))
            if (job := next(known, None)) is not None:
                return job
            path = write_order(self.workspace, record, files)
            with self._condition:
                return self._add(path)

    def estimate(
        self,
        content: Source,
        styles: StyleSource | Sequence[StyleSource],
        recipe: Recipe,
        regions: RegionSource | Sequence[RegionSource] | None = None,
    ) -> Estimate | None:
        """Return what a picture takes, about; None while a job is painted, beside which nothing can be measured.

        Raises:
            InputError: In one line, if something cannot be used.
        """
        if self.is_painting:
            return None
        recipe = within_limits(self.limits, content, styles, recipe, regions)
        return self.previews.estimate(content, styles, recipe, regions)

    def repeat(self, name: str, seed: int | None = None) -> JobHandle:
        """Submit a run again with another seed (random if None), from the run folder's copies of its inputs."""
        return self._repeat(name, seed)

    def _repeat(self, name: str, seed: int | None, most: int | None = None) -> JobHandle:
        self._check_open()
        return self._enqueue(repeat_submission(self.limits, self.workspace.folder_of(name), seed, most))

    def variations(self, name: str) -> list[JobHandle]:
        """Submit a run again four times, small and each with another seed, to choose the seed of a large picture from.

        The coarsest level, where a seed acts, is the same at any size, so that the small pictures show the large ones.
        """
        return [self._repeat(name, seed=None, most=_VARIATION_SIZE) for _ in range(_VARIATIONS)]

    def resume(self, name: str) -> JobHandle:
        """Put a run that was stopped, failed or interrupted back into the queue, and return its handle.

        A run that is in the queue already keeps its position. Raises InputError if the run is finished or unknown.
        """
        self._check_open()
        path = self.workspace.folder_of(name)
        with self._condition:
            job = self._jobs.get(name)
            if job is not None and not job.has_ended:
                return job
            if FilmRecord.is_in(path):
                from impasto.studio.film import requeue_film

                requeue_film(path)
            else:
                requeue(path)
            return self._add(path)

    def recipe_of(self, name: str) -> Recipe:
        """Return the recipe of a run; raises InputError if there is no such run, or it is damaged."""
        return RunFolder.open(self.workspace.folder_of(name)).recipe

    def job(self, name: str) -> JobHandle | None:
        """Return the handle of a run that is waiting, being painted, or ended recently."""
        with self._condition:
            return self._jobs.get(name)

    def jobs(self) -> list[JobHandle]:
        """Return the jobs that have not ended: the one that is painted, and the others in the order of the queue."""
        with self._condition:
            left = [job for job in self._jobs.values() if not job.has_ended]
            return sorted(left, key=lambda job: (job is not self._current, job.position))

    @property
    def is_painting(self) -> bool:
        """Whether a job is being painted or paused."""
        with self._condition:
            return self._current is not None

    def list_runs(self) -> list[RunEntry]:
        """Return the workspace's runs, newest first, with the states of jobs."""
        with self._condition:
            states = {job.name: job.state for job in self._jobs.values() if not job.has_ended}
        return [
            replace(entry, status=states[entry.name]) if entry.name in states else entry
            for entry in self.workspace.list_runs()
        ]

    def delete(self, name: str) -> None:
        """Delete a run and remove it from the queue. Raises InputError if it is being painted or unknown."""
        with self._condition:
            job = self._jobs.get(name)
            if job is not None and job is self._current:
                raise InputError(f"{name} is being painted: stop it first")
            if job is not None:
                job.stop()
                self._jobs.pop(name, None)
                if not job.path.exists():
                    self.workspace.remove_shared(name)
                    return
        self.workspace.delete(name)

    def close(self) -> None:
        """End the worker after the current step; all jobs wait for the next start. May be called twice."""
        with self._condition:
            self._closing = True
            if self._current is not None:
                self._current.set_aside()
            self._condition.notify_all()
        self.previews.close()
        self._thread.join()
        self._lock.release()
        atexit.unregister(self.close)

    # -- the queue -----------------------------------------------------------------------------------------------------

    def _check_open(self) -> None:
        if self._closing:
            raise InputError("the studio is closing: try again in a moment")

    def _enqueue(self, submission: Submission) -> JobHandle:
        # Under the lock, so that the queue has the order of the folders' dates, as after a restart.
        with self._submit_lock:
            path = write_submission(self.workspace, submission)
            with self._condition:
                return self._add(path)

    def _add(self, path: Path) -> JobHandle:
        job = _kind_of_job(path)(
            path,
            condition=self._condition,
            on_change=self._update_positions,
            cancels_on_close=lambda: self.on_close == "cancel" and not self._closing,
        )
        self._jobs[job.name] = job
        self._jobs.move_to_end(job.name)
        self._update_positions()
        return job

    def _update_positions(self) -> None:
        """Number the waiting jobs and forget the oldest ended ones; called with the lock held."""
        waiting = self._waiting()
        positions = {job.name: position for position, job in enumerate(waiting, start=1)}
        for job in self._jobs.values():
            job.set_position(positions.get(job.name, 0))
        if self._current is not None and waiting:
            # Other jobs do not wait for a paused one, nor pictures for a film.
            is_film = self._current.is_film and not waiting[0].is_film
            if is_film or self._current.state == "paused":
                self._current.set_aside()
        ended = [name for name, job in self._jobs.items() if job.has_ended]
        for name in ended[: max(0, len(ended) - _MAX_ENDED)]:
            del self._jobs[name]
        self._condition.notify_all()

    def _waiting(self) -> list[JobHandle]:
        """Return the waiting jobs in the order in which they are painted; called with the lock held."""
        return sorted((job for job in self._jobs.values() if job.state == "waiting"), key=lambda job: job.is_film)

    # -- the worker ----------------------------------------------------------------------------------------------------

    def _work(self) -> None:
        session = Session(cache_megabytes=_CACHE_MEGABYTES)
        while (job := self._next()) is not None:
            job.paint(session)
            with self._condition:
                self._current = None
                self._update_positions()
            release_memory()

    def _next(self) -> JobHandle | None:
        """Wait for a job and return the first one of the queue, or None when the studio closes."""
        with self._condition:
            while not self._closing:
                if waiting := self._waiting():
                    job = waiting[0]
                    self._current = job
                    job.activate()
                    return job
                self._condition.wait()
            return None


def _kind_of_job(path: Path) -> type[JobHandle]:
    """Return the class of a run's jobs; raises InputError for a film if PyAV is missing."""
    if not FilmRecord.is_in(path):
        return JobHandle
    from impasto.studio.film import FilmJob

    return FilmJob

"""A batch: many photos and styles, one folder of pictures, which can be stopped and continued."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from importlib.metadata import version
from itertools import groupby
from pathlib import Path, PurePosixPath
from typing import Any, Final

import numpy as np

from impasto.api import named_files, plan_job, portable_recipe, read_inputs
from impasto.batch.engines import Engine
from impasto.batch.manifest import MANIFEST, BatchStarted, Manifest, PictureDone
from impasto.batch.painter import Painter
from impasto.batch.storage import OWN, absolute, open_folder, style_source
from impasto.batch.tasks import Task
from impasto.batch.worker import STOP_FILE
from impasto.errors import DiskError, InputError, file_error, reason_of
from impasto.images import MADE_HERE, contact_sheet, encode_picture, quantize, read_picture
from impasto.recipe import Recipe
from impasto.runs import LOCK_FILE, FolderLock

SHEET: Final = "contact-sheet.jpg"
MAX_ON_SHEET: Final = 120
"""Pictures on the contact sheet; the first ones of a larger batch."""
_COLUMNS: Final = 6
_CELL: Final = 256


class Batch:
    """A batch and its folder.

    Args:
        tasks: What is painted.
        out: The folder; it is made, or continued.
        recipe: Recipe of every picture.
        inputs: Other files that are read, and never overwritten.
        **form: `suffix`, `bits` and `quality` of the pictures, as for `Painter`.

    Raises:
        InputError: A style or the recipe cannot be used, or something cannot be written. Nothing was written then.
    """

    def __init__(
        self, tasks: Sequence[Task], out: str, recipe: Recipe, *, inputs: Sequence[Path] = (), **form: Any
    ) -> None:
        self.tasks, self.folder = tasks, open_folder(out)
        self.counts: Counter[str] = Counter()
        self.failed: list[PictureDone] = []
        self.is_stopping = False
        self._recipe, self._form = recipe, form
        self._worker: Painter | None = None
        styles = {task.styles for task in tasks}
        for mix in styles:
            _check_styles(mix, recipe)
        for task in tasks:
            if PurePosixPath(task.output).parts[0] in (MANIFEST, SHEET, OWN):
                raise InputError(f"{task.output}, as which {task.photo} would be painted, is kept for the batch itself")
        self._manifest = Manifest(self.folder)
        self._done = self._manifest.done()
        own = {output for outputs in self._done.values() for output in outputs}
        found = self.folder.existing([SHEET, *(task.output for task in tasks)])
        names = {name for mix in styles for name in mix}
        read = [*map(str, inputs), *(task.photo for task in tasks), *map(str, named_files(*names, recipe=recipe))]
        self.folder.check(sorted(found - own), [MANIFEST, *sorted(found & own)], read)

    @property
    def worker(self) -> Painter:
        """The painter of this batch, for any engine."""
        return Painter(None, self._recipe, folder=absolute(self.folder.path), done=self._done, **self._form)

    def stop(self) -> None:
        """End `paint` after checkpoints of the pictures in work; may be called from a signal handler."""
        self.is_stopping = True
        if self._worker is not None:
            self._worker.stop()
        with suppress(InputError):  # a full disk; the painter of this process has stopped
            self.folder.write(STOP_FILE, b"")

    def paint(self, engine: Engine, on_done: Callable[[PictureDone], None] = lambda _: None) -> None:
        """Paint what is missing; a picture that fails does not end the batch.

        Args:
            engine: Where it is painted.
            on_done: Called with every picture that has ended, in this thread.

        Raises:
            InputError: The folder cannot be written, or another batch writes into it.
            DiskError: The disk is full; the next call goes on there.
        """
        left = {task.output: task for task in self.tasks}
        rows = [
            {"photo": absolute(task.photo), "styles": list(map(absolute, task.styles)), "output": task.output}
            for task in self.tasks
        ]
        worker = self._worker = self.worker
        with self._writing():
            recipe = portable_recipe(self._recipe)
            self._manifest.append(BatchStarted(version=version("impasto"), recipe=recipe, pictures=len(rows)))
            full = ""
            for row in engine(worker, rows):
                if row["status"] == "full":
                    full = row["error"]
                    self.stop()
                elif row["status"] != "stopped":
                    task = left.pop(row["output"])
                    error = row["error"].replace(absolute(task.photo), task.photo)
                    named = {"photo": task.photo, "styles": list(task.styles), "error": error}
                    self._note(PictureDone.of(row | named), on_done)
            if full:
                raise DiskError(f"{full}; the same command continues when there is space again")
            if not self.is_stopping:
                for task in left.values():
                    lost = "the process that painted it died, again and again"
                    self._note(_failed(task, lost), on_done)
            self._write_sheet()

    def _note(self, done: PictureDone, on_done: Callable[[PictureDone], None]) -> None:
        self.counts[done.status] += 1
        if done.status == "failed":
            self.failed.append(done)
        if done.status != "skipped":
            self._manifest.append(done)
        on_done(done)

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """Hold the lock of the folder, and leave nothing in it that is not wanted."""
        work = self.folder.work
        try:
            self.folder.write(STOP_FILE, b"")  # whether anything can be written is known before anything is painted
            self.folder.remove(STOP_FILE)
            work.mkdir(parents=True, exist_ok=True)
            lock = FolderLock(work / LOCK_FILE)
            lock.acquire()
            try:
                yield
            finally:
                self._manifest.close()
                self.folder.remove(STOP_FILE)
                lock.release()
                (work / LOCK_FILE).unlink(missing_ok=True)
        except OSError as error:
            raise file_error(f"cannot write into {self.folder.path}: {reason_of(error)}", error) from None
        for emptied in (work / "runs", work):
            with suppress(OSError):  # runs that can be continued
                emptied.rmdir()

    def _write_sheet(self) -> None:
        """Write a sheet of the pictures that are there, a row for each photo if there are several styles."""
        shown: list[tuple[Task, Any]] = []
        for task in self.tasks:
            with suppress(InputError):  # none was painted, or somebody has damaged it
                if len(shown) < MAX_ON_SHEET and self.folder.exists(task.output):
                    shown.append((task, read_picture(self.folder.read(task.output)).pixels))
        if not shown:
            return
        groups = [list(group) for _, group in groupby(shown, key=lambda one: one[0].photo)]
        is_grid = max(map(len, groups)) == 1
        rows = [shown[i : i + _COLUMNS] for i in range(0, len(shown), _COLUMNS)] if is_grid else groups
        pictures = [[pixels for _, pixels in row] for row in rows]
        captions = [[str(PurePosixPath(task.output).with_suffix("")) for task, _ in row] for row in rows]
        sheet = quantize(contact_sheet(pictures, captions=captions, cell=_CELL))
        record = {**MADE_HERE, "sheet": len(shown)}
        self.folder.write(SHEET, encode_picture(sheet, ".jpg", metadata=record))


def _check_styles(styles: Sequence[str], recipe: Recipe) -> None:
    """Raise InputError for a style or a recipe with which no photo can be painted."""
    if not styles:
        return
    # What stands out in a photo is not known yet, nor on what it will be painted.
    plain = recipe.with_changes(regions=(), device="auto")
    ramp = np.linspace(0, 1, 256)
    photo = np.stack(np.broadcast_arrays(ramp[:, None], ramp[None], ramp[::-1, None]), axis=2)
    plan_job(plain, read_inputs(photo, list(map(style_source, styles)), plain))


def _failed(task: Task, error: str) -> PictureDone:
    return PictureDone(photo=task.photo, styles=list(task.styles), output=task.output, status="failed", error=error)

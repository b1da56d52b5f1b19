"""The folder of a study: one run folder for each run, so that an interrupted study can be continued."""

import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from impasto.api import Job, Session, plan_job, plate_or_file, read_inputs
from impasto.batch import STOP_FILE, Engine, Folder, Row, Worker, absolute, in_process
from impasto.errors import DiskError, InputError, RunError, file_error, reason_of
from impasto.events import Event, Finished, LevelStarted, Listener, Step
from impasto.images import is_leftover
from impasto.painting import Level
from impasto.recipe import checked
from impasto.runs import Inputs, RunFolder, check_inside, read_inside, write_inside
from impasto.study.plan import Cell, Plan


class StudyFolder:
    """A study on disk: `study.json` describes it, `runs/KEY` holds each run.

    Args:
        path: The folder; it is created, or continued if it holds the same study.
        plan: What is painted.
        content: The photo, a file.
        style: The style image, a file or the name of a plate.

    Raises:
        InputError: A run cannot be painted, or the folder holds something else. Nothing has been written then.
    """

    def __init__(self, path: Path, plan: Plan, content: str, style: str) -> None:
        self.path = path
        self.plan = plan
        self.is_stopping = False
        self._content, self._style = content, plate_or_file(style)
        self._folder = Folder(str(path))
        self._worker = RunPainter(*map(absolute, (str(path), content, style)))
        # Every run is checked before the first is painted, so that the study does not fail after hours.
        inputs, self._levels = self._plan_jobs()
        self._claim(
            {
                "format": 2,
                "study": plan.name,
                "content": inputs.content.sha256,
                "style": inputs.styles[0].sha256,
                "runs": {cell.key: cell.recipe.to_dict() for cell in plan.cells},
            }
        )

    def run_folder(self, cell: Cell) -> RunFolder:
        """Open the run folder of a cell; raises InputError if it has not been started."""
        return RunFolder.open(self._path_of(cell))

    @property
    def remaining_cells(self) -> list[Cell]:
        """The runs that have neither finished nor failed, in the order of painting."""
        return [
            cell
            for cell in self.plan.cells
            if not (self._is_started(cell) and self.run_folder(cell).status in ("finished", "failed"))
        ]

    @property
    def remaining_levels(self) -> list[Level]:
        """The levels of these runs, one after the other, as `paint` counts them."""
        return [level for cell in self.remaining_cells for level in self._levels[cell.key]]

    @property
    def has_failed(self) -> bool:
        """Whether any run has failed, now or in an earlier call."""
        return any(self.run_folder(cell).status == "failed" for cell in self.plan.cells)

    def stop(self) -> None:
        """End `paint` after the current step; may be called from any thread."""
        self.is_stopping = True
        self._worker.stop()
        with suppress(InputError):  # a full disk; the worker of this process has stopped
            self._folder.write(STOP_FILE, b"")

    def paint(self, on_event: Listener, on_note: Callable[[str], None], engine: Engine = in_process) -> None:
        """Paint the remaining runs until all have ended or `stop` is called.

        A run that fails does not end the study. Raises DiskError if the disk is full, and RunError if the process of a
        run died again and again: the next call goes on there.

        Args:
            on_event: Called in the painting thread with every event but `Finished`, if that is in this process; levels
                and steps are counted over all remaining runs.
            on_note: Called with one line when a run starts, or elsewhere has ended, or fails.
            engine: Where the runs are painted.
        """
        cells = {cell.key: cell for cell in self.remaining_cells}
        progress = _Progress(list(cells.values()), self._levels, on_event, on_note)
        self._worker.listeners = progress.begin, progress.forward
        rows: list[Row] = [{"key": key, "recipe": cell.recipe.as_json()} for key, cell in cells.items()]
        try:
            for row in engine(self._worker, rows) if rows else ():
                cell = cells[row["key"]]
                if row["status"] == "full":
                    self.stop()
                    again = "the same study continues when there is space again"
                    raise DiskError(f"{cell.caption}: {row['error']}; {again}")
                if row["status"] == "stopped":
                    self.is_stopping = True
                else:
                    progress.end(cell, row["error"])
                    del cells[cell.key]
        finally:
            self._worker.listeners = None
            self._folder.remove(STOP_FILE)
            with suppress(OSError):
                self._folder.work.rmdir()
        if cells and not self.is_stopping:
            caption = next(iter(cells.values())).caption
            raise RunError(f"{caption}: the process that painted it died, again and again; the same study continues")

    def _path_of(self, cell: Cell) -> Path:
        return _run_path(self.path, cell.key)

    def _is_started(self, cell: Cell) -> bool:
        return RunFolder.exists(self._path_of(cell))

    def _plan_jobs(self) -> tuple[Inputs, dict[str, tuple[Level, ...]]]:
        """Return the inputs of the first run and the levels of every run; pictures that runs share are read once."""
        read: dict[Any, Inputs] = {}
        levels = {}
        known: dict[Any, Cell] = {}
        for cell in self.plan.cells:
            recipe = cell.recipe
            files = recipe.start.init, recipe.regions, recipe.picture.max_megapixels
            try:
                if files not in read:
                    read[files] = read_inputs(self._content, self._style, recipe)
                job = plan_job(recipe, read[files])
            except InputError as error:
                raise InputError(f"{cell.caption}: {error}" if len(self.plan.cells) > 1 else str(error)) from None
            levels[cell.key] = job.levels
            same = known.setdefault(_outcome(job), cell)
            # A run that is repeated on purpose varies nothing.
            if same.varied != cell.varied:
                # The first notice is that of a photo that is too small.
                reasons = job.notices[:1] if same.recipe.picture.size != recipe.picture.size else []
                advice = "; ".join(reasons) or "leave one out"
                raise InputError(f"{same.caption} and {cell.caption} come out identical: {advice}")
        return next(iter(read.values())), levels

    def _claim(self, header: dict[str, Any]) -> None:
        """Write the header into an empty folder, or check that the folder holds the same study."""
        file = self.path / "study.json"
        data = (json.dumps(header, indent=2, ensure_ascii=False) + "\n").encode("utf-8")
        try:
            if file.exists():
                if read_inside(self.path, file, len(data)) != data:
                    raise InputError(f"{self.path} holds another study: choose another folder with --out")
                return
            if self.path.exists() and not (self.path.is_dir() and all(map(is_leftover, self.path.iterdir()))):
                raise InputError(f"{self.path} is not an empty folder: choose another with --out")
            self.path.mkdir(parents=True, exist_ok=True)
            write_inside(self.path, file, data)
        except OSError as error:
            reason = f"cannot write the study to {self.path}: {reason_of(error)}"
            raise file_error(f"{reason}; choose another with --out", error) from None


class RunPainter(Worker):
    """Paints the runs of a study; a row has the `key` of a run and its `recipe` as JSON.

    `listeners`, which a process keeps for itself, are called with the key of a run that begins, and with every event.
    """

    listeners: tuple[Callable[[str], None], Listener] | None = None

    def __init__(self, path: str, content: str, style: str) -> None:
        super().__init__({"path": path, "content": content, "style": style}, Folder(path))
        self._path, self._content = Path(path), content
        self._session = Session(plate_or_file(style))

    def paint(self, row: Row) -> Row:
        """Paint a run, or continue it; an error of what is read is raised."""
        error = ""
        try:
            status = "stopped" if self.asked_to_stop() else self._paint(row)
        except DiskError as full:
            status, error = "full", str(full)
        except (RuntimeError, MemoryError) as failure:
            # RunError and the out-of-memory errors of torch are RuntimeErrors.
            status, error = "failed", str(failure) or "there is not enough memory"
        return {"key": row["key"], "status": status, "error": error, "worker": self.name}

    def _paint(self, row: Row) -> str:
        if self.listeners is not None:
            self.listeners[0](row["key"])
        folder = _run_path(self._path, row["key"])
        if RunFolder.exists(folder):
            run = self._session.resume(folder, on_event=self.receive)
        else:
            recipe = checked(json.loads(row["recipe"]))
            run = self._session.start(self._content, recipe=recipe, run=folder, on_event=self.receive)
        return "stopped" if self.wait_for(run).reason == "stopped" else "painted"

    def receive(self, event: Event) -> None:
        """Look whether the run is to stop, and forward its event."""
        super().receive(event)
        if self.listeners is not None:
            self.listeners[1](event)


class _Progress:
    """Counts the levels and steps of several runs as those of one."""

    def __init__(
        self,
        cells: list[Cell],
        levels: Mapping[str, tuple[Level, ...]],
        on_event: Listener,
        on_note: Callable[[str], None],
    ) -> None:
        self._on_event, self._on_note = on_event, on_note
        self._cells = {cell.key: cell for cell in cells}
        self._first: dict[str, tuple[int, int]] = {}
        self._begun: set[str] = set()
        self._levels = self._steps = 0
        for cell in cells:
            self._first[cell.key] = self._levels, self._steps
            self._levels += len(levels[cell.key])
            self._steps += cell.recipe.schedule.steps
        self._current = 0, 0

    def begin(self, key: str) -> None:
        """Note that a run begins in this process."""
        self._note(key, "")
        self._current = self._first[key]

    def forward(self, event: Event) -> None:
        """Forward an event of the run that began last."""
        level, step = self._current
        if isinstance(event, LevelStarted):
            event = replace(event, level=event.level + level, levels=self._levels)
        if isinstance(event, LevelStarted | Step):
            event = replace(event, step=event.step + step, steps=self._steps)
        if not isinstance(event, Finished):
            self._on_event(event)

    def end(self, cell: Cell, error: str) -> None:
        """Note that a run has failed, or has ended elsewhere."""
        if cell.key not in self._begun:
            self._note(cell.key, " is done")
        if error:
            self._on_note(f"{cell.caption} failed: {error}")

    def _note(self, key: str, ending: str) -> None:
        self._begun.add(key)
        self._on_note(f"run {len(self._begun)} of {len(self._cells)}{ending}: {self._cells[key].caption}")


def _run_path(folder: Path, key: str) -> Path:
    path = folder / "runs" / key
    check_inside(folder, path)
    return path


def _outcome(job: Job) -> tuple[Any, ...]:
    """Return everything on which the picture of a job depends; two jobs of a study with the same paint the same."""
    sections = job.recipe.balanced().to_dict()
    for name in ("size", "upscale", "max_megapixels", "snapshots", "snapshot_every"):
        sections["picture"].pop(name, None)
    return job.size, json.dumps(sections, sort_keys=True)

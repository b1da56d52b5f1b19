"""The folder of a study: one run folder for each run, so that an interrupted study can be continued."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from impasto.api import Job, Run, Session, plan_job, plate_or_file, read_inputs
from impasto.errors import DiskError, InputError, file_error, reason_of
from impasto.events import Event, Finished, LevelStarted, Listener, Step
from impasto.images import is_leftover
from impasto.painting import Level
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
        self._run: Run | None = None
        self._content, self._style = content, plate_or_file(style)
        self._session = Session(self._style)
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
        if self._run is not None:
            self._run.stop()

    def paint(self, on_event: Listener, on_note: Callable[[str], None]) -> None:
        """Paint the remaining runs one after the other until all have ended or `stop` is called.

        A run that fails does not end the study. Raises DiskError if the disk is full: the next call goes on there.

        Args:
            on_event: Called in the painting thread with every event but `Finished`; levels and steps are counted over
                all remaining runs.
            on_note: Called with one line when a run starts or fails.
        """
        cells = self.remaining_cells
        levels = [len(self._levels[cell.key]) for cell in cells]
        total_levels, total_steps = sum(levels), sum(cell.recipe.schedule.steps for cell in cells)
        first_level = first_step = 0

        def forward(event: Event) -> None:
            if isinstance(event, LevelStarted):
                event = replace(event, level=event.level + first_level, levels=total_levels)
            if isinstance(event, LevelStarted | Step):
                event = replace(event, step=event.step + first_step, steps=total_steps)
            if not isinstance(event, Finished):
                on_event(event)

        for number, (cell, count) in enumerate(zip(cells, levels, strict=True), start=1):
            if self.is_stopping:
                return
            on_note(f"run {number} of {len(cells)}: {cell.caption}")
            try:
                self._run = self._start(cell, forward)
                if self.is_stopping:
                    self._run.stop()
                self._run.wait()
            except DiskError as error:
                raise DiskError(
                    f"{cell.caption}: {error}; the same study continues when there is space again"
                ) from None
            except (RuntimeError, MemoryError) as error:
                # RunError and the out-of-memory errors of torch are RuntimeErrors.
                on_note(f"{cell.caption} failed: {str(error) or 'there is not enough memory'}")
            first_level, first_step = first_level + count, first_step + cell.recipe.schedule.steps

    def _start(self, cell: Cell, on_event: Listener) -> Run:
        folder = self._path_of(cell)
        if self._is_started(cell):
            return self._session.resume(folder, on_event=on_event)
        return self._session.start(self._content, recipe=cell.recipe, run=folder, on_event=on_event)

    def _path_of(self, cell: Cell) -> Path:
        path = self.path / "runs" / cell.key
        check_inside(self.path, path)
        return path

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


def _outcome(job: Job) -> tuple[Any, ...]:
    """Return everything on which the picture of a job depends; two jobs of a study with the same paint the same."""
    sections = job.recipe.balanced().to_dict()
    for name in ("size", "upscale", "max_megapixels", "snapshots", "snapshot_every"):
        sections["picture"].pop(name, None)
    return job.size, json.dumps(sections, sort_keys=True)

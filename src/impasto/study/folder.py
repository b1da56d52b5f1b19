"""The folder of a study: one run folder for each of its runs, so that it goes on where it was interrupted."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from impasto import api
from impasto.api.inputs import read_inputs
from impasto.errors import InputError
from impasto.events import Listener
from impasto.images import atomic_write, is_leftover
from impasto.runs import RunFolder, RunInputs
from impasto.runs.header import HEADER as RUN_HEADER
from impasto.study.plan import Cell, Plan

HEADER: Final = "study.json"
RUNS: Final = "runs"
REPORT: Final = "report.html"


class StudyFolder:
    """A study on the disk. `study.json` says what it is, `runs/KEY` holds each run."""

    def __init__(self, path: Path, plan: Plan, content: str, style: str) -> None:
        """Make the folder, or take up the one that holds the same study.

        Everything is read and checked before anything is written. Raises InputError if something cannot be painted or
        the folder holds anything else.
        """
        self.path = path
        self.plan = plan
        self._content, self._style = content, api.plate_or_file(style)
        # Every run is read, not only the first.
        inputs, *_ = [self._prepared(cell) for cell in plan.cells]
        self.photo_size = inputs.content.width, inputs.content.height
        self._take(_header(plan, inputs))

    def is_finished(self, cell: Cell) -> bool:
        """Tell whether a run has come to its end, or has failed for good."""
        return (self._of(cell) / RUN_HEADER).exists() and self.run(cell).status in ("finished", "failed")

    def failed(self) -> bool:
        """Tell whether any run has failed, now or in an earlier call."""
        return any(self.run(cell).status == "failed" for cell in self.plan.cells)

    def begin(self, cell: Cell, on_event: Listener | None = None) -> api.Run:
        """Start a run in the background, or go on with it."""
        folder = self._of(cell)
        if (folder / RUN_HEADER).exists():
            return api.resume(folder, on_event=on_event)
        return api.start(self._content, self._style, cell.recipe, run=folder, on_event=on_event)

    def run(self, cell: Cell) -> RunFolder:
        """Open the folder of a run."""
        return RunFolder.open(self._of(cell))

    def _of(self, cell: Cell) -> Path:
        return self.path / RUNS / cell.key

    def _prepared(self, cell: Cell) -> RunInputs:
        """Check that a run can be painted; a study must not fail after hours for a slip of the pen."""
        try:
            inputs = read_inputs(self._content, self._style, cell.recipe, None)
            api.prepare(cell.recipe, inputs)
        except InputError as error:
            raise InputError(f"{cell.caption}: {error}" if len(self.plan.cells) > 1 else str(error)) from None
        return inputs

    def _take(self, header: dict[str, Any]) -> None:
        known = self._known()
        if known is not None:
            if known != header:
                raise InputError(f"{self.path} holds another study: choose another folder with --out")
            return
        with self._told():
            is_taken = self.path.exists() and not (self.path.is_dir() and all(map(is_leftover, self.path.iterdir())))
        if is_taken:
            raise InputError(f"{self.path} is not an empty folder: choose another with --out")
        with self._told():
            self.path.mkdir(parents=True, exist_ok=True)
            atomic_write(self.path / HEADER, (json.dumps(header, indent=2, ensure_ascii=False) + "\n").encode("utf-8"))

    def _known(self) -> Any:
        """Return what the folder says of itself, or None if it says nothing."""
        file = self.path / HEADER
        with self._told():
            try:
                return json.loads(file.read_text(encoding="utf-8")) if file.exists() else None
            except ValueError:
                raise InputError(f"{file} is damaged: choose another folder with --out") from None

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise InputError(
                f"cannot keep the study in {self.path}: {error.strerror}; choose another with --out"
            ) from None


def _header(plan: Plan, inputs: RunInputs) -> dict[str, Any]:
    """Return what makes a study the same study."""
    return {
        "format": 1,
        "study": plan.name,
        "options": dict(plan.options),
        "content": inputs.content.sha256,
        "style": inputs.styles[0].sha256,
        "runs": {cell.key: cell.recipe.model_dump(mode="json", exclude_none=True) for cell in plan.cells},
    }

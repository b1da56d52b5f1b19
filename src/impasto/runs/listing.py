"""The list of runs: a summary of every run folder in any state."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal

from impasto.errors import InputError, reason_of
from impasto.recipe import Recipe
from impasto.runs.folder import RunFolder, Status
from impasto.runs.log import Ending, Progress


@dataclass(frozen=True, kw_only=True)
class RunSummary(Progress):
    """Summary of a run in a list.

    Attributes:
        path: The run folder.
        status: Status of the run, or `damaged`; then only `path` and `problem` are known.
        created: When the run began, in UTC.
        recipe: The recipe with every change so far.
        steps: Number of steps planned.
        content: Name of the photo.
        styles: Names of the style images.
        ending: How the log ends.
        problem: Why a folder is damaged, in one line.
    """

    path: Path
    status: Status | Literal["damaged"]
    created: datetime | None = None
    recipe: Recipe | None = None
    steps: int | None = None
    content: str = ""
    styles: tuple[str, ...] = ()
    ending: Ending | None = None
    problem: str = ""


def list_runs(paths: Sequence[Path]) -> list[RunSummary]:
    """Summarize runs; never raises because of the content of a folder.

    Args:
        paths: Run folders, or folders of run folders, which are listed by name.

    Returns:
        One summary for each run; one that cannot be read has the status `damaged`.
    """
    return [_summarize(folder) for path in paths for folder in _run_folders(path)]


def _run_folders(path: Path) -> Iterator[Path]:
    """Yield the runs in a folder, or the path itself if it is a run or not a readable folder."""
    if RunFolder.is_run(path) or not path.is_dir():
        yield path
        return
    try:
        yield from filter(RunFolder.is_run, sorted(path.iterdir()))
    except OSError:
        yield path


def _summarize(path: Path) -> RunSummary:
    try:
        folder = RunFolder.open(path)
        status = folder.status
        log, kept, recipe = folder.read_log(), folder.kept_inputs, folder.recipe
    except (InputError, OSError) as error:
        return RunSummary(path=path, status="damaged", problem=reason_of(error))
    return RunSummary(
        path=path,
        status=status,
        created=folder.created,
        recipe=recipe,
        steps=recipe.schedule.steps,
        content=kept.content.name,
        styles=tuple(style.name for style in kept.styles),
        ending=log.ending,
        **vars(log.progress),
    )

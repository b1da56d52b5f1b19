"""The list of runs: one line's worth about every run folder, whatever state it is in."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal

from impasto.errors import InputError
from impasto.runs.begin import LOCK
from impasto.runs.checkpoint import NEWEST, PREVIOUS
from impasto.runs.disk import why
from impasto.runs.folder import RunFolder, Status
from impasto.runs.header import HEADER
from impasto.runs.log import Progress

_MARKS = (HEADER, LOCK, NEWEST, PREVIOUS)


@dataclass(frozen=True, kw_only=True)
class RunSummary(Progress):
    """What a list shows of a run.

    `steps` is how many are planned; `problem` says in one line why a folder is `damaged`, of which nothing but the path
    is known.
    """

    path: Path
    status: Status | Literal["damaged"]
    created: datetime | None = None
    steps: int | None = None
    content: str = ""
    styles: tuple[str, ...] = ()
    problem: str = ""


def list_runs(paths: Sequence[Path]) -> list[RunSummary]:
    """Sum up runs; a path may be a run folder or a folder of run folders, which are listed by name.

    Never raises for what it finds: a folder that cannot be read as a run has the status `damaged`.
    """
    return [_summary(folder) for path in paths for folder in _run_folders(path)]


def _run_folders(path: Path) -> Iterator[Path]:
    """Yield the path itself if it is a run or nothing that could hold runs, else the runs in it."""
    if _looks_like_run(path) or not path.is_dir():
        yield path
        return
    try:
        yield from filter(_looks_like_run, sorted(path.iterdir()))
    except OSError:
        yield path


def _looks_like_run(path: Path) -> bool:
    try:
        return any((path / mark).exists() for mark in _MARKS)
    except OSError:
        return False


def _summary(path: Path) -> RunSummary:
    try:
        folder = RunFolder.open(path)
        content, styles = folder.input_names
        return RunSummary(
            path=path,
            status=folder.status,
            created=folder.created,
            steps=folder.recipe.steps,
            content=content,
            styles=styles,
            **vars(folder.read_log().progress),
        )
    except (InputError, OSError) as error:
        return RunSummary(path=path, status="damaged", problem=why(error))
    except (LookupError, TypeError) as error:
        return RunSummary(path=path, status="damaged", problem=f"its log lacks something: {why(error)}")

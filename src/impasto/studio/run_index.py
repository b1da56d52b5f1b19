"""What a gallery shows of a run: how it stands, and which pictures it has."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final, Literal, TypeAlias

import numpy as np
import PIL.Image
from jaxtyping import UInt8

from impasto.errors import InputError
from impasto.events import LevelStarted
from impasto.recipe import Recipe
from impasto.runs import RunFolder, RunSummary, list_runs
from impasto.runs.begin import LOCK
from impasto.runs.header import HEADER
from impasto.runs.log import Line

RESULT_16_BIT: Final = "result.tif"
"""A result with the 16 bits that were painted, in the run's folder."""

RunStatus: TypeAlias = Literal[
    "waiting", "painting", "paused", "finished", "stopped", "interrupted", "failed", "damaged"
]


@dataclass(frozen=True, kw_only=True)
class RunEntry:
    """One run of the workspace.

    `waiting`: ordered and never begun; `stopped`: by the person; `interrupted`: begun, and its process is gone;
    `paused` is only known to the studio that paints. `steps` is how many are planned. `result` is there once a run is
    finished or stopped, `latest` once it failed; `problem` says in one line why a folder is `damaged`.
    """

    name: str
    path: Path
    status: RunStatus
    created: datetime | None = None
    content: str = ""
    styles: tuple[str, ...] = ()
    recipe: Recipe | None = None
    step: int = 0
    steps: int | None = None
    result: Path | None = None
    latest: Path | None = None
    snapshots: tuple[Path, ...] = ()
    problem: str = ""

    @property
    def picture(self) -> Path | None:
        """The newest picture of the run."""
        return newest_picture(self.path)


def is_run(path: Path) -> bool:
    """Tell whether a folder is a run, be it damaged; a link to one is none."""
    try:
        return not path.is_symlink() and path.is_dir() and any((path / mark).is_file() for mark in (HEADER, LOCK))
    except OSError:
        return False


def read_entry(path: Path) -> RunEntry:
    """Look at a run folder; never raises for what it finds there."""
    (summary,) = list_runs([path])
    result, latest, snapshots = _pictures(path)
    try:
        folder = RunFolder.open(path)
        recipe, lines = folder.recipe, folder.events()
    except (InputError, OSError):
        recipe, lines = None, []
    return RunEntry(
        name=path.name,
        path=path,
        status=_status(summary, lines),
        created=summary.created,
        content=summary.content,
        styles=summary.styles,
        recipe=recipe,
        step=summary.step,
        steps=summary.steps,
        result=result,
        latest=latest,
        snapshots=snapshots,
        problem=summary.problem,
    )


def newest_picture(path: Path) -> Path | None:
    """Return the file of a run that was written last, of its result, its snapshots, and what a failure left."""
    result, latest, snapshots = _pictures(path)
    files = [file for file in (result, latest, *snapshots[-1:]) if file is not None]
    return max(files, key=_age, default=None)


def read_pixels(path: Path | None) -> UInt8[np.ndarray, "h w 3"] | None:
    """Return a picture as it is shown, or None if there is none, or it is deleted or replaced at this very moment."""
    try:
        if path is not None:
            with PIL.Image.open(path) as image:
                return np.asarray(image.convert("RGB"))
    except OSError:
        pass
    return None


def _pictures(path: Path) -> tuple[Path | None, Path | None, tuple[Path, ...]]:
    result, latest = (file if file.is_file() else None for file in (path / "result.png", path / "latest.png"))
    return result, latest, tuple(sorted((path / "snapshots").glob("[0-9]*.png")))


def _age(file: Path) -> float:
    try:
        return file.stat().st_mtime
    except OSError:
        return 0.0


def _status(summary: RunSummary, lines: Sequence[Line]) -> RunStatus:
    if summary.status == "running":
        return "painting"
    if summary.status != "interrupted":
        return summary.status
    # Whatever goes on with a run adds a line.
    if lines and lines[-1]["type"] == "result" and lines[-1].get("reason") == "stopped":
        return "stopped"
    return "interrupted" if any(line["type"] == LevelStarted.__name__ for line in lines) else "waiting"

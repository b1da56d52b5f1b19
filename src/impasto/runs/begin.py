"""How a run folder comes into being: nothing that was there is touched, and what could not begin leaves nothing."""

import os
import shlex
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from impasto.errors import InputError
from impasto.recipe import Recipe
from impasto.runs.disk import why
from impasto.runs.header import HEADER, INPUTS, Header, RunInputs, keep_inputs, program_version, write_header
from impasto.runs.lock import FolderLock

LOCK: Final = "run.lock"


def begin(path: Path, recipe: Recipe, inputs: RunInputs, output: Path | None, command: str | None) -> FolderLock:
    """Make the folder of a new run, copy the inputs, write run.json, and return the lock, held.

    Raises InputError if the folder holds anything or cannot be written.
    """
    with _told(path):
        _refuse_occupied(path)
        is_new = not path.exists()
        path.mkdir(parents=True, exist_ok=True)
    lock = FolderLock(path / LOCK)
    lock.acquire()
    try:
        # Once more: another process may have been quicker.
        _refuse_occupied(path)
    except BaseException:
        lock.release()
        raise
    try:
        with _told(path):
            _write(path, recipe, inputs, output, command)
    except BaseException:
        _clear(path, is_new)
        lock.release()
        raise
    return lock


def _write(path: Path, recipe: Recipe, inputs: RunInputs, output: Path | None, command: str | None) -> None:
    shutil.rmtree(path / INPUTS, ignore_errors=True)
    kept = keep_inputs(path, inputs)
    header = Header(
        version=program_version(),
        created=datetime.now(UTC),
        recipe=recipe.to_dict(),
        inputs=kept,
        output=os.path.abspath(output) if output else None,
        command=command,
    )
    # Last: without it the folder holds no run yet.
    write_header(path, header)


@contextmanager
def _told(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise InputError(f"cannot make the run folder {path}: {why(error)}; choose another with --run") from None


def _refuse_occupied(path: Path) -> None:
    """Raise InputError if a new run cannot have this path; what a kill left of a beginning run is no hindrance."""
    if not path.exists():
        return
    if not path.is_dir():
        raise InputError(f"{path} is a file: give --run a folder that is new or empty")
    names = {entry.name for entry in path.iterdir()}
    if HEADER in names:
        raise InputError(f"{path} already holds a run: `impasto resume {shlex.quote(str(path))}` goes on with it")
    begun = LOCK in names and all(name in (LOCK, INPUTS) or name.startswith(".") for name in names)
    if names and not begun:
        raise InputError(f"{path} is not empty: give --run a folder that is new or empty")


def _clear(path: Path, is_new: bool) -> None:
    (path / HEADER).unlink(missing_ok=True)
    shutil.rmtree(path / INPUTS, ignore_errors=True)
    # What cannot be removed is taken over by the next try.
    with suppress(OSError):
        (path / LOCK).unlink()
        if is_new:
            path.rmdir()

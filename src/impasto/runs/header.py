"""run.json, which describes a run, and the creation of a run folder.

Creating a run changes no existing file, and leaves nothing behind if it fails.
"""

import json
import os
import shlex
import shutil
from contextlib import ExitStack, suppress
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict

from impasto.errors import InputError, reason_of
from impasto.images import atomic_write
from impasto.recipe import Recipe
from impasto.runs.inputs import INPUTS_FOLDER, Inputs, KeptInput, copy_inputs
from impasto.runs.lock import FolderLock

RUN_FILE: Final = "run.json"
LOCK_FILE: Final = "run.lock"


class Header(BaseModel):
    """The content of run.json. Fields that a later version may add are ignored."""

    model_config = ConfigDict(frozen=True)

    format: Literal[2] = 2
    program: Literal["impasto"] = "impasto"
    version: str
    created: AwareDatetime
    recipe: dict[str, Any]
    inputs: Inputs[KeptInput]
    output: str | None


def read_header(folder: Path) -> Header:
    """Read run.json; raises InputError if the folder holds no run or this version cannot read it."""
    file = folder / RUN_FILE
    try:
        fields = json.loads(file.read_text(encoding="utf-8"))
        if isinstance(fields, dict) and fields.get("program") == "impasto":
            _check_format(folder, fields.get("format"))
        return Header.model_validate(fields)
    except (FileNotFoundError, NotADirectoryError):
        missing = "holds no run: give the folder that --run named" if folder.is_dir() else "is not a folder with a run"
        raise InputError(f"{folder} {missing}") from None
    except OSError as error:
        raise InputError(f"cannot read {file}: {reason_of(error)}") from None
    except InputError:
        raise
    except ValueError as error:
        raise InputError(f"{file} is damaged: {reason_of(error)}") from None


def _check_format(folder: Path, found: Any) -> None:
    if found == 1:
        raise InputError(f"{folder} was begun by an older impasto, which this one cannot continue: start the run again")
    if found != 2:
        raise InputError(f"{folder} holds a run of format {found!r}: it needs a newer impasto")


def create_run(path: Path, recipe: Recipe, inputs: Inputs, output: Path | None) -> FolderLock:
    """Make the folder of a new run, copy the inputs, write run.json, and return the acquired lock.

    Raises InputError if the folder holds anything or cannot be written.
    """
    try:
        _refuse_occupied(path)
        is_new = not path.exists()
        path.mkdir(parents=True, exist_ok=True)
        lock = FolderLock(path / LOCK_FILE)
        lock.acquire()
        with ExitStack() as undo:
            undo.callback(lock.release)
            # Checked again under the lock: another process may have created a run here.
            _refuse_occupied(path)
            undo.callback(_clear, path, is_new)
            _write(path, recipe, inputs, output)
            undo.pop_all()
        return lock
    except OSError as error:
        raise InputError(f"cannot make the run folder {path}: {reason_of(error)}; choose another with --run") from None


def _write(path: Path, recipe: Recipe, inputs: Inputs, output: Path | None) -> None:
    shutil.rmtree(path / INPUTS_FOLDER, ignore_errors=True)
    header = Header(
        version=version("impasto"),
        created=datetime.now(UTC),
        recipe=recipe.to_dict(),
        inputs=copy_inputs(path, inputs),
        output=os.path.abspath(output) if output else None,
    )
    # Written last and atomically: the folder holds a run as soon as run.json exists.
    atomic_write(path / RUN_FILE, (header.model_dump_json(indent=2) + "\n").encode())


def _refuse_occupied(path: Path) -> None:
    """Raise InputError unless the path is free, ignoring the remains of a killed creation."""
    if not path.exists():
        return
    if not path.is_dir():
        raise InputError(f"{path} is a file: give --run a folder that is new or empty")
    names = {entry.name for entry in path.iterdir()}
    if RUN_FILE in names:
        raise InputError(f"{path} already holds a run: `impasto resume {shlex.quote(str(path))}` continues it")
    is_leftover = LOCK_FILE in names and all(name in (LOCK_FILE, INPUTS_FOLDER) or name[0] == "." for name in names)
    if names and not is_leftover:
        raise InputError(f"{path} is not empty: give --run a folder that is new or empty")


def _clear(path: Path, is_new: bool) -> None:
    (path / RUN_FILE).unlink(missing_ok=True)
    shutil.rmtree(path / INPUTS_FOLDER, ignore_errors=True)
    # Remaining files do not prevent the next attempt.
    with suppress(OSError):
        (path / LOCK_FILE).unlink()
        if is_new:
            path.rmdir()

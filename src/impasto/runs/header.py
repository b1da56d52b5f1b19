"""run.json, which describes a run, and the creation of a run folder.

Creating a run changes no existing file, and leaves nothing behind if it fails.
"""

import hashlib
import json
import os
import shutil
from contextlib import ExitStack, suppress
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any, Final, Literal
from urllib.parse import unquote_to_bytes, urlsplit

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, model_validator

from impasto.backbones import computed_with
from impasto.errors import InputError, file_error, reason_of
from impasto.images import is_leftover
from impasto.recipe import INITS, Recipe
from impasto.runs.files import read_inside, write_inside
from impasto.runs.inputs import INPUTS_FOLDER, Inputs, KeptInput, copy_inputs, is_name_of_copy
from impasto.runs.lock import FolderLock
from impasto.shell import file_word, join
from impasto.untrusted import Value, load_json

RUN_FILE: Final = "run.json"
LOCK_FILE: Final = "run.lock"


_EARLIEST, _LATEST = datetime(2000, 1, 1, tzinfo=UTC), datetime(2500, 1, 1, tzinfo=UTC)


class Header(BaseModel):
    """The content of run.json. Fields that a later version may add are ignored.

    `seal` shows that this folder was made here with this `output`: a copy has another inode.
    """

    model_config = ConfigDict(frozen=True)

    format: Literal[2] = 2
    program: Literal["impasto"] = "impasto"
    version: Annotated[str, Field(max_length=100)]
    created: Annotated[AwareDatetime, Field(ge=_EARLIEST, le=_LATEST)]
    computed: dict[str, Annotated[str, Field(max_length=1000)]] = {}
    recipe: dict[str, Value]
    inputs: Inputs[KeptInput]
    output: Annotated[str, Field(min_length=1, max_length=10_000)] | None
    bits: Literal[8, 16] = 8
    quality: Annotated[int, Field(ge=1, le=100)] = 95
    seal: str = ""

    @model_validator(mode="after")
    def _output_is_a_path(self) -> "Header":
        if "\0" in str(self.output_path):
            raise ValueError("output holds a null character")
        return self

    @property
    def output_path(self) -> Path | None:
        """Where the user wants the result, if known; a name that is not UTF-8 is kept as a URI."""
        if self.output is not None and self.output.startswith("file:"):
            return Path(os.fsdecode(unquote_to_bytes(urlsplit(self.output).path)))
        return Path(self.output) if self.output else None

    def digest(self) -> str:
        """Return the SHA-256 of recipe and inputs, which tells this run's checkpoints from others."""
        fields = self.model_dump(mode="json", include={"recipe", "inputs"})
        return hashlib.sha256(json.dumps(fields, sort_keys=True).encode()).hexdigest()

    def has_pictures_of(self, recipe: Recipe) -> bool:
        """Return True if the run has the pictures that a recipe needs."""
        found = self.inputs
        needed = [recipe.start.init in INITS, *(region.keeps for region in recipe.regions)]
        has_masks = len(found.style_masks) in (0, len(found.styles))
        return has_masks and needed == [found.init is None, *(region.style is None for region in found.regions)]


def read_header(folder: Path) -> Header:
    """Read run.json; raises InputError if the folder holds no run or this version cannot read it."""
    file = folder / RUN_FILE
    try:
        fields = load_json(read_inside(folder, file))
        if isinstance(fields, dict) and fields.get("program") == "impasto":
            _check_format(folder, fields.get("format"))
        return Header.model_validate(fields)
    except (FileNotFoundError, NotADirectoryError):
        missing = "is not a folder with a run: `impasto runs` lists them"
        if folder.is_dir():
            missing = "holds no run: give the folder that --run named"
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


def create_run(
    path: Path, recipe: Recipe, inputs: Inputs, output: Path | None, *, bits: Literal[8, 16] = 8, quality: int = 95
) -> FolderLock:
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
            _write(path, recipe, inputs, output, bits=bits, quality=quality)
            undo.pop_all()
        return lock
    except OSError as error:
        trouble = f"cannot make the run folder {path}: {reason_of(error)}; choose another with --run"
        raise file_error(trouble, error) from None


def seal_of(folder: Path, output: str | None) -> str:
    """Return what `Header.seal` holds if the folder was made at this place; raises OSError."""
    place = f"{os.path.realpath(folder)}\0{folder.stat().st_ino}\0{output}"
    return hashlib.sha256(place.encode("utf-8", "surrogateescape")).hexdigest()


def _write(
    path: Path, recipe: Recipe, inputs: Inputs, output: Path | None, *, bits: Literal[8, 16], quality: int
) -> None:
    shutil.rmtree(path / INPUTS_FOLDER, ignore_errors=True)
    wanted = os.path.abspath(output) if output else None
    if wanted and not wanted.isprintable():
        wanted = Path(wanted).as_uri()
    header = Header(
        version=version("impasto"),
        created=datetime.now(UTC),
        computed=computed_with(recipe.hardware.device),
        recipe=recipe.to_dict(),
        inputs=copy_inputs(path, inputs),
        output=wanted,
        bits=bits,
        quality=quality,
        seal=seal_of(path, wanted),
    )
    # Written last and atomically: the folder holds a run as soon as run.json exists.
    write_inside(path, path / RUN_FILE, (header.model_dump_json(indent=2) + "\n").encode())


def _refuse_occupied(path: Path) -> None:
    """Raise InputError unless the path is free, ignoring the remains of a killed creation."""
    if not path.exists():
        return
    if not path.is_dir():
        raise InputError(f"{path} is a file: give --run a folder that is new or empty")
    names = {entry.name for entry in path.iterdir()}
    if RUN_FILE in names:
        resume = join(["impasto", "resume", file_word(path)])
        advice = f"name another folder; if it is not finished, `{resume}` continues it"
        raise InputError(f"{path} already holds a run: {advice}")
    is_remains = LOCK_FILE in names and all(name in (LOCK_FILE, INPUTS_FOLDER) or name[0] == "." for name in names)
    copies = (path / INPUTS_FOLDER).glob("*") if is_remains else ()
    if names and not (is_remains and all(is_leftover(copy) or is_name_of_copy(copy.name) for copy in copies)):
        raise InputError(f"{path} is not empty: give --run a folder that is new or empty")


def _clear(path: Path, is_new: bool) -> None:
    (path / RUN_FILE).unlink(missing_ok=True)
    shutil.rmtree(path / INPUTS_FOLDER, ignore_errors=True)
    # Remaining files do not prevent the next attempt.
    with suppress(OSError):
        (path / LOCK_FILE).unlink()
        if is_new:
            path.rmdir()

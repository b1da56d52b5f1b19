"""The folder of a film: what is painted how, the frames that are finished, and from where each scene goes on."""

import hashlib
import json
import os
import shutil
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from fractions import Fraction
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import numpy as np
import safetensors
import safetensors.numpy
from jaxtyping import UInt8
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from impasto.api import portable_recipe
from impasto.errors import InputError, file_error, reason_of
from impasto.images import atomic_write, encode_picture, is_leftover, quantize, read_picture
from impasto.recipe import Recipe, checked, with_current_names
from impasto.runs import LOCK_FILE, FolderLock, check_inside, read_inside, seal_of, write_inside
from impasto.untrusted import Value, load_json
from impasto.video.plan import Plan, Selection

FILM_FILE: Final = "film.json"
_PLAN_FILE: Final = "plan.safetensors"
_FRAMES: Final = "frames"
_SCENES: Final = "scenes"
_JOINTS: Final = "joints"
_OWN: Final = ".impasto"  # of the engines of a batch
_MOST_BYTES: Final = 1 << 30

_Path = Annotated[str, Field(min_length=1, max_length=10_000)]


class FilmHeader(BaseModel):
    """The content of film.json: everything that a film depends on. All paths are absolute.

    `key` is the SHA-256 of what the frames depend on, and of the bytes of all files; `seal` shows that the folder was
    made at its place.
    """

    model_config = ConfigDict(frozen=True)

    format: Literal[1] = 1
    program: Literal["impasto"] = "impasto"
    version: Annotated[str, Field(max_length=100)]
    created: AwareDatetime
    clip: _Path
    fps: Annotated[str, Field(max_length=40)] | None = None
    styles: tuple[_Path, ...]
    recipe: dict[str, Value]
    width: Annotated[int, Field(ge=1, le=100_000)]
    height: Annotated[int, Field(ge=1, le=100_000)]
    start: Annotated[str, Field(max_length=40)] = "0"
    end: Annotated[str, Field(max_length=40)] | None = None
    every: Annotated[int, Field(ge=1)] = 1
    split: Annotated[str, Field(max_length=40)] | None = None
    keyframes: _Path | None = None
    flow: Literal["raft", "dis"] = "dis"
    output: _Path
    crf: int | None = None
    key: Annotated[str, Field(max_length=64)]
    seal: str = ""

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the painted frames."""
        return self.width, self.height

    @cached_property
    def parsed_recipe(self) -> Recipe:
        """The recipe, with device and precision resolved."""
        return checked(with_current_names(self.recipe))

    @property
    def selection(self) -> Selection:
        """The part of the clip that is painted."""
        end, split = (None if text is None else Fraction(text) for text in (self.end, self.split))
        return Selection(Fraction(self.start), end, self.every, split)

    @property
    def rate(self) -> Fraction | None:
        """Frames per second of a sequence of pictures."""
        return None if self.fps is None else Fraction(self.fps)


class FilmFolder:
    """The folder of a film.

    Frames are PNG files without loss, named by their numbers; beside each scene's state they are all that a later
    process needs to go on with the next frame. One process at a time holds the lock; its workers write without it.

    Attributes:
        path: The folder.
        header: What is painted.
    """

    def __init__(self, path: Path, header: FilmHeader) -> None:
        """Use `create` or `open`."""
        self.path, self.header = path, header
        self._lock = FolderLock(path / LOCK_FILE)

    @staticmethod
    def exists(path: Path) -> bool:
        """Return True if the folder holds a film."""
        return (path / FILM_FILE).exists()

    @staticmethod
    def header_of(path: Path) -> FilmHeader | None:
        """Return what the film of a folder depends on; None if there is none."""
        return _read_header(path) if FilmFolder.exists(path) else None

    @classmethod
    def create(cls, path: Path, header: FilmHeader) -> "FilmFolder":
        """Make the folder of a film, or continue the one that is there.

        Raises:
            InputError: The folder holds another film or anything else, or cannot be written.
        """
        if cls.exists(path):
            known = _read_header(path)
            if known.key != header.key:
                raise InputError(
                    f"{path} holds another film, or a file or setting of that one has changed: restore it to go on, "
                    "remove the folder to begin anew, or name another with --run"
                )
        elif path.exists() and (not path.is_dir() or _has_other_files(path)):
            raise InputError(f"{path} is in the way: name a folder with --run that is new or empty")
        try:
            path.mkdir(parents=True, exist_ok=True)
            sealed = header.model_copy(update={"seal": seal_of(path, header.output)})
            # ASCII, so that every name of a file is kept.
            text = json.dumps(sealed.model_dump(mode="json"), indent=2) + "\n"
            folder = cls(path, sealed)
            folder.lock()
            # A stranger's folder must not lead the frames elsewhere, nor other files into the film.
            for inner in (path / _FRAMES, path / _SCENES, path / _JOINTS):
                check_inside(path, inner, *inner.glob("*"))
            write_inside(path, path / FILM_FILE, text.encode())
        except OSError as error:
            raise file_error(f"cannot make the folder {path}: {reason_of(error)}", error) from None
        return folder

    @classmethod
    def open(cls, path: Path) -> "FilmFolder":
        """Open the folder of a film.

        Raises:
            InputError: There is none, it is damaged, or it was made elsewhere: its paths must not choose what is read
                and written here.
        """
        header = _read_header(path)
        if header.seal != seal_of(path, header.output):
            raise InputError(
                f"{path} was made elsewhere, or moved: repeat the command that began it, with --run {path}"
            )
        return cls(path, header)

    def lock(self) -> None:
        """Acquire the right to paint into the folder; raises InputError if another process does."""
        self._lock.acquire()

    def close(self) -> None:
        """Release the lock."""
        self._lock.release()

    def remove(self) -> None:
        """Remove what belongs to the film, and the folder if nothing else is in it."""
        for name in (_FRAMES, _SCENES, _JOINTS, _OWN):
            shutil.rmtree(self.path / name, ignore_errors=True)
        for name in (_PLAN_FILE, FILM_FILE, LOCK_FILE):
            (self.path / name).unlink(missing_ok=True)
        self.close()
        with suppress(OSError):
            self.path.rmdir()

    # -- plan, frames and states ---------------------------------------------------------------------------------------

    def load_plan(self) -> Plan | None:
        """Return the plan; None if it is missing or damaged."""
        with suppress(OSError, InputError, ValueError, LookupError):
            return Plan.from_bytes(read_inside(self.path, self.path / _PLAN_FILE, _MOST_BYTES))
        return None

    def save_plan(self, plan: Plan) -> None:
        """Keep the plan; raises InputError if it cannot be written."""
        write_inside(self.path, self.path / _PLAN_FILE, plan.to_bytes())

    def frame_path(self, number: int, *, is_next: bool = False) -> Path:
        """Return where the frame of a number is; `is_next`: as the scene after its own paints it in an overlap."""
        return self.path / _FRAMES / f"{number:06d}{'-next' * is_next}.png"

    def scene_paths(self, plan: Plan, scene: int) -> list[Path]:
        """Return where the frames are that are painted for a scene."""
        own = int(plan.scenes[scene])
        return [self.frame_path(int(plan.numbers[index]), is_next=index < own) for index in plan.scene(scene)]

    def count_frames(self) -> int:
        """Return how many frames are finished; see `Plan.paintings`."""
        try:
            with os.scandir(self.path / _FRAMES) as entries:
                return sum(entry.name.endswith(".png") for entry in entries)
        except OSError:
            return 0

    def save_frame(self, path: Path, number: int, pixels: UInt8[np.ndarray, "h w 3"]) -> None:
        """Write a painted frame, with the recipe inside, as a picture has it."""
        path.parent.mkdir(parents=True, exist_ok=True)
        atomic_write(path, encode_picture(pixels, ".png", metadata=self.record(number)))

    def join_frame(self, number: int, share: float) -> Path:
        """Mix both paintings of a frame, of which the later scene's counts `share`, and return the file of the mix."""
        before, after = (read_picture(self.frame_path(number, is_next=which)).pixels for which in (False, True))
        path = self.path / _JOINTS / f"{number:06d}.png"
        self.save_frame(path, number, quantize((1 - share) * before + share * after))
        return path

    def record(self, number: int) -> dict[str, Any]:
        """Return what is written into the picture of a frame."""
        clip = {"name": Path(self.header.clip).name}
        recipe = portable_recipe(self.header.parsed_recipe)
        own = {"program": "impasto", "version": version("impasto"), "recipe": recipe}
        return own | {"inputs": {"content": [clip]}, "frame": number}

    def load_state(self, scene: int) -> tuple[int, dict[str, np.ndarray]]:
        """Return how many frames of a scene are finished, and the state of its painter; 0 if nothing can be read."""
        path = self._state_path(scene)
        with suppress(OSError, InputError, ValueError, LookupError, TypeError, safetensors.SafetensorError):
            arrays = safetensors.numpy.load(read_inside(self.path, path, _MOST_BYTES))
            finished = int(arrays.pop(_FINISHED))
            return (finished, arrays) if finished > 0 else (0, {})
        return 0, {}

    def save_state(self, scene: int, finished: int, arrays: Mapping[str, np.ndarray]) -> None:
        """Note that so many frames of a scene are finished, with the state of its painter after the last of them."""
        path = self._state_path(scene)
        path.parent.mkdir(parents=True, exist_ok=True)
        # Arrays in another order of axes would be written in the order of memory.
        kept = {name: np.asarray(array, order="C") for name, array in arrays.items()}
        atomic_write(path, safetensors.numpy.save(kept | {_FINISHED: np.array(finished)}))

    def _state_path(self, scene: int) -> Path:
        return self.path / _SCENES / f"{scene:05d}.safetensors"


_FINISHED: Final = "finished frames"


def new_header(recipe: Recipe, digests: list[str], **fields: Any) -> FilmHeader:
    """Return the header of a film that is begun now.

    Args:
        recipe: The recipe, with device and precision resolved and absolute paths.
        digests: SHA-256 of all files that are read.
        **fields: Fields of `FilmHeader`.
    """
    left_out = ("output", "crf") if fields.get("split") else ("output", "crf", "split")  # as before there was `split`
    frames = {name: value for name, value in fields.items() if name not in left_out}
    stated = [recipe.to_dict(), digests, frames]
    key = hashlib.sha256(json.dumps(stated, sort_keys=True, default=str).encode()).hexdigest()
    made: dict[str, Any] = {
        "version": version("impasto"),
        "created": datetime.now(UTC),
        "recipe": recipe.to_dict(),
        "key": key,
    }
    try:
        return FilmHeader(**fields, **made)
    except ValueError as error:
        raise InputError(f"the names of the film's files cannot be kept: {reason_of(error)}") from None


def _read_header(path: Path) -> FilmHeader:
    file = path / FILM_FILE
    try:
        return FilmHeader.model_validate(load_json(read_inside(path, file)))
    except (FileNotFoundError, NotADirectoryError):
        raise InputError(f"{path} holds no film") from None
    except OSError as error:
        raise InputError(f"cannot read {file}: {reason_of(error)}") from None
    except InputError:
        raise
    except ValueError as error:
        raise InputError(f"{file} is damaged: {reason_of(error)}") from None


def _has_other_files(path: Path) -> bool:
    """Return True if a folder holds more than the remains of a film that was killed as it began."""
    return any(entry.name not in (LOCK_FILE, _OWN) and not is_leftover(entry) for entry in path.iterdir())

"""What a studio knows about a film without reading the clip, so that films are listed where PyAV is missing."""

import re
from fractions import Fraction
from functools import cached_property
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from impasto.errors import InputError, reason_of
from impasto.recipe import Recipe, checked, with_current_names
from impasto.runs import read_inside, write_inside
from impasto.untrusted import Value, load_json

RECORD_FILE: Final = "film-record.json"
FILM: Final = "film.mp4"
"""The finished film, in its folder."""

FRAMES_FOLDER: Final = "film"
"""What `impasto.video` keeps of an unfinished film: painted frames, and from where each scene goes on."""

_File = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9.-]{0,80}$")]
_Seconds = Annotated[str, Field(pattern=r"^\d{1,9}(/[1-9]\d{0,9})?$")]


class FilmRecord(BaseModel):
    """The content of film-record.json. `clip` and own styles are files of the folder; other styles are built in.

    `frames` is 0 until the clip was read, `ending` None while the film waits or is painted.
    """

    model_config = ConfigDict(frozen=True)

    format: Literal[1] = 1
    created: AwareDatetime
    content: Annotated[str, Field(max_length=300)]
    clip: _File
    clip_sha256: Annotated[str, Field(max_length=64)]
    styles: tuple[_File, ...]
    titles: tuple[Annotated[str, Field(max_length=300)], ...]
    recipe: dict[str, Value]
    start: _Seconds = "0"
    end: _Seconds | None = None
    every: Annotated[int, Field(ge=1)] = 1
    frames: Annotated[int, Field(ge=0)] = 0
    ending: Literal["finished", "stopped", "failed"] | None = None
    problem: Annotated[str, Field(max_length=1000)] = ""

    @staticmethod
    def is_in(path: Path) -> bool:
        """Return True for the folder of a film."""
        return (path / RECORD_FILE).is_file()

    @classmethod
    def load(cls, path: Path) -> "FilmRecord":
        """Return the record of a film's folder; raises InputError, which names no folder, if it is damaged."""
        try:
            return cls.model_validate(load_json(read_inside(path, path / RECORD_FILE)))
        except OSError as error:
            raise InputError(f"cannot read {RECORD_FILE}: {reason_of(error)}") from None
        except InputError:
            raise
        except ValueError as error:
            raise InputError(f"{RECORD_FILE} is damaged: {reason_of(error)}") from None

    def save(self, path: Path) -> None:
        """Write the record into a film's folder; raises InputError or OSError if that is not possible."""
        write_inside(path, path / RECORD_FILE, self.model_dump_json(indent=2).encode())

    def changed(self, **fields: object) -> "FilmRecord":
        """Return the record with other values."""
        return self.model_copy(update=fields)

    @cached_property
    def parsed_recipe(self) -> Recipe:
        """The recipe of all frames, as it was chosen."""
        return checked(with_current_names(self.recipe))

    @property
    def part(self) -> tuple[Fraction, Fraction | None, int]:
        """First second, last second (None: the end), and of how many frames one is painted."""
        return Fraction(self.start), None if self.end is None else Fraction(self.end), self.every

    def as_given(self, path: Path, text: str) -> str:
        """Return a message in which the files of a film's folder have the names by which a visitor gave them."""
        names = {self.clip: self.content} | dict(zip(self.styles, self.titles, strict=False))
        for name, given in names.items():
            text = text.replace(str(path / name), given + Path(name).suffix)
        return text

    def is_same_film(self, other: "FilmRecord") -> bool:
        """Return True if the other film has the same frames, whenever it was ordered."""
        own = {"created", "content", "clip", "frames", "ending", "problem"}
        return self.model_dump(exclude=own) == other.model_dump(exclude=own)


def keeps_no_run(path: Path) -> bool:
    """Return True for the folder of a film whose studio was killed while it was ordered: files, and no record."""
    try:
        return not path.is_symlink() and all(
            re.fullmatch(r"(clip|style-\d+)([.]\w{1,5})?|[.]impasto-\w+[.]tmp", file.name) for file in path.iterdir()
        )
    except OSError:
        return False


def frame_files(path: Path) -> list[Path]:
    """Return the painted frames of an unfinished film, in their order."""
    return sorted((path / FRAMES_FOLDER / "frames").glob("[0-9]*.png"))


def film_status(record: FilmRecord, painted: int) -> Literal["finished", "stopped", "failed", "interrupted", "waiting"]:
    """Return the state of a film that no studio paints just now."""
    return record.ending or ("interrupted" if painted else "waiting")

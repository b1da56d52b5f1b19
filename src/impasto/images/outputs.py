"""Every file that a command will write, decided and checked before anything is loaded or painted."""

import os
import re
import stat
from collections.abc import Collection, Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from impasto.errors import InputError
from impasto.filesystem import is_read_only
from impasto.images.deep_zoom import is_deep_zoom, parts
from impasto.images.metadata import read_metadata
from impasto.images.write import check_destination

_LONGEST_NAME: Final = 200  # of the 255 bytes that most file systems hold


@dataclass(frozen=True, kw_only=True)
class Outputs:
    """What a command writes. No read-only file is replaced, and nothing that is read.

    Attributes:
        pictures: Pictures at the names that the user wrote, or at free ones; older files there are replaced.
        derived: Pictures whose names are made from these (snapshots, mixes): of the files there, only what impasto
            painted is replaced.
        folder: The folder that a run or a study fills.
        kept: Files in such a folder that are replaced.
    """

    pictures: tuple[Path, ...] = ()
    derived: tuple[Path, ...] = ()
    folder: Path | None = None
    kept: tuple[Path, ...] = ()

    def check(self, inputs: Iterable[Path]) -> None:
        """Raise InputError, in one line, for the first path that cannot or must not be written.

        Args:
            inputs: Every file that the command reads; a name without a file is ignored.
        """
        read = {identity: path for path in inputs for identity in _identities(path)}
        _check_streams(read)
        for path in (*self.pictures, *self.derived):
            if read.keys() & _identities(path):
                raise InputError(f"{path} is one of the pictures to paint from: {self._advice(path)}")
            check_destination(path)
        for path in filter(is_deep_zoom, self.pictures):
            self._check_tiles(path, read)
        for path in self.derived:
            if os.path.lexists(path) and not _is_painted(path):
                raise InputError(f"{path} is in the way, and impasto did not paint it: {self._advice(path)}")
        if self.folder is not None:
            self._check_folder(self.folder, read)
        for path in filter(Path.exists, self.kept):
            if read.keys() & _identities(path):
                raise InputError(f"{path} is one of the files to paint from: choose another folder")
            if is_read_only(path):
                raise InputError(f"{path} is read-only: make it writable, or choose another folder")

    def _advice(self, path: Path) -> str:
        """Return what may be chosen instead of a path: the name of a file, or the folder in which its name is given."""
        is_inside = self.folder is not None and path.is_relative_to(self.folder)
        return f"choose another {'folder' if is_inside else 'name'} with -o"

    def _check_tiles(self, path: Path, read: dict[object, Path]) -> None:
        """Raise InputError if something that is needed lies in the folder of tiles, which is replaced."""
        tiles, _ = parts(path)
        place = Path(os.path.realpath(tiles))
        for used in (*read.values(), *([] if self.folder is None else [self.folder])):
            if Path(os.path.realpath(used)).is_relative_to(place):
                raise InputError(f"{used} is inside {tiles}, which {path} replaces: {self._advice(path)}")

    def _check_folder(self, folder: Path, read: dict[object, Path]) -> None:
        place = Path(os.path.realpath(folder))
        for path in self.pictures:
            if place.is_relative_to(os.path.realpath(path)):
                raise InputError(f"{path} cannot be a picture and the folder {folder}: choose another name with -o")
        for path in read.values():
            if Path(os.path.realpath(path)).is_relative_to(place):
                raise InputError(f"{path}, which is painted from, is inside {folder}: choose another folder")


def _check_streams(read: dict[object, Path]) -> None:
    for name, stream in (("output", "/dev/stdout"), ("error", "/dev/stderr")):
        for identity in read.keys() & _identities(Path(stream)):  # as in `>> photo.png`
            raise InputError(f"standard {name} goes to {read[identity]}, one of the pictures to paint from")


def snapshots_in_the_way(picture: Path, steps: Collection[int]) -> tuple[Path, ...]:
    """Return the existing files among the snapshots that are written beside a picture after these steps."""
    try:
        names = os.listdir(picture.parent)
    except OSError:
        return ()
    # File systems may ignore case and accents, so that only the numbers are compared.
    found = {int(match[1]) for name in names if (match := re.search(r"-([0-9]{6,})\.png$", name, re.IGNORECASE))}
    paths = (snapshot_path(picture, step) for step in sorted(found.intersection(steps)))
    return tuple(path for path in paths if os.path.lexists(path))


def snapshot_path(picture: Path, step: int) -> Path:
    """Return where the snapshot of a step is saved beside a picture."""
    return picture.with_name(f"{picture.stem}-{step:06d}.png")


def default_name(*stems: str) -> str:
    """Return `A_B` for the names of the inputs, cut to what file systems hold with a number and an extension."""
    most = _LONGEST_NAME // len(stems)

    def cut(stem: str) -> str:
        while len(os.fsencode(stem)) > most:
            stem = stem[:-1]
        return stem

    return "_".join(map(cut, stems))


def _identities(path: Path) -> set[object]:
    """Return what the same file has in common under all its names; empty if there is no file."""
    with suppress(OSError, ValueError):
        status = os.stat(path)
        if stat.S_ISREG(status.st_mode):  # not a terminal, which is read and written
            return {os.path.realpath(path), (status.st_dev, status.st_ino)}
    return set()


def _is_painted(path: Path) -> bool:
    with suppress(InputError):
        return read_metadata(path) is not None
    return False

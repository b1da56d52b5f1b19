"""The only way in which files of a run folder are opened: it may come from a stranger, so no link in it is followed."""

import os
from functools import partial
from io import FileIO
from pathlib import Path
from typing import Literal

from impasto.errors import InputError
from impasto.images import atomic_write
from impasto.untrusted import MAX_BYTES, open_regular


def open_inside(folder: Path, path: Path, mode: Literal["r", "r+", "a"] = "r") -> FileIO:
    """Open a file of a run folder; `r+` and `a` make a missing one.

    Raises InputError if a part of the path below the folder is a link, or a file to be changed has a second name.
    """
    check_inside(folder, path)
    file = FileIO(path, mode, opener=partial(_open, creates=mode == "r+"))
    if mode != "r" and os.fstat(file.fileno()).st_nlink > 1:
        file.close()
        raise InputError(f"{path} has another name elsewhere (a hard link): copy the run folder, and use the copy")
    return file


def read_inside(folder: Path, path: Path, limit: int = MAX_BYTES) -> bytes:
    """Return the first `limit` bytes of a file of a run folder, and one more if there are more."""
    with open_inside(folder, path) as file:
        return file.read(limit + 1) or b""


def write_inside(folder: Path, path: Path, data: bytes) -> None:
    """Write a file of a run folder, completely or not at all."""
    check_inside(folder, path)
    atomic_write(path, data)


def check_inside(folder: Path, *paths: Path) -> None:
    """Raise InputError if a part of a path below the folder is a link."""
    for path in paths:
        for part in (path, *path.parents[: len(path.relative_to(folder).parts) - 1]):
            if part.is_symlink():
                raise InputError(f"{part} is a link, and nothing in a run folder may be one: put the file itself there")


def _open(path: str | Path, flags: int, *, creates: bool) -> int:
    return open_regular(path, flags | getattr(os, "O_NOFOLLOW", 0) | (os.O_CREAT if creates else 0))

"""What a file system may refuse besides the data itself (locks, permissions, flushing, renaming) is done without."""

import os
import stat
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from impasto.errors import is_disk_error


class WeakerPromise(UserWarning):
    """Something that is usually promised does not hold on this file system."""


def _is_refusal(error: OSError) -> bool:
    return error.errno is not None and not is_disk_error(error)


@contextmanager
def doing_without(weaker: str = "") -> Iterator[None]:
    """Ignore that a file system refuses something, with a WeakerPromise if a text is given.

    Errors of a full or broken disk concern the data, and are raised.
    """
    try:
        yield
    except OSError as error:
        if not _is_refusal(error):
            raise
        if weaker:
            warnings.warn(weaker, WeakerPromise, stacklevel=4)


def flush(descriptor: int) -> None:
    """Wait until the bytes of a file are on the disk, where the file system can tell."""
    with doing_without(
        "this file system does not say when a file is on the disk: a power cut may lose what was saved last"
    ):
        os.fsync(descriptor)


def is_read_only(path: Path) -> bool:
    """Return True if an existing file may not be written; of root, who may always, the owner's permission decides."""
    return not (os.access(path, os.W_OK) and path.stat().st_mode & stat.S_IWUSR)


def move_file(source: Path, target: Path) -> None:
    """Move a file to another name in the same folder, atomically unless the file system refuses that.

    Raises OSError; what was at `target` is still there then.
    """
    try:
        os.replace(source, target)
    except OSError as error:
        if not _is_refusal(error):
            raise
        _write_in_place(target, source.read_bytes())
        source.unlink()
        text = "this file system cannot replace a file in one step: an interruption of saving may damage it"
        warnings.warn(text, WeakerPromise, stacklevel=3)


def _write_in_place(target: Path, data: bytes) -> None:
    old = target.read_bytes() if target.exists() else None
    file = target.open("wb" if old is None else "rb+")
    try:
        with file:
            file.write(data)
            file.truncate()
            file.flush()
            flush(file.fileno())
    except BaseException:
        with suppress(OSError):
            target.unlink() if old is None else target.write_bytes(old)
        raise

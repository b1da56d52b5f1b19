"""A lock on a run folder that the operating system lets go when its process ends, even by kill -9."""

import os
import sys
import threading
import time
from contextlib import suppress
from io import FileIO
from pathlib import Path
from typing import Final

from impasto.errors import InputError
from impasto.runs.disk import why

_PATIENCE: Final = 0.5
"""Seconds to try: `is_locked` of another process holds the lock for a moment, too."""

if sys.platform == "win32":
    import msvcrt

    # Windows locks ranges of bytes against reading as well; this one lies beyond the process number.
    _LOCKED_BYTE: Final = 1 << 30

    def _try_lock(file: FileIO, *, exclusive: bool) -> bool:
        file.seek(_LOCKED_BYTE)
        try:
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

else:
    import fcntl

    def _try_lock(file: FileIO, *, exclusive: bool) -> bool:
        # flock, not lockf: the latter lets two folders in one process both have it, and is lost when any copy closes.
        try:
            fcntl.flock(file, (fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH) | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


class FolderLock:
    """The right to write into a folder, held by one process (and one object in it) at a time.

    The lock is on a file that stays; it holds the number of the last process that had the right.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: FileIO | None = None
        self._guard = threading.Lock()

    @property
    def held(self) -> bool:
        """Whether this object has the right."""
        return self._file is not None

    def acquire(self) -> None:
        """Take the right; nothing happens if it is held already.

        Raises InputError if another process (or another object of this one) has it or the folder cannot be written.
        """
        with self._guard:
            if self._file is None:
                try:
                    self._file = self._wait()
                except OSError as error:
                    raise InputError(f"cannot write into {self._path.parent}: {why(error)}") from None

    def release(self) -> None:
        """Give the right back; nothing happens if it is not held."""
        with self._guard:
            if self._file is not None:
                self._file.close()
                self._file = None

    def _wait(self) -> FileIO:
        deadline = time.monotonic() + _PATIENCE
        while True:
            file = FileIO(os.open(self._path, os.O_RDWR | os.O_CREAT, 0o666), "r+")
            if _try_lock(file, exclusive=True) and self._is_still(file):
                _write_owner(file)
                return file
            file.close()
            if time.monotonic() > deadline:
                raise InputError(
                    f"another impasto (process {_owner(self._path)}) is painting into {self._path.parent}: "
                    "wait for it, stop it, or choose another folder"
                )
            time.sleep(0.02)

    def _is_still(self, file: FileIO) -> bool:
        """Whether the locked file still is the one at the path (its folder may have been removed in between)."""
        with suppress(FileNotFoundError):
            return os.path.samestat(os.fstat(file.fileno()), self._path.stat())
        return False


def is_locked(path: Path) -> bool:
    """Return whether a living process holds the lock on this file; a missing or unreadable file is not locked."""
    try:
        with FileIO(path, "r") as file:
            return not _try_lock(file, exclusive=False)
    except OSError:
        return False


def _write_owner(file: FileIO) -> None:
    # Only for the message to a second process: a full disk must not keep a run from going on.
    with suppress(OSError):
        file.seek(0)
        file.truncate()
        file.write(f"{os.getpid()}\n".encode())


def _owner(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii").strip() or "unknown"
    except (OSError, UnicodeDecodeError):
        return "unknown"

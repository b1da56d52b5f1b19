"""A lock on a folder that the operating system releases when its process ends, even by kill -9."""

import errno
import os
import sys
import time
import warnings
from contextlib import suppress
from io import FileIO
from pathlib import Path
from typing import Final

from impasto.errors import InputError, file_error, reason_of
from impasto.filesystem import WeakerPromise
from impasto.runs.files import open_inside

_HELD: Final = (errno.EAGAIN, errno.EWOULDBLOCK, errno.EACCES, errno.EDEADLK)
"""How systems refuse a lock that somebody else holds."""

_TIMEOUT: Final = 0.5
"""Seconds to retry, because `is_locked` in another process holds the lock for a moment."""

if sys.platform == "win32":
    import msvcrt

    # Windows also forbids reading locked bytes, so a byte after the process ID is locked.
    _LOCKED_BYTE: Final = 1 << 30

    def _lock(file: FileIO, *, exclusive: bool) -> None:
        file.seek(_LOCKED_BYTE)
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)

else:
    import fcntl

    def _lock(file: FileIO, *, exclusive: bool) -> None:
        # flock, not lockf: the latter lets two objects of one process hold it, and is lost when any copy closes.
        fcntl.flock(file, (fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH) | fcntl.LOCK_NB)


def _try_lock(file: FileIO, *, exclusive: bool) -> bool:
    """Return False if somebody else holds the lock; where the file system has none, everybody gets it."""
    try:
        _lock(file, exclusive=exclusive)
    except OSError as error:
        if error.errno in _HELD:
            return False
        if exclusive:
            folder = Path(file.name).parent
            text = f"the file system of {folder} has no locks: do not paint into that folder twice at the same time"
            warnings.warn(text, WeakerPromise, stacklevel=4)
    return True


class FolderLock:
    """The right to write into a folder, held by one object of one process at a time.

    The lock file is deleted by `remove` alone; it contains the ID of the last process that held the lock.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: FileIO | None = None

    @property
    def held(self) -> bool:
        """Whether this object holds the lock."""
        return self._file is not None

    def acquire(self) -> None:
        """Acquire the lock unless it is held already.

        Raises:
            InputError: If another object or process holds the lock, or the folder cannot be written.
        """
        deadline = time.monotonic() + _TIMEOUT
        while self._file is None:
            try:
                file = open_inside(self._path.parent, self._path, "r+")
            except OSError as error:
                raise file_error(f"cannot write into {self._path.parent}: {reason_of(error)}", error) from None
            if _try_lock(file, exclusive=True) and self._is_current(file):
                _write_owner(file)
                self._file = file
                return
            file.close()
            if time.monotonic() > deadline:
                raise InputError(
                    f"another impasto (process {self._owner()}) is painting into {self._path.parent}: "
                    "wait for it, stop it, or choose another folder"
                )
            time.sleep(0.02)

    def release(self) -> None:
        """Release the lock if it is held."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def remove(self) -> None:
        """Delete the file of the lock, which is held, and its folder if nothing else is in it, and release the lock."""
        with suppress(OSError):
            if sys.platform == "win32":  # where no open file can be deleted, and so none that another has locked
                self.release()
            self._path.unlink()
            self._path.parent.rmdir()
        self.release()

    @property
    def is_lost(self) -> bool:
        """Whether the file is no longer at its path: the folder was removed or renamed."""
        return self._file is not None and not self._is_current(self._file)

    def _is_current(self, file: FileIO) -> bool:
        """Return True if the locked file is still the one at the path: the folder may have been replaced."""
        with suppress(FileNotFoundError, NotADirectoryError):
            return os.path.samestat(os.fstat(file.fileno()), self._path.stat())
        return False

    def _owner(self) -> str:
        with suppress(OSError, InputError), open_inside(self._path.parent, self._path) as file:
            found = (file.read(20) or b"").strip()
            return found.decode() if found.isdigit() else "unknown"
        return "unknown"


def is_locked(path: Path) -> bool:
    """Return True if a living process holds the lock on this file; a missing or unreadable file is not locked."""
    try:
        with open_inside(path.parent, path) as file:
            return not _try_lock(file, exclusive=False)
    except (OSError, InputError):
        return False


def _write_owner(file: FileIO) -> None:
    # Used only in the message to a second process, so a full disk must not stop the run.
    with suppress(OSError):
        file.seek(0)
        file.truncate()
        file.write(f"{os.getpid()}\n".encode())

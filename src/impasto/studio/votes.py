"""Which of two pictures people kept: a table that only grows."""

import csv
import io
import os
import re
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from impasto.errors import InputError

COLUMNS: Final = ("time", "kept", "other", "rater")

# A spreadsheet takes what begins with =, +, - or @ for a formula: a name begins with a letter or a digit.
_RATER: Final = re.compile(r"[^\W_][\w .'-]{0,59}")
_GUARD: Final = threading.Lock()


def checked_rater(rater: str) -> str:
    """Return the name of who chose, without space around it; raises InputError for what is no name of 1 to 60 letters.

    >>> checked_rater(" Ada L. ")
    'Ada L.'
    """
    name = rater.strip()
    if not _RATER.fullmatch(name):
        raise InputError("a name has 1 to 60 letters, digits, spaces, dots and dashes, and begins with a letter")
    return name


def append_vote(path: Path, kept: str, other: str, rater: str) -> None:
    """Add a line to the table, at once and whole; the first one brings the heading. Raises InputError."""
    line = (datetime.now(UTC).isoformat(timespec="seconds"), kept, other, rater)
    try:
        with _GUARD:
            descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o666)
            with os.fdopen(descriptor, "r+b", buffering=0) as file:
                length = file.seek(0, os.SEEK_END)
                begin = b"" if length else _encode(COLUMNS)
                if length and _last_byte(file, length) != b"\n":
                    # What a full disk has torn must not swallow the next line.
                    begin = b"\n"
                file.write(begin + _encode(line))
                os.fsync(descriptor)
    except OSError as error:
        raise InputError(f"cannot write {path.name}: {error.strerror or error}") from None


def read_votes(path: Path) -> list[dict[str, str]]:
    """Return the votes, oldest first, one dictionary by `COLUMNS` each; none if nobody has voted yet."""
    if not path.exists():
        return []
    with path.open(encoding="utf-8", newline="") as file:
        return [row for row in csv.DictReader(file) if all(row.get(column) for column in COLUMNS)]


def _encode(line: tuple[str, ...]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(line)
    return text.getvalue().encode()


def _last_byte(file: io.FileIO, length: int) -> bytes:
    file.seek(length - 1)
    return file.read(1)

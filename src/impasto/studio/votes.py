"""Blind votes: an append-only table of preferences between two pictures."""

import csv
import io
import os
import re
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from impasto.errors import InputError, reason_of
from impasto.filesystem import flush

COLUMNS: Final = ("time", "kept", "other", "rater")

# Spreadsheets read a cell that begins with =, +, - or @ as a formula, so a name begins with a letter or a digit.
_RATER: Final = re.compile(r"[^\W_][\w .'-]{0,59}")
_GUARD: Final = threading.Lock()


def checked_rater(rater: str) -> str:
    """Return a voter's name without space around it; raises InputError unless it has 1 to 60 plain letters.

    >>> checked_rater(" Ada L. ")
    'Ada L.'
    """
    name = rater.strip()
    if not _RATER.fullmatch(name):
        raise InputError("a name has 1 to 60 letters, digits, spaces, dots and dashes, and begins with a letter")
    return name


def append_vote(path: Path, kept: str, other: str, rater: str) -> None:
    """Add a row to the table in one write, with the heading first if it is new; raises InputError."""
    row = (datetime.now(UTC).isoformat(timespec="seconds"), kept, other, rater)
    try:
        with _GUARD, path.open("a+b", buffering=0) as file:
            if not file.seek(0, os.SEEK_END):
                start = _encode(COLUMNS)
            else:
                file.seek(-1, os.SEEK_END)
                # End an incomplete row (the disk was full), so that the next one begins on a line of its own.
                start = b"" if file.read(1) == b"\n" else b"\n"
            file.write(start + _encode(row))
            flush(file.fileno())
    except OSError as error:
        raise InputError(f"cannot write {path.name}: {reason_of(error)}") from None


def read_votes(path: Path) -> list[dict[str, str]]:
    """Return the votes, oldest first, each by `COLUMNS`; an empty list if there are none."""
    if not path.exists():
        return []
    with path.open(encoding="utf-8", newline="") as file:
        return [row for row in csv.DictReader(file) if all(row.get(column) for column in COLUMNS)]


def _encode(row: tuple[str, ...]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(row)
    return text.getvalue().encode()

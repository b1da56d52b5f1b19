"""The event log: one JSON object a line, appended, every line handed to the system at once.

A kill can tear only the last line; reading leaves it out, and the next writer cuts it off.
"""

import json
import math
import os
import threading
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from io import FileIO
from pathlib import Path
from typing import Any, TypeAlias

from impasto.errors import InputError
from impasto.events import Event
from impasto.images import atomic_write
from impasto.runs.disk import saving, why

Line: TypeAlias = dict[str, Any]


def now() -> str:
    """Return the time in UTC as ISO 8601 with milliseconds."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def line_of(event: Event, **instead: Any) -> Line:
    """Return what the log holds of an event: its type, the time and its fields, a picture left out.

    `instead` adds fields (the file of a snapshot).
    """
    fields = {name: value for name, value in vars(event).items() if name != "image"}
    return {"type": type(event).__name__, "time": now()} | fields | instead


class EventLog:
    """The lines of one log file. One process may write at a time; its threads may share the object."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: FileIO | None = None
        self._guard = threading.Lock()

    def lines(self) -> list[Line]:
        """Return all whole lines; raises InputError if one before the last cannot be read."""
        return [line for _, line in self._scan()[0]]

    def append(self, line: Mapping[str, Any], *, durable: bool = False) -> None:
        """Add a line; `durable` waits until it is on the disk.

        Numbers that are not finite become null. Raises RunError if it cannot be written.
        """
        data = _encode(line)
        with self._guard, saving(self._path, self._path.parent):
            file = self._file or self._open()
            try:
                written = 0
                while written < len(data):
                    written += file.write(data[written:]) or 0
                if durable:
                    os.fsync(file.fileno())
            except OSError:
                # Opening it again cuts off whatever part of the line was written.
                self._close()
                raise

    def rewrite(self, keep: Callable[[Line], bool], add: Iterable[Mapping[str, Any]] = ()) -> None:
        """Keep only some lines, byte for byte, and add others after them, atomically; raises RunError."""
        with self._guard, saving(self._path, self._path.parent):
            self._close()
            kept = [raw for raw, line in self._scan()[0] if keep(line)]
            atomic_write(self._path, b"".join([*kept, *map(_encode, add)]))

    def flush(self) -> None:
        """Wait until every line is on the disk; raises RunError."""
        with self._guard, saving(self._path, self._path.parent):
            os.fsync((self._file or self._open()).fileno())

    def close(self) -> None:
        """Let the file go; appending opens it again."""
        with self._guard:
            self._close()

    def _open(self) -> FileIO:
        end = self._scan()[1]
        self._file = FileIO(self._path, "a")
        self._file.truncate(end)
        return self._file

    def _close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def _scan(self) -> tuple[list[tuple[bytes, Line]], int]:
        """Return the whole lines, raw and read, and the length of the file without a torn last line."""
        try:
            data = self._path.read_bytes()
        except FileNotFoundError:
            return [], 0
        except OSError as error:
            raise InputError(f"cannot read {self._path}: {why(error)}") from None
        lines: list[tuple[bytes, Line]] = []
        end = 0
        for number, raw in enumerate(data.splitlines(keepends=True), start=1):
            line = _decode(raw)
            if line is None and end + len(raw) < len(data):
                raise InputError(f"line {number} of {self._path} cannot be read: remove that line to go on")
            if line is not None:
                lines.append((raw, line))
                end += len(raw)
        return lines, end


def _encode(line: Mapping[str, Any]) -> bytes:
    return json.dumps(_finite(line), allow_nan=False).encode("ascii") + b"\n"


def _finite(value: Any) -> Any:
    """Replace numbers that JSON does not have by None, as JavaScript does."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {key: _finite(item) for key, item in value.items()}
    return [_finite(item) for item in value] if isinstance(value, (list, tuple)) else value


def _decode(raw: bytes) -> Line | None:
    """Return the object, or None if this is no whole line of a log."""
    try:
        line = json.loads(raw) if raw.endswith(b"\n") else None
    except ValueError:
        return None
    return line if isinstance(line, dict) and isinstance(line.get("type"), str) else None

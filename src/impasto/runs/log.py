"""The event log of a run or a batch: a JSON object per line, appended; it reaches the system before `append` returns.

A killed process can leave an incomplete last line. Reading skips it, and the next writer cuts it off.
"""

import json
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache, cached_property
from io import FileIO
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias, TypeVar, get_args

from pydantic import TypeAdapter

from impasto.errors import InputError, reason_of
from impasto.events import Failed, Finished, LevelStarted, LoggedEvent, ResultSaved, Resumed, Step
from impasto.filesystem import flush
from impasto.runs.files import open_inside, write_inside
from impasto.untrusted import load_json

_MAX_NUMBER: Final = 10**9
"""Steps, levels and pixels a side of any run are fewer."""
Ending: TypeAlias = Literal["finished", "stopped", "failed"]
_E = TypeVar("_E")

_RUN_EVENTS: Final = get_args(LoggedEvent)


@dataclass(frozen=True)
class LogEntry:
    """One line of a log: what happened, and when (UTC, to the millisecond)."""

    time: datetime
    event: Any


@dataclass(frozen=True, kw_only=True)
class Progress:
    """Progress of a run; None: not known yet.

    Attributes:
        step: Number of steps done.
        level: Number of the level of the last step, from 0.
        loss: Loss of the last step.
        seconds: Painting time of all logged steps, over all resumptions.
        size: Width and height in pixels of the level that was painted last.
    """

    step: int = 0
    level: int | None = None
    loss: float | None = None
    seconds: float = 0.0
    size: tuple[int, int] | None = None


@dataclass(frozen=True)
class RunLog:
    """The log of a run, oldest entry first.

    Attributes:
        entries: Every complete line of the log.
    """

    entries: tuple[LogEntry, ...] = ()

    def of(self, kind: type[_E]) -> list[_E]:
        """Return the events of one type, oldest first."""
        return [entry.event for entry in self.entries if isinstance(entry.event, kind)]

    @cached_property
    def steps(self) -> list[Step]:
        """Every step."""
        return self.of(Step)

    @property
    def ending(self) -> Ending | None:
        """How the run ended, or None if it has not ended or was resumed."""
        last = self.entries[-1].event if self.entries else None
        if isinstance(last, ResultSaved):
            return "stopped" if last.reason == "stopped" else "finished"
        return "failed" if isinstance(last, Failed) else None

    @cached_property
    def progress(self) -> Progress:
        """Progress of the run."""
        step, level, loss, size, before, latest = 0, None, None, None, 0.0, 0.0
        for entry in self.entries:
            event = entry.event
            if isinstance(event, (Step, Finished)):
                step, loss, latest = event.step, event.loss, event.seconds
            if isinstance(event, (Step, LevelStarted)):
                level = event.level
            if isinstance(event, LevelStarted):
                size = (event.width, event.height)
            if isinstance(event, Resumed):
                # The seconds of the events start at zero after each resumption.
                before, latest = before + latest, 0.0
        return Progress(step=step, level=level, loss=loss, seconds=before + latest, size=size)


class EventLog:
    """The log file. One process may write at a time.

    Methods that write raise OSError or InputError if the file cannot be written.

    Args:
        path: The file.
        kinds: Dataclasses that a line may hold; by default what a run logs.
    """

    def __init__(self, path: Path, kinds: Sequence[type] = _RUN_EVENTS) -> None:
        self.path = path
        self._kinds = {kind.__name__: kind for kind in kinds}
        self._file: FileIO | None = None
        self._known: tuple[object, RunLog] = (None, RunLog())

    def read(self) -> RunLog:
        """Return the log; the file is parsed only if it has changed since the last call.

        Raises InputError if a complete line cannot be read.
        """
        stamp = self._stamp()
        known, log = self._known
        if stamp != known:
            log = RunLog(tuple(entry for _, entry in self._scan()[0]))
            self._known = (stamp, log)
        return log

    def append(self, event: Any, *, durable: bool = False) -> None:
        """Add an entry; `durable` waits until it is on the disk. Numbers that are not finite become null."""
        data = _encode(event)
        file = self._file or self._open()
        try:
            while data:
                data = data[file.write(data) or 0 :]
            if durable:
                flush(file.fileno())
        except OSError:
            # Opening the file again cuts off the incomplete line.
            self.close()
            raise

    def rewrite(self, keep: Callable[[Any], bool], add: Iterable[Any] = ()) -> None:
        """Keep the entries for which `keep` returns True and append others, atomically."""
        self.close()
        kept = [raw for raw, entry in self._scan()[0] if keep(entry.event)]
        write_inside(self.path.parent, self.path, b"".join([*kept, *map(_encode, add)]))

    def flush(self) -> None:
        """Wait until every line is on the disk."""
        flush((self._file or self._open()).fileno())

    def close(self) -> None:
        """Close the file; appending opens it again."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _open(self) -> FileIO:
        end = self._scan()[1]
        self._file = open_inside(self.path.parent, self.path, "a")
        self._file.truncate(end)
        return self._file

    def _stamp(self) -> object:
        """Return a value that changes with the file: appending changes its size, rewriting its inode or time."""
        try:
            status = self.path.stat()
        except OSError:
            return None
        return status.st_ino, status.st_size, status.st_mtime_ns

    def _scan(self) -> tuple[list[tuple[bytes, LogEntry]], int]:
        """Return the complete lines, raw and decoded, and the length of the file without an incomplete last line."""
        try:
            with open_inside(self.path.parent, self.path) as file:
                data = file.readall()
        except FileNotFoundError:
            return [], 0
        except OSError as error:
            raise InputError(f"cannot read {self.path}: {reason_of(error)}") from None
        end = data.rfind(b"\n") + 1
        lines = data[:end].splitlines(keepends=True)
        entries = []
        for number, raw in enumerate(lines, start=1):
            try:
                entries.append((raw, self._decode(raw)))
            except (ValueError, LookupError, TypeError, OverflowError) as error:
                raise InputError(
                    f"line {number} of {self.path} cannot be read ({reason_of(error)}): remove that line to continue"
                ) from None
        return entries, end

    def _decode(self, raw: bytes) -> LogEntry:
        line = load_json(raw)
        if not isinstance(line, dict):
            raise ValueError("not a JSON object")
        kind, time = line.pop("type"), datetime.fromisoformat(line.pop("time"))
        # Only these two types have numbers that may be NaN or infinite, and no optional ones.
        fields = _with_nan(line) if kind in ("Step", "Finished") else line
        event = _adapter(self._kinds[kind]).validate_python(fields)
        if not all(0 <= value <= _MAX_NUMBER for value in vars(event).values() if isinstance(value, int)):
            raise ValueError("a number is out of range")
        return LogEntry(time.astimezone(UTC), event)


@cache
def _adapter(kind: type) -> Any:
    return TypeAdapter(kind)


def _encode(event: Any) -> bytes:
    time = datetime.now(UTC).isoformat(timespec="milliseconds")
    line = json.dumps({"type": type(event).__name__, "time": time, **vars(event)})
    # JSON has no NaN and no infinity: they become null.
    line = json.dumps(json.loads(line, parse_constant=lambda _: None))
    return line.encode("ascii") + b"\n"


def _with_nan(value: Any) -> Any:
    """Replace None by NaN."""
    if isinstance(value, dict):
        return {key: _with_nan(item) for key, item in value.items()}
    return math.nan if value is None else value

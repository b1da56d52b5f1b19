"""The run folder: everything that a run needs to go on after a kill. It writes and reads; it starts nothing."""

import re
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Literal, TypeAlias

import numpy as np
from jaxtyping import UInt8
from torch import Tensor

from impasto.errors import RunError
from impasto.events import (
    Changed,
    Event,
    Failed,
    Finished,
    LevelStarted,
    LoggedEvent,
    ResultSaved,
    Resumed,
    Snapshot,
    SnapshotSaved,
    StopReason,
)
from impasto.images import atomic_write, write_picture
from impasto.recipe import Recipe
from impasto.runs.begin import LOCK, begin
from impasto.runs.checkpoint import Checkpoint, CheckpointFiles
from impasto.runs.disk import saving
from impasto.runs.header import Header, RunInputs, read_header, read_inputs
from impasto.runs.lock import FolderLock, is_locked
from impasto.runs.log import EventLog, RunLog

Status: TypeAlias = Literal["running", "interrupted", "finished", "failed"]

_LOG: Final = "events.jsonl"
_SNAPSHOTS: Final = "snapshots"
_RESULT: Final = "result.png"
_LATEST: Final = "latest.png"


class RunFolder:
    """A run on the disk.

    Whoever writes holds the folder's lock: `create` takes it, the first write after `open` takes it, and it is let go
    by `close`, at the end of a `with` block, or by the system when the process ends. Every method that writes raises
    InputError if another process holds the lock, and RunError if the disk does not take what is written.
    """

    def __init__(self, path: Path, header: Header, lock: FolderLock) -> None:
        """Use `create` or `open`."""
        self.path = path
        self._header = header
        self._lock = lock
        self._log = EventLog(path / _LOG)
        self._checkpoints = CheckpointFiles(path)
        self._recipe = header.checked_recipe()
        self._level = -1
        self._learn()

    @classmethod
    def create(
        cls, path: Path, *, recipe: Recipe, inputs: RunInputs, output: Path | None = None, command: str | None = None
    ) -> "RunFolder":
        """Make a folder (or take an empty one) for a new run, copy the inputs into it, and lock it.

        `output` is where the person wants the result, `command` what was typed; both are only kept. Raises InputError
        if the folder holds anything or cannot be written.
        """
        lock = begin(path, recipe, inputs, output, command)
        return cls(path, read_header(path), lock)

    @classmethod
    def open(cls, path: Path) -> "RunFolder":
        """Open a run that exists, to look at it or to go on with it; raises InputError if it is none or is damaged."""
        return cls(path, read_header(path), FolderLock(path / LOCK))

    def __enter__(self) -> "RunFolder":
        self.lock()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.unlock()

    def lock(self) -> None:
        """Take the right to write; raises InputError if another process paints into the folder."""
        if not self._lock.held:
            self._lock.acquire()
            # Only now nobody else writes: what was read when the folder was opened may be old.
            self._learn()

    def unlock(self) -> None:
        """Let the lock go; the next write takes it again."""
        self._log.close()
        self._lock.release()

    def close(self) -> None:
        """Let everything go that is held open; the same as `unlock`."""
        self.unlock()

    @property
    def recipe(self) -> Recipe:
        """The recipe that the run goes on with: the first one and every change of it so far."""
        return self._recipe

    @property
    def output(self) -> Path | None:
        """Where the person wanted the result."""
        return Path(self._header.output) if self._header.output else None

    @property
    def created(self) -> datetime:
        """When the run began, in UTC."""
        return self._header.created

    @property
    def input_names(self) -> tuple[str, tuple[str, ...]]:
        """The names of the content image and of the style images, known without reading them."""
        kept = self._header.inputs
        return kept.content.name, tuple(style.name for style in kept.styles)

    @property
    def status(self) -> Status:
        """How the run stands now.

        `running`: a living process holds the lock; `finished`: it came to its end and the result is saved; `failed`:
        it told an error; `interrupted`: none of these, also when the person stopped it.
        """
        # In this order: a process that ends in between has written its last line before it lets the lock go.
        alive = self._lock.held or is_locked(self.path / LOCK)
        ending = self._log.read().ending
        if ending in ("finished", "failed"):
            return ending
        return "running" if alive and ending is None else "interrupted"

    def inputs(self) -> RunInputs:
        """Read the pictures from the folder's own copies; raises InputError if one is missing or has changed."""
        return read_inputs(self.path, self._header.inputs, max_megapixels=self.recipe.max_megapixels)

    def read_log(self) -> RunLog:
        """Return everything that was logged; an incomplete last line is skipped."""
        return self._log.read()

    def events(self) -> list[dict[str, Any]]:
        """Temporary alias for code that does not use `read_log` yet."""
        old = {"SnapshotSaved": "Snapshot", "Changed": "changed", "Resumed": "resumed"}
        old |= {"ResultSaved": "result", "Failed": "failed"}
        entries = self._log.read().entries
        names = [type(entry.event).__name__ for entry in entries]
        return [
            {"type": old.get(name, name), "time": entry.time.isoformat(), **vars(entry.event)}
            for name, entry in zip(names, entries, strict=True)
        ]

    def record(self, event: Event) -> None:
        """Log an event; a snapshot that is not saved yet is saved, without metadata.

        A level that is in the log already is not logged again (a resumed run tells its level anew).
        """
        self.lock()
        if isinstance(event, LevelStarted) and event.level <= self._level:
            return
        if isinstance(event, Snapshot):
            if not self._snapshot_path(event.step).exists():
                self.save_snapshot(event.step, event.image, {})
            file = f"{_SNAPSHOTS}/{self._snapshot_path(event.step).name}"
            self._append(SnapshotSaved(step=event.step, file=file))
            return
        self._append(event)
        if isinstance(event, LevelStarted):
            self._level = event.level

    def record_change(self, recipe: Recipe, step: int) -> None:
        """Log that the recipe changes after `step` steps; from then on `recipe` is this one."""
        self.lock()
        changes = recipe.changes_from(self._recipe)
        if changes:
            self._append(Changed(step=step, changes=changes), durable=True)
            self._recipe = recipe

    def save_snapshot(self, step: int, image: UInt8[np.ndarray, "h w 3"], metadata: Mapping[str, Any]) -> Path:
        """Write snapshots/NNNNNN.png (8 bit, the metadata embedded) and return its path."""
        return self._save_picture(self._snapshot_path(step), image, metadata)

    def save_latest(self, image: UInt8[np.ndarray, "h w 3"], metadata: Mapping[str, Any]) -> Path:
        """Write latest.png (8 bit, the metadata embedded), the picture as it is now, and return its path."""
        return self._save_picture(self.path / _LATEST, image, metadata)

    def save_checkpoint(self, tensors: Mapping[str, Tensor], scalars: Mapping[str, Any]) -> None:
        """Save a state to go on from (tensors, and values that JSON can hold); the one before is kept as well."""
        self.lock()
        # A checkpoint must never outlive the log lines before it: they would be missing for good.
        with saving(self._log.path, self.path):
            self._log.flush()
        self._checkpoints.save(tensors, scalars)

    def load_checkpoint(self) -> Checkpoint | None:
        """Return the newest readable state, bit for bit, or None if there is none yet.

        Raises InputError if there are only damaged ones.
        """
        return self._checkpoints.load()

    def rewind(self, step: int) -> None:
        """Drop what was logged and kept after `step` steps, and how the run ended; log that it goes on from there.

        Changes of the recipe made later than `step` are dropped with the rest.
        """
        self.lock()
        if self._log.read().entries:
            with saving(self._log.path, self.path):
                self._log.rewrite(
                    lambda event: (
                        not isinstance(event, (Finished, ResultSaved, Failed)) and getattr(event, "step", 0) <= step
                    ),
                    add=[Resumed(step=step)],
                )
            self._learn()
        with saving(self.path / _SNAPSHOTS, self.path):
            for file in self.path.glob(f"{_SNAPSHOTS}/*.png"):
                if re.fullmatch(r"\d{6,}", file.stem) and int(file.stem) > step:
                    file.unlink()

    def finish(self, png: bytes, reason: StopReason) -> Path:
        """Write the picture that the run ended with, an encoded PNG, to result.png and return its path.

        Call it last: with it the run is finished, or `interrupted` if the reason is that the person stopped it.
        """
        self.lock()
        path = self.path / _RESULT
        with saving(path, self.path):
            atomic_write(path, png)
        self._append(ResultSaved(file=_RESULT, reason=reason), durable=True)
        return path

    def fail(self, message: str) -> None:
        """Log the error that ended the run, as one line; never raises because of the disk."""
        self.lock()
        # The error to tell is the one that came first, not that the full disk has no room for this line either.
        with suppress(RunError):
            self._append(Failed(message=" ".join(message.split())), durable=True)

    def _save_picture(self, path: Path, image: UInt8[np.ndarray, "h w 3"], metadata: Mapping[str, Any]) -> Path:
        self.lock()
        with saving(path, self.path):
            path.parent.mkdir(exist_ok=True)
            write_picture(path, image, metadata=metadata)
        return path

    def _snapshot_path(self, step: int) -> Path:
        return self.path / _SNAPSHOTS / f"{step:06d}.png"

    def _append(self, event: LoggedEvent, *, durable: bool = False) -> None:
        with saving(self._log.path, self.path):
            self._log.append(event, durable=durable)

    def _learn(self) -> None:
        """Replay the log: the recipe as it was changed last, and the last level."""
        log = self._log.read()
        self._recipe = self._header.checked_recipe().with_changes(**log.changes)
        self._level = max((event.level for event in log.of(LevelStarted)), default=-1)

"""The run folder: everything needed to continue a run after its process was killed."""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias

import numpy as np
from jaxtyping import UInt8
from torch import Tensor

from impasto import events
from impasto.errors import DiskError, InputError, RunError, is_disk_error, reason_of
from impasto.events import Changed, Event, LevelStarted, LoggedEvent, Snapshot, StopReason
from impasto.images import write_picture
from impasto.recipe import Recipe, checked, with_current_names
from impasto.runs.checkpoint import Checkpoint, CheckpointFiles
from impasto.runs.files import check_inside, write_inside
from impasto.runs.header import LOCK_FILE, RUN_FILE, Header, create_run, read_header, seal_of
from impasto.runs.inputs import Inputs, KeptInputs, read_inputs
from impasto.runs.lock import FolderLock, is_locked
from impasto.runs.log import EventLog, RunLog
from impasto.shell import file_word, join

Status: TypeAlias = Literal["running", "interrupted", "finished", "failed"]

LOG_FILE: Final = "events.jsonl"
_SNAPSHOTS: Final = "snapshots"


class RunFolder:
    """A run on disk.

    Writing needs the folder's lock: `create` and the first write after `open` acquire it, and `close`, the end of a
    `with` block or the end of the process releases it. Every method that writes raises InputError if another process
    holds the lock, and RunError if the file cannot be written.

    Attributes:
        path: The folder.
        recipe: The recipe with every change so far.
        first_recipe: The recipe before the changes.
        created: When the run began, in UTC.
        output: Where the user wants the result, if known.
        bits: Bits per channel of that file.
        quality: Its quality, if it is a JPEG or WebP.
        was_made_here: Whether the folder is one that was made at its place, and not a copy of one from elsewhere.
        kept_inputs: The copies of the inputs, known without reading them.
        result_path: Where the result is saved.
        begun_with: Version, and on what else the picture depends bit for bit.
        latest_path: Where the last picture of a failed run is saved.
    """

    def __init__(self, path: Path, header: Header, lock: FolderLock) -> None:
        """Use `create` or `open`."""
        self.path = path
        self.created: datetime = header.created
        self.output = header.output_path
        self.bits, self.quality = header.bits, header.quality
        self.was_made_here = header.seal == seal_of(path, header.output)
        self.kept_inputs: KeptInputs = header.inputs
        self.result_path = path / "result.png"
        self.latest_path = path / "latest.png"
        self.begun_with = {"version": header.version, "computed": header.computed}
        self.first_recipe = checked(with_current_names(header.recipe))
        self._header = header
        self._lock = lock
        self._log = EventLog(path / LOG_FILE)
        self._checkpoints = CheckpointFiles(path, header.digest())
        self._level = -1
        self.recipe = self.first_recipe
        self._replay_log()

    @classmethod
    def create(
        cls,
        path: Path,
        *,
        recipe: Recipe,
        inputs: Inputs,
        output: Path | None = None,
        bits: Literal[8, 16] = 8,
        quality: int = 95,
    ) -> "RunFolder":
        """Make a folder (or use an empty one) for a new run, copy the inputs into it, and lock it.

        Args:
            path: The folder.
            recipe: The recipe, with device and precision resolved.
            inputs: The pictures.
            output: Where the user wants the result; only noted.
            bits: Bits per channel of that file; only noted.
            quality: Its quality, if it is a JPEG or WebP; only noted.

        Raises:
            InputError: If the folder holds anything or cannot be written.
        """
        lock = create_run(path, recipe, inputs, output, bits=bits, quality=quality)
        return cls(path, read_header(path), lock)

    @classmethod
    def open(cls, path: Path) -> "RunFolder":
        """Open an existing run to read or continue it; raises InputError if it is missing or damaged."""
        return cls(path, read_header(path), FolderLock(path / LOCK_FILE))

    def choose_weights(self, file: str | None) -> None:
        """Use a file of weights in place of the one that the recipe names.

        Raises InputError if there is none and the folder was made elsewhere: it must not choose what is read here.
        """
        named = self.first_recipe.network.weights
        if file is not None:
            self.first_recipe = self.first_recipe.with_changes(weights=file)
            self._replay_log()
        elif named not in ("embedded", "full") and not self.was_made_here:
            raise InputError(f"{self.path} was made elsewhere, with the weights {named}: give them with --weights")

    @staticmethod
    def exists(path: Path) -> bool:
        """Return True if a run was created in this folder, even if it is damaged now."""
        return (path / RUN_FILE).exists()

    @staticmethod
    def is_run(path: Path) -> bool:
        """Return True if the folder holds a run or the remains of one."""
        try:
            return any((path / name).exists() for name in (RUN_FILE, LOCK_FILE)) or CheckpointFiles(path).exist()
        except OSError:
            return False

    def __enter__(self) -> "RunFolder":
        self.lock()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def lock(self) -> None:
        """Acquire the right to write; raises InputError if another process paints into the folder."""
        if not self._lock.held:
            # A link is refused before anything is painted.
            check_inside(self.path, *self.path.iterdir())
            self._lock.acquire()
            # Another process may have written since the folder was opened, so the log is read again.
            self._replay_log()

    def close(self) -> None:
        """Release the lock; the next write acquires it again."""
        self._log.close()
        self._lock.release()

    @property
    def status(self) -> Status:
        """Current status of the run.

        `running`: a living process holds the lock; `finished`: the result is saved; `failed`: an error ended the run;
        `interrupted`: anything else, including a stop by the user.
        """
        # The lock is checked first: a process writes its last line before it releases the lock.
        is_alive = self._lock.held or is_locked(self.path / LOCK_FILE)
        ending = self.read_log().ending
        if ending in ("finished", "failed"):
            return ending
        return "running" if is_alive else "interrupted"

    @property
    def has_checkpoint(self) -> bool:
        """Whether a checkpoint was saved."""
        return self._checkpoints.exist()

    @property
    def replaced_files(self) -> tuple[Path, ...]:
        """The files that continuing the run replaces."""
        return (self.result_path, self.latest_path, self._log.path, self._checkpoints.path, self.path / LOCK_FILE)

    def inputs(self) -> Inputs:
        """Read the pictures from the folder's own copies; raises InputError if one is missing or has changed."""
        return read_inputs(self.path, self.kept_inputs, max_megapixels=self.recipe.picture.max_megapixels)

    def snapshot_path(self, step: int) -> Path:
        """Return where the snapshot of a step is saved."""
        return self.path / _SNAPSHOTS / f"{step:06d}.png"

    def read_log(self) -> RunLog:
        """Return everything that was logged; an incomplete last line is skipped."""
        return self._log.read()

    def record(self, event: Event, metadata: Mapping[str, Any] | None = None) -> None:
        """Log an event; save the picture of a snapshot (8 bits, with the metadata embedded).

        A level that is already in the log is skipped: a resumed run reports its level again.
        """
        self.lock()
        if isinstance(event, Snapshot):
            path = self.snapshot_path(event.step)
            self._save_picture(path, event.image, metadata)
            self._append(events.SnapshotSaved(step=event.step, file=f"{_SNAPSHOTS}/{path.name}"))
        elif not isinstance(event, LevelStarted):
            self._append(event)
        elif event.level > self._level:
            self._append(event)
            self._level = event.level

    def record_change(self, recipe: Recipe, step: int) -> None:
        """Log what changed from the current recipe after `step` steps and make `recipe` the current one."""
        self.lock()
        changes = recipe.changes_from(self.recipe)
        if changes:
            self._append(Changed(step=step, changes=changes), durable=True)
            self.recipe = recipe

    def save_latest(self, image: UInt8[np.ndarray, "h w 3"], metadata: Mapping[str, Any]) -> Path:
        """Write latest.png (8 bits, with the metadata embedded) and return its path."""
        self._save_picture(self.latest_path, image, metadata)
        return self.latest_path

    def save_checkpoint(self, tensors: Mapping[str, Tensor], scalars: Mapping[str, Any]) -> None:
        """Save a state to continue from (tensors, and values that JSON can hold); the previous one is kept as well."""
        # The log lines before a checkpoint must reach the disk first, because nothing else can restore them.
        with self._writing(self._log.path):
            self._log.flush()
        with self._writing(self._checkpoints.path):
            self._checkpoints.save(tensors, scalars)

    def load_checkpoint(self) -> Checkpoint | None:
        """Return the newest readable state exactly as it was saved, or None if there is none yet.

        Raises InputError if there are only damaged ones.
        """
        return self._checkpoints.load()

    def rewind(self, step: int) -> None:
        """Remove log entries and snapshots after `step` steps and the ending; log that the run continues from there.

        Changes of the recipe made later than `step` are dropped with the rest.
        """
        self.lock()
        if self.read_log().entries:
            with self._writing(self._log.path):
                self._log.rewrite(lambda event: _remains(event, step), add=[events.Resumed(step=step)])
            self._replay_log()
        with self._writing(self.path / _SNAPSHOTS):
            for file in self.path.glob(f"{_SNAPSHOTS}/*.png"):
                if re.fullmatch(r"\d{6,}", file.stem) and int(file.stem) > step:
                    file.unlink()

    def finish(self, png: bytes, reason: StopReason) -> Path:
        """Write the final picture, an encoded PNG, to result.png and return its path.

        Call it last: the run is then `finished`, or `interrupted` if the user stopped it.
        """
        with self._writing(self.result_path):
            write_inside(self.path, self.result_path, png)
        self._append(events.ResultSaved(file=self.result_path.name, reason=reason), durable=True)
        return self.result_path

    def fail(self, message: str) -> None:
        """Log the error that ended the run, as one line; never raises because of the disk."""
        self.lock()
        # Report the original error, not that this line cannot be written on a full disk either.
        with suppress(RunError):
            self._append(events.Failed(message=" ".join(message.split())), durable=True)

    @contextmanager
    def _writing(self, file: Path) -> Iterator[None]:
        """Hold the lock, and turn errors of writing `file` into a RunError that says in one line how to continue."""
        self.lock()
        if self._lock.is_lost:
            raise RunError(f"{self.path} was removed or renamed while the run painted into it: it keeps nothing more")
        try:
            yield
        except (OSError, InputError) as error:
            trouble = str(error) if isinstance(error, InputError) else f"cannot save {file}: {reason_of(error)}"
            resume = f"`{join(['impasto', 'resume', file_word(self.path)])}` continues from there"
            kind = DiskError if is_disk_error(error) else RunError
            raise kind(f"{trouble}; what was saved before is kept, {resume}") from error

    def _append(self, event: LoggedEvent, *, durable: bool = False) -> None:
        with self._writing(self._log.path):
            self._log.append(event, durable=durable)

    def _save_picture(self, path: Path, image: UInt8[np.ndarray, "h w 3"], metadata: Mapping[str, Any] | None) -> None:
        with self._writing(path):
            check_inside(self.path, path)
            path.parent.mkdir(exist_ok=True)
            write_picture(path, image, metadata=metadata or {})

    def _replay_log(self) -> None:
        log = self.read_log()
        self.recipe, has_begun = self.first_recipe, False
        for event in (entry.event for entry in log.entries):
            has_begun = has_begun or isinstance(event, LevelStarted)
            if isinstance(event, Changed):
                # Older runs logged settings that changed on the way without their step in `changes`.
                is_late = has_begun and "changes" not in event.changes
                change = partial(self.recipe.changed, event.step) if is_late else self.recipe.with_changes
                self.recipe = change(**event.changes)
        if not self._header.has_pictures_of(self.recipe):
            raise InputError(f"{self.path} is damaged: its recipe needs other pictures than it holds")
        self._level = max((event.level for event in log.of(LevelStarted)), default=-1)


def _remains(event: LoggedEvent, step: int) -> bool:
    """Return True if a run that is set back to `step` steps keeps this event."""
    return (
        not isinstance(event, events.Finished | events.ResultSaved | events.Failed)
        and getattr(event, "step", 0) <= step
    )

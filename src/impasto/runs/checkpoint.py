"""Checkpoints: tensors and plain values in one safetensors file, replaced atomically; the previous one is kept.

After a crash at any moment, the folder still holds a readable checkpoint: the newest one or the one before it.
"""

import hashlib
import json
import re
import shutil
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save, save_file
from torch import Tensor

from impasto.errors import InputError, is_disk_error, reason_of
from impasto.filesystem import doing_without, flush, move_file
from impasto.images import flush_folder
from impasto.runs.files import check_inside, open_inside
from impasto.untrusted import load_json

CHECKPOINT_FILE: Final = "checkpoint.safetensors"
_PREVIOUS: Final = "checkpoint.previous.safetensors"
_MOST_TENSORS: Final = 1000  # two for each of the optimizer's `history`, and a few more
_TEMPORARY: Final = "checkpoint.saving"
"""Folder in which a checkpoint is written, because safetensors leaves temporary files behind if it is killed."""


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """A saved state.

    Attributes:
        tensors: Tensors on the CPU, contiguous, which own their memory.
        scalars: Plain values.
    """

    tensors: dict[str, Tensor]
    scalars: dict[str, Any]


class CheckpointFiles:
    """The two newest checkpoints of a folder; one process at a time may save. `run` tells them from those of others."""

    def __init__(self, folder: Path, run: str = "") -> None:
        self.path = folder / CHECKPOINT_FILE
        self._run = run
        self._previous = folder / _PREVIOUS
        self._newest_is_good = False

    def exist(self) -> bool:
        """Return True if a checkpoint was saved."""
        return self.path.exists() or self._previous.exists()

    def save(self, tensors: Mapping[str, Tensor], scalars: Mapping[str, Any]) -> None:
        """Write a new checkpoint; the newest one becomes the previous one.

        `scalars` may hold what JSON can (tuples come back as lists) and any float. Raises OSError if the checkpoint
        cannot be written (a full disk); the existing ones are then unchanged.
        """
        folder = self.path.with_name(_TEMPORARY)
        check_inside(self.path.parent, folder)
        try:
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            _write(folder / CHECKPOINT_FILE, tensors, scalars, self._run)
            # A damaged newest file must not replace a good previous one.
            if (self._newest_is_good and self.path.exists()) or _is_good(self.path, self._run):
                move_file(self.path, self._previous)
            move_file(folder / CHECKPOINT_FILE, self.path)
            flush_folder(self.path.parent)
            self._newest_is_good = True
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def delete(self) -> None:
        """Delete the checkpoints, and nothing else in their folder."""
        with suppress(OSError):
            self.path.unlink(missing_ok=True)
            self._previous.unlink(missing_ok=True)
        shutil.rmtree(self.path.with_name(_TEMPORARY), ignore_errors=True)

    def load(self) -> Checkpoint | None:
        """Return the newest readable checkpoint exactly as it was saved, or None if none was saved.

        Raises InputError if there are only damaged ones.
        """
        damage: InputError | None = None
        for path in (self.path, self._previous):
            try:
                checkpoint = _read(path, self._run)
            except FileNotFoundError:
                continue
            except InputError as error:
                damage = damage or error
                continue
            self._newest_is_good = path == self.path
            return checkpoint
        if damage is not None:
            raise damage
        return None


def _write(path: Path, tensors: Mapping[str, Tensor], scalars: Mapping[str, Any], run: str) -> None:
    packed, values = _pack(tensors), json.dumps(dict(scalars))
    metadata = {"scalars": values, "sha256": _digest(packed, values), "run": run}
    try:
        save_file(packed, path, metadata=metadata)
    except SafetensorError as error:
        reason = re.search(r"I/O error: (.+?) \(os error (\d+)\)", str(error))
        refusal = OSError(*((int(reason[2]), reason[1]) if reason else (str(error),)))
        if reason is None or is_disk_error(refusal):
            raise refusal from error
        path.write_bytes(save(packed, metadata=metadata))  # the library renames a file of its own
    # safetensors writes files that only their owner can read; use the permissions of any new file.
    ordinary = path.with_name("ordinary")
    ordinary.touch()
    with doing_without():
        shutil.copymode(ordinary, path)
    with path.open("rb+") as file:
        flush(file.fileno())


def _read(path: Path, run: str) -> Checkpoint:
    """Read a checkpoint; raises FileNotFoundError, and InputError if it is damaged or belongs to another run."""
    try:
        open_inside(path.parent, path).close()
        with safe_open(path, framework="pt", device="cpu") as file:
            names, metadata = list(file.keys()), file.metadata() or {}
            if len(names) > _MOST_TENSORS:
                raise InputError(f"it holds {len(names)} tensors")
            # safe_open returns views of the mapped file, which the next save replaces.
            tensors = {name: file.get_tensor(name).clone() for name in names}
        if metadata["sha256"] != _digest(tensors, metadata["scalars"]):
            raise InputError("its bytes are not those that were written")
        if metadata["run"] != run:
            raise InputError("it was made with another recipe or other pictures")
        scalars = load_json(metadata["scalars"])
        if not isinstance(scalars, dict):
            raise InputError("its values have no names")
        return Checkpoint(tensors, scalars)
    except FileNotFoundError:
        raise
    except (OSError, SafetensorError, LookupError, TypeError, ValueError) as error:
        raise InputError(f"the checkpoint {path} cannot be used ({reason_of(error)}): start the run again") from None


def _is_good(path: Path, run: str) -> bool:
    try:
        _read(path, run)
    except (InputError, FileNotFoundError):
        return False
    return True


def _pack(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the tensors as safetensors needs them: on the CPU, contiguous, no two in the same memory."""
    seen: set[int] = set()
    packed: dict[str, Tensor] = {}
    for name, tensor in tensors.items():
        here = tensor.detach().cpu().contiguous()
        memory = here.untyped_storage().data_ptr()
        packed[name] = here.clone() if memory in seen else here
        seen.add(memory)
    return packed


def _digest(tensors: Mapping[str, Tensor], values: str) -> str:
    """Return the SHA-256 of names, types, shapes, bytes and values: safetensors does not detect a flipped bit."""
    sha256 = hashlib.sha256(values.encode())
    for name in sorted(tensors):
        tensor = tensors[name]
        sha256.update(json.dumps([name, str(tensor.dtype), list(tensor.shape)]).encode())
        sha256.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return sha256.hexdigest()

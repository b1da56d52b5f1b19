"""Checkpoints: tensors and plain values in one safetensors file, exchanged atomically, with the one before kept.

At any moment, whatever is killed or fails, the folder holds a readable checkpoint that is at most one save old.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from impasto.errors import InputError
from impasto.runs.disk import flush_file, flush_folder, saving, why

NEWEST: Final = "checkpoint.safetensors"
PREVIOUS: Final = "checkpoint.previous.safetensors"
_WORKSHOP: Final = "checkpoint.saving"
"""Folder in which the next checkpoint is written: safetensors has temporary files of its own, which a kill leaves."""


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """A saved state: tensors (on the processor, contiguous, owning their memory) and plain values.

    `previous` is True if the newest file was missing or damaged and this is the one before it.
    """

    tensors: dict[str, Tensor]
    scalars: dict[str, Any]
    previous: bool = False


class CheckpointFiles:
    """The two newest checkpoints of a folder; one process at a time may save."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._newest_is_good = False

    def save(self, tensors: Mapping[str, Tensor], scalars: Mapping[str, Any]) -> None:
        """Write a new checkpoint; the newest becomes the one before.

        `scalars` may hold what JSON can (tuples come back as lists) and every float. Raises RunError if it cannot be
        written (a full disk); the checkpoints that were there are then still there.
        """
        newest, workshop = self._folder / NEWEST, self._folder / _WORKSHOP
        try:
            with saving(newest, self._folder):
                shutil.rmtree(workshop, ignore_errors=True)
                workshop.mkdir()
                _write(workshop / NEWEST, tensors, scalars)
                # A damaged newest one must not take the place of a good previous one.
                if newest.exists() and (self._newest_is_good or _is_good(newest)):
                    os.replace(newest, self._folder / PREVIOUS)
                os.replace(workshop / NEWEST, newest)
                flush_folder(self._folder)
                self._newest_is_good = True
        finally:
            shutil.rmtree(workshop, ignore_errors=True)

    def load(self) -> Checkpoint | None:
        """Return the newest readable checkpoint, bit for bit as it was saved, or None if none was ever saved.

        Raises InputError if there are only damaged ones.
        """
        damage: InputError | None = None
        for name in (NEWEST, PREVIOUS):
            path = self._folder / name
            if not path.exists():
                continue
            try:
                tensors, scalars = _read(path)
            except InputError as error:
                damage = damage or error
                continue
            self._newest_is_good = name == NEWEST
            return Checkpoint(tensors, scalars, previous=name == PREVIOUS)
        if damage is not None:
            raise damage
        return None


def _write(path: Path, tensors: Mapping[str, Tensor], scalars: Mapping[str, Any]) -> None:
    ready = _packed(tensors)
    values = json.dumps(dict(scalars))
    save_file(ready, path, metadata={"scalars": values, "sha256": _digest(ready, values)})
    # safetensors makes files that only their owner can read; a new file tells what the person's umask allows.
    ordinary = path.with_name("ordinary")
    ordinary.touch()
    shutil.copymode(ordinary, path)
    flush_file(path)


def _read(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    try:
        with safe_open(path, framework="pt", device="cpu") as file:
            names, metadata = list(file.keys()), file.metadata()
            # Copies: what safe_open gives lives in the mapped file, which the next save replaces.
            tensors = {name: file.get_tensor(name).clone() for name in names}
        if metadata["sha256"] != _digest(tensors, metadata["scalars"]):
            raise InputError("its bytes are not those that were written")
        scalars = json.loads(metadata["scalars"])
    except (OSError, SafetensorError, LookupError, TypeError, ValueError) as error:
        raise InputError(f"the checkpoint {path} is damaged ({why(error)}): start the run again") from None
    return tensors, scalars


def _is_good(path: Path) -> bool:
    try:
        _read(path)
    except InputError:
        return False
    return True


def _packed(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the tensors as safetensors takes them: on the processor, contiguous, no two in the same memory."""
    seen: set[int] = set()
    packed: dict[str, Tensor] = {}
    for name, tensor in tensors.items():
        here = tensor.detach().cpu().contiguous()
        memory = here.untyped_storage().data_ptr()
        packed[name] = here.clone() if memory in seen else here
        seen.add(memory)
    return packed


def _digest(tensors: Mapping[str, Tensor], values: str) -> str:
    """Return the SHA-256 over names, types, shapes, bytes and values: safetensors itself does not see a flipped bit."""
    sha256 = hashlib.sha256(values.encode())
    for name in sorted(tensors):
        tensor = tensors[name]
        sha256.update(json.dumps([name, str(tensor.dtype), list(tensor.shape)]).encode())
        sha256.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return sha256.hexdigest()

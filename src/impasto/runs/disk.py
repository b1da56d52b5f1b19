"""What the run folder asks of the disk, and how its failures are told."""

import os
import re
import shlex
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from safetensors import SafetensorError

from impasto.errors import InputError, RunError


def why(error: Exception) -> str:
    """Return the reason of a failure in a few words on one line, without number or path where they can be left out."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    text = " ".join(str(error).split())
    told_by_safetensors = re.search(r"I/O error: (.+?) \(os error", text)
    return told_by_safetensors[1] if told_by_safetensors else text


@contextmanager
def saving(file: Path, folder: Path) -> Iterator[None]:
    """Turn a failure to write `file` into a RunError of one line that says how to go on with the run in `folder`."""
    try:
        yield
    except (OSError, SafetensorError, InputError) as error:
        trouble = str(error) if isinstance(error, InputError) else f"cannot save {file}: {why(error)}"
        raise RunError(
            f"{trouble}; what was saved before is kept, `impasto resume {shlex.quote(str(folder))}` goes on from there"
        ) from error


def flush_file(path: Path) -> None:
    """Wait until the file's bytes are on the disk, so that not even a power cut takes them."""
    with path.open("rb+") as file:
        os.fsync(file.fileno())


def flush_folder(path: Path) -> None:
    """Wait until the folder's entries (renames, new files) are on the disk, where the system can do so."""
    # Windows opens no folders, and some network file systems do not flush them: a rename is atomic there all the same.
    with suppress(OSError):
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

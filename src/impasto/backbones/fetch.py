"""Bring the full-precision weights into the user's cache."""

import hashlib
import http.client
import os
import tempfile
import urllib.request
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from typing import IO, Any, Final, TypeAlias

import platformdirs

from impasto.errors import InputError

FULL_URL: Final = "https://download.pytorch.org/models/vgg19-dcbb9e9d.pth"
FULL_SHA256: Final = "dcbb9e9d"
"""How the file's SHA-256 begins; by PyTorch's custom its name says so."""
FULL_LICENSE: Final = "BSD-3-Clause (torchvision; trained by the PyTorch team on ImageNet)"
_CHUNK: Final = 1 << 20

Opener: TypeAlias = Callable[[str], AbstractContextManager[Any]]
Progress: TypeAlias = Callable[[int, int | None], Any]


def full_path(folder: Path | None = None) -> Path:
    """Return where the full weights are kept, whether they are there or not."""
    return (folder or Path(platformdirs.user_cache_dir("impasto"))) / FULL_URL.rpartition("/")[2]


def is_full(sha256: str) -> bool:
    """Tell whether a file of this SHA-256 (hex) is torchvision's."""
    return sha256.startswith(FULL_SHA256)


def fetch_weights(
    *,
    url: str = FULL_URL,
    folder: Path | None = None,
    opener: Opener | None = None,
    on_progress: Progress | None = None,
) -> Path:
    """Download torchvision's VGG-19 (548 MiB) into the user's cache or another folder, and return its path.

    A good file that is there already is kept and nothing is downloaded. The file gets its name only when it is whole
    and its checksum right. `opener` opens a URL (None: urllib, with a timeout of 30 seconds); `on_progress` is told
    the bytes read so far and in all (None where the server does not say). Raises InputError, in one line, without a
    connection, on a wrong checksum or if the folder cannot be written.
    """
    path = full_path(folder)
    try:
        if path.is_file() and is_full(_sha256(path)):
            return path
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=path.name, suffix=".part", dir=path.parent)
    except OSError as error:
        raise InputError(f"cannot keep the full weights in {path.parent}: {error.strerror or error}") from error
    part = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            digest = _download(url, file, opener or _open, on_progress)
        if not is_full(digest):
            raise InputError(
                f"what came from {url} is not the expected file: its SHA-256 begins with {digest[:8]}, "
                f"not {FULL_SHA256}; try again, or paint with the embedded weights"
            )
        part.chmod(0o644)  # mkstemp's 0600 would lock others out of a shared cache
        part.replace(path)
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)
    return path


def _download(url: str, file: IO[bytes], opener: Opener, on_progress: Progress | None) -> str:
    digest, done = hashlib.sha256(), 0
    try:
        with opener(url) as answer:
            length = getattr(answer, "headers", {}).get("Content-Length")
            while chunk := answer.read(_CHUNK):
                digest.update(chunk)
                file.write(chunk)
                done += len(chunk)
                if on_progress:
                    on_progress(done, int(length) if length else None)
    except (OSError, http.client.HTTPException, ValueError) as error:
        reason = " ".join(str(getattr(error, "reason", error)).split()) or type(error).__name__
        raise InputError(
            f"cannot fetch {url} ({reason}); nothing is lost: without it the embedded weights are used"
        ) from error
    return digest.hexdigest()


def _open(url: str) -> AbstractContextManager[Any]:
    answer: AbstractContextManager[Any] = urllib.request.urlopen(url, timeout=30)
    return answer


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()

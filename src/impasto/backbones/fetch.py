"""Bring published weights into the user's cache."""

import hashlib
import http.client
import os
import tempfile
import urllib.request
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final, TypeAlias

import platformdirs

from impasto.errors import InputError
from impasto.networks import Network, find_network

FULL_URL: Final = "https://download.pytorch.org/models/vgg19-dcbb9e9d.pth"
FULL_SHA256: Final = "dcbb9e9d"
"""How the file's SHA-256 begins; by PyTorch's custom its name says so."""
FULL_LICENSE: Final = "BSD-3-Clause (torchvision; trained by the PyTorch team on ImageNet)"
EMBEDDED: Final = "without it the embedded weights are used"
_CHUNK: Final = 1 << 20

Opener: TypeAlias = Callable[[str], AbstractContextManager[Any]]
Progress: TypeAlias = Callable[[int, int | None], Any]


@dataclass(frozen=True, kw_only=True)
class Published:
    """A file of weights that anybody may fetch; `sha256` is how its SHA-256 begins."""

    url: str
    sha256: str
    license: str = FULL_LICENSE
    otherwise: str = "a file can be named with --weights instead"
    """What one can do without it."""

    def path(self, folder: Path | None = None) -> Path:
        """Return where the file is kept, whether it is there or not."""
        return (folder or Path(platformdirs.user_cache_dir("impasto"))) / self.url.rpartition("/")[2]


def published(network: Network) -> Published:
    """Return the published weights of a network.

    Raises InputError if there are none, or if torchvision, which knows where its own are, is not installed.
    """
    if network.family == "vgg19":
        return Published(url=FULL_URL, sha256=FULL_SHA256, otherwise=EMBEDDED)
    if not network.weights:
        raise InputError(f"there is nothing to fetch for {network.name}: what it needs is installed with it")
    url = _torchvision_url(network) if network.weights == "torchvision" else network.weights
    return Published(url=url, sha256=url.rpartition("-")[2].partition(".")[0])


def _torchvision_url(network: Network) -> str:
    own = network.name.partition(":")[2]
    try:
        from torchvision.models import get_model_weights

        first = next(iter(get_model_weights(own)))
    except ImportError as error:
        raise InputError(
            f"where the weights of {network.name} are, torchvision knows, which is not installed: "
            "pip install 'impasto[backbones]'"
        ) from error
    except (ValueError, StopIteration) as error:
        raise InputError(f"torchvision has no weights of {own!r}") from error
    return str(first.url)


def full_path(folder: Path | None = None) -> Path:
    """Return where VGG-19's full weights are kept, whether they are there or not."""
    return published(find_network("vgg19")).path(folder)


def is_full(sha256: str) -> bool:
    """Tell whether a file of this SHA-256 (hex) is torchvision's VGG-19."""
    return sha256.startswith(FULL_SHA256)


def fetch_weights(
    backbone: str = "vgg19",
    *,
    url: str | None = None,
    folder: Path | None = None,
    opener: Opener | None = None,
    on_progress: Progress | None = None,
) -> Path:
    """Download a network's published weights into the user's cache or another folder, and return their path.

    A good file that is there already is kept and nothing is downloaded. The file gets its name only when it is whole
    and its checksum right. `url` is another place of the same file; `opener` opens a URL (None: urllib, with a timeout
    of 30 seconds); `on_progress` is told the bytes read so far and in all (None where the server does not say). Raises
    InputError, in one line, without a connection, on a wrong checksum or if the folder cannot be written.
    """
    wanted = published(find_network(backbone))
    url, path = url or wanted.url, wanted.path(folder)
    try:
        if path.is_file() and _sha256(path).startswith(wanted.sha256):
            return path
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=path.name, suffix=".part", dir=path.parent)
    except OSError as error:
        raise InputError(f"cannot keep the full weights in {path.parent}: {error.strerror or error}") from error
    part = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            digest = _download(url, file, opener or _open, on_progress, otherwise=wanted.otherwise)
        if not digest.startswith(wanted.sha256):
            raise InputError(
                f"what came from {url} is not the expected file: its SHA-256 begins with {digest[:8]}, "
                f"not {wanted.sha256}; try again; {wanted.otherwise}"
            )
        part.chmod(0o644)  # mkstemp's 0600 would lock others out of a shared cache
        part.replace(path)
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)
    return path


def _download(url: str, file: IO[bytes], opener: Opener, on_progress: Progress | None, *, otherwise: str) -> str:
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
        raise InputError(f"cannot fetch {url} ({reason}); nothing is lost: {otherwise}") from error
    return digest.hexdigest()


def _open(url: str) -> AbstractContextManager[Any]:
    answer: AbstractContextManager[Any] = urllib.request.urlopen(url, timeout=30)
    return answer


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()

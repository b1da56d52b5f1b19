"""Downloads of published weights into the user's cache.

torch.hub's download is not used, because it has no timeout and prints its progress instead of reporting it.
"""

import hashlib
import http.client
import os
import tempfile
import urllib.request
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import IO, Any, Final, NamedTuple, TypeAlias

import platformdirs

from impasto.errors import InputError, file_error
from impasto.extras import missing_extra
from impasto.filesystem import doing_without, move_file
from impasto.networks import Network, find_network
from impasto.untrusted import open_regular

_CHUNK_BYTES: Final = 1 << 20

Progress: TypeAlias = Callable[[int, int | None], Any]


class PublishedFile(NamedTuple):
    """A published file of weights, the beginning of its SHA-256, and the alternative if it cannot be downloaded."""

    url: str
    sha256: str
    alternative: str

    def path(self) -> Path:
        """Return the path of the file in the user's cache; it need not exist."""
        return Path(platformdirs.user_cache_dir("impasto")) / self.url.rpartition("/")[2]


def published_file(network: Network) -> PublishedFile:
    """Return the published weights of a network, whose name contains their checksum; InputError if there are none."""
    if not network.weights:
        raise InputError(f"there is nothing to fetch for {network.name}: what it needs is installed with it")
    url = _torchvision_url(network) if network.weights == "torchvision" else network.weights
    embedded = network.family == "vgg19"
    alternative = (
        "without it the embedded weights are used" if embedded else "a file can be named with --weights instead"
    )
    return PublishedFile(url, url.rpartition("-")[2].partition(".")[0], alternative)


def _torchvision_url(network: Network) -> str:
    name = network.name.partition(":")[2]
    try:
        from torchvision.models import get_model_weights

        first = next(iter(get_model_weights(name)))
    except ImportError as error:
        problem = f"torchvision knows where the weights of {network.name} are, but is not installed"
        raise missing_extra(problem, "backbones") from error
    except (ValueError, StopIteration) as error:
        raise InputError(f"torchvision has no weights of {name!r}") from error
    return str(first.url)


def fetch_weights(
    backbone: str = "vgg19",
    *,
    on_progress: Progress | None = None,
) -> Path:
    """Download a network's published weights into the user's cache and return their path.

    An intact file in the cache is kept. A download gets its final name only if it is complete and its checksum correct.

    Args:
        backbone: Name of the network.
        on_progress: Called with the bytes read so far and the total (None if the server does not report it).

    Raises:
        InputError: There is no connection, the checksum is wrong or the cache cannot be written.
    """
    wanted = published_file(find_network(backbone))
    url, path = wanted.url, wanted.path()
    try:
        if path.is_file() and sha256_of(path).startswith(wanted.sha256):
            return path
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=path.name, suffix=".part", dir=path.parent)
    except OSError as error:
        raise file_error(f"cannot keep the full weights in {path.parent}: {error.strerror or error}", error) from error
    part = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            digest = _download(url, file, on_progress, wanted.alternative)
        if not digest.startswith(wanted.sha256):
            raise InputError(
                f"what came from {url} is not the expected file: its SHA-256 begins with {digest[:8]}, "
                f"not {wanted.sha256}; try again; {wanted.alternative}"
            )
        with doing_without():
            part.chmod(0o644)  # with mkstemp's 0600, other users could not read a shared cache
        move_file(part, path)
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)
    return path


def _download(url: str, file: IO[bytes], on_progress: Progress | None, alternative: str) -> str:
    """Download an URL into a file and return its SHA-256."""
    digest, done = hashlib.sha256(), 0
    try:
        with urllib.request.urlopen(url, timeout=30) as response:
            length = getattr(response, "headers", {}).get("Content-Length")
            while chunk := response.read(_CHUNK_BYTES):
                digest.update(chunk)
                file.write(chunk)
                done += len(chunk)
                if on_progress:
                    on_progress(done, int(length) if length else None)
    except (OSError, http.client.HTTPException, ValueError) as error:
        reason = " ".join(str(getattr(error, "reason", error)).split()) or type(error).__name__
        raise file_error(f"cannot fetch {url} ({reason}); nothing is lost: {alternative}", error) from error
    return digest.hexdigest()


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file in hexadecimal digits."""
    with open(path, "rb", opener=open_regular) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()

"""Where a batch reads and writes: folders of this machine, and of stores that fsspec knows (`s3://bucket/folder`)."""

import hashlib
import io
import os
import re
import shutil
import tarfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath
from typing import Any, Final

import platformdirs

from impasto.errors import InputError, file_error, reason_of
from impasto.extras import missing_extra
from impasto.images import Outputs, atomic_write, is_plate, one_line_errors, plate_path, read_bytes, read_metadata
from impasto.recipe import read_style

OWN: Final = ".impasto"
"""Hidden folder in that of a batch, for what is there only while it is painted."""
_ATOMIC: Final = {"s3", "s3a", "gs", "gcs", "az", "abfs", "abfss", "hf", "memory"}
"""Stores in which an object is there as a whole or not at all."""


def is_url(word: str) -> bool:
    """Return True if a word is the address of a store, not a path."""
    return re.match(r"[a-z][a-z0-9+.-]+://", word) is not None


def absolute(name: str) -> str:
    """Return a path as a process in another folder needs it; built-in styles and URLs are returned as they are."""
    if is_url(name) or is_plate(name):
        return name
    style, mask = (name, None) if os.path.exists(name) else read_style(name)
    return "@".join(part if is_plate(part) else os.path.abspath(part) for part in (style, mask) if part)


class NamedBytes(io.BytesIO):
    """The bytes of a file that know its name."""

    def __init__(self, data: bytes, name: str) -> None:
        super().__init__(data)
        self.name = name


def read_file(name: str) -> NamedBytes:
    """Return the bytes of a picture file at a path or URL; raises InputError in one line."""
    if not is_url(name):
        return NamedBytes(read_bytes(Path(name)), name)
    with _one_line("read", name):
        system, path = _connected(name)
        return NamedBytes(system.cat_file(path), name)


def style_source(style: str) -> Any:
    """Return a style image as a session takes it: bytes from a store, or the path or name as it is."""
    return read_file(style) if is_url(style) else style


def read_any(name: str) -> bytes:
    """Return the bytes of any file at a path or URL, or of a built-in style."""
    if is_url(name):
        return read_file(name).getvalue()
    path = plate_path(name) if is_plate(name) else Path(name)
    with one_line_errors("read", path):
        return path.read_bytes()


def list_files(url: str) -> Iterator[tuple[str, str]]:
    """Yield URL and relative name of every file in a folder of a store, or of those that fit a pattern."""
    with _one_line("read", url):
        system, path = _connected(url)
        root = path.rstrip("/")
        if system.isfile(root):
            found = [root]
            root = root.rpartition("/")[0]
        elif re.search(r"[*?\[]", path):
            root = re.split(r"[*?\[]", path)[0].rpartition("/")[0]
            found = [name for name in system.glob(path) if not system.isdir(name)]
        else:
            found = system.find(root)
        for name in sorted(found):
            yield system.unstrip_protocol(name), PurePosixPath(name).relative_to(root).as_posix()


class Folder:
    """A folder of this machine; the names of files in it are relative and have slashes.

    Every method raises InputError, in one line, for what the system refuses.

    Attributes:
        path: Its path or URL, as it was given.
        work: Folder of this machine for what is there only while pictures are painted.
        poll_seconds: How often a painter looks whether it is to stop.
    """

    poll_seconds = 0.5

    def __init__(self, path: str) -> None:
        self.path = path
        self.work = Path(path, OWN)

    def exists(self, name: str) -> bool:
        """Return True if there is a file or anything else of this name."""
        return os.path.lexists(self.at(name))

    def existing(self, names: Iterable[str]) -> set[str]:
        """Return those of some names that exist."""
        return set(filter(self.exists, names))

    def read(self, name: str) -> bytes:
        """Return the bytes of a file."""
        with one_line_errors("read", self.at(name)):
            return self.at(name).read_bytes()

    def write(self, name: str, data: bytes) -> None:
        """Write a file completely or not at all; makes missing folders."""
        path = self.at(name)
        with one_line_errors("write", path):
            path.parent.mkdir(parents=True, exist_ok=True)
        atomic_write(path, data)

    def remove(self, name: str) -> None:
        """Remove a file if it is there."""
        with one_line_errors("remove", self.at(name)):
            self.at(name).unlink(missing_ok=True)

    def at(self, name: str) -> Path:
        """Return the path of a file on this machine."""
        return Path(self.path, name)

    def check(self, replaced: Sequence[str], own: Sequence[str], inputs: Sequence[str]) -> None:
        """Raise InputError for the first path that must not be written.

        Args:
            replaced: Existing files that are written, which nothing is known of.
            own: Existing files that are written, which a batch has written before.
            inputs: Paths and URLs of what is read.
        """
        local = [Path(name) for name in inputs if not is_url(name)]
        outputs = Outputs(derived=tuple(map(self.at, replaced)), folder=Path(self.path), kept=tuple(map(self.at, own)))
        outputs.check(local)

    def fetch(self, name: str) -> None:
        """Bring a file to where `at` says it is on this machine, if it is not there."""

    def publish(self, name: str) -> None:
        """Bring a file from where `at` says it is on this machine into the folder, if it is not there."""

    def save_run(self, run: Path) -> None:
        """Keep the run folder of a picture in work where every painter finds it."""

    def fetch_run(self, run: Path) -> None:
        """Get the run folder of a picture that another painter has begun."""

    def forget_run(self, run: Path) -> None:
        """Remove the run folder of a picture that has ended."""
        shutil.rmtree(run, ignore_errors=True)


class RemoteFolder(Folder):
    """A folder of a store. Runs in work are kept in it as archives, because a store changes no part of a file."""

    poll_seconds = 10.0  # each look is a request, which is waited for and paid for

    def __init__(self, url: str) -> None:
        self.path = url.rstrip("/")
        self.work = Path(
            platformdirs.user_cache_dir("impasto"), "batches", hashlib.sha256(self.path.encode()).hexdigest()[:16]
        )
        with _one_line("reach", url):
            self._system, self._root = _connected(self.path)

    def exists(self, name: str) -> bool:
        """Return True if there is an object of this name."""
        with _one_line("reach", self._url(name)):
            # Objects that other machines write must be seen.
            self._system.invalidate_cache()
            return bool(self._system.exists(self._key(name)))

    def existing(self, names: Iterable[str]) -> set[str]:
        """Return those of some names that exist, by listing the folder once."""
        with _one_line("reach", self.path):
            self._system.invalidate_cache()
            found = {PurePosixPath(key).relative_to(self._root).as_posix() for key in self._system.find(self._root)}
        return found.intersection(names)

    def read(self, name: str) -> bytes:
        """Return the bytes of an object."""
        with _one_line("read", self._url(name)):
            return bytes(self._system.cat_file(self._key(name)))

    def write(self, name: str, data: bytes) -> None:
        """Write an object completely or not at all."""
        with _one_line("write", self._url(name)):
            key = self._key(name)
            if {*_protocols(self._system)} & _ATOMIC:
                self._system.pipe_file(key, data)
            else:
                self._system.makedirs(key.rpartition("/")[0], exist_ok=True)
                self._system.pipe_file(f"{key}.part", data)
                self._system.mv(f"{key}.part", key)

    def remove(self, name: str) -> None:
        """Remove an object if it is there."""
        with _one_line("remove", self._url(name)), suppress(FileNotFoundError):
            self._system.rm_file(self._key(name))

    def at(self, name: str) -> Path:
        """Return where a file is kept on this machine."""
        return self.work / name

    def check(self, replaced: Sequence[str], own: Sequence[str], inputs: Sequence[str]) -> None:
        """Raise InputError for an object in the way, and for an input in the folder."""
        for name in inputs:
            if name.startswith(f"{self.path}/"):
                raise InputError(f"{name}, which is painted from, is inside {self.path}: choose another folder")
        for name in replaced:
            try:
                is_painted = read_metadata(self.read(name)) is not None
            except InputError:
                is_painted = False
            if not is_painted:
                url = self._url(name)
                raise InputError(f"{url} is in the way, and impasto did not paint it: choose another folder with -o")

    def fetch(self, name: str) -> None:
        """Download a file, unless this machine has all of it and more: whoever wrote it was killed."""
        data, path = self.read(name) if self.exists(name) else b"", self.at(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        if not (data and path.exists() and path.read_bytes().startswith(data)):
            path.write_bytes(data)

    def publish(self, name: str) -> None:
        """Upload a file that is kept on this machine."""
        self.write(name, self.at(name).read_bytes())

    def save_run(self, run: Path) -> None:
        """Upload a run folder as one archive."""
        data = io.BytesIO()
        with tarfile.open(fileobj=data, mode="w") as archive:
            archive.add(run, arcname=".")
        self.write(self._archive(run), data.getvalue())

    def fetch_run(self, run: Path) -> None:
        """Unpack the archive of a run, if there is one, in place of what this machine knows of it."""
        if self.exists(self._archive(run)):
            data = io.BytesIO(self.read(self._archive(run)))
            shutil.rmtree(run, ignore_errors=True)
            with tarfile.open(fileobj=data) as archive:
                archive.extractall(run, filter="data")

    def forget_run(self, run: Path) -> None:
        """Remove a run folder and its archive."""
        super().forget_run(run)
        self.remove(self._archive(run))

    def _archive(self, run: Path) -> str:
        return f"{OWN}/runs/{run.name}.tar"

    def _key(self, name: str) -> str:
        return f"{self._root}/{name}"

    def _url(self, name: str) -> str:
        return f"{self.path}/{name}"


def open_folder(path: str) -> Folder:
    """Return the folder at a path or URL."""
    return RemoteFolder(path) if is_url(path) else Folder(path)


def _connected(url: str) -> tuple[Any, str]:
    """Return file system and path of a URL; credentials come from the environment, as fsspec finds them."""
    if re.match(r"[^/]*//[^/]*@", url):
        raise InputError("a URL with a name or a password in it is refused: credentials belong to the environment")
    try:
        from fsspec.core import url_to_fs
    except ModuleNotFoundError as error:
        raise missing_extra(f"{url} needs {error.name}", "batch") from None
    system, path = url_to_fs(url)
    return system, str(path).rstrip("/")


def _protocols(system: Any) -> tuple[str, ...]:
    return (system.protocol,) if isinstance(system.protocol, str) else tuple(system.protocol)


@contextmanager
def _one_line(verb: str, url: str) -> Iterator[None]:
    """Turn what a store says into one line; its client raises errors of its own classes, and of others' libraries."""
    try:
        yield
    except InputError:
        raise
    except FileNotFoundError:
        raise InputError(f"cannot {verb} {url}: it does not exist") from None
    except PermissionError as error:
        raise InputError(f"cannot {verb} {url}: no permission ({reason_of(error)})") from None
    except Exception as error:
        raise file_error(f"cannot {verb} {url}: {reason_of(error)}", error) from None

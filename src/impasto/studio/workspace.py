"""The folder of a studio: its runs, what may be handed out of it, and how people voted."""

import re
import secrets
import shutil
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Final, TypeAlias

from impasto.errors import InputError
from impasto.images import atomic_write, encode_picture, read_picture
from impasto.images.sources import read_bytes
from impasto.runs.begin import LOCK
from impasto.runs.header import HEADER, INPUTS, KeptInput
from impasto.runs.lock import FolderLock, is_locked
from impasto.studio.names import run_name, slug
from impasto.studio.run_index import RunEntry, is_run, read_entry
from impasto.studio.votes import append_vote, checked_rater, read_votes

RUNS: Final = "runs"
EXPORTS: Final = "exports"
"""What was made to be handed out; a server needs to open no other folder."""
GIVEN: Final = "given"
"""Within `exports/`: pictures that runs were painted from, as they may leave the workspace."""
VOTES: Final = "votes.csv"
_DELETED: Final = ".deleted-"

_Stamp: TypeAlias = tuple[tuple[int, int] | None, ...]


class Workspace:
    """A person's folder. Every method may be called from any thread."""

    def __init__(self, path: str | Path) -> None:
        """Make the folder with `runs/` in it, or take up one that is there; raises InputError if that cannot be."""
        self.path = Path(path).absolute()
        self.runs = self.path / RUNS
        self.exports = self.path / EXPORTS
        try:
            for folder in (self.runs, self.exports):
                folder.mkdir(parents=True, exist_ok=True)
        except (FileExistsError, NotADirectoryError):
            raise InputError(f"{path} is a file, or {RUNS} in it: a studio needs a folder") from None
        except (OSError, ValueError) as error:
            raise InputError(f"cannot make the folder {path}: {getattr(error, 'strerror', None) or error}") from None
        for doomed in self.runs.glob(f"{_DELETED}*"):
            # What a kill left of a deletion.
            shutil.rmtree(doomed, ignore_errors=True)
        for folder in (self.exports / GIVEN).glob("*"):
            if not is_run(self.runs / folder.name):
                shutil.rmtree(folder, ignore_errors=True)
        self._known: dict[Path, tuple[_Stamp, RunEntry]] = {}

    def new_folder(self, content: str, styles: Sequence[str]) -> Path:
        """Make the empty folder of a new run, named by the time, the photo and the first style; never one twice."""
        first = run_name(datetime.now(), content, styles[0] if styles else "")
        number = 1
        while True:
            path = self.runs / (first if number == 1 else f"{first}-{number}")
            try:
                path.mkdir()
            except FileExistsError:
                number += 1
            except OSError as error:
                raise InputError(f"cannot make the folder of a new run: {error.strerror or error}") from None
            else:
                return path

    def list_runs(self) -> list[RunEntry]:
        """Return all runs, newest first; what cannot be read has the status `damaged`. Never raises for what is there.

        Runs that have ended are read once.
        """
        try:
            folders = [path for path in self.runs.iterdir() if is_run(path) and not _is_beginning(path)]
        except OSError:
            return []
        entries = {path: self._entry(path) for path in folders}
        # One may have been deleted while it was looked at.
        found = {path: entry for path, entry in entries.items() if path.exists()}
        self._known = {path: known for path, known in self._known.items() if path in found}
        return sorted(found.values(), key=_when, reverse=True)

    def folder_of(self, name: str) -> Path:
        """Return the folder of a run that somebody asks for by its name.

        Raises InputError for whatever is no name of a run folder right in `runs/`: paths, links, `..`.
        """
        path = self.runs / name if _is_plain(name) else None
        if path is None or not is_run(path):
            raise InputError(f"there is no run {name[:80]!r} in this studio")
        return path

    def delete(self, name: str) -> None:
        """Remove a run and all its pictures, also what was made of them to be handed out.

        Raises InputError if it is being painted, or there is none.
        """
        path = self.folder_of(name)
        lock = FolderLock(path / LOCK)
        lock.acquire()
        try:
            # Gone at once for everybody else, whatever happens while its files are removed.
            doomed = path.rename(self.runs / f"{_DELETED}{secrets.token_hex(8)}")
        except OSError as error:
            raise InputError(f"cannot delete {name}: {error.strerror or error}") from None
        finally:
            lock.release()
        shutil.rmtree(doomed, ignore_errors=True)
        for file in self.exports.iterdir():
            # A number of many digits is when the picture was painted that a thumbnail shows; a short one is of a name.
            if re.fullmatch(rf"{re.escape(name)}(-\d{{15,}})?\.(png|jpg|tif)", file.name):
                file.unlink(missing_ok=True)
        self.remove_shared(name)

    def vote(self, kept: str, other: str, rater: str) -> None:
        """Note in `votes.csv` that a person kept one run's picture rather than another's.

        Raises InputError if one of the two is no run, both are the same, or `rater` is no name.
        """
        if kept == other:
            raise InputError("a choice is between two pictures")
        append_vote(self.path / VOTES, self.folder_of(kept).name, self.folder_of(other).name, checked_rater(rater))

    def votes(self) -> list[dict[str, str]]:
        """Return the votes so far, oldest first: `time`, `kept`, `other`, `rater`."""
        return read_votes(self.path / VOTES)

    def shareable(self, path: Path) -> bytes:
        """Return the bytes of one of the workspace's pictures as they may leave it: where a photo was taken stays here.

        What impasto painted holds no position and is returned as it is. The copy of a picture that somebody gave is
        encoded anew from its pixels, upright: a JPEG as JPEG, all else as PNG. Raises InputError for a file that is no
        picture, or not in the workspace.
        """
        file = Path(path).resolve()
        if not file.is_relative_to(self.runs.resolve()):
            raise InputError("only pictures of this studio are handed out")
        if file.parent.name != INPUTS:
            return read_bytes(file)
        return _encoded_anew(file, with_exif=True)

    def shared_folder(self, name: str) -> Path:
        """Return the folder of what is handed out of a run's own pictures; it may not be there yet."""
        return self.exports / GIVEN / name

    def shared_copies(self, name: str, kept: KeptInput) -> list[Path]:
        """Return the copy that `lend` has made of a picture, in a list; none if there is none yet."""
        part = Path(kept.file).stem
        copy = self.shared_folder(name) / part / slug(kept.name, part)
        return [path for path in (copy.with_suffix(".jpg"), copy.with_suffix(".png")) if path.is_file()]

    def share_copy(self, name: str, kept: KeptInput) -> Path:
        """Return a copy of a picture that a run was painted from, as everybody may have it: its pixels, and no EXIF.

        It is made once, has a plain name, and is deleted with the run. Raises InputError if it cannot be made.
        """
        source = self.folder_of(name) / kept.file
        for copy in self.shared_copies(name, kept):
            return copy
        data = _encoded_anew(source, with_exif=False)
        suffix = ".jpg" if data.startswith(b"\xff\xd8\xff") else ".png"
        return self.write_shared(name, f"{source.stem}/{slug(kept.name, source.stem)}{suffix}", data)

    def write_shared(self, name: str, file: str, data: bytes) -> Path:
        """Write a file that everybody may have into the folder `shared_folder` of a run, with which it goes away.

        Raises InputError, which names no folder, if the disk does not take it or the run is gone.
        """
        target = self.shared_folder(name) / file
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            atomic_write(target, data)
        except OSError as error:
            raise InputError(f"cannot write {target.name}: {error.strerror or type(error).__name__}") from None
        except InputError as error:
            raise InputError(str(error).replace(str(target), target.name)) from None
        if not is_run(self.runs / name):
            # Deleted by somebody meanwhile.
            self.remove_shared(name)
            raise InputError(f"there is no run {name}")
        return target

    def remove_shared(self, name: str) -> None:
        """Remove what was handed out of a run's own pictures."""
        shutil.rmtree(self.shared_folder(name), ignore_errors=True)

    def _entry(self, path: Path) -> RunEntry:
        stamp = _stamp(path)
        known = self._known.get(path)
        if known and known[0] == stamp:
            return known[1]
        entry = read_entry(path)
        if entry.status in ("finished", "stopped", "failed"):
            self._known[path] = stamp, entry
        return entry


def _is_plain(name: str) -> bool:
    return 0 < len(name) <= 255 and name.isprintable() and not name.startswith(".") and not set(name) & set('/\\:"')


def _is_beginning(path: Path) -> bool:
    """Tell whether somebody is just making this run: it will be one in a moment."""
    return not (path / HEADER).exists() and is_locked(path / LOCK)


def _when(entry: RunEntry) -> tuple[float, str]:
    if entry.created is not None:
        return entry.created.timestamp(), entry.name
    try:
        return entry.path.stat().st_mtime, entry.name
    except OSError:
        return 0.0, entry.name


def _encoded_anew(file: Path, *, with_exif: bool) -> bytes:
    """Encode a picture from its pixels, upright: a JPEG as JPEG, all else as PNG; its EXIF without the place."""
    picture = read_picture(file, max_megapixels=100_000.0)
    suffix = ".jpg" if picture.encoded.startswith(b"\xff\xd8\xff") and picture.alpha is None else ".png"
    return encode_picture(picture.pixels, suffix, alpha=picture.alpha, exif=picture.exif if with_exif else None)


def _stamp(path: Path) -> _Stamp:
    return tuple(_moment(path / name) for name in (HEADER, "events.jsonl", "result.png"))


def _moment(file: Path) -> tuple[int, int] | None:
    try:
        status = file.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size

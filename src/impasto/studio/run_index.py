"""The workspace of a studio: its run folders, the index of them, and the files that visitors may have."""

import re
import secrets
import shutil
import unicodedata
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final, Literal, TypeAlias

import numpy as np
import PIL.Image
from jaxtyping import UInt8

from impasto.errors import InputError, reason_of
from impasto.events import LevelStarted
from impasto.images import atomic_write, encode_picture, read_picture
from impasto.recipe import Recipe
from impasto.runs import LOCK_FILE, LOG_FILE, RUN_FILE, FolderLock, KeptInput, RunFolder, is_locked
from impasto.studio.film_record import RECORD_FILE, FilmRecord, film_status, frame_files, keeps_no_run
from impasto.studio.votes import append_vote, checked_rater, read_votes

RunStatus: TypeAlias = Literal[
    "waiting", "painting", "paused", "finished", "stopped", "interrupted", "failed", "damaged"
]

RESULT: Final = "result.png"
RESULT_16_BIT: Final = "result.tif"
"""The result with 16 bits per channel, in the run's folder."""

_TITLE: Final = "title.txt"
_MAX_TITLE: Final = 80

_GIVEN: Final = "given"
"""Folder within `exports/` for copies of the pictures that runs were painted from."""
_DELETED: Final = ".deleted-"
_MAX_NAME_PART: Final = 24
"""Maximum number of letters of the photo's and of the style's name in the name of a run."""

_LETTERS: Final = str.maketrans({"ß": "ss", "æ": "ae", "œ": "oe", "ø": "o", "ł": "l", "đ": "d", "þ": "th", "ı": "i"})


# -- the index ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class RunEntry:
    """One run of the workspace. That of a film counts its frames as steps.

    A run is `waiting` if it was never started, `stopped` if the user stopped it, `interrupted` if its process
    ended, and `damaged` if its folder cannot be read; only the studio that paints it knows that it is `paused`.
    """

    name: str
    path: Path
    status: RunStatus
    created: datetime | None = None  # UTC
    title: str = ""  # given by the visitor
    content: str = ""  # name of the photo
    styles: tuple[str, ...] = ()  # names of the style images
    recipe: Recipe | None = None  # with all changes
    step: int = 0
    steps: int | None = None  # planned
    problem: str = ""  # why it is damaged, or a film failed, in one line
    is_film: bool = False

    @property
    def picture(self) -> Path | None:
        """The newest picture of the run."""
        return newest_picture(self.path)


def read_entry(path: Path) -> RunEntry:
    """Return the entry of a run folder; never raises for what the folder holds."""
    try:
        if FilmRecord.is_in(path):
            return _film_entry(path, FilmRecord.load(path))
        folder = RunFolder.open(path)
        log, inputs = folder.read_log(), folder.kept_inputs
        status: RunStatus
        if folder.status == "running":
            status = "painting"
        elif log.ending is not None:
            status = log.ending
        else:
            status = "interrupted" if log.of(LevelStarted) else "waiting"
    except (InputError, OSError) as error:
        return RunEntry(name=path.name, path=path, status="damaged", problem=reason_of(error))
    return RunEntry(
        name=path.name,
        path=path,
        status=status,
        created=folder.created,
        title=_read_title(path),
        content=inputs.content.name,
        styles=tuple(style.name for style in inputs.styles),
        recipe=folder.recipe,
        step=log.progress.step,
        steps=1 if folder.recipe.method == "instant" else folder.recipe.schedule.steps,
    )


def _film_entry(path: Path, record: FilmRecord) -> RunEntry:
    painted = record.frames if record.ending == "finished" else len(frame_files(path))
    return RunEntry(
        name=path.name,
        path=path,
        status=film_status(record, painted),
        created=record.created,
        title=_read_title(path),
        content=record.content,
        styles=record.titles,
        recipe=record.parsed_recipe,
        step=painted,
        steps=record.frames,
        problem=record.problem,
        is_film=True,
    )


def _one_line(title: str) -> str:
    return "".join(filter(str.isprintable, title)).strip()[:_MAX_TITLE]


def _read_title(path: Path) -> str:
    file = path / _TITLE
    with suppress(OSError):
        if not file.is_symlink() and file.stat().st_size <= 4 * _MAX_TITLE:
            return _one_line(file.read_text(encoding="utf-8", errors="replace"))
    return ""


def is_run(path: Path) -> bool:
    """Return True for the folder of a run, even a damaged one; a link is not followed."""
    try:
        return (
            not path.is_symlink()
            and path.is_dir()
            and any((path / name).is_file() for name in (RUN_FILE, LOCK_FILE, RECORD_FILE))
        )
    except OSError:
        return False


def newest_picture(path: Path) -> Path | None:
    """Return the newest file among a run's result, snapshots and last picture, and the frames of a film."""
    snapshots = sorted((path / "snapshots").glob("[0-9]*.png"))
    files = [path / RESULT, path / "latest.png", *snapshots[-1:], *frame_files(path)[-1:]]
    return max((file for file in files if file.is_file() and not file.is_symlink()), key=_stamp, default=None)


def read_pixels(path: Path | None) -> UInt8[np.ndarray, "h w 3"] | None:
    """Return the pixels of a picture, or None if it does not exist, or is being deleted or replaced."""
    try:
        if path is not None:
            with PIL.Image.open(path) as image:
                return np.asarray(image.convert("RGB"))
    except OSError:
        pass
    return None


# -- the workspace -----------------------------------------------------------------------------------------------------


class Workspace:
    """The folder of a studio. Every method may be called from any thread.

    Attributes:
        path: The folder.
        runs: The folder of its runs, which is never served.
        exports: The folder of files that visitors may download; a server needs to serve no other.
    """

    def __init__(self, path: str | Path) -> None:
        """Create the folder or open an existing one, and complete the deletions of a killed studio.

        Raises:
            InputError: If the folder cannot be created.
        """
        self.path = Path(path).absolute()
        self.runs = self.path / "runs"
        self.exports = self.path / "exports"
        try:
            for folder in (self.runs, self.exports):
                folder.mkdir(parents=True, exist_ok=True)
        except (FileExistsError, NotADirectoryError):
            raise InputError(f"{path} is a file, or runs in it: a studio needs a folder") from None
        except (OSError, ValueError) as error:
            raise InputError(f"cannot make the folder {path}: {reason_of(error)}") from None
        for deleted in self.runs.glob(f"{_DELETED}*"):
            shutil.rmtree(deleted, ignore_errors=True)
        for folder in (self.exports / _GIVEN).glob("*"):
            if not is_run(self.runs / folder.name):
                shutil.rmtree(folder, ignore_errors=True)
        self._known: dict[Path, tuple[tuple[tuple[int, int], ...], RunEntry]] = {}

    # -- runs ----------------------------------------------------------------------------------------------------------

    def new_folder(self, content: str, styles: Sequence[str]) -> Path:
        """Create the empty folder of a new run, named by the time, the photo and the first style; names are unique."""
        first = run_name(datetime.now(), content, styles[0] if styles else "")
        number = 1
        while True:
            path = self.runs / (first if number == 1 else f"{first}-{number}")
            try:
                path.mkdir()
            except FileExistsError:
                number += 1
            except OSError as error:
                raise InputError(f"cannot make the folder of a new run: {reason_of(error)}") from None
            else:
                return path

    def remove_unfinished(self) -> None:
        """Remove what a killed studio has left of films that were being ordered; only the studio that is open may."""
        for path in self.runs.iterdir():
            if path.is_dir() and not is_run(path) and keeps_no_run(path):
                shutil.rmtree(path, ignore_errors=True)

    def list_runs(self) -> list[RunEntry]:
        """Return all runs, newest first; one that cannot be read has the status `damaged`.

        A run that has ended is read only once.
        """
        try:
            folders = [path for path in self.runs.iterdir() if is_run(path) and not _is_being_created(path)]
        except OSError:
            return []
        entries = {path: self._entry(path) for path in folders}
        # A run may have been deleted while it was read.
        found = {path: entry for path, entry in entries.items() if path.exists()}
        self._known = {path: known for path, known in self._known.items() if path in found}
        return sorted(found.values(), key=_created, reverse=True)

    def _entry(self, path: Path) -> RunEntry:
        stamp = tuple(_stamp(path / name) for name in (RUN_FILE, LOG_FILE, RESULT, _TITLE, RECORD_FILE))
        known = self._known.get(path)
        if known and known[0] == stamp:
            return known[1]
        entry = read_entry(path)
        if entry.status in ("finished", "stopped", "failed"):
            self._known[path] = stamp, entry
        return entry

    def folder_of(self, name: str) -> Path:
        """Return the folder of the run of this name.

        Raises:
            InputError: If there is no such run; paths, links and `..` are not names of runs.
        """
        path = self.runs / name if _is_plain_name(name) else None
        if path is None or not is_run(path):
            raise InputError(f"there is no run {name[:80]!r} in this studio")
        return path

    def rename(self, name: str, title: str) -> None:
        """Give a run a title, or take it away if it is empty.

        Raises:
            InputError: If there is no such run, or the title cannot be written.
        """
        file = self.folder_of(name) / _TITLE
        try:
            atomic_write(file, _one_line(title).encode())
        except OSError as error:
            raise InputError(f"cannot rename {name}: {reason_of(error)}") from None

    def delete(self, name: str) -> None:
        """Remove a run with all its pictures and exported files.

        Raises:
            InputError: If there is no such run, or it is being painted.
        """
        path = self.folder_of(name)
        lock = FolderLock(path / LOCK_FILE)
        lock.acquire()
        try:
            # Renaming is atomic: no other process sees a half-deleted run.
            deleted = path.rename(self.runs / f"{_DELETED}{secrets.token_hex(8)}")
        except OSError as error:
            raise InputError(f"cannot delete {name}: {reason_of(error)}") from None
        finally:
            lock.release()
        shutil.rmtree(deleted, ignore_errors=True)
        for file in self.exports.iterdir():
            # Thumbnails end with a time of many digits; a short number belongs to the name of another run.
            if re.fullmatch(rf"{re.escape(name)}(-\d{{15,}})?\.(png|jpg|tif|zip|mp4)", file.name):
                file.unlink(missing_ok=True)
        self.remove_shared(name)

    # -- votes ---------------------------------------------------------------------------------------------------------

    def vote(self, kept: str, other: str, rater: str) -> None:
        """Add a vote for one run's picture against another's to `votes.csv`.

        Raises:
            InputError: If one of the two is not a run, both are the same, or `rater` is not a name.
        """
        if kept == other:
            raise InputError("a choice is between two pictures")
        append_vote(
            self.path / "votes.csv", self.folder_of(kept).name, self.folder_of(other).name, checked_rater(rater)
        )

    def votes(self) -> list[dict[str, str]]:
        """Return the votes so far, oldest first, with `time`, `kept`, `other` and `rater`."""
        return read_votes(self.path / "votes.csv")

    # -- copies for visitors -------------------------------------------------------------------------------------------

    def shared_folder(self, name: str) -> Path:
        """Return the folder of the copies of a run's inputs; it need not exist yet."""
        return self.exports / _GIVEN / name

    def shared_copies(self, name: str, kept: KeptInput) -> list[Path]:
        """Return a list of the copy that `share_copy` made of an input; empty if there is no copy."""
        return list((self.shared_folder(name) / Path(kept.file).stem).glob("[!.]*"))

    def share_copy(self, name: str, kept: KeptInput) -> Path:
        """Return a copy of an input of a run for visitors: pixels only, without EXIF data such as the GPS position.

        The copy is made once and deleted with the run. Raises InputError if it cannot be made.
        """
        source = self.folder_of(name) / kept.file
        for copy in self.shared_copies(name, kept):
            return copy
        picture = read_picture(source, max_megapixels=100_000.0)
        suffix = ".jpg" if picture.encoded.startswith(b"\xff\xd8\xff") and picture.alpha is None else ".png"
        data = encode_picture(picture.pixels, suffix, alpha=picture.alpha)
        return self.write_shared(name, f"{source.stem}/{slug(kept.name, source.stem)}{suffix}", data)

    def write_shared(self, name: str, file: str, data: bytes) -> Path:
        """Write a file for visitors into `shared_folder`; it is deleted with the run.

        Raises InputError, which names no folder, if the file cannot be written or the run is gone.
        """
        target = self.shared_folder(name) / file
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            atomic_write(target, data)
        except (OSError, InputError) as error:
            raise InputError(reason_of(error).replace(str(target), target.name)) from None
        if not is_run(self.runs / name):
            # The run was deleted in the meantime.
            self.remove_shared(name)
            raise InputError(f"there is no run {name}")
        return target

    def remove_shared(self, name: str) -> None:
        """Delete the copies of a run's inputs."""
        shutil.rmtree(self.shared_folder(name), ignore_errors=True)


# -- names -------------------------------------------------------------------------------------------------------------


def slug(text: str, default: str) -> str:
    """Return a name in lower-case ASCII letters, digits and single dashes; `default` if that is empty.

    >>> slug("Über den Dächern (2).JPG", "photo"), slug("夜", "style")
    ('uber-den-dachern-2-jpg', 'style')
    """
    plain = unicodedata.normalize("NFKD", text.lower().translate(_LETTERS)).encode("ascii", "ignore").decode().lower()
    words = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")
    return words[:_MAX_NAME_PART].strip("-") or default


def run_name(moment: datetime, content: str, style: str) -> str:
    """Return the name of a run by time, photo and style; names sort by time.

    >>> run_name(datetime(2026, 11, 26, 10, 15, 3), "Cat", "night")
    '20261126-101503-cat-night'
    """
    return f"{moment:%Y%m%d-%H%M%S}-{slug(content, 'photo')}-{slug(style, 'style')}"


def _is_plain_name(name: str) -> bool:
    return 0 < len(name) <= 255 and name.isprintable() and not name.startswith(".") and not set(name) & set('/\\:"')


def _is_being_created(path: Path) -> bool:
    return not (path / RUN_FILE).exists() and is_locked(path / LOCK_FILE)


def _created(entry: RunEntry) -> tuple[float, str]:
    return entry.created.timestamp() if entry.created else _stamp(entry.path)[0] / 1e9, entry.name


def _stamp(file: Path) -> tuple[int, int]:
    """Return the modification time (in nanoseconds) and length of a file; zeros if it does not exist."""
    try:
        status = file.stat()
    except OSError:
        return 0, 0
    return status.st_mtime_ns, status.st_size

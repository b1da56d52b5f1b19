"""What a batch paints: photos found in folders and by patterns, pairs of a CSV file, and the name of every result."""

import csv
import glob
import io
import os
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from impasto.api import plate_or_file
from impasto.batch.storage import is_url, list_files
from impasto.errors import InputError, reason_of
from impasto.images import PICTURE_SUFFIXES, default_name, is_made_here, missing_file, output_format
from impasto.recipe import read_style
from impasto.runs import RunFolder

_COLUMNS = ("photo", "style")
_LONGEST_HEADER = 100
_NAMED = 3  # of what is left out, or wrong


@dataclass(frozen=True)
class Task:
    """A picture to paint.

    Attributes:
        photo: Path of the photo.
        styles: Style images as they are named on the command line; several are mixed.
        output: Name of the result in the folder of the batch, with slashes.
    """

    photo: str
    styles: tuple[str, ...]
    output: str


class Photo(NamedTuple):
    """A photo and its name in a mirrored folder."""

    path: str
    name: str


@dataclass(frozen=True)
class LeftOut:
    """What a folder or a pattern holds beside photos.

    Attributes:
        made: Pictures that impasto made.
        runs: Kept runs, with the copies of their inputs.
        others: What is no file with the extension of a picture.
        unreadable: Folders that cannot be read.
    """

    made: list[str] = field(default_factory=list)
    runs: list[str] = field(default_factory=list)
    others: list[str] = field(default_factory=list)
    unreadable: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        """How many of each, and the names of some; empty if there are none."""
        kinds = {
            "pictures that impasto made": self.made,
            "kept runs": self.runs,
            "files without the extension of a picture": self.others,
            "folders that cannot be read": self.unreadable,
        }
        counts = [f"{kind}: {len(paths)} ({_shortened(paths)})" for kind, paths in kinds.items() if paths]
        return f"left out are {'; '.join(counts)}. A file that is named itself is painted" if counts else ""


def _shortened(names: Sequence[str]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more


def find_photos(words: Sequence[str], out: str) -> tuple[list[Photo], LeftOut]:
    """Return the photos of files, folders and patterns, and what is left out of these folders and patterns.

    Folders are searched to the bottom, without hidden files and the folder `out`; what counts are the usual extensions
    of pictures. In a store, what impasto made is not recognized, because every picture would have to be read. With
    several folders, each gets a folder of its own name.

    Raises:
        InputError: A word is neither a file nor a folder, nor a pattern that fits any.
    """
    folders = [word for word in words if os.path.isdir(word) or (is_url(word) and not glob.has_magic(word))]
    found: dict[str, Photo] = {}
    left_out = LeftOut()
    is_run = cache(RunFolder.is_run)
    place = f"{out.rstrip('/')}/" if is_url(out) else os.path.realpath(out)
    for word in words:
        name = PurePosixPath(word).name if is_url(word) else Path(word).resolve().name
        prefix = PurePosixPath(name if len(folders) > 1 and word in folders else "")
        is_named = os.path.isfile(word)
        for photo in [Photo(word, Path(word).name)] if is_named else _below(word, place, left_out.unreadable):
            if is_named or not _is_left_out(photo, left_out, is_run):
                named = Photo(photo.path, str(prefix / photo.name))
                found.setdefault(photo.path if is_url(photo.path) else os.path.realpath(photo.path), named)
    if not found:
        why = f": {left_out}" if left_out.made or left_out.runs or left_out.unreadable else ""
        raise InputError(f"there are no pictures in {' '.join(words)}{why}")
    left_out.made[:] = [path for path in left_out.made if os.path.realpath(path) not in found]
    return list(found.values()), left_out


def _is_left_out(photo: Photo, left_out: LeftOut, is_run: Callable[[Path], bool]) -> bool:
    """Return True for a file of a folder that is not painted, and note it."""
    file, is_local = Path(photo.path), not is_url(photo.path)
    folders_above = file.parents[: len(PurePosixPath(photo.name).parts)] if is_local else ()
    run = next(filter(is_run, folders_above), None)
    if run is not None:
        if str(run) not in left_out.runs:
            left_out.runs.append(str(run))
    elif file.suffix.lower() not in PICTURE_SUFFIXES or (is_local and _is_special(file)):
        left_out.others.append(photo.path)
    elif is_local and is_made_here(file):
        left_out.made.append(photo.path)
    else:
        return False
    return True


def _is_special(path: Path) -> bool:
    """Return True for a pipe, a socket or a device, which would be waited for."""
    return path.exists() and not path.is_file()


def _below(word: str, out: str, unreadable: list[str]) -> Iterator[Photo]:
    """Yield every file of a folder, or of a pattern with the folder before its first wildcard as the root."""
    if is_url(word):
        found = (Photo(*file) for file in list_files(word))
        yield from (
            photo for photo in found if not re.search(r"(^|/)\.", photo.name) and not photo.path.startswith(out)
        )
        return
    if os.path.isdir(word):
        for folder, names, files in os.walk(word, onerror=lambda error: unreadable.append(str(error.filename))):
            inside = (name for name in names if os.path.realpath(os.path.join(folder, name)) != out)
            names[:] = sorted(name for name in inside if not name.startswith("."))
            for name in sorted(files):
                if not name.startswith("."):
                    path = os.path.join(folder, name)
                    yield Photo(path, Path(os.path.relpath(path, word)).as_posix())
        return
    if not glob.has_magic(word):
        raise missing_file(word)
    root = re.split(r"[*?\[]", word)[0].rpartition("/")[0]
    for path in sorted(filter(os.path.isfile, glob.iglob(word, recursive=True))):
        if not Path(os.path.realpath(path)).is_relative_to(out):
            yield Photo(path, Path(os.path.relpath(path, root or ".")).as_posix())


def plan_tasks(photos: Sequence[Photo], styles: Sequence[tuple[str, ...]], suffix: str) -> list[Task]:
    """Return a task for every photo with every style (or mix of styles); raises InputError if two have one output."""
    stems = Counter(str(PurePosixPath(name).with_suffix("")) for name in {photo.name for photo in photos})
    tasks = []
    for photo in photos:
        name = PurePosixPath(photo.name)
        is_unique = stems[str(name.with_suffix(""))] == 1
        stem = name.stem if is_unique else f"{name.stem}-{name.suffix[1:].lower()}"
        for mix in styles:
            tasks.append(Task(photo.path, mix, str(name.with_name(_usual_name(stem, mix) + suffix))))
    return _checked(tasks, "rename a photo or style, or give the photos' common folder")


def read_pairs(path: Path, suffix: str) -> list[Task]:
    """Return the tasks of a CSV file with the columns `photo`, `style` and, if wanted, `output`.

    Commas, semicolons or tabs separate the columns. Files are relative to the folder of the CSV file.

    Raises:
        InputError: The file cannot be read, lacks a column or a value, or names a file that is missing.
    """
    try:
        text = path.read_bytes().decode("utf-8-sig")
        reader = _table(path, text)
        tasks: list[Task] = []
        problems: list[str] = []
        for row in reader:
            try:
                tasks.append(_task(path, row, suffix))
            except InputError as error:
                problems.append(f"line {reader.line_num}{f' of {path}' * (not problems)}: {error}")
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        reason = "it is not text in UTF-8" if isinstance(error, UnicodeDecodeError) else reason_of(error)
        raise InputError(f"cannot read the pairs {path}: {reason}") from None
    if problems:
        more = f"; and {len(problems) - _NAMED} more lines" if len(problems) > _NAMED else ""
        raise InputError("; ".join(problems[:_NAMED]) + more)
    if not tasks:
        raise InputError(f"there is nothing to paint: no line of {path} names a photo")
    return _checked(tasks, f"change a line of {path}, or name the results in a column output")


def _table(path: Path, text: str) -> "csv.DictReader[str]":
    """Return the rows of a CSV file; raises InputError if its first line does not name the columns."""
    header = text.partition("\n")[0].strip()
    reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=max(",;\t", key=header.count))
    reader.fieldnames = [name.strip().lower() for name in reader.fieldnames or ()]
    missing = [name for name in _COLUMNS if name not in reader.fieldnames]
    if missing:
        has = f"is `{header[:_LONGEST_HEADER]}`" if header else "is empty"
        raise InputError(
            f"{path} needs the column {' and the column '.join(missing)}: its first line {has}, "
            "and a right one is `photo,style` or `photo,style,output`"
        )
    return reader


def _task(path: Path, row: dict[str, str | None], suffix: str) -> Task:
    photo, style, output = ((row.get(name) or "").strip() for name in (*_COLUMNS, "output"))
    if not photo or not style:
        raise InputError("photo or style is empty")
    photo, style = (word if is_url(word) else _beside(path, word) for word in (photo, style))
    if not is_url(photo) and not os.path.isfile(photo):
        raise missing_file(photo)
    if not is_url(style):
        plate_or_file(style if os.path.exists(style) else read_style(style)[0])
    named = _named_result(output, suffix) if output else _usual_name(Path(photo).stem, [style]) + suffix
    return Task(photo, (style,), named)


def _usual_name(stem: str, styles: Sequence[str]) -> str:
    """Return the name of a result that nobody has named, without its extension."""
    return default_name(stem, *(Path(read_style(style)[0]).stem for style in styles))


def _named_result(output: str, suffix: str) -> str:
    """Return a name of the column `output` with the extension of the format; raises InputError if it does not fit."""
    name = PurePosixPath(output)
    if name.is_absolute() or ".." in name.parts:
        raise InputError(f"the output {output} is not inside the folder that -o names")
    if name.suffix.lower() not in PICTURE_SUFFIXES:
        return f"{name}{suffix}"
    if output_format(Path(name)) != output_format(suffix):
        raise InputError(f"the output {output} does not end with {suffix}: rename it, or choose its --format")
    return str(name)


def _beside(path: Path, word: str) -> str:
    """Return a file beside that of the pairs; what is none may be the name of a built-in style."""
    beside = str(path.parent / word)
    return beside if os.path.exists(read_style(beside)[0]) or "." in word else word


def _checked(tasks: list[Task], advice: str) -> list[Task]:
    """Return the tasks; raises InputError with the advice if two of them have the same output."""
    by_output: dict[str, Task] = {}
    for task in tasks:
        first = by_output.setdefault(task.output, task)
        if first is not task:
            both = f"{first.photo} and {task.photo}" if first.photo != task.photo else f"two pictures of {task.photo}"
            raise InputError(f"{both} would both be painted as {task.output}: {advice}")
    return tasks

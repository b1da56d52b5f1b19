"""More than one photo: what is said about a folder, or about several files without word which of them are styles."""

import os
from collections.abc import Iterable, Mapping, Sequence
from itertools import takewhile
from pathlib import Path
from typing import Final

from impasto.api import plate_or_file
from impasto.cli.console import is_stdio
from impasto.cli.destination import names_folder
from impasto.errors import InputError
from impasto.images import PICTURE_SUFFIXES, is_plate, read_picture
from impasto.recipe import read_style
from impasto.shell import file_word, join, quote

_MANY: Final = 8  # so many names are printed one by one


def check_one_photo(
    photo: str, styles: Sequence[str], options: Sequence[str], paths: Mapping[str, str | None], *, mixes: bool
) -> None:
    """Raise InputError for a missing file, and for several photos, with a command that paints all.

    Args:
        photo: The first word.
        styles: The words after it.
        options: Words that hold for every photo, for the command.
        paths: Options that name a file or a folder of a single photo.
        mixes: Whether it is stated that the styles are mixed.
    """
    _check_exist(photo, styles)
    words = (photo, *styles)
    if os.path.isdir(photo):
        folders = [photo, *takewhile(lambda word: not is_plate(word) and os.path.isdir(word), styles)]
        patterns = [pattern for folder in folders for pattern in _patterns(Path(folder))]
        if not patterns:
            raise InputError(f"{photo} is a folder without pictures")
        loop = _loop(patterns, words[len(folders) :] or ["night"], options, paths)
        raise InputError(f"{photo} is a folder; this paints every picture in it: {loop}")
    if mixes or len(styles) < 2 or all(is_plate(read_style(style)[0]) for style in styles):
        return
    *photos, style = words
    shares = ",".join(str(round(100 / len(styles))) for _ in styles)
    mix = f"to mix {len(styles)} styles, state how much each counts, as in --style-mix {shares}"
    # A file beside other styles may be a photo; a built-in style, a part of a style and standard input are none.
    if not all(os.path.isfile(word) and not is_plate(word) for word in photos):
        raise InputError(mix)
    loop = _loop(_named(photos), [style], options, paths)
    raise InputError(f"one photo is painted at a time: {mix}; to paint {len(photos)} photos: {loop}")


def _check_exist(photo: str, styles: Sequence[str]) -> None:
    """Raise InputError for a word that is no file, before any advice on the words as a whole."""
    named = [(style, None) if os.path.exists(style) else read_style(style) for style in styles if not is_stdio(style)]
    for file in (photo, *(mask for _, mask in named if mask)):
        if not (is_stdio(file) or os.path.exists(file)):
            read_picture(file)
    for style, _ in named:
        plate_or_file(style)


def _loop(photos: Iterable[str], styles: Sequence[str], options: Sequence[str], paths: Mapping[str, str | None]) -> str:
    """Return a line for a POSIX shell that paints every photo, each to paths of its own."""
    own = '"$(basename "${photo%.*}")"_' + quote("_".join(Path(read_style(style)[0]).stem for style in styles))
    words = [join([*("-" if is_stdio(style) else file_word(style) for style in styles), *options])]
    for flag, path in paths.items():
        if path is not None and not is_stdio(path):
            is_folder = flag == "--run" or names_folder(path)
            suffix = quote(Path(path).suffix) if not is_folder else ".png" if flag == "-o" else ""
            words.append(f"{flag} {_quoted(Path(path) if is_folder else Path(path).parent)}/{own}{suffix}")
    return f'for photo in {" ".join(photos)}; do impasto "$photo" {" ".join(words)}; done'


def _patterns(folder: Path) -> list[str]:
    """Return the patterns of a shell for all pictures in a folder."""
    suffixes = sorted({file.suffix for file in folder.iterdir() if file.suffix.lower() in PICTURE_SUFFIXES})
    return [f"{_quoted(folder)}/*{suffix}" for suffix in suffixes]


def _named(photos: Sequence[str]) -> list[str]:
    """Return the names of photos for a shell; if they are many, as patterns if these mean the same."""
    paths = [Path(photo) for photo in photos]
    folders = {path.parent for path in paths}
    if len(paths) > _MANY and len(folders) == 1:
        (folder,) = folders
        suffixes = sorted({path.suffix for path in paths})
        if {path for suffix in suffixes for path in folder.glob(f"*{suffix}")} == set(paths):
            return [f"{_quoted(folder)}/*{suffix}" for suffix in suffixes]
    return [quote(_photo_word(photo)) for photo in photos]


def _photo_word(photo: str) -> str:
    """Return the name of a photo that is taken neither for an option nor for a command."""
    return file_word(photo) if "." in photo or "/" in photo else f"./{photo}"


def _quoted(folder: Path) -> str:
    return quote(file_word(folder))

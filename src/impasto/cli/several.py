"""More than one photo: what is said about a folder, or about several files without word which of them are styles."""

import os
from collections.abc import Sequence
from itertools import takewhile
from pathlib import Path
from typing import Final

from impasto.api import plate_or_file
from impasto.cli.console import is_stdio
from impasto.cli.destination import names_folder
from impasto.errors import InputError
from impasto.images import is_plate, read_picture
from impasto.recipe import read_style
from impasto.shell import file_word, join, quote

_MANY: Final = 8  # so many names are printed one by one
_RESULTS: Final = "painted"  # folder for the results if none is named


def check_one_photo(
    photo: str, styles: Sequence[str], options: Sequence[str], out: str | None, *, mixes: bool, in_series: bool
) -> None:
    """Raise InputError for a missing file, and for several photos, with the command that paints all.

    Args:
        photo: The first word.
        styles: The words after it.
        options: Words that hold for every photo, for the command.
        out: The value of `-o`.
        mixes: Whether it is stated that the styles are mixed.
        in_series: Whether several mixes of one photo are painted, which is done for a single photo.
    """
    _check_exist(photo, styles)
    words = (photo, *styles)
    if os.path.isdir(photo):
        from impasto.batch import find_photos

        folders = [photo, *takewhile(lambda word: not is_plate(word) and os.path.isdir(word), styles)]
        results = _folder_of(out, folders)
        found, left_out = find_photos(folders, results)
        if in_series:
            raise InputError(f"{photo} is a folder, and --style-mix-steps is for one photo")
        command = _batch(
            [quote(file_word(folder)) for folder in folders], words[len(folders) :] or ["night"], options, out, results
        )
        count = f"the {len(found)} pictures" if len(found) > 1 else "the picture"
        made = f", {len(left_out.made)} that impasto made are left out" if left_out.made else ""
        raise InputError(f"{photo} is a folder; this paints {count} in it{made}: {command}")
    if mixes or len(styles) < 2 or all(is_plate(read_style(style)[0]) for style in styles):
        return
    *photos, style = words
    shares = ",".join(str(round(100 / len(styles))) for _ in styles)
    mix = f"to mix {len(styles)} styles, state how much each counts, as in --style-mix {shares}"
    # A file beside other styles may be a photo; a built-in style, a part of a style and standard input are none.
    if not all(os.path.isfile(word) and not is_plate(word) for word in photos):
        raise InputError(mix)
    command = _batch(_named(photos), [style], options, out, _folder_of(out, photos))
    raise InputError(f"one photo is painted at a time: {mix}; to paint {len(photos)} photos: {command}")


def _check_exist(photo: str, styles: Sequence[str]) -> None:
    """Raise InputError for a word that is no file, before any advice on the words as a whole."""
    named = [(style, None) if os.path.exists(style) else read_style(style) for style in styles if not is_stdio(style)]
    for file in (photo, *(mask for _, mask in named if mask)):
        if not (is_stdio(file) or os.path.exists(file)):
            read_picture(file)
    for style, _ in named:
        plate_or_file(style)


def _batch(photos: Sequence[str], styles: Sequence[str], options: Sequence[str], out: str | None, folder: str) -> str:
    """Return the command that paints photos, which are words of a shell, into a folder, in the format of `-o`."""
    if any(map(is_stdio, styles)):
        raise InputError("for several photos the style is a file, not standard input")
    suffix = "" if out is None or is_stdio(out) or names_folder(out) else Path(out).suffix.lower()
    form = [] if suffix in ("", ".png") else ["--format", {".jpeg": "jpg", ".tiff": "tif"}.get(suffix, suffix[1:])]
    named = [word for style in styles for word in ("--style", file_word(style))]
    return f"impasto batch {' '.join(photos)} {join([*named, *options, *form, '-o', file_word(folder)])}"


def _folder_of(out: str | None, photos: Sequence[str]) -> str:
    """Return the folder of `-o`, or one to be made beside the file that it names, or inside it if photos lie there."""
    if out is None or is_stdio(out):
        return _RESULTS
    folder = Path(out if names_folder(out) else Path(out).parent / _RESULTS)
    inside = any(Path(photo).resolve().is_relative_to(folder.resolve()) for photo in photos)
    return str(folder / _RESULTS) if inside else str(folder)


def _named(photos: Sequence[str]) -> list[str]:
    """Return the names of photos for a shell; if they are many, as patterns if these mean the same."""
    paths = [Path(photo) for photo in photos]
    folders = {path.parent for path in paths}
    if len(paths) > _MANY and len(folders) == 1:
        (folder,) = folders
        suffixes = sorted({path.suffix for path in paths})
        if {path for suffix in suffixes for path in folder.glob(f"*{suffix}")} == set(paths):
            return [f"{quote(file_word(folder))}/*{suffix}" for suffix in suffixes]
    return [quote(file_word(photo)) for photo in photos]

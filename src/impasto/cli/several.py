"""More than one photo: what is said about a folder, or about several files without word which of them are styles."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from impasto.cli.console import is_stdio
from impasto.errors import InputError
from impasto.images import PICTURE_SUFFIXES, is_plate
from impasto.recipe import read_style
from impasto.shell import file_word, join, quote

_MANY: Final = 8  # so many names are printed one by one


def check_one_photo(photo: str, styles: Sequence[str], options: Sequence[str], *, mixes: bool) -> None:
    """Raise InputError, with a command that paints all, for a folder and for files that may be photos or styles.

    Args:
        photo: The first word.
        styles: The words after it.
        options: Words that state the recipe, for the command.
        mixes: Whether it is stated that the styles are mixed.
    """
    if not is_stdio(photo) and Path(photo).is_dir():
        patterns = _patterns(Path(photo))
        if not patterns:
            raise InputError(f"{photo} is a folder without pictures")
        loop = _loop(patterns, styles[-1] if styles else "night", options)
        raise InputError(f"{photo} is a folder; this paints every picture in it: {loop}")
    # A built-in style is no photo; a file beside other styles may be one.
    if mixes or len(styles) < 2 or all(is_plate(read_style(style)[0]) for style in styles):
        return
    *photos, style = (photo, *styles)
    shares = ",".join(str(round(100 / len(styles))) for _ in styles)
    mix = f"to mix {len(styles)} styles, state how much each counts, as in --style-mix {shares}"
    loop = _loop(_named(photos), style, options)
    raise InputError(f"one photo is painted at a time: {mix}; to paint {len(photos)} photos: {loop}")


def _loop(photos: Iterable[str], style: str, options: Sequence[str]) -> str:
    """Return a line for a POSIX shell that paints every photo."""
    return f'for photo in {" ".join(photos)}; do impasto "$photo" {join([file_word(style), *options])}; done'


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

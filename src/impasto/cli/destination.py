"""The output path: a named file, a numbered file in the current folder, or standard output."""

import itertools
import os
import sys
import tempfile
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from impasto.api import Savable, named_files
from impasto.cli.console import is_stdio, write_bytes
from impasto.cli.options import RecipeSource, Saving, output_options
from impasto.errors import InputError, RunError, reason_of
from impasto.filesystem import is_read_only
from impasto.images import Outputs, check_space, encode_picture, is_deep_zoom, output_format
from impasto.recipe import Recipe
from impasto.shell import file_word, join, quote


class Destination:
    """Where a picture will be written, checked before painting begins."""

    def __init__(
        self,
        saving: Saving,
        default: Path,
        *,
        inputs: Iterable[Path] = (),
        derived: Callable[[Path], tuple[Path, ...]] = lambda _: (),
        folder: Path | None = None,
        kept: tuple[Path, ...] = (),
        may_replace: Callable[[Path], bool] = lambda _: False,
        is_own: Callable[[Path], bool] = lambda _: False,
        is_resumed: bool = False,
    ) -> None:
        """Use the path of `-o`, or the first of `default`, `default-2`, ... that is free or may be replaced.

        Raises InputError if something cannot be written.

        Args:
            saving: What the command line states.
            default: The path without `-o`.
            inputs: Every file that the command reads.
            derived: Returns the existing files that belong to a picture's path and would be written, too.
            folder: The folder of a new run.
            kept: Files of a run folder that are replaced.
            may_replace: Whether an existing file at a default path may be replaced.
            is_own: Whether an existing file is an unfinished picture of the run itself.
            is_resumed: Whether the run folder has noted another place for the picture.
        """
        self._saving = saving
        self._is_own = is_own
        self._is_resumed = is_resumed
        self._may_replace = may_replace
        self.is_stdout = saving.out is not None and is_stdio(saving.out)
        self._is_named = saving.out is not None and not self.is_stdout
        if saving.out and self._is_named:
            _check_names_file(saving.out, default)
        self.path = Path(saving.out) if saving.out and self._is_named else free_path(default, may_replace, derived)
        pictures = () if self.is_stdout else (self.path,)
        self._check(Outputs(pictures=pictures, derived=derived(self.path), folder=folder, kept=kept), inputs)

    def save(self, result: Savable, *, unfinished: bool = False) -> Path | None:
        """Write the picture and return its path, or None if it went to standard output.

        An unfinished picture replaces no picture of another run: it is saved beside it. Raises RunError if the picture
        cannot be written any more; it is saved elsewhere then.
        """
        bits, quality = self._saving.bits, self._saving.quality
        if self.is_stdout:
            try:
                write_bytes(result.encode(".png", bits=bits))
            except OSError as error:
                raise self._kept(f"cannot write to standard output: {reason_of(error)}", result) from None
            return None
        # Another program may have created the file meanwhile.
        path = self.path if self._is_named else free_path(self.path, self._may_replace)
        if unfinished and not self._may_be_unfinished(path):
            path = self._unfinished_path(path.parent)
        try:
            return result.save(path, bits=bits, quality=quality)
        except InputError as error:
            raise self._kept(str(error), result) from None

    def _kept(self, trouble: str, result: Savable) -> RunError:
        """Save the picture elsewhere, and return the error that says so."""
        kept = self.save_elsewhere(result.save)
        return RunError(f"{trouble}; the picture is kept as {kept}" if kept else trouble)

    def save_elsewhere(self, save: Callable[[Path], Any]) -> Path | None:
        """Save as `OUT-unfinished.png` or in the folder for temporary files; return None if neither can be written."""
        for folder in (lambda: self.path.parent, tempfile.gettempdir):
            with suppress(InputError, OSError):  # there may be no folder for temporary files
                path = self._unfinished_path(Path(folder()))
                save(path)
                return path
        return None

    def check_space(self, size: tuple[int, int]) -> None:
        """Raise InputError if there is not enough room for a picture of this width and height."""
        if not self.is_stdout:
            check_space(self.path, *size, bits=self._saving.bits)

    def resume_command(self, folder: Path) -> str:
        """Return the command that continues the run in a folder and ends with the same picture at the same place."""
        out = self._saving.out if self.is_stdout or self._is_resumed else None
        return join(["impasto", "resume", file_word(folder), *output_options(self._saving, out=out)])

    def _may_be_unfinished(self, path: Path) -> bool:
        with suppress(InputError):  # a file that cannot be read is not a picture of this run
            return not path.exists() or self._is_own(path)
        return False

    def _unfinished_path(self, folder: Path) -> Path:
        return free_path(folder / f"{self.path.stem}-unfinished.png")

    def _check(self, outputs: Outputs, inputs: Iterable[Path]) -> None:
        if self.is_stdout and sys.stdout.isatty():
            raise InputError("standard output is a terminal: send the picture to a file (`-o - > painted.png`)")
        outputs.check(inputs)
        zooms = not self.is_stdout and is_deep_zoom(self.path)
        deep = not self.is_stdout and self._saving.bits == 16
        if deep and (zooms or output_format(self.path) not in ("png", "tiff")):
            raise InputError(f"{self.path.suffix} holds 8 bits a channel: use .png or .tif with --bits 16")
        suffix = ".png" if self.is_stdout else ".jpg" if zooms else self.path.suffix
        # Encoding one pixel finds every other error of encoding.
        encode_picture(np.zeros((1, 1, 3), np.float32), suffix, bits=self._saving.bits, quality=self._saving.quality)


def input_files(*words: str, recipe: Recipe | None = None, source: RecipeSource | None = None) -> list[Path]:
    """Return every file that a command reads and no result may overwrite.

    Args:
        words: Photos and styles.
        recipe: The recipe, which may name masks, styles, a start image and weights.
        source: The files from which it was read.
    """
    given = ["/dev/stdin" if is_stdio(word) else word for word in words]  # as in `impasto - night < photo.png`
    if source is not None:
        given += [str(name) for name in (source.recipe, source.from_) if name is not None]
    return named_files(*given, recipe=recipe)


def names_folder(out: str) -> bool:
    """Return True for a folder, or a name that ends as one, in place of a file."""
    return out.endswith(("/", os.sep)) or os.path.isdir(out)


def _check_names_file(out: str, default: Path) -> None:
    """Raise InputError with a file of the default name in it if `-o` names a folder."""
    if names_folder(out):
        create = "" if os.path.isdir(out) else "create it, and "
        file = quote(file_word(Path(out) / default.name))
        raise InputError(f"{out} is a folder: {create}name the file in it, as in `-o {file}`")


def free_path(
    path: Path,
    may_replace: Callable[[Path], bool] = lambda _: False,
    derived: Callable[[Path], Sequence[Path]] = lambda _: (),
) -> Path:
    """Return the first of `NAME.png`, `NAME-2.png`... that is free, with all that is derived, or may be replaced."""
    candidate = path
    for number in itertools.count(2):
        with suppress(InputError):  # a file that cannot be read may not be replaced
            is_free = not os.path.lexists(candidate) or (may_replace(candidate) and not is_read_only(candidate))
            if is_free and not derived(candidate):
                break
        candidate = path.with_name(f"{path.stem}-{number}{path.suffix}")
    return candidate

"""The output path: a named file, a numbered file in the current folder, or standard output."""

import itertools
import os
import sys
import tempfile
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np

from impasto.api import Savable
from impasto.cli.console import is_stdio, write_bytes
from impasto.cli.options import Saving
from impasto.errors import InputError, RunError, reason_of
from impasto.images import check_destination, encode_picture, output_format
from impasto.recipe import INITS, Recipe, read_style

_LONGEST_NAME: Final = 200  # of the 255 bytes that most file systems hold


class Destination:
    """Where a picture will be written, checked before painting begins."""

    def __init__(
        self,
        saving: Saving,
        default: Path,
        *,
        inputs: Iterable[Path] = (),
        may_replace: Callable[[Path], bool] = lambda _: False,
        is_own: Callable[[Path], bool] = lambda _: False,
    ) -> None:
        """Use the path of `-o`, or the first of `default`, `default-2`, ... that is free or may be replaced.

        `inputs` are files that must not be overwritten; of an existing file, `is_own` tells whether it is an unfinished
        picture of the run itself. Raises InputError if the picture cannot be written there.
        """
        self._saving = saving
        self._is_own = is_own
        self._free_path = partial(free_path, default, may_replace)
        self.is_stdout = saving.out is not None and is_stdio(saving.out)
        self._is_named = saving.out is not None and not self.is_stdout
        self.path = Path(saving.out) if saving.out and self._is_named else self._free_path()
        self._check(inputs)

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
        path = self.path if self._is_named else self._free_path()
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
        for folder in (self.path.parent, Path(tempfile.gettempdir())):
            path = self._unfinished_path(folder)
            with suppress(InputError):
                save(path)
                return path
        return None

    def with_suffix(self, suffix: str) -> Path:
        """Return `OUT-SUFFIX.png`, the path of a picture that belongs to this one."""
        return self.path.with_name(f"{self.path.stem}-{suffix}.png")

    def _may_be_unfinished(self, path: Path) -> bool:
        with suppress(InputError):  # a file that cannot be read is not a picture of this run
            return not path.exists() or self._is_own(path)
        return False

    def _unfinished_path(self, folder: Path) -> Path:
        return free_path(folder / self.with_suffix("unfinished").name)

    def _check(self, inputs: Iterable[Path]) -> None:
        if self.is_stdout:
            if sys.stdout.isatty():
                raise InputError("standard output is a terminal: send the picture to a file (`-o - > painted.png`)")
        else:
            check_destination(self.path)
            if self.path.exists() and any(path.exists() and self.path.samefile(path) for path in inputs):
                raise InputError(f"{self.path} is one of the pictures to paint from: choose another name with -o")
            if self._saving.bits == 16 and output_format(self.path) not in ("png", "tiff"):
                raise InputError(f"{self.path.suffix} holds 8 bits a channel: use .png or .tif with --bits 16")
        suffix = ".png" if self.is_stdout else self.path.suffix
        # Encoding one pixel finds every other error of encoding.
        encode_picture(np.zeros((1, 1, 3), np.float32), suffix, bits=self._saving.bits, quality=self._saving.quality)


def default_name(*stems: str) -> str:
    """Return `A_B` for the names of the inputs, cut to what file systems hold with a number and an extension."""
    most = _LONGEST_NAME // len(stems)

    def cut(stem: str) -> str:
        while len(os.fsencode(stem)) > most:
            stem = stem[:-1]
        return stem

    return "_".join(map(cut, stems))


def input_files(recipe: Recipe, content: str, styles: Sequence[str]) -> list[Path]:
    """Return the input files (pictures, masks, the start image), which no result may overwrite."""
    words = [*styles, recipe.start.init]
    files = [content]
    for region in recipe.regions:
        files.append(region.mask)
        words.append(region.style if region.style_mask is None else f"{region.style}@{region.style_mask}")
    # `STYLE@MASK` is two files, unless a file has exactly this name.
    files += [part for word in words for part in (word, *read_style(word)) if part]
    return [Path(name) for name in files if not is_stdio(name) and name not in INITS]


def free_path(path: Path, may_replace: Callable[[Path], bool] = lambda _: False) -> Path:
    """Return the first of `NAME.png`, `NAME-2.png`, `NAME-3.png`... that is free or may be replaced."""
    candidate = path
    for number in itertools.count(2):
        with suppress(InputError):  # a file that cannot be read may not be replaced
            if not candidate.exists() or may_replace(candidate):
                break
        candidate = path.with_name(f"{path.stem}-{number}{path.suffix}")
    return candidate

"""Where a picture goes: a file, a numbered file in the current folder, or standard output."""

import itertools
import sys
import tempfile
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from impasto.api.savable import Savable
from impasto.cli.console import is_stdio, say_bytes
from impasto.cli.options import Saving
from impasto.errors import InputError, RunError
from impasto.images import check_destination, encode_picture, output_format
from impasto.recipe import INITS, Recipe, read_region


class Destination:
    """The place that a picture is painted for, checked before painting begins."""

    def __init__(
        self,
        saving: Saving,
        standard: Path,
        *,
        inputs: Iterable[Path] = (),
        replaces: Callable[[Path], bool] = lambda _: False,
    ) -> None:
        """Take what `-o` says, or the first of `standard`, its -2, -3... that is free or may be replaced.

        `inputs` are files that must not be overwritten. Raises InputError if the picture cannot be written there.
        """
        self._saving = saving
        self._choose = partial(free_name, standard, replaces)
        self.is_stdout = saving.out is not None and is_stdio(saving.out)
        self._is_named = saving.out is not None and not self.is_stdout
        self.path = Path(saving.out) if saving.out and self._is_named else self._choose()
        self._check(inputs)

    def save(self, result: Savable) -> Path | None:
        """Write the picture and return where it is, or None if it went to standard output.

        Raises RunError if that has become impossible; the picture is kept elsewhere then.
        """
        bits, quality = self._saving.bits, self._saving.quality
        if self.is_stdout:
            say_bytes(result.encode(".png", bits=bits))
            return None
        # Somebody else may have taken a free name meanwhile.
        path = self.path if self._is_named else self._choose()
        try:
            return result.save(path, bits=bits, quality=quality)
        except InputError as error:
            kept = self.keep_elsewhere(result.save)
            raise RunError(f"{error}; the picture is kept as {kept}" if kept else str(error)) from None

    def beside(self, tag: str) -> Path:
        """Return the path of a picture that belongs to this one: `OUT-TAG.png`."""
        return self.path.with_name(f"{self.path.stem}-{tag}.png")

    def keep_elsewhere(self, save: Callable[[Path], Any]) -> Path | None:
        """Save as `OUT-unfinished.png`, or in the folder for temporary files; None if there is no room there either."""
        for folder in (self.path.parent, Path(tempfile.gettempdir())):
            path = free_name(folder / self.beside("unfinished").name)
            with suppress(InputError):
                save(path)
                return path
        return None

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
        # Whatever else cannot be encoded is found by encoding one pixel.
        encode_picture(np.zeros((1, 1, 3), np.float32), suffix, bits=self._saving.bits, quality=self._saving.quality)


def files_of(recipe: Recipe, words: Sequence[str]) -> list[Path]:
    """Return the files that are painted from, which no result may overwrite."""
    named = [*(word for word in words if not is_stdio(word)), *(() if recipe.init in INITS else (recipe.init,))]
    for region in map(read_region, recipe.regions):
        style = region.style if region.style_mask is None else f"{region.style}@{region.style_mask}"
        named += [region.mask, style]
    # Of `STYLE@MASK` either part is a file, unless one has that very name.
    named += [part for word in named[1:] if "@" in word for part in word.rpartition("@") if part]
    return [Path(name) for name in named]


def free_name(path: Path, replaces: Callable[[Path], bool] = lambda _: False) -> Path:
    """Return the first of `NAME.png`, `NAME-2.png`, `NAME-3.png`... that is free or may be replaced."""
    numbered = (path.with_name(f"{path.stem}-{number}{path.suffix}") for number in itertools.count(2))
    candidates = itertools.chain([path], numbered)
    return next(candidate for candidate in candidates if not candidate.exists() or replaces(candidate))

"""What a studio takes from strangers: pictures up to a size, and no file of its own machine."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL.Image import Image

from impasto.api import Region, Style
from impasto.errors import InputError
from impasto.images import is_plate, peek_size, read_bytes
from impasto.recipe import INITS, KEEP, Recipe, read_region
from impasto.saliency import AUTOMATIC_MASKS


@dataclass(frozen=True, kw_only=True)
class Limits:
    """`max_pixels` counts width times height of every picture given and of the result, `max_bytes` a file's length."""

    max_pixels: int
    max_bytes: int

    @property
    def max_megapixels(self) -> float:
        """The same as a recipe has it."""
        return self.max_pixels / 1e6

    def check(self, *given: Any) -> None:
        """Raise InputError if a picture in what was given is too large, told by the file's head, before it is decoded.

        What cannot be read for another reason is passed over: reading tells it.
        """
        for picture in pictures_in(given):
            self._check(picture)

    def _check(self, picture: Path | bytes | Image | np.ndarray) -> None:
        if isinstance(picture, Image):
            self._check_size(*picture.size, "the picture")
        elif isinstance(picture, np.ndarray):
            if picture.ndim > 1:
                self._check_size(picture.shape[1], picture.shape[0], "the picture")
        elif isinstance(picture, Path):
            if picture.is_file():
                self._check_length(picture.stat().st_size, picture.name)
                self._check_file(read_bytes(picture), picture.name)
        else:
            self._check_length(len(picture), "the picture")
            self._check_file(picture, "the picture")

    def _check_file(self, data: bytes, name: str) -> None:
        # Reading a HEIC picture tells its size first, too, but needs more than this to open it.
        size = peek_size(data, name)
        if size is not None:
            self._check_size(*size, name)

    def _check_length(self, length: int, name: str) -> None:
        if length > self.max_bytes:
            most = f"this studio takes up to {self.max_bytes / 1e6:.3g}"
            raise InputError(f"{name} has {length / 1e6:.3g} MB, and {most}: make it smaller")

    def _check_size(self, width: int, height: int, name: str) -> None:
        if width * height > self.max_pixels:
            raise InputError(
                f"{name} has {width} x {height} pixels, {width * height / 1e6:.3g} megapixels, and this studio takes "
                f"up to {self.max_megapixels:.3g}: make it smaller"
            )


def pictures_in(given: Any) -> Iterator[Path | bytes | Image | np.ndarray]:
    """Yield every picture in what `stylize` takes as content, styles and regions; of texts those that name files."""
    if isinstance(given, str):
        whole = [given] if Path(given).exists() else re.split("[=@]", given)
        yield from (Path(part) for part in map(str.strip, whole) if Path(part).is_file())
    elif isinstance(given, Style):
        yield from pictures_in((given.picture, given.mask))
    elif isinstance(given, Region):
        yield from pictures_in((given.mask, given.style))
    elif isinstance(given, Path | bytes | Image | np.ndarray):
        yield given
    elif isinstance(given, Sequence):
        for one in given:
            yield from pictures_in(one)


def refuse_files(recipe: Recipe, *, regions: bool) -> None:
    """Raise InputError if a recipe names files: whoever sends it must not learn what is on this machine.

    `regions` tells whether those of the recipe count.
    """
    parts = [read_region(text) for text in recipe.regions] if regions else []
    named = {
        "init": recipe.init not in INITS,
        "weights": recipe.weights not in ("embedded", "full"),
        "regions": any(
            part.mask not in AUTOMATIC_MASKS or not (part.style == KEEP or is_plate(part.style)) or part.style_mask
            for part in parts
        ),
    }
    if any(named.values()):
        fields = ", ".join(field for field, is_file in named.items() if is_file)
        raise InputError(f"the recipe names files ({fields}), which a studio does not take from a recipe")


def without_folders(text: str, *given: Any) -> str:
    """Return a message that calls files by their names: where this machine keeps them is nobody's business."""
    for picture in pictures_in(given):
        if isinstance(picture, Path):
            text = text.replace(str(picture), picture.name)
    return text

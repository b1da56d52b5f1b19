"""Clips that are pictures: animated GIF, WebP and PNG, and sequences of numbered files."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Final

import numpy as np
from jaxtyping import Float
from PIL import Image, UnidentifiedImageError

from impasto.errors import InputError, reason_of
from impasto.images import one_line_errors, read_picture, resize
from impasto.shell import quote
from impasto.video.clip import Clip, Frame, Size, numbered_files

_MILLISECONDS: Final = Fraction(1, 1000)
_DAMAGED: Final = (OSError, ValueError, SyntaxError, EOFError, IndexError)
"""What Pillow raises for damaged files."""
_LEAST_MILLISECONDS: Final = 11
_USUAL_MILLISECONDS: Final = 100
"""A frame that is shown for a hundredth of a second or less is shown so long, as by browsers."""


@dataclass(kw_only=True)
class Animation(Clip):
    """An animated GIF, WebP or PNG; transparent places are white."""

    count: int = 0

    @classmethod
    def open(cls, path: Path) -> "Animation":
        """Open an animation; raises InputError for a single picture and for what is damaged."""
        with one_line_errors("read", path):
            try:
                with Image.open(path) as image:
                    count, size = getattr(image, "n_frames", 1), image.size
                    loops = image.info.get("loop", 1)
                    if image.format == "GIF" and image.info.get("loop"):
                        loops += 1  # a GIF says how often it is repeated, others how often it is shown
                    is_transparent = image.has_transparency_data
            except Image.DecompressionBombError:
                raise InputError(f"{path} has too many pixels for a film") from None
            except UnidentifiedImageError:
                count = 1
            except _DAMAGED as error:
                raise InputError(f"{path} is damaged: {reason_of(error)}") from None
        if count < 2:
            raise InputError(f"{path} is a single picture: `impasto {quote(path)} STYLE` paints it")
        notices = [f"{path} has transparent places: they are painted on white"] if is_transparent else []
        return cls(path=path, size=size, time_base=_MILLISECONDS, rate=None, loops=loops, notices=notices, count=count)

    @property
    def declared_frames(self) -> int:
        """How many frames the file says it has."""
        return self.count

    def frames(self, position: int = 0, time: int | None = None) -> Iterator[Frame]:
        """Yield the frames from a position on; the ones before are decoded, too."""
        shown = 0
        with Image.open(self.path) as image:
            for place in range(self.count):
                try:
                    image.seek(place)
                    image.load()
                except _DAMAGED:
                    return  # what can be read is painted
                duration = round(float(image.info.get("duration", 0)))
                duration = duration if duration >= _LEAST_MILLISECONDS else _USUAL_MILLISECONDS
                if place >= position:
                    pixels = _on_white(image)
                    yield Frame(place, place + 1, shown, duration, partial(_resized, pixels))
                shown += duration


@dataclass(kw_only=True)
class NumberedPictures(Clip):
    """Numbered pictures, in the order of their numbers; those that are missing are not missed."""

    pictures: list[tuple[int, Path]] = field(default_factory=list)

    @classmethod
    def open(cls, pattern: Path, fps: Fraction) -> "NumberedPictures":
        """Open the files of a pattern; raises InputError if there are none, or the first is no picture."""
        pictures = numbered_files(pattern)
        if not pictures:
            raise InputError(f"there are no pictures {pattern}: the part %05d stands for numbers such as 00001")
        first = read_picture(pictures[0][1])
        base = 1 / (fps * 1000) if fps.denominator == 1 else 1 / fps
        return cls(path=pattern, size=(first.width, first.height), time_base=base, rate=fps, pictures=pictures)

    @property
    def files(self) -> list[Path]:
        """The files that are read."""
        return [path for _, path in self.pictures]

    def frames(self, position: int = 0, time: int | None = None) -> Iterator[Frame]:
        """Yield the frames from a position on; raises InputError for a file that is no picture of the same size."""
        assert self.rate is not None
        ticks = round(1 / (self.rate * self.time_base))
        for place, (number, path) in enumerate(self.pictures[position:], start=position):
            yield Frame(place, number, place * ticks, ticks, partial(self._read, path))

    def _read(self, path: Path, size: Size) -> Float[np.ndarray, "h w 3"]:
        picture = read_picture(path)
        if (picture.width, picture.height) != self.size:
            sizes = "{} x {} px, and the first picture {} x {}".format(picture.width, picture.height, *self.size)
            raise InputError(f"{path} has {sizes}: all frames of a film have one size")
        return resize(picture.pixels, *size)


def _on_white(image: Image.Image) -> Float[np.ndarray, "h w 3"]:
    rgba = np.asarray(image.convert("RGBA"), np.float32) / np.float32(255)
    alpha = rgba[..., 3:]
    pixels: np.ndarray = rgba[..., :3] * alpha + (1 - alpha)
    return pixels


def _resized(pixels: Float[np.ndarray, "h w 3"], size: Size) -> Float[np.ndarray, "_h _w 3"]:
    return resize(pixels, *size)

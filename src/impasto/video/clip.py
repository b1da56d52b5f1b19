"""Clips as they are read: frames in their order with their times, upright and in RGB, one after the other."""

import os
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
from jaxtyping import Float

Size = tuple[int, int]
"""Width and height in pixels."""

NUMBERED: Final = re.compile(r"%0?(\d*)d")
"""The part of a name that stands for the number of a frame, as in `frames/%05d.png`."""


class Colors(NamedTuple):
    """How a video stores colors, by the numbers of ITU-T H.273, which FFmpeg uses; 2 is unspecified.

    `range` is 1 for limited and 2 for full range.
    """

    matrix: int
    primaries: int
    transfer: int
    range: int


BT709: Final = Colors(matrix=1, primaries=1, transfer=1, range=1)


@dataclass(frozen=True, eq=False)
class Frame:
    """A frame of a clip, not yet converted.

    Attributes:
        position: Its place in the clip, from 0.
        number: The number that people use: that of its file, or its place counted from 1.
        time: When it is shown, in units of the clip's `time_base`.
        duration: How long, in the same units; 0 if unknown.
        convert: Returns it as RGB in [0, 1] at a size.
    """

    position: int
    number: int
    time: int
    duration: int
    convert: Callable[[Size], Float[np.ndarray, "h w 3"]]


@dataclass(kw_only=True)
class Clip(ABC):
    """A clip that can be read again and again, from any frame.

    Attributes:
        path: The file, or the pattern of a sequence of pictures.
        size: Width and height as it is shown: upright, with square pixels.
        time_base: The unit of its times in seconds.
        rate: Frames per second on average; None if unknown.
        colors: How a film of it stores its colors.
        begin: Time of the first frame.
        loops: How often an animation is shown, 0 for ever; None for a video.
        notices: What the user should know about it, each in one line.
    """

    path: Path
    size: Size
    time_base: Fraction
    rate: Fraction | None
    colors: Colors = BT709
    begin: int = 0
    loops: int | None = None
    notices: list[str] = field(default_factory=list)

    @abstractmethod
    def frames(self, position: int = 0, time: int | None = None) -> Iterator[Frame]:
        """Yield the frames from a position on.

        Args:
            position: Place of the first frame, from 0.
            time: Its time, by which it is found sooner; None where the times of a clip are not to be relied on.
        """

    def frames_around(self, time: int) -> Iterator[Frame]:
        """Yield the frames from one on that is shown at a time or earlier, for a look at the clip.

        Of a clip in which that is found without reading all that is before it, the positions are not known.

        Args:
            time: Since the first frame, in units of `time_base`.
        """
        return self.frames()

    @property
    def files(self) -> list[Path]:
        """The files that are read."""
        return [self.path]

    @property
    def has_sound(self) -> bool:
        """Whether there is a track of sound."""
        return False

    @property
    def declared_frames(self) -> int:
        """How many frames the file says it has; 0 if it does not say."""
        return 0


def numbered_path(pattern: Path, number: int) -> Path:
    """Return the path of a frame for a pattern.

    Example:
        >>> numbered_path(Path("frames/%05d.png"), 12).as_posix()
        'frames/00012.png'
    """
    name = NUMBERED.sub(lambda found: f"{number:0{int(found[1] or 0)}d}", pattern.name, count=1)
    return pattern.with_name(name)


def numbered_files(pattern: Path) -> list[tuple[int, Path]]:
    """Return number and path of the existing files of a pattern, in the order of their numbers."""
    found = NUMBERED.search(pattern.name)
    assert found is not None
    before, after = pattern.name[: found.start()], pattern.name[found.end() :]
    name = re.compile(rf"{re.escape(before)}(\d+){re.escape(after)}")
    try:
        names = os.listdir(pattern.parent)
    except OSError:
        return []
    matches = (match for match in map(name.fullmatch, names) if match)
    found_files = ((int(match[1]), pattern.with_name(match[0])) for match in matches)
    return sorted((number, path) for number, path in found_files if numbered_path(pattern, number) == path)

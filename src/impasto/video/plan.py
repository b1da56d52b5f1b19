"""What is painted of a clip: which of its frames, at which times, and where scenes begin; kept in one file."""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import pairwise
from math import ceil, floor
from typing import Final

import numpy as np
import safetensors
import safetensors.numpy
from jaxtyping import Float, Int64

from impasto.errors import InputError
from impasto.images import fit
from impasto.untrusted import load_json
from impasto.video.clip import Clip, Frame
from impasto.video.cuts import THUMBNAIL, find_cuts

_OVERLAP: Final = Fraction(1, 2)
"""Seconds for which a part of a scene dissolves into the next one."""
_TIME: Final = re.compile(r"(?:(?:(\d+):)?(\d+):)?(\d+(?:\.\d*)?|\.\d+)\s*s?")


@dataclass(frozen=True)
class Selection:
    """The part of a clip that is painted.

    Attributes:
        start: From this second on.
        end: Up to, and without, this second; None: the end of the clip.
        every: Only the first of so many frames each.
        split: Scenes that are longer than about so many seconds are divided; None: none is.
    """

    start: Fraction = Fraction(0)
    end: Fraction | None = None
    every: int = 1
    split: Fraction | None = None

    def __post_init__(self) -> None:
        if self.every < 1:
            raise InputError(f"--every takes a whole number from 1, not {self.every}")
        if self.end is not None and self.end <= self.start:
            raise InputError(f"--range ends at {float(self.end):g} s, which is not after {float(self.start):g} s")
        if self.split is not None and self.split < 2 * _OVERLAP:
            raise InputError(f"--split takes 1 second or more, not {float(self.split):g}")


def read_time(text: str) -> Fraction:
    """Return the seconds of a time such as `12.5s`, `12.5` or `1:02:30`.

    Example:
        >>> read_time("1:02.5")
        Fraction(125, 2)
    """
    match = _TIME.fullmatch(text.strip())
    if match is None:
        raise InputError(f"a time is written 12.5s or 1:02.5, not {text}")
    hours, minutes, seconds = (Fraction(part or 0) for part in match.groups())
    return 3600 * hours + 60 * minutes + seconds


def read_range(text: str) -> tuple[Fraction, Fraction | None]:
    """Return start and end of a range such as `10s-20s`, `10s-` or `-20s`.

    Example:
        >>> read_range("10s-")
        (Fraction(10, 1), None)
    """
    start, dash, end = text.partition("-")
    if not dash or not (start or end):
        raise InputError(f"--range is written 10s-20s, 10s- or -20s, not {text}")
    return read_time(start) if start else Fraction(0), read_time(end) if end else None


@dataclass(frozen=True, kw_only=True, eq=False)
class Plan:
    """The frames of a film.

    Attributes:
        positions: Places in the clip, from 0.
        numbers: Numbers that people use for them, which name their files.
        stamps: Their times in the clip, in its own unit.
        times: When they are shown, from the beginning of the film on.
        ends: When each of them ends.
        scenes: Which of the frames, counted from 0, begin a scene, or a part of a long one; the first one always does.
        overlaps: How many of the frames before it each scene paints as well: 0 after a cut.
        time_base: The unit of `times` and `ends` in seconds.
        origin: When, in seconds of the clip, the film begins.
        is_whole: Whether the film begins where the clip does, and ends there.
        notices: What the user should know about it, each in one line.
    """

    positions: Int64[np.ndarray, " frames"]
    numbers: Int64[np.ndarray, " frames"]
    stamps: Int64[np.ndarray, " frames"]
    times: Int64[np.ndarray, " frames"]
    ends: Int64[np.ndarray, " frames"]
    scenes: Int64[np.ndarray, " scenes"]
    overlaps: Int64[np.ndarray, " scenes"]
    time_base: Fraction
    origin: Fraction
    is_whole: bool
    notices: list[str] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.numbers)

    @property
    def duration(self) -> Fraction:
        """Length of the film in seconds."""
        return int(self.ends[-1]) * self.time_base

    @property
    def paintings(self) -> int:
        """How many frames are painted; those of an overlap are painted twice."""
        return len(self) + int(self.overlaps.sum())

    def scene(self, number: int) -> range:
        """Return which frames are painted for a scene; the first of them may be an overlap with the scene before."""
        starts = [*map(int, self.scenes), len(self)]
        return range(starts[number] - int(self.overlaps[number]), starts[number + 1])

    def to_bytes(self) -> bytes:
        """Return it as the bytes of a file."""
        arrays = {name: getattr(self, name) for name in _ARRAYS}
        known = [*self.time_base.as_integer_ratio(), *self.origin.as_integer_ratio(), int(self.is_whole)]
        # The tables of safetensors hold no texts that are read back with the arrays.
        texts = np.frombuffer(json.dumps(self.notices).encode(), np.uint8)
        return safetensors.numpy.save({**arrays, "known": np.array(known), "notices": texts})

    @classmethod
    def from_bytes(cls, data: bytes) -> "Plan":
        """Return what `to_bytes` wrote; raises ValueError or LookupError if it is damaged."""
        try:
            arrays = safetensors.numpy.load(data)
        except safetensors.SafetensorError as error:
            raise ValueError(str(error)) from None
        base, per, origin, over, is_whole = map(int, arrays["known"])
        arrays.setdefault("overlaps", np.zeros_like(arrays["scenes"]))  # which earlier versions did not write
        found = {name: arrays[name] for name in _ARRAYS}
        _check_arrays(found)
        if base < 1 or per < 1 or over < 1:
            raise ValueError("a unit of time is no fraction")
        notices = [str(text) for text in load_json(arrays["notices"].tobytes())]
        return cls(
            **found,
            time_base=Fraction(base, per),
            origin=Fraction(origin, over),
            is_whole=bool(is_whole),
            notices=notices,
        )


_ARRAYS: Final = ("positions", "numbers", "stamps", "times", "ends", "scenes", "overlaps")


def _check_arrays(arrays: Mapping[str, np.ndarray]) -> None:
    """Raise ValueError unless arrays of a file describe the frames of a film."""
    if any(array.dtype != np.int64 or array.ndim != 1 for array in arrays.values()):
        raise ValueError("the arrays are no lists of whole numbers")
    counts = {len(array) for name, array in arrays.items() if name not in ("scenes", "overlaps")}
    count, scenes, overlaps = max(counts), arrays["scenes"], arrays["overlaps"]
    if len(counts) != 1 or not len(scenes) or scenes[0] != 0 or scenes[-1] >= count or not _rises(scenes):
        raise ValueError("the arrays do not fit together")
    if len(overlaps) != len(scenes) or overlaps.min() < 0 or np.any(overlaps > np.diff(scenes, prepend=0)):
        raise ValueError("a scene overlaps more than the one before it")
    if arrays["positions"][0] < 0 or arrays["numbers"][0] < 0 or arrays["times"][0] != 0:
        raise ValueError("the film has no beginning")
    rising = ("positions", "numbers", "stamps", "times", "ends")
    if not all(_rises(arrays[name]) for name in rising) or np.any(arrays["ends"] <= arrays["times"]):
        raise ValueError("the frames are out of order")


def _rises(numbers: Int64[np.ndarray, " numbers"]) -> bool:
    return bool(np.all(numbers[1:] > numbers[:-1]))


def plan_film(clip: Clip, selection: Selection, on_frame: Callable[[int], None] = lambda _: None) -> Plan:
    """Read a clip once, and return which of its frames are painted.

    Args:
        clip: The clip.
        selection: The part that is painted.
        on_frame: Called with the number of frames read so far.

    Raises:
        InputError: No frame can be read, or none is in the range.
    """
    scan = _Scan(clip, selection, on_frame)
    begins = set(find_cuts(scan.thumbnails()))
    if not scan.kept:
        raise InputError(_empty(clip, selection, scan))
    frames, places = scan.kept, scan.places
    # The scene of a cut begins with the first frame after it that is painted.
    cuts = sorted(begins)
    scenes = sorted({0, *(next((i for i, place in enumerate(places) if place >= cut), 0) for cut in cuts)})
    positions, stamps = (np.array([getattr(frame, name) for frame in frames]) for name in ("position", "time"))
    moments, base = _even_times(clip, np.append(stamps, scan.end) - stamps[0], positions - positions[0])
    parts = [(start, 0) for start in scenes]
    if selection.split is not None:
        parts = _divided(scenes, len(frames), len(frames) / (int(moments[-1]) * base), selection.split)
    notices = list(clip.notices)
    if scan.is_whole and clip.declared_frames > scan.count:
        notices.append(f"{clip.path} is damaged: {scan.count} of its {clip.declared_frames} frames can be read")
    return Plan(
        positions=positions,
        numbers=np.array([frame.number for frame in frames]),
        stamps=stamps,
        times=moments[:-1],
        ends=moments[1:],
        scenes=np.array([start for start, _ in parts]),
        overlaps=np.array([overlap for _, overlap in parts]),
        time_base=base,
        origin=int(stamps[0]) * clip.time_base,
        is_whole=scan.is_whole,
        notices=notices,
    )


def _divided(scenes: list[int], count: int, rate: Fraction, seconds: Fraction) -> list[tuple[int, int]]:
    """Return beginning and overlap of every scene, and of the equal parts of those that are longer than `seconds`.

    A rest that is no longer than an overlap makes no part of its own, so that every part is longer than an overlap.
    """
    overlap = max(2, round(_OVERLAP * rate))
    most = max(2 * overlap, floor(seconds * rate))
    parts = []
    for start, end in pairwise([*scenes, count]):
        number = max(1, ceil(Fraction(end - start - overlap, most)))
        parts += [(start + (end - start) * part // number, overlap if part else 0) for part in range(number)]
    return parts


def _even_times(
    clip: Clip, moments: Int64[np.ndarray, " moments"], steps: Int64[np.ndarray, " frames"]
) -> tuple[Int64[np.ndarray, " moments"], Fraction]:
    """Return the times of frames, and of the end, and their unit: exact ones if a container has rounded them.

    Matroska keeps milliseconds, in which frames at 30000/1001 Hz are 33 or 34 apart.
    """
    if clip.rate is None:
        return moments, clip.time_base
    ticks = float(1 / (clip.rate * clip.time_base))
    # In a unit as coarse as the frames, nothing less than a whole frame is rounding.
    if np.abs(steps * ticks - moments[:-1]).max() > min(1, ticks / 2):
        return moments, clip.time_base
    end = max(int(steps[-1]) + 1, round(moments[-1] / ticks))
    return np.append(steps, end), 1 / clip.rate


@dataclass(frozen=True)
class _Kept:
    """A frame that is painted."""

    position: int
    number: int
    time: int


class _Scan:
    """Reads a clip once, and notes what of it is painted."""

    def __init__(self, clip: Clip, selection: Selection, on_frame: Callable[[int], None]) -> None:
        self._clip, self._selection, self._on_frame = clip, selection, on_frame
        self.kept: list[_Kept] = []
        self.places: list[int] = []  # of the kept frames among those in the range
        self.count = 0
        self.end = 0
        self.seconds = Fraction(0)
        self.is_over = False
        self.is_whole = False

    def thumbnails(self) -> Iterator[Float[np.ndarray, "h w 3"]]:
        """Yield a small copy of every frame in the range."""
        size = fit(*self._clip.size, THUMBNAIL)
        first: int | None = None
        place = 0
        last: Frame | None = None
        for frame in self._clip.frames():
            self.count += 1
            self._on_frame(self.count)
            first = frame.time if first is None else first
            self.seconds = (frame.time - first) * self._clip.time_base
            if self._selection.end is not None and self.seconds >= self._selection.end:
                self.end = frame.time
                return
            last = frame
            if self.seconds < self._selection.start:
                continue
            if place % self._selection.every == 0:
                self.kept.append(_Kept(frame.position, frame.number, frame.time))
                self.places.append(place)
            place += 1
            yield frame.convert(size)
        if last is not None:
            self.end = last.time + max(1, last.duration or self._usual_duration())
        self.is_over = True
        self.is_whole = not self._selection.start

    def _usual_duration(self) -> int:
        """Return the mean duration of the frames, for a last one whose own is not known."""
        if len(self.kept) > 1:
            return (self.kept[-1].time - self.kept[0].time) // (self.kept[-1].position - self.kept[0].position)
        rate = self._clip.rate or Fraction(25)
        return round(1 / (rate * self._clip.time_base))


def _empty(clip: Clip, selection: Selection, scan: _Scan) -> str:
    if not scan.count:
        return f"{clip.path} has no frame that can be decoded"
    start = f"{float(selection.start):g} s"
    if scan.is_over:
        return f"--range begins at {start}, and the last frame of {clip.path} is shown at {float(scan.seconds):g} s"
    assert selection.end is not None
    return f"no frame of {clip.path} begins between {start} and {float(selection.end):g} s: choose a longer --range"

"""Videos, as FFmpeg reads them: frames turned upright and converted to RGB, and what the file says about itself."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any, Final

import numpy as np
from jaxtyping import Float

from impasto.errors import InputError
from impasto.video.clip import BT709, Clip, Colors, Frame, Size
from impasto.video.ffmpeg import DISPLAYMATRIX, ERRORS, av, opened
from impasto.video.hdr import HLG, PQ, to_sdr

_HD_HEIGHT: Final = 720
_FULL: Final = 2  # range
_BT709, _UNSPECIFIED, _BT601 = 1, 2, 5
_IDENTITY: Final = 0  # the matrix of RGB
_SEEK_SECONDS: Final = 2
"""So much earlier decoding begins: frames that are shown just before a keyframe may need the one before that."""
_SCALING: Final = (
    av.video.reformatter.Interpolation.AREA
    | av.video.reformatter.Interpolation.ACCURATE_RND
    | av.video.reformatter.Interpolation.FULL_CHR_H_INT
)
_ENLARGING: Final = (
    av.video.reformatter.Interpolation.BICUBIC
    | av.video.reformatter.Interpolation.ACCURATE_RND
    | av.video.reformatter.Interpolation.FULL_CHR_H_INT
)
_HDR_NAMES: Final = {PQ: "PQ", HLG: "HLG"}


@dataclass(kw_only=True)
class VideoFile(Clip):
    """A video file."""

    declared: int = 0
    sounds: int = 0

    @classmethod
    def open(cls, path: Path) -> "VideoFile":
        """Open a video, and decode its first frame, which says most about it.

        Raises:
            InputError: It has no video, no frame, or a codec that FFmpeg does not know.
        """
        with opened(path) as container:
            stream = _video_stream(container, path)
            first = next(_decoded(container, stream), None)
            if first is None:
                raise InputError(f"{path} has no frame that can be decoded: it is damaged or empty")
            ratio = stream.sample_aspect_ratio or Fraction(1)
            width, height = _with_square_pixels(first.width, first.height, ratio)
            size = (height, width) if _is_turned(_display_matrix(first)) else (width, height)
            others = [kind for kind in ("subtitles", "data") if getattr(container.streams, kind)]
            notices = _conversions(first, str(path))
            if others:
                notices.append(f"subtitles and other tracks of {path} are left out")
            return cls(
                path=path,
                size=size,
                time_base=stream.time_base or 1 / (stream.average_rate or Fraction(25)),
                rate=stream.average_rate or stream.guessed_rate,
                colors=_colors_of_film(first),
                begin=first.pts or 0,
                notices=notices,
                declared=stream.frames,
                sounds=len(container.streams.audio),
            )

    @property
    def has_sound(self) -> bool:
        """Whether there is a track of sound."""
        return self.sounds > 0

    @property
    def declared_frames(self) -> int:
        """How many frames the file says it has; 0 if it does not say."""
        return self.declared

    def frames(self, position: int = 0, time: int | None = None) -> Iterator[Frame]:
        """Yield the frames from a position on, as far as they can be decoded.

        A frame without a time of its own is shown when the one before it ends.
        """
        if time is not None and position:
            found = self._frames_from(time, position)
            if (first := next(found, None)) is not None and first.time == time:
                yield first
                yield from found
                return
        for frame in self._all_frames():
            if frame.position >= position:
                yield frame

    def frames_around(self, time: int) -> Iterator[Frame]:
        """Yield the frames from one on that is shown at a time or earlier; their positions are not known."""
        found = self._decoded_around(self.begin + time)
        if (first := next(found, None)) is None or first.pts > self.begin + time:
            return self._all_frames()
        decoded = (frame for frame in chain([first], found) if frame.pts is not None)
        return (_frame(frame, 0, frame.pts) for frame in decoded)

    def _frames_from(self, time: int, position: int) -> Iterator[Frame]:
        """Yield the frames from the first one at `time` or later, found by the index of the file."""
        due: int | None = None
        for frame in self._decoded_around(time):
            if due is None and frame.pts < time:
                continue
            shown = frame.pts if due is None else self._time(frame, due)
            yield _frame(frame, position, shown)
            position, due = position + 1, self._due(frame, shown)

    def _decoded_around(self, time: int) -> Iterator[Any]:
        """Yield what is decoded from before a time on; nothing if the file cannot be searched."""
        with opened(self.path) as container:
            stream = _video_stream(container, self.path)
            try:
                container.seek(time - round(_SEEK_SECONDS / self.time_base), stream=stream)
            except ERRORS:
                return
            decoded = _decoded(container, stream)
            if (first := next(decoded, None)) is not None and first.pts is not None:
                yield first
                yield from decoded

    def _all_frames(self) -> Iterator[Frame]:
        due: int | None = None
        with opened(self.path) as container:
            for position, frame in enumerate(_decoded(container, _video_stream(container, self.path))):
                time = self._time(frame, due)
                yield _frame(frame, position, time)
                due = self._due(frame, time)

    @staticmethod
    def _time(frame: Any, due: int | None) -> int:
        """Return when a frame is shown: not before it is due after the frame before, where its own time is wrong."""
        if frame.pts is None:
            return due or 0
        return int(frame.pts if due is None else max(due, frame.pts))

    def _due(self, frame: Any, time: int) -> int:
        """Return from when on the frame after one that is shown at a time may be shown."""
        nominal = max(1, round(1 / (self.rate * self.time_base))) if self.rate else 1
        return time + (nominal if frame.pts is None else 1)


def _video_stream(container: Any, path: Path) -> Any:
    """Return the first video that is not the cover of a piece of music."""
    covers = av.stream.Disposition.attached_pic | av.stream.Disposition.timed_thumbnails
    stream = next((stream for stream in container.streams.video if not stream.disposition & covers), None)
    if stream is None:
        raise InputError(f"{path} has no video in it")
    if stream.codec_context is None:
        raise InputError(f"the video in {path} has a codec that FFmpeg does not know: convert it to H.264 first")
    stream.thread_type = "AUTO"
    return stream


def _decoded(container: Any, stream: Any) -> Iterator[Any]:
    """Yield the frames that can be decoded; a damaged packet is left out, and a damaged file ends."""
    packets = container.demux(stream)
    while True:
        try:
            packet = next(packets, None)
        except ERRORS:
            packet = None
        with suppress(*ERRORS):
            # An empty packet ends the stream, so that the decoder gives what it has held back.
            yield from stream.decode(packet)
        if packet is None or not packet.size:
            return


def _frame(frame: Any, position: int, time: int) -> Frame:
    return Frame(position, position + 1, time, frame.duration or 0, partial(to_rgb, frame))


def to_rgb(frame: Any, size: Size) -> Float[np.ndarray, "h w 3"]:
    """Return a decoded frame upright, at a size, as RGB in [0, 1]; HDR is converted for a usual screen."""
    matrix = _display_matrix(frame)
    width, height = size[::-1] if _is_turned(matrix) else size
    is_deep = _bits(frame) > 8
    shrinks = width < frame.width or height < frame.height
    converted = frame.reformat(
        width=width,
        height=height,
        format="rgb48le" if is_deep else "rgb24",
        interpolation=_SCALING if shrinks else _ENLARGING,
        # Without a tag, players take the matrix by the size.
        src_colorspace=_matrix_of(frame),
        dst_color_range=_FULL,
        dst_color_trc=frame.color_trc,
        dst_color_primaries=frame.color_primaries,
    )
    pixels = converted.to_ndarray().astype(np.float32) / np.float32(65535 if is_deep else 255)
    if frame.color_trc in _HDR_NAMES:
        pixels = to_sdr(pixels, frame.color_trc)
    return np.ascontiguousarray(_upright(pixels, matrix))


def _matrix_of(frame: Any) -> int:
    if frame.colorspace != _UNSPECIFIED:
        return int(frame.colorspace)
    return _BT709 if frame.height >= _HD_HEIGHT else _BT601


def _bits(frame: Any) -> int:
    return max(int(component.bits) for component in frame.format.components)


def _colors_of_film(frame: Any) -> Colors:
    """Return how a film of such frames stores its colors: as the clip does, and what the clip does not say as usual."""
    if frame.color_trc in _HDR_NAMES or frame.colorspace == _IDENTITY:
        return BT709
    primaries, transfer = (
        usual if value in (0, _UNSPECIFIED) else int(value)
        for value, usual in ((frame.color_primaries, BT709.primaries), (frame.color_trc, BT709.transfer))
    )
    is_full = frame.color_range == _FULL or frame.format.name.startswith("yuvj")
    return Colors(_matrix_of(frame), primaries, transfer, 2 if is_full else 1)


def _conversions(frame: Any, name: str) -> list[str]:
    """Say what of a clip a film cannot hold."""
    transfer = _HDR_NAMES.get(frame.color_trc)
    if transfer is not None:
        return [f"{name} is HDR ({transfer}): the film has the usual range of brightness, with 8 bits a channel"]
    bits = _bits(frame)
    return [f"{name} has {bits} bits a channel: the film has 8"] if bits > 8 else []


def _with_square_pixels(width: int, height: int, ratio: Fraction) -> Size:
    """Return the size as it is shown of pixels that are `ratio` times as wide as high; none are thrown away."""
    if ratio > 1:
        return round(width * ratio), height
    return width, round(height / ratio) if ratio > 0 else height


def _display_matrix(frame: Any) -> tuple[int, int, int, int]:
    """Return a, b, c, d of the matrix by which a frame is shown: (x, y) at (ax + cy, bx + dy)."""
    data = frame.side_data.get(DISPLAYMATRIX)
    if data is None:
        return 1, 0, 0, 1
    values = np.frombuffer(bytes(data), "<i4")
    a, b, c, d = (int(values[index]) for index in (0, 1, 3, 4))
    return a, b, c, d


def _is_turned(matrix: tuple[int, int, int, int]) -> bool:
    """Return True if a frame is shown on its side."""
    a, b, _, _ = matrix
    return abs(a) < abs(b)


def _upright(pixels: Float[np.ndarray, "h w 3"], matrix: tuple[int, int, int, int]) -> Float[np.ndarray, "_h _w 3"]:
    a, b, c, d = matrix
    if _is_turned(matrix):
        pixels, a, d = pixels.transpose(1, 0, 2), c, b
    return pixels[:: -1 if d < 0 else 1, :: -1 if a < 0 else 1]

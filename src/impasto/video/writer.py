"""Painted frames written as a film: a video, an animated GIF or WebP, or a sequence of pictures."""

import os
import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias

import numpy as np
import pyvips

from impasto.errors import InputError, file_error, is_disk_error, reason_of
from impasto.filesystem import flush, move_file
from impasto.images import (
    PICTURE_SUFFIXES,
    atomic_write,
    check_writable,
    encode_picture,
    flush_folder,
    output_format,
    read_picture,
)
from impasto.video.clip import NUMBERED, Clip, Size, numbered_path
from impasto.video.ffmpeg import ERRORS, av
from impasto.video.plan import Plan
from impasto.video.sound import Sound
from impasto.video.video_file import VideoFile

Kind: TypeAlias = Literal["video", "animation", "sequence"]

_CONTAINERS: Final = {".mp4": "mp4", ".m4v": "mp4", ".mov": "mov", ".mkv": "matroska", ".webm": "webm"}
_ANIMATIONS: Final = (".gif", ".webp")
SUFFIXES: Final = (*_CONTAINERS, *_ANIMATIONS)
"""Extensions of films that are one file."""
_USUAL_CRF: Final = {"libx264": 18, "libvpx-vp9": 28}
_MOST_CRF: Final = {"libx264": 51, "libvpx-vp9": 63}
_TICKS: Final = {".gif": 10, ".webp": 1}
"""Milliseconds of the unit in which an animation states how long a frame is shown."""
_WEBP_QUALITY: Final = 90
_QUEUED: Final = 32
"""Frames that the encoder may hold back, as the sound waits for them."""


@dataclass(frozen=True, kw_only=True)
class Encoding:
    """How a film is compressed.

    Attributes:
        crf: Quality of H.264 (0 to 51) or VP9 (0 to 63), lower is better; None: 18 and 28.
        record: Returns what is written into the picture of a number, in a sequence; None: nothing.
    """

    crf: int | None = None
    record: Callable[[int], Mapping[str, Any]] | None = None


def film_kind(path: Path) -> Kind:
    """Return what is written at a path.

    Example:
        >>> film_kind(Path("out.mp4")), film_kind(Path("frames/%05d.png"))
        ('video', 'sequence')

    Raises:
        InputError: The extension is unknown.
    """
    suffix = path.suffix.lower()
    if suffix in _CONTAINERS:
        return "video"
    if NUMBERED.search(path.name):
        output_format(path)
        return "sequence"
    if suffix in _ANIMATIONS:
        return "animation"
    known = f"films are written as {', '.join(SUFFIXES)}, or as pictures, frames/%05d.png"
    if suffix in PICTURE_SUFFIXES:
        raise InputError(f"{path} is the name of a single picture: {known}; --preview 12.5s paints one frame")
    raise InputError(f"{path} has {f'the unknown extension {suffix}' if suffix else 'no extension'}: {known}")


def check_film(path: Path, crf: int | None) -> None:
    """Raise InputError before anything is painted if a film cannot be written."""
    kind = film_kind(path)
    codec = _codec(path)
    if crf is not None and kind != "video":
        raise InputError(f"--crf is the quality of a video, and {path} is none")
    if crf is not None and not 0 <= crf <= _MOST_CRF[codec]:
        raise InputError(f"--crf takes a whole number from 0 to {_MOST_CRF[codec]} for {path.suffix}, not {crf}")
    if kind == "sequence" and not path.parent.exists():
        path = path.parent  # which is made beside what exists
    check_writable(path)


def film_size(path: Path, size: Size, *, is_own: bool) -> tuple[Size, list[str]]:
    """Return the size of a film, and what is to be said about it.

    H.264 halves both sides for its colors, so that they are even; VP9, animations and pictures have any size. A size
    that was chosen is rounded; a clip that keeps its own size keeps it, with colors at full resolution.

    Args:
        path: The film.
        size: Width and height that are wanted.
        is_own: Whether this is the clip's own size.
    """
    width, height = size
    if film_kind(path) != "video" or _codec(path) != "libx264" or not (width % 2 or height % 2):
        return size, []
    if is_own:
        text = f"{width} x {height} px is an odd size: {path} is H.264 in 4:4:4, which some players do not show"
        return size, [text]
    return (max(2, width + width % 2), max(2, height + height % 2)), []


def write_film(
    path: Path,
    frames: Sequence[Path],
    plan: Plan,
    clip: Clip,
    encoding: Encoding,
    on_frame: Callable[[int], None] = lambda _: None,
) -> list[str]:
    """Write painted frames as a film, completely or not at all (of a sequence, each picture).

    Args:
        path: The film; an older one is replaced.
        frames: The painted frames as PNG.
        plan: Their times.
        clip: The clip that they were painted from, whose sound is copied.
        encoding: How they are compressed.
        on_frame: Called with the number of frames written so far.

    Returns:
        What the user should know, each in one line.

    Raises:
        InputError: The film cannot be written; it is a DiskError if the disk is full.
    """
    kind = film_kind(path)
    if kind == "sequence":
        _write_sequence(path, frames, plan, encoding, on_frame)
    elif kind == "animation":
        with _replacing(path) as temporary:
            _write_animation(path.suffix.lower(), temporary, frames, plan, clip.loops or 0)
    else:
        with _replacing(path) as temporary:
            return _write_video(path, temporary, frames, plan, clip, encoding, on_frame)
    return [f"{path} has no sound: only a video does"] if clip.has_sound else []


@contextmanager
def _replacing(path: Path) -> Iterator[Path]:
    """Give the name of a temporary file, which replaces `path` at the end."""
    target = Path(os.path.realpath(path))
    # A name as of `atomic_write`, so that what is left of a killed process is known as such.
    temporary = target.parent / f".impasto-{secrets.token_hex(8)}.tmp"
    try:
        yield temporary
        with temporary.open("rb+") as file:
            flush(file.fileno())
        move_file(temporary, target)
        flush_folder(target.parent)
    except (*ERRORS, pyvips.Error) as error:
        raise _write_error(path, error) from None
    finally:
        temporary.unlink(missing_ok=True)


def _write_error(path: Path, error: Exception) -> InputError:
    reason = " ".join(reason_of(error).split())
    again = "; the painted frames are kept" if is_disk_error(error) else ""
    return file_error(f"cannot write {path}: {reason}{again}", error)


def _codec(path: Path) -> str:
    return "libvpx-vp9" if path.suffix.lower() == ".webm" else "libx264"


# -- videos ------------------------------------------------------------------------------------------------------------


def _write_video(
    path: Path,
    temporary: Path,
    frames: Sequence[Path],
    plan: Plan,
    clip: Clip,
    encoding: Encoding,
    on_frame: Callable[[int], None],
) -> list[str]:
    container = _CONTAINERS[path.suffix.lower()]
    options = {"movflags": "+faststart"} if container in ("mp4", "mov") else {}
    with av.open(str(temporary), "w", format=container, options=options) as output:
        stream = _video_stream(output, _codec(path), frames[0], plan, clip, encoding)
        source = clip.path if isinstance(clip, VideoFile) and clip.has_sound else None
        with Sound(source, output, container, plan) as sound:
            durations = dict(zip(map(int, plan.times), map(int, plan.ends - plan.times), strict=True))

            def send(packets: Sequence[Any]) -> None:
                for packet in packets:
                    # The encoder knows when a frame begins, and not how long the last one is shown.
                    packet.duration = durations.get(packet.pts, packet.duration)
                    sound.send_until(packet.pts * plan.time_base)
                    output.mux(packet)

            for count, (file, time) in enumerate(zip(frames, plan.times, strict=True), start=1):
                send(stream.encode(_encodable(file, int(time), plan, clip, stream.pix_fmt)))
                on_frame(count)
            send(stream.encode(None))
            sound.send_until(None)
            return sound.notices


def _video_stream(output: Any, codec: str, first: Path, plan: Plan, clip: Clip, encoding: Encoding) -> Any:
    rate = Fraction(len(plan)) / plan.duration
    if plan.is_whole and clip.rate and abs(clip.rate / rate - 1) < 1e-3:
        rate = clip.rate  # 30000/1001, which is not found by counting
    stream = output.add_stream(codec, rate=rate.limit_denominator(1_000_000))
    picture = read_picture(first)
    is_odd = codec == "libx264" and (picture.width % 2 or picture.height % 2)
    stream.width, stream.height = picture.width, picture.height
    stream.pix_fmt = "yuv444p" if is_odd else "yuv420p"
    crf = _USUAL_CRF[codec] if encoding.crf is None else encoding.crf
    options = {"crf": str(crf)}
    if codec == "libx264":
        # With its macroblock tree, x264 makes another file of the same frames from time to time (AVX-512, core 165).
        options |= {"rc-lookahead": str(_QUEUED), "mbtree": "0"}
        if np.unique(plan.ends - plan.times).size > 1:
            # The duration of a file is that of its last packet, which with B-frames is not the last frame.
            options["bf"] = "0"
    else:
        options |= {"b:v": "0", "row-mt": "1", "cpu-used": "4", "lag-in-frames": "16"}
    context = stream.codec_context
    context.options = options
    context.time_base = stream.time_base = plan.time_base
    colors = clip.colors
    context.colorspace, context.color_primaries = colors.matrix, colors.primaries
    context.color_trc, context.color_range = colors.transfer, colors.range
    return stream


def _encodable(file: Path, time: int, plan: Plan, clip: Clip, pixel_format: str) -> Any:
    pixels = pyvips.Image.new_from_file(str(file), access="sequential").numpy()
    frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels[..., :3]), format="rgb24")
    converted = frame.reformat(
        format=pixel_format,
        dst_colorspace=clip.colors.matrix,
        dst_color_range=clip.colors.range,
    )
    converted.color_primaries, converted.color_trc = clip.colors.primaries, clip.colors.transfer
    converted.pts, converted.time_base = time, plan.time_base
    return converted


# -- animations and sequences ------------------------------------------------------------------------------------------


def _write_animation(suffix: str, temporary: Path, frames: Sequence[Path], plan: Plan, loops: int) -> None:
    # The moments are rounded, not the durations, so that errors do not add up.
    ticks = _TICKS[suffix]
    moments = [round(int(time) * plan.time_base * 1000 / ticks) for time in (*plan.times, plan.ends[-1])]
    delays = [ticks * max(1, after - before) for before, after in pairwise(moments)]
    pictures = [pyvips.Image.new_from_file(str(file), access="sequential") for file in frames]
    film = pyvips.Image.arrayjoin(pictures, across=1).copy()
    film.set_type(pyvips.GValue.gint_type, "page-height", pictures[0].height)
    film.set_type(pyvips.GValue.array_int_type, "delay", delays)
    film.set_type(pyvips.GValue.gint_type, "loop", loops)
    # By way of memory, which holds the compressed film: libvips does not say when a disk is full.
    temporary.write_bytes(
        film.gifsave_buffer(keep_duplicate_frames=True) if suffix == ".gif" else film.webpsave_buffer(Q=_WEBP_QUALITY)
    )


def _write_sequence(
    pattern: Path, frames: Sequence[Path], plan: Plan, encoding: Encoding, on_frame: Callable[[int], None]
) -> None:
    suffix = pattern.suffix.lower()
    try:
        pattern.parent.mkdir(parents=True, exist_ok=True)
        for count, (file, number) in enumerate(zip(frames, plan.numbers, strict=True), start=1):
            # A painted frame is a PNG with its record inside.
            data = file.read_bytes() if suffix == ".png" else _encoded(file, suffix, int(number), encoding)
            atomic_write(numbered_path(pattern, int(number)), data)
            on_frame(count)
    except OSError as error:
        raise _write_error(pattern, error) from None


def _encoded(file: Path, suffix: str, number: int, encoding: Encoding) -> bytes:
    record = None if encoding.record is None else encoding.record(number)
    return encode_picture(read_picture(file).pixels, suffix, metadata=record)

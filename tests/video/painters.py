"""Painters that are quick, and clips that are known: what films are tested with."""

import os
import signal
import time
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from impasto.errors import DiskError, RunError


class _State:
    def __init__(self, last, count):
        self._arrays = {"last": last, "count": np.array(count)}

    def to_arrays(self):
        return self._arrays


class Fading:
    """Inverts each frame and mixes it with the one before, so that every frame depends on all earlier ones."""

    def __init__(self, state):
        self.last = state.get("last")
        self.count = int(state["count"]) if state else 0

    @property
    def state(self):
        return _State(self.last, self.count)

    def paint(self, frame):
        inverted = 1 - frame
        last = inverted if self.last is None else (0.3 * inverted + 0.7 * self.last).astype(np.float32)
        self.take(frame, last)
        return last

    def take(self, frame, painted):
        self.last, self.count = np.ascontiguousarray(painted), self.count + 1


class Same(Fading):
    def paint(self, frame):
        self.take(frame, frame)
        return frame


class Slow(Fading):
    def paint(self, frame):
        time.sleep(0.02)
        return super().paint(frame)


class Mortal(Fading):
    """Kills its process before the ninth frame of a scene that it has begun itself."""

    def __init__(self, state):
        super().__init__(state)
        self.is_new = not state

    def paint(self, frame):
        if self.is_new and self.count == 8:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().paint(frame)


class Failing(Fading):
    """Fails with the third frame of every scene."""

    def paint(self, frame):
        if self.count == 2:
            raise RunError("the loss has no finite value")
        return super().paint(frame)


class Full(Fading):
    def paint(self, frame):
        if self.count == 2:
            raise DiskError("cannot write: No space left on device")
        return super().paint(frame)


def fading(session, recipe, styles, state, **options):
    return Fading(state)


def same(session, recipe, styles, state):
    return Same(state)


def slow(session, recipe, styles, state):
    return Slow(state)


def mortal(session, recipe, styles, state):
    return Mortal(state)


def failing(session, recipe, styles, state):
    return Failing(state)


def full(session, recipe, styles, state):
    return Full(state)


# -- clips -------------------------------------------------------------------------------------------------------------


def moving(count: int, width: int = 64, height: int = 48, cuts=(), seed: int = 0) -> list[np.ndarray]:
    """Return frames of uint8 in which a smooth pattern moves; at each cut another pattern begins."""
    frames = []
    for number in range(count):
        scene = sum(number >= cut for cut in cuts)
        rng = np.random.default_rng((seed, scene))
        y, x = np.mgrid[:height, :width]
        waves = [
            np.sin((x + 2 * number) * rng.uniform(0.05, 0.3) + y * rng.uniform(-0.3, 0.3) + rng.uniform(0, 6))
            for _ in range(3)
        ]
        base = rng.uniform(60, 190, 3)
        frames.append((base + 55 * np.stack(waves, axis=2)).clip(0, 255).astype(np.uint8))
    return frames


def write_clip(
    path: Path | str,
    frames,
    *,
    rate: Fraction | int = 25,
    times=None,
    time_base: Fraction | None = None,
    codec: str = "libx264",
    pixels: str = "yuv420p",
    options=None,
    rotation: float = 0,
    flip: bool = False,
    aspect: Fraction | None = None,
    colors: tuple[int, int, int, int] | None = None,
    sound: str = "",
    layout: str = "mono",
    sample_rate: int = 48_000,
    gop: int = 12,
    given: str = "rgb24",
) -> Path:
    """Write frames as a video with PyAV; `times` are those of the frames in units of `time_base`."""
    rate = Fraction(rate)
    base = time_base or 1 / rate
    height, width = frames[0].shape[:2]
    with av.open(str(path), "w") as output:
        stream = output.add_stream(codec, rate=rate, options=options or {})
        stream.width, stream.height, stream.pix_fmt = width, height, pixels
        context = stream.codec_context
        context.time_base, context.gop_size = base, gop
        if aspect:
            context.sample_aspect_ratio = aspect
        if colors:
            context.colorspace, context.color_primaries, context.color_trc, context.color_range = colors
        if rotation or flip:
            stream.set_display_rotation(rotation, hflip=flip)
        heard = output.add_stream(sound, rate=sample_rate, layout=layout) if sound else None
        last = times[-1] + (times[-1] - times[-2]) if times else len(frames)
        for number, array in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(array), format=given)
            if frame.format.name != pixels:
                frame = frame.reformat(
                    format=pixels,
                    dst_colorspace=colors[0] if colors else None,
                    dst_color_range=colors[3] if colors else None,
                )
            frame.pts, frame.time_base = (times[number] if times else number), base
            output.mux(stream.encode(frame))
        for packet in stream.encode(None):
            if times and packet.pts == times[-1]:
                packet.duration = last - times[-1]
            output.mux(packet)
        if heard is not None:
            _write_sound(output, heard, float(last * base), layout)
    return Path(path)


def _write_sound(output, stream, seconds: float, layout: str) -> None:
    moments = np.arange(round(stream.rate * seconds)) / stream.rate
    wave = (0.3 * np.sin(2 * np.pi * 440 * moments)).astype(np.float32)[None]
    frame = av.AudioFrame.from_ndarray(np.repeat(wave, 2 if layout == "stereo" else 1, axis=0), "fltp", layout)
    frame.sample_rate, frame.pts = stream.rate, 0
    resampler = av.AudioResampler(stream.format.name, layout, stream.rate)
    for part in resampler.resample(frame):
        output.mux(stream.encode(part))
    output.mux(stream.encode(None))

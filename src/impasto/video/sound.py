"""The sound of a clip in a film of it: copied as it is, or converted where the container cannot hold it."""

from collections.abc import Iterator
from contextlib import ExitStack
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any, Final

from impasto.errors import reason_of
from impasto.video.ffmpeg import ERRORS, av, opened
from impasto.video.plan import Plan

_CONVERTED: Final = {"webm": "libopus"}
_LAYOUTS: Final = {1: "mono", 2: "stereo", 6: "5.1", 8: "7.1"}
"""Layouts that both encoders know, by the number of channels, as uncompressed sound need not name its own."""
_USUAL_RATE: Final = 48_000
"""Samples a second if the encoder does not know the clip's."""


class Sound:
    """Sends the sound of a clip to a film, as far as the pictures have come, so that no sound waits in memory.

    Args:
        source: The clip; None: there is no sound.
        output: The film.
        container: Its format, as FFmpeg calls it.
        plan: Times of the film.

    Attributes:
        notices: What was converted or left out, each in one line.
    """

    def __init__(self, source: Path | None, output: Any, container: str, plan: Plan) -> None:
        self.notices: list[str] = []
        self._output = output
        self._origin = plan.origin
        self._start = self._origin if plan.positions[0] else None
        self._end = None if plan.is_whole else self._origin + plan.duration
        self._opened = ExitStack()
        self._tracks: dict[int, tuple[Any, bool]] = {}
        self._packets: Iterator[Any] = iter(())
        self._next: Any = None
        if source is not None:
            clip = self._opened.enter_context(opened(source))
            for stream in clip.streams.audio:
                self._add(stream, container, str(source))
            if self._tracks:
                self._packets = self._demuxed(clip)
                self._next = next(self._packets, None)

    def __enter__(self) -> "Sound":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._opened.close()

    def send_until(self, seconds: Fraction | None) -> None:
        """Send what is heard before a time of the film; None: all that is left."""
        while self._next is not None:
            packet = self._next
            if seconds is not None and packet.pts * packet.time_base - self._origin > seconds:
                return
            self._send(packet)
            self._next = next(self._packets, None)
        if seconds is None:
            for out, is_copied in self._tracks.values():
                if not is_copied:
                    self._output.mux(out.encode(None))
            self._tracks = {}

    def _add(self, stream: Any, container: str, name: str) -> None:
        codec = stream.codec_context.codec.canonical_name if stream.codec_context is not None else ""
        if not codec:
            self.notices.append(f"the sound of {name} has a codec that FFmpeg does not know: it is left out")
        elif codec in _codecs_of(self._output, container):
            self._tracks[stream.index] = self._output.add_stream_from_template(stream), True
        else:
            wanted = _CONVERTED.get(container, "aac")
            rates = av.Codec(wanted, "w").audio_rates or []
            rate = stream.rate if stream.rate in rates else _USUAL_RATE
            layout = _LAYOUTS.get(stream.layout.nb_channels, "stereo")
            out = self._output.add_stream(wanted, rate=rate, layout=layout)
            self._tracks[stream.index] = out, False
            self.notices.append(
                f"the sound of {name} ({codec}) was converted to {wanted.removeprefix('lib')}, which the film can hold"
            )

    def _demuxed(self, clip: Any) -> Iterator[Any]:
        packets = clip.demux([stream for stream in clip.streams.audio if stream.index in self._tracks])
        while True:
            try:
                packet = next(packets, None)
            except ERRORS as error:
                self.notices.append(f"the sound ends where the clip is damaged ({reason_of(error)})")
                return
            if packet is None:
                return
            if packet.size and packet.pts is not None and self._is_heard(packet):
                yield packet

    def _is_heard(self, packet: Any) -> bool:
        begins = packet.pts * packet.time_base
        return (self._start is None or begins >= self._start) and (self._end is None or begins < self._end)

    def _send(self, packet: Any) -> None:
        out, is_copied = self._tracks[packet.stream.index]
        shift = round(self._origin / packet.time_base)
        if is_copied:
            packet.pts -= shift
            packet.dts = packet.pts if packet.dts is None else packet.dts - shift
            packet.stream = out
            self._output.mux(packet)
            return
        try:
            frames = packet.stream.decode(packet)
        except ERRORS:
            return  # a damaged packet is silence
        for frame in frames:
            if frame.pts is not None:
                frame.pts -= round(self._origin / frame.time_base)
            self._output.mux(out.encode(frame))


def _codecs_of(output: Any, container: str) -> set[str]:
    """Return the codecs of sound that a container can hold, and players expect there."""
    if container in ("mp4", "mov"):
        # FFmpeg knows more, of which players know hardly any.
        usual = {"aac", "mp3", "ac3", "eac3", "alac", "opus", "flac"}
        return usual | ({"pcm_s16le", "pcm_s24le", "pcm_s16be"} if container == "mov" else set())
    if container == "webm":
        return {"opus", "vorbis"}
    return set(output.supported_codecs)

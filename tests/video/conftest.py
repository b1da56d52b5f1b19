"""A folder with a clip of two scenes and a style; a film that a quick painter paints."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import PIL.Image
import pytest
from tests.conftest import waves
from tests.video.painters import fading, moving, write_clip

from impasto.batch import in_process
from impasto.images import quantize
from impasto.recipe import Recipe
from impasto.video import Film, Selection, open_clip  # noqa: F401

RECIPE = Recipe(size="photo", device="cpu", precision="fp32")
CUT = 12


@pytest.fixture(scope="session")
def clip_file(tmp_path_factory) -> Path:
    """24 frames in two scenes with sound: 64 x 48, 25 a second."""
    return write_clip(tmp_path_factory.mktemp("clip") / "clip.mp4", moving(24, cuts=[CUT]), sound="aac")


@pytest.fixture(autouse=True)
def no_waiting_for_the_disk(monkeypatch) -> None:
    """Do not wait until small frames are on the disk, which takes most of the time of these tests."""
    monkeypatch.setattr("os.fsync", lambda _: None)


@pytest.fixture
def folder(tmp_path, monkeypatch, clip_file) -> Path:
    """The current folder: clip.mp4 and style.png."""
    (tmp_path / "clip.mp4").write_bytes(clip_file.read_bytes())
    PIL.Image.fromarray(quantize(waves(72, 72, seed=5))).save(tmp_path / "style.png")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def begin(clip="clip.mp4", output="film.mp4", run="film", painter=fading, fps=None, recipe=RECIPE, **more) -> Film:
    opened = open_clip(Path(clip), fps)
    return Film.begin(opened, ["style.png"], recipe, output=Path(output), folder=Path(run), painter=painter, **more)


def paint(*words, engine=in_process, **options) -> Film:
    """Paint a film and write it."""
    film = begin(*words, **options)
    film.paint(engine)
    film.notices += film.write()
    film.folder.close()
    return film


def frames_of(run="film") -> dict[str, np.ndarray]:
    return {path.name: np.asarray(PIL.Image.open(path)) for path in sorted(Path(run, "frames").glob("*.png"))}


def facts(path) -> dict:
    """Return what a video says about itself, and what is in it, as FFmpeg reads it."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        frames = list(container.decode(stream))
        sounds = [
            (sound.codec_context.codec.canonical_name, sound.layout.nb_channels) for sound in container.streams.audio
        ]
        return {
            "codec": stream.codec_context.name,
            "size": (stream.width, stream.height),
            "aspect": stream.sample_aspect_ratio or Fraction(1),
            "count": len(frames),
            "rate": stream.average_rate,
            "times": [float(frame.pts * frame.time_base) for frame in frames],
            "duration": float(Fraction(container.duration or 0, 1_000_000)),
            "rotation": frames[0].rotation,
            "format": stream.pix_fmt,
            "colors": (frames[0].colorspace, frames[0].color_primaries, frames[0].color_trc, frames[0].color_range),
            "sounds": sounds,
        }


def decoded(path) -> np.ndarray:
    with av.open(str(path)) as container:
        return np.stack([frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)])

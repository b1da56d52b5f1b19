"""Films are written as their clips are: duration, frames, rate, times, sound, colors; completely or not at all."""

import json
import resource
import shutil
import subprocess
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import PIL.Image
import pytest
from tests.video.conftest import CUT, RECIPE, begin, decoded, facts, frames_of, paint
from tests.video.painters import moving, same, write_clip

from impasto.batch import in_process
from impasto.errors import DiskError, InputError
from impasto.images import read_metadata
from impasto.video import Selection


def animation(path, frames, durations, **options) -> Path:
    pictures = [PIL.Image.fromarray(frame) for frame in frames]
    pictures[0].save(path, save_all=True, append_images=pictures[1:], duration=durations, loop=0, **options)
    return Path(path)


ODD_CLIPS = {
    "24 a second": lambda: write_clip("in.mp4", moving(12), rate=24, sound="aac"),
    "25 in stereo": lambda: write_clip("in.mov", moving(12), rate=25, sound="aac", layout="stereo"),
    "30000/1001 in Matroska": lambda: write_clip("in.mkv", moving(12), rate=Fraction(30000, 1001), sound="aac"),
    "60 a second": lambda: write_clip("in.mp4", moving(15), rate=60, sound="mp3"),
    "a variable rate": lambda: write_clip(
        "in.mp4", moving(7), times=[0, 3, 4, 9, 20, 21, 40], time_base=Fraction(1, 60), sound="aac", options={"bf": "0"}
    ),
    "turned by a phone": lambda: write_clip("in.mp4", moving(12), rate=30, rotation=90, sound="aac"),
    "an odd size": lambda: write_clip("in.mp4", moving(12, 65, 49), pixels="yuv444p"),
    "wide pixels": lambda: write_clip("in.mp4", moving(6), rate=30, aspect=Fraction(3, 2), sound="aac"),
    "no sound": lambda: write_clip("in.mkv", moving(5), rate=Fraction(24000, 1001)),
    "GIF": lambda: animation("in.gif", moving(6), [40, 40, 80, 40, 200, 100]),
    "WebP": lambda: animation("in.webp", moving(6), [33, 33, 34, 33, 33, 34], lossless=True),
}
"""Clips as people have them, by what is odd about them."""


def as_shown(path: Path) -> dict:
    """Return what matters of a clip: how it is shown and heard."""
    if path.suffix not in (".gif", ".webp"):
        found = facts(path)
        width, height = found["size"]
        upright = (height, width) if found["rotation"] % 180 else (width, height)
        starts = [time - found["times"][0] for time in found["times"]]
        shown = (round(upright[0] * found["aspect"]), upright[1])
        return {"size": shown, "starts": starts, "sounds": found["sounds"], "duration": found["duration"]}
    with PIL.Image.open(path) as image:
        durations = []
        for number in range(image.n_frames):
            image.seek(number)
            image.load()
            durations.append(image.info["duration"] / 1000)
        starts = [sum(durations[:number]) for number in range(len(durations))]
        return {"size": image.size, "starts": starts, "sounds": [], "duration": sum(durations)}


@pytest.mark.parametrize("kind", ODD_CLIPS)
def test_a_film_is_shown_and_heard_as_its_clip_is(folder, kind):
    path = ODD_CLIPS[kind]()
    clip = as_shown(path)
    paint(path, "film.mp4", painter=same)
    film = as_shown(Path("film.mp4"))
    assert film["size"] == clip["size"]
    assert film["starts"] == pytest.approx(clip["starts"], abs=0.0011)  # Matroska has milliseconds
    assert film["sounds"] == clip["sounds"]
    assert film["duration"] == pytest.approx(clip["duration"], abs=0.03)  # a frame of sound has 21 ms
    assert facts("film.mp4")["rotation"] == 0


@pytest.mark.parametrize("kind", ["30000/1001 in Matroska", "no sound"])
def test_the_rate_is_that_of_the_clip(folder, kind):
    path = ODD_CLIPS[kind]()
    paint(path, "film.mp4", painter=same)
    assert facts("film.mp4")["rate"] == facts(path)["rate"]


def ffprobe(path: Path) -> dict:
    count = ["-count_frames", "-count_packets"]
    command = ["ffprobe", "-v", "error", *count, "-show_streams", "-show_format", "-of", "json", str(path)]
    found = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
    video = next(stream for stream in found["streams"] if stream["codec_type"] == "video")
    sounds = [stream for stream in found["streams"] if stream["codec_type"] == "audio"]
    turned = [side.get("rotation", 0) for side in video.get("side_data_list", [])]
    aspect = Fraction(video.get("sample_aspect_ratio", "1:1").replace(":", "/"))
    size = (round(video["width"] * aspect), video["height"])
    return {
        "size": size[::-1] if any(turn % 180 for turn in turned) else size,
        "count": int(video["nb_read_frames"]),
        "rate": float(Fraction(video["avg_frame_rate"])),
        "duration": float(found["format"]["duration"]),
        "rotation": any(turned),
        "aspect": aspect,
        # In packets, as what a track says of its duration depends on the container.
        "sounds": [(s["codec_name"], s["channels"], s["sample_rate"], s["nb_read_packets"]) for s in sounds],
    }


@pytest.mark.long
@pytest.mark.parametrize("kind", ODD_CLIPS)
def test_ffprobe_says_of_a_film_what_it_says_of_its_clip(folder, kind):
    """Needs Debian's package ffmpeg, another build of FFmpeg than PyAV's."""
    assert shutil.which("ffprobe"), "apt-get install ffmpeg"
    path = ODD_CLIPS[kind]()
    paint(path, "film.mp4", painter=same)
    film = ffprobe(Path("film.mp4"))
    if kind == "WebP":  # which ffprobe does not read if it is animated
        shown = as_shown(path)
        clip = {"size": shown["size"], "count": len(shown["starts"]), "duration": shown["duration"], "sounds": []}
    else:
        clip = ffprobe(path)
    assert (film["rotation"], film["aspect"]) == (False, 1)
    assert film["duration"] == pytest.approx(clip["duration"], abs=0.03)
    # Of a GIF, ffprobe guesses the rate.
    rate = clip["count"] / clip["duration"] if path.suffix in (".gif", ".webp") else clip["rate"]
    assert film["rate"] == pytest.approx(rate, rel=0.02)
    assert {name: film[name] for name in ("size", "count", "sounds")} == {
        name: clip[name] for name in ("size", "count", "sounds")
    }


# -- sound -------------------------------------------------------------------------------------------------------------


def packets(path) -> list[tuple[float, bytes]]:
    """Return the packets of sound, with their times from the first picture on."""
    with av.open(str(path)) as container:
        found = [p for p in container.demux() if p.size]
        begins = min(p.pts * p.time_base for p in found if p.stream.type == "video")
        return [(float(p.pts * p.time_base - begins), bytes(p)) for p in found if p.stream.type == "audio"]


@pytest.mark.parametrize("film", ["film.mp4", "film.mkv"])
def test_sound_is_copied_as_it_is(folder, film):
    paint("clip.mp4", film, painter=same)
    before, after = packets("clip.mp4"), packets(film)
    assert [data for _, data in after] == [data for _, data in before]
    assert [time for time, _ in after] == pytest.approx([time for time, _ in before], abs=0.001)


def test_sound_that_the_container_cannot_hold_is_converted_and_a_line_says_so(folder):
    film = paint("clip.mp4", "film.webm", painter=same)
    assert facts("film.webm")["sounds"] == [("opus", 1)]
    assert film.notices == ["the sound of clip.mp4 (aac) was converted to opus, which the film can hold"]
    with av.open("film.webm") as container:
        heard = np.concatenate([frame.to_ndarray()[0] for frame in container.decode(audio=0)])
    spectrum = np.abs(np.fft.rfft(heard[9_600:38_400]))
    assert spectrum.argmax() * 48_000 / 28_800 == pytest.approx(440, abs=2)


@pytest.mark.parametrize("film", ["film.mp4", "film.webm"])
@pytest.mark.parametrize(("suffix", "layout", "rate"), [("avi", "stereo", 48_000), ("mkv", "mono", 37_800)])
def test_uncompressed_sound_is_converted_whose_layout_and_rate_the_encoder_does_not_know(
    folder, film, suffix, layout, rate
):
    write_clip(f"in.{suffix}", moving(25), sound="pcm_s16le", layout=layout, sample_rate=rate)
    with av.open(f"in.{suffix}") as container:
        assert container.streams.audio[0].layout.name.endswith(" channels")  # FFmpeg's name of a layout without one
    paint(f"in.{suffix}", film, painter=same)
    with av.open(film) as container:
        (stream,) = container.streams.audio
        assert (stream.layout.name, stream.rate) == (layout, 48_000)
        heard = np.concatenate([frame.to_ndarray()[0] for frame in container.decode(stream)])
    spectrum = np.abs(np.fft.rfft(heard[9_600:38_400]))
    assert spectrum.argmax() * 48_000 / 28_800 == pytest.approx(440, abs=2)


def test_of_a_range_the_sound_is_heard_with_its_pictures(folder):
    paint("clip.mp4", "film.mp4", painter=same, selection=Selection(Fraction(8, 25), Fraction(16, 25)))
    whole, part = dict(map(reversed, packets("clip.mp4"))), packets("film.mp4")
    assert {round(whole[data] - time, 2) for time, data in part} == {0.32}
    assert part[-1][0] + 0.0214 == pytest.approx(8 / 25, abs=0.0215)


def test_pictures_have_no_sound_and_a_line_says_so(folder):
    assert paint("clip.mp4", "film.gif").notices == ["film.gif has no sound: only a video does"]


# -- pictures ----------------------------------------------------------------------------------------------------------


def test_the_painted_frames_are_what_the_film_shows(folder):
    paint("clip.mp4", "film.mp4", crf=1)
    painted = np.stack(list(frames_of().values())).astype(float)
    assert painted.shape == (24, 48, 64, 3)
    assert np.abs(decoded("film.mp4") - painted).mean() < 3


@pytest.mark.parametrize("colors", [(1, 1, 1, 1), (1, 1, 1, 2), (6, 6, 6, 1), (9, 9, 14, 1)])
def test_the_colors_are_stored_as_in_the_clip(folder, colors):
    write_clip("in.mp4", moving(3), colors=colors)
    paint("in.mp4", "film.mp4", painter=same, crf=1)
    assert facts("film.mp4")["colors"] == facts("in.mp4")["colors"] == colors
    difference = decoded("film.mp4").astype(float) - decoded("in.mp4")
    assert np.abs(difference.mean(axis=(0, 1, 2))).max() < 1
    assert np.abs(difference).mean() < 3  # colors have half the resolution


def test_a_clip_of_an_odd_size_keeps_it_and_a_line_says_how(folder):
    write_clip("in.mkv", moving(3, 65, 49), pixels="yuv444p")
    film = paint("in.mkv", "film.mp4", painter=same)
    assert film.notices == ["65 x 49 px is an odd size: film.mp4 is H.264 in 4:4:4, which some players do not show"]
    assert (facts("film.mp4")["size"], facts("film.mp4")["format"]) == ((65, 49), "yuv444p")


def test_a_size_that_was_chosen_becomes_even(folder):
    write_clip("in.mp4", moving(3, 64, 46))
    assert paint("in.mp4", "film.mp4", recipe=RECIPE.with_changes(size=33)).notices == []
    assert (facts("film.mp4")["size"], facts("film.mp4")["format"]) == ((34, 24), "yuv420p")


@pytest.mark.parametrize("suffix", [".gif", ".webp"])
def test_an_animation_shows_the_frames_as_long_as_the_clip_does(folder, suffix):
    write_clip("in.mp4", moving(9), rate=30)
    paint("in.mp4", f"film{suffix}", painter=same)
    shown = as_shown(Path(f"film{suffix}"))
    assert shown["duration"] == pytest.approx(0.3, abs=0.006)
    assert shown["starts"] == pytest.approx([number / 30 for number in range(9)], abs=0.006)
    with PIL.Image.open(f"film{suffix}") as image:
        image.seek(5)
        assert np.abs(np.asarray(image.convert("RGB"), float) - moving(9)[5]).mean() < 6


def test_a_gif_has_every_frame_even_if_it_is_the_one_before(folder):
    write_clip("in.mp4", moving(1) * 5)
    paint("in.mp4", "film.gif", painter=same)
    with PIL.Image.open("film.gif") as image:
        assert image.n_frames == 5


def test_a_sequence_has_the_numbers_of_the_frames_and_the_recipe_in_each(folder):
    paint("clip.mp4", "painted/%04d.png", selection=Selection(Fraction(3, 25), Fraction(7, 25), 2))
    assert sorted(path.name for path in Path("painted").iterdir()) == ["0004.png", "0006.png"]
    record = read_metadata(Path("painted/0006.png"))
    assert (record["program"], record["frame"], record["recipe"]["picture"]["size"]) == ("impasto", 6, 64)
    assert np.array_equal(PIL.Image.open("painted/0006.png"), frames_of()["000006.png"])


@pytest.mark.parametrize("suffix", [".jpg", ".tif", ".webp"])
def test_a_sequence_in_another_format_says_of_each_picture_which_frame_it_is(folder, suffix):
    paint("clip.mp4", f"painted/%d{suffix}", selection=Selection(Fraction(3, 25), Fraction(6, 25)))
    assert [read_metadata(Path(f"painted/{number}{suffix}"))["frame"] for number in (4, 5, 6)] == [4, 5, 6]


def test_a_video_may_have_the_sign_of_a_number_in_its_name(folder):
    Path("clip.mp4").rename("100%d.mp4")
    paint("100%d.mp4", "50%d.mp4")
    assert facts("50%d.mp4")["count"] == 24


# -- completely or not at all ------------------------------------------------------------------------------------------


def test_a_film_replaces_an_older_one_only_as_a_whole(folder, monkeypatch):
    Path("film.mp4").write_bytes(b"older")
    monkeypatch.setattr("impasto.video.writer._encodable", lambda *_: (_ for _ in ()).throw(OSError(28, "No space")))
    with pytest.raises(DiskError, match=r"cannot write film\.mp4: No space; the painted frames are kept"):
        paint("clip.mp4", "film.mp4")
    assert Path("film.mp4").read_bytes() == b"older"
    assert not list(folder.glob(".impasto-*"))


@pytest.fixture
def small_files():
    """Return a block in which no file may be written above 20 kB, as on a full disk."""

    @contextmanager
    def limited():
        before = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, before[1]))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)

    return limited


@pytest.mark.parametrize("name", ["film.mp4", "film.mkv", "film.gif", "film.webp"])
def test_on_a_full_disk_there_is_one_line_and_no_film(folder, small_files, name):
    write_clip("large.mp4", [np.random.default_rng(n).integers(0, 256, (96, 128, 3), np.uint8) for n in range(8)])
    film = begin("large.mp4", name, painter=same)
    film.paint(in_process)
    with small_files(), pytest.raises(DiskError) as error:
        film.write()
    assert str(error.value).startswith(f"cannot write {name}: ")
    assert "\n" not in str(error.value)
    assert not Path(name).exists()
    assert not list(folder.glob(".impasto-*"))
    assert len(frames_of()) == 8


@pytest.mark.parametrize(
    ("film", "message"),
    [
        ("film.avi", "film.avi has the unknown extension .avi: films are written as .mp4, "),
        ("film", "film has no extension: films are written as .mp4, "),
        ("film.png", "film.png is the name of a single picture: "),
        ("no/film.mp4", "/no does not exist, create it first"),
        ("clip.mp4", "clip.mp4 is one of the files to paint from: choose another name with -o"),
        ("theirs/%02d.png", "theirs/01.png is in the way, and impasto did not paint it"),
    ],
)
def test_a_name_under_which_no_film_can_be_written_is_refused_before_anything_is_painted(folder, film, message):
    Path("theirs").mkdir()
    PIL.Image.new("RGB", (8, 8)).save("theirs/01.png")
    with pytest.raises(InputError) as error:
        paint("clip.mp4", film)
    assert message in str(error.value)
    assert not Path("film").exists()


@pytest.mark.parametrize(("film", "crf"), [("film.mp4", 52), ("film.webm", 64), ("film.mp4", -1), ("film.gif", 20)])
def test_a_quality_that_a_format_does_not_have_is_refused(folder, film, crf):
    with pytest.raises(InputError, match="--crf"):
        paint("clip.mp4", film, crf=crf)


def test_a_film_has_two_scenes(folder):
    assert list(paint("clip.mp4", "film.mp4").plan.scenes) == [0, CUT]

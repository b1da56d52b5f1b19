"""`impasto video` as it is called: films and previews, exit codes, messages, Ctrl-C, resuming, and what is refused."""

import json
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import av
import numpy as np
import PIL.Image
import pytest
from tests.video.painters import fading, moving, write_clip

from impasto.images import read_metadata

SMALL = ["--size", "48", "--steps", "2", "--levels", "1", "--device", "cpu", "--precision", "fp32"]


@pytest.fixture
def clip(folder) -> Path:
    """12 frames in two scenes, with sound: clip.mp4, 64 x 48."""
    return write_clip(folder / "clip.mp4", moving(12, cuts=[7]), sound="aac")


@pytest.fixture
def quick(monkeypatch, clip) -> None:
    """Paint frames by a formula, in this process."""
    monkeypatch.setattr("os.fsync", lambda _: None)
    monkeypatch.setattr("impasto.video.scene_worker.scene_painter", fading)


@pytest.fixture
def video(impasto, quick):
    """Call `impasto video clip.mp4 style.jpg` in this process, with frames that are painted by a formula."""

    def call(*words: object, content: str = "clip.mp4"):
        return impasto("video", content, "style.jpg", "--workers", "1", *words, *SMALL)

    return call


def count_frames(path) -> int:
    with av.open(str(path)) as container:
        return sum(1 for _ in container.decode(video=0))


def test_a_film_is_painted_and_its_path_printed(video, folder):
    done = video("-o", "film.mp4")
    assert (done.code, done.out) == (0, "film.mp4\n"), done.err
    assert re.fullmatch(r"impasto: painted 12 frames in 2 scenes in \d+ s, \d\.\d s each", done.errors[-1])
    assert count_frames("film.mp4") == 12
    assert not Path("film.mp4.film").exists()


def test_a_line_says_how_a_film_becomes_as_large_as_its_clip(impasto, quick, folder):
    write_clip("large.mp4", moving(2, 640, 480))
    done = impasto("video", "large.mp4", "style.jpg", "-o", "film.mp4", "--steps", "2", "--device", "cpu")
    said = "impasto: the clip is 640 x 480, the film 512 x 384: --size photo paints it in full size"
    assert said in done.errors


def test_without_o_the_film_is_named_after_clip_and_style_and_numbered(video):
    assert [video("--quiet").out for _ in range(2)] == ["clip_style.mp4\n", "clip_style-2.mp4\n"]


def test_json_describes_the_film(video):
    said = json.loads(video("-o", "film.gif", "--json", "--range", "0.1s-0.4s").out)
    assert (said["path"], said["frames"], said["painted"], said["scenes"]) == ("film.gif", 7, 7, 2)
    assert (said["size"], said["duration"]) == ([48, 36], 0.28)
    assert said["recipe"]["schedule"]["steps"] == 2


def test_every_nth_frame_as_numbered_pictures(video):
    assert video("-o", "painted/%03d.png", "--every", "5").out == "painted/%03d.png\n"
    assert sorted(path.name for path in Path("painted").iterdir()) == ["001.png", "006.png", "011.png"]


def test_numbered_pictures_are_a_clip(video):
    for number, frame in enumerate(moving(6), start=1):
        PIL.Image.fromarray(frame).save(f"{number:02d}.png")
    assert video("-o", "film.mkv", "--fps", "30000/1001", content="%02d.png").code == 0
    with av.open("film.mkv") as container:
        assert float(container.streams.video[0].average_rate) == pytest.approx(29.97, abs=0.01)


def test_a_long_scene_is_painted_in_parts_that_overlap(video):
    for number, frame in enumerate(moving(12), start=1):
        PIL.Image.fromarray(frame).save(f"{number:02d}.png")
    words = ["-o", "p/%d.png", "--run", "run", "--fps", "2", "--json", "--split"]
    said = json.loads(video(*words, "1s", content="%02d.png").out)
    assert [said[name] for name in ("frames", "painted", "scenes")] == [12, 16, 3]
    assert "16 of 16 frames are painted already" in video(*words, "0:01", content="%02d.png").err
    other = video(*words, "3", content="%02d.png")
    assert (other.code, "a file or setting of that one has changed" in other.err) == (2, True)


def test_a_run_keeps_the_frames_and_the_film_is_written_again_from_them(video, impasto):
    assert video("-o", "film.mp4", "--run", "frames").code == 0
    before = Path("film.mp4").read_bytes()
    Path("film.mp4").unlink()
    again = impasto("resume", "frames")
    assert (again.code, again.out.strip()) == (0, str(Path("film.mp4").resolve()))
    assert "12 of 12 frames are painted already" in again.err
    assert Path("film.mp4").read_bytes() == before
    assert Path("frames/frames/000012.png").exists()


def test_a_painted_frame_holds_the_recipe_and_can_be_repeated_as_a_picture(video, impasto):
    video("-o", "film.mp4", "--run", "frames")
    assert read_metadata(Path("frames/frames/000003.png"))["frame"] == 3
    assert impasto("photo.png", "style.jpg", "--from", "frames/frames/000003.png", "-o", "as.png").code == 0


def test_a_preview_is_the_picture_of_one_frame(impasto, clip):
    done = impasto("video", "clip.mp4", "style.jpg", "--preview", "0.2s", "-o", "film.mp4", *SMALL)
    assert (done.code, done.out) == (0, "film-000006.png\n")
    with PIL.Image.open("film-000006.png") as picture:
        assert picture.size == (48, 36)
    assert not Path("film.mp4").exists()
    assert impasto("video", "clip.mp4", "style.jpg", "--preview", "0.1", "-o", "%04d.png", *SMALL).out == "0003.png\n"


def test_keyframes_are_part_of_the_film(video):
    Path("keys").mkdir()
    PIL.Image.new("RGB", (48, 36), (0, 0, 200)).save("keys/3.png")
    assert video("-o", "film.mkv", "--keyframes", "keys", "--crf", "1").code == 0
    with av.open("film.mkv") as container:
        third = list(container.decode(video=0))[2].to_ndarray(format="rgb24")
    assert np.abs(third.mean(axis=(0, 1)) - (0, 0, 200)).max() < 4


def test_what_a_film_does_not_keep_of_a_clip_is_said_in_a_line(video, folder):
    write_clip("deep.mkv", moving(3), codec="ffv1", pixels="yuv420p10le", sound="aac")
    done = video("-o", "film.gif", content="deep.mkv")
    assert "impasto: deep.mkv has 10 bits a channel: the film has 8" in done.errors
    assert "impasto: film.gif has no sound: only a video does" in done.errors


def test_of_a_truncated_clip_what_decodes_is_painted_and_a_line_says_so(video, folder):
    write_clip("long.mov", moving(30, 160, 120), gop=5, options={"bf": "0"})
    data = Path("long.mov").read_bytes()
    start = data.index(b"mdat") + 4
    length = int.from_bytes(data[start - 8 : start - 4], "big") - 8
    Path("long.mov").write_bytes(data[: start + length // 2] + bytes(length - length // 2) + data[start + length :])
    done = video("-o", "film.mp4", content="long.mov")
    said = next(line for line in done.errors if "damaged" in line)
    assert re.fullmatch(r"impasto: long\.mov is damaged: \d\d? of its 30 frames can be read", said)
    assert (done.code, count_frames("film.mp4")) == (0, int(said.split()[4]))


@pytest.mark.long
def test_a_film_of_the_real_painter(impasto, folder):
    write_clip("short.mp4", moving(2))
    done = impasto("video", "short.mp4", "style.jpg", "-o", "film.mp4", *SMALL)
    assert (done.code, count_frames("film.mp4")) == (0, 2)


def wait_for_frames(process, folder: Path, count: int) -> None:
    deadline = time.monotonic() + 120
    while len(list((folder / "film.mp4.film/frames").glob("*.png"))) < count:
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_ctrl_c_ends_with_130_after_the_frame_and_says_how_to_go_on(start, folder):
    write_clip(folder / "long.mp4", moving(300))
    process = start("video", "long.mp4", "style.jpg", "-o", "film.mp4", "--workers", "1", *SMALL)
    wait_for_frames(process, folder, 1)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (130, b""), err
    assert b"stopping after this frame; press Ctrl-C again" in err
    assert re.search(rb"stopped after \d+ of 300 frames in \d+ s; `impasto resume film\.mp4\.film` continues\n$", err)
    assert b"Traceback" not in err
    assert not (folder / "film.mp4").exists()


@pytest.mark.long
def test_a_second_ctrl_c_gives_the_frame_in_work_up(start, folder, clip):
    endless = [*SMALL[:2], "--steps", "1000000", *SMALL[4:]]
    process = start("video", "clip.mp4", "style.jpg", "-o", "film.mp4", "--workers", "1", *endless, stderr=-2)
    deadline = time.monotonic() + 120
    while not (folder / "film.mp4.film/plan.safetensors").exists():
        assert time.monotonic() < deadline
        time.sleep(0.02)
    time.sleep(1)  # so that it paints: either is right before
    said = b""
    process.send_signal(signal.SIGINT)
    while b"press Ctrl-C again" not in said:
        said += process.stdout.readline()
    process.send_signal(signal.SIGINT)
    rest, _ = process.communicate(timeout=60)
    assert process.returncode == 130, said + rest
    assert b"stopped after 0 of 12 frames" in rest
    assert b"Traceback" not in rest


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["clip.mp4"], "video needs a style, as in `impasto video clip.mp4 night`; `impasto plates` lists"),
        (["nothing.mp4", "night"], "nothing.mp4 does not exist"),
        (["photo.png", "night"], "photo.png is a single picture: `impasto photo.png STYLE` paints it"),
        (["clip.mp4", "nihgt", "-o", "film.mp4"], "there is no file nihgt, and no built-in style of that name"),
        (["clip.mp4", "night", "-o", "film.avi"], "film.avi has the unknown extension .avi: films are written as"),
        (["clip.mp4", "night", "-o", "clip.mp4"], "clip.mp4 is one of the files to paint from"),
        (["clip.mp4", "night", "-o", "-"], "a film is read from files and written to one"),
        (["-", "night"], "a film is read from files and written to one"),
        (["clip.mp4", "night", "--range", "9s"], "--range is written 10s-20s, 10s- or -20s, not 9s"),
        (
            ["clip.mp4", "night", "--range", "9s-"],
            "--range begins at 9 s, and the last frame of clip.mp4 is shown at 0.44 s",
        ),
        (["clip.mp4", "night", "--range=-0s"], "--range ends at 0 s, which is not after 0 s"),
        (["clip.mp4", "night", "--preview", "1m"], "a time is written 12.5s or 1:02.5, not 1m"),
        (["clip.mp4", "night", "--preview", "9s"], "clip.mp4 ends after 0.48 s: there is no frame at 9 s"),
        (["clip.mp4", "night", "--every", "0"], "--every takes a whole number from 1, not 0"),
        (["clip.mp4", "night", "--split", "0"], "--split takes 1 second or more, not 0"),
        (["clip.mp4", "night", "--split", "0.9s"], "--split takes 1 second or more, not 0.9"),
        (["clip.mp4", "night", "--split", "soon"], "a time is written 12.5s or 1:02.5, not soon"),
        (["clip.mp4", "night", "--fps", "24"], "--fps is for pictures such as frames/%05d.png"),
        (["%d.png", "night", "--fps", "x"], "--fps takes frames per second such as 25 or 30000/1001, not x"),
        (["clip.mp4", "night", "--crf", "99"], "--crf takes a whole number from 0 to 51 for .mp4, not 99"),
        (["clip.mp4", "night", "--keyframes", "keys"], "--keyframes takes a folder of painted frames"),
        (["clip.mp4", "photo.png", "style.jpg"], "one film is painted at a time: to mix 2 styles, state how much"),
        (["clip.mp4", "night", "--snapshots", "10"], "a film has no snapshots"),
        (["clip.mp4", "night", "--size", "4"], "--size"),
    ],
)
def test_what_cannot_be_painted_is_refused_in_one_line(clip, refused, words, message):
    assert message in refused("video", *words)


def test_a_video_given_as_a_photo_is_sent_to_impasto_video(clip, refused):
    assert refused("clip.mp4", "night") == "impasto: clip.mp4 is a video: `impasto video` paints films\n"


def test_a_folder_of_a_film_takes_no_other_name(clip, refused, video):
    video("-o", "film.mp4", "--run", "frames")
    assert "a film is written where it was begun for" in refused("resume", "frames", "-o", "other.mp4")


def test_without_pyav_a_line_says_how_to_install_it(clip, start):
    # A module that is None cannot be imported.
    program = "import sys; sys.modules['av'] = None\nfrom impasto.cli import main\nsys.exit(main())"
    words = [sys.executable, "-c", program, "video", "clip.mp4", "night"]
    done = subprocess.run(words, capture_output=True, text=True, cwd=clip.parent)
    assert (done.returncode, done.stdout) == (2, "")
    assert re.fullmatch(r"impasto: films need av: .*(pip|uv).* install.*\n", done.stderr)

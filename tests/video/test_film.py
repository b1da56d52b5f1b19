"""Films are painted by any engine, go on where they were stopped or killed, and are always the same film."""

import os
import random
import shutil
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
from tests.video.conftest import CUT, RECIPE, begin, frames_of, paint
from tests.video.painters import fading, failing, full, mortal, moving, slow, write_clip

from impasto.batch import in_process, in_processes, on_ray
from impasto.errors import DiskError, InputError, RunError
from impasto.runs import is_locked
from impasto.video import Film, Selection, open_clip

PROGRAM = """
import sys
from tests.video import conftest, painters
conftest.paint(run=sys.argv[1], output=sys.argv[2], painter=painters.slow)
"""


def equal(first: dict[str, np.ndarray], second: dict[str, np.ndarray]) -> bool:
    return first.keys() == second.keys() and all(np.array_equal(first[name], second[name]) for name in first)


@pytest.fixture
def expected(folder) -> dict[str, np.ndarray]:
    """The frames of the film that is painted in one go."""
    paint(run="whole", output="whole.mp4")
    return frames_of("whole")


def test_every_frame_is_painted_from_the_one_before_and_scenes_begin_afresh(folder, expected):
    clip = open_clip(Path("clip.mp4"))
    last = None
    for number, frame in enumerate(clip.frames()):
        inverted = 1 - frame.convert(clip.size)
        last = inverted if number in (0, CUT) else 0.3 * inverted + 0.7 * last
        assert np.abs(expected[f"{number + 1:06d}.png"] - 255 * last).max() < 1


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.long) for seed in range(1, 8))])
def test_a_film_whose_process_is_killed_at_any_frame_goes_on_to_the_same_film(folder, expected, seed):
    when = random.Random(seed).randrange(1, 23)
    process = subprocess.Popen([sys.executable, "-c", PROGRAM, "film", "film.mp4"], env=environment())
    deadline = time.monotonic() + 120
    while len(list(Path("film/frames").glob("*.png"))) < when:
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.002)
    process.kill()
    process.wait()
    done = len(frames_of())
    assert when <= done < 24
    assert not Path("film.mp4").exists()
    before = {path.name: path.stat().st_mtime_ns for path in Path("film/frames").glob("*.png")}
    paint(painter=slow)
    assert equal(frames_of(), expected)
    assert Path("film.mp4").read_bytes() == Path("whole.mp4").read_bytes()
    after = {path.name: path.stat().st_mtime_ns for path in Path("film/frames").glob("*.png")}
    # At most the frame whose state had not been written is painted again.
    assert sum(after[name] != then for name, then in before.items()) <= 1


def environment() -> dict[str, str]:
    return os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}


def test_a_folder_alone_is_enough_to_go_on(folder, expected, monkeypatch):
    film = begin(painter=fading)
    stopped = stopping_after(film, 5)
    assert not stopped.is_painted
    other = folder / "elsewhere"
    other.mkdir()
    monkeypatch.chdir(other)
    resumed = Film.resume(folder / "film", painter=fading)
    resumed.paint(in_process)
    resumed.write()
    assert equal(frames_of(folder / "film"), expected)
    assert (folder / "film.mp4").read_bytes() == (folder / "whole.mp4").read_bytes()


def stopping_after(film: Film, count: int) -> Film:
    """Paint a film, and stop it after so many frames."""
    save = film.folder.save_frame

    def save_and_stop(worker, *frame):
        if film.folder.count_frames() == count - 1:
            film.stop()
        return save(*frame)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("impasto.video.folder.FilmFolder.save_frame", save_and_stop)
        film.paint(in_process)
    film.folder.close()
    return film


def test_a_film_that_is_stopped_ends_after_the_frame_and_goes_on(folder, expected):
    assert stopping_after(begin(), 5).folder.count_frames() == 5
    assert not Path("film/.impasto").exists()
    paint()
    assert equal(frames_of(), expected)


def test_a_film_that_is_stopped_before_it_is_painted_paints_nothing(folder, expected):
    film = begin()
    film.stop()
    film.paint(in_process)
    film.folder.close()
    assert film.folder.count_frames() == 0
    paint()
    assert equal(frames_of(), expected)


@pytest.mark.long
def test_two_processes_paint_the_scenes_to_the_same_film(folder, expected):
    paint(engine=partial(in_processes, count=2, threads=1))
    assert equal(frames_of(), expected)
    assert Path("film.mp4").read_bytes() == Path("whole.mp4").read_bytes()


@pytest.mark.long
def test_a_scene_whose_process_dies_goes_on_from_its_last_frame(folder, expected):
    paint(engine=partial(in_processes, count=1, threads=1), painter=mortal)
    assert equal(frames_of(), expected)


@pytest.mark.long
def test_actors_of_ray_paint_the_scenes_to_the_same_film(folder, expected, monkeypatch):
    import ray

    monkeypatch.setenv("PYTHONPATH", environment()["PYTHONPATH"])  # so that actors find the quick painter
    try:
        paint(engine=partial(on_ray, count=2))
    finally:
        ray.shutdown()
    assert equal(frames_of(), expected)


def test_a_scene_that_fails_does_not_stop_the_others_and_is_tried_again(folder, expected):
    film = begin(painter=failing)
    with pytest.raises(RunError) as error:
        film.paint(in_process)
    problem = "the loss has no finite value"
    said = f"the scene of frames 1 to 12: {problem}; the scene of frames 13 to 24: {problem}; "
    assert str(error.value) == f"{said}what is painted is kept, and the same command tries again"
    film.folder.close()
    assert sorted(frames_of()) == ["000001.png", "000002.png", "000013.png", "000014.png"]
    paint()
    assert equal(frames_of(), expected)


def test_a_full_disk_ends_the_film_which_goes_on_when_there_is_space(folder, expected):
    film = begin(painter=full)
    with pytest.raises(DiskError, match="the same command continues when there is space again"):
        film.paint(in_process)
    film.folder.close()
    paint()
    assert equal(frames_of(), expected)


def test_a_frame_that_was_removed_is_painted_again(folder, expected):
    paint()
    Path("film/frames/000017.png").unlink()
    paint()
    assert equal(frames_of(), expected)


def test_a_damaged_state_begins_the_scene_anew(folder, expected):
    stopping_after(begin(), 5)
    state = Path("film/scenes/00000.safetensors")
    state.write_bytes(state.read_bytes()[:100])
    paint()
    assert equal(frames_of(), expected)


# -- keyframes ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def keyframes(folder) -> Path:
    """Two frames that somebody has painted, as the numbers 5 and 20."""
    Path("keys").mkdir()
    PIL.Image.new("RGB", (64, 48), (200, 0, 0)).save("keys/00005.png")
    PIL.Image.new("RGB", (128, 96), (0, 200, 0)).save("keys/edited-20.jpg", quality=100)
    return Path("keys")


def test_keyframes_take_the_place_of_painted_frames_and_those_after_them_go_on_from_them(keyframes, expected):
    paint(keyframes=keyframes)
    frames = frames_of()
    assert (frames["000005.png"] == (200, 0, 0)).all()
    assert np.abs(frames["000020.png"].astype(float) - (0, 200, 0)).max() < 4
    clip = open_clip(Path("clip.mp4"))
    sixth = 1 - list(clip.frames())[5].convert(clip.size)
    assert np.abs(frames["000006.png"] - (0.3 * 255 * sixth + 0.7 * np.array([200, 0, 0]))).max() < 1
    untouched = [f"{number:06d}.png" for number in (*range(1, 5), *range(13, 20))]
    assert all(np.array_equal(frames[name], expected[name]) for name in untouched)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("00099.png", "is the picture of frame 99, and the film has no such frame of 1 to 24"),
        ("5.jpg", "are both frame 5: remove one"),
        ("mine.png", "is named after no frame"),
    ],
)
def test_keyframes_of_no_frame_are_refused_before_anything_is_painted(keyframes, name, message):
    PIL.Image.new("RGB", (8, 8)).save(keyframes / name)
    with pytest.raises(InputError, match=message):
        begin(keyframes=keyframes)
    assert not Path("film").exists()


@pytest.mark.parametrize("name", ["nothing", "empty"])
def test_without_keyframes_in_it_a_folder_is_refused(folder, name):
    Path("empty").mkdir()
    with pytest.raises(InputError, match="--keyframes takes"):
        begin(keyframes=Path(name))


# -- the folder --------------------------------------------------------------------------------------------------------


def test_a_folder_of_another_film_is_not_continued(folder):
    begin().folder.close()
    for other in ({"recipe": RECIPE.with_changes(seed=1)}, {"selection": Selection(every=2)}):
        with pytest.raises(InputError, match="film holds another film, or a file or setting of that one has changed"):
            begin(**other)
    write_clip("clip.mp4", moving(24, seed=1))
    with pytest.raises(InputError, match="a file or setting of that one has changed"):
        Film.resume(Path("film"))


@pytest.mark.parametrize("size", [{"size": 96, "upscale": True}, {"size": 47}])
def test_a_film_of_another_size_than_its_clip_goes_on(folder, size):
    begin(recipe=RECIPE.with_changes(**size)).folder.close()
    again = Film.resume(Path("film"), painter=fading)
    assert max(again.folder.header.size) in (size["size"], size["size"] + 1)
    again.folder.close()


@pytest.mark.parametrize("link", ["frames", "frames/000001.png"])
def test_a_folder_with_a_link_in_it_is_refused(folder, link):
    begin().folder.close()
    (folder / "elsewhere").mkdir()
    place = Path("film") / link
    place.parent.mkdir(exist_ok=True)
    place.symlink_to(folder / "elsewhere")
    with pytest.raises(InputError, match="is a link"):
        begin()


def test_a_keyframe_of_another_frame_is_another_film(folder):
    Path("keys").mkdir()
    PIL.Image.new("RGB", (8, 8)).save("keys/000002.png")
    begin(keyframes=Path("keys")).folder.close()
    Path("keys/000002.png").rename("keys/000005.png")
    with pytest.raises(InputError, match="has changed"):
        begin(keyframes=Path("keys"))


def test_another_name_or_quality_of_the_film_is_no_other_film(folder):
    paint(output="film.mp4")
    again = paint(output="other.mp4", crf=30)
    assert again.folder.header.output == str(folder / "other.mp4")
    assert Path("other.mp4").stat().st_size < Path("film.mp4").stat().st_size


def test_two_processes_do_not_paint_into_one_folder(folder):
    film = begin()
    assert is_locked(Path("film/run.lock"))
    with pytest.raises(InputError, match=r"another impasto .* is painting into film"):
        begin()
    film.folder.close()


def test_a_folder_from_elsewhere_does_not_choose_what_is_read_and_written(folder):
    stopping_after(begin(), 5)
    shutil.copytree("film", "copied")
    with pytest.raises(InputError, match="copied was made elsewhere, or moved: repeat the command that began it"):
        Film.resume(Path("copied"))
    paint(run="copied")  # which the command itself may
    assert len(frames_of("copied")) == 24


@pytest.mark.parametrize("content", [b"{", b"[]", b'{"program": "impasto"}', b"\xff" * 100])
def test_a_damaged_folder_is_refused(folder, content):
    begin().folder.close()
    Path("film/film.json").write_bytes(content)
    with pytest.raises(InputError, match=r"film/film\.json is damaged: "):
        Film.resume(Path("film"))


def test_a_folder_with_other_files_is_not_used(folder):
    Path("film").mkdir()
    Path("film/mine.txt").touch()
    with pytest.raises(InputError, match="film is in the way: name a folder with --run that is new or empty"):
        begin()


def test_the_folder_of_a_finished_film_can_be_removed_and_other_files_in_it_stay(folder):
    film = paint()
    Path("film/mine.txt").touch()
    film.folder.remove()
    assert [path.name for path in Path("film").iterdir()] == ["mine.txt"]


def test_what_cannot_be_painted_is_known_before_the_clip_is_read(folder):
    with pytest.raises(InputError, match="there is no file nihgt"):
        Film.begin(open_clip(Path("clip.mp4")), ["nihgt"], RECIPE, output=Path("film.mp4"), folder=Path("film"))
    with pytest.raises(InputError, match="a film has no snapshots"):
        begin(recipe=RECIPE.with_changes(snapshots=(10,)))
    assert not Path("film").exists()


def test_the_paths_of_a_mask_and_a_style_are_kept_for_other_folders(folder):
    PIL.Image.new("L", (64, 48), 255).crop((-32, 0, 32, 48)).save("mask.png")
    film = begin(recipe=RECIPE.with_changes(regions=("mask.png=style.png",)))
    (region,) = film.folder.header.parsed_recipe.regions
    assert (region.mask, region.style) == (str(folder / "mask.png"), str(folder / "style.png"))
    film.folder.close()


# -- long ones ---------------------------------------------------------------------------------------------------------

MEMORY = """
import resource
from fractions import Fraction
from tests.video import conftest, painters
peaks = []
for end in ("2", "20"):
    conftest.paint("long.mp4", "film.mp4", f"run-{end}", painters.same, selection=conftest.Selection(end=Fraction(end)))
    peaks.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
print(*peaks)
"""


@pytest.mark.long
def test_memory_does_not_grow_with_the_number_of_frames(folder):
    write_clip("long.mp4", moving(500, 320, 180), sound="aac")
    done = subprocess.run([sys.executable, "-c", MEMORY], capture_output=True, text=True, check=True, env=environment())
    short, long = map(int, done.stdout.split())
    # 450 more frames, of 173 kB each as 8-bit RGB, would take 78 MB.
    assert long - short < 12_000


@pytest.mark.long
def test_a_film_of_the_real_painter_goes_on_bit_for_bit(folder):
    recipe = RECIPE.with_changes(steps=6, levels=2, size=64)
    write_clip("short.mp4", moving(5, 96, 64))
    whole = Film.begin(open_clip(Path("short.mp4")), ["style.png"], recipe, output=Path("a.mp4"), folder=Path("a"))
    whole.paint(in_process)
    whole.folder.close()
    first = Film.begin(open_clip(Path("short.mp4")), ["style.png"], recipe, output=Path("b.mp4"), folder=Path("b"))
    stopping_after(first, 2)
    assert len(frames_of("b")) == 2
    second = Film.resume(Path("b"))
    second.paint(in_process)
    second.folder.close()
    assert equal(frames_of("a"), frames_of("b"))

"""Long scenes are divided into parts that overlap, and each part dissolves into the next one."""

from fractions import Fraction
from functools import partial
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
import safetensors.numpy
from tests.video.conftest import RECIPE, begin, decoded, frames_of, paint
from tests.video.painters import fading, mortal, moving, write_clip
from tests.video.test_film import equal, stopping_after

from impasto.batch import in_process, in_processes
from impasto.images import read_metadata
from impasto.video import Film, Plan, Selection, open_clip, plan_film
from impasto.video.folder import new_header

SPLIT = Selection(split=Fraction(1))
PARTS = [range(6), range(6, 13), range(9, 20), range(16, 28)]
"""What is painted of 28 frames, 8 a second, with a cut after six, in parts of a second that overlap for half of one."""
OVERLAPS = {9: 1 / 5, 10: 2 / 5, 11: 3 / 5, 12: 4 / 5, 16: 1 / 5, 17: 2 / 5, 18: 3 / 5, 19: 4 / 5}
"""Frames that two parts paint, counted from 0, and how much the later one counts."""


@pytest.fixture(scope="module")
def long_clip(tmp_path_factory) -> bytes:
    return write_clip(
        tmp_path_factory.mktemp("clip") / "clip.mp4", moving(28, cuts=[6]), rate=8, sound="aac"
    ).read_bytes()


@pytest.fixture
def place(folder, long_clip) -> Path:
    Path("clip.mp4").write_bytes(long_clip)
    return folder


@pytest.fixture
def expected(place) -> dict[str, np.ndarray]:
    """The frames of the film that is painted in one go."""
    paint(run="whole", output="whole.mp4", selection=SPLIT)
    return frames_of("whole")


def planned(**selection) -> list[range]:
    plan = plan_film(open_clip(Path("clip.mp4")), Selection(**selection))
    return [plan.scene(number) for number in range(len(plan.scenes))]


def test_only_long_scenes_are_divided_and_parts_overlap_for_half_a_second(place):
    assert planned(split=Fraction(1)) == PARTS
    assert planned(split=Fraction(2)) == [range(6), range(6, 17), range(13, 28)]
    assert planned() == planned(split=Fraction(9, 4)) == [range(6), range(6, 28)]  # 22 frames: a part and an overlap


def test_a_range_and_every_nth_frame_are_divided_by_the_rate_of_the_film(place):
    later = Fraction(6, 8)
    assert planned(start=later, end=Fraction(14, 8) + 1, split=Fraction(1)) == [range(8), range(4, 16)]
    # Four frames a second: an overlap has two, the least.
    assert planned(start=later, every=2, split=Fraction(1)) == [range(3), range(1, 7), range(5, 11)]
    assert planned(start=later, every=8, split=Fraction(1)) == [range(3)]


def test_each_part_begins_as_a_scene_does_and_goes_on_through_the_overlap(expected):
    frames = [1 - frame.convert((64, 48)) for frame in open_clip(Path("clip.mp4")).frames()]
    names = set()
    for part in PARTS:
        last = None
        for index in part:
            last = frames[index] if last is None else 0.3 * frames[index] + 0.7 * last
            name = f"{index + 1:06d}.png"
            name = name.replace(".", "-next.") if name in names else name
            names.add(name)
            assert np.abs(expected[name] - 255 * last).max() < 1
    assert names == set(expected)


def test_the_film_dissolves_from_part_to_part(expected):
    paint(run="whole", output="painted/%d.png", selection=SPLIT)
    for index in range(28):
        name, path = f"{index + 1:06d}", Path(f"painted/{index + 1}.png")
        before, share = expected[f"{name}.png"].astype(float), OVERLAPS.get(index, 0)
        after = expected[f"{name}-next.png"] if share else before
        assert np.abs(np.asarray(PIL.Image.open(path)) - ((1 - share) * before + share * after)).max() <= 0.5001
        assert share or path.read_bytes() == Path(f"whole/frames/{name}.png").read_bytes()
        assert read_metadata(path)["frame"] == index + 1


@pytest.mark.parametrize("output", ["film.mkv", "film.gif"])
def test_videos_and_animations_dissolve_as_pictures_do(expected, output):
    paint(run="whole", output=output, selection=SPLIT, crf=1 if output == "film.mkv" else None)
    shown = decoded(output)
    for index, share in OVERLAPS.items():
        before, after = (expected[f"{index + 1:06d}{end}.png"].astype(float) for end in ("", "-next"))
        assert np.abs(shown[index] - ((1 - share) * before + share * after)).mean() < 4
    assert np.abs(before - after).mean() > 8


@pytest.mark.parametrize("count", [5, 13, 14, 16, 27, 35])
def test_a_film_that_is_stopped_goes_on_to_the_same_film(expected, count):
    stopping_after(begin(selection=SPLIT), count)
    film = Film.resume(Path("film"), painter=fading)
    assert not film.is_painted
    film.paint(in_process)
    assert film.is_painted
    film.write()
    film.folder.close()
    assert equal(frames_of(), expected)
    assert Path("film.mp4").read_bytes() == Path("whole.mp4").read_bytes()


def test_a_film_is_not_painted_while_a_frame_of_an_overlap_is_missing(expected):
    Path("whole/frames/000018-next.png").unlink()
    film = begin(run="whole", selection=SPLIT)
    assert not film.is_painted
    film.folder.close()
    paint(run="whole", selection=SPLIT)
    assert equal(frames_of("whole"), expected)


def test_a_finished_folder_writes_the_film_again_and_is_removed_with_all_its_files(expected):
    before = Path("whole.mp4").read_bytes()
    Path("whole.mp4").unlink()
    film = Film.resume(Path("whole"))
    film.paint(in_process)
    film.write()
    assert Path("whole.mp4").read_bytes() == before
    film.folder.remove()
    assert not Path("whole").exists()


@pytest.mark.long
@pytest.mark.parametrize("painter", [fading, mortal])
def test_two_processes_even_if_they_are_killed_paint_the_parts_to_the_same_film(expected, painter):
    paint(engine=partial(in_processes, count=2, threads=1), painter=painter, selection=SPLIT)
    assert equal(frames_of(), expected)
    assert Path("film.mp4").read_bytes() == Path("whole.mp4").read_bytes()


def test_a_keyframe_in_an_overlap_is_that_of_both_parts(place):
    Path("keys").mkdir()
    PIL.Image.new("RGB", (64, 48), (200, 0, 0)).save("keys/11.png")
    paint(output="painted/%d.png", keyframes=Path("keys"), selection=SPLIT)
    frames = frames_of()
    for picture in (frames["000011.png"], frames["000011-next.png"], np.asarray(PIL.Image.open("painted/11.png"))):
        assert (picture == (200, 0, 0)).all()


def test_a_film_without_long_scenes_is_the_same_one(place):
    paint(output="usual.mp4", run="usual")
    paint(selection=Selection(split=Fraction(3)))
    assert equal(frames_of(), frames_of("usual"))
    assert Path("film.mp4").read_bytes() == Path("usual.mp4").read_bytes()


def test_films_that_were_begun_before_scenes_could_be_divided_go_on(place):
    plan = plan_film(open_clip(Path("clip.mp4")), Selection())
    arrays = safetensors.numpy.load(plan.to_bytes())
    del arrays["overlaps"]
    read = Plan.from_bytes(safetensors.numpy.save(arrays))
    assert [read.scene(number) for number in range(2)] == [range(6), range(6, 28)]
    about = {"clip": "/clip", "styles": ("night",), "width": 8, "height": 8, "output": "/film"}
    before, now, other = (new_header(RECIPE, [], **about, **more).key for more in ({}, {"split": None}, {"split": "1"}))
    assert before == now != other


@pytest.mark.parametrize("overlaps", [[], [0], [0, 7], [0, -1], [1, 0], [0.0, 0.0]])
def test_a_plan_with_impossible_overlaps_is_no_plan(place, overlaps):
    arrays = safetensors.numpy.load(plan_film(open_clip(Path("clip.mp4")), Selection()).to_bytes())
    kept = np.array(overlaps, np.int64 if all(isinstance(one, int) for one in overlaps) else None)
    with pytest.raises(ValueError, match=r"overlaps more|no lists of whole numbers"):
        Plan.from_bytes(safetensors.numpy.save(arrays | {"overlaps": kept}))

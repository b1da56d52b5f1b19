"""Which frames of a clip are painted, at which times, and where scenes begin."""

from fractions import Fraction

import numpy as np
import pytest
import safetensors.numpy
from tests.video.painters import moving, write_clip

from impasto.errors import InputError
from impasto.video import Plan, Selection, open_clip, plan_film, read_range, read_time

CUTS = [9, 20]


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    """30 frames in three scenes, 25 a second."""
    return open_clip(write_clip(tmp_path_factory.mktemp("clip") / "clip.mp4", moving(30, cuts=CUTS)))


def seconds(plan: Plan) -> list[float]:
    return [float(time * plan.time_base) for time in plan.times]


def test_the_whole_clip_is_divided_at_its_cuts(clip):
    plan = plan_film(clip, Selection())
    assert [plan.scene(number) for number in range(3)] == [range(9), range(9, 20), range(20, 30)]
    assert list(plan.numbers) == list(range(1, 31))
    assert seconds(plan) == [number / 25 for number in range(30)]
    assert (plan.duration, plan.is_whole, plan.notices) == (Fraction(30, 25), True, [])


def test_a_range_holds_the_frames_that_begin_in_it(clip):
    plan = plan_film(clip, Selection(Fraction(8, 25), Fraction(12, 25)))
    assert list(plan.numbers) == [9, 10, 11, 12]
    assert list(plan.scenes) == [0, 1]
    assert seconds(plan)[0] == 0
    assert (plan.duration, plan.origin, plan.is_whole) == (Fraction(4, 25), Fraction(8, 25), False)


@pytest.mark.parametrize("every", [2, 3, 7, 40])
def test_with_every_nth_frame_the_film_is_as_long(clip, every):
    plan = plan_film(clip, Selection(every=every))
    assert list(plan.positions) == list(range(0, 30, every))
    assert seconds(plan) == [position / 25 for position in plan.positions]
    assert plan.duration == Fraction(30, 25)
    assert {plan.positions[start] for start in plan.scenes} == {0} | {
        min((p for p in plan.positions if p >= cut), default=0) for cut in CUTS
    }


def test_a_range_after_the_end_is_refused(clip):
    with pytest.raises(InputError, match=r"--range begins at 10 s, and .*clip\.mp4 is shown at 1\.16 s"):
        plan_film(clip, Selection(Fraction(10)))


def test_a_range_between_two_frames_is_refused(clip):
    with pytest.raises(InputError, match=r"no frame of .*clip\.mp4 begins between 0\.21 s and 0\.23 s"):
        plan_film(clip, Selection(Fraction(21, 100), Fraction(23, 100)))


def test_a_plan_is_read_as_it_was_written(clip):
    plan = plan_film(clip, Selection(Fraction(1, 3), None, 2))
    plan.notices.append("a line with “quotes”")
    read = Plan.from_bytes(plan.to_bytes())
    for name, value in vars(plan).items():
        assert np.array_equal(getattr(read, name), value), name


def test_a_damaged_plan_is_no_plan(clip):
    data = plan_film(clip, Selection()).to_bytes()
    with pytest.raises((ValueError, LookupError)):
        Plan.from_bytes(data[: len(data) // 2])


@pytest.mark.parametrize(
    "change",
    [
        {"known": [0, 1, 0, 1, 1]},
        {"known": [1, 0, 0, 1, 1]},
        {"known": [1, 25, 0]},
        {"scenes": []},
        {"scenes": [1]},
        {"scenes": [0, 30]},
        {"scenes": [0, 20, 9]},
        {"numbers": [1, 2]},
        {"numbers": list(range(30, 0, -1))},
        {"positions": [-1, *range(1, 30)]},
        {"times": [0.5 * number for number in range(30)]},
        {"ends": [0] * 30},
        {"stamps": [[number] for number in range(30)]},
        {name: [] for name in ("positions", "numbers", "stamps", "times", "ends")},
    ],
)
def test_a_plan_that_describes_no_film_is_no_plan(clip, change):
    arrays = safetensors.numpy.load(plan_film(clip, Selection()).to_bytes())
    changed = {name: np.array(value, None if value else np.int64) for name, value in change.items()}
    with pytest.raises((ValueError, LookupError)):
        Plan.from_bytes(safetensors.numpy.save(arrays | changed))


def test_times_that_a_container_has_rounded_are_exact_again(tmp_path):
    rate = Fraction(30000, 1001)
    path = write_clip(tmp_path / "clip.mkv", moving(40), rate=rate)
    clip = open_clip(path)
    assert clip.time_base == Fraction(1, 1000)
    plan = plan_film(clip, Selection())
    assert [time * plan.time_base for time in plan.times] == [number / rate for number in range(40)]
    assert plan.duration == 40 / rate


def test_times_of_a_variable_rate_stay_as_they_are(tmp_path):
    times = [0, 1, 2, 10, 11, 30, 31]
    path = write_clip(tmp_path / "clip.mp4", moving(7), times=times, time_base=Fraction(1, 30))
    plan = plan_film(open_clip(path), Selection())
    assert [Fraction(int(time)) * plan.time_base for time in plan.times] == [Fraction(time, 30) for time in times]


def test_a_pause_stays_where_the_unit_of_time_is_as_long_as_a_frame(tmp_path):
    times = [*range(10), *range(11, 20)]
    # AVI keeps no times of presentation, which a codec that reorders frames would need.
    path = write_clip(tmp_path / "clip.avi", moving(19), times=times, time_base=Fraction(1, 25), codec="mpeg4")
    clip = open_clip(path)
    assert clip.time_base == Fraction(1, 25)
    assert [Fraction(int(time), 25) for time in times] == [
        int(time) * plan.time_base for plan in [plan_film(clip, Selection())] for time in plan.times
    ]


def test_of_a_truncated_clip_it_is_said_how_much_can_be_read(tmp_path):
    path = write_clip(tmp_path / "clip.mov", moving(60, 160, 120), gop=10, options={"bf": "0"})
    data = path.read_bytes()
    start = data.index(b"mdat") + 4
    # The index lies after the pictures, the last of which are gone.
    length = int.from_bytes(data[start - 8 : start - 4], "big") - 8
    path.write_bytes(data[: start + length // 2] + bytes(length - length // 2) + data[start + length :])
    plan = plan_film(open_clip(path), Selection())
    assert 20 < len(plan) < 60
    assert plan.notices == [f"{path} is damaged: {len(plan)} of its 60 frames can be read"]


@pytest.mark.parametrize(
    ("text", "value"), [("12.5s", 12.5), ("12.5", 12.5), (".5", 0.5), ("1:02.5", 62.5), ("1:00:02", 3602), ("7 s", 7)]
)
def test_times_as_people_write_them(text, value):
    assert float(read_time(text)) == value


@pytest.mark.parametrize("text", ["", "s", "12m", "1:2:3:4", "-3s", "now"])
def test_what_is_no_time_is_refused(text):
    with pytest.raises(InputError, match=r"a time is written 12\.5s or 1:02\.5, not"):
        read_time(text)


@pytest.mark.parametrize(
    ("text", "expected"), [("10s-20s", (10, 20)), ("10-", (10, None)), ("-1:10", (0, 70)), ("0:01-0:02", (1, 2))]
)
def test_ranges_as_people_write_them(text, expected):
    assert read_range(text) == expected


@pytest.mark.parametrize(("start", "end", "every"), [(2, 1, 1), (2, 2, 1), (0, 1, 0)])
def test_what_selects_nothing_is_refused(start, end, every):
    with pytest.raises(InputError, match=r"--range ends at|--every takes"):
        Selection(Fraction(start), Fraction(end), every)

"""Orders in a queue: painted one after the other, watched, steered, refused, and none of them lost."""

import gc
import threading

import numpy as np
import PIL.Image
import pytest
from page_tools import until
from patience import PATIENCE

import impasto
from impasto.api import Region, run
from impasto.errors import InputError
from impasto.images import Picture, quantize
from impasto.runs import RunFolder
from impasto.studio import queue
from impasto.studio.job import JobHandle


def shown(path) -> np.ndarray:
    return np.asarray(PIL.Image.open(path))


def lines(job, kind):
    return [line for line in RunFolder.open(job.path).events() if line["type"] == kind]


@pytest.fixture
def studio(open_studio):
    return open_studio()


# -- the way of an order -----------------------------------------------------------------------------------------------


def test_an_order_becomes_the_picture_that_stylize_paints(studio, pictures, small):
    job = studio.submit(*pictures, small)
    assert job.wait(PATIENCE)
    assert (job.state, job.position, job.message) == ("finished", 0, "")
    assert job.name.endswith("-mein-hund-waves")
    expected = impasto.stylize(*pictures, small)
    assert np.array_equal(shown(job.result()), quantize(expected.pixels))
    assert np.array_equal(job.picture(), quantize(expected.pixels))
    progress = job.progress()
    assert (progress.level, progress.levels, progress.width, progress.height) == (1, 1, 48, 36)
    assert (progress.step, progress.steps) == (4, 4)
    assert job.losses()["step"] == [1.0, 2.0, 3.0, 4.0]
    assert job.losses()["total"] == pytest.approx(expected.losses["total"])
    assert job.losses()["content"] == pytest.approx(expected.losses["content"])


def test_twenty_orders_at_once_are_painted_in_order_and_none_is_lost(studio, pictures, small, monkeypatch):
    begun = []
    take = JobHandle.take_in_hand
    monkeypatch.setattr(JobHandle, "take_in_hand", lambda job: (begun.append(job.name), take(job)))
    little = small.with_changes(size=32, steps=1)
    jobs = [studio.submit(*pictures, little.with_changes(seed=seed)) for seed in range(20)]
    for job in jobs:
        assert job.wait(PATIENCE)
    assert [job.state for job in jobs] == ["finished"] * 20
    assert begun == [job.name for job in jobs]
    assert [entry.recipe.seed for entry in studio.list_runs()] == list(range(19, -1, -1))


def test_two_people_at_the_same_moment_have_two_orders(studio, pictures, small, hold_after):
    brush = hold_after(1)
    barrier, jobs = threading.Barrier(2), []

    def order():
        barrier.wait()
        jobs.extend(studio.submit(*pictures, small.with_changes(steps=1)) for _ in range(2))

    people = [threading.Thread(target=order) for _ in range(2)]
    for person in people:
        person.start()
    for person in people:
        person.join()
    brush.wait()
    assert len({job.name for job in jobs}) == 4
    assert sorted(job.position for job in jobs) == [0, 1, 2, 3]
    brush.let_go()
    assert all(job.wait(PATIENCE) for job in jobs)


def test_who_waits_knows_the_place_and_keeps_no_pixels_in_memory(studio, pictures, small, hold_after):
    brush = hold_after(1)
    first = studio.submit(*pictures, small)
    brush.wait()

    def pixels():
        gc.collect()
        return sum(type(thing) is Picture for thing in gc.get_objects())

    before = pixels()
    others = [studio.submit(*pictures, small) for _ in range(3)]
    assert [job.position for job in (first, *others)] == [0, 1, 2, 3]
    assert [entry.status for entry in studio.list_runs()] == ["waiting"] * 3 + ["painting"]
    assert pixels() == before
    news = others[2].updates
    others[1].cancel()
    assert others[2].wait_for_update(news, PATIENCE) > news
    assert others[2].position == 2
    assert not others[1].path.exists()
    others[0].stop()
    assert (others[0].state, others[0].result()) == ("stopped", None)
    assert not others[0].path.exists()


def test_a_picture_is_shown_while_it_grows_and_told_by_its_number(studio, pictures, small, hold_after):
    early, late = hold_after(1), hold_after(3)
    job = studio.submit(*pictures, small)
    early.wait()
    version, frame = job.picture_version, job.picture()
    assert (job.state, job.progress().step) == ("painting", 1)
    assert (frame.shape, frame.dtype) == ((36, 48, 3), np.uint8)
    assert job.picture() is frame
    early.let_go()
    late.wait()
    assert job.picture_version > version
    assert not np.array_equal(job.picture(), frame)
    assert job.progress().seconds_left >= 0


# -- steering ----------------------------------------------------------------------------------------------------------


def test_a_run_that_is_stopped_keeps_its_picture_and_goes_on_later_to_the_same_end(studio, pictures, small, hold_after):
    brush = hold_after(2)
    job = studio.submit(*pictures, small)
    brush.wait()
    job.stop()
    brush.let_go()
    assert job.wait(PATIENCE)
    assert (job.state, job.progress().step) == ("stopped", 2)
    assert job.result().is_file()
    (entry,) = studio.list_runs()
    assert (entry.status, entry.result) == ("stopped", job.result())

    rest = studio.resume(job.name)
    assert rest.progress().step == 2
    assert rest.wait(PATIENCE)
    assert rest.state == "finished"
    assert np.array_equal(shown(rest.result()), quantize(impasto.stylize(*pictures, small).pixels))
    with pytest.raises(InputError, match="finished"):
        studio.resume(job.name)


def test_of_a_run_that_ends_before_its_first_step_nothing_stays(studio, pictures, small, hold_after):
    brush = hold_after(0)
    job = studio.submit(*pictures, small)
    brush.wait()
    job.stop()
    brush.let_go()
    assert job.wait(PATIENCE)
    assert (job.state, job.result(), job.picture()) == ("stopped", None, None)
    assert studio.list_runs() == []


def test_a_run_that_should_go_on_and_is_then_cancelled_is_as_it_was(studio, pictures, small, hold_after):
    brush = hold_after(2)
    job = studio.submit(*pictures, small)
    brush.wait()
    job.stop()
    brush.let_go()
    assert job.wait(PATIENCE)
    kept = shown(job.result())
    second = hold_after(1)
    other = studio.submit(*pictures, small)
    second.wait()
    rest = studio.resume(job.name)
    assert rest.position == 1
    assert studio.resume(job.name) is rest
    rest.stop()
    assert np.array_equal(shown(rest.result()), kept)
    assert [entry.status for entry in studio.list_runs()] == ["painting", "stopped"]
    second.let_go()
    assert other.wait(PATIENCE)


def test_a_change_while_painting_counts_from_the_next_step_on(studio, pictures, small, hold_after):
    recipe = small.with_changes(content_weight=1.0, style_weight=1.0)
    plain = studio.submit(*pictures, recipe)
    assert plain.wait(PATIENCE)
    brush = hold_after(2)
    again = studio.repeat(plain.name, seed=recipe.seed)
    brush.wait()
    again.change(content_weight=5.0)
    assert again.recipe.content_weight == 5.0
    with pytest.raises(InputError, match="size"):
        again.change(size=32)
    with pytest.raises(InputError):
        again.change(content_weight=-1.0)
    brush.let_go()
    assert again.wait(PATIENCE)
    assert lines(again, "changed")[0]["changes"] == {"content_weight": 5.0}
    content = [[step["terms"]["content"] for step in lines(job, "Step")] for job in (plain, again)]
    assert content[0][:2] == content[1][:2]
    # The weighted content term of the same picture, five times as heavy.
    assert content[1][2] > 3 * content[0][2]
    with pytest.raises(InputError, match="has ended"):
        again.change(content_weight=2.0)


def test_a_change_while_waiting_changes_the_order(studio, pictures, small, hold_after):
    brush = hold_after(1)
    studio.submit(*pictures, small)
    brush.wait()
    job = studio.submit(*pictures, small)
    job.change(style_weight=7.0)
    job.change(size=40, steps=2)
    for fields in ({"init": "/etc/passwd"}, {"max_megapixels": 9999.0}, {"steps": 0}, {"size": 8}, {"nonsense": 1}):
        with pytest.raises(InputError):
            job.change(**fields)
    brush.let_go()
    assert job.wait(PATIENCE)
    assert (job.progress().width, job.progress().steps) == (40, 2)
    recipe = small.with_changes(style_weight=7.0, size=40, steps=2)
    assert np.array_equal(shown(job.result()), quantize(impasto.stylize(*pictures, recipe).pixels))


def test_a_change_of_a_run_that_waits_to_go_on_counts_from_its_next_step_on(studio, pictures, small, hold_after):
    brush = hold_after(2)
    job = studio.submit(*pictures, small)
    brush.wait()
    job.stop()
    brush.let_go()
    assert job.wait(PATIENCE)
    other = hold_after(1)
    studio.submit(*pictures, small)
    other.wait()
    rest = studio.resume(job.name)
    rest.change(style_weight=7.0)
    with pytest.raises(InputError, match="size"):
        rest.change(size=32)
    other.let_go()
    assert rest.wait(PATIENCE)
    (line,) = lines(rest, "changed")
    assert (line["step"], line["changes"]) == (2, {"style_weight": 7.0})


def test_who_pauses_lets_others_go_first_and_then_ends_with_the_same_picture(studio, pictures, small, hold_after):
    brush = hold_after(2)
    slow = studio.submit(*pictures, small)
    brush.wait()
    slow.pause()
    brush.let_go()
    assert slow.state == "paused"
    quick = studio.submit(*pictures, small.with_changes(steps=1, seed=1))
    assert quick.wait(PATIENCE)
    assert slow.state == "paused"
    assert slow.progress().step == 2
    assert [entry.status for entry in studio.list_runs()] == ["finished", "paused"]
    slow.resume()
    assert slow.wait(PATIENCE)
    assert np.array_equal(shown(slow.result()), quantize(impasto.stylize(*pictures, small).pixels))


def test_a_paused_run_goes_on_where_nobody_else_waits(studio, pictures, small, hold_after):
    brush = hold_after(2)
    job = studio.submit(*pictures, small)
    brush.wait()
    job.pause()
    brush.let_go()
    assert not job.wait(0.2)
    assert job.picture() is not None
    job.resume()
    assert job.wait(PATIENCE)
    assert job.state == "finished"


def test_once_more_is_the_same_order_with_another_seed(studio, pictures, small):
    first = studio.submit(*pictures, small)
    for path in pictures:
        path.unlink()
    again, other = studio.repeat(first.name), studio.repeat(first.name, seed=9)
    assert all(job.wait(PATIENCE) for job in (first, again, other))
    assert len({job.recipe.seed for job in (first, again, other)}) == 3
    assert other.recipe == first.recipe.with_changes(seed=9)
    assert not np.array_equal(shown(first.result()), shown(other.result()))


def test_who_is_dated_first_is_painted_first_even_if_another_order_comes_in_between(
    studio, pictures, small, hold_after, monkeypatch
):
    brush, other_is_read, other_is_in, jobs = hold_after(1), threading.Event(), threading.Event(), []
    create, read, calls = RunFolder.create.__func__, queue.read_submission, []

    def dated_and_then_held_up(kind, *given, **named):
        folder = create(kind, *given, **named)
        calls.append(folder)
        if len(calls) == 1:
            # This order is dated, and another one comes before it stands in the queue.
            third.start()
            assert other_is_read.wait(PATIENCE)
            other_is_in.wait(1.0)
        return folder

    def read_and_told(*given):
        found = read(*given)
        if threading.current_thread() is third:
            other_is_read.set()
        return found

    def order(seed):
        jobs.append(studio.submit(*pictures, small.with_changes(steps=1, seed=seed)))
        other_is_in.set()

    third = threading.Thread(target=order, args=[3])
    studio.submit(*pictures, small)
    brush.wait()
    monkeypatch.setattr(queue, "read_submission", read_and_told)
    monkeypatch.setattr(RunFolder, "create", classmethod(dated_and_then_held_up))
    order(2)
    third.join()
    assert [job.recipe.seed for job in sorted(jobs, key=lambda job: job.position)] == [2, 3]
    brush.let_go()


# -- closed pages ------------------------------------------------------------------------------------------------------


def test_an_order_whose_page_is_closed_is_cancelled_unless_somebody_else_looks(
    studio, pictures, small, hold_after, monkeypatch
):
    monkeypatch.setattr("impasto.studio.job.GRACE_SECONDS", 0.1)
    brush = hold_after(1)
    studio.submit(*pictures, small)
    brush.wait()
    job = studio.submit(*pictures, small)
    with job.watching():
        job.page_closed()
        assert not job.wait(1.0)
    # Whoever looks for the last time has not closed a page for that.
    assert not job.wait(1.0)
    job.page_closed()
    assert job.wait(PATIENCE)
    assert job.state == "stopped"


def test_somebody_who_comes_back_keeps_the_order(studio, pictures, small, hold_after, monkeypatch):
    monkeypatch.setattr("impasto.studio.job.GRACE_SECONDS", 1)
    brush = hold_after(1)
    studio.submit(*pictures, small)
    brush.wait()
    job = studio.submit(*pictures, small)
    # Two pages are closed, of which one comes back.
    job.page_closed()
    job.page_closed()
    with job.watching():
        pass
    assert not job.wait(2.0)
    assert job.state == "waiting"


def test_a_studio_that_closes_keeps_what_its_pages_followed(open_studio, pictures, small, hold_after, monkeypatch):
    monkeypatch.setattr("impasto.studio.job.GRACE_SECONDS", 0.1)
    brush = hold_after(1)
    studio = open_studio()
    first, second = (studio.submit(*pictures, small) for _ in range(2))
    brush.wait()
    closing = threading.Thread(target=studio.close)
    closing.start()
    until(lambda: studio._closing, "the studio is about to close")
    for job in (first, second):
        job.page_closed()
        assert not job.wait(1.0)
    brush.let_go()
    closing.join()
    assert [job.state for job in (first, second)] == ["waiting", "waiting"]


def test_an_order_goes_on_without_its_page_where_the_studio_was_so_told(open_studio, pictures, small, hold_after):
    brush = hold_after(1)
    job = open_studio(on_close="go_on").submit(*pictures, small)
    brush.wait()
    job.page_closed()
    brush.let_go()
    assert job.wait(PATIENCE)
    assert job.state == "finished"


# -- what goes wrong ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (MemoryError(), "not enough memory"),
        (OSError(28, "No space left on device"), "No space left on device"),
        (ValueError("first\nsecond"), "first second"),
    ],
)
def test_a_run_that_fails_says_why_and_the_next_one_is_painted(studio, pictures, small, monkeypatch, error, told):
    make, calls = run.Run._make_result, []

    def fail_once(*given):
        calls.append(given)
        if len(calls) == 1:
            raise error
        return make(*given)

    monkeypatch.setattr(run.Run, "_make_result", fail_once)
    bad, good = studio.submit(*pictures, small), studio.submit(*pictures, small)
    assert bad.wait(PATIENCE)
    assert good.wait(PATIENCE)
    assert (bad.state, good.state) == ("failed", "finished")
    assert told in bad.message
    assert "\n" not in bad.message
    assert bad.result() is None
    assert [entry.status for entry in studio.list_runs()] == ["finished", "failed"]


def test_an_order_whose_copy_was_spoilt_fails_and_is_not_tried_for_ever(studio, pictures, small, hold_after):
    brush = hold_after(1)
    studio.submit(*pictures, small)
    brush.wait()
    job = studio.submit(*pictures, small)
    (job.path / "inputs" / "content.png").write_bytes(b"")
    brush.let_go()
    assert job.wait(PATIENCE)
    assert job.state == "failed"
    assert str(studio.workspace.path) not in job.message
    assert studio.list_runs()[0].status == "failed"


@pytest.mark.parametrize("limit", [{"max_pixels": 3000}, {"max_bytes": 100}])
def test_a_picture_above_the_limits_is_refused_before_it_is_decoded(open_studio, pictures, small, limit, monkeypatch):
    studio = open_studio(**limit)
    monkeypatch.setattr("impasto.images.read.decode", lambda *_: pytest.fail("decoded"))
    for content in (pictures[0], pictures[0].read_bytes(), str(pictures[0])):
        with pytest.raises(InputError, match="this studio takes up to") as refused:
            studio.submit(content, "night", small)
        assert str(pictures[0].parent) not in str(refused.value)
    with pytest.raises(InputError, match="this studio takes up to"):
        studio.submit("nothing.png", ["night", impasto.Style("night", pictures[1])], small)
    assert studio.list_runs() == []


def test_a_result_above_the_limit_is_refused(open_studio, pictures, small):
    with pytest.raises(InputError, match="choose a smaller size"):
        open_studio(max_pixels=5000).submit(*pictures, small.with_changes(size=600, upscale=True))


def test_what_cannot_be_painted_is_refused_in_one_line_and_leaves_nothing(studio, pictures, small, tmp_path):
    (tmp_path / "text.png").write_text("hello")
    (tmp_path / "cut.png").write_bytes(pictures[0].read_bytes()[:200])
    orders = [
        (tmp_path / "text.png", pictures[1], small),
        (tmp_path / "cut.png", pictures[1], small),
        (tmp_path / "none.png", pictures[1], small),
        (pictures[0], "no-such-style", small),
        (pictures[0], [], small),
        (*pictures, small.with_changes(size=16, style_layers="conv5_1")),
        (*pictures, "no-such-preset"),
    ]
    for order in orders:
        with pytest.raises(InputError) as refused:
            studio.submit(*order)
        assert "\n" not in str(refused.value)
        assert str(tmp_path) not in str(refused.value)
    assert list(studio.workspace.runs.iterdir()) == []


def test_a_recipe_that_names_files_of_this_machine_is_refused(studio, pictures, small):
    for fields in ({"init": str(pictures[0])}, {"weights": "/etc/passwd"}, {"regions": (f"{pictures[0]}=night",)}):
        with pytest.raises(InputError, match="names files"):
            studio.submit(*pictures, small.with_changes(**fields))


def test_regions_are_painted_as_stylize_paints_them(studio, pictures, small):
    mask = np.zeros((48, 64), np.float32)
    mask[:, :32] = 1
    job = studio.submit(*pictures, small, [Region(mask, "keep")])
    assert job.wait(PATIENCE)
    expected = impasto.stylize(*pictures, small, regions=[Region(mask, "keep")])
    assert np.array_equal(shown(job.result()), quantize(expected.pixels))


def test_a_run_that_is_being_painted_is_not_deleted_and_one_that_waits_leaves_the_queue(
    studio, pictures, small, hold_after
):
    brush = hold_after(1)
    first, second = studio.submit(*pictures, small), studio.submit(*pictures, small)
    brush.wait()
    with pytest.raises(InputError, match="being painted"):
        studio.delete(first.name)
    studio.delete(second.name)
    assert second.state == "stopped"
    assert [entry.name for entry in studio.list_runs()] == [first.name]
    brush.let_go()
    assert first.wait(PATIENCE)
    assert first.state == "finished"
    studio.delete(first.name)
    assert studio.list_runs() == []
    with pytest.raises(InputError):
        studio.delete(first.name)


def test_a_photo_with_a_position_becomes_a_picture_without_one(studio, pictures, small, tmp_path):
    exif = PIL.Image.Exif()
    exif[0x013B] = "Ada"
    exif[0x8825] = {1: "N", 2: (48.0, 8.0, 12.0), 3: "E", 4: (11.0, 34.0, 5.0)}
    PIL.Image.open(pictures[0]).save(tmp_path / "beach.jpg", exif=exif)
    job = studio.submit(tmp_path / "beach.jpg", pictures[1], small.with_changes(snapshots="2"))
    assert job.wait(PATIENCE)
    (entry,) = studio.list_runs()
    assert len(entry.snapshots) == 1
    assert PIL.Image.open(entry.result).getexif()[0x013B] == "Ada"
    for path in (entry.result, *entry.snapshots):
        assert not PIL.Image.open(path).getexif().get_ifd(0x8825)
        assert b"GPS" not in studio.workspace.shareable(path)

"""Jobs in a queue: painted one after the other, watched, controlled, refused, and none of them lost."""

import gc
import threading
from unittest import mock

import numpy as np
import PIL.Image
import pytest
from page_tools import until
from patience import PATIENCE

import impasto
from impasto.api import Run
from impasto.errors import InputError, RunError
from impasto.events import Changed, Step
from impasto.images import DecodedImage, quantize
from impasto.runs import RunFolder
from impasto.studio import JobHandle, queue


def pixels_of(path) -> np.ndarray:
    return np.asarray(PIL.Image.open(path))


def logged(job, kind):
    return RunFolder.open(job.path).read_log().of(kind)


def states(studio):
    return [entry.status for entry in studio.list_runs()]


@pytest.fixture
def studio(open_studio):
    return open_studio()


@pytest.fixture
def submit(studio, pictures, small):
    """Return a function that submits the small job, with changes to its recipe."""
    return lambda **changes: studio.submit(*pictures, small.with_changes(**changes))


@pytest.fixture
def painted(pictures, small):
    """Return a function that paints the same as a job without a studio."""
    return lambda **changes: quantize(impasto.stylize(*pictures, small.with_changes(**changes)).pixels)


# -- from submission to picture ----------------------------------------------------------------------------------------


def test_job_becomes_the_picture_that_stylize_paints(studio, pictures, small, submit):
    job = submit()
    assert job.wait(PATIENCE)
    assert (job.state, job.position, job.message) == ("finished", 0, "")
    assert job.name.endswith("-mein-hund-waves")
    expected = impasto.stylize(*pictures, small)
    assert np.array_equal(pixels_of(job.result()), quantize(expected.pixels))
    assert np.array_equal(job.picture(), quantize(expected.pixels))
    progress = job.monitor.progress()
    assert (progress.level, progress.levels, progress.width, progress.height) == (1, 1, 48, 36)
    assert (progress.step, progress.steps) == (4, 4)
    assert job.monitor.losses() == pytest.approx(expected.losses["total"])


def test_twenty_jobs_are_painted_in_order_and_none_is_lost(studio, submit, monkeypatch):
    started = []
    activate = JobHandle.activate
    monkeypatch.setattr(JobHandle, "activate", lambda job: (started.append(job.name), activate(job)))
    jobs = [submit(size=32, steps=1, seed=seed) for seed in range(20)]
    assert all(job.wait(PATIENCE) for job in jobs)
    assert [job.state for job in jobs] == ["finished"] * 20
    assert started == [job.name for job in jobs]
    assert [entry.recipe.start.seed for entry in studio.list_runs()] == list(range(19, -1, -1))


def test_an_ended_job_keeps_no_run_in_memory(submit):
    def runs():
        gc.collect()
        return sum(type(thing) is Run for thing in gc.get_objects())

    before, job = runs(), submit()
    assert job.wait(PATIENCE)
    until(lambda: runs() <= before, "the run with its canvas and features is gone")
    assert job.monitor.progress().step == 4


def test_the_memory_of_a_picture_is_given_back_when_it_is_painted(submit, monkeypatch):
    given_back = threading.Event()
    monkeypatch.setattr(queue, "release_memory", given_back.set)
    job = submit()
    assert job.wait(PATIENCE)
    assert given_back.wait(PATIENCE)


def test_two_visitors_who_submit_simultaneously_get_their_own_jobs(submit, hold_after):
    hold = hold_after(1)
    barrier, jobs = threading.Barrier(2), []

    def submit_two():
        barrier.wait()
        jobs.extend(submit(steps=1) for _ in range(2))

    people = [threading.Thread(target=submit_two) for _ in range(2)]
    for person in people:
        person.start()
    for person in people:
        person.join()
    hold.wait()
    assert len({job.name for job in jobs}) == 4
    assert sorted(job.position for job in jobs) == [0, 1, 2, 3]
    hold.release()
    assert all(job.wait(PATIENCE) for job in jobs)


def test_waiting_job_knows_its_position_and_keeps_no_pixels_in_memory(studio, submit, paint_to):
    first, _ = paint_to(studio, 1)

    def decoded_pictures():
        gc.collect()
        return sum(type(thing) is DecodedImage for thing in gc.get_objects())

    before = decoded_pictures()
    others = [submit() for _ in range(3)]
    assert [job.position for job in (first, *others)] == [0, 1, 2, 3]
    assert states(studio) == ["waiting"] * 3 + ["painting"]
    assert decoded_pictures() == before
    seen = others[2].monitor.updates
    others[1].stop()
    assert others[2].monitor.wait(seen, PATIENCE) > seen
    assert others[2].position == 2
    assert (others[1].state, others[1].result(), others[1].path.exists()) == ("stopped", None, False)


def test_picture_is_shown_while_it_grows_and_computed_once_per_version(studio, paint_to, hold_after):
    late = hold_after(3)
    job, early = paint_to(studio, 1)
    version, picture = job.monitor.picture_version, job.picture()
    assert (job.state, job.monitor.progress().step) == ("painting", 1)
    assert (picture.shape, picture.dtype) == ((36, 48, 3), np.uint8)
    assert job.picture() is picture
    early.release()
    late.wait()
    assert job.monitor.picture_version > version
    assert not np.array_equal(job.picture(), picture)
    assert job.monitor.progress().seconds_left >= 0


def test_network_is_loaded_once_for_all_jobs_and_not_to_check_a_submission(studio, submit, paint_to, monkeypatch):
    first, hold = paint_to(studio, 1)
    monkeypatch.setattr("impasto.api.optimize.load_weights", lambda *_: pytest.fail("loaded again"))
    second = submit(seed=1)
    hold.release()
    assert first.wait(PATIENCE)
    assert second.wait(PATIENCE)
    assert (second.state, second.message) == ("finished", "")


def test_queue_has_the_order_of_the_dates_of_its_runs_even_if_two_submissions_overlap(
    studio, pictures, small, paint_to, monkeypatch
):
    paint_to(studio, 1)
    other_is_read, other_is_in, jobs = threading.Event(), threading.Event(), []
    create, read, calls = RunFolder.create.__func__, queue.read_submission, []

    def create_and_wait(kind, *given, **named):
        folder = create(kind, *given, **named)
        calls.append(folder)
        if len(calls) == 1:
            # This run has its date, and the other submission overtakes it, if it can, before it is in the queue.
            other.start()
            assert other_is_read.wait(PATIENCE)
            other_is_in.wait(0.5)
        return folder

    def read_and_report(*given, **named):
        found = read(*given, **named)
        if threading.current_thread() is other:
            other_is_read.set()
        return found

    def submit(seed):
        jobs.append(studio.submit(*pictures, small.with_changes(steps=1, seed=seed)))
        other_is_in.set()

    other = threading.Thread(target=submit, args=[3])
    monkeypatch.setattr(queue, "read_submission", read_and_report)
    monkeypatch.setattr(RunFolder, "create", classmethod(create_and_wait))
    submit(2)
    other.join()
    assert [job.recipe.start.seed for job in sorted(jobs, key=lambda job: job.position)] == [2, 3]


# -- control ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def stopped(studio, paint_to):
    """A job that was stopped after two of four steps."""
    job, hold = paint_to(studio, 2)
    job.stop()
    hold.release()
    assert job.wait(PATIENCE)
    return job


def test_stopped_job_keeps_its_picture_and_resumes_to_the_same_end(studio, stopped, painted):
    assert (stopped.state, stopped.monitor.progress().step) == ("stopped", 2)
    assert stopped.result().is_file()
    assert states(studio) == ["stopped"]
    rest = studio.resume(stopped.name)
    assert rest.monitor.progress().step == 2
    assert rest.wait(PATIENCE)
    assert rest.state == "finished"
    assert np.array_equal(pixels_of(rest.result()), painted())
    with pytest.raises(InputError, match="finished"):
        studio.resume(stopped.name)


def test_nothing_is_kept_of_a_job_that_ends_before_its_first_step(studio, paint_to):
    job, hold = paint_to(studio, 0)
    job.stop()
    hold.release()
    assert job.wait(PATIENCE)
    assert (job.state, job.result(), job.picture()) == ("stopped", None, None)
    assert studio.list_runs() == []


def test_resumed_job_that_is_stopped_while_it_waits_is_as_it_was(studio, stopped, paint_to):
    kept = pixels_of(stopped.result())
    paint_to(studio, 1)
    rest = studio.resume(stopped.name)
    assert rest.position == 1
    assert studio.resume(stopped.name) is rest
    rest.stop()
    assert np.array_equal(pixels_of(rest.result()), kept)
    assert states(studio) == ["painting", "stopped"]


def test_change_while_painting_applies_from_the_next_step_on(studio, submit, hold_after):
    plain = submit(content_weight=1.0, style_weight=1.0)
    assert plain.wait(PATIENCE)
    hold = hold_after(2)
    again = studio.repeat(plain.name, seed=0)
    hold.wait()
    for weight in (2.0, 3.0, 5.0):
        again.change(content_weight=weight)
    assert again.recipe.after().content.weight == 5.0
    for settings, message in (({"size": 32}, "size"), ({"content_weight": -1.0}, "content_weight")):
        with pytest.raises(InputError, match=message):
            again.change(**settings)
    hold.release()
    assert again.wait(PATIENCE)
    assert [change.changes for change in logged(again, Changed)] == [{"changes": ["2:content_weight=5"]}]
    content = [[step.terms["content"] for step in logged(job, Step)] for job in (plain, again)]
    assert content[0][:2] == content[1][:2]
    # The weighted content term of the same picture, five times as heavy.
    assert content[1][2] > 3 * content[0][2]
    with pytest.raises(InputError, match="has ended"):
        again.change(content_weight=2.0)


def test_change_while_waiting_changes_the_whole_run(studio, submit, paint_to, painted):
    _, hold = paint_to(studio, 1)
    job = submit()
    job.change(style_weight=7.0)
    job.change(color_strength=50.0)
    for settings in ({"init": "/etc/passwd"}, {"max_megapixels": 9999.0}, {"size": 40}, {"nonsense": 1}):
        with pytest.raises(InputError):
            job.change(**settings)
    hold.release()
    assert job.wait(PATIENCE)
    assert np.array_equal(pixels_of(job.result()), painted(style_weight=7.0, color_strength=50.0))


def test_change_of_a_resumed_job_that_waits_applies_from_its_next_step_on(studio, stopped, paint_to):
    _, hold = paint_to(studio, 1)
    rest = studio.resume(stopped.name)
    rest.change(style_weight=7.0)
    with pytest.raises(InputError, match="size"):
        rest.change(size=32)
    hold.release()
    assert rest.wait(PATIENCE)
    assert logged(rest, Changed) == [Changed(step=2, changes={"changes": ["2:style_weight=7"]})]


def test_paused_job_lets_others_go_first_and_ends_with_the_same_picture(studio, submit, paint_to, painted):
    slow, hold = paint_to(studio, 2)
    slow.pause()
    hold.release()
    assert slow.state == "paused"
    quick = submit(steps=1, seed=1)
    assert quick.wait(PATIENCE)
    assert slow.state == "paused"
    assert slow.monitor.progress().step == 2
    assert states(studio) == ["finished", "paused"]
    slow.resume()
    assert slow.wait(PATIENCE)
    assert np.array_equal(pixels_of(slow.result()), painted())


def test_a_paused_job_continues_if_no_other_job_waits(studio, paint_to):
    job, hold = paint_to(studio, 2)
    job.pause()
    hold.release()
    assert not job.wait(0.2)
    assert job.picture() is not None
    job.resume()
    assert job.wait(PATIENCE)
    assert job.state == "finished"


def test_repeated_job_differs_only_in_its_seed_and_needs_no_files(studio, submit, pictures):
    first = submit()
    for path in pictures:
        path.unlink()
    again, other = studio.repeat(first.name), studio.repeat(first.name, seed=9)
    assert all(job.wait(PATIENCE) for job in (first, again, other))
    assert len({job.recipe.start.seed for job in (first, again, other)}) == 3
    assert other.recipe == first.recipe.with_changes(seed=9)
    assert not np.array_equal(pixels_of(first.result()), pixels_of(other.result()))


# -- closed pages ------------------------------------------------------------------------------------------------------


class ManualTimer:
    """Replaces threading.Timer; it expires when the test calls it."""

    def __init__(self, seconds, function):
        self.function, self.runs = function, False

    def start(self):
        self.runs = True

    def cancel(self):
        self.runs = False

    def expire(self):
        if self.runs:
            self.function()


def test_variations_are_small_and_differ_in_their_seeds_alone(studio, submit):
    first = submit(size=64)
    assert first.wait(PATIENCE)
    varied = studio.variations(first.name)
    assert [job.name for job in studio.jobs()] == [job.name for job in varied if not job.has_ended]
    assert all(job.wait(PATIENCE) for job in varied)
    assert len({job.recipe.start.seed for job in [first, *varied]}) == 5
    for job in varied:
        assert set(job.recipe.changes_from(first.recipe)) == {"seed"}
        assert np.abs(pixels_of(job.result()).astype(int) - pixels_of(first.result())).mean() > 1


@pytest.fixture
def timers(monkeypatch):
    """The timers that were made so far."""
    made = []

    def make(*given):
        made.append(ManualTimer(*given))
        return made[-1]

    monkeypatch.setattr("impasto.studio.job.threading.Timer", make)
    return made


def test_job_is_stopped_after_its_page_was_closed_unless_somebody_watches(studio, submit, paint_to, timers):
    paint_to(studio, 1)
    job = submit()
    for page in ("first", "second"):
        job.watch(page)
    job.page_closed("first")
    timers[-1].expire()
    assert job.state == "waiting"
    job.page_closed("second")
    assert job.state == "waiting"
    timers[-1].expire()
    assert job.state == "stopped"


def test_job_is_kept_if_a_page_comes_back(studio, submit, paint_to, timers):
    paint_to(studio, 1)
    job = submit()
    # Two pages are closed, and one of them is opened again.
    for page in ("first", "second"):
        job.watch(page)
        job.page_closed(page)
    job.watch("first again")
    job.unwatch("first again")  # it follows another job
    for timer in timers:
        timer.expire()
    assert job.state == "waiting"


def test_jobs_are_kept_when_the_studio_closes_with_its_pages(studio, submit, paint_to, timers, start_closing):
    first, hold = paint_to(studio, 1)
    second = submit()
    closing = start_closing(studio)
    for job in (first, second):
        job.page_closed("page")
    hold.release()
    closing.join()
    assert timers == []
    assert [job.state for job in (first, second)] == ["waiting", "waiting"]


def test_a_job_continues_without_its_page_unless_the_studio_cancels(open_studio, paint_to, timers):
    job, hold = paint_to(open_studio(on_close="go_on"), 1)
    job.page_closed("page")
    assert timers == []
    hold.release()
    assert job.wait(PATIENCE)
    assert job.state == "finished"


# -- failures and refusals ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (MemoryError(), "not enough memory"),
        (OSError(28, "No space left on device"), "No space left on device"),
        (RunError("the loss\nhas no finite value"), "the loss has no finite value"),
    ],
)
def test_a_failed_job_reports_the_reason_and_the_next_one_is_painted(studio, submit, monkeypatch, error, message):
    finish, calls = RunFolder.finish, []

    def fail_once(*given):
        calls.append(given)
        if len(calls) == 1:
            raise error
        return finish(*given)

    monkeypatch.setattr(RunFolder, "finish", fail_once)
    bad, good = submit(), submit()
    assert bad.wait(PATIENCE)
    assert good.wait(PATIENCE)
    assert (bad.state, good.state) == ("failed", "finished")
    assert message in bad.message
    assert "\n" not in bad.message
    assert bad.result() is None
    assert states(studio) == ["finished", "failed"]


def test_the_text_of_an_unexpected_error_goes_to_the_terminal_and_not_to_the_visitor(submit, monkeypatch, caplog):
    def fail(*given):
        raise RuntimeError("mat1 and mat2 shapes cannot be multiplied (3x4 and 5x6)")

    monkeypatch.setattr(RunFolder, "finish", fail)
    job = submit()
    assert job.wait(PATIENCE)
    assert job.message == "a bug in impasto (RuntimeError); the terminal of the studio shows more"
    assert "shapes cannot be multiplied" in caplog.text


def test_job_whose_copy_of_the_photo_was_damaged_fails_and_is_not_tried_again(studio, submit, paint_to):
    _, hold = paint_to(studio, 1)
    job = submit()
    (job.path / "inputs" / "content.png").write_bytes(b"")
    hold.release()
    assert job.wait(PATIENCE)
    assert job.state == "failed"
    assert str(studio.workspace.path) not in job.message
    assert studio.list_runs()[0].status == "failed"


@pytest.mark.parametrize("limit", [{"max_pixels": 3000}, {"max_bytes": 100}])
def test_picture_above_the_limits_is_refused_before_it_is_decoded(open_studio, pictures, small, limit, monkeypatch):
    studio = open_studio(**limit)
    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", lambda *_: pytest.fail("decoded"))
    photo, painting = pictures
    submissions = [(content, "night") for content in (photo, photo.read_bytes(), str(photo))]
    for content, style in [*submissions, ("nothing.png", ["night", impasto.Style("night", painting)])]:
        with pytest.raises(InputError, match="this studio takes up to") as refused:
            studio.submit(content, style, small)
        assert str(photo.parent) not in str(refused.value)
    assert studio.list_runs() == []


def test_result_above_the_limit_is_refused(open_studio, pictures, small):
    with pytest.raises(InputError, match="choose a smaller size"):
        open_studio(max_pixels=5000).submit(*pictures, small.with_changes(size=600, upscale=True))


def test_what_cannot_be_painted_is_refused_in_one_line_and_leaves_nothing(studio, pictures, small, tmp_path):
    (tmp_path / "text.png").write_text("hello")
    (tmp_path / "cut.png").write_bytes(pictures[0].read_bytes()[:200])
    submissions = [
        *((tmp_path / name, pictures[1], small) for name in ("text.png", "cut.png", "none.png")),
        (pictures[0], "no-such-style", small),
        (pictures[0], [], small),
        (*pictures, small.with_changes(size=16, style_layers="conv5_1")),
        (*pictures, "no-such-preset"),
    ]
    for submission in submissions:
        with pytest.raises(InputError) as refused:
            studio.submit(*submission)
        assert "\n" not in str(refused.value)
        assert str(tmp_path) not in str(refused.value)
    assert list(studio.workspace.runs.iterdir()) == []


def test_full_disk_refuses_a_submission_and_leaves_nothing(studio, submit, monkeypatch):
    monkeypatch.setattr("os.fsync", mock.Mock(side_effect=OSError(28, "No space left on device")))
    with pytest.raises(InputError, match="No space left on device"):
        submit()
    assert list(studio.workspace.runs.iterdir()) == []


@pytest.mark.parametrize("field", ["init", "weights", "regions"])
def test_recipe_that_names_files_of_the_server_is_refused(studio, pictures, small, field):
    value = f"{pictures[0]}=night" if field == "regions" else str(pictures[0])
    with pytest.raises(InputError, match="names files"):
        studio.submit(*pictures, small.with_changes(**{field: value}))


def test_regions_are_painted_as_stylize_paints_them(studio, pictures, small):
    mask = np.zeros((48, 64), np.float32)
    mask[:, :32] = 1
    regions = [impasto.Region(mask, "keep")]
    job = studio.submit(*pictures, small, regions)
    assert job.wait(PATIENCE)
    expected = impasto.stylize(*pictures, small, regions=regions)
    assert np.array_equal(pixels_of(job.result()), quantize(expected.pixels))


def test_painted_job_cannot_be_deleted_and_a_waiting_one_leaves_the_queue(studio, submit, paint_to):
    first, hold = paint_to(studio, 1)
    second = submit()
    with pytest.raises(InputError, match="being painted"):
        studio.delete(first.name)
    studio.delete(second.name)
    assert second.state == "stopped"
    assert [entry.name for entry in studio.list_runs()] == [first.name]
    hold.release()
    assert first.wait(PATIENCE)
    studio.delete(first.name)
    assert studio.list_runs() == []
    with pytest.raises(InputError):
        studio.delete(first.name)


def test_photo_with_a_position_becomes_a_picture_without_one(studio, pictures, small, tmp_path, with_position):
    photo = with_position(pictures[0], tmp_path / "beach.jpg")
    job = studio.submit(photo, pictures[1], small.with_changes(snapshots="2"))
    assert job.wait(PATIENCE)
    assert PIL.Image.open(job.result()).getexif()[0x013B] == "Ada"
    for path in (job.result(), job.path / "snapshots" / "000002.png"):
        assert not PIL.Image.open(path).getexif().get_ifd(0x8825)
        assert b"GPS" not in path.read_bytes()

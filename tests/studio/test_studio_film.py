"""Films of a studio without its page: what a clip is, the queue, stopping and going on, restarts."""

import io
import shutil
import threading
from fractions import Fraction

import av
import numpy as np
import PIL.Image
import pytest
from page_tools import until
from patience import PATIENCE
from tests.video.painters import Fading, Failing, fading, moving, write_clip

from impasto.errors import InputError, RunError
from impasto.images import read_metadata
from impasto.painting import Painter
from impasto.studio.film import FilmMonitor, FilmOrder, film_recipe, film_seconds, frame_png, read_clip
from impasto.studio.film_record import FilmRecord, frame_files
from impasto.studio.page.callbacks import notice_text
from impasto.studio.page.film_text import entry_text
from impasto.studio.submission import Limits
from impasto.video import open_clip, video_file

LIMITS = Limits(max_pixels=10_000, max_bytes=1_000_000)
FRAMES = 4


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    """Four frames of 96 x 64 in half a second."""
    folder = tmp_path_factory.mktemp("clip")
    return write_clip(folder / "Mein Film.mp4", moving(FRAMES, 96, 64), rate=8)


@pytest.fixture(autouse=True)
def quick_frames(monkeypatch):
    """Let frames be inverted: what is painted is for the tests of films, and of the page."""
    monkeypatch.setattr("impasto.video.scene_worker.scene_painter", fading)
    monkeypatch.setattr("impasto.video.film.choose_flow", lambda _: ("dis", ""))
    monkeypatch.setattr("os.fsync", lambda _: None)


@pytest.fixture
def order(clip, small):
    return FilmOrder(clip, ["night"], small.with_changes(steps=2, init="content"))


def held_frames(monkeypatch, count):
    """Let no frame be painted after so many until the returned function is called."""
    released, painted, paint = threading.Event(), [], Fading.paint

    def held(self, frame):
        if len(painted) >= count:
            assert released.wait(PATIENCE)
        painted.append(paint(self, frame))
        return painted[-1]

    monkeypatch.setattr(Fading, "paint", held)
    return released.set


def seen(path):
    """Return number of frames, duration in seconds, size and codec of a video, as FFmpeg reads it."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        count = sum(1 for _ in container.decode(stream))
        return count, float(Fraction(container.duration, 1_000_000)), (stream.width, stream.height), stream.codec.name


# -- clips -------------------------------------------------------------------------------------------------------------


def test_a_clip_says_what_it_is_whether_its_file_declares_that_or_not(tmp_path, clip):
    other = write_clip(tmp_path / "clip.mkv", moving(6, 64, 48), rate=12)
    assert open_clip(other).declared_frames == 0
    facts = [read_clip(LIMITS, path)[1] for path in (clip, other)]
    assert [one[:3] for one in facts] == [(96, 64, 4), (64, 48, 6)]
    assert [one.seconds for one in facts] == pytest.approx([0.5, 0.5], abs=0.01)
    assert [one.rate for one in facts] == pytest.approx([8, 12], abs=0.2)


def test_the_frame_of_a_time_is_that_of_the_clip(clip):
    opened = open_clip(clip)
    frame = np.asarray(PIL.Image.open(io.BytesIO(frame_png(opened, 0.3))), int)
    errors = [np.abs(frame - wanted).mean() for wanted in moving(FRAMES, 96, 64)]
    assert int(np.argmin(errors)) == 2
    with pytest.raises(InputError, match=r"^Mein Film.mp4 ends after 0.5 s: there is no frame at 9 s$"):
        frame_png(opened, 9.0)


@pytest.mark.parametrize(
    ("content", "limits", "words"),
    [
        (b"no film at all" * 9, LIMITS, "bad.mp4 is not a video that can be read"),
        (b"", LIMITS, "bad.mp4 is empty"),
        (None, Limits(max_pixels=10_000, max_bytes=1000), "bad.mp4 has .* MB, and this studio takes up to 0.001"),
        (None, Limits(max_pixels=6000, max_bytes=10**9), "bad.mp4 has 96 x 64 pixels, 0.00614 megapixels"),
    ],
)
def test_a_clip_that_cannot_be_painted_is_refused_in_one_line_without_its_folder(
    tmp_path, clip, content, limits, words
):
    path = tmp_path / "bad.mp4"
    path.write_bytes(clip.read_bytes() if content is None else content)
    with pytest.raises(InputError, match=f"^{words}") as raised:
        read_clip(limits, path)
    assert str(tmp_path) not in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(("size", "wanted", "even"), [((97, 65), 200, (96, 64)), ((96, 64), 200, (96, 64))])
def test_a_film_has_even_sides_which_every_browser_shows(tmp_path, small, size, wanted, even):
    path = write_clip(tmp_path / "odd.mp4", moving(2, *size), pixels="yuv444p")
    _, found = film_recipe(small.with_changes(size=wanted), open_clip(path))
    assert found == even


# -- the queue ---------------------------------------------------------------------------------------------------------


def test_a_film_is_painted_in_the_queue_and_has_the_frames_and_the_duration_of_its_clip(open_studio, clip, order):
    studio = open_studio()
    job = studio.submit_film(order)
    assert job.wait(PATIENCE)
    assert (job.state, job.message) == ("finished", "")
    assert seen(job.result()) == (4, pytest.approx(0.5, abs=0.01), (48, 32), "h264")
    (entry,) = studio.list_runs()
    assert (entry.is_film, entry.status, entry.content, entry.step, entry.steps) == (
        True,
        "finished",
        "Mein Film",
        4,
        4,
    )
    assert entry.picture.name == "latest.png"
    assert read_metadata(entry.picture)["recipe"]["picture"]["size"] == 48
    assert not (entry.path / "film").exists()
    with pytest.raises(InputError, match="is finished"):
        studio.resume(job.name)


def test_a_part_of_a_clip_is_painted_and_every_second_frame_is_shown_twice_as_long(open_studio, order):
    studio = open_studio()
    jobs = [studio.submit_film(order._replace(**part)) for part in ({"start": 0.25, "end": 9.0}, {"every": 2})]
    assert all(job.wait(PATIENCE) for job in jobs)
    assert [seen(job.result())[:2] for job in jobs] == [
        (2, pytest.approx(0.25, abs=0.01)),
        (2, pytest.approx(0.5, abs=0.01)),
    ]


def test_what_cannot_be_painted_is_refused_and_leaves_nothing(open_studio, workspace, order):
    studio = open_studio()
    for change, words in (
        ({"start": 0.6}, "the film would begin at 0.6 s and end at 0.5 s: let it end later"),
        ({"styles": ["nothing-of-this-name"]}, "nothing-of-this-name"),
    ):
        with pytest.raises(InputError, match=words):
            studio.submit_film(order._replace(**change))
    assert list(workspace.runs.iterdir()) == []


def test_the_same_film_is_not_painted_twice_at_a_time(open_studio, order, monkeypatch):
    release, studio = held_frames(monkeypatch, 0), open_studio()
    first, again = studio.submit_film(order), studio.submit_film(order)
    other = studio.submit_film(order._replace(every=2))
    assert first is again
    assert other is not first
    release()
    assert first.wait(PATIENCE)


def test_a_stopped_film_keeps_its_frames_and_goes_on_with_the_next_one(open_studio, order, monkeypatch):
    release, studio = held_frames(monkeypatch, 2), open_studio()
    job = studio.submit_film(order)
    until(lambda: job.monitor.progress().step == 2, "two frames are painted")
    assert job.monitor.pace > 0
    job.stop()
    release()
    assert job.wait(PATIENCE)
    (entry,) = studio.list_runs()
    assert (job.state, entry.status, entry.step, entry.steps) == ("stopped", "stopped", 3, 4)
    before = {path.name: path.stat().st_mtime_ns for path in frame_files(job.path)}
    assert len(before) == 3

    kept, remove = {}, shutil.rmtree
    monkeypatch.setattr(
        "impasto.video.folder.shutil.rmtree",
        lambda path, **options: (
            kept.update({file.name: file.stat().st_mtime_ns for file in path.glob("*.png")}),
            remove(path, **options),
        ),
    )
    again = studio.resume(job.name)
    assert again.wait(PATIENCE)
    assert again.state == "finished"
    assert seen(again.result())[0] == 4
    assert {name: kept[name] for name in before} == before


def test_a_film_that_is_canceled_before_its_first_frame_is_gone(open_studio, workspace, order, monkeypatch):
    release, studio = held_frames(monkeypatch, 0), open_studio()
    first, second = studio.submit_film(order), studio.submit_film(order._replace(every=3))
    second.stop()
    assert [entry.name for entry in studio.list_runs()] == [first.name]
    release()
    assert first.wait(PATIENCE)


def test_a_picture_does_not_wait_for_a_film_which_goes_on_afterwards(open_studio, order, pictures, small, monkeypatch):
    release, studio = held_frames(monkeypatch, 1), open_studio()
    film = studio.submit_film(order)
    until(lambda: film.monitor.progress().step == 1, "a frame is painted")
    picture = studio.submit(*pictures, small)
    release()
    assert picture.wait(PATIENCE)
    assert (picture.state, film.has_ended) == ("finished", False)
    assert film.wait(PATIENCE)
    assert seen(film.result())[0] == 4


def test_an_unfinished_film_goes_on_after_a_restart_and_a_stopped_one_on_demand(
    open_studio, order, monkeypatch, start_closing
):
    release, studio = held_frames(monkeypatch, 1), open_studio()
    film, waiting = studio.submit_film(order), studio.submit_film(order._replace(every=2))
    until(lambda: film.monitor.progress().step == 1, "a frame is painted")
    closing = start_closing(studio)
    release()
    closing.join(PATIENCE)
    assert not film.has_ended
    assert len(frame_files(film.path)) < FRAMES
    again = open_studio()
    jobs = [again.job(job.name) for job in (film, waiting)]
    assert all(job.wait(PATIENCE) for job in jobs)
    assert [seen(job.result())[0] for job in jobs] == [4, 2]


def test_a_film_that_fails_says_why_and_goes_on_later(open_studio, order, monkeypatch):
    paint = Fading.paint

    def fail(self, frame):
        raise MemoryError

    monkeypatch.setattr(Fading, "paint", fail)
    studio = open_studio()
    job = studio.submit_film(order)
    assert job.wait(PATIENCE)
    assert job.state == "failed"
    assert "memory" in job.message
    assert ";" not in job.message
    assert studio.list_runs()[0].status == "failed"
    monkeypatch.setattr(Fading, "paint", paint)
    again = studio.resume(job.name)
    assert again.wait(PATIENCE)
    assert again.state == "finished"


def test_stop_and_set_aside_reach_a_film_within_a_step(open_studio, order, monkeypatch, pictures, small):
    monkeypatch.undo()
    monkeypatch.setattr("impasto.video.film.choose_flow", lambda _: ("dis", ""))
    held, released, steps = threading.Event(), threading.Event(), []
    paint = Painter.paint

    def slow(self):
        for event in paint(self):
            steps.append(event)
            if len(steps) == 3:
                held.set()
                assert released.wait(PATIENCE)
            yield event

    monkeypatch.setattr(Painter, "paint", slow)
    studio = open_studio()
    job = studio.submit_film(order._replace(recipe=small.with_changes(steps=100_000, init="content")))
    assert held.wait(PATIENCE)
    picture = studio.submit(*pictures, small)
    released.set()
    assert picture.wait(PATIENCE)
    assert picture.state == "finished"
    job.stop()
    assert job.wait(PATIENCE)
    assert (job.state, frame_files(job.path)) == ("stopped", [])


def test_a_film_that_is_stopped_while_it_is_written_keeps_its_frames(open_studio, order, monkeypatch):
    show = FilmMonitor.show

    def stop_writing(self, phase, done, frames, pace=None):
        show(self, phase, done, frames, pace)
        if phase == "writing" and done == 2:
            studio.jobs()[0].stop()

    monkeypatch.setattr(FilmMonitor, "show", stop_writing)
    studio = open_studio()
    job = studio.submit_film(order)
    assert job.wait(PATIENCE)
    (entry,) = studio.list_runs()
    assert (job.state, entry.step, job.result()) == ("stopped", 4, None)
    assert entry_text(entry, "en") == "All 4 frames are painted and kept: go on to write the film"
    assert not list(job.path.glob("*.tmp"))
    monkeypatch.setattr(FilmMonitor, "show", show)
    again = studio.resume(job.name)
    assert again.wait(PATIENCE)
    assert seen(again.result())[0] == 4


def test_a_studio_that_was_killed_while_a_clip_was_copied_removes_what_it_left(open_studio, workspace):
    left, other = workspace.runs / "20260101-101010-sea-night", workspace.runs / "mine"
    for path, file in ((left, "clip.mp4"), (other, "diary.txt")):
        path.mkdir()
        (path / file).write_bytes(b"half")
    open_studio()
    assert [path.name for path in workspace.runs.iterdir()] == ["mine"]


def test_the_queue_lists_what_is_painted_first_and_then_in_the_order_of_the_queue(
    open_studio, order, pictures, small, hold_after
):
    studio = open_studio()
    hold = hold_after(1)
    first = studio.submit(*pictures, small)
    hold.wait()
    film = studio.submit_film(order)
    second = studio.submit(*pictures, small.with_changes(seed=2))
    assert studio.jobs() == [first, second, film]


def test_a_clip_that_is_gone_or_too_long_is_refused_in_one_line(clip, tmp_path):
    with pytest.raises(InputError, match=r"^the studio does not have this clip any more: drop it again$"):
        read_clip(LIMITS, tmp_path / "gone.mp4")
    other = write_clip(tmp_path / "clip.mkv", moving(6, 64, 48), rate=12)
    for path in (clip, other):
        with pytest.raises(InputError, match=r"has more frames than the 3 that this studio takes: cut it$"):
            read_clip(Limits(max_pixels=10_000, max_bytes=1_000_000, max_frames=3), path)


@pytest.mark.parametrize("name", ["long.mp4", "long.mkv", "long.gif"])
def test_a_frame_is_found_without_decoding_all_before_it(tmp_path, monkeypatch, name):
    pictures, path = moving(100, 64, 48), tmp_path / name
    if name.endswith("gif"):
        images = [PIL.Image.fromarray(one) for one in pictures]
        images[0].save(path, save_all=True, append_images=images[1:], duration=100)
    else:
        write_clip(path, pictures, rate=10, options={"g": "5"})
    opened, decoded = open_clip(path), []
    convert = video_file._decoded
    monkeypatch.setattr(video_file, "_decoded", lambda *given: (decoded.append(1) or one for one in convert(*given)))
    for seconds in (0.0, 0.05, 4.55, 9.0, 9.95):
        decoded.clear()
        frame = np.asarray(PIL.Image.open(io.BytesIO(frame_png(opened, seconds))), int)
        errors = [np.abs(frame - wanted).mean() for wanted in pictures]
        assert int(np.argmin(errors)) == int(seconds * 10 + 1e-6)
        assert len(decoded) < 40


def test_notices_of_a_clip_name_the_visitors_file(open_studio, order, tmp_path):
    path = tmp_path / "Das Meer.gif"
    images = [PIL.Image.fromarray(one).convert("RGBA") for one in moving(3, 96, 64)]
    images[1].putalpha(0)
    images[0].putalpha(0)
    images[0].save(path, save_all=True, append_images=images[1:], duration=100, disposal=2)
    job = open_studio().submit_film(order._replace(clip=path))
    assert job.wait(PATIENCE)
    assert job.monitor.notice == "Das Meer.gif has transparent places: they are painted on white"
    assert "有透明处" in notice_text(job, "zh")


def test_a_failure_names_the_files_as_the_visitor_gave_them(open_studio, order, clip, tmp_path, monkeypatch):
    paint = Fading.paint

    def fail(self, frame):
        (run,) = studio.workspace.runs.iterdir()
        raise RunError(f"{run / 'clip.mp4'} is not the clip that it was, nor {run / 'style-1.png'} the style")

    own = tmp_path / "Meine Farben.png"
    PIL.Image.new("RGB", (32, 32)).save(own)
    monkeypatch.setattr(Fading, "paint", fail)
    studio = open_studio()
    job = studio.submit_film(order._replace(styles=[own]))
    assert job.wait(PATIENCE)
    assert job.message.startswith("Mein Film.mp4 is not the clip that it was, nor Meine Farben.png the style;")
    assert FilmRecord.load(job.path).problem == job.message

    monkeypatch.setattr(Fading, "paint", paint)
    (job.path / "clip.mp4").unlink()
    again = studio.resume(job.name)
    assert again.wait(PATIENCE)
    assert again.message == "Mein Film.mp4 does not exist"


def test_what_is_said_when_a_film_is_written_names_the_visitors_file(open_studio, order, tmp_path):
    path = write_clip(tmp_path / "Das Meer.mkv", moving(FRAMES, 96, 64), rate=8, sound="pcm_s16le")
    job = open_studio().submit_film(order._replace(clip=path))
    assert job.wait(PATIENCE)
    assert job.message == "the sound of Das Meer.mkv (pcm_s16le) was converted to aac, which the film can hold"


def test_a_film_that_failed_says_why_after_a_restart(open_studio, order, monkeypatch):
    monkeypatch.setattr("impasto.video.scene_worker.scene_painter", lambda *given, **_: Failing(given[3]))
    studio = open_studio()
    assert studio.submit_film(order).wait(PATIENCE)
    studio.close()
    (entry,) = open_studio().list_runs()
    assert entry_text(entry, "en").startswith("This did not work: the loss has no finite value")


def test_the_time_of_a_film_depends_on_the_method():
    assert film_seconds("instant", 2.0, 11) == pytest.approx(22.0)
    assert film_seconds("optimize", 2.0, 11) == pytest.approx(9.0)


def test_a_film_is_renamed_and_deleted_like_a_picture(open_studio, workspace, order):
    studio = open_studio()
    job = studio.submit_film(order)
    assert job.wait(PATIENCE)
    workspace.rename(job.name, "The sea")
    assert studio.list_runs()[0].title == "The sea"
    (workspace.exports / f"{job.name}.mp4").write_bytes(b"")
    studio.delete(job.name)
    assert [*workspace.runs.iterdir(), *workspace.exports.glob("*.mp4")] == []


def test_a_damaged_record_is_a_damaged_run(open_studio, workspace, order):
    studio = open_studio()
    job = studio.submit_film(order)
    assert job.wait(PATIENCE)
    (job.path / "film-record.json").write_text('{"format": 1, "clip": "../../secret"}')
    with pytest.raises(InputError, match=r"^film-record.json is damaged"):
        FilmRecord.load(job.path)
    assert studio.list_runs()[0].status == "damaged"

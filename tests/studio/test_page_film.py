"""The tab of films in a real browser: a clip, a preview, the film in the queue, stopping and going on, bad files."""

import re
import sys
import threading
from fractions import Fraction

import av
import pytest
from page_tools import recipe_png, until
from patience import PATIENCE
from tests.video.painters import Fading, Failing, fading, moving, write_clip

from impasto.studio import Studio, Workspace
from impasto.studio.film_record import frame_files
from impasto.studio.page import build_page
from impasto.studio.page.widgets import TimeSlider

FRAMES = 4
PHONE = {"viewport": {"width": 390, "height": 844}, "is_mobile": True, "has_touch": True}


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    """Four frames of 96 x 64 in half a second."""
    return write_clip(tmp_path_factory.mktemp("clip") / "harbor.mp4", moving(FRAMES, 96, 64), rate=8)


@pytest.fixture(autouse=True)
def quick_flow(monkeypatch):
    monkeypatch.setattr("impasto.video.film.choose_flow", lambda _: ("dis", ""))
    monkeypatch.setattr("os.fsync", lambda _: None)


@pytest.fixture
def held_after(monkeypatch):
    """Let frames be inverted, which is quick, and none be painted after so many until the returned event is set."""

    allowed = [0]

    def hold(count):
        released, painted, paint = threading.Event(), [], Fading.paint
        allowed[0] = count

        def held(self, frame):
            until(lambda: released.is_set() or len(painted) < allowed[0], "the next frame may be painted")
            painted.append(1)
            return paint(self, frame)

        monkeypatch.setattr("impasto.video.scene_worker.scene_painter", fading)
        monkeypatch.setattr(Fading, "paint", held)
        return released

    hold.allow = lambda count: allowed.__setitem__(0, count)
    return hold


def give(page, file):
    page.page.locator("#film-clip input[type=file]").set_input_files(file)


def open_film(page, clip, style="night"):
    """Choose a style and a cheap recipe on the tab Paint, and drop a clip on the tab Film."""
    page.choose_styles(style)
    page.drop_png(recipe_png(steps=2, size=64))
    until(lambda: page.value("size") == 64, "the settings are shown")
    page.toast()
    page.close_toast()
    page.open_tab("Film")
    give(page, clip)
    page.page.locator("#film-frame img").wait_for()


def text(page, name):
    return " ".join(" ".join(page.page.locator(f"#{name} :is(p, li)").all_inner_texts()).split())


def facts(path):
    with av.open(str(path)) as container:
        count = sum(1 for _ in container.decode(video=0))
        return count, float(Fraction(container.duration, 1_000_000))


def test_a_clip_is_previewed_painted_watched_and_downloaded(visit, server, clip):
    page = visit()
    open_film(page, clip)
    assert text(page, "film-facts") == "96 × 64 · 0.5 s · 8 frames per second · 4 frames"
    assert text(page, "film-style") == "From the tab Paint: night · default · strength 50 · colors 100 · size 64"
    page.set("film-time", 0.25)
    page.click("film-try")
    panes = page.page.locator("#film-preview figure")
    until(lambda: panes.all_inner_texts() == ["Frame of the clip", "Painted"], "both are shown side by side")
    until(lambda: "4 frames · about" in text(page, "film-estimate"), "the time of the film is estimated")
    entry = server.newest()
    assert (entry.is_film, entry.content, entry.styles, entry.recipe.picture.size) == (
        False, "harbor 0.25 s", ("night",), 64,
    )  # fmt: skip

    page.click("film-paint")
    page.page.locator("#film-video video").wait_for()
    until(lambda: text(page, "film-view") == "Painted: 4 frames", "it says so")
    shown = "(one => [one.readyState > 0 && one.duration, one.videoWidth])(document.querySelector('#film-video video'))"
    until(lambda: page.page.evaluate(shown) == [0.5, 64], "the browser can show it")
    assert facts(page.download("film-download")) == facts(clip) == (FRAMES, pytest.approx(0.5))
    assert "common." not in page.page.locator("body").inner_text()
    film = server.newest()
    assert (film.is_film, film.status) == (True, "finished")
    files = {path.relative_to(server.workspace).parts[0] for path in server.workspace.rglob("*") if path.is_file()}
    assert files <= {"runs", "exports", "uploads", "styles", "studio.lock"}


def test_a_film_in_the_queue_is_shown_stopped_and_goes_on_from_the_tab(visit, server, clip, held_after):
    released, page = held_after(2), visit()
    open_film(page, clip)
    page.click("film-paint")
    until(lambda: "Frame 3 of 4 · " in text(page, "film-view"), "two frames are painted")
    assert text(page, "film-view").endswith("s left")
    page.page.locator("#film-view img").wait_for()
    page.open_tab("Paint")
    queue = page.page.locator("#queue li")
    until(lambda: "harbor + night" in text(page, "queue") and "Frame 3 of 4" in text(page, "queue"), "it is listed")
    assert queue.get_by_role("button").all_inner_texts() == ["Show", "Stop"]
    queue.get_by_role("button", name="Show").click()
    page.page.locator("#film-view img").wait_for()
    page.click("film-stop")
    until(lambda: text(page, "film-view").endswith("Stopping…"), "it is said that it stops")
    released.set()
    until(lambda: text(page, "film-view").endswith("Stopped after 3 of 4 frames, which are kept"), "it is stopped")
    film = server.newest()
    before = [path.stat().st_mtime_ns for path in frame_files(film.path)]
    assert len(before) == 3
    page.click("film-go-on")
    page.page.locator("#film-video video").wait_for()
    assert server.newest().status == "finished"
    assert facts(page.download("film-download"))[0] == FRAMES


def test_a_stopped_film_goes_on_from_the_history_of_a_page_that_was_opened_later(visit, server, clip, held_after):
    released, page = held_after(1), visit()
    open_film(page, clip, "knife")
    page.click("film-paint")
    until(lambda: "Frame 2 of 4" in text(page, "film-view"), "a frame is painted")
    job = server.newest_job()
    job.stop()
    released.set()
    assert job.wait(PATIENCE)
    assert job.state == "stopped"
    later = visit()
    later.choose_newest_run()
    assert "film, stopped" in text(later, "details")
    assert not later.page.locator("#go-on").is_visible()
    later.click("go-on-film")
    later.page.locator("#film-video video").wait_for()
    assert server.newest().status == "finished"
    later.choose_newest_run()
    later.click("show-film")
    later.page.locator("#film-video video").wait_for()


def test_a_file_that_is_no_clip_gets_one_line_and_leaves_the_slot_empty(visit, tmp_path, clip, hills):
    page = visit()
    page.open_tab("Film")
    bad = tmp_path / "bad.mp4"
    bad.write_bytes(clip.read_bytes()[:400])
    for file, words in ((bad, "bad.mp4 is not a video that can be read"), (hills, "hills.jpg is a single picture")):
        give(page, file)
        message = page.toast()
        assert words in message
        assert str(tmp_path) not in message
        assert "/uploads" not in message
        page.close_toast()
        until(lambda: page.page.locator("#film-clip input[type=file]").count(), "the slot is empty again")
        assert not page.page.locator("#film-order").is_visible()


def test_without_a_style_a_line_says_so(visit, clip, server):
    page, before = visit(), len(server.studio.list_runs())
    page.open_tab("Film")
    give(page, clip)
    page.page.locator("#film-frame img").wait_for()
    for button in ("film-try", "film-paint"):
        page.click(button)
        assert "Choose a style first." in page.toast()
        page.close_toast()
    assert len(server.studio.list_runs()) == before


@pytest.mark.parametrize(("language", "options"), [("en-US", {}), ("zh-CN", {"color_scheme": "dark"} | PHONE)])
def test_axe_finds_nothing_wrong_and_nothing_is_wider_than_the_screen(visit, clip, held_after, language, options):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    held_after(FRAMES)
    page = visit(locale=language, **options)

    def violations():
        page.page.add_style_tag(content="* { transition: none !important }")
        found = axe.run(page.page, options={"rules": {"target-size": {"enabled": True}}}).response["violations"]
        return [(one["id"], [node["html"][:200] for node in one["nodes"]]) for one in found]

    page.choose_styles("night")
    page.open_tab("Film" if language == "en-US" else "影片")
    give(page, clip)
    page.page.locator("#film-frame img").wait_for()
    assert violations() == []
    page.click("film-paint")
    until(lambda: re.search(r"(Painted: |共 )4", text(page, "film-view")), "it is painted")
    page.page.locator("#film-video video").wait_for()
    assert violations() == []
    assert page.page.evaluate("document.documentElement.scrollWidth") <= page.page.viewport_size["width"]


def test_without_pyav_the_tab_says_how_to_install_it(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "impasto.studio.page.film", None)
    monkeypatch.delattr("impasto.studio.page.film", raising=False)
    with Studio(Workspace(tmp_path)) as studio:
        blocks, _ = build_page(studio)
    names = {getattr(block, "elem_id", None) for block in blocks.blocks.values()}
    assert "film-needs" in names
    assert "film-clip" not in names


def test_a_clip_that_the_studio_has_deleted_gets_one_line_and_leaves_the_slot_empty(visit, server, clip):
    page = visit()
    open_film(page, clip)
    for path in (server.workspace / "uploads").rglob("harbor.mp4"):
        path.unlink()
    page.click("film-paint")
    assert "the studio does not have this clip any more: drop it again" in page.toast()
    page.close_toast()
    until(lambda: page.page.locator("#film-clip input[type=file]").count(), "the slot is empty again")
    assert not page.page.locator("#film-order").is_visible()


def test_the_time_of_a_long_clip_can_be_chosen_after_the_studio_has_forgotten_the_page(visit, clip, tmp_path):
    slider = TimeSlider(0, 1)
    assert (slider.preprocess(3.25), slider.preprocess(None)) == (3.25, 0.0)
    page = visit()
    page.open_tab("Film")
    give(page, write_clip(tmp_path / "long.mp4", moving(20, 96, 64), rate=4))
    image = page.page.locator("#film-frame img")
    image.wait_for()
    before = image.get_attribute("src")
    page.set("film-time", 3.5)
    until(lambda: image.get_attribute("src") != before, "another frame is shown")


def test_a_preview_stays_when_the_time_is_moved_and_counts_for_its_settings_only(visit, server, clip):
    page = visit()
    open_film(page, clip)
    page.click("film-try")
    panes = page.page.locator("#film-preview figure")
    until(lambda: panes.count() == 2, "the preview is painted")
    page.set("film-time", 0.3)
    page.page.locator("#film-frame img").wait_for()
    assert panes.count() == 2
    until(lambda: "4 frames · about" in text(page, "film-estimate"), "the time of the film is estimated")
    page.open_tab("Paint")
    page.set("strength", 80)
    page.open_tab("Film")
    until(lambda: "Preview a frame to learn" in text(page, "film-estimate"), "the time is not known any more")


def test_a_picture_that_is_zoomed_keeps_place_and_focus_when_the_next_frame_is_painted(visit, clip, held_after):
    released, page = held_after(1), visit()
    open_film(page, clip)
    page.click("film-paint")
    linked = page.page.locator("#film-view .linked")
    linked.wait_for()
    linked.focus()
    linked.press("+")
    linked.press("+")
    look = "(one => [one.querySelector('img').style.transform, document.activeElement === one])"
    before = linked.evaluate(look)
    source = page.page.locator("#film-view img").get_attribute("src")
    held_after.allow(2)
    until(lambda: page.page.locator("#film-view img").get_attribute("src") != source, "the next frame is shown")
    assert linked.evaluate(look) == before == [before[0], True]
    assert "scale(1.44)" in before[0]
    assert "%" in page.page.locator("#announcer").inner_text()
    released.set()
    page.page.locator("#film-video video").wait_for()
    until(lambda: page.page.locator("#announcer").inner_text() == "Painted: 4 frames", "the end is announced")


def test_a_reload_does_not_stop_the_film_that_the_page_shows(visit, server, clip, held_after, monkeypatch):
    monkeypatch.setattr("impasto.studio.job.GRACE_SECONDS", 3.0)
    monkeypatch.setattr(server.studio, "on_close", "cancel")
    released, page = held_after(1), visit()
    open_film(page, clip)
    page.click("film-paint")
    until(lambda: "Frame 2 of 4" in text(page, "film-view"), "a frame is painted")
    job = server.newest_job()
    page.page.reload()
    page.page.wait_for_timeout(5000)
    assert not getattr(job, "is_stopping", False)
    released.set()
    assert job.wait(PATIENCE)
    assert job.state == "finished"


def test_a_failed_film_says_why_and_is_deleted_after_a_question(visit, server, clip, monkeypatch):
    monkeypatch.setattr("impasto.video.scene_worker.scene_painter", lambda *given, **_: Failing(given[3]))
    page = visit()
    open_film(page, clip)
    page.click("film-paint")
    until(lambda: "This did not work: the loss has no finite value" in text(page, "film-view"), "it says why")
    name = server.newest().name
    page.click("film-delete")
    page.page.locator("#film-delete-no").click()
    page.click("film-delete")
    page.page.locator("#film-delete-yes").click()
    until(lambda: name not in [entry.name for entry in server.studio.list_runs()], "it is deleted")

"""A workspace, two small pictures as files, a recipe that is painted in a moment, and runs held after a step."""

import threading
from dataclasses import dataclass, field

import PIL.Image
import pytest
from page_tools import DESKTOP, Visit, photo_of, served, until
from patience import PATIENCE

from impasto.errors import InputError
from impasto.events import LevelStarted, Step
from impasto.images import quantize
from impasto.recipe import Recipe
from impasto.studio import Studio, Workspace
from impasto.studio.job import JobMonitor


@dataclass
class Hold:
    """Holds one run right after a step until it is released; step 0: before the first one."""

    step: int
    reached: threading.Event = field(default_factory=threading.Event)
    released: threading.Event = field(default_factory=threading.Event)

    def wait(self) -> None:
        assert self.reached.wait(PATIENCE)

    def release(self) -> None:
        self.released.set()


@pytest.fixture
def small() -> Recipe:
    return Recipe(
        size=48, steps=4, levels=1, init="noise", content_layers="conv2_1", style_layers="conv1_1,conv2_1",
        style_losses="gram", threads=1, device="cpu", precision="fp32",
    )  # fmt: skip


@pytest.fixture
def pictures(tmp_path, photo, painting):
    """Paths of a photo (64 x 48) and a painting (56 x 64)."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    PIL.Image.fromarray(quantize(photo)).save(folder / "Mein Hund.png")
    PIL.Image.fromarray(quantize(painting)).save(folder / "waves.png")
    return folder / "Mein Hund.png", folder / "waves.png"


@pytest.fixture
def with_position():
    """Return a function that saves a picture as a JPEG with an artist and a position in its EXIF data."""

    def save(picture, path):
        exif = PIL.Image.Exif()
        exif[0x013B] = "Ada"
        exif[0x8825] = {1: "N", 2: (48.0, 8.0, 12.0), 3: "E", 4: (11.0, 34.0, 5.0)}
        PIL.Image.open(picture).convert("RGB").save(path, exif=exif)
        return path

    return save


@pytest.fixture
def workspace(tmp_path) -> Workspace:
    return Workspace(tmp_path / "studio")


@pytest.fixture
def open_studio(workspace):
    """Open a studio in the workspace; it is closed at the end of the test."""
    opened = []

    def start(**options) -> Studio:
        studio = Studio(workspace, **options)
        opened.append(studio)
        return studio

    yield start
    for studio in opened:
        studio.close()


@pytest.fixture
def hold_after(monkeypatch, open_studio):
    """Return a function that holds the next run after a step; all runs are released before the studios close."""
    holds = []

    def hold(step: int) -> Hold:
        holds.append(Hold(step))
        return holds[-1]

    record = JobMonitor.record

    def recorded(self, event):
        record(self, event)
        for hold in holds:
            reached = isinstance(event, Step) or (isinstance(event, LevelStarted) and event.step == 0)
            if reached and event.step == hold.step and not hold.reached.is_set():
                hold.reached.set()
                assert hold.released.wait(PATIENCE)

    monkeypatch.setattr(JobMonitor, "record", recorded)
    yield hold
    for hold in holds:
        hold.release()


@pytest.fixture
def paint_to(hold_after, pictures, small):
    """Return a function that submits a job and returns it, held after a step, with its hold."""

    def start(studio, step, **changes):
        hold = hold_after(step)
        job = studio.submit(*pictures, small.with_changes(**changes))
        hold.wait()
        return job, hold

    return start


@pytest.fixture
def start_closing():
    """Return a function that closes a studio in a thread, and returns the thread once no more jobs are accepted."""

    def start(studio):
        thread = threading.Thread(target=studio.close)
        thread.start()

        def is_closing():
            try:
                studio.repeat("none")
            except InputError as error:
                return "closing" in str(error)

        until(is_closing, "the studio is about to close")
        return thread

    return start


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """A studio that is served to the tests of a module."""
    pytest.importorskip("gradio")
    with served(tmp_path_factory.mktemp("served")) as running:
        yield running


@pytest.fixture(scope="module")
def hills(tmp_path_factory):
    """The path of a small photo with a position in its EXIF data."""
    return photo_of(tmp_path_factory.mktemp("photo"))


@pytest.fixture(scope="module")
def tab(browser):
    """A tab that is kept between tests: loading the page in a new one takes much longer."""
    context = browser.new_context(**DESKTOP)
    yield context.new_page()
    context.close()


@pytest.fixture
def visit(server, browser, tab):
    """Return a function that opens the page, in the kept tab first, then in others, with options in another browser.

    At the end all jobs are stopped. No page may have had errors or asked another host.
    """
    visits, opened = [], []

    def enter(**options) -> Visit:
        page = tab
        if options:
            opened.append(browser.new_context(**DESKTOP | options))
            page = opened[-1].new_page()
        elif visits:
            opened.append(page := tab.context.new_page())
        visits.append(Visit(page, server))
        return visits[-1].open()

    yield enter
    for one in visits:
        one.leave()
    for one in opened:
        one.close()
    server.rest()
    assert [one.problems + one.strangers for one in visits] == [[]] * len(visits)

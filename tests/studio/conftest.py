"""A workspace, two small pictures as files, a recipe that is painted in a moment, and a brush that can be held."""

import threading
from dataclasses import dataclass, field

import PIL.Image
import pytest
from page_tools import Visit, photo_of, served
from patience import PATIENCE

from impasto.events import Step
from impasto.images import quantize
from impasto.recipe import Recipe
from impasto.studio import Studio, Workspace
from impasto.studio.job import JobMonitor

FIELDS = {
    "size": 48,
    "steps": 4,
    "levels": 1,
    "init": "noise",
    "content_layers": "conv2_1",
    "style_layers": "conv1_1,conv2_1",
    "style_losses": "gram",
    "threads": 1,
    "device": "cpu",
    "precision": "fp32",
}


@dataclass
class Brush:
    """Holds whoever paints right after a step, once, until it is let go; step 0: before the first one."""

    step: int
    held: threading.Event = field(default_factory=threading.Event)
    free: threading.Event = field(default_factory=threading.Event)

    def wait(self) -> None:
        assert self.held.wait(PATIENCE)

    def let_go(self) -> None:
        self.free.set()


@pytest.fixture
def small() -> Recipe:
    return Recipe().with_changes(**FIELDS)


@pytest.fixture
def pictures(tmp_path, photo, painting):
    """Paths of a photo (64 x 48) and a painting (56 x 64)."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    PIL.Image.fromarray(quantize(photo)).save(folder / "Mein Hund.png")
    PIL.Image.fromarray(quantize(painting)).save(folder / "waves.png")
    return folder / "Mein Hund.png", folder / "waves.png"


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
    """Return a function that makes the next run wait after a step; whatever is held goes on before studios close."""
    brushes = []

    def hold(step: int) -> Brush:
        brush = Brush(step)
        brushes.append(brush)
        return brush

    record = JobMonitor.record

    def heard(self, event):
        record(self, event)
        for brush in brushes:
            step = event.step if isinstance(event, Step) or not getattr(event, "step", 1) else None
            if step == brush.step and not brush.held.is_set():
                brush.held.set()
                assert brush.free.wait(PATIENCE)

    monkeypatch.setattr(JobMonitor, "record", heard)
    yield hold
    for brush in brushes:
        brush.let_go()


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """A studio that is served to the tests of a module."""
    pytest.importorskip("gradio")
    with served(tmp_path_factory.mktemp("served")) as running:
        yield running


@pytest.fixture(scope="module")
def hills(tmp_path_factory):
    """The path of a small photo that says where it was taken."""
    return photo_of(tmp_path_factory.mktemp("photo"))


@pytest.fixture
def visit(server, browser):
    """Return a function that opens the page in a browser of its own; nothing may go wrong there, or leave the machine.

    Whatever is being painted when the test ends is stopped.
    """
    opened = []

    def enter(**about) -> Visit:
        context = browser.new_context(**{"viewport": {"width": 1280, "height": 900}, "locale": "en-US"} | about)
        visit = Visit(context.new_page(), server)
        opened.append((context, visit))
        return visit.open()

    yield enter
    for context, _ in opened:
        context.close()
    server.rest()
    assert [visit.problems + visit.strangers for _, visit in opened] == [[]] * len(opened)

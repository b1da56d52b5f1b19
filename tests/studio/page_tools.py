"""A studio that is served for tests, and how they work its page."""

import contextlib
import inspect
import io
import os
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import PIL.Image
from patience import PATIENCE

from impasto.images import plate_path
from impasto.recipe import Recipe

MILLISECONDS = PATIENCE * 1000
FEW, MANY = 12, 4000
"""Steps that are painted in a moment, and more than any test waits for."""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@dataclass
class Server:
    """A studio that is served; `runs` is the folder of its runs, `blocks` Gradio's page.

    One that another process serves has neither a studio nor blocks here.
    """

    url: str
    workspace: Path
    studio: Any = None
    blocks: Any = None

    @property
    def runs(self) -> Path:
        return self.workspace / "runs"

    def newest(self) -> Any:
        return self.studio.list_runs()[0]

    def rest(self) -> None:
        """Stop whatever waits or is painted."""
        for entry in self.studio.list_runs():
            if (job := self.studio.job(entry.name)) is not None:
                job.stop()
                assert job.wait(PATIENCE)


@contextlib.contextmanager
def served(folder: Path, **options: Any) -> Iterator[Server]:
    """Serve a studio from a folder until the block ends."""
    from impasto.studio import Studio, Workspace
    from impasto.studio.server import ServerOptions, prepare_gradio, serve

    before = dict(os.environ)
    prepare_gradio(folder)
    # Gradio asks a function whether it is a generator; what the checker of types has wrapped denies it.
    from impasto.studio.page.build import _Builder

    _Builder._follow = inspect.unwrap(_Builder._follow)
    port = free_port()
    with Studio(Workspace(folder), on_close="go_on") as studio:
        blocks = serve(studio, ServerOptions(port=port, **options), block=False)
        server = Server(f"http://127.0.0.1:{port}", folder, studio, blocks)
        try:
            yield server
        finally:
            server.rest()
            blocks.close(verbose=False)
            # What was set for Gradio is undone.
            os.environ.clear()
            os.environ.update(before)


def photo_of(folder: Path) -> Path:
    """Write a small photo with a place and a camera in its EXIF data."""
    path = folder / "hills.jpg"
    exif = PIL.Image.Exif()
    exif[0x010F] = "Camera of a test"
    exif.get_ifd(0x8825).update({1: "N", 2: (48.0, 12.0, 30.0)})
    with PIL.Image.open(plate_path("pointillism")) as plate:
        plate.convert("RGB").resize((96, 72)).save(path, exif=exif)
    return path


def painted(
    server: Server, photo: Path, styles: list[Any] | None = None, steps: int = 3, regions: Any = None, **fields: Any
) -> Any:
    """Let a studio paint a small picture quickly, without its page, and return its entry; one of MANY is stopped."""
    cheap = {"content_layers": "conv2_1", "style_layers": "conv1_1,conv2_1", "style_losses": "gram", "size": 64}
    recipe = Recipe().with_changes(levels=1, threads=1, device="cpu", precision="fp32", steps=steps, **cheap | fields)
    job = server.studio.submit(photo, styles or ["mosaic"], recipe, regions)
    if steps == MANY:
        until(lambda: job.progress().step, "a step is painted")
        job.stop()
    assert job.wait(PATIENCE)
    return next(entry for entry in server.studio.list_runs() if entry.name == job.name)


def until(true: Callable[[], Any], what: str) -> Any:
    """Wait until something is true, and return it."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        if found := true():
            return found
        time.sleep(0.05)
    raise AssertionError(f"{what}, within {PATIENCE:g} seconds")


@dataclass
class Visit:
    """A page of the studio in a browser. `problems` holds what its console complained of, `strangers` other hosts."""

    page: Any
    server: Server
    problems: list[str] = field(default_factory=list)
    strangers: list[str] = field(default_factory=list)

    def hear(self, message: Any) -> None:
        if message.type == "error":
            self.problems.append(message.text)

    def ask(self, request: Any) -> None:
        if not request.url.startswith((self.server.url, "data:", "blob:")):
            self.strangers.append(request.url)

    def open(self) -> "Visit":
        self.page.on("console", self.hear)
        self.page.on("pageerror", lambda error: self.problems.append(str(error)))
        self.page.on("request", self.ask)
        self.page.set_default_timeout(MILLISECONDS)
        self.page.goto(self.server.url)
        self.page.locator("#canvas .canvas.empty").wait_for()
        return self

    # -- what a person does --------------------------------------------------------------------------------------------

    def give(self, photo: Path) -> None:
        self.page.locator("#photo input[type=file]").set_input_files(photo)
        self.page.locator("#photo img").wait_for()

    def set(self, name: str, value: float) -> None:
        """Type a number into a slider or a number field; one that has only just been shown may forget it once."""
        box = self.page.locator(f"#{name} input[type=number]")
        for _ in range(5):
            box.fill(str(value))
            box.press("Tab")
            self.page.wait_for_timeout(300)
            if float(box.input_value() or "nan") == value:
                return

    def unfold(self, name: str, group: str | None = None) -> None:
        """Open a fold, and a group inside it."""
        self.page.locator(f"#{name} > button").first.click()
        if group is not None:
            self.page.locator(f"#group-{group} > button").click()

    def prepare(self, photo: Path, steps: int = FEW, size: int = 64) -> None:
        """Choose a photo, a small size and a number of steps."""
        self.give(photo)
        self.set("size", size)
        self.unfold("more", "optimizer")
        self.set("field-steps", steps)

    def paint(self) -> None:
        self.page.locator("#paint").click()

    def click(self, name: str) -> None:
        self.page.locator(f"#{name}").click()

    # -- what a person sees --------------------------------------------------------------------------------------------

    def status(self) -> str:
        told = self.page.locator("#status p")
        return told.inner_text() if told.count() else ""

    def picture(self) -> str:
        image = self.page.locator("#canvas img")
        return image.get_attribute("src") if image.count() else ""

    def value(self, name: str) -> float:
        return float(self.page.locator(f"#{name} input[type=number]").input_value())

    def toast(self) -> str:
        shown = self.page.locator(".toast-body").last
        shown.wait_for()
        return " ".join(shown.inner_text().split())

    def wait_until(self, word: str) -> None:
        until(lambda: word in self.status(), f"the status says {word!r}")

    def wait_for_step(self) -> None:
        until(lambda: " step " in self.status(), "a step is painted")

    def finish(self) -> None:
        self.page.locator("#finished").wait_for()

    def download(self, name: str) -> PIL.Image.Image:
        with self.page.expect_download() as download:
            self.click(name)
        return PIL.Image.open(io.BytesIO(Path(download.value.path()).read_bytes()))

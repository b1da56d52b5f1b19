"""A served studio for tests, and a visitor's actions and views of its page."""

import contextlib
import inspect
import io
import os
import re
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
from patience import PATIENCE

from impasto.images import PLATES, encode_picture, plate_path
from impasto.recipe import Recipe

FEW, MANY = 12, 4000
"""Steps that take a moment, and more than any test waits for."""

BRUSHES = {"red": (230, 25, 75), "green": (60, 180, 75), "blue": (67, 99, 216)}
"""Colors of the brush, in the order of the editor."""

DESKTOP = {"viewport": {"width": 1280, "height": 900}, "locale": "en-US"}


def cheap_recipe(**fields: Any) -> Recipe:
    cheap = {"content_layers": "conv2_1", "style_layers": "conv1_1,conv2_1", "style_losses": "gram", "size": 64}
    cheap |= {"levels": 1, "threads": 1, "device": "cpu", "precision": "fp32"}
    return Recipe().with_changes(**cheap | fields)


@cache
def recipe_png(**fields: Any) -> bytes:
    """Return a PNG that holds a cheap recipe."""
    record = {"recipe": cheap_recipe(**fields).to_dict()}
    return encode_picture(np.zeros((8, 8, 3), np.float32), ".png", metadata=record)


def photo_of(folder: Path, name: str = "hills.jpg", plate: str = "pointillism", size: Any = (96, 72)) -> Path:
    """Write a small photo with a position and a camera in its EXIF data."""
    exif = PIL.Image.Exif()
    exif[0x010F] = "Camera of a test"
    exif.get_ifd(0x8825).update({1: "N", 2: (48.0, 12.0, 30.0)})
    with PIL.Image.open(plate_path(plate)) as image:
        image.convert("RGB").resize(size).save(folder / name, exif=exif)
    return folder / name


def until(true: Callable[[], Any], what: str) -> Any:
    """Wait until something is true, and return it."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        if found := true():
            return found
        time.sleep(0.05)
    raise AssertionError(f"{what}, within {PATIENCE:g} seconds")


# -- the server --------------------------------------------------------------------------------------------------------


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@dataclass
class Server:
    """A studio that is served; one in another process has neither `studio` nor `blocks` (Gradio's page)."""

    url: str
    workspace: Path
    studio: Any = None
    blocks: Any = None

    @property
    def runs(self) -> Path:
        return self.workspace / "runs"

    def newest(self) -> Any:
        return self.studio.list_runs()[0]

    def newest_job(self) -> Any:
        return self.studio.job(self.newest().name)

    def rest(self) -> None:
        """Stop all jobs."""
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
    from impasto.studio.page import layout, variations, wall

    # Gradio would not recognize the generators inside the wrappers of the type checker.
    for owner in (layout.PageBuilder, variations.Variations, wall.Wall):
        for name, method in list(vars(owner).items()):
            if inspect.isgeneratorfunction(inspect.unwrap(method)):
                setattr(owner, name, inspect.unwrap(method))
    port = free_port()
    with Studio(Workspace(folder), on_close="go_on") as studio:
        studio.estimate = lambda *_, **__: None  # to measure the speed of the machine takes long
        blocks = serve(studio, ServerOptions(port=port, **options), block=False)
        server = Server(f"http://127.0.0.1:{port}", folder, studio, blocks)
        try:
            yield server
        finally:
            server.rest()
            blocks.close(verbose=False)
            os.environ.clear()
            os.environ.update(before)


def painted(
    server: Server, photo: Path, styles: list[Any] | None = None, steps: int = 3, regions: Any = None, **fields: Any
) -> Any:
    """Paint a cheap picture without the page and return its run entry; one of MANY steps is stopped."""
    job = server.studio.submit(photo, styles or ["mosaic"], cheap_recipe(steps=steps, **fields), regions)
    if steps == MANY:
        until(lambda: job.monitor.progress().step, "a step is painted")
        job.stop()
    assert job.wait(PATIENCE)
    return next(entry for entry in server.studio.list_runs() if entry.name == job.name)


# -- the visitor -------------------------------------------------------------------------------------------------------


REPLACED_LAYER = "No draw texture found"
"""What Gradio's editor reports where strokes were replaced by the same strokes while they were loaded."""


ABORTED_REQUESTS = (
    "AbortError: BodyStreamBuffer was aborted",
    "AbortError: signal is aborted without reason",
    "Unexpected error Connection errored out.",
)
"""How what Gradio reports begins when a page is left, which aborts its connections."""


def screen_of(place: Any) -> PIL.Image.Image:
    """Return what a part of the page looks like."""
    return PIL.Image.open(io.BytesIO(place.screenshot())).convert("RGB")


def is_drawn(editor: Any) -> bool:
    """Whether the editor shows a photo and nothing changes any more."""
    first, second = screen_of(editor), screen_of(editor)
    return first == second and len(first.getcolors(first.width * first.height)) > 100


@dataclass
class Visit:
    """The studio's page in a tab; `problems` are errors of its console, `strangers` requests to other hosts."""

    page: Any
    server: Server
    problems: list[str] = field(default_factory=list)
    strangers: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        def asked(request: Any) -> None:
            if not request.url.startswith((self.server.url, "data:", "blob:")):
                self.strangers.append(request.url)

        def reported(message: Any) -> None:
            if message.type == "error" and REPLACED_LAYER not in message.text:
                self.problems.append(message.text)

        self._listeners = {
            "console": reported,
            "pageerror": lambda error: self.problems.append(str(error)),
            "request": asked,
        }

    def open(self) -> "Visit":
        """Load the page as in a new tab."""
        self.page.set_default_timeout(PATIENCE * 1000)
        # A tab that was used before remembers its run.
        self.page.goto(f"{self.server.url}/theme.css")
        self.page.evaluate("sessionStorage.clear()")
        for event, listener in self._listeners.items():
            self.page.on(event, listener)
        self.page.goto(self.server.url)
        self.page.locator("#canvas .canvas.empty").wait_for()
        return self

    def forgive_aborted_requests(self) -> None:
        """Forget the errors of a page that was left, but for those of the studio itself."""
        self.problems[:] = [one for one in self.problems if not one.startswith(ABORTED_REQUESTS)]

    def leave(self) -> None:
        """Leave the page and keep the tab."""
        for event, listener in self._listeners.items():
            self.page.remove_listener(event, listener)
        self.page.goto("about:blank")

    # -- what a visitor does -------------------------------------------------------------------------------------------

    def give(self, photo: Path) -> None:
        self.page.locator("#photo input[type=file]").set_input_files(photo)
        self.page.locator("#photo img").wait_for()

    def clear_photo(self) -> None:
        self.page.locator("#photo").get_by_role("button", name=re.compile("clear|remove", re.IGNORECASE)).click()
        self.page.locator("#photo img").wait_for(state="detached")

    def drop_png(self, png: Path | bytes) -> None:
        """Drop a painted PNG on its field."""
        file = {"name": "recipe.png", "mimeType": "image/png", "buffer": png} if isinstance(png, bytes) else png
        self.page.locator("#restore input[type=file]").set_input_files(file)

    def prepare(self, photo: Path, steps: int = FEW, size: int = 64) -> None:
        """Give a photo, a style and the settings of a cheap recipe."""
        self.give(photo)
        self.choose_styles(PLATES[0])
        self.drop_png(recipe_png(steps=steps, size=size))
        until(lambda: self.value("size") == size, "the settings are shown")
        self.toast()  # says so, too
        self.close_toast()

    def styles(self) -> list[str]:
        """Return what the chosen styles are called, in the order of the wall."""
        return [one.strip() for one in self.page.locator("#styles label:has(input:checked)").all_inner_texts()]

    def choose_styles(self, first: str, *others: str) -> None:
        """Click on the picture of a built-in style, and tick the boxes of others."""
        self.page.locator(f"#styles label:has(input[name='{first}']) span").click()
        ticked = self.page.locator("#styles input:checked")
        names = "all => all.map((one) => one.name)"
        until(lambda: ticked.evaluate_all(names) == [first], "it is chosen alone")
        for name in others:
            self.page.locator(f"#styles input[name='{name}']").check()

    def set(self, name: str, value: float) -> None:
        """Type a number into a slider or a number field."""
        box = self.page.locator(f"#{name} input[type=number]")

        def typed() -> bool:
            # A field that is just being shown may take its old value back.
            box.fill(str(value))
            box.press("Tab")
            return float(box.input_value() or "nan") == value

        until(typed, f"{name} is {value}")

    def choose(self, name: str, option: str) -> None:
        """Choose an option of a drop-down list."""
        self.page.locator(f"#{name} input").click()
        self.page.get_by_role("option", name=option, exact=True).click()

    def unfold(self, name: str, group: str | None = None) -> None:
        """Open a fold, and a group inside it."""
        self.page.locator(f"#{name} > button").first.click()
        if group is not None:
            self.page.locator(f"#group-{group} > button").click()

    def brush(self, *places: float, color: str = "red") -> None:
        """Make short strokes at half the editor's height, at these shares of the width of a photo of 4:3."""
        editor = self.page.locator("#regions canvas").first
        editor.wait_for()
        editor.evaluate("one => one.scrollIntoView({block: 'center'})")
        until(lambda: is_drawn(editor), "photo and strokes are in the editor")
        editor.hover()  # waits until the editor takes a pointer
        if color != "red":
            self.page.locator("#regions button[aria-label='Color']").click()
            self.page.locator("#regions button.color").nth(list(BRUSHES).index(color)).click()
            self.page.locator("#regions button[aria-label='Color']").click()
        box = editor.bounding_box()
        width, y = min(box["width"], box["height"] * 4 / 3), box["y"] + box["height"] / 2
        for place in places:
            x = box["x"] + box["width"] / 2 + (place - 0.5) * width * 0.9
            self.page.mouse.move(x, y)
            self.page.mouse.down()
            self.page.mouse.move(x + 6, y, steps=2)
            self.page.mouse.up()

    def open_tab(self, name: str) -> None:
        self.page.get_by_role("tab", name=name).click()

    def click(self, name: str) -> None:
        self.page.locator(f"#{name}").click()

    def paint(self) -> None:
        self.click("paint")

    def choose_newest_run(self) -> None:
        """Choose the newest run in the history."""
        self.open_tab("History")
        self.page.locator("#history .grid-container button").first.click()
        self.page.locator("#details").get_by_text(self.server.newest().name).wait_for()

    def load_newest_run(self) -> None:
        """Load the settings of the newest run."""
        self.choose_newest_run()
        until(self.page.locator("#load-settings").is_enabled, "the settings can be loaded")
        self.click("load-settings")
        self.page.locator("#photo img").wait_for()

    def download(self, name: str) -> Path:
        with self.page.expect_download() as download:
            self.click(name)
        return Path(download.value.path())

    # -- what a visitor sees -------------------------------------------------------------------------------------------

    def status(self) -> str:
        text = self.page.locator("#status p")
        return text.inner_text() if text.count() else ""

    def picture(self) -> str:
        image = self.page.locator("#canvas img")
        return image.get_attribute("src") if image.count() else ""

    def value(self, name: str) -> float:
        return float(self.page.locator(f"#{name} input[type=number]").input_value())

    def enabled(self, *names: str) -> list[bool]:
        return [self.page.locator(f"#{name}").is_enabled() for name in names]

    def wait_for_strokes(self, *colors: str) -> None:
        """Wait until the editor shows strokes in these colors."""

        def are_shown() -> bool:
            screen = np.asarray(screen_of(self.page.locator("#regions canvas").first), int)
            return all((np.abs(screen - BRUSHES[color]).max(axis=-1) < 12).sum() > 1000 for color in colors)

        until(are_shown, "the strokes are in the editor")

    def toast(self) -> str:
        shown = self.page.locator(".toast-body").last
        shown.wait_for()
        return " ".join(shown.inner_text().split())

    def close_toast(self) -> None:
        # Not by Playwright's click, which waits while the toast moves, and the toast goes away by itself.
        self.page.evaluate("document.querySelectorAll('.toast-close').forEach(button => button.click())")
        until(lambda: not self.page.locator(".toast-body").count(), "the toast is closed")

    def wait_until(self, text: str) -> None:
        until(lambda: text in self.status(), f"the status contains {text!r}")

    def wait_for_step(self) -> None:
        self.wait_until(" step ")

    def finish(self) -> None:
        self.page.locator("#results").wait_for()

"""Make the pictures of docs/studio.md: `python tools/studio.py OUT [--size N]` uses the studio in Chromium.

A screenshot of every state of the page is written to OUT for inspection; those that the documentation shows also go to
docs/pictures/studio-*.webp. The photo is the coffee of scikit-image.
"""

import argparse
import socket
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import skimage.data
from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

from hero import save
from impasto.images import read_picture

DOCS: Final = Path(__file__).parents[1] / "docs" / "pictures"
SHOWN: Final = ("done", "phone", "compare")
"""Screenshots that the documentation shows."""

DESK: Final[dict[str, Any]] = {"viewport": {"width": 1280, "height": 1000}, "locale": "en-US"}
DARK: Final[dict[str, Any]] = DESK | {"color_scheme": "dark"}
CHINESE: Final[dict[str, Any]] = DESK | {"locale": "zh-CN"}
PHONE: Final[dict[str, Any]] = {"viewport": {"width": 390, "height": 844}, "locale": "en-US"}
SMALL: Final[dict[str, Any]] = {"viewport": {"width": 320, "height": 640}, "locale": "zh-CN"}
LARGE: Final[dict[str, Any]] = {"viewport": {"width": 640, "height": 500}, "device_scale_factor": 2, "locale": "en-US"}
"""A screen of 1280 x 1000 at 200 % zoom."""
SCREENS: Final = {"": DESK, "dark-": DARK, "chinese-": CHINESE, "phone-": PHONE, "small-": SMALL, "large-": LARGE}
ARGUMENTS: Final = [
    "--no-sandbox", "--disable-gpu", "--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream",
]  # fmt: skip
"""Of Chromium, which shows a camera that there is not."""
TIMEOUT_MS: Final = 600_000


@contextmanager
def served(folder: Path, *options: str) -> Iterator[str]:
    """Serve a studio on this computer; yield its address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [
        sys.executable,
        "-m",
        "impasto",
        "studio",
        "--workspace",
        str(folder),
        "--port",
        str(port),
        "--no-open",
        *options,
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        address = process.stdout.readline().strip()  # printed when the server answers
        urllib.request.urlopen(address).close()
        try:
            yield address
        finally:
            process.terminate()


class Camera:
    """Opens the page in a browser and takes screenshots."""

    def __init__(self, browser: Browser, address: str, out: Path) -> None:
        self._browser, self._address, self._out = browser, address, out

    def open(self, about: dict[str, Any], first: str = "#canvas .canvas.empty p") -> Page:
        """Open the page in a new browser context, and wait for an element."""
        page = self._browser.new_context(**about).new_page()
        page.set_default_timeout(TIMEOUT_MS)
        page.goto(self._address)
        page.locator(first).wait_for()
        page.wait_for_timeout(1000)
        return page

    def shoot(self, page: Page, name: str, *, whole: bool = False) -> None:
        """Write a screenshot."""
        page.wait_for_timeout(1500)
        path = self._out / f"{name}.png"
        page.screenshot(path=str(path), full_page=whole)
        if name in SHOWN:
            save(read_picture(path).pixels, DOCS / f"studio-{name}.webp")


def begin(page: Page, photo: Path, style: str, strength: int, size: int) -> None:
    """Fill in the first tab and press Paint."""
    page.locator("#photo input[type=file]").set_input_files(photo)
    page.locator("#photo img").wait_for()
    page.locator(f"#styles label:has(input[name^='{style}']) span").click()
    for name, value in (("strength", strength), ("size", size)):
        field = page.locator(f"#{name} input[type=number]")
        field.fill(str(value))
        field.press("Tab")
    page.wait_for_function(
        "[...document.querySelectorAll('#styles label')]"
        ".every(one => getComputedStyle(one).getPropertyValue('--preview'))"
    )
    page.locator("#paint").click()


def finished(page: Page) -> None:
    """Wait until the picture is painted, and scroll to the top of the page."""
    page.locator("#results").wait_for()
    page.evaluate("window.scrollTo(0, 0)")


def states(camera: Camera, photo: Path, size: int) -> None:
    """Take screenshots of all states of the page."""
    page = camera.open(DESK)
    camera.shoot(page, "empty")
    page.locator("#paint").click()
    camera.shoot(page, "error")
    page.reload()
    page.locator("#canvas .canvas.empty p").wait_for()
    begin(page, photo, "night", 30, size)
    page.locator("#canvas img").wait_for()
    page.wait_for_timeout(4000)
    page.evaluate("window.scrollTo(0, 0)")
    camera.shoot(page, "painting")
    finished(page)
    camera.shoot(page, "done")
    camera.shoot(page, "done-whole", whole=True)
    page.locator("#regions-fold > button").first.click()
    page.locator("#regions-fold").scroll_into_view_if_needed()
    camera.shoot(page, "regions")

    page.locator("#vary").click()
    page.locator("#variations button img").nth(3).wait_for()
    page.locator("#variations").scroll_into_view_if_needed()
    camera.shoot(page, "variations")

    for about, name, style in ((DARK, "dark", "mosaic"), (CHINESE, "chinese", "night"), (PHONE, "phone", "stained")):
        page = camera.open(about)
        begin(page, photo, style, 60, size)
        finished(page)
        if name == "phone":
            camera.shoot(page, name)
        camera.shoot(page, f"{name}-whole", whole=True)

    for name, about in SCREENS.items():
        page = camera.open(about)
        tabs = page.get_by_role("tab")
        tabs.nth(2).click()
        page.locator("#webcam-start").click()
        page.locator("#webcam img").wait_for()
        camera.shoot(page, f"{name}webcam")
        tabs.nth(3).click()
        page.locator("#history img").first.click()
        page.locator("#run-picture img").wait_for()
        camera.shoot(page, f"{name}history", whole=True)
        tabs.nth(4).click()
        for number in (1, 3):
            page.locator("#which input").nth(number).check()
            page.wait_for_timeout(1000)
        page.locator("#compared img").nth(1).wait_for()
        camera.shoot(page, f"{name}compare")
        page.locator("#vote > button").first.click()
        page.locator("#vote-next").click()
        page.locator("#voted img").nth(1).wait_for()
        page.locator("#vote").scroll_into_view_if_needed()
        camera.shoot(page, f"{name}vote")


def film(camera: Camera, photo: Path, size: int) -> None:
    """Paint a film of two frames, and take screenshots of it on screens of several widths."""
    with Image.open(photo) as image:
        first, second = (image.crop((left, 60, left + 480, 380)) for left in (40, 60))
    first.save(clip := photo.with_suffix(".gif"), save_all=True, append_images=[second], duration=500)
    page = camera.open(DESK)
    page.locator("#styles label:has(input[name='mosaic']) span").click()
    page.locator("#size input[type=number]").fill(str(size))
    page.get_by_role("tab").nth(1).click()
    page.locator("#film-clip input[type=file]").set_input_files(clip)
    page.locator("#film-frame img").wait_for()
    page.locator("#film-paint").click()
    page.locator("#film-video video").wait_for()
    for name, about in (("", DESK), ("phone-", PHONE), ("small-", SMALL)):
        page.set_viewport_size(about["viewport"])
        camera.shoot(page, f"{name}film", whole=True)


def login(camera: Camera) -> None:
    """Take screenshots of the page that asks for a password."""
    for name, about in SCREENS.items():
        camera.shoot(camera.open(about, ".panel"), f"{name}login")


def main() -> None:
    parser = argparse.ArgumentParser(description="Make the pictures of docs/studio.md.")
    parser.add_argument("out", type=Path)
    parser.add_argument("--size", type=int, default=384)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory() as folder,
        served(Path(folder) / "workspace") as address,
        served(Path(folder) / "locked", "--auth", "me:secret") as locked,
        sync_playwright() as play,
    ):
        photo = Path(folder) / "coffee.jpg"
        Image.fromarray(skimage.data.coffee()).save(photo, quality=95)
        browser = play.chromium.launch(executable_path="/usr/bin/chromium", args=ARGUMENTS)
        login(Camera(browser, locked, options.out))
        states(Camera(browser, address, options.out), photo, options.size)
        film(Camera(browser, address, options.out), photo, options.size)
        browser.close()


if __name__ == "__main__":
    main()

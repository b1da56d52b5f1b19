"""The tab of the webcam in a real browser, whose camera is Chromium's fake one: a moving pattern on green."""

import base64
import io
import re

import numpy as np
import PIL.Image
import pytest
from page_tools import DESKTOP, until

PHONE = {"viewport": {"width": 320, "height": 640}, "is_mobile": True, "has_touch": True}


@pytest.fixture(scope="module")
def browser_flags():
    return ("--use-fake-device-for-media-stream",)


@pytest.fixture
def open_webcam(visit):
    """Return a function that opens the tab in a browser that gives the page its camera, unless options say more."""

    def enter(**options):
        page = visit(**{"permissions": ["camera"]} | options)
        page.open_tab("摄像头" if options.get("locale") == "zh-CN" else "Webcam")
        return page

    return enter


@pytest.fixture
def live(open_webcam):
    """A page whose camera is on, with the camera's stream as `window.given`."""
    page = open_webcam()
    page.page.evaluate("""() => {
        const ask = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
        navigator.mediaDevices.getUserMedia = async (wanted) => window.given = await ask(wanted);
    }""")
    page.click("webcam-start")
    page.page.locator("#webcam img").wait_for()
    return page


def choose(page, style):
    page.page.locator(f"#webcam-styles input[value='{style}']").check()


def picture(page):
    source = page.page.locator("#webcam img").get_attribute("src")
    return PIL.Image.open(io.BytesIO(base64.b64decode(source.partition(",")[2])))


def redness(image):
    """Return by how much an image is redder than blue."""
    red, _, blue = np.asarray(image.convert("RGB"), float).mean((0, 1))
    return red - blue


def told(page):
    return page.page.locator("#webcam .told").inner_text()


def files(server):
    return {path for path in server.workspace.rglob("*") if path.is_file()}


def test_the_camera_is_shown_painted_in_the_chosen_style_and_nothing_is_stored(live, server):
    before = files(server)
    choose(live, "knife")
    until(lambda: redness(picture(live)) > 20, "it is painted in red")
    choose(live, "night")
    until(lambda: redness(picture(live)) < -10, "it is painted in blue")
    rate, size = re.fullmatch(r"([\d.]+) pictures per second, at (\d+) px", told(live)).groups()
    assert float(rate) > 0
    assert int(size) in (160, 224, 320, 448, 640)
    seen = picture(live).tobytes()
    until(lambda: picture(live).tobytes() != seen, "another picture follows")
    assert files(server) == before


@pytest.mark.parametrize("leave", [lambda page: page.open_tab("Compare"), lambda page: page.click("webcam-stop")])
def test_the_camera_goes_off_when_it_is_stopped_and_when_the_tab_is_left(live, leave):
    leave(live)
    until(lambda: live.page.evaluate("given.getTracks().every((one) => one.readyState === 'ended')"), "it is off")
    live.open_tab("Webcam")
    assert live.page.locator("#webcam-start").is_visible()
    assert live.page.locator("#webcam img").is_visible(), "the last picture stays"


def test_a_picture_is_downloaded_and_its_photo_goes_to_paint_with_the_style(live, server):
    choose(live, "knife")
    until(lambda: redness(picture(live)) > 20, "it is painted in red")
    with PIL.Image.open(live.download("webcam-keep")) as kept:
        assert (kept.format, redness(kept) > 20) == ("JPEG", True)
    live.click("webcam-use")
    live.page.locator("#photo img").wait_for()
    until(lambda: live.styles() == ["knife"], "the style is chosen")
    assert live.page.locator("#paint").is_visible()
    photo = next(path for path in files(server) if path.name == "webcam.jpg")
    with PIL.Image.open(photo) as image:
        assert max(image.size) > 600
        assert redness(image) < 20, "it is the photo, not the painting"


def test_a_style_that_is_gone_ends_it_with_one_line(live, server, hills):
    name = server.studio.wall.add(hills)
    live.open_tab("Paint")
    live.open_tab("Webcam")
    choose(live, name)
    server.studio.wall.remove(name)
    live.page.locator("#webcam-start").click()
    until(lambda: told(live) == "this style is not on the wall any more: choose another one", "it says so")
    assert live.page.locator("#webcam-start").is_visible()


REFUSALS = {
    "": ("The browser gives this page no camera", "浏览器不允许本页使用摄像头"),
    "navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException('', 'NotFoundError'))":
        ("There is no camera that can be used", "没有可用的摄像头"),
    "Object.defineProperty(navigator, 'mediaDevices', {value: undefined})":
        ("Browsers give a camera only to pages at https:// or localhost", "浏览器只允许 https:// 或 localhost 的网页"),
}  # fmt: skip


@pytest.mark.parametrize("language", ["en-US", "zh-CN"])
def test_without_a_camera_one_line_says_why(open_webcam, language):
    for script, texts in REFUSALS.items():
        page = open_webcam(locale=language, permissions=[])
        page.page.evaluate(f"() => {{ {script} }}")
        page.click("webcam-start")
        until(lambda page=page, texts=texts: told(page).startswith(texts[language == "zh-CN"]), "it says so")
        assert page.page.locator("#webcam-start").is_visible()


@pytest.mark.parametrize(("language", "scheme", "screen"), [("en-US", "light", DESKTOP), ("zh-CN", "dark", PHONE)])
def test_axe_finds_nothing_wrong_and_nothing_is_wider_than_the_screen(open_webcam, language, scheme, screen):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    page = open_webcam(**screen | {"locale": language, "color_scheme": scheme})

    def violations():
        page.page.add_style_tag(content="* { transition: none !important }")
        found = axe.run(page.page, options={"rules": {"target-size": {"enabled": True}}}).response["violations"]
        return [(one["id"], [node["html"][:200] for node in one["nodes"]]) for one in found]

    assert violations() == []
    page.click("webcam-start")
    page.page.locator("#webcam img").wait_for()
    assert violations() == []
    assert page.page.evaluate("document.documentElement.scrollWidth <= innerWidth")

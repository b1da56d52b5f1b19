"""How the page looks and answers: accessibility, small screens, the wall of styles, and finished pictures."""

import base64
import io
import re
import zipfile

import numpy as np
import PIL.Image
import pytest
from page_tools import MANY, painted, photo_of, until

import impasto
from impasto.api import Estimate
from impasto.color import finish_colors
from impasto.images import PLATES, read_metadata, read_picture
from impasto.recipe import ColorSettings
from impasto.runs import RunFolder

PHONE = {"viewport": {"width": 390, "height": 844}, "is_mobile": True, "has_touch": True}


def shown(page, selector):
    """Return the picture that an `img` of the page shows."""
    source = page.page.locator(selector).first.get_attribute("src")
    return PIL.Image.open(io.BytesIO(base64.b64decode(source.partition(",")[2])))


def in_view(page, selector):
    """Whether an element lies inside the window."""
    box, window = page.page.locator(selector).first.bounding_box(), page.page.viewport_size
    return box is not None and box["y"] >= -1 and box["y"] + box["height"] <= window["height"] + 1


# -- accessibility -----------------------------------------------------------------------------------------------------


def violations(page):
    """Return what axe-core finds wrong on the page, with the size of targets."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    page.page.add_style_tag(content="* { transition: none !important }")  # colors on their way are not those that stay
    found = axe.run(page.page, options={"rules": {"target-size": {"enabled": True}}}).response["violations"]
    return [(one["id"], [node["html"][:200] for node in one["nodes"]]) for one in found]


@pytest.mark.parametrize(("language", "scheme"), [("en-US", "light"), ("zh-CN", "dark")])
def test_axe_finds_nothing_wrong_in_any_state_of_the_page(visit, hills, server, language, scheme):
    for strength in (20.0, 70.0):
        painted(server, hills, strength=strength)
    page = visit(locale=language, color_scheme=scheme)
    assert violations(page) == []
    page.prepare(hills)
    page.choose_styles("night", "knife")
    for fold in ("more", "regions-fold", "crop-fold"):
        page.unfold(fold)
    for group in page.page.locator("#more .gr-accordion > button").all():
        group.click()
    page.page.locator("#regions canvas").first.wait_for()
    assert violations(page) == []
    page.paint()
    page.finish()
    for fold in ("command-fold", "python-fold"):
        page.unfold(fold)
    assert violations(page) == []
    page.page.get_by_role("tab").nth(3).click()
    page.page.locator("#history .grid-container button").first.click()
    page.page.locator("#run-picture img").wait_for()
    until(lambda: page.page.locator("#history img[alt='']").count() >= 3, "the thumbnails are named by their captions")
    assert violations(page) == []
    page.page.get_by_role("tab").nth(4).click()
    for number in (0, 1):
        page.page.locator("#which input").nth(number).check()
    page.unfold("vote")
    page.click("vote-next")
    page.page.locator("#voted img").first.wait_for()
    assert violations(page) == []
    english = page.page.evaluate("""() => [...document.querySelectorAll('[aria-label], [title]')].flatMap(
        (one) => [one.ariaLabel, one.title]).filter((text) => /^[A-Za-z ]{4,}$/.test(text ?? ''))""")
    assert language == "en-US" or english == []


def test_the_keyboard_reaches_everything_in_the_form_and_nothing_is_focused_behind_paint(visit, hills):
    page = visit(viewport={"width": 320, "height": 640}, is_mobile=True)
    page.prepare(hills)
    page.unfold("more", "schedule")
    assert page.page.evaluate("document.documentElement.scrollWidth") <= 320
    hidden, seen = [], set()
    page.page.locator("#photo button").first.focus()
    for _ in range(60):
        page.page.keyboard.press("Tab")
        inside, name, covered, outline = page.page.evaluate("""() => {
            const one = document.activeElement, box = one.getBoundingClientRect();
            const bar = document.querySelector('#paint-bar').getBoundingClientRect();
            const inBar = Boolean(one.closest('#paint-bar'));
            return [Boolean(one.closest('#left')), one.outerHTML.slice(0, 90), !inBar && box.top >= bar.top
                && box.top < bar.bottom, getComputedStyle(one).outlineStyle];
        }""")
        if inside:
            seen.add(name)
            if covered or outline == "none":
                hidden.append((name, covered, outline))
    assert len(seen) > 20
    assert hidden == []


def test_progress_is_announced_and_there_is_one_heading(visit, hills):
    page = visit()
    assert page.page.locator("h1").all_inner_texts() == ["impasto studio"]
    page.prepare(hills, steps=MANY)
    page.paint()
    page.wait_for_step()
    announced = page.page.locator("#announcer")
    assert announced.get_attribute("aria-live") == "polite"
    until(lambda: re.search(r"\d+ %", announced.inner_text()), "the share that is done is announced")
    page.click("stop")
    until(lambda: announced.inner_text() == page.status() and "Stopped" in page.status(), "the end is announced")


# -- layout ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("screen", [{}, PHONE])
def test_the_picture_stays_in_view_while_dials_are_moved_and_downloads_are_at_hand(visit, hills, screen):
    page = visit(**screen)
    page.prepare(hills)
    page.paint()
    page.finish()
    page.page.evaluate("scrollTo(0, 0)")
    until(lambda: all(in_view(page, f"#download-{kind}") for kind in ("png", "jpeg", "tiff")), "downloads are in view")
    assert page.page.locator("#download-png").inner_text() == "Download PNG"
    page.page.locator("#preset").scroll_into_view_if_needed()
    until(lambda: in_view(page, "#preset") and in_view(page, "#slider .slider"), "both are in view")
    if screen:
        label = page.page.locator("#finish-photo label").first
        label.evaluate("one => { one.scrollIntoView(); scrollBy(0, -60); }")
        place = label.bounding_box()
        on_top = "place => document.elementFromPoint(place.x + 9, place.y + 9).closest('#slider') !== null"
        assert page.page.evaluate(on_top, place), "nothing shines through the picture"
    else:
        page.page.set_viewport_size({"width": 1400, "height": 900})
        assert page.page.locator("#vary").bounding_box()["height"] < 45, "one line"
        page.unfold("regions-fold")
        text, arrow = (page.page.locator(f"#region-red {part}") for part in ("input", ".icon-wrap"))
        assert text.evaluate("one => one.scrollWidth - one.clientWidth") == 0, "all of it is seen"
        end = text.evaluate("one => one.getBoundingClientRect().right - parseFloat(getComputedStyle(one).paddingRight)")
        assert end <= arrow.bounding_box()["x"] + 1


def test_the_live_canvas_is_zoomed_and_stays_so_while_the_picture_grows(visit, hills):
    page = visit()
    page.prepare(hills, steps=MANY)
    page.paint()
    page.wait_for_step()
    box = page.page.locator("#canvas .pane").bounding_box()
    page.page.mouse.move(box["x"] + box["width"] / 4, box["y"] + box["height"] / 2)
    page.page.mouse.wheel(0, -100)
    transform = "document.querySelector('#canvas img').style.transform"
    until(lambda: "scale(1.2)" in page.page.evaluate(transform), "it is zoomed")
    before = page.picture()
    until(lambda: page.picture() != before, "the picture has changed")
    assert "scale(1.2)" in page.page.evaluate(transform)


# -- the photo ---------------------------------------------------------------------------------------------------------


def test_a_photo_on_its_way_is_shown_with_its_progress(visit, hills):
    page, held = visit(), []
    page.page.route("**/upload?*", lambda route: held.append(route))
    page.page.locator("#photo input[type=file]").set_input_files(hills)
    page.page.locator("#photo .on-its-way").get_by_text("Uploading hills.jpg").wait_for()
    until(lambda: held, "it is being sent")
    held[0].continue_()
    page.page.locator("#photo .on-its-way").wait_for(state="detached")
    page.page.locator("#photo img").wait_for()
    page.page.unroute("**/upload?*")


def test_a_sample_photo_can_be_painted_as_large_as_it_is_and_the_cost_stands_beside_paint(visit, server, monkeypatch):
    asked = []

    def estimate(content, styles, recipe, regions):
        asked.append((styles, recipe.picture.size, recipe.schedule.steps))
        return Estimate(size=(451, 300), steps=9, seconds=125.0, memory=1.5e9, tile=None)

    monkeypatch.setattr(server.studio, "estimate", estimate)
    page = visit()
    page.click("sample-cat")
    page.page.locator("#photo img").wait_for()
    page.click("size-photo")
    until(lambda: page.value("size") == 451, "the size is that of the photo")
    page.choose_styles("woodcut")
    page.page.locator("#estimate").get_by_text("451 × 300 · about 2:05 · 1.5 GB of memory").wait_for()
    page.unfold("more", "schedule")
    page.set("field-steps", 77)
    until(lambda: asked[-1] == (["woodcut"], 451, 77), "it was asked for what is painted")


# -- the wall of styles ------------------------------------------------------------------------------------------------


def previews(page):
    """Return what the picture of each style shows instead of the style."""
    return page.page.locator("#styles label").evaluate_all(
        "all => all.map((one) => getComputedStyle(one).getPropertyValue('--preview').slice(5, -2))"
    )


def test_the_wall_shows_the_photo_in_every_style_also_in_one_that_was_just_dropped_and_keeps_it(
    visit, hills, server, tmp_path
):
    page = visit()
    assert page.styles() == []
    page.give(hills)
    until(lambda: all(previews(page)), "the photo is shown in every built-in style")
    mosaic = base64.b64decode(previews(page)[PLATES.index("mosaic")].partition(",")[2])
    expected = impasto.stylize(hills, "mosaic", preset="instant", size=256, threads=1).pixels
    seen = np.asarray(PIL.Image.open(io.BytesIO(mosaic)), float) / 255
    # A JPEG of so small a picture is a coarse one.
    assert np.abs(seen - expected).mean() < 0.06 < np.abs(seen - read_picture(hills).pixels).mean()

    own = photo_of(tmp_path, "my fields.png", "watercolor")
    page.page.locator("#own input[type=file]").set_input_files(own)
    until(lambda: page.styles() == ["my fields"], "it is chosen")
    until(lambda: len(previews(page)) == len(PLATES) + 1 and all(previews(page)), "the photo is shown in it")
    page.choose_styles("knife")
    page.page.locator("#styles label", has_text="my fields").locator("input").check()
    until(lambda: [one[:3] for one in page.styles()] == ["2 ·", "1 ·"] or len(page.styles()) == 2, "both are chosen")
    order = "all => all.map((one) => getComputedStyle(one, '::before').content)"
    numbers = page.page.locator("#styles label:has(input:checked) span")
    until(lambda: numbers.evaluate_all(order) == ['"1 · "', '"2 · "'], "the first of the mix is named")
    page.choose_styles("night")
    assert page.styles() == ["night"], "a click on a picture chooses it alone"

    fresh = visit()
    tile = fresh.page.locator("#styles label", has_text="my fields")
    tile.locator("span").click()
    until(lambda: fresh.styles() == ["my fields"], "it is still on the wall")
    fresh.click("remove-style")
    tile.wait_for(state="detached")
    assert server.studio.wall.names() == list(PLATES)


def test_a_dropped_painting_says_what_is_back_and_ticks_its_style(visit, hills, server):
    entry = painted(server, hills, ["knife", "woodcut"], strength=22.0, style_mix=(30.0, 70.0))
    page = visit()
    page.drop_png(entry.path / "result.png")
    assert "The settings of this painting are back, and its style: knife, woodcut." in page.toast()
    until(lambda: page.value("strength") == 22, "the strength is that of the picture")
    until(lambda: sorted(page.styles()) == ["knife", "woodcut"], "its styles are ticked")
    until(lambda: page.value("mix") == 30, "the mix is that of the picture")
    page.choose("preset", "bold")
    page.page.locator("#preset").get_by_text("More of the style: larger strokes").wait_for()


# -- regions -----------------------------------------------------------------------------------------------------------


def test_the_subject_is_selected_by_a_click_and_painted_in_a_picture_of_the_visitor(visit, server, tmp_path):
    pixels = np.full((180, 240, 3), (90, 140, 190), np.uint8)
    y, x = np.mgrid[:180, :240]
    inside = (x - 120) ** 2 + (y - 95) ** 2 < 50**2
    pixels[inside] = (230, 120, 30)
    photo = tmp_path / "ball.png"
    PIL.Image.fromarray(pixels).save(photo)
    page = visit()
    page.page.locator("#own input[type=file]").set_input_files(photo_of(tmp_path, "reeds.png", "watercolor"))
    until(lambda: page.styles() == ["reeds"], "the style is on the wall")
    page.prepare(photo)
    page.unfold("regions-fold")
    page.page.locator("#regions canvas").first.wait_for()
    page.choose("region-red", "reeds")
    page.click("select-subject")

    def is_red():
        screen = PIL.Image.open(io.BytesIO(page.page.locator("#regions canvas").first.screenshot())).convert("RGB")
        return (np.abs(np.asarray(screen, int) - (230, 25, 75)).max(axis=-1) < 12).sum() > 1000

    until(is_red, "the subject is filled")
    undo = page.page.locator("#undo-tool")
    undo.click()
    until(lambda: not is_red() and undo.is_disabled(), "the strokes of before are there again: none")
    page.click("select-subject")
    until(is_red, "the subject is filled again")
    page.paint()
    page.finish()
    (region,) = RunFolder.open(server.newest().path).kept_inputs.regions
    mask = np.asarray(PIL.Image.open(server.newest().path / region.mask.file)) > 127
    assert np.mean(mask == inside) > 0.97
    assert region.style.name == "reeds"


# -- finished pictures -------------------------------------------------------------------------------------------------


def test_a_last_touch_is_seen_at_once_and_is_in_the_download_and_its_recipe(visit, hills, server):
    page = visit()
    page.prepare(hills)
    page.paint()
    page.finish()
    page.page.locator("#slider img.after").wait_for()
    plain = np.asarray(shown(page, "#slider img.after"), float)
    for name, value in (("finish-photo", 40), ("finish-colors", 100)):
        # As the keyboard does: without a pointer that is released.
        page.page.locator(f"#{name} input[type=range]").fill(str(value))
    finish = {"photo": 40.0, "photo_colors": 100.0}
    png = page.download("download-png")
    assert read_metadata(png)["finish"] == finish, "at once, and the recipe says so"

    entry = server.newest()
    result, photo = (read_picture(path).pixels for path in (entry.path / "result.png", hills))
    photo = np.asarray(PIL.Image.open(hills).resize(result.shape[1::-1], PIL.Image.Resampling.LANCZOS), float) / 255
    colored = finish_colors(ColorSettings(mode="photo", strength=100.0), result, photo.astype(np.float32))
    expected = colored + 0.4 * (photo - colored)

    def is_seen():
        seen = np.asarray(shown(page, "#slider img.after"), float)
        # A JPEG of so small a picture is a coarse one.
        return np.abs(seen / 255 - expected).mean() < 0.06 < np.abs(plain / 255 - expected).mean()

    until(is_seen, "the picture has more of the photo")
    with zipfile.ZipFile(page.download("download-all")) as archive:
        files = [png.read_bytes(), archive.read("painting.png")]
    for file in files:
        assert np.abs(read_picture(file).pixels - expected).max() < 0.02


def test_a_transparent_picture_is_as_transparent_on_the_page_as_in_the_download(visit, server, hills, tmp_path):
    with PIL.Image.open(hills) as image:
        image = image.convert("RGBA")
    image.putalpha(PIL.Image.linear_gradient("L").resize(image.size))
    image.save(tmp_path / "veil.png")
    page = visit()
    page.prepare(tmp_path / "veil.png")
    page.paint()
    page.finish()
    saved = np.asarray(PIL.Image.open(page.download("download-png")))
    seen = shown(page, "#slider img.after")
    assert np.abs(np.asarray(seen.getchannel("A"), int) - saved[..., 3]).max() <= 3
    page.choose_newest_run()
    page.page.locator("#run-picture img").wait_for()
    assert shown(page, "#run-picture img").mode == "RGBA"


def test_all_differences_of_compared_paintings_can_be_seen(visit, hills, server):
    fields = {"strength": 70.0, "color_strength": 40.0, "seed": 3, "tv_weight": 0.5, "style_margin": 0.1}
    one, other = painted(server, hills), painted(server, hills, **fields)
    page = visit()
    page.open_tab("Compare")
    for entry in (one, other):
        page.page.locator(f"#which input[name='{entry.name}']").check()
    more = page.page.locator("#compared details").last
    more.locator("summary").get_by_text("and 2 more").click()
    assert more.inner_text().splitlines()[-1] == "tv weight 0.5 · style margin 0.1"


def test_the_login_is_the_studios_own(browser, tmp_path):
    from page_tools import served

    with served(tmp_path, auth="ada:secret") as locked:
        page = browser.new_page(color_scheme="dark")
        page.goto(locked.url)
        page.locator("input[type=password]").wait_for()
        color = page.locator("button.primary").evaluate("one => getComputedStyle(one).backgroundColor")
        box = page.locator(".panel").bounding_box()
        page.close()
    assert color == "rgb(194, 65, 12)"
    assert box["y"] > 60


@pytest.mark.parametrize("language", ["en-US", "zh-CN"])
def test_at_320_px_every_tab_is_shown(visit, language):
    page = visit(viewport={"width": 320, "height": 640}, locale=language)
    tabs = page.page.get_by_role("tab")
    until(lambda: [tab.is_visible() for tab in tabs.all()] == [True] * 5, "no tab is in a menu")


def test_at_320_px_the_label_of_variations_is_above_them(visit, hills, server):
    page = visit(viewport={"width": 320, "height": 640})
    page.prepare(hills)
    page.paint()
    page.finish()
    page.click("vary")
    pictures = page.page.locator("#variations button img")
    until(lambda: pictures.count() == 4 and not server.studio.jobs(), "four are painted")
    label = page.page.locator("#variations [data-testid=block-label]").bounding_box()
    frame = page.page.locator("#variations").bounding_box()
    for box in (picture.bounding_box() for picture in pictures.all()):
        assert box["y"] >= label["y"] + label["height"]
        assert box["x"] >= frame["x"]
        assert box["x"] + box["width"] <= frame["x"] + frame["width"]
        assert box["y"] + box["height"] <= frame["y"] + frame["height"]

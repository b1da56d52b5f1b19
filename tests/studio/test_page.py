"""The page in a browser: what a person does there, and sees."""

import re
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
from page_tools import FEW, MANY, until

from impasto.images import PLATES, plate_path, read_metadata
from impasto.runs import RunFolder

# -- painting ----------------------------------------------------------------------------------------------------------


def test_a_photo_is_painted_while_one_watches_and_handed_out_with_its_recipe(visit, hills, server):
    page = visit()
    page.prepare(hills, steps=60)
    page.set("strength", 65)
    page.set("colors", 80)
    page.paint()
    seen = set()
    until(lambda: seen.add(page.picture()) or len(seen - {""}) >= 4, "the canvas changes three times")
    page.finish()
    assert page.status() == "Painted in 60 steps"
    assert page.page.locator("#slider img").count() == 2

    with page.page.expect_download() as download:
        page.click("download-png")
    record = read_metadata(download.value.path())["recipe"]
    assert (record["strength"], record["color_strength"], record["size"], record["steps"]) == (65, 80, 64, 60)
    assert page.download("download-jpeg").format == "JPEG"
    with page.page.expect_download() as download:
        page.click("download-tiff")
    kept = server.newest().path / "result.tif"
    assert Path(download.value.path()).read_bytes() == kept.read_bytes()


def test_pause_go_on_and_stop_can_be_pressed_when_they_do_something_and_what_was_painted_stays(visit, hills, server):
    page = visit()

    def pressable():
        return [page.page.locator(f"#{name}").is_enabled() for name in ("pause", "resume", "stop")]

    assert pressable() == [False, False, False]
    page.prepare(hills, steps=MANY)
    page.paint()
    page.wait_for_step()
    assert pressable() == [True, False, True]
    page.click("pause")
    page.wait_until("Paused at step")
    until(lambda: pressable() == [False, True, True], "a paused picture can go on")
    page.click("resume")
    page.wait_for_step()
    until(lambda: pressable() == [True, False, True], "a picture that is painted can be paused")
    page.click("stop")
    page.wait_until("Stopped after")
    page.finish()
    until(lambda: pressable() == [False, False, False], "a stopped picture is at rest")
    entry = server.newest()
    assert (entry.status, entry.step < MANY, entry.result.exists()) == ("stopped", True, True)


def test_moving_strength_counts_at_once_for_the_picture_that_is_being_painted(visit, hills, server):
    page = visit()
    page.prepare(hills, steps=MANY)
    page.paint()
    page.wait_for_step()
    page.set("strength", 5)
    path = server.newest().path
    until(lambda: RunFolder.open(path).recipe.strength == 5, "the run has the new strength")
    page.click("stop")
    page.wait_until("Stopped after")
    (change,) = [line for line in RunFolder.open(path).events() if line["type"] == "changed"]
    assert change["step"] > 0


def test_again_paints_the_same_with_another_seed_and_says_so_if_there_is_nothing_yet(visit, hills, server):
    page = visit()
    page.click("again")
    assert "Paint something first" in page.toast()
    page.prepare(hills)
    page.paint()
    page.finish()
    first = server.newest()
    page.click("again")
    until(lambda: server.newest().name != first.name and server.newest().status == "finished", "another is painted")
    assert server.newest().recipe.seed != first.recipe.seed
    assert server.newest().recipe.strength == first.recipe.strength


def test_a_second_order_of_one_page_is_the_one_that_it_follows(visit, hills):
    page = visit()
    page.prepare(hills, steps=MANY)
    page.paint()
    page.wait_for_step()
    page.paint()
    page.wait_until("Waiting: you are next")
    for _ in range(5):
        page.page.wait_for_timeout(100)
        assert page.status() == "Waiting: you are next"


def test_two_styles_are_mixed_by_a_slider_that_is_there_for_them(visit, hills, server):
    page = visit()
    assert not page.page.locator("#mix").is_visible()
    page.prepare(hills)
    page.page.locator("#styles").get_by_text("woodcut", exact=True).click()
    page.page.locator("#mix").wait_for()
    page.set("mix", 75)
    page.paint()
    page.finish()
    assert server.newest().styles == (PLATES[0], "woodcut")
    assert server.newest().recipe.style_mix == (75, 25)


def test_the_fold_shows_the_fields_of_the_chosen_preset(visit):
    page = visit()
    page.unfold("more", "optimizer")
    before = page.page.locator("#field-steps input").input_value()
    page.page.locator("#preset input").click()
    page.page.get_by_role("option", name="paper", exact=True).click()
    until(lambda: page.page.locator("#field-steps input").input_value() != before, "the steps are the preset's")


# -- regions -----------------------------------------------------------------------------------------------------------


def test_a_stroke_of_the_brush_is_a_region_with_the_style_of_its_color(visit, hills, server):
    page = visit()
    page.prepare(hills)
    page.unfold("regions-fold")
    drawing = page.page.locator("#regions canvas").first
    drawing.wait_for()
    page.page.wait_for_timeout(1000)
    drawing.scroll_into_view_if_needed()
    box = drawing.bounding_box()
    middle = box["y"] + box["height"] / 2
    page.page.mouse.move(box["x"] + box["width"] * 0.45, middle)
    page.page.mouse.down()
    page.page.mouse.move(box["x"] + box["width"] * 0.55, middle, steps=8)
    page.page.mouse.up()
    page.page.wait_for_timeout(1000)
    page.page.locator("#region-red input").click()
    page.page.get_by_role("option", name="keep the photo").click()
    page.paint()
    page.finish()
    (region,) = server.newest().recipe.regions
    assert region.endswith("=keep")


# -- what was painted --------------------------------------------------------------------------------------------------


def test_the_history_lists_a_picture_whose_settings_are_taken_up_again(visit, hills, server):
    page = visit()
    page.prepare(hills)
    page.set("strength", 31)
    page.paint()
    page.finish()
    page.set("strength", 90)
    page.page.get_by_role("tab", name="History").click()
    page.page.locator("#history .grid-container button").first.click()
    told = page.page.locator("#details")
    told.get_by_text(server.newest().name).wait_for()
    assert "strength = 31" in " ".join(told.inner_text().split())
    page.click("load-settings")
    page.page.get_by_role("tab", name="Paint").click()
    until(lambda: page.value("strength") == 31, "strength is the picture's")
    assert page.value("size") == 64


def test_a_painted_png_that_is_dropped_sets_everything_as_it_was(visit, hills, tmp_path):
    page = visit()
    page.prepare(hills)
    page.set("strength", 22)
    page.set("colors", 44)
    page.paint()
    page.finish()
    with page.page.expect_download() as download:
        page.click("download-png")
    download.value.save_as(tmp_path / "painted.png")
    other = visit()
    other.unfold("more", "optimizer")
    other.page.locator("#restore input[type=file]").set_input_files(tmp_path / "painted.png")
    until(lambda: other.value("strength") == 22, "strength is the picture's")
    assert (other.value("colors"), other.value("size"), other.value("field-steps")) == (44, 64, FEW)
    other.page.reload()
    other.page.locator("#restore input[type=file]").set_input_files(plate_of(tmp_path))
    assert "holds no recipe" in other.toast()


def plate_of(folder):
    path = folder / "plain.png"
    PIL.Image.open(plate_path(PLATES[0])).resize((40, 40)).save(path)
    return path


# -- who looks at it ---------------------------------------------------------------------------------------------------


def test_what_is_no_picture_is_refused_in_one_line_without_folders_and_the_page_goes_on(visit, hills, tmp_path):
    page = visit()
    wrong = tmp_path / "wrong.png"
    wrong.write_text("this is no picture")
    page.page.locator("#photo input[type=file]").set_input_files(wrong)
    assert "wrong.png is not a picture that impasto reads" in page.toast()
    assert "/" not in page.toast().replace("JPEG", "")
    page.paint()
    until(lambda: page.page.locator(".toast-body").last.inner_text().count("wrong.png") >= 1, "it is refused again")
    page.page.locator("#photo").get_by_role("button", name=re.compile("clear|remove", re.IGNORECASE)).click()
    page.prepare(hills)
    page.paint()
    page.finish()


def test_without_a_photo_the_page_says_what_is_missing(visit):
    page = visit()
    page.paint()
    assert "Choose a photo and a style first" in page.toast()
    assert "Choose a photo and a style" in page.page.locator("#canvas").inner_text()


def test_on_a_phone_nothing_is_wider_than_the_screen(visit, hills):
    page = visit(viewport={"width": 390, "height": 844}, is_mobile=True, has_touch=True)
    page.prepare(hills)
    page.paint()
    page.finish()
    assert page.page.evaluate("document.documentElement.scrollWidth") <= 390
    for tab in ("History", "Compare"):
        page.page.get_by_role("tab", name=tab).click()
        page.page.wait_for_timeout(300)
        assert page.page.evaluate("document.documentElement.scrollWidth") <= 390


def test_a_chinese_browser_sees_chinese(visit, hills):
    page = visit(locale="zh-CN")
    words = ("照片", "风格", "强度", "开始绘制", "历史", "请选择照片和风格")
    until(lambda: all(word in page.page.locator("body").inner_text() for word in words), "the page is Chinese")
    page.prepare(hills)
    assert "步数" in page.page.locator("#field-steps").inner_text()
    page.paint()
    page.finish()
    assert re.fullmatch(r"已完成，共 \d+ 步", page.status())


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_texts_stand_out_from_what_is_behind_them(visit, scheme):
    page = visit(color_scheme=scheme)
    colors = page.page.evaluate(
        "['color', 'background-color'].map(name => getComputedStyle(document.body).getPropertyValue(name))"
    )
    ink, paper = (np.array([int(part) for part in re.findall(r"\d+", color)[:3]]) for color in colors)
    assert abs(ink.mean() - paper.mean()) > 150
    assert (paper.mean() < 100) == (scheme == "dark")


def test_every_widget_has_a_name_for_those_who_do_not_see_it(visit):
    page = visit()
    page.unfold("more")
    for fold in page.page.locator("#more .gr-accordion > button").all():
        fold.click()
    nameless = page.page.evaluate("""() => [...document.querySelectorAll("input, textarea, select, button")].filter(
        (one) => one.type !== "file" && one.checkVisibility() && !(
            one.ariaLabel || one.title || one.innerText.trim() || one.labels?.length || one.closest("label")
            || one.getAttribute("aria-labelledby"))).map((one) => one.outerHTML.slice(0, 200))""")
    assert nameless == []

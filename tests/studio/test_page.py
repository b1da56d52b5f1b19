"""The page in a browser: the form, painting, the results, and how the page looks."""

import re

import numpy as np
import PIL.Image
import pillow_heif
import pytest
from page_tools import FEW, MANY, painted, recipe_png, until

from impasto.events import Changed
from impasto.images import PLATES, plate_path, read_metadata
from impasto.runs import RunFolder
from impasto.studio.page.results import Results

# -- painting ----------------------------------------------------------------------------------------------------------


def test_the_canvas_grows_and_the_result_can_be_downloaded_with_its_recipe(visit, hills, server):
    page = visit()
    page.give(hills)
    page.choose_styles("night")
    page.unfold("more", "schedule")
    for name, value in {"field-steps": 40, "size": 64, "strength": 65, "colors": 80}.items():
        page.set(name, value)
    page.paint()
    seen = set()
    until(lambda: seen.add(page.picture()) or len(seen - {""}) >= 4, "the canvas changes three times")
    page.finish()
    assert page.status() == "Painted in 40 steps"
    recipe = read_metadata(page.download("download-png"))["recipe"]
    assert (recipe["style"]["strength"], recipe["color"]["strength"]) == (65, 80)
    assert (recipe["picture"]["size"], recipe["schedule"]["steps"]) == (64, 40)
    assert PIL.Image.open(page.download("download-jpeg")).format == "JPEG"
    kept = server.newest().path / "result.tif"
    assert page.download("download-tiff").read_bytes() == kept.read_bytes()


def test_buttons_are_enabled_while_they_do_something_and_a_stopped_picture_is_kept(visit, hills, server):
    page = visit()
    buttons = ("pause", "resume", "stop")
    assert page.enabled(*buttons) == [False, False, False]
    page.prepare(hills, steps=MANY)
    page.paint()
    page.wait_for_step()
    assert page.enabled(*buttons) == [True, False, True]
    page.click("pause")
    page.wait_until("Paused at step")
    until(lambda: page.enabled(*buttons) == [False, True, True], "a paused job can be resumed")
    page.click("resume")
    page.wait_for_step()
    until(lambda: page.enabled(*buttons) == [True, False, True], "a running job can be paused")
    page.click("stop")
    page.wait_until("Stopped after")
    page.finish()
    until(lambda: page.enabled(*buttons) == [False, True, False], "a stopped job can go on")
    entry = server.newest()
    assert (entry.status, entry.step < MANY, (entry.path / "result.png").exists()) == ("stopped", True, True)


def test_a_moved_strength_counts_for_the_running_job(visit, hills, server):
    page = visit()
    page.prepare(hills, steps=MANY)
    page.paint()
    page.wait_for_step()
    page.set("strength", 5)
    path = server.newest().path
    until(lambda: RunFolder.open(path).recipe.after().style.strength == 5, "the run has the new strength")
    page.click("stop")
    page.wait_until("Stopped after")
    (change,) = RunFolder.open(path).read_log().of(Changed)
    assert change.step > 0


def test_again_paints_with_another_seed_and_needs_a_picture_first(visit, hills, server):
    page = visit()
    page.click("again")
    assert "Paint something first" in page.toast()
    page.prepare(hills)
    page.paint()
    page.finish()
    first = server.newest()
    page.click("again")
    until(lambda: server.newest().name != first.name and server.newest().status == "finished", "another is painted")
    assert set(server.newest().recipe.changes_from(first.recipe)) == {"seed"}


def test_a_page_follows_the_job_that_it_submitted_last(visit, hills, server):
    page = visit()
    page.prepare(hills, steps=MANY)
    page.paint()
    page.wait_for_step()
    first = server.newest_job()
    page.set("colors", 60)
    page.paint()
    page.wait_until("Waiting: you are next")
    step = first.monitor.progress().step
    until(lambda: first.monitor.progress().step > step + 5, "the first job is painted further")
    assert page.status() == "Waiting: you are next"


# -- the form ----------------------------------------------------------------------------------------------------------


def test_the_results_of_a_stopped_picture_do_not_hide_the_one_that_is_painted_next(visit, hills, server, monkeypatch):
    page, show = visit(), Results.show
    page.prepare(hills, steps=MANY)
    page.paint()
    page.wait_for_step()
    shown = []

    def newest_step():
        return server.newest_job().monitor.progress().step

    def show_late(results, name, request):
        updates = show(results, name, request)
        until(lambda: server.newest().name != name and newest_step(), "another run is painted meanwhile")
        shown.append(newest_step())
        return updates

    monkeypatch.setattr(Results, "show", show_late)
    page.click("stop")
    page.wait_until("Stopped after")
    page.click("again")
    until(lambda: shown, "the results of the first are ready")

    def shown_step():
        found = re.search("step ([0-9]+)", page.status())
        return int(found[1]) if found else 0

    until(lambda: shown_step() > shown[0], "the page has had them")
    assert page.page.locator("#canvas").is_visible()
    assert not page.page.locator("#results").is_visible()


def test_two_styles_are_mixed_by_a_slider_that_appears_for_them(visit, hills, server):
    page = visit()
    assert not page.page.locator("#mix").is_visible()
    page.prepare(hills)
    page.choose_styles("knife", "woodcut")
    page.page.locator("#mix").get_by_text("knife is the first").wait_for()
    page.set("mix", 75)
    page.paint()
    page.finish()
    assert server.newest().styles == ("knife", "woodcut")
    assert server.newest().recipe.style.mix == (75, 25)


def test_the_fold_shows_the_settings_of_the_chosen_preset(visit):
    page = visit()
    page.unfold("more", "schedule")
    before = page.value("field-steps")
    page.choose("preset", "paper")
    until(lambda: page.value("field-steps") != before, "the steps are those of the preset")


def test_a_dropped_png_brings_its_settings_back(visit, hills, server, tmp_path):
    entry = painted(server, hills, steps=FEW, strength=22.0, color_strength=44.0)
    page = visit()
    page.unfold("more", "schedule")
    page.drop_png(entry.path / "result.png")
    until(lambda: page.value("strength") == 22, "the strength is that of the picture")
    assert (page.value("colors"), page.value("size"), page.value("field-steps")) == (44, 64, FEW)
    page.leave()
    page.open()
    plain = tmp_path / "plain.png"
    PIL.Image.open(plate_path(PLATES[0])).resize((40, 40)).save(plain)
    page.drop_png(plain)
    assert "holds no recipe" in page.toast()


def test_a_file_that_is_not_a_picture_is_refused_in_one_line_and_the_page_still_works(visit, hills, tmp_path):
    page = visit()
    wrong = tmp_path / "wrong.png"
    wrong.write_text("this is no picture")
    page.page.locator("#photo input[type=file]").set_input_files(wrong)
    assert "wrong.png is not a picture that impasto reads" in page.toast()
    assert "/" not in page.toast().replace("JPEG", "")
    page.close_toast()
    page.drop_png(wrong)
    assert "wrong.png is not a picture that impasto reads" in page.toast()
    assert "/" not in page.toast()
    page.close_toast()
    until(lambda: not page.page.locator("#photo img").count(), "the field is empty")
    page.paint()
    assert page.toast().endswith("Choose a photo first.")
    page.close_toast()
    # No browser but Safari shows what phones take, and few know its type, in capitals least of all.
    pillow_heif.from_pillow(PIL.Image.open(hills).convert("RGB")).save(tmp_path / "IMG_0002.HEIC")
    page.prepare(tmp_path / "IMG_0002.HEIC")
    until(lambda: page.page.locator("#photo img").evaluate("one => one.naturalWidth") == 96, "the photo is shown")
    page.paint()
    page.finish()


def test_without_a_photo_the_page_reports_what_is_missing(visit):
    page = visit()
    page.paint()
    assert page.toast().endswith("Choose a photo first.")
    assert "Choose a photo and a style" in page.page.locator("#canvas").inner_text()


# -- the results -------------------------------------------------------------------------------------------------------


def test_before_and_after_are_whole_pictures_in_the_frame_of_the_canvas(visit, hills):
    page = visit()
    page.prepare(hills)
    page.paint()
    page.finish()
    slider, images = page.page.locator("#slider .slider"), page.page.locator("#slider .slider img")
    slider.wait_for()
    until(lambda: images.evaluate_all("all => all.every(one => one.complete)"), "both pictures are loaded")
    frame = slider.bounding_box()
    assert not page.page.locator("#canvas").is_visible(), "they take the place of the canvas"
    assert frame["width"] / frame["height"] == pytest.approx(96 / 72, rel=0.01)
    assert images.count() == 2
    for image in images.all():
        assert list(image.bounding_box().values()) == pytest.approx(list(frame.values()), abs=1)
    assert images.evaluate_all("all => all.map(one => one.naturalWidth / one.naturalHeight)") == [96 / 72] * 2

    def clip():
        return page.page.locator("#slider img.before").evaluate("one => getComputedStyle(one).clipPath")

    page.page.get_by_role("slider", name="How much of the photo is shown").focus()
    page.page.keyboard.press("End")
    assert clip() in ("inset(0px)", "inset(0px 0% 0px 0px)")
    page.page.keyboard.press("Home")
    assert clip() == "inset(0px 100% 0px 0px)"

    page.page.get_by_role("button", name="Enlarge").click()
    large = slider.bounding_box()
    assert large["height"] == pytest.approx(900, abs=1)
    assert large["width"] / large["height"] == pytest.approx(96 / 72, rel=0.01)
    page.page.keyboard.press("Escape")
    # The closed dialog hides the slider until it is back in its place.
    small = pytest.approx(frame["width"], abs=1)
    until(lambda: (slider.bounding_box() or frame | {"width": 0})["width"] == small, "it is small again")


# -- how the page looks ------------------------------------------------------------------------------------------------


def test_on_a_phone_nothing_is_wider_than_the_screen(visit, hills):
    page = visit(viewport={"width": 390, "height": 844}, is_mobile=True, has_touch=True)
    page.prepare(hills)
    page.paint()
    page.finish()
    width = "document.documentElement.scrollWidth"
    assert page.page.evaluate(width) <= 390
    for tab, shown in {"History": "#history img", "Compare": "#which input"}.items():
        page.open_tab(tab)
        page.page.locator(shown).first.wait_for()
        assert page.page.evaluate(width) <= 390


def test_a_chinese_browser_shows_chinese(visit, hills):
    page = visit(locale="zh-CN")
    words = ("照片", "风格", "强度", "开始绘制", "历史", "请选择照片和风格")
    until(lambda: all(word in page.page.locator("body").inner_text() for word in words), "the page is Chinese")
    assert page.page.title() == "impasto 画室"
    assert "星夜" in page.page.locator("#styles").inner_text()
    page.unfold("more", "schedule")
    assert "步数" in page.page.locator("#field-steps").inner_text()
    page.choose("preset", "草稿")
    until(lambda: page.value("field-steps") == 32, "the preset is applied")
    page.paint()
    assert page.toast().endswith("请先选择照片。")
    title = "getComputedStyle(document.querySelector('.toast-title'), '::before').content"
    assert page.page.evaluate(title) == '"错误"'
    page.close_toast()
    page.drop_png(recipe_png())
    assert page.toast().endswith("已恢复这幅画的设置。")
    assert page.page.evaluate(title) == '"提示"'
    page.close_toast()
    page.prepare(hills)
    page.paint()
    page.finish()
    assert re.fullmatch(r"已完成，共 \d+ 步", page.status())
    page.set("field-steps", MANY)
    page.paint()
    page.page.locator("#queue").get_by_text("hills + 星夜").wait_for()


def test_text_contrasts_with_its_background_in_dark_and_light(visit):
    page = visit()
    for scheme in ("dark", "light"):
        page.leave()
        page.page.emulate_media(color_scheme=scheme)
        page.open()
        style = "['color', 'background-color'].map(name => getComputedStyle(document.body).getPropertyValue(name))"
        colors = [re.findall(r"\d+", color)[:3] for color in page.page.evaluate(style)]
        text, background = np.array(colors, int).mean(axis=1)
        assert abs(text - background) > 150
        assert (background < 100) == (scheme == "dark")


def test_every_widget_has_a_name_for_screen_readers(visit):
    page = visit()
    page.unfold("more")
    for fold in page.page.locator("#more .gr-accordion > button").all():
        fold.click()
    nameless = page.page.evaluate("""() => [...document.querySelectorAll("input, textarea, select, button")].filter(
        (one) => one.type !== "file" && one.checkVisibility() && !(
            one.ariaLabel || one.title || one.innerText.trim() || one.labels?.length || one.closest("label")
            || one.getAttribute("aria-labelledby"))).map((one) => one.outerHTML.slice(0, 200))""")
    assert nameless == []

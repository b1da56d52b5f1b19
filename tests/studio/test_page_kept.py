"""Nothing is lost and nothing untrue, in a browser: the queue, reloads, moved dials, variations, downloads, titles."""

import os
import shlex
import zipfile

import numpy as np
import PIL.Image
import pytest
from page_tools import FEW, MANY, painted, recipe_png, until

import impasto
from impasto.cli.app import main
from impasto.images import read_metadata
from impasto.recipe import resolve
from impasto.studio.texts import purpose_of


def test_every_picture_is_listed_on_every_tab_and_can_be_shown_and_ended(visit, hills, server):
    page = visit()
    page.prepare(hills, steps=MANY)
    page.page.locator("#paint").dblclick()
    page.wait_for_step()
    (first,) = server.studio.jobs()  # a double click paints once
    page.set("strength", 80)
    page.paint()
    page.wait_until("Waiting: you are next")
    page.open_tab("History")
    rows = page.page.locator("#queue li")
    until(lambda: rows.count() == 2, "both are listed in the history")
    rows.first.get_by_role("button", name="Show").click()
    page.wait_for_step()
    page.page.locator("#canvas").wait_for()
    page.open_tab("Compare")
    rows.nth(1).get_by_role("button", name="Show").click()
    page.wait_until("Waiting: you are next")
    rows.nth(1).get_by_role("button", name="Cancel").click()
    until(lambda: server.studio.jobs() == [first], "the waiting one is canceled")
    page.wait_until("Stopped before the first step: there is no picture to keep")
    other = visit()
    other.page.locator("#queue").get_by_role("button", name="Stop").click()
    until(lambda: first.state == "stopped", "the running one is stopped, from another tab")
    until(lambda: not rows.count(), "nothing is listed any more")
    assert server.newest().status == "stopped"


def test_a_stopped_picture_goes_on_where_it_is_shown(visit, hills, server):
    page = visit()
    page.prepare(hills, steps=MANY)
    page.paint()
    page.wait_for_step()
    page.click("stop")
    page.wait_until("Stopped after")
    entry = server.newest()
    until(lambda: page.enabled("resume") == [True], "it can go on")
    page.click("resume")
    page.wait_for_step()
    until(lambda: server.studio.job(entry.name).monitor.progress().step > entry.step, "it is painted further")
    assert [run.name for run in server.studio.list_runs()].count(entry.name) == 1


def test_a_reload_and_the_way_back_keep_the_form(visit, hills, server):
    page = visit()
    page.prepare(hills)
    page.choose_styles("night", "woodcut")
    page.set("mix", 75)
    page.set("size", 80)
    page.unfold("more")
    page.choose("preset", "bold")
    until(lambda: '"bold"' in page.page.evaluate("sessionStorage.getItem('impasto-form')"), "the form is kept")
    for leave in (page.page.reload, lambda: (page.page.goto(f"{server.url}/theme.css"), page.page.go_back())):
        leave()
        page.page.locator("#photo img").wait_for()
        until(lambda: page.value("size") == 80, "the size is back")
        until(lambda: page.page.locator("#styles input:checked").count() == 2, "the styles are back")
        page.unfold("more")
        assert page.page.locator("#preset input").input_value() == "bold"
        assert purpose_of("en", "bold") in page.page.locator("#preset").inner_text()
        assert page.value("mix") == 75
    page.forgive_aborted_requests()
    page.drop_png(recipe_png(steps=FEW))
    until(lambda: page.value("size") == 64, "the settings are cheap")
    preset = page.page.locator("#preset")
    until(lambda: preset.locator("input").input_value() != "bold", "another preset resembles them")
    until(lambda: purpose_of("en", preset.locator("input").input_value()) in preset.inner_text(), "it is explained")
    page.paint()
    page.finish()
    assert (server.newest().content, len(server.newest().styles)) == ("hills", 2)


def test_a_photo_that_is_given_while_the_page_still_loads_is_kept(visit, hills):
    page = visit()
    page.page.route(calls := "**/queue/join*", lambda route: None)
    with page.page.expect_request(calls):
        page.page.reload()
    page.give(hills)
    page.page.unroute(calls)  # lets what was held go on
    page.page.wait_for_function("window.impastoShowsForm")
    assert "hills.jpg" in page.page.evaluate("sessionStorage.getItem('impasto-form')")
    page.forgive_aborted_requests()


def test_moved_dials_are_told_and_the_recipe_on_the_page_repeats_the_picture(visit, hills, server):
    page = visit()
    page.prepare(hills, steps=80)
    page.paint()
    page.wait_for_step()
    page.set("strength", 5)
    page.finish()
    page.page.locator("#moved").get_by_text("Dials were moved").wait_for()
    moved = server.newest()
    recipe = resolve(None, read_metadata(page.download("download-png"))["recipe"])
    assert [change.settings for change in recipe.schedule.changes][-1]["strength"] == 5
    assert recipe.style.strength == 50
    page.load_newest_run()
    until(lambda: page.value("strength") == 50, "the settings are those it began with")
    page.paint()
    until(lambda: server.newest().name != moved.name and server.newest().status == "finished", "it is painted again")
    one, other = (np.asarray(PIL.Image.open(run.path / "result.png")) for run in (moved, server.newest()))
    np.testing.assert_array_equal(one, other)


def test_all_of_a_picture_is_downloaded_and_its_command_paints_it_there(visit, hills, server, tmp_path, monkeypatch):
    mask = np.zeros((72, 96), np.uint8)
    mask[20:50, 30:60] = 255
    entry = painted(server, hills, [hills, "mosaic"], steps=FEW, regions=[impasto.Region(mask, "night")])
    page = visit()
    page.choose_newest_run()
    until(lambda: page.enabled("history-download-all") == [True], "it can be downloaded")
    with zipfile.ZipFile(page.download("history-download-all")) as archive:
        assert archive.namelist() == ["hills.png", "hills-2.png", "mask.png", "painting.png", "command.txt"]
        archive.extractall(tmp_path)
    with PIL.Image.open(tmp_path / "hills.png") as photo:
        assert not photo.getexif(), "neither camera nor position"
    monkeypatch.chdir(tmp_path)
    program, *words = shlex.split((tmp_path / "command.txt").read_text())
    before = set(os.listdir())
    assert (program, main([*words, "--quiet"])) == ("impasto", 0)
    (made,) = set(os.listdir()) - before
    one, other = (np.asarray(PIL.Image.open(path)) for path in (made, entry.path / "result.png"))
    np.testing.assert_array_equal(one, other)


def test_a_run_is_renamed_and_enlarged(visit, hills, server):
    painted(server, hills, steps=FEW)
    page = visit()
    page.choose_newest_run()
    title = page.page.locator("#title-of-run").get_by_role("textbox")
    until(title.is_editable, "it can be renamed")
    title.fill("Summer <b>")
    page.click("rename")
    page.page.locator("#history").get_by_text("Summer <b>").first.wait_for()
    assert server.newest().title == "Summer <b>"
    page.page.locator("#run-picture .enlarge").click()
    box = page.page.locator("#run-picture .linked").bounding_box()
    assert (box["x"], box["y"], box["width"], box["height"]) == (0, 0, 1280, 900)
    on_top = "where => document.elementFromPoint(...where)?.closest('.linked.enlarged') !== null"
    caption = page.page.locator("#history .caption-label").first.bounding_box()
    assert page.page.evaluate(on_top, [caption["x"] + 5, caption["y"] + 5]), "no caption covers it"
    page.page.keyboard.press("Escape")
    until(lambda: page.page.locator("#run-picture .linked").bounding_box()["width"] < 900, "it is small again")


@pytest.mark.long
def test_four_variations_differ_and_the_chosen_one_is_painted_large(visit, hills, server):
    page = visit()
    page.prepare(hills, size=96)
    page.paint()
    page.finish()
    whole = server.newest()
    page.click("vary")
    pictures = page.page.locator("#variations img")
    until(lambda: pictures.count() == 4 and not server.studio.jobs(), "four are painted")
    varied = server.studio.list_runs()[:4]
    assert len({run.recipe.start.seed for run in [whole, *varied]}) == 5
    pixels = [np.asarray(PIL.Image.open(run.path / "result.png"), int) for run in varied]
    assert min(np.abs(one - pixels[0]).mean() for one in pixels[1:]) > 2
    until(lambda: page.page.locator("#variations button img").count() == 4, "the last pictures are shown")
    page.page.locator("#variations button").nth(2).click()
    until(lambda: server.newest().name not in {run.name for run in [whole, *varied]}, "one is painted large")
    large = server.newest()
    assert set(large.recipe.changes_from(whole.recipe)) == {"seed"}
    assert large.recipe.start.seed == varied[::-1][2].recipe.start.seed


@pytest.mark.long
def test_strokes_without_a_style_and_styles_without_strokes_are_told(visit, hills):
    page = visit()
    page.prepare(hills)
    page.unfold("regions-fold")
    page.choose("region-green", "woodcut")
    page.paint()
    assert "Style of the green region" in page.toast()
    page.finish()


SHARING = """
const areImages = ({files}) => files.every((file) => file.type.startsWith('image/'));
Object.defineProperty(navigator, 'canShare', {value: areImages, configurable: true});
Object.defineProperty(navigator, 'share', {value: async (given) => { window.shared = given.files[0]; }});
"""
COPYING = """() => {
  Object.defineProperty(navigator, 'canShare', {value: undefined});
  Object.defineProperty(navigator, 'clipboard', {value: {write: async ([item]) => { window.copied = item.types; }}});
}"""
WITHOUT_SHARING = """
for (const name of ['canShare', 'share', 'clipboard']) Object.defineProperty(navigator, name, {value: undefined});
"""


@pytest.mark.long
def test_share_hands_the_picture_to_the_device_or_copies_it_and_says_so(visit, hills):
    page = visit(locale="en-US")
    page.page.add_init_script(SHARING)
    page.page.reload()
    page.prepare(hills)
    page.paint()
    page.finish()
    page.click("share")
    size = "async () => { const one = await createImageBitmap(window.shared); return [one.width, one.height]; }"
    until(lambda: page.page.evaluate("window.shared?.name") == "painting.jpeg", "a file is shared")
    assert page.page.evaluate(size) == [64, 48]
    assert not page.page.locator(".toast-body").count(), "the device says what it did with it"
    page.page.evaluate(COPYING)
    page.click("share")
    assert "on the clipboard" in page.toast()
    assert page.page.evaluate("window.copied") == ["image/png"]
    page.forgive_aborted_requests()


def test_without_a_way_to_share_there_are_downloads_alone(visit, hills):
    page = visit(locale="en-US")
    page.page.add_init_script(WITHOUT_SHARING)
    page.page.reload()
    page.prepare(hills)
    page.paint()
    page.finish()
    assert page.page.locator("#download-png").is_visible()
    assert not page.page.locator("#share").is_visible()
    page.forgive_aborted_requests()

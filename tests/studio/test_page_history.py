"""What was painted before, in a browser: it is taken up, goes on, is deleted; and a part of a style picture."""

import PIL.Image
import pytest
from page_tools import MANY, painted, until

from impasto.images import PLATES, plate_path
from impasto.studio.captions import MACHINE_FIELDS
from impasto.studio.load_run import load_run


def choose_newest(page):
    page.page.get_by_role("tab", name="History").click()
    page.page.locator("#history .grid-container button").first.click()
    page.page.locator("#details").get_by_text(page.server.newest().name).wait_for()


def pressable(page):
    return [page.page.locator(f"#{name}").is_enabled() for name in ("load-settings", "go-on", "delete")]


def test_settings_that_are_taken_up_paint_the_same_again(visit, hills, server):
    entry = painted(
        server, hills, ["mosaic", "woodcut"], strength=31.0, color_strength=45.0, style_mix=(30.0, 70.0),
        style_crop="full/10,20,300,400", seed=9,
    )  # fmt: skip
    page = visit()
    page.page.get_by_role("tab", name="History").click()
    assert pressable(page) == [False] * 3
    choose_newest(page)
    until(lambda: pressable(page) == [True, False, True], "what is finished does not go on")
    page.click("load-settings")
    page.page.locator("#photo").wait_for()
    until(lambda: page.value("strength") == 31, "the settings are shown")
    chosen = page.page.locator("#styles label:has(input:checked)")
    assert chosen.all_inner_texts() == ["mosaic", "woodcut"]
    until(lambda: page.page.locator("#mix").is_visible() and page.value("mix") == 30, "the mix is shown")
    page.paint()
    until(lambda: server.newest().name != entry.name, "another is ordered")
    again = server.newest()
    assert (again.content, again.styles) == ("hills", ("mosaic", "woodcut"))
    assert set(again.recipe.changes_from(entry.recipe)) <= MACHINE_FIELDS


def test_a_picture_of_ones_own_is_not_taken_for_the_built_in_style_of_its_name(server, hills, tmp_path):
    own = tmp_path / f"{PLATES[0]}.png"
    PIL.Image.open(plate_path("knife")).resize((64, 64)).save(own)
    entry = painted(server, hills, ["mosaic", own])
    assert entry.styles == ("mosaic", PLATES[0])
    back = load_run(server.studio.workspace, entry.name)
    assert (back.plates, [one.picture.name for one in back.own_styles]) == (("mosaic",), [PLATES[0]])


def test_what_was_stopped_goes_on_and_is_followed(visit, hills, server):
    entry = painted(server, hills, steps=MANY)
    assert entry.status == "stopped"
    page = visit()
    choose_newest(page)
    until(lambda: pressable(page) == [True, True, True], "what was stopped can go on")
    page.click("go-on")
    page.wait_for_step()
    assert page.page.locator("#canvas").is_visible()
    until(lambda: server.newest().step > entry.step, "more steps are painted")
    assert server.newest().name == entry.name


def test_a_painting_is_deleted_once_one_has_said_so_twice(visit, hills, server):
    kept, doomed = (painted(server, hills) for _ in range(2))
    page = visit()
    choose_newest(page)
    pictures = page.page.locator("#history .grid-container button")
    before = pictures.count()
    page.click("delete")
    page.page.locator("#delete-row").get_by_text(doomed.name).wait_for()
    page.click("delete-no")
    page.page.locator("#delete-row").wait_for(state="hidden")
    assert doomed.path.is_dir()
    page.click("delete")
    page.click("delete-yes")
    until(lambda: pictures.count() == before - 1, "the history has one less")
    assert not doomed.path.exists()
    assert kept.path.is_dir()
    until(lambda: pressable(page) == [False] * 3, "nothing is chosen any more")


def test_a_frame_drawn_over_a_style_picture_is_the_part_that_teaches(visit, hills, server):
    page = visit()
    page.prepare(hills)
    page.page.get_by_role("button", name="Your own style pictures").click()
    page.page.locator("#own input[type=file]").set_input_files(hills)
    picture, field = page.page.locator("#uncut .uncut"), page.page.locator("#crop textarea, #crop input")
    picture.locator("img").wait_for()
    picture.scroll_into_view_if_needed()

    def drag(left, top, right, bottom):
        box = picture.bounding_box()
        page.page.mouse.move(box["x"] + box["width"] * left, box["y"] + box["height"] * top)
        page.page.mouse.down()
        page.page.mouse.move(box["x"] + box["width"] * right, box["y"] + box["height"] * bottom, steps=4)
        page.page.mouse.up()

    def numbers():
        return [float(number) for number in field.input_value().split(",")]

    drag(0.75, 0.75, 0.5, 0.25)
    assert numbers() == pytest.approx([48, 18, 24, 36], abs=1)
    picture.dblclick()
    assert field.input_value() == ""
    field.fill("24,18,48,36")
    whole, cut = picture.bounding_box(), picture.locator(".cut").bounding_box()
    assert cut["x"] - whole["x"] == pytest.approx(whole["width"] / 4, abs=2)
    assert cut["height"] == pytest.approx(whole["height"] / 2, abs=2)

    page.paint()
    page.finish()
    assert server.newest().styles == (PLATES[0], "hills")
    assert server.newest().recipe.style_crop == ((), (24, 18, 48, 36))

    # Taken over from the history, the part comes with its picture, once more also where both are there already.
    for _ in range(2):
        choose_newest(page)
        until(lambda: pressable(page)[0], "the settings can be taken")
        page.click("load-settings")
        picture.locator("img").wait_for()
        until(lambda: field.input_value() == "full/24,18,48,36", "the part is shown")
        page.page.wait_for_timeout(1000)
        assert field.input_value() == "full/24,18,48,36"
        assert picture.count() == 1
    whole, cut = picture.bounding_box(), picture.locator(".cut").bounding_box()
    assert cut["x"] - whole["x"] == pytest.approx(whole["width"] / 4, abs=2)

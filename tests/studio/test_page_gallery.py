"""Earlier runs in a browser: the history, comparisons with linked zoom, and the blind vote."""

import csv
import threading

import numpy as np
import PIL.Image
import pytest
from page_tools import MANY, painted, until

from impasto.recipe import resolve
from impasto.studio.captions import MACHINE_FIELDS
from impasto.studio.page import callbacks, gallery
from impasto.studio.page.markup import data_uri

STRENGTHS = (10, 30, 50, 70, 90)
BUTTONS = ("load-settings", "go-on", "delete")


@pytest.fixture(scope="module")
def paintings(server, hills):
    """Runs of one photo that differ in strength alone, oldest first."""
    return [painted(server, hills, strength=float(strength)) for strength in STRENGTHS]


# -- comparisons -------------------------------------------------------------------------------------------------------


def boxes(locator):
    """Return the positions of elements at one moment."""
    return locator.evaluate_all("""elements => elements.map(element => {
        const {x, y, width, height} = element.getBoundingClientRect();
        return {x, y, width, height};
    })""")


def relative(outer, inner):
    """Return where a box begins in another one, and its width, in widths and heights of the other."""
    return (
        (inner["x"] - outer["x"]) / outer["width"],
        (inner["y"] - outer["y"]) / outer["height"],
        inner["width"] / outer["width"],
    )


@pytest.fixture
def compared(visit, paintings):
    """The comparison of the second and the fourth painting, and a function that adds one (0 is the oldest)."""
    page = visit()
    page.open_tab("Compare")
    checks = page.page.locator("#which input")
    until(lambda: checks.count() == len(paintings), "all paintings are offered")

    def choose(number, panes):
        checks.nth(len(paintings) - 1 - number).check()
        until(lambda: page.page.locator("#compared .pane img").count() == panes, f"{panes} pictures are shown")

    choose(1, 1)
    choose(3, 2)
    return page, choose


def test_chosen_pictures_stand_side_by_side_below_their_differences(compared):
    page, choose = compared
    titles = page.page.locator("#compared figcaption strong")
    assert titles.all_inner_texts() == ["strength 30", "strength 70"]
    left, right = boxes(page.page.locator("#compared .pane"))
    assert left["y"] == right["y"]
    assert left["x"] + left["width"] <= right["x"]
    assert left["width"] <= 2 * 64, "small pictures are not enlarged much"

    choose(0, 3)
    choose(2, 4)
    checks = page.page.locator("#which input")
    checks.first.check()
    until(lambda: titles.all_inner_texts() == [f"strength {number}" for number in (70, 10, 50, 90)], "four are shown")
    expected = [True, True, True, False, True]
    until(lambda: [box.is_checked() for box in checks.all()] == expected, "the one that was chosen first gave way")


def test_all_pictures_are_zoomed_and_moved_together(compared):
    page, _ = compared
    panes, both = page.page.locator("#compared .pane"), page.page.locator("#compared .pane, #compared .pane img")
    mouse, keyboard = page.page.mouse, page.page.keyboard

    def position():
        # In the order of the document: a pane, its picture, the next pane, its picture.
        outer, inner, next_outer, next_inner = boxes(both)
        left, right = relative(outer, inner), relative(next_outer, next_inner)
        assert left == pytest.approx(right, abs=0.01)
        return left

    first = panes.first.bounding_box()
    spot = first["x"] + first["width"] / 4, first["y"] + first["height"] / 2
    mouse.move(*spot)
    mouse.wheel(0, -100)
    until(lambda: position()[2] > 1.1, "the wheel zooms")
    x, y, scale = position()
    assert ((0.25 - x) / scale, (0.5 - y) / scale) == pytest.approx((0.25, 0.5), abs=0.02), "the pointed place stays"

    mouse.down()
    mouse.move(spot[0] - first["width"] / 20, spot[1])
    mouse.up()
    assert position() == pytest.approx((x - 0.05, y, scale), abs=0.02)
    mouse.dblclick(*spot)
    assert position() == pytest.approx((0, 0, 1), abs=0.01)

    page.page.locator("#compared .linked").focus()
    for key in ("+", "+", "+", "ArrowLeft"):
        keyboard.press(key)
    x, y, scale = position()
    assert scale > 1.5
    assert x > y, "the arrow key moved it"
    for key in "----":
        keyboard.press(key)
    assert position() == pytest.approx((0, 0, 1), abs=0.01)


def test_a_vote_is_blind_and_becomes_a_row_of_the_table(visit, paintings, server):
    page = visit()
    page.open_tab("Compare")
    page.page.locator("#which input").first.wait_for()
    page.unfold("vote")
    buttons = ("vote-left", "vote-skip", "vote-right")
    assert page.enabled(*buttons) == [False] * 3
    page.page.locator("#rater input, #rater textarea").fill("Ada")
    page.click("vote-next")
    until(lambda: page.enabled(*buttons) == [True] * 3, "one can vote")
    assert page.page.locator("#voted figcaption").all_inner_texts() == ["A", "B"]
    shown = page.page.locator("#voted").inner_html()
    assert not [word for word in ("strength", *(run.name for run in paintings)) if word in shown.lower()]
    left, right = (image.get_attribute("src") for image in page.page.locator("#voted .pane img").all())

    page.page.locator("#vote-right").focus()
    page.page.keyboard.press("Enter")
    table = server.workspace / "votes.csv"
    until(table.exists, "the vote is saved")
    page.page.locator("#vote-message").get_by_text("Votes so far: 1").wait_for()
    with table.open(newline="") as file:
        (row,) = csv.DictReader(file)
    assert row["rater"] == "Ada"
    assert row["time"].endswith("+00:00")
    kept, other = (
        data_uri(np.asarray(PIL.Image.open(server.runs / row[which] / "result.png").convert("RGB")))
        for which in ("kept", "other")
    )
    assert kept != other
    assert (other, kept) == (left, right), "the right one was chosen"

    # The answer stands until the next pair is asked for.
    answers = page.page.locator("#voted figcaption strong").all_inner_texts()
    assert [answer[:12] for answer in answers] == ["A: strength ", "B: strength "]
    assert page.enabled(*buttons) == [False] * 3
    page.click("vote-next")
    until(lambda: page.enabled(*buttons) == [True] * 3, "one can vote again")
    page.click("vote-skip")
    page.page.locator("#vote-message").get_by_text("Nothing was saved").wait_for()
    assert len(table.read_text().splitlines()) == 2


# -- the history (after the comparisons, which expect five runs) -------------------------------------------------------


def test_settings_of_an_earlier_run_paint_the_same_again(visit, hills, server):
    entry = painted(
        server, hills, ["mosaic", "woodcut"], strength=31.0, color_strength=45.0, style_mix=(30.0, 70.0),
        style_crop="full/10,20,300,400", seed=9,
    )  # fmt: skip
    page = visit()
    page.open_tab("History")
    assert page.enabled(*BUTTONS) == [False] * 3
    assert not page.page.locator("#rename").is_visible(), "there is nothing to rename yet"
    page.choose_newest_run()
    details = " ".join(page.page.locator("#details").inner_text().split())
    assert "Settings that differ from the default:" in details
    assert "strength = 31" in details
    until(lambda: page.enabled("history-download-png") == [True], "the picture can be downloaded")
    assert page.download("history-download-png").read_bytes() == (entry.path / "result.png").read_bytes()
    assert PIL.Image.open(page.download("history-download-jpeg")).format == "JPEG"
    until(lambda: page.enabled(*BUTTONS) == [True, False, True], "a finished run cannot be resumed")
    page.click("load-settings")
    page.page.locator("#photo img").wait_for()
    until(lambda: page.value("strength") == 31, "the settings are shown")
    assert page.styles() == ["mosaic", "woodcut"]
    until(lambda: page.page.locator("#mix").is_visible() and page.value("mix") == 30, "the mix is shown")
    page.paint()
    until(lambda: server.newest().name != entry.name, "another is submitted")
    again = server.newest()
    assert (again.content, again.styles) == ("hills", ("mosaic", "woodcut"))
    assert set(again.recipe.changes_from(entry.recipe)) <= MACHINE_FIELDS


def test_a_stopped_run_is_resumed_and_followed(visit, hills, server):
    entry = painted(server, hills, steps=MANY)
    assert entry.status == "stopped"
    page = visit()
    page.choose_newest_run()
    until(lambda: page.enabled(*BUTTONS) == [True, True, True], "a stopped run can be resumed")
    page.click("go-on")
    page.wait_for_step()
    assert page.page.locator("#canvas").is_visible()
    until(lambda: server.newest().step > entry.step, "more steps are painted")
    assert server.newest().name == entry.name


@pytest.mark.long
def test_a_run_that_is_clicked_while_a_newer_one_is_listed_stays_chosen(visit, hills, server, monkeypatch):
    clicked, _ = (painted(server, hills) for _ in range(2))
    page = visit()
    page.choose_newest_run()
    page.open_tab("Paint")
    newer = painted(server, hills)

    # The list with the newer run is held back until the older list has been clicked.
    list_thumbnails, released = gallery._list_thumbnails, threading.Event()
    monkeypatch.setattr(gallery, "_list_thumbnails", lambda studio: released.wait(60) and list_thumbnails(studio))
    page.open_tab("History")
    pictures = page.page.locator("#history .grid-container button")
    before = pictures.count()
    pictures.nth(1).click()
    page.page.wait_for_timeout(300)
    released.set()
    until(lambda: pictures.count() == before + 1, "the newer run is listed")
    page.page.locator("#details").get_by_text(clicked.name).wait_for()
    assert page.enabled("load-settings") == [True]

    # The list that is made next keeps the choice.
    page.click("refresh")
    pictures.first.click()
    page.page.locator("#details").get_by_text(newer.name).wait_for()
    page.open_tab("Paint")
    page.open_tab("History")
    until(lambda: page.enabled("load-settings") == [True], "it is still chosen")
    assert newer.name in page.page.locator("#details").inner_text()


def test_a_painting_that_is_chosen_to_compare_while_they_are_listed_again_stays_chosen(
    visit, hills, server, monkeypatch
):
    for _ in range(2):
        painted(server, hills)
    page = visit()
    page.open_tab("Compare")
    boxes, shown = page.page.locator("#which input"), page.page.locator("#compared img")
    until(boxes.count, "the paintings are listed")
    page.open_tab("Paint")
    before, released = boxes.count(), threading.Event()
    painted(server, hills)
    list_thumbnails = gallery._list_thumbnails
    monkeypatch.setattr(gallery, "_list_thumbnails", lambda studio: released.wait(60) and list_thumbnails(studio))
    page.open_tab("Compare")
    boxes.first.check()
    shown.wait_for()
    released.set()
    until(lambda: boxes.count() == before + 1, "the newer painting is listed")
    boxes.first.check()
    until(lambda: shown.count() == 2, "both are compared")


def test_a_picture_of_one_forward_pass_is_shown_as_painted_in_one_step(hills, server):
    job = server.studio.submit(hills, ["mosaic"], resolve("instant", {"size": 64, "threads": 1}))
    until(lambda: job.has_ended, "it is painted")
    _, status, *_ = callbacks.show_entry(server.newest(), "en")
    assert "Painted in one step" in status
    assert 'aria-valuenow="100"' in status
    assert "- method = `instant`" in gallery._describe(server.newest(), "en")


def test_a_run_is_deleted_after_a_second_confirmation(visit, hills, server):
    kept, deleted = (painted(server, hills) for _ in range(2))
    page = visit()
    page.choose_newest_run()
    pictures = page.page.locator("#history .grid-container button")
    before = pictures.count()
    page.click("delete")
    page.page.locator("#delete-row").get_by_text(deleted.name).wait_for()
    page.click("delete-no")
    page.page.locator("#delete-row").wait_for(state="hidden")
    assert deleted.path.is_dir()
    page.click("delete")
    page.click("delete-yes")
    until(lambda: pictures.count() == before - 1, "the history has one less")
    assert not deleted.path.exists()
    assert kept.path.is_dir()
    until(lambda: page.enabled(*BUTTONS, "history-download-png") == [False] * 4, "no run is chosen any more")

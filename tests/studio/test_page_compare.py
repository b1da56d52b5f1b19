"""Paintings beside each other in a browser: zoom that is linked, the blind vote, before and after."""

import csv

import numpy as np
import PIL.Image
import pytest
from page_tools import painted, until

from impasto.studio.page.drawing import address

STRENGTHS = (10, 30, 50, 70, 90)


@pytest.fixture(scope="module")
def paintings(server, hills):
    """The runs of paintings of one photo that differ in strength alone, oldest first."""
    return [painted(server, hills, strength=float(strength)) for strength in STRENGTHS]


BOXES = """elements => elements.map(element => {
    const {x, y, width, height} = element.getBoundingClientRect();
    return {x, y, width, height};
})"""


def boxes(locator):
    """Where elements are, all at one moment."""
    return locator.evaluate_all(BOXES)


def shares(outer, inner):
    """Where a box begins in another one and how wide it is, in widths and heights of the other."""
    return (
        (inner["x"] - outer["x"]) / outer["width"],
        (inner["y"] - outer["y"]) / outer["height"],
        inner["width"] / outer["width"],
    )


@pytest.fixture
def compared(visit, paintings):
    """A visit to the tab, with the second and the fourth painting chosen, and a function that chooses more."""
    page = visit()
    page.page.get_by_role("tab", name="Compare").click()
    checks = page.page.locator("#which input")
    until(lambda: checks.count() == len(paintings), "all paintings are offered")

    def choose(number, panes):
        """Choose a painting, counted from the oldest; the newest is offered first."""
        checks.nth(len(paintings) - 1 - number).check()
        until(lambda: page.page.locator("#compared .pane img").count() == panes, f"{panes} pictures are shown")

    choose(1, 1)
    choose(3, 2)
    return page, choose


def test_chosen_pictures_stand_side_by_side_and_say_what_differs(compared):
    page, choose = compared
    titles = page.page.locator("#compared figcaption strong")
    assert titles.all_inner_texts() == ["strength 30", "strength 70"]
    left, right = boxes(page.page.locator("#compared .pane"))
    assert left["y"] == right["y"]
    assert left["x"] + left["width"] <= right["x"]
    assert left["width"] <= 2 * 64, "small pictures are not blown up"

    choose(0, 3)
    choose(2, 4)
    page.page.locator("#which input").first.check()
    until(lambda: titles.all_inner_texts() == [f"strength {number}" for number in (70, 10, 50, 90)], "four are shown")
    until(
        lambda: (
            [box.is_checked() for box in page.page.locator("#which input").all()] == [True, True, True, False, True]
        ),
        "the one that was chosen first has given way",
    )


def test_zoom_and_place_of_one_picture_are_those_of_all(compared):
    page, _ = compared
    panes, both = page.page.locator("#compared .pane"), page.page.locator("#compared .pane, #compared .pane img")

    def places():
        # In the order of the document: a pane, its picture, the next pane, its picture.
        outer, inner, next_outer, next_inner = boxes(both)
        left, right = shares(outer, inner), shares(next_outer, next_inner)
        assert left == pytest.approx(right, abs=0.01)
        return left

    first = panes.first.bounding_box()
    spot = first["x"] + first["width"] / 4, first["y"] + first["height"] / 2
    page.page.mouse.move(*spot)
    page.page.mouse.wheel(0, -100)
    until(lambda: places()[2] > 1.1, "the wheel zooms")
    x, y, scale = places()
    assert ((0.25 - x) / scale, (0.5 - y) / scale) == pytest.approx((0.25, 0.5), abs=0.02), "what is pointed at stays"

    page.page.mouse.down()
    page.page.mouse.move(spot[0] - first["width"] / 20, spot[1])
    page.page.mouse.up()
    assert places() == pytest.approx((x - 0.05, y, scale), abs=0.02)
    page.page.mouse.dblclick(*spot)
    assert places() == pytest.approx((0, 0, 1), abs=0.01)

    page.page.locator("#compared .linked").focus()
    for key in ("+", "+", "+", "ArrowLeft"):
        page.page.keyboard.press(key)
    x, y, scale = places()
    assert scale > 1.5
    assert x > y, "the arrow has moved it"
    for key in "----":
        page.page.keyboard.press(key)
    assert places() == pytest.approx((0, 0, 1), abs=0.01)


def test_a_vote_is_blind_and_becomes_a_row_of_the_table(visit, paintings, server):
    page = visit()
    page.page.get_by_role("tab", name="Compare").click()
    page.page.locator("#which input").first.wait_for()
    page.unfold("vote")
    buttons = [page.page.locator(f"#vote-{name}") for name in ("left", "skip", "right")]
    assert [button.is_enabled() for button in buttons] == [False] * 3
    page.page.locator("#rater input, #rater textarea").fill("Ada")
    page.click("vote-next")
    until(lambda: all(button.is_enabled() for button in buttons), "one can vote")
    assert page.page.locator("#voted figcaption").all_inner_texts() == ["A", "B"]
    shown = page.page.locator("#voted").inner_html()
    assert not [word for word in ("strength", *(run.name for run in paintings)) if word in shown.lower()]
    left, right = (image.get_attribute("src") for image in page.page.locator("#voted .pane img").all())

    buttons[2].focus()
    page.page.keyboard.press("Enter")
    table = server.workspace / "votes.csv"
    until(table.exists, "the vote is noted")
    page.page.locator("#vote-told").get_by_text("Votes so far: 1").wait_for()
    with table.open(newline="") as file:
        (row,) = csv.DictReader(file)
    assert row["rater"] == "Ada"
    assert row["time"].endswith("+00:00")
    kept, other = (
        address(np.asarray(PIL.Image.open(server.runs / row[which] / "result.png").convert("RGB")))
        for which in ("kept", "other")
    )
    assert kept != other
    assert (other, kept) == (left, right), "the right one was chosen"

    page.click("vote-skip")
    page.page.locator("#vote-told").get_by_text("Nothing noted").wait_for()
    assert len(table.read_text().splitlines()) == 2


def test_before_and_after_are_whole_pictures_at_one_place_as_wide_as_the_canvas(visit, hills):
    page = visit()
    page.prepare(hills)
    page.paint()
    page.finish()
    stage = page.page.locator("#slider .stage")
    stage.wait_for()
    images = page.page.locator("#slider .stage img")
    until(lambda: images.evaluate_all("all => all.every(one => one.complete)"), "both pictures are there")
    frame, canvas = stage.bounding_box(), page.page.locator("#canvas img").bounding_box()
    assert frame["width"] / frame["height"] == pytest.approx(96 / 72, rel=0.01)
    assert (frame["x"], frame["width"]) == pytest.approx((canvas["x"], canvas["width"]), abs=1)
    for box in boxes(images):
        assert list(box.values()) == pytest.approx(list(frame.values()), abs=1)
    assert images.evaluate_all("all => all.map(one => one.naturalWidth / one.naturalHeight)") == [96 / 72] * 2

    def hidden():
        """How much of the photo is cut off at the right."""
        return page.page.locator("#slider img.before").evaluate("one => getComputedStyle(one).clipPath")

    slider = page.page.get_by_role("slider", name="How much of the photo is shown")
    slider.focus()
    page.page.keyboard.press("End")
    assert hidden() in ("inset(0px)", "inset(0px 0% 0px 0px)")
    page.page.keyboard.press("Home")
    assert hidden() == "inset(0px 100% 0px 0px)"

    page.page.get_by_role("button", name="Enlarge").click()
    large = stage.bounding_box()
    assert large["height"] == pytest.approx(900, abs=1)
    assert large["width"] / large["height"] == pytest.approx(96 / 72, rel=0.01)
    page.page.keyboard.press("Escape")
    until(lambda: stage.bounding_box()["width"] == pytest.approx(frame["width"], abs=1), "it is small again")

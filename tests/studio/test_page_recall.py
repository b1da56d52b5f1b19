"""All that a picture was painted from comes back to the page: photo, styles of one's own, and strokes of the brush."""

import io
import re
import time

import numpy as np
import PIL.Image
import pytest
from page_tools import FEW, painted, until

import impasto
from impasto.images import plate_path
from impasto.runs.header import read_header
from impasto.studio.captions import MACHINE_FIELDS

WIDTH, HEIGHT = 320, 240


@pytest.fixture(scope="module")
def lake(tmp_path_factory):
    """The path of a photo that is larger than the brush, and says where it was taken."""
    path = tmp_path_factory.mktemp("lake") / "The lake.jpg"
    exif = PIL.Image.Exif()
    exif.get_ifd(0x8825).update({1: "N", 2: (48.0, 12.0, 30.0)})
    with PIL.Image.open(plate_path("night")) as plate:
        plate.convert("RGB").resize((WIDTH, HEIGHT)).save(path, exif=exif)
    return path


@pytest.fixture(scope="module")
def own(tmp_path_factory):
    """The paths of two style pictures."""
    folder, paths = tmp_path_factory.mktemp("own"), []
    for name in ("knife", "watercolor"):
        paths.append(folder / f"my {name}.png")
        with PIL.Image.open(plate_path(name)) as plate:
            plate.convert("RGB").resize((90, 70)).save(paths[-1])
    return paths


def brush(page, *places, color=0):
    """Make short strokes in the middle of the editor's height, at shares of the photo's width."""
    drawing = page.page.locator("#regions canvas").first
    drawing.wait_for()
    page.page.wait_for_timeout(2000)
    drawing.scroll_into_view_if_needed()
    if color:
        page.page.locator("#regions button[aria-label='Color']").click()
        page.page.locator("#regions button.color").nth(color).click()
        page.page.locator("#regions button[aria-label='Color']").click()
    box = drawing.bounding_box()
    # The photo is shown as large as fits, in the middle.
    scale = min(box["width"] / WIDTH, box["height"] / HEIGHT)
    for place in places:
        x = box["x"] + box["width"] / 2 + (place - 0.5) * WIDTH * scale * 0.9
        page.page.mouse.move(x, box["y"] + box["height"] / 2)
        page.page.mouse.down()
        page.page.mouse.move(x + 6, box["y"] + box["height"] / 2, steps=4)
        page.page.mouse.up()
        page.page.wait_for_timeout(1000)


def choose(page, color, style):
    page.page.locator(f"#region-{color} input").click()
    page.page.get_by_role("option", name=style, exact=True).click()


def take_settings(page, name):
    page.page.get_by_role("tab", name="History").click()
    page.page.locator("#history .grid-container button").first.click()
    page.page.locator("#details").get_by_text(name).wait_for()
    until(lambda: page.page.locator("#load-settings").is_enabled(), "the settings can be taken")
    page.click("load-settings")
    page.page.locator("#photo img").wait_for()


def next_one(page, server, before):
    page.paint()
    until(lambda: server.newest().name != before.name, "another is ordered")
    until(lambda: server.newest().status == "finished", "it is painted")
    return server.newest()


def given(entry):
    """The bytes and names of what a run was painted from."""
    inputs = read_header(entry.path).inputs
    return [(picture.sha256, picture.name) for picture in (inputs.content, *inputs.styles)]


def masks(entry):
    files = [region.mask.file for region in read_header(entry.path).inputs.regions]
    return [np.asarray(PIL.Image.open(entry.path / file)).astype(int) for file in files]


def pixels(entry):
    return np.asarray(PIL.Image.open(entry.result))


@pytest.fixture
def regional(server, lake):
    """Paint with the red and the green color of the brush, without the page, and return the run's entry."""
    parts = np.zeros((2, HEIGHT, WIDTH), np.uint8)
    parts[0, 80:160, 40:100], parts[1, 80:160, 220:280] = 255, 255
    regions = [impasto.Region(parts[0], "keep"), impasto.Region(parts[1], "woodcut")]
    return painted(server, lake, regions=regions)


def drawn_twice(page):
    """Leave out what Gradio says when it shows strokes as it opens: it draws them twice, and the first is in vain."""
    page.problems[:] = [text for text in page.problems if "No draw texture found" not in text]


def test_a_picture_is_painted_once_more_from_its_settings_with_everything_it_was_painted_from(visit, lake, own, server):
    page = visit()
    page.prepare(lake, steps=FEW)
    page.page.locator("#styles").get_by_text("night", exact=True).click()
    page.page.locator("#styles").get_by_text("woodcut", exact=True).click()
    page.page.locator("#styles").get_by_text("mosaic", exact=True).click()
    page.page.get_by_role("button", name="Your own style pictures").click()
    page.page.locator("#own input[type=file]").set_input_files(own)
    until(lambda: page.page.locator("#uncut .uncut").count() == 2, "both pictures are there")
    page.page.locator("#crop textarea, #crop input").fill("full/10,20,60,40")
    page.set("mix", 40)
    page.unfold("regions-fold")
    brush(page, 0.2)
    brush(page, 0.8, color=2)
    choose(page, "red", "keep the photo")
    choose(page, "blue", "stained-glass")
    page.paint()
    page.finish()
    first = server.newest()
    assert first.styles == ("woodcut", "mosaic", "my knife", "my watercolor")
    assert first.recipe.regions == ("mask 1=keep", "mask 2=stained-glass")
    assert not np.logical_and(*(mask > 0 for mask in masks(first))).any()

    fresh = visit()
    take_settings(fresh, first.name)
    until(lambda: fresh.page.locator("#uncut .uncut").count() == 2, "the own pictures are there")
    frames = fresh.page.locator("#uncut .cut")
    until(lambda: [frame.is_visible() for frame in frames.all()] == [False, True], "the second one's part is framed")
    fresh.page.locator("#regions canvas").first.wait_for()
    shown = [fresh.page.locator(f"#region-{color} input").input_value() for color in ("red", "green", "blue")]
    assert shown == ["keep the photo", "stained-glass", "no region"]
    again = next_one(fresh, server, first)
    drawn_twice(fresh)
    assert set(again.recipe.changes_from(first.recipe)) <= MACHINE_FIELDS
    assert given(again) == given(first)
    assert len(masks(first)) == 2
    # The browser hands the strokes on as it was given them: nothing differs.
    assert all(np.array_equal(one, other) for one, other in zip(masks(first), masks(again), strict=True))
    assert np.array_equal(pixels(first), pixels(again))


def test_the_photo_that_comes_back_does_not_tell_where_it_was_taken(visit, lake, server):
    entry = painted(server, lake)
    page = visit()
    take_settings(page, entry.name)
    sent = page.page.request.get(page.page.locator("#photo img").get_attribute("src")).body()
    with PIL.Image.open(io.BytesIO(sent)) as image:
        assert image.size == (WIDTH, HEIGHT)
        assert image.getexif().get_ifd(0x8825) == {}


@pytest.mark.parametrize("open_before", [False, True])
def test_strokes_that_come_back_stay_where_they_are_when_others_are_added(
    visit, lake, server, regional, tmp_path, open_before
):
    page = visit()
    if open_before:
        # Another photo, larger than the one that comes.
        with PIL.Image.open(lake) as image:
            image.resize((2 * WIDTH, 2 * HEIGHT)).save(tmp_path / "large.png")
        page.give(tmp_path / "large.png")
        page.unfold("regions-fold")
        brush(page, 0.5)
    take_settings(page, regional.name)
    brush(page, 0.5)
    again = next_one(page, server, regional)
    drawn_twice(page)
    (red, green), (red_now, green_now) = masks(regional), masks(again)
    assert np.array_equal(green, green_now)
    assert (red_now >= red).all()
    added = (red_now > red).nonzero()
    assert added[0].size > 500
    assert abs(added[1].mean() - WIDTH / 2) < 12
    assert abs(added[0].mean() - HEIGHT / 2) < 12


def test_a_photo_that_is_dropped_later_has_none_of_the_strokes(visit, lake, hills, server, regional):
    page = visit()
    take_settings(page, regional.name)
    page.page.locator("#regions canvas").first.wait_for()
    page.page.locator("#photo").get_by_role("button", name=re.compile("clear|remove", re.IGNORECASE)).click()
    page.page.locator("#photo img").wait_for(state="detached")
    page.give(hills)
    brush(page, 0.5)
    again = next_one(page, server, regional)
    drawn_twice(page)
    assert again.content == "hills"
    assert again.recipe.regions == ("mask 1=keep",)
    assert masks(again)[0].shape == (72, 96)


def test_strokes_come_back_however_long_another_photo_takes_to_be_shown(visit, server, regional, monkeypatch):
    from impasto.studio.page import regions

    read = regions.read_picture

    def read_slowly(*given, **options):
        time.sleep(3)
        return read(*given, **options)

    monkeypatch.setattr(regions, "read_picture", read_slowly)
    page = visit()
    take_settings(page, regional.name)
    page.page.locator("#regions canvas").first.wait_for()
    page.page.wait_for_timeout(6000)
    again = next_one(page, server, regional)
    drawn_twice(page)
    assert all(np.array_equal(one, other) for one, other in zip(masks(regional), masks(again), strict=True))


def test_regions_that_the_brush_cannot_show_are_told_and_all_else_comes_back(visit, lake, own, server):
    square = np.zeros((HEIGHT, WIDTH), np.uint8)
    square[:90, :90] = 255
    first = painted(server, lake, regions=[impasto.Region(square, own[0])])
    page = visit()
    take_settings(page, first.name)
    assert "stay behind" in page.toast()
    again = next_one(page, server, first)
    assert given(again) == given(first)
    assert again.recipe.regions == ()


def test_a_painting_whose_photo_is_gone_is_told_in_one_line(visit, lake, server):
    entry = painted(server, lake)
    (entry.path / "inputs" / "content.jpg").unlink()
    page = visit()
    page.page.get_by_role("tab", name="History").click()
    page.page.locator("#history .grid-container button").first.click()
    page.page.locator("#details").get_by_text(entry.name).wait_for()
    until(lambda: page.page.locator("#load-settings").is_enabled(), "the settings can be taken")
    page.click("load-settings")
    assert f"cannot read {entry.name}/inputs/content.jpg" in page.toast()
    assert str(server.workspace) not in page.toast()

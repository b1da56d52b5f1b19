"""Inputs of the page in a browser: crops, painted regions, and inputs loaded from an earlier run."""

import io
import threading

import numpy as np
import PIL.Image
import pytest
from page_tools import FEW, painted, photo_of, until
from patience import PATIENCE

import impasto
from impasto.images import PLATES, plate_path
from impasto.recipe import RegionSettings
from impasto.runs import RunFolder
from impasto.studio.captions import MACHINE_FIELDS

WIDTH, HEIGHT = 320, 240


@pytest.fixture(scope="module")
def lake(tmp_path_factory):
    """The path of a photo that is larger than the brush."""
    return photo_of(tmp_path_factory.mktemp("lake"), "The lake.jpg", "night", (WIDTH, HEIGHT))


@pytest.fixture(scope="module")
def own(tmp_path_factory):
    """The paths of two style pictures."""
    folder, paths = tmp_path_factory.mktemp("own"), []
    for name in ("knife", "watercolor"):
        paths.append(folder / f"my {name}.png")
        with PIL.Image.open(plate_path(name)) as plate:
            plate.convert("RGB").resize((90, 70)).save(paths[-1])
    return paths


@pytest.fixture
def regional(server, lake):
    """A run with a region of the red and one of the green color of the brush."""
    masks = np.zeros((2, HEIGHT, WIDTH), np.uint8)
    masks[0, 80:160, 40:100], masks[1, 80:160, 220:280] = 255, 255
    regions = [impasto.Region(masks[0], "keep"), impasto.Region(masks[1], "woodcut")]
    return painted(server, lake, regions=regions)


# -- crops -------------------------------------------------------------------------------------------------------------


def test_a_frame_drawn_on_a_style_picture_crops_it(visit, hills, server):
    page = visit()
    page.prepare(hills)
    page.page.locator("#own input[type=file]").set_input_files(hills)
    until(lambda: page.styles() == ["hills"], "it is on the wall, and chosen")
    page.choose_styles(PLATES[0])
    page.page.locator("#styles label", has_text="hills").locator("input").check()
    page.unfold("crop-fold")
    pictures, field = page.page.locator(".crop-picture"), page.page.locator("#crop textarea, #crop input")
    titles = "all => all.map((one) => one.alt)"
    both = [PLATES[0], "hills"]
    until(lambda: pictures.locator("img").evaluate_all(titles) == both, "both styles are shown, in their order")
    picture = pictures.last
    picture.locator("img").wait_for()
    # Away from the button Paint, which stays at the bottom of the window.
    picture.evaluate("one => one.scrollIntoView({block: 'center'})")

    def drag(left, top, right, bottom):
        box = picture.bounding_box()
        page.page.mouse.move(box["x"] + box["width"] * left, box["y"] + box["height"] * top)
        page.page.mouse.down()
        page.page.mouse.move(box["x"] + box["width"] * right, box["y"] + box["height"] * bottom, steps=4)
        page.page.mouse.up()

    def frame():
        """Return the frame's left edge and height, in pixels of the screen, relative to the picture's size."""
        whole, frame = picture.bounding_box(), picture.locator(".crop-frame").bounding_box()
        return (frame["x"] - whole["x"]) / whole["width"], frame["height"] / whole["height"]

    drag(0.75, 0.75, 0.5, 0.25)
    whole, crop = field.input_value().split("/")
    assert whole == "full"
    assert [float(number) for number in crop.split(",")] == pytest.approx([48, 18, 24, 36], abs=1)
    picture.dblclick()
    assert field.input_value() == ""
    field.fill("full/24,18,48,36")
    assert frame() == pytest.approx((0.25, 0.5), abs=0.02)

    page.paint()
    page.finish()
    entry = server.newest()
    assert entry.styles == (PLATES[0], "hills")
    assert entry.recipe.style.crop == (None, (24, 18, 48, 36))

    # The crop comes back with its picture, also where both are there already.
    for _ in range(2):
        page.set("strength", 7)
        page.load_newest_run()
        until(lambda: page.value("strength") == 50, "the settings are shown")
        picture.locator("img").wait_for()
        until(lambda: field.input_value() == "full/24,18,48,36", "the crop is shown")
        assert pictures.count() == 2
    # Submitting shows that no later event has emptied the field.
    page.paint()
    until(lambda: server.newest().name != entry.name, "another is submitted")
    assert server.newest().recipe.style.crop == entry.recipe.style.crop
    assert frame() == pytest.approx((0.25, 0.5), abs=0.02)


# -- regions -----------------------------------------------------------------------------------------------------------


def paint_next(page, server, before):
    page.paint()
    until(lambda: server.newest().name != before.name, "another is submitted")
    until(lambda: server.newest().status == "finished", "it is painted")
    return server.newest()


def inputs_of(entry):
    """Return the hashes and names of the files that a run was painted from."""
    inputs = RunFolder.open(entry.path).kept_inputs
    return [(picture.sha256, picture.file_name) for picture in (inputs.content, *inputs.styles)]


def masks_of(entry):
    files = [region.mask.file for region in RunFolder.open(entry.path).kept_inputs.regions]
    return [np.asarray(PIL.Image.open(entry.path / file)).astype(int) for file in files]


def pixels_of(entry):
    return np.asarray(PIL.Image.open(entry.picture))


@pytest.mark.long
def test_a_loaded_run_is_painted_again_from_the_same_photo_styles_crops_and_regions(visit, lake, own, server):
    page = visit()
    page.prepare(lake, steps=FEW)
    page.page.locator("#own input[type=file]").set_input_files(own)
    until(lambda: page.styles() == ["my knife", "my watercolor"], "both pictures are on the wall")
    page.choose_styles("woodcut", "mosaic")
    for picture in ("my knife", "my watercolor"):
        page.page.locator("#styles label", has_text=picture).locator("input").check()
    page.unfold("crop-fold")
    until(lambda: page.page.locator(".crop-picture").count() == 4, "all styles are shown")
    page.page.locator("#crop textarea, #crop input").fill("full/full/full/10,20,60,40")
    page.set("mix", 40)
    page.unfold("regions-fold")
    page.brush(0.2)
    page.brush(0.8, color="blue")
    page.choose("region-blue", "stained-glass")
    page.paint()
    page.finish()
    first = server.newest()
    assert first.styles == ("woodcut", "mosaic", "my knife", "my watercolor")
    page.unfold("command-fold")
    command, note = (page.page.locator(f"#command{part}").inner_text() for part in ("", "-note"))
    assert "the-lake.png woodcut mosaic my-knife.png my-watercolor.png" in " ".join(command.split())
    assert "the-lake.png, my-knife.png, my-watercolor.png, mask.png, mask-2.png" in note
    styles = {"mask 1": "keep", "mask 2": "stained-glass"}
    assert first.recipe.regions == tuple(RegionSettings(mask=mask, style=style) for mask, style in styles.items())
    assert not np.logical_and(*(mask > 0 for mask in masks_of(first))).any()

    fresh = visit()
    fresh.load_newest_run()
    assert "regions = keep the photo, stained-glass" in fresh.page.locator("#details").text_content()
    until(lambda: fresh.styles() == ["mosaic", "woodcut", "my knife", "my watercolor"], "the styles are chosen")
    fresh.unfold("crop-fold")
    frames, cropped = fresh.page.locator(".crop-frame"), [False, False, False, True]
    until(lambda: [frame.is_visible() for frame in frames.all()] == cropped, "the last one is cropped")
    fresh.page.locator("#regions canvas").first.wait_for()
    shown = [fresh.page.locator(f"#region-{color} input").input_value() for color in ("red", "green", "blue")]
    assert shown == ["keep the photo", "stained-glass", "keep the photo"]
    sent = fresh.page.request.get(fresh.page.locator("#photo img").get_attribute("src")).body()
    with PIL.Image.open(io.BytesIO(sent)) as image:
        assert (image.size, image.getexif().get_ifd(0x8825)) == ((WIDTH, HEIGHT), {}), "the position stays behind"
    again = paint_next(fresh, server, first)
    assert set(again.recipe.changes_from(first.recipe)) <= MACHINE_FIELDS
    assert inputs_of(again) == inputs_of(first)
    assert len(masks_of(first)) == 2
    assert all(np.array_equal(one, other) for one, other in zip(masks_of(first), masks_of(again), strict=True))
    assert np.array_equal(pixels_of(first), pixels_of(again))


@pytest.mark.long
@pytest.mark.parametrize("is_editor_open", [False, True])
def test_loaded_strokes_stay_in_place_when_others_are_added(visit, lake, server, regional, tmp_path, is_editor_open):
    page = visit()
    if is_editor_open:
        # It shows another, larger photo.
        with PIL.Image.open(lake) as image:
            image.resize((2 * WIDTH, 2 * HEIGHT)).save(tmp_path / "large.png")
        page.give(tmp_path / "large.png")
        page.unfold("regions-fold")
        page.brush(0.5)
    page.load_newest_run()
    page.wait_for_strokes("red", "green")
    page.brush(0.5)
    again = paint_next(page, server, regional)
    (red, green), (red_now, green_now) = masks_of(regional), masks_of(again)
    assert np.array_equal(green, green_now)
    assert (red_now >= red).all()
    added = (red_now > red).nonzero()
    assert added[0].size > 500
    assert abs(added[1].mean() - WIDTH / 2) < 12
    assert abs(added[0].mean() - HEIGHT / 2) < 12


def test_a_reload_and_the_way_back_keep_the_strokes_and_the_styles_of_regions(visit, lake, server):
    page = visit()
    page.prepare(lake)
    page.unfold("regions-fold")
    page.brush(0.2)
    page.brush(0.8, color="green")
    page.choose("region-green", "woodcut")
    first = paint_next(page, server, painted(server, lake))
    for leave in (page.page.reload, lambda: (page.page.goto(f"{server.url}/theme.css"), page.page.go_back())):
        leave()
        page.wait_for_strokes("red", "green")
    page.forgive_aborted_requests()
    again = paint_next(page, server, first)
    assert again.recipe.regions == first.recipe.regions
    assert len(masks_of(first)) == 2
    assert all(np.array_equal(one, other) for one, other in zip(masks_of(first), masks_of(again), strict=True))


TAKES_POINTER = """() => {
  const editor = document.querySelector('#regions canvas'), box = editor.getBoundingClientRect();
  return document.elementFromPoint(box.x + box.width / 2, box.y + box.height / 2) === editor;
}"""


@pytest.mark.parametrize("late", ["image.webp", "strokes-*.png"], ids=["photo", "strokes"])
def test_the_editor_takes_no_stroke_that_what_it_still_loads_would_replace(visit, lake, server, late):
    before, page = painted(server, lake), visit()
    page.prepare(lake)
    page.unfold("regions-fold")
    page.brush(0.2)
    until(lambda: page.page.evaluate("sessionStorage.getItem('impasto-strokes')"), "the strokes are kept")
    page.page.route(files := f"**/{late}", lambda route: None)
    with page.page.expect_request(files):
        page.page.reload()
    editor = page.page.locator("#regions canvas").first
    editor.evaluate("one => one.scrollIntoView({block: 'center'})")
    if late.startswith("strokes"):
        until(lambda: page.page.evaluate("Boolean(window.editor.background_image)"), "the photo is there")
    assert not page.page.evaluate(TAKES_POINTER)
    page.page.unroute(files)  # lets what was held go on
    page.wait_for_strokes("red")
    page.brush(0.8)
    page.forgive_aborted_requests()
    (mask,) = masks_of(paint_next(page, server, before))
    assert all(part.any() for part in np.split(mask, 2, axis=1))


def test_the_editor_takes_no_stroke_while_a_tool_works_on_those_before(visit, lake, monkeypatch):
    from impasto.studio.page import inputs

    released, page = threading.Event(), visit()
    working = threading.Event()

    def wait(photo, masks):
        working.set()
        assert released.wait(PATIENCE)
        return masks

    monkeypatch.setitem(inputs._TOOLS, "follow_edges", wait)
    page.prepare(lake)
    page.unfold("regions-fold")
    page.brush(0.2)
    page.click("follow-edges")
    assert working.wait(PATIENCE)
    page.page.locator("#regions canvas").first.evaluate("one => one.scrollIntoView({block: 'center'})")
    assert not page.page.evaluate(TAKES_POINTER)
    released.set()
    until(lambda: page.page.evaluate(TAKES_POINTER), "it takes strokes again")


def test_strokes_are_forgotten_with_their_photo_and_nothing_is_uploaded_twice(visit, lake, server, tmp_path):
    before, page, uploads = painted(server, lake), visit(), []
    page.page.on("request", lambda request: uploads.append(request.url) if "/upload?" in request.url else None)
    page.prepare(lake)
    page.unfold("regions-fold")
    page.brush(0.2)
    strokes = "sessionStorage.getItem('impasto-strokes')"
    until(lambda: page.page.evaluate(strokes), "the strokes are kept")
    other = photo_of(tmp_path, "Another lake.jpg", "night", (WIDTH, HEIGHT))
    page.clear_photo()
    page.give(other)
    until(lambda: "Another" in page.page.evaluate("sessionStorage.getItem('impasto-form')"), "the photo is kept")
    page.page.reload()
    page.page.wait_for_function("window.impastoShowsForm")
    page.forgive_aborted_requests()
    page.unfold("regions-fold")
    page.brush(0.8)
    (mask,) = masks_of(paint_next(page, server, before))
    assert not mask[:, : WIDTH // 2].any(), "the strokes on the photo before"
    assert len(uploads) == 3, "two photos and the recipe"


def test_strokes_are_read_back_as_the_masks_they_were_made_of():
    pytest.importorskip("gradio")
    from impasto.studio.page import inputs

    def mask(left, right):
        mask = np.zeros((48, 64), np.uint8)
        mask[8:40, left:right] = 255
        return mask

    soft = mask(40, 60)
    soft[8:40, 40:44] = 60
    masks = [mask(0, 20), mask(20, 40), soft]
    assert np.array_equal(np.rint(inputs.masks_of([inputs.strokes_of(masks)]) * 255), masks)
    assert inputs.strokes_of([mask(0, 20), mask(10, 30)]) is None, "they overlap"
    assert inputs.strokes_of([mask(start, start + 9) for start in (0, 10, 20, 30)]) is None, "they are too many"


@pytest.mark.parametrize("action", ["Undo", "Clear canvas"])
def test_undo_and_the_bin_take_back_strokes_and_never_the_photo(visit, lake, server, action):
    before, page = painted(server, lake), visit()
    page.prepare(lake)
    page.unfold("regions-fold")
    page.brush(0.2, 0.3)
    for _ in range(4):
        page.page.locator(f"#regions button[aria-label='{action}']").click()
    page.brush(0.8)
    (mask,) = masks_of(paint_next(page, server, before))
    assert (mask > 0).any()
    assert not mask[:, : WIDTH // 2].any(), "the strokes that were taken back"


def test_the_bin_removes_loaded_strokes(visit, server, regional):
    page = visit()
    page.load_newest_run()
    page.wait_for_strokes("red", "green")
    page.page.locator("#regions button[aria-label='Clear canvas']").click()
    page.brush(0.5)
    (mask,) = masks_of(paint_next(page, server, regional))
    assert not mask[:, : WIDTH // 3].any()


@pytest.mark.long
def test_another_photo_removes_the_loaded_strokes(visit, lake, hills, server, regional):
    page = visit()
    page.load_newest_run()
    page.wait_for_strokes("red", "green")
    page.clear_photo()
    page.give(hills)
    page.brush(0.5)
    again = paint_next(page, server, regional)
    assert again.content == "hills"
    assert again.recipe.regions == (RegionSettings(mask="mask 1", style="keep"),)
    assert masks_of(again)[0].shape == (72, 96)


@pytest.mark.long
def test_loaded_strokes_remain_when_the_photo_is_read_late(visit, server, regional, monkeypatch):
    from impasto.studio.page import inputs

    is_read, released, sha256_of = threading.Event(), threading.Event(), inputs.sha256_of

    def read_late(path):
        assert released.wait(PATIENCE)
        digest = sha256_of(path)
        is_read.set()
        return digest

    monkeypatch.setattr(inputs, "sha256_of", read_late)
    page = visit()
    page.load_newest_run()
    page.page.locator("#regions canvas").first.wait_for()
    released.set()
    assert is_read.wait(PATIENCE)
    again = paint_next(page, server, regional)
    assert all(np.array_equal(one, other) for one, other in zip(masks_of(regional), masks_of(again), strict=True))


def test_loaded_strokes_are_submitted_before_the_editor_is_ready_and_shown_when_it_is(visit, server, regional):
    page, held = visit(reduced_motion="reduce"), []
    # What draws the editor comes late: when the editor, which was hidden when it opened, has become visible.
    page.page.route(drawing := "**/WebGLRenderer-*.js", lambda route: held.append(route))
    with page.page.expect_request(drawing):
        page.load_newest_run()
    page.page.locator("#regions").wait_for()
    again = paint_next(page, server, regional)
    assert len(masks_of(again)) == 2
    assert all(np.array_equal(one, other) for one, other in zip(masks_of(regional), masks_of(again), strict=True))
    for route in held:
        route.continue_()
    page.wait_for_strokes("red", "green")


def test_regions_that_the_brush_cannot_paint_are_left_out_with_a_message(visit, lake, server):
    square = np.zeros((HEIGHT, WIDTH), np.uint8)
    square[:90, :90] = 255
    first = painted(server, lake, regions=[impasto.Region(square, "keep"), impasto.Region(square // 2, "night")])
    page = visit()
    page.load_newest_run()
    assert "were left out" in page.toast()
    again = paint_next(page, server, first)
    assert inputs_of(again) == inputs_of(first)
    assert again.recipe.regions == ()


def test_a_run_whose_photo_is_missing_is_refused_in_one_line(visit, lake, server):
    entry = painted(server, lake)
    (photo,) = (entry.path / "inputs").glob("content.*")
    photo.unlink()
    page = visit()
    page.choose_newest_run()
    until(page.page.locator("#load-settings").is_enabled, "the settings can be loaded")
    page.click("load-settings")
    assert f"cannot read {entry.name}/inputs/{photo.name}" in page.toast()
    assert str(server.workspace) not in page.toast()

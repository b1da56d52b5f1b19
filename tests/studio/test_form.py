"""What the form and the wall of the page answer, without a browser."""

import numpy as np
import PIL.Image
import pytest

from impasto.errors import InputError
from impasto.images import PLATES
from impasto.recipe import KEEP, Recipe

pytest.importorskip("gradio")

import gradio as gr

from impasto.studio.page.form import Form

REQUEST = gr.Request(headers={})


@pytest.fixture
def studio(open_studio, workspace, monkeypatch):
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(workspace.path / "uploads"))
    return open_studio(max_pixels=1_000_000)


@pytest.fixture
def form(studio):
    with gr.Blocks() as blocks:
        form = Form(studio, lambda key: key)
        form.connect(blocks)
    return form


@pytest.fixture
def uploaded(workspace, pictures):
    """Return a function that puts a photo of a size where uploads lie."""

    def save(width, height=8):
        path = workspace.path / "uploads" / f"{width}.png"
        path.parent.mkdir(exist_ok=True)
        PIL.Image.new("RGB", (width, height)).save(path)
        return path

    return save


def kept(form, **values):
    """Return what a tab kept, with the values of some widgets given by their attribute."""
    found = {getattr(form, name): value for name, value in values.items()}
    return [found.get(one, one.value) for one in form.kept]


def size_of(update):
    return [update[key] for key in ("value", "minimum", "maximum")]


# -- what a tab kept ---------------------------------------------------------------------------------------------------


def test_only_a_file_that_the_studio_gave_is_shown_as_the_photo_again(form, uploaded, pictures):
    inside, outside = str(uploaded(60)), str(pictures[0])
    for value in (inside, outside, {"path": inside}, {"file": outside}, [{"file": inside}], {"file": [inside]}, 3):
        assert form.photo not in form._show_kept(kept(form, photo=value), None, REQUEST), value
    assert form._show_kept(kept(form, photo={"file": inside}), None, REQUEST)[form.photo] == inside
    assert form.photo not in form._show_kept(kept(form, photo={"file": f"{inside}/../../studio.lock"}), None, REQUEST)


def test_nothing_else_that_a_tab_kept_can_carry_a_path(form, uploaded):
    path = str(uploaded(60))
    for wrong in ({"file": path}, {"path": path}, {"__type__": "update", "value": path}, [{"file": path}], [[path]]):
        shown = form._show_kept([wrong if one is not form.photo else None for one in form.kept], None, REQUEST)
        assert path not in str(shown), wrong
    assert form._show_kept(["night"], None, REQUEST) == gr.skip()


# -- the size ----------------------------------------------------------------------------------------------------------


def test_no_size_that_the_page_shows_is_beyond_the_ends_of_its_slider(form, uploaded):
    large, small, tiny = (str(uploaded(width)) for width in (3000, 300, 40))
    for photo, size in ((large, 512), (small, 3000)):
        bounds = form._show_size(photo, size)[0]
        assert "value" not in bounds, "another size may have been chosen meanwhile"
        assert (bounds["minimum"], bounds["maximum"]) == (64, 3000)
    assert size_of(form._as_large_as_photo(large)) == [3000, 64, 3000]
    assert size_of(form._as_large_as_photo(small)) == [300, 64, 2048]
    assert size_of(form._as_large_as_photo(tiny)) == [40, 40, 2048]
    for size in (40, 2500):
        expected = [size, min(64, size), max(2048, size)]
        assert size_of(form._recipe_updates(Recipe(size=size), None, "en")[form.size]) == expected
        assert size_of(form._show_kept(kept(form, size=size), None, REQUEST)[form.size]) == expected
    assert "maximum" not in form._show_kept(kept(form, size="3000"), None, REQUEST)[form.size]


# -- the wall ----------------------------------------------------------------------------------------------------------


def test_a_region_keeps_the_photo_once_its_style_is_taken_off_the_wall(form, studio, pictures):
    name = studio.wall.add(pictures[1])
    red, green, blue = form.regions.styles
    chosen, _, *lists = form.wall._take_away({form.wall.chosen: [name, "night"], red: name, green: "night", blue: KEEP})
    assert chosen["value"] == ["night"]
    assert [one.get("value") for one in lists] == [KEEP, None, None]
    assert name not in str(lists)


def test_a_picture_that_cannot_be_read_any_more_leaves_the_wall_usable(form, studio, pictures, monkeypatch, tmp_path):
    good, bad = map(studio.wall.add, pictures)
    studio.wall.path(bad).write_bytes(b"no picture")
    told = []
    monkeypatch.setattr(gr, "Warning", lambda text, **_: told.append(text))
    tiles = form.wall._tiles(form.wall.choices())
    assert tiles.count("url(") == 2
    for chosen in ([good, bad], ["night", "ab" * 10]):
        shown = form.wall._show_chosen(chosen, "", {"shown": [], "known": {}}, REQUEST)
        assert shown[-1]["visible"], "it can be taken away"
        assert shown[3].count("<img") == 2
    assert "waves.png" in told[0]
    assert str(tmp_path) not in "".join(told)


def test_the_previews_of_a_photo_end_with_the_next_series(form, studio, pictures, monkeypatch):
    monkeypatch.setattr(studio.previews, "paint", lambda _, names: ((name, np.zeros((4, 4, 3))) for name in names))
    turn = [0]
    first = form.wall._preview(str(pictures[0]), turn)
    assert (next(first), "label:nth-of-type(1)" in next(first)) == ("", True)
    last = list(form.wall._preview(str(pictures[0]), turn))
    assert list(first) == [gr.skip()]
    assert len(last) == 1 + len(PLATES)


# -- the estimate ------------------------------------------------------------------------------------------------------


def test_an_estimate_keeps_to_the_limits_of_the_studio(studio, pictures, uploaded, monkeypatch):
    asked = []
    monkeypatch.setattr(studio.previews, "estimate", lambda *given: asked.append(given[2]))
    with pytest.raises(InputError, match="this studio takes up to 1: make it smaller"):
        studio.estimate(uploaded(2000, 1000), ["night"], Recipe())
    with pytest.raises(InputError, match="this studio takes up to 1: make it smaller"):
        studio.estimate(pictures[0], [uploaded(2000, 1000)], Recipe())
    assert asked == []
    studio.estimate(pictures[0], ["night"], Recipe())
    assert asked[0].picture.max_megapixels == 1

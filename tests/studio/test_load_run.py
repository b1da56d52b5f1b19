"""A run is read back: its pictures without a position, its styles in their order, its regions; and ordered again."""

import shutil
from unittest import mock

import numpy as np
import PIL.Image
import pytest

import impasto
from impasto.errors import InputError
from impasto.images import plate_path, read_picture
from impasto.runs import RegionInputs, RunFolder, RunInputs
from impasto.runs.header import read_header
from impasto.studio import Workspace
from impasto.studio.load_run import load_run


@pytest.fixture
def given(pictures, tmp_path):
    """Paths of a photo that tells where it was taken, of two paintings of one name, and of a plate called otherwise."""
    photo, painting = pictures
    exif = PIL.Image.Exif()
    exif[0x013B] = "Ada"
    exif[0x8825] = {1: "N", 2: (48.0, 8.0, 12.0)}
    PIL.Image.open(photo).convert("RGB").save(placed := tmp_path / "Mein Hund.jpg", exif=exif)
    (tmp_path / "more").mkdir()
    PIL.Image.open(painting).rotate(90).save(turned := tmp_path / "more" / "waves.png")
    return placed, painting, turned, shutil.copy(plate_path("mosaic"), tmp_path / "fish.webp")


@pytest.fixture
def run_of(workspace, small):
    """Make a run that nobody has begun."""

    def make(photo, styles, regions=None, style_masks=()):
        regions = regions or {}
        inputs = RunInputs(
            read_picture(photo), tuple(read_picture(style) for style in styles), regions=tuple(regions.values()),
            style_masks=style_masks,
        )  # fmt: skip
        path = workspace.new_folder(inputs.content.name, [style.name for style in inputs.styles])
        RunFolder.create(path, recipe=small.with_changes(regions=tuple(regions)), inputs=inputs).close()
        return path

    return make


def kept(path):
    """The bytes and names of a run's photo and styles, as its header tells them."""
    inputs = read_header(path).inputs
    return [(picture.sha256, picture.name) for picture in (inputs.content, *inputs.styles)]


def mask(left, right):
    square = np.zeros((48, 64), np.uint8)
    square[8:40, left:right] = 255
    return square


def region(where, style="keep"):
    return RegionInputs(mask=read_picture(where), style=None if style == "keep" else read_picture(plate_path(style)))


# -- pictures ----------------------------------------------------------------------------------------------------------


def test_what_is_handed_out_of_a_run_shows_its_pictures_and_not_where_they_were_taken(workspace, run_of, given):
    photo, painting, turned, _ = given
    path = run_of(photo, [painting, turned])
    back = load_run(workspace, path.name)
    copies = [one.copy for one in (back.photo, *back.own_styles)]
    assert [copy.name for copy in copies] == ["mein-hund.jpg", "waves.png", "waves.png"]
    assert all(copy.is_relative_to(workspace.exports) for copy in copies)
    with PIL.Image.open(photo) as before, PIL.Image.open(copies[0]) as after:
        assert before.getexif().get_ifd(0x8825)
        assert dict(after.getexif()) == {}
        assert after.size == before.size
        assert np.abs(np.asarray(after, int) - np.asarray(before, int)).mean() < 3
    for style, copy in zip((painting, turned), copies[1:], strict=True):
        assert np.array_equal(PIL.Image.open(style).convert("RGB"), PIL.Image.open(copy))
    assert load_run(workspace, path.name).photo.copy == copies[0]


def test_styles_keep_their_order_and_built_in_ones_are_told_by_their_bytes(workspace, run_of, given):
    photo, painting, _, fish = given
    back = load_run(workspace, run_of(photo, [plate_path("woodcut"), fish, painting]).name)
    assert (back.plates, [one.picture.name for one in back.own_styles]) == (("woodcut", "mosaic"), ["waves"])
    back = load_run(workspace, run_of(photo, [painting, fish]).name)
    assert (back.plates, [one.picture.name for one in back.own_styles]) == ((), ["waves", "fish"])
    back = load_run(workspace, run_of(photo, [fish, fish]).name)
    assert (back.plates, [one.picture.name for one in back.own_styles]) == (("mosaic",), ["fish"])


def test_an_order_of_the_copies_is_painted_from_the_pictures_themselves_under_their_names(
    workspace, run_of, given, open_studio, small
):
    photo, painting, turned, fish = given
    first = run_of(photo, [fish, painting, turned])
    back, studio = load_run(workspace, first.name), open_studio()
    again = studio.submit(back.photo.copy, [fish, *(one.copy for one in back.own_styles)], small, source_run=first.name)
    assert kept(again.path) == kept(first)
    other = studio.submit(back.photo.copy, [turned], small, source_run=first.name)
    assert kept(other.path) == [kept(first)[0], kept(first)[3]]


def test_copies_of_a_run_that_is_gone_are_painted_from_as_they_are(
    workspace, run_of, given, open_studio, small, tmp_path
):
    first = run_of(given[0], [given[1]])
    back, studio = load_run(workspace, first.name), open_studio()
    copies = [shutil.copy(one.copy, tmp_path) for one in (back.photo, *back.own_styles)]
    studio.job(first.name).cancel()
    shutil.rmtree(first, ignore_errors=True)
    again = studio.submit(copies[0], copies[1:], small, source_run=first.name)
    assert [name for _, name in kept(again.path)] == ["mein-hund", "waves"]


def test_what_was_handed_out_of_a_run_goes_with_it(workspace, run_of, given):
    path = run_of(given[0], [given[1]])
    copy = load_run(workspace, path.name).photo.copy
    assert copy.exists()
    workspace.delete(path.name)
    assert not copy.exists()
    assert not workspace.shared_folder(path.name).exists()


def test_what_was_handed_out_of_an_order_that_is_given_up_goes_with_it(open_studio, given, small, hold_after):
    brush, studio = hold_after(1), open_studio()
    studio.submit(given[0], [given[1]], small)
    brush.wait()
    waits = studio.submit(given[0], [given[1]], small)
    load_run(studio.workspace, waits.name)
    studio.delete(waits.name)
    assert not studio.workspace.shared_folder(waits.name).exists()
    brush.let_go()


def test_nothing_is_handed_out_of_a_run_that_is_deleted_at_this_moment(workspace, run_of, given):
    path = run_of(given[0], [given[1]])
    workspace.delete(path.name)
    with pytest.raises(InputError, match="there is no run"):
        workspace.write_shared(path.name, "photo/late.png", b"late")
    assert not workspace.shared_folder(path.name).exists()


def test_what_a_kill_left_of_a_run_that_is_gone_is_removed_at_the_next_start(workspace, run_of, given):
    stays, goes = run_of(given[0], [given[1]]), run_of(given[0], [given[1]])
    copies = [load_run(workspace, path.name).photo.copy for path in (stays, goes)]
    shutil.rmtree(goes)
    Workspace(workspace.path)
    assert [copy.exists() for copy in copies] == [True, False]


@pytest.mark.parametrize("refused", ["os.fsync", "pathlib.Path.mkdir"])
def test_a_disk_that_is_full_is_told_in_one_line_without_folders(workspace, run_of, given, monkeypatch, refused):
    path = run_of(given[0], [given[1]])
    monkeypatch.setattr(refused, mock.Mock(side_effect=OSError(28, "No space left on device")))
    message = told(workspace, path)
    assert "No space left on device" in message
    assert "/" not in message


# -- regions -----------------------------------------------------------------------------------------------------------


def test_regions_are_their_masks_and_the_names_of_their_styles(workspace, run_of, given):
    masks = mask(4, 20), mask(30, 60)
    regions = {"mask 1=keep": region(masks[0]), "mask 2=woodcut": region(masks[1], "woodcut")}
    path = run_of(given[0], [], regions)
    back = load_run(workspace, path.name)
    assert [part.style for part in back.regions] == ["keep", "woodcut"]
    assert all(np.array_equal(part.mask, one) for part, one in zip(back.regions, masks, strict=True))
    assert not back.has_style_masks


def test_words_styles_of_ones_own_and_masks_of_styles_are_no_regions_for_a_brush(workspace, run_of, given):
    own = RegionInputs(mask=read_picture(mask(0, 9)), style=read_picture(given[1]))
    part = RegionInputs(
        mask=read_picture(mask(0, 9)), style=read_picture(plate_path("night")), style_mask=read_picture(mask(0, 9))
    )
    for text, one in {"mask 1=style 1": own, "mask 1=night@a": part, "foreground=keep": region(mask(0, 9))}.items():
        assert load_run(workspace, run_of(given[0], [], {text: one}).name).regions is None
    masked = run_of(given[0], [given[1]], style_masks=(read_picture(mask(0, 9)),))
    assert load_run(workspace, masked.name).has_style_masks


def test_strokes_say_what_the_masks_said_or_there_are_none():
    pytest.importorskip("gradio")
    from impasto.studio.page.regions import BRUSHES, mask_of, strokes_of

    soft = mask(40, 60)
    soft[8:40, 40:44] = 60
    masks = [mask(0, 20), mask(20, 40), soft]
    strokes = strokes_of(masks)
    for color, one in zip(BRUSHES, masks, strict=True):
        assert np.array_equal(np.rint(mask_of([strokes], color) * 255), one)
    assert strokes_of([mask(0, 20), mask(10, 30)]) is None
    assert strokes_of([mask(start, start + 9) for start in (0, 10, 20, 30)]) is None


# -- what goes wrong ---------------------------------------------------------------------------------------------------


def told(workspace, path):
    with pytest.raises(InputError) as error:
        load_run(workspace, path.name)
    message = str(error.value)
    assert "\n" not in message
    assert str(workspace.path) not in message
    return message


def test_a_picture_that_is_missing_or_another_is_told_in_one_line_without_folders(workspace, run_of, given):
    path = run_of(given[0], [given[1]])
    (path / "inputs" / "style-1.png").unlink()
    assert told(workspace, path) == f"cannot read {path.name}/inputs/style-1.png: No such file or directory"
    path = run_of(given[0], [given[1]])
    shutil.copy(given[2], path / "inputs" / "style-1.png")
    assert "has changed since the run began" in told(workspace, path)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"format": 1}', '{"format": 9}'])
def test_a_damaged_run_is_told_in_one_line(workspace, run_of, given, text):
    path = run_of(given[0], [given[1]])
    (path / "run.json").write_text(text)
    assert path.name in told(workspace, path)


@pytest.mark.parametrize("name", ["", "..", "none", "../runs"])
def test_only_runs_of_the_workspace_are_read_back(workspace, run_of, given, open_studio, small, name):
    run_of(given[0], [given[1]])
    with pytest.raises(InputError, match="there is no run"):
        load_run(workspace, name)
    job = open_studio().submit(given[0], "mosaic", small, source_run=name)
    assert [name for _, name in kept(job.path)] == ["Mein Hund", "mosaic"]


def test_the_arguments_of_an_order_without_a_run_are_what_they_were(open_studio, given, small):
    job = open_studio().submit(given[0], [given[1]], small, [impasto.Region(mask(4, 20), "keep")])
    assert read_header(job.path).recipe["regions"] == ["mask 1=keep"]

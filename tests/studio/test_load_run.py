"""Loading a run: its pictures without a position, its styles in order, its regions; and submitting it again."""

import shutil
from unittest import mock

import numpy as np
import PIL.Image
import pytest

import impasto
from impasto.errors import InputError
from impasto.images import plate_path, read_picture
from impasto.runs import Inputs, RegionInputs, RunFolder
from impasto.studio import Workspace
from impasto.studio.load_run import load_run


@pytest.fixture
def given(pictures, tmp_path, with_position):
    """Paths of a photo with a position, of two paintings with the same name, and of a plate under another name."""
    photo, painting = pictures
    (tmp_path / "more").mkdir()
    PIL.Image.open(painting).rotate(90).save(turned := tmp_path / "more" / "waves.png")
    placed = with_position(photo, tmp_path / "Mein Hund.jpg")
    return placed, painting, turned, shutil.copy(plate_path("mosaic"), tmp_path / "fish.webp")


@pytest.fixture
def run_of(workspace, small):
    """Return a function that makes a run that has not started."""

    def make(photo, styles, regions=None, style_masks=()):
        regions = regions or {}
        inputs = Inputs(
            read_picture(photo), tuple(read_picture(style) for style in styles), regions=tuple(regions.values()),
            style_masks=style_masks,
        )  # fmt: skip
        path = workspace.new_folder(inputs.content.name, [style.name for style in inputs.styles])
        RunFolder.create(path, recipe=small.with_changes(regions=tuple(regions)), inputs=inputs).close()
        return path

    return make


def kept(path):
    """Return SHA-256 and file name of a run's photo and styles."""
    inputs = RunFolder.open(path).kept_inputs
    return [(picture.sha256, picture.file_name) for picture in (inputs.content, *inputs.styles)]


def mask(left, right):
    square = np.zeros((48, 64), np.uint8)
    square[8:40, left:right] = 255
    return square


def region(where, style="keep"):
    return RegionInputs(mask=read_picture(where), style=None if style == "keep" else read_picture(plate_path(style)))


# -- pictures ----------------------------------------------------------------------------------------------------------


def test_copies_for_visitors_show_the_pictures_without_a_position(workspace, run_of, given):
    photo, painting, turned, _ = given
    path = run_of(photo, [painting, turned])
    loaded = load_run(workspace, path.name)
    copies = [picture.copy for picture in (loaded.photo, *loaded.own_styles)]
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


def test_styles_keep_their_order_and_built_in_ones_are_recognized_by_their_bytes(workspace, run_of, given):
    photo, painting, _, fish = given
    for styles, plates, own in (
        ([plate_path("woodcut"), fish, painting], ("woodcut", "mosaic"), ["waves"]),
        ([painting, fish], (), ["waves", "fish"]),
        ([fish, fish], ("mosaic",), ["fish"]),
    ):
        loaded = load_run(workspace, run_of(photo, styles).name)
        assert (loaded.plates, [style.picture.name for style in loaded.own_styles]) == (plates, own)


def test_job_submitted_with_copies_uses_the_originals_and_their_names(workspace, run_of, given, open_studio, small):
    photo, painting, turned, fish = given
    first = run_of(photo, [fish, painting, turned])
    loaded, studio = load_run(workspace, first.name), open_studio()
    styles = [fish, *(style.copy for style in loaded.own_styles)]
    again = studio.submit(loaded.photo.copy, styles, small, source_run=first.name)
    assert kept(again.path) == kept(first)
    other = studio.submit(loaded.photo.copy, [turned], small, source_run=first.name)
    assert kept(other.path) == [kept(first)[0], kept(first)[3]]


def test_copies_of_a_deleted_run_are_used_as_they_are(workspace, run_of, given, open_studio, small, tmp_path):
    first = run_of(given[0], [given[1]])
    loaded, studio = load_run(workspace, first.name), open_studio()
    copies = [shutil.copy(picture.copy, tmp_path) for picture in (loaded.photo, *loaded.own_styles)]
    studio.job(first.name).stop()
    shutil.rmtree(first, ignore_errors=True)
    again = studio.submit(copies[0], copies[1:], small, source_run=first.name)
    assert [name for _, name in kept(again.path)] == ["mein-hund.jpg", "waves.png"]


def test_copies_are_deleted_with_their_run(workspace, run_of, given):
    path = run_of(given[0], [given[1]])
    copy = load_run(workspace, path.name).photo.copy
    assert copy.exists()
    workspace.delete(path.name)
    assert not workspace.shared_folder(path.name).exists()


def test_copies_are_deleted_with_a_job_that_waits(open_studio, given, small, paint_to):
    studio = open_studio()
    paint_to(studio, 1)
    waiting = studio.submit(given[0], [given[1]], small)
    load_run(studio.workspace, waiting.name)
    studio.delete(waiting.name)
    assert not studio.workspace.shared_folder(waiting.name).exists()


def test_no_file_is_shared_of_a_run_that_was_just_deleted(workspace, run_of, given):
    path = run_of(given[0], [given[1]])
    workspace.delete(path.name)
    with pytest.raises(InputError, match="there is no run"):
        workspace.write_shared(path.name, "photo/late.png", b"late")
    assert not workspace.shared_folder(path.name).exists()


def test_copies_that_a_kill_left_behind_are_deleted_at_the_next_start(workspace, run_of, given):
    stays, goes = run_of(given[0], [given[1]]), run_of(given[0], [given[1]])
    copies = [load_run(workspace, path.name).photo.copy for path in (stays, goes)]
    shutil.rmtree(goes)
    Workspace(workspace.path)
    assert [copy.exists() for copy in copies] == [True, False]


# -- regions -----------------------------------------------------------------------------------------------------------


def test_regions_are_loaded_as_masks_and_names_of_styles(workspace, run_of, given):
    masks = mask(4, 20), mask(30, 60)
    regions = {"mask 1=keep": region(masks[0]), "mask 2=woodcut": region(masks[1], "woodcut")}
    loaded = load_run(workspace, run_of(given[0], [], regions).name)
    assert [part.style for part in loaded.regions] == ["keep", "woodcut"]
    assert all(np.array_equal(part.mask, one) for part, one in zip(loaded.regions, masks, strict=True))
    assert not loaded.has_style_masks


def test_a_picture_of_the_visitor_is_loaded_as_the_style_of_a_region(workspace, run_of, given):
    own = RegionInputs(mask=read_picture(mask(0, 9)), style=read_picture(given[1]))
    (part,) = load_run(workspace, run_of(given[0], [], {"mask 1=style 1": own}).name).regions
    assert np.array_equal(PIL.Image.open(given[1]).convert("RGB"), PIL.Image.open(part.own.copy))


@pytest.mark.parametrize("text", ["mask 1=night@a", "foreground=keep"])
def test_regions_that_a_brush_cannot_paint_are_not_loaded(workspace, run_of, given, text):
    masked = RegionInputs(
        mask=read_picture(mask(0, 9)), style=read_picture(plate_path("night")), style_mask=read_picture(mask(0, 9))
    )
    inputs = masked if "@" in text else region(mask(0, 9))
    assert load_run(workspace, run_of(given[0], [], {text: inputs}).name).regions is None


def test_masks_of_styles_are_reported(workspace, run_of, given):
    path = run_of(given[0], [given[1]], style_masks=(read_picture(mask(0, 9)),))
    assert load_run(workspace, path.name).has_style_masks


# -- damaged runs ------------------------------------------------------------------------------------------------------


def refusal(workspace, path):
    with pytest.raises(InputError) as error:
        load_run(workspace, path.name)
    message = str(error.value)
    assert "\n" not in message
    assert str(workspace.path) not in message
    return message


@pytest.mark.parametrize("function", ["os.fsync", "pathlib.Path.mkdir"])
def test_full_disk_is_reported_in_one_line_without_folders(workspace, run_of, given, monkeypatch, function):
    path = run_of(given[0], [given[1]])
    monkeypatch.setattr(function, mock.Mock(side_effect=OSError(28, "No space left on device")))
    message = refusal(workspace, path)
    assert "No space left on device" in message
    assert "/" not in message


def test_missing_or_changed_input_is_reported_without_folders(workspace, run_of, given):
    path = run_of(given[0], [given[1]])
    (path / "inputs" / "style-1.png").unlink()
    assert refusal(workspace, path) == f"cannot read {path.name}/inputs/style-1.png: No such file or directory"
    path = run_of(given[0], [given[1]])
    shutil.copy(given[2], path / "inputs" / "style-1.png")
    assert "has changed since the run began" in refusal(workspace, path)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"format": 1}', '{"format": 9}'])
def test_damaged_run_is_reported_in_one_line(workspace, run_of, given, text):
    path = run_of(given[0], [given[1]])
    (path / "run.json").write_text(text)
    assert path.name in refusal(workspace, path)


@pytest.mark.parametrize("name", ["", "..", "none", "../runs"])
def test_only_runs_of_the_workspace_are_loaded(workspace, run_of, given, open_studio, small, name):
    run_of(given[0], [given[1]])
    with pytest.raises(InputError, match="there is no run"):
        load_run(workspace, name)
    job = open_studio().submit(given[0], "mosaic", small, source_run=name)
    assert [name for _, name in kept(job.path)] == ["Mein Hund.jpg", "mosaic"]


def test_regions_given_as_arrays_are_numbered_in_the_recipe(open_studio, given, small):
    job = open_studio().submit(given[0], [given[1]], small, [impasto.Region(mask(4, 20), "keep")])
    assert [region.as_text() for region in job.recipe.regions] == ["mask 1=keep"]

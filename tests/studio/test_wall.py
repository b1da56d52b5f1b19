"""The wall of styles: what is kept on it, and photos painted in its styles by a thread that lets others go first."""

import os
import shutil
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from patience import PATIENCE

import impasto
from impasto.errors import InputError
from impasto.images import PLATES, encode_picture, plate_path, read_picture
from impasto.saliency import follow_edges
from impasto.studio.finish import Finish, apply_finish
from impasto.studio.wall import StyleWall


@pytest.fixture
def wall(tmp_path) -> StyleWall:
    return StyleWall(tmp_path / "styles", 50.0)


def test_a_picture_is_kept_once_by_its_bytes_with_its_name_until_it_is_removed(wall, pictures, tmp_path):
    name = wall.add(pictures[1])
    twin = shutil.copy(pictures[1], tmp_path / "twin.png")
    assert wall.add(twin) == name
    assert wall.names() == [*PLATES, name]
    assert wall.title(name) == "waves"
    assert wall.path(name).read_bytes() == pictures[1].read_bytes()
    wall.remove(name)
    wall.remove("night")
    assert wall.names() == list(PLATES)
    with pytest.raises(InputError, match="not on the wall any more"):
        wall.path(name)


def test_a_built_in_style_is_recognized_and_no_name_leaves_the_wall(wall, pictures, tmp_path):
    assert wall.add(shutil.copy(plate_path("knife"), tmp_path / "my own.webp")) == "knife"
    assert wall.source("knife") == "knife"
    for name in ("../pictures", "..", "", pictures[1].as_posix()):
        with pytest.raises(InputError):
            wall.path(name)
    assert wall.title(wall.add(pictures[0], "ab" * 32, "../ we/ird")) == "- we-ird"


def test_a_full_wall_takes_no_other_picture(wall, pictures, monkeypatch):
    monkeypatch.setattr("impasto.studio.wall._MAX_PICTURES", 1)
    name = wall.add(pictures[0])
    assert (wall.add(pictures[0]), wall.add(plate_path("night"))) == (name, "night")
    with pytest.raises(InputError, match="the wall holds 1 pictures, the most it can: take one off first"):
        wall.add(pictures[1])
    wall.remove(name)
    assert wall.add(pictures[1]) in wall.names()


def test_a_tile_is_made_once_and_changes_neither_the_order_nor_the_picture(wall, pictures, monkeypatch):
    names = [wall.add(path) for path in pictures]
    tile = wall.tile(names[0])
    assert max(read_picture(tile).pixels.shape) == 64
    monkeypatch.setattr("impasto.studio.wall.read_picture", None)
    assert wall.tile(names[0]) == tile
    assert wall.names()[len(PLATES) :] == names
    assert wall.path(names[0]).name == pictures[0].name


def test_a_picture_that_vanishes_or_cannot_be_read_is_told_without_folders(wall, pictures, tmp_path, monkeypatch):
    names = [wall.add(path) for path in pictures]
    found, gone = StyleWall._file_in, wall.path(names[0])
    monkeypatch.setattr(
        wall, "_file_in", lambda folder: gone.with_name("gone") if folder == gone.parent else found(folder)
    )
    assert wall.names()[len(PLATES) :] == names[1:]
    wall.path(names[1]).write_bytes(b"no picture")
    with pytest.raises(InputError, match=r"^waves\.png is not a picture"):
        wall.pixels(names[1])


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has a priority for each thread")
def test_previews_are_those_of_the_method_instant_painted_with_little_priority(open_studio, pictures, monkeypatch):
    previews, paint, seen = open_studio().previews, impasto.Session.stylize, []

    def watched(*given, **options):
        seen.append(os.getpriority(os.PRIO_PROCESS, threading.get_native_id()))
        return paint(*given, **options)

    monkeypatch.setattr("impasto.Session.stylize", watched)
    painted = dict(previews.paint(pictures[0], ["mosaic", "gone", "night"]))
    assert list(painted) == ["mosaic", "night"], "a style that is gone is left out"
    assert min(seen) > os.getpriority(os.PRIO_PROCESS, 0)
    expected = impasto.stylize(pictures[0], "mosaic", preset="instant", size=256, threads=1).pixels
    assert np.array_equal(painted["mosaic"], expected)
    count = len(seen)
    assert len(list(previews.paint(pictures[0], ["mosaic"]))) == 1
    assert len(seen) == count, "a preview is painted once"


def test_a_finish_is_a_share_of_the_photo_after_its_colors(photo):
    painted = 1 - photo
    assert np.allclose(apply_finish(Finish(), painted, photo), painted)
    assert np.allclose(apply_finish(Finish(photo=100.0), painted, photo), photo)
    assert np.allclose(apply_finish(Finish(photo=25.0), painted, photo), 0.75 * painted + 0.25 * photo, atol=1e-6)
    gray = np.repeat(painted.mean(axis=2, keepdims=True), 3, axis=2)
    colored = apply_finish(Finish(photo_colors=100.0), gray, photo)
    assert np.ptp(gray, axis=2).max() < 1e-6 < 0.1 < np.ptp(colored, axis=2).max()


def test_an_outline_moves_to_the_edge_of_a_thing_near_it():
    y, x = np.mgrid[:160, :200]
    inside = (x - 100) ** 2 + (y - 80) ** 2 < 45**2
    photo = np.where(inside[..., None], (0.9, 0.4, 0.1), (0.2, 0.4, 0.7)).astype(np.float32)
    rough = ((x - 103) ** 2 + (y - 78) ** 2 < 40**2).astype(np.float32)
    before, after = (np.mean((mask > 0.5) == inside) for mask in (rough, follow_edges(photo, rough)))
    assert before < 0.96
    assert after > 0.99


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has a priority for each thread")
def test_a_camera_is_painted_at_its_size_with_little_priority_and_too_many_are_refused(open_studio, photo, monkeypatch):
    monkeypatch.setattr("impasto.studio.wall._MAX_CAMERAS", 1)
    previews, plan, seen = open_studio().previews, impasto.api.plan_job, []
    begun, released = threading.Event(), threading.Event()

    def watched(*given):
        seen.append(os.getpriority(os.PRIO_PROCESS, threading.get_native_id()))
        begun.set()
        assert released.wait(PATIENCE)
        return plan(*given)

    monkeypatch.setattr("impasto.studio.wall.plan_job", watched)
    frame = encode_picture(photo, ".png")
    with ThreadPoolExecutor(1) as visitor:
        camera = visitor.submit(previews.paint_frame, frame, "mosaic")
        assert begun.wait(PATIENCE)
        with pytest.raises(InputError, match="1 cameras are painted, the most at a time: try again in a moment"):
            previews.paint_frame(frame, "mosaic")
        released.set()
        painted = read_picture(camera.result()).pixels
    assert seen[0] > os.getpriority(os.PRIO_PROCESS, 0)
    alone = impasto.stylize(photo, "mosaic", preset="instant", threads=1, size=64, style_scale=384 / 64).pixels
    expected = read_picture(encode_picture(alone, ".jpg", quality=88)).pixels
    assert painted.shape == expected.shape
    assert np.abs(painted - expected).mean() < 0.01
    with pytest.raises(InputError, match="not on the wall any more"):
        previews.paint_frame(frame, "gone")

"""Deep Zoom pictures: their tiles are the picture, and a browser shows them without a network."""

import io
import os
import re
import xml.etree.ElementTree as ET
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import PIL.Image
import pytest

from impasto.errors import InputError
from impasto.images import Outputs, check_destination, check_space, deep_zoom, write_picture


@pytest.fixture
def picture() -> np.ndarray:
    """Return a picture of red at the left, and of blue at the right."""
    pixels = np.zeros((300, 700, 3), dtype=np.float32)
    pixels[:, :400, 0], pixels[:, 400:, 2] = 1, 1
    return pixels


def names(folder) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_the_tiles_of_the_finest_level_are_the_picture(tmp_path, picture):
    write_picture(tmp_path / "poster.dzi", picture, quality=100)
    assert names(tmp_path) == {"poster.dzi", "poster_files", "poster.html"}
    root = ET.parse(tmp_path / "poster.dzi").getroot()
    size = root[0].attrib
    assert (size["Width"], size["Height"]) == ("700", "300")
    step, overlap = int(root.attrib["TileSize"]), int(root.attrib["Overlap"])
    # 2^10 is the first power of two that is not below the long side.
    levels = [path.name for path in (tmp_path / "poster_files").iterdir() if path.is_dir()]
    assert sorted(levels, key=int) == [str(level) for level in range(11)]
    tiles = [tuple(map(int, path.stem.split("_"))) for path in (tmp_path / "poster_files" / "10").iterdir()]
    assert len(tiles) == 6
    for column, row in tiles:
        with PIL.Image.open(tmp_path / "poster_files" / "10" / f"{column}_{row}.jpg") as tile:
            left, top = max(0, column * step - overlap), max(0, row * step - overlap)
            own = picture[top : top + tile.height, left : left + tile.width] * 255
            assert np.abs(np.asarray(tile).astype(float) - own).mean() < 3


def test_an_older_one_is_replaced_with_all_its_tiles(tmp_path, picture):
    write_picture(tmp_path / "poster.dzi", picture)
    write_picture(tmp_path / "poster.dzi", picture[:100, :100])
    assert names(tmp_path) == {"poster.dzi", "poster_files", "poster.html"}
    assert ET.parse(tmp_path / "poster.dzi").getroot()[0].attrib["Width"] == "100"
    assert not (tmp_path / "poster_files" / "10").exists()


def test_what_cannot_be_replaced_leaves_the_older_picture(tmp_path, picture):
    write_picture(tmp_path / "poster.dzi", picture)
    tiles = sorted(path.name for path in (tmp_path / "poster_files").rglob("*"))
    (tmp_path / "poster.html").unlink()
    (tmp_path / "poster.html").mkdir()
    with pytest.raises(InputError, match="is in the way: it is a folder"):
        write_picture(tmp_path / "poster.dzi", picture[:100, :100])
    assert sorted(path.name for path in (tmp_path / "poster_files").rglob("*")) == tiles


def test_what_is_painted_from_is_not_among_the_tiles_that_are_replaced(tmp_path, picture):
    write_picture(tmp_path / "poster.dzi", picture)
    photo = tmp_path / "poster_files" / "photo.png"
    write_picture(photo, picture)
    with pytest.raises(InputError, match="is inside"):
        Outputs(pictures=(tmp_path / "poster.dzi",)).check([photo])


@pytest.mark.parametrize("name", ["poster_files", "poster.html"])
def test_what_belongs_to_no_such_picture_is_not_replaced(name, tmp_path, picture):
    (tmp_path / name).mkdir()
    for write in (lambda path: write_picture(path, picture), check_destination):
        with pytest.raises(InputError, match=rf"^{re.escape(str(tmp_path / name))} is in the way[^\n]*$"):
            write(tmp_path / "poster.dzi")
    assert names(tmp_path) == {name}


def test_a_folder_that_cannot_be_written_is_one_line(tmp_path):
    if os.geteuid():
        tmp_path.chmod(0o500)
        folder = tmp_path
    else:
        folder = Path("/proc")  # not even root may
    with pytest.raises(InputError, match=r"^cannot write [^\n]*$"):
        check_destination(folder / "poster.dzi")
    tmp_path.chmod(0o700)


def test_a_folder_that_does_not_exist_is_one_line(tmp_path):
    with pytest.raises(InputError, match=r"^cannot write [^\n]*the folder [^\n]* does not exist[^\n]*$"):
        check_destination(tmp_path / "missing" / "poster.dzi")


def test_what_fails_midway_leaves_the_older_picture(tmp_path, picture, monkeypatch):
    write_picture(tmp_path / "poster.dzi", picture)
    before = (tmp_path / "poster.html").read_text()

    def fails(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(deep_zoom, "_page", fails)
    with pytest.raises(InputError, match=r"^cannot write [^\n]*No space left[^\n]*$"):
        write_picture(tmp_path / "poster.dzi", picture[:50, :50])
    assert names(tmp_path) == {"poster.dzi", "poster_files", "poster.html"}
    assert (tmp_path / "poster.html").read_text() == before
    assert (tmp_path / "poster_files" / "10").is_dir()


def test_a_disk_without_room_is_said_with_the_number(tmp_path, monkeypatch):
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=400_000_000))
    check_space(tmp_path / "poster.png", 4096, 4096)
    check_space(tmp_path / "poster.dzi", 16_000, 16_000)
    with pytest.raises(InputError, match=r"poster.tif needs about 1\.3GB, and only 0\.4GB are free: make room"):
        check_space(tmp_path / "poster.tif", 16_000, 16_000, bits=16)


def test_a_browser_shows_the_page_from_a_file_and_asks_no_network(tmp_path, picture, browser):
    folder = tmp_path / "a 100% \"strange\" 'name' #1 <é>"
    folder.mkdir()
    path = folder / "poster & <b>#1?.dzi"
    write_picture(path, picture)
    page = browser.new_context(viewport={"width": 800, "height": 400}, offline=True).new_page()
    requests, troubles = [], []
    page.on("request", lambda request: requests.append(request.url))
    page.on("requestfailed", lambda request: troubles.append(request.url))
    page.on("pageerror", lambda error: troubles.append(str(error)))
    page.goto(path.with_suffix(".html").as_uri())
    page.wait_for_function("() => OpenSeadragon.getViewer('picture')?.world.getItemAt(0)?.getFullyLoaded()")
    assert page.title() == path.stem
    assert troubles == []
    assert all(url.startswith(("file:", "data:", "blob:")) for url in requests)
    assert any("_files/10/" in url for url in requests)
    with PIL.Image.open(io.BytesIO(page.screenshot())) as image:
        red, blue = (np.asarray(image.convert("RGB"))[200, x].astype(int) for x in (200, 700))
    assert red[0] > 200 > 60 > red[2]
    assert blue[2] > 200 > 60 > blue[0]

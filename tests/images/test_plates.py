"""The built-in plates: their files, how much they differ, and the demo's photo."""

import functools
import importlib
import itertools
import sys
from pathlib import Path

import numpy as np
import pytest
import skimage.data
from PIL import Image

from impasto.errors import InputError
from impasto.images import PLATES, demo_photo, is_plate, plate_description, plate_path

TOOLS = Path(__file__).parents[2] / "tools"


@functools.cache
def pixels(name: str) -> np.ndarray:
    with Image.open(plate_path(name)) as picture:
        return np.asarray(picture, dtype=np.float32) / 255


def colors(name: str) -> np.ndarray:
    """Share of the pixels in each of 4 x 4 x 4 boxes of color."""
    boxes = np.clip((pixels(name) * 4).astype(int), 0, 3) @ np.array([16, 4, 1])
    return np.bincount(boxes.ravel(), minlength=64) / boxes.size


def texture(name: str) -> np.ndarray:
    """Log of the contrast of gray detail of about 2, 4, 8, 16 and 32 px, from an average pyramid."""
    gray, bands = pixels(name).mean(axis=2), []
    for _ in range(5):
        half = gray.reshape(gray.shape[0] // 2, 2, -1, 2).mean(axis=(1, 3))
        bands.append(float(np.log((gray - half.repeat(2, axis=0).repeat(2, axis=1)).std())))
        gray = half
    return np.array(bands)


@pytest.fixture
def tool(monkeypatch):
    monkeypatch.syspath_prepend(str(TOOLS))
    yield importlib.import_module("plates")
    for module in [name for name in sys.modules if name.partition(".")[0] in ("plates", "atelier")]:
        del sys.modules[module]


@pytest.mark.parametrize("name", PLATES)
def test_a_plate_is_a_small_rgb_file_of_1024_pixels(name):
    with Image.open(plate_path(name)) as picture:
        picture.load()
        assert (picture.size, picture.mode) == ((1024, 1024), "RGB")
    assert plate_path(name).stat().st_size < 300_000


@pytest.mark.parametrize("name", PLATES)
def test_a_plate_has_strong_contrast_and_no_large_empty_area(name):
    gray = pixels(name).mean(axis=2)
    dark, light = np.percentile(gray, [2, 98])
    assert light - dark > 0.55
    cells = gray.reshape(16, 64, 16, 64).transpose(0, 2, 1, 3).reshape(256, -1)
    assert np.mean(cells.std(axis=1) > 0.025) > 0.97


def test_any_two_plates_differ_in_their_colors_and_textures():
    assert len(set(PLATES)) == len(PLATES) >= 6
    found = {name: (colors(name), texture(name)) for name in PLATES}
    for a, b in itertools.combinations(PLATES, 2):
        assert np.abs(found[a][0] - found[b][0]).sum() / 2 > 0.35, (a, b)
        assert np.abs(found[a][1] - found[b][1]).max() > 0.2, (a, b)


@pytest.mark.parametrize("name", PLATES)
def test_a_description_is_one_short_line(name):
    line = plate_description(name)
    assert "\n" not in line
    assert 20 < len(line) < 90


@pytest.mark.parametrize("ask", [plate_path, plate_description])
def test_an_unknown_plate_is_refused_with_the_list_of_known_ones(ask):
    with pytest.raises(InputError, match="seascape") as refused:
        ask("seascape")
    assert all(name in str(refused.value) for name in PLATES)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("ask", [plate_path, plate_description])
def test_a_misspelled_plate_is_recognized(ask):
    with pytest.raises(InputError, match=r"there is no built-in style 'Nigth'; did you mean night\?"):
        ask("Nigth")


@pytest.mark.parametrize("name", ["nightmare", "Night", "night.webp", "", "../night"])
def test_only_the_exact_name_is_a_plate(name):
    assert not is_plate(name)


def test_the_package_contains_exactly_the_plates_and_the_photo_of_the_demo():
    folder = plate_path(PLATES[0]).parent
    assert sorted(path.name for path in folder.iterdir()) == sorted(f"{name}.webp" for name in (*PLATES, "coffee"))


def test_the_demo_photo_is_the_coffee_of_scikit_image_pixel_for_pixel():
    with Image.open(demo_photo()) as photo:
        assert np.array_equal(np.asarray(photo), skimage.data.coffee())


def test_the_tool_draws_the_plates_that_the_package_lists(tool):
    assert tuple(tool.PLATES) == PLATES
    assert plate_path(PLATES[0]).parent == tool.DATA


@pytest.mark.long
def test_the_tool_draws_the_plate_that_the_package_contains(tool):
    drawn = tool.PLATES["woodcut"]().resize((64, 64), Image.Resampling.BOX)
    with Image.open(plate_path("woodcut")) as stored:
        kept = stored.resize((64, 64), Image.Resampling.BOX)
    difference = np.asarray(drawn, dtype=np.float32) - np.asarray(kept, dtype=np.float32)
    assert np.abs(difference).mean() < 4

"""What is transparent in a style, in the picture to start from, and in a source of colors teaches nothing."""

from typing import get_args

import numpy as np
import PIL.Image
import pytest
from tests.api.conftest import QUICK

import impasto
from impasto.api import plan_job, read_inputs
from impasto.errors import InputError
from impasto.images import quantize, read_picture, resize
from impasto.recipe import STYLE_LOSSES, ColorMap, ColorMode, Recipe

FEW = {**QUICK, "size": 64, "style_margin": 0.0}


def cut(picture: np.ndarray, columns: int) -> np.ndarray:
    """Make everything but the first columns transparent."""
    alpha = np.zeros(picture.shape[:2], dtype=np.float32)
    alpha[:, :columns] = 1
    return np.dstack([picture, alpha])


@pytest.fixture(scope="module")
def visible(painting):
    """The left part of a style, three times as high as wide."""
    return np.ascontiguousarray(painting[:, :32])


@pytest.fixture(scope="module")
def transparent(painting):
    """The same style, of which only that part can be seen."""
    return cut(painting, 32)


def scene(photo, style, **changes):
    recipe = Recipe(**{**FEW, **changes})
    return plan_job(recipe, read_inputs(photo, style, recipe)).scene


@pytest.mark.parametrize("loss", STYLE_LOSSES)
def test_every_loss_compares_with_what_is_visible_alone(visible, transparent, loss):
    def first_loss(style):
        return impasto.stylize(visible, style, **{**FEW, "steps": 1, "style_losses": loss}).losses["style"][0]

    # The canvas is the visible part; a style that is filled up with a flat color is another one.
    assert first_loss(transparent) < 0.5 * first_loss(read_picture(transparent).pixels)


@pytest.mark.parametrize("color_map", get_args(ColorMap))
@pytest.mark.parametrize("color", get_args(ColorMode))
def test_every_color_mode_changes_what_is_visible_as_if_it_were_alone(photo, visible, transparent, color, color_map):
    changes = {"color": color, "color_map": color_map, "size": 64}
    (whole,), (part,) = (scene(photo, style, **changes).regions[0].styles for style in (transparent, visible))
    np.testing.assert_allclose(whole.pixels[:, :32], part.pixels, atol=0.03)


def test_the_colors_of_a_photo_are_those_of_its_visible_part(photo, visible):
    (whole,), (part,) = (
        scene(shown, visible, color="match").regions[0].styles for shown in (cut(photo, 32), photo[:, :32])
    )
    np.testing.assert_allclose(whole.pixels.mean(axis=(0, 1)), part.pixels.mean(axis=(0, 1)), atol=0.03)


@pytest.mark.parametrize("color_map", get_args(ColorMap))
def test_recolor_takes_the_colors_of_what_is_visible(photo, visible, transparent, color_map):
    given, alone = (impasto.recolor(photo, style, color_map=color_map).pixels for style in (transparent, visible))
    np.testing.assert_allclose(given, alone, atol=2e-3)


def test_half_transparent_pixels_of_a_source_of_colors_count_half(photo):
    style = np.zeros((1, 3, 4), dtype=np.float32)
    style[0, :, 0], style[0, :, 3] = (0.2, 0.8, 0.8), (1.0, 0.5, 0.0)
    red = impasto.recolor(photo, style).pixels[..., 0].mean()
    assert red == pytest.approx((0.2 + 0.8 / 2) / 1.5, abs=0.02)


def test_the_canvas_starts_from_the_photo_where_its_picture_is_transparent(photo, painting, tmp_path):
    start = cut(resize(painting, 64, 48), 32)
    PIL.Image.fromarray(quantize(start)).save(tmp_path / "start.png")
    found = scene(photo, painting, init=str(tmp_path / "start.png")).init
    np.testing.assert_allclose(found[:, 32:], photo[:, 32:], atol=1e-4)
    np.testing.assert_allclose(found[:, :32], start[:, :32, :3], atol=1 / 255)


def test_a_mask_and_transparency_are_both_respected(photo, painting, transparent):
    mask = np.zeros(painting.shape[:2], dtype=np.float32)
    mask[:32] = 1
    (style,) = scene(photo, impasto.Style(transparent, mask=mask)).regions[0].styles
    assert style.mask[:32, :32].min() == 1
    assert style.mask[32:].max() == style.mask[:, 32:].max() == 0


def test_a_style_without_a_visible_pixel_is_refused(photo, painting):
    with pytest.raises(InputError, match="transparent"):
        scene(photo, cut(painting, 0))
    with pytest.raises(InputError, match="transparent everywhere"):
        impasto.recolor(photo, cut(painting, 0))


def test_an_open_file_is_painted_as_its_path_is(photo, tmp_path):
    PIL.Image.fromarray(quantize(photo)).save(tmp_path / "photo.png")
    with (tmp_path / "photo.png").open("rb") as content, (tmp_path / "photo.png").open("rb") as style:
        painted = impasto.stylize(content, style, **QUICK)
    expected = impasto.stylize(tmp_path / "photo.png", tmp_path / "photo.png", **QUICK)
    np.testing.assert_array_equal(painted.pixels, expected.pixels)

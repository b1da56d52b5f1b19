"""Pictures of several styles and regions."""

import re
from typing import get_args

import numpy as np
import PIL.Image
import pytest
from tests.api.conftest import QUICK, start_and
from tests.conftest import waves

import impasto
from impasto.api import Region, Style, plan_job, read_inputs, region_settings
from impasto.color import recolor
from impasto.errors import InputError
from impasto.events import LevelStarted, Notice
from impasto.images import fit, quantize, resize
from impasto.painting import CanvasRegion, Level, Scene, StyleImage
from impasto.recipe import CanvasKind, ColorMode, Recipe

PHOTO_SIZE = {
    **QUICK,
    "size": "photo",
    "steps": 3,
    "style_layers": "conv1_1,conv2_1,conv3_1",
    "content_layers": "conv3_1",
    "style_losses": "wasserstein=1,gradient_energy=0.025",
}


def box(top: int, bottom: int, left: int, right: int, size: tuple[int, int] = (48, 64)) -> np.ndarray:
    """Return a mask of the photo's size that is white in a box."""
    mask = np.zeros((*size, 3), dtype=np.uint8)
    mask[top:bottom, left:right] = 255
    return mask


LEFT, RIGHT = box(0, 48, 0, 32), box(0, 48, 32, 64)


@pytest.fixture(scope="module")
def exact(photo):
    """The photo as a file holds it."""
    return (quantize(photo) / 255).astype(np.float32)


@pytest.fixture(scope="module")
def red(painting):
    return (painting * [1.0, 0.2, 0.1]).astype(np.float32)


@pytest.fixture(scope="module")
def blue(painting):
    return (painting[::-1] * [0.1, 0.3, 1.0]).astype(np.float32)


def job(photo, styles, regions=(), **changes):
    """Return the planned job of a call."""
    recipe = Recipe(**{**PHOTO_SIZE, **changes}, regions=region_settings(regions))
    return plan_job(recipe, read_inputs(photo, styles, recipe, regions))


def first_canvas(photo, styles, regions=(), **changes):
    return impasto.Session().painter(job(photo, styles, regions, **changes)).picture()


def paint(photo, styles, regions=None, **changes):
    return impasto.stylize(photo, styles, regions=regions, **{**PHOTO_SIZE, **changes})


# -- what is kept ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("color", get_args(ColorMode))
@pytest.mark.parametrize("canvas", get_args(CanvasKind))
@pytest.mark.parametrize("strength", [100.0, 30.0])
def test_a_kept_region_is_the_photo_bit_for_bit_and_the_rest_is_painted(exact, red, color, canvas, strength):
    kept = box(10, 40, 8, 30)
    result = paint(exact, red, [Region(kept, "keep")], color=color, canvas=canvas, color_strength=strength)
    assert result.pixels.min() >= 0
    assert result.pixels.max() <= 1
    saved, own = np.asarray(result.image).astype(int), quantize(exact).astype(int)
    white = kept[..., 0] > 0
    np.testing.assert_array_equal(saved[white], own[white])
    assert np.abs(saved[~white] - own[~white]).mean() > 3


@pytest.mark.parametrize("size", [40, 96])
def test_a_kept_region_is_the_resized_photo_at_other_sizes(exact, red, size):
    result = paint(exact, red, [Region(RIGHT, "keep")], size=size, upscale=True, levels=2, steps=4)
    height, width = result.pixels.shape[:2]
    own = quantize(resize(exact, width, height))
    # A pixel or two beside the mask's edge are mixed.
    np.testing.assert_array_equal(np.asarray(result.image)[:, width // 2 + 2 :], own[:, width // 2 + 2 :])
    assert np.abs(np.asarray(result.image)[:, : width // 2] - own[:, : width // 2].astype(int)).mean() > 3


def test_without_a_main_style_the_photo_stays_outside_the_regions(exact, red):
    result = paint(exact, [], [Region(LEFT, red)])
    np.testing.assert_array_equal(np.asarray(result.image)[:, 32:], quantize(exact)[:, 32:])
    assert np.abs(result.pixels[:, :32] - exact[:, :32]).mean() > 0.02


@pytest.mark.parametrize("canvas", get_args(CanvasKind))
def test_a_gray_mask_mixes_the_photo_in(exact, red, canvas):
    gray = np.full((48, 64, 3), 128, dtype=np.uint8)
    pixels = paint(exact, red, [Region(gray, "keep")], canvas=canvas, content_weight=0.01).pixels
    share = 128 / 255
    # Painted values are in [0, 1], so the photo's share remains and at most the other share is added.
    if canvas == "box":
        assert (pixels >= share * exact - 1e-5).all()
        assert (pixels <= share * exact + 1 - share + 1e-5).all()
    assert np.abs(pixels - exact).mean() > 0.02


def test_the_alpha_of_a_mask_counts_and_a_mask_of_another_size_is_resized(exact, red):
    transparent = np.full((48, 64, 4), 255, dtype=np.uint8)
    transparent[:, :32, 3] = 0
    large = np.repeat(np.repeat(RIGHT, 3, axis=0), 2, axis=1)
    expected, alpha, resized = (paint(exact, red, [Region(m, "keep")]).pixels for m in (RIGHT, transparent, large))
    np.testing.assert_array_equal(alpha, expected)
    np.testing.assert_array_equal(quantize(resized)[:, 33:], quantize(exact)[:, 33:])


# -- regions -----------------------------------------------------------------------------------------------------------


def test_a_region_of_the_whole_picture_is_like_the_style_alone(exact, painting):
    everywhere = np.full((48, 64, 3), 255, dtype=np.uint8)
    plain, region = paint(exact, painting), paint(exact, [], [Region(everywhere, painting)])
    for name in ("total", "content", "style", "luminance_range"):
        assert region.losses[name][0] == pytest.approx(plain.losses[name][0], rel=1e-3, abs=1e-6), name
    assert np.abs(region.pixels - plain.pixels).mean() < 2 / 255


def test_every_region_starts_in_the_colors_of_its_style(exact, red, blue):
    start = first_canvas(exact, [], [Region(LEFT, red), Region(RIGHT, blue)], style_margin=0.0)
    for columns, style in ((slice(0, 32), red), (slice(32, 64), blue)):
        at_size = resize(style, *fit(56, 64, 64))
        own = recolor(np.ascontiguousarray(exact[:, columns]), at_size)
        np.testing.assert_allclose(start[:, columns], own, atol=1e-4)
        np.testing.assert_allclose(start[:, columns].mean(axis=(0, 1)), style.mean(axis=(0, 1)), atol=0.03)


def test_every_region_is_painted_in_its_own_style(exact, red, blue):
    green = (red[..., [1, 0, 2]]).copy()
    regions = [Region(box(0, 48, 0, 20), red), Region(box(0, 48, 20, 40), blue)]
    result = paint(exact, green, regions, content_weight=0.1)
    means = [result.pixels[:, part].mean(axis=(0, 1)) for part in (slice(0, 20), slice(20, 40), slice(40, 64))]
    assert [int(mean.argmax()) for mean in means] == [0, 2, 1]


def test_init_style_covers_each_region_with_its_own_style(exact, red, blue):
    start = first_canvas(exact, [red], [Region(LEFT, "keep"), Region(box(0, 24, 32, 64), blue)], init="style")
    np.testing.assert_allclose(start[:, :32], exact[:, :32], atol=1e-6)
    assert start[:24, 32:].mean(axis=(0, 1)).argmax() == 2
    assert start[24:, 32:].mean(axis=(0, 1)).argmax() == 0


def test_a_region_too_small_for_deep_layers_is_reported_once_on_the_finest_level(exact, red, blue):
    events, layers = [], "conv1_1,conv2_1,conv3_1,conv4_1"
    small = {**PHOTO_SIZE, "style_layers": layers, "size": 128, "upscale": True, "levels": 2, "steps": 4}
    small["fine_stride"] = 0  # otherwise the finest level has no deep layers
    regions = [Region(box(20, 28, 20, 28), blue), Region(LEFT, red)]
    impasto.stylize(exact, red, regions=regions, on_event=events.append, **small)
    (notice,) = [event for event in events if isinstance(event, Notice) and "region" in event.text]
    assert re.search("^the region mask 1 is too small for (conv.*, )?conv4_1:", notice.text)
    assert "conv1_1" not in notice.text
    at = events.index(notice)
    assert isinstance(events[at - 1], LevelStarted)
    assert (events[at - 1].level, notice.step) == (1, events[at - 1].step)


@pytest.mark.parametrize("color", ["match", "luminance"])
def test_style_images_are_matched_to_the_colors_of_their_region(exact, red, color):
    two_tone = exact * 0.3
    two_tone[:, 32:] = 0.6 + 0.4 * exact[:, 32:]
    scene = job(two_tone, [], [Region(LEFT, red), Region(RIGHT, red)], color=color).scene
    for region, columns in zip(scene.regions, (slice(0, 32), slice(32, 64)), strict=True):
        matched, own = region.styles[0].pixels, two_tone[:, columns]
        assert matched.mean() == pytest.approx(own.mean(), abs=0.06)


def test_overlapping_masks_share_their_pixels(exact, red, blue, painting):
    soft = np.linspace(0, 200, 64)[None, :, None].repeat(48, axis=0).repeat(3, axis=2).astype(np.uint8)
    regions = [Region(soft, red), Region(np.ascontiguousarray(soft[:, ::-1]), blue), Region(box(10, 30, 5, 60), "keep")]
    areas = job(exact, painting, [*regions[:2], Region(box(0, 20, 0, 64), painting)]).scene.regions
    total = np.sum([region.mask for region in areas], axis=0)
    np.testing.assert_allclose(total, 1, atol=3 / 255)
    for canvas in get_args(CanvasKind):
        pixels = paint(exact, painting, regions, canvas=canvas).pixels
        assert np.isfinite(pixels).all()
        assert pixels.min() >= 0
        assert pixels.max() <= 1


@pytest.mark.parametrize("side", [1, 4])
def test_a_region_that_vanishes_at_a_coarse_level_changes_nothing_elsewhere(side, red, blue):
    photo, where = waves(256, 256, seed=4), np.zeros((256, 256), dtype=np.float32)
    where[100 : 100 + side, 100 : 100 + side] = 1
    regions = (
        CanvasRegion(styles=(StyleImage(pixels=blue),), mask=where, name="a dot"),
        CanvasRegion(styles=(StyleImage(pixels=red),), mask=1 - where),
    )
    for long_side in (4, 16, 64, 256):
        level = Level(width=long_side, height=long_side, steps=1, above=3)
        scene = Scene(content=photo, regions=regions).at(level)
        assert np.isfinite(scene.recolored).all()
        assert np.isfinite(scene.covered()).all()
        plain = Scene(content=photo, regions=(CanvasRegion(styles=regions[1].styles),)).at(level)
        away = np.ones((long_side, long_side), dtype=bool)
        dot = slice(int(100 * long_side / 256) - 1, int((100 + side) * long_side / 256) + 2)
        away[max(dot.start, 0) : dot.stop, max(dot.start, 0) : dot.stop] = False
        np.testing.assert_allclose(scene.recolored[away], plain.recolored[away], atol=0.03)


# -- styles ------------------------------------------------------------------------------------------------------------


def test_a_mix_of_only_one_style_is_that_style_bit_for_bit(exact, red, blue):
    alone, mixed = paint(exact, red), paint(exact, [red, blue], style_mix=(100, 0))
    np.testing.assert_array_equal(mixed.pixels, alone.pixels)
    second, last = paint(exact, blue), paint(exact, [red, blue, red], style_mix=(0, 3, 0))
    np.testing.assert_array_equal(last.pixels, second.pixels)


def test_the_picture_follows_the_mix_of_styles(exact, red, blue):
    means = [
        paint(exact, [red, blue], style_mix=(100 - second, second)).pixels.mean(axis=(0, 1))
        for second in (0, 25, 50, 75, 100)
    ]
    assert (np.diff([mean[2] for mean in means]) > 0).all()
    assert (np.diff([mean[0] for mean in means]) < 0).all()


@pytest.mark.parametrize("large", [False, True], ids=["maps", "moments"])
def test_styles_are_mixed_alike_from_maps_and_from_moments_in_chunks(exact, red, blue, large, monkeypatch):
    layers = {"style_layers": "conv1_1,conv1_2,conv2_1", "steps": 1}
    expected = paint(exact, [red, blue], style_mix=(30, 70), **layers)
    monkeypatch.setattr("impasto.backbones.chunked.MIN_PIXELS", 1 if large else 10**9)
    found = paint(exact, [red, blue], style_mix=(30, 70), **layers)
    assert found.losses["style"][0] == pytest.approx(expected.losses["style"][0], rel=1e-3)
    regions = paint(exact, [red, blue], [Region(LEFT, red)], style_mix=(30, 70), **layers)
    assert np.isfinite(regions.pixels).all()


def styles_of(made) -> list[StyleImage]:
    return [style for region in made.scene.regions for style in region.styles]


def at_finest(made) -> list[np.ndarray]:
    return [style.at(made.levels[-1]).pixels for style in styles_of(made)]


def test_crops_turns_and_scales_are_applied_to_the_style_images(exact, red, blue):
    made = job(
        exact, [red, blue], style_margin=0.0, style_crop="4,8,40,50/full", style_rotation=(90, -90),
        style_scale=(0.5, 1.5),
    )  # fmt: skip
    first = np.rot90(red[8:58, 4:44])
    np.testing.assert_allclose(at_finest(made)[0], resize(first, 32, 26), atol=2 / 255)
    second = np.rot90(blue, 3)
    np.testing.assert_allclose(at_finest(made)[1], resize(second, 96, 84), atol=2 / 255)


def test_scales_and_turns_are_for_all_styles_or_for_each_those_of_regions_last(exact, red, blue):
    regions = [Region(box(0, 48, 0, 10), "keep"), Region(box(0, 48, 10, 32), blue)]
    # Regions come first in the scene: the main style has what they leave.
    region, main = at_finest(job(exact, [red], regions, style_margin=0.0, style_scale=0.5, style_rotation=180))
    np.testing.assert_allclose(main, resize(np.rot90(red, 2), 28, 32), atol=2 / 255)
    np.testing.assert_allclose(region, resize(np.rot90(blue, 2), 28, 32), atol=2 / 255)
    region, main = at_finest(job(exact, [red], regions, style_margin=0.0, style_scale="1,0.5", style_rotation="0,90"))
    np.testing.assert_allclose(main, red, atol=2 / 255)
    np.testing.assert_allclose(region, resize(np.rot90(blue), 32, 28), atol=2 / 255)
    assert max(at_finest(job(exact, red, style_size=40, style_scale=2, style_margin=0.0))[0].shape) == 80


def test_the_mask_of_a_style_is_cropped_turned_and_resized_with_it(exact, red):
    mask = box(0, 64, 0, 28, size=(64, 56))
    made = job(exact, Style(red, mask), style_margin=0.0, style_crop=(10, 0, 40, 40), style_rotation=90, style_scale=2)
    (style,) = styles_of(made)
    seen = style.at(made.levels[-1])
    assert seen.mask.shape == seen.pixels.shape[:2] == (128, 128)
    # White was the left of the crop: 18 of 40 columns, which a quarter turn to the left puts below.
    edge = 128 - 128 * 18 // 40
    assert (seen.mask[edge + 4 :] == 1).all()
    assert not seen.mask[: edge - 4].any()


def test_what_is_black_in_a_style_mask_has_no_effect(exact, red, blue):
    mask = box(0, 64, 0, 28, size=(64, 56))
    spoiled = red.copy()
    # No receptive field reaches from the white part to these columns.
    spoiled[:, 48:] = [0, 1, 0]
    stated = {"style_margin": 0.0, "style_size": 64, "style_layers": "conv1_1,conv1_2", "content_weight": 0.1}
    pictures = [paint(exact, Style(style, mask), **stated).pixels for style in (red, spoiled)]
    np.testing.assert_allclose(pictures[0], pictures[1], atol=1e-4)
    assert np.abs(paint(exact, spoiled, **stated).pixels - pictures[0]).mean() > 0.02


@pytest.mark.parametrize("color", get_args(ColorMode))
def test_a_style_mask_that_is_white_in_the_margin_alone_is_refused(exact, red, color):
    style = Style(red, box(0, 64, 0, 2, size=(64, 56)))
    with pytest.raises(InputError, match=r"mask of a style leaves nothing of it at .*--style-margin 0"):
        job(exact, style, style_margin=0.06, style_size=64, color=color)
    (used,) = job(exact, style, style_margin=0.0, style_size=64, color=color).scene.regions[0].styles
    assert used.mask is not None


def test_a_style_mask_that_vanishes_at_a_level_is_refused(exact):
    large, mask = waves(1024, 1024, seed=5), np.zeros((1024, 1024), dtype=np.uint8)
    mask[500:504, 500:504] = 255
    with pytest.raises(InputError, match="mask of a style leaves nothing of it at 16 x 16 px"):
        job(exact, Style(large, mask), style_scale=0.25)
    assert job(exact, Style(large, mask)).scene.regions[0].styles[0].mask is not None


# -- run folders -------------------------------------------------------------------------------------------------------


@pytest.fixture
def order(tmp_path, exact, red, blue, painting):
    """Photo and styles as files, and settings with all kinds of masks."""
    files = {
        "photo": exact, "first": red, "second": blue, "third": painting, "left": LEFT / 255.0,
        "right": box(10, 30, 40, 60) / 255.0, "part": box(0, 64, 0, 28, size=(64, 56)) / 255.0,
    }  # fmt: skip
    paths = {name: tmp_path / f"{name}.png" for name in files}
    for name, pixels in files.items():
        PIL.Image.fromarray(quantize(np.asarray(pixels, dtype=np.float32))).save(paths[name])
    styles = [f"{paths['first']}@{paths['part']}", str(paths["second"])]
    regions = [f"{paths['left']}={paths['third']}@{paths['part']}", f"{paths['right']}=keep"]
    settings = {
        **PHOTO_SIZE, "levels": 2, "size": 96, "upscale": True, "steps": 8, "style_mix": (70, 30), "threads": 1,
        "style_scale": (1, 0.8, 1.2), "style_rotation": (0, 10, -20), "seed": 4,
        "style_losses": "wasserstein,sliced=0.1,nearest=0.1,gradient_energy=0.02", "samples": 64, "directions": 8,
    }  # fmt: skip

    return (paths["photo"], styles), {"regions": regions, **settings}


def test_a_stopped_run_of_regions_is_resumed_from_its_folder_alone_to_the_same_picture(order, tmp_path):
    given, settings = order
    whole = impasto.start(*given, run=tmp_path / "whole", **settings).wait()
    run = start_and(lambda run, step: step.step == 6 and run.stop(), *given, run=tmp_path / "stopped", **settings)
    assert run.wait().steps == 6
    for path in tmp_path.glob("*.png"):
        path.unlink()
    resumed = impasto.resume(tmp_path / "stopped").wait()
    np.testing.assert_array_equal(resumed.pixels, whole.pixels)
    assert resumed.losses["total"] == whole.losses["total"]


def test_the_metadata_of_a_picture_name_every_input_and_no_folder(order, tmp_path):
    given, settings = order
    run = impasto.start(*given, **settings)
    run.stop()
    metadata = run.wait().metadata
    assert str(tmp_path) not in str(metadata)
    assert metadata["recipe"]["regions"] == [
        {"mask": "left.png", "style": "third.png", "style_mask": "part.png"},
        {"mask": "right.png", "style": "keep"},
    ]
    styles, regions = metadata["inputs"]["styles"], metadata["inputs"]["regions"]
    assert [style["name"] for style in styles] == ["first.png", "second.png"]
    assert [style.get("mask", {}).get("name") for style in styles] == ["part.png", None]
    names = [{part: picture["name"] for part, picture in region.items()} for region in regions]
    assert names == [{"mask": "left.png", "style": "third.png", "style_mask": "part.png"}, {"mask": "right.png"}]

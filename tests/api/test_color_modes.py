"""The color modes, checked on finished pictures."""

import numpy as np
import PIL.Image
import pytest

import impasto
from impasto.api import plan_job, read_inputs
from impasto.color import to_oklab
from impasto.errors import InputError
from impasto.images import quantize
from impasto.recipe import Recipe

SMALL = {"size": 48, "steps": 3, "precision": "fp32", "device": "cpu"}


def paint(photo, painting, **changes):
    return impasto.stylize(photo, painting, **SMALL, **changes)


def chroma(picture: np.ndarray) -> np.ndarray:
    return to_oklab(picture)[..., 1:]


def test_photo_keeps_the_painted_lightness_and_has_the_photos_chroma(photo, painting):
    as_painted, finished = paint(photo, painting).pixels, paint(photo, painting, color="photo").pixels
    np.testing.assert_allclose(to_oklab(finished)[..., 0], to_oklab(as_painted)[..., 0], atol=3e-3)
    small = impasto.stylize(photo, painting, **SMALL | {"strength": 0, "steps": 1}).pixels
    distances = [np.abs(chroma(picture) - chroma(small)).mean() for picture in (as_painted, finished)]
    assert distances[1] < 0.5 * distances[0]


def test_strengths_lead_from_one_mode_to_another(photo, painting):
    def painted(color, strength):
        return paint(photo, painting, color=color, color_strength=strength).pixels

    np.testing.assert_array_equal(painted("photo", 0), painted("style", 100))
    np.testing.assert_array_equal(painted("style", 0), painted("photo", 100))
    # `match` counts colors, and finds matching places, in a style image of the size that is used.
    np.testing.assert_allclose(painted("match", 0), painted("style", 100), atol=2e-3)
    assert np.ptp(painted("luminance", 0), axis=2).max() < 1e-3


@pytest.mark.parametrize("color_map", ["transport", "cholesky", "histogram"])
def test_match_paints_in_the_colors_of_the_photo(photo, color_map):
    red = np.zeros((48, 48, 3), dtype=np.float32)
    red[..., 0] = np.linspace(0.2, 1, 48)
    mean = photo.mean(axis=(0, 1))
    options = {"color_map": color_map, "init": "style", "style_margin": 0.0}
    matched = paint(photo, red, color="match", **options).pixels.mean(axis=(0, 1))
    plain = paint(photo, red, **options).pixels.mean(axis=(0, 1))
    assert np.linalg.norm(matched - mean) < 0.5 * np.linalg.norm(plain - mean)


def test_luminance_paints_only_lightness(photo, painting):
    gray = paint(photo, painting, color="luminance", color_strength=0)
    colored = paint(photo, painting, color="luminance")
    np.testing.assert_allclose(to_oklab(colored.pixels)[..., 0], to_oklab(gray.pixels)[..., 0], atol=3e-3)
    assert colored.loss == gray.loss
    assert np.abs(chroma(colored.pixels)).mean() > 0.02


def test_a_kept_run_in_luminance_ends_with_the_same_picture(photo, painting, tmp_path):
    whole = paint(photo, painting, color="luminance", seed=1)
    run = impasto.start(photo, painting, **SMALL, color="luminance", seed=1, run=tmp_path / "run")
    assert run.wait().loss == whole.loss
    saved = np.asarray(PIL.Image.open(tmp_path / "run" / "result.png").convert("RGB"))
    np.testing.assert_array_equal(saved, quantize(whole.pixels))


def test_recolor_keeps_size_and_transparency(photo):
    alpha = np.linspace(0, 1, photo.shape[1], dtype=np.float32)[None].repeat(photo.shape[0], axis=0)
    recolored = impasto.recolor(np.dstack([photo, alpha]), "night")
    assert recolored.pixels.shape == photo.shape
    np.testing.assert_allclose(recolored.alpha, alpha, atol=1 / 255)
    half = impasto.recolor(photo, "night", color_strength=50.0).pixels
    np.testing.assert_allclose(half, (photo + impasto.recolor(photo, "night").pixels) / 2, atol=1e-2)


@pytest.mark.parametrize("strength", [-1.0, 101.0, float("nan")])
def test_recolor_refuses_a_strength_out_of_bounds(photo, strength):
    with pytest.raises(InputError, match="from 0 to 100"):
        impasto.recolor(photo, "night", color_strength=strength)


def test_recolor_refuses_a_map_it_does_not_know(photo):
    with pytest.raises(InputError, match="transport, cholesky, histogram"):
        impasto.recolor.__wrapped__(photo, "night", color_map="rainbow")


def test_the_margin_does_not_count_for_colors(photo, painting):
    framed = np.pad(painting, ((4, 4), (4, 4), (0, 0)), constant_values=1.0)
    share = 4 / framed.shape[0]
    options = {"style_margin": share, "style_size": max(framed.shape[:2])}
    plain = {"style_margin": 0.0, "style_size": max(painting.shape[:2])}
    for color in ("match", "luminance"):
        framed_job, plain_job = (
            plan_job(recipe, read_inputs(photo, style, recipe))
            for style, recipe in (
                (framed, Recipe(size=48, color=color, **options)),
                (painting, Recipe(size=48, color=color, **plain)),
            )
        )
        framed_style, plain_style = (job.scene.regions[0].styles[0].pixels for job in (framed_job, plain_job))
        np.testing.assert_allclose(framed_style[4:-4, 4:-4], plain_style, atol=2 / 255)


def test_in_luminance_a_canvas_starts_as_light_as_the_file_it_starts_from(photo, painting, tmp_path):
    green = np.zeros((48, 64, 3), dtype=np.float32)
    green[..., 1] = 1.0
    PIL.Image.fromarray(quantize(green)).save(tmp_path / "green.png")
    recipe = Recipe(size=48, color="luminance", init=str(tmp_path / "green.png"))
    scene = plan_job(recipe, read_inputs(photo, painting, recipe)).scene
    np.testing.assert_allclose(to_oklab(scene.init)[..., 0], to_oklab(green)[..., 0], atol=1e-3)

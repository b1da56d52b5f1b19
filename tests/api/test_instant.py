"""The method `instant` behind the interface of all methods: settings, colors, regions, run folders, limits."""

import numpy as np
import pytest
import torch
from tests.api.conftest import QUICK

import impasto
from impasto.color import to_oklab
from impasto.images import quantize, resize
from impasto.instant import load_networks
from impasto.recipe import FIELDS, Recipe, resolve
from impasto.recipe.model import INSTANT_SETTINGS

OTHER_VALUES = {
    "tv_weight": 1.0,
    "snapshots": (1,),
    "snapshot_every": 2,
    "style_weight": 1.0,
    "style_layers": "conv1_1",
    "style_losses": "gram",
    "style_matching": 0.5,
    "style_size": 100,
    "samples": 100,
    "directions": 2,
    "temporal_weight": 1.0,
    "content_weight": 1.0,
    "content_layers": "conv1_1",
    "content_losses": "laplacian",
    "coarse_content": 1.0,
    "saliency_weight": 0.0,
    "content_exponent": 1.0,
    "low_frequency_weight": 1.0,
    "luminance_range_weight": 1.0,
    "init": "noise",
    "recolor": 0.5,
    "noise_std": 1.0,
    "seed": 1,
    "optimizer": "adam",
    "canvas": "free",
    "learning_rate": 1.0,
    "max_step": 1.0,
    "history": 1,
    "keep_best": True,
    "steps": 3,
    "levels": 1,
    "level_ratio": 3.0,
    "coarse_steps": 1.0,
    "coarse_limit": 1,
    "fine_stride": 0,
    "residual_detail": 0.5,
    "plateau": 0.1,
    "changes": "1:strength=70",
    "backbone": "vgg16",
    "weights": "full",
    "pooling": "max",
    "padding": "zeros",
    "smoothing": "none",
    "normalization": "paper",
}


def paint(photo, style, **settings) -> np.ndarray:
    return impasto.stylize(photo, style, "instant", **{"size": 64} | settings).pixels


def test_every_setting_either_acts_or_is_known_to_have_no_effect():
    assert set(OTHER_VALUES) == set(FIELDS) - INSTANT_SETTINGS


@pytest.mark.parametrize("name", OTHER_VALUES)
def test_a_setting_without_effect_is_refused_by_its_name(name):
    with pytest.raises(impasto.InputError, match=f"^{name} has no effect with the method instant"):
        resolve("instant", {name: OTHER_VALUES[name]})


def test_another_preset_is_refused_by_what_it_sets():
    with pytest.raises(impasto.InputError, match=r"^style_weight has no effect"):
        resolve("bold", {"method": "instant"})


def test_bf16_is_refused_and_fp32_is_used():
    assert Recipe(method="instant").hardware.precision == "fp32"
    with pytest.raises(impasto.InputError, match="computes in fp32"):
        resolve("instant", {"precision": "bf16"})


def test_a_recipe_is_written_as_a_command_and_read_back():
    recipe = resolve("Instant", {"strength": 30})
    assert recipe.as_command("photo.jpg", "night") == "impasto photo.jpg night --method instant --strength 30"
    assert Recipe(**recipe.to_dict()) == recipe


def test_the_picture_is_that_of_the_network(photo, painting):
    large = np.repeat(np.repeat(photo, 8, 0), 8, 1)  # 512 x 384, which is painted as it is
    found = impasto.stylize(large, painting, "instant", style_margin=0.0)
    assert found.steps == 1
    assert found.losses["total"] == []
    networks, style = load_networks(), resize(painting, 256, 293)
    content, seen = (torch.tensor(one.transpose(2, 0, 1)[None]) for one in (large, style))
    expected = networks.transformer(content, networks.predictor(seen))[0].permute(1, 2, 0).numpy()
    np.testing.assert_allclose(found.pixels, expected, atol=1e-3)


def test_strength_goes_from_the_photo_over_the_style_beyond(photo, painting):
    pictures = [paint(photo, painting, strength=strength) for strength in (0.0, 25.0, 50.0, 100.0)]
    np.testing.assert_allclose(pictures[0], photo, atol=1e-5)
    distances = [float(np.square(picture - photo).mean()) for picture in pictures]
    assert distances[0] < distances[1] < distances[2]
    assert not np.allclose(pictures[2], pictures[3])


def test_a_mix_of_one_style_alone_is_that_style(photo, painting):
    mixed = paint(photo, [painting, "night"], style_mix=(1.0, 0.0))
    np.testing.assert_allclose(mixed, paint(photo, painting), atol=1e-6)
    between = paint(photo, [painting, "night"], style_mix=(1.0, 1.0))
    assert not np.allclose(between, mixed, atol=0.05)


def test_color_photo_keeps_the_chroma_of_the_photo(photo, painting):
    found = paint(photo, painting, color="photo")
    own, other = to_oklab(photo)[..., 1:], to_oklab(paint(photo, painting))[..., 1:]
    distance = [float(np.abs(to_oklab(found)[..., 1:] - chroma).mean()) for chroma in (own, other)]
    assert distance[0] < 0.3 * distance[1]


def test_luminance_without_color_is_gray(photo, painting):
    found = paint(photo, painting, color="luminance", color_strength=0.0)
    np.testing.assert_allclose(np.ptp(found, axis=2), 0, atol=1e-4)


def test_match_differs_from_the_style_s_own_colors(photo, painting):
    red = painting * np.array([1.0, 0.2, 0.1], np.float32)
    found, plain = paint(photo, red, color="match"), paint(photo, red)
    means = [np.abs(picture.mean((0, 1)) - photo.mean((0, 1))).max() for picture in (found, plain)]
    assert means[0] < 0.5 * means[1]


def test_a_region_is_painted_as_the_whole_picture_in_its_style_would_be(photo, painting):
    mask = np.zeros((48, 64), np.float32)
    mask[:, :30] = 1
    regions = [impasto.Region(mask, painting), impasto.Region(1 - mask, "keep")]
    found = paint(photo, [], regions=regions)
    np.testing.assert_allclose(found[:, :28], paint(photo, painting)[:, :28], atol=1e-5)
    np.testing.assert_allclose(found[:, 32:], photo[:, 32:], atol=1e-5)


def test_larger_strokes_leave_less_detail(photo, painting):
    large = np.random.default_rng(0).random((192, 256, 3)).astype(np.float32)
    detail = [
        float(np.abs(np.diff(paint(large, painting, size=256, style_scale=scale), axis=1)).mean()) for scale in (1, 4)
    ]
    assert detail[1] < 0.6 * detail[0]


def test_two_sizes_of_strokes_are_refused(photo, painting):
    with pytest.raises(impasto.InputError, match="style_scale is one number with the method instant"):
        paint(photo, [painting, "night"], style_scale=(1.0, 2.0))


def test_too_small_and_too_large_results_are_refused_in_one_line(photo, painting):
    with pytest.raises(impasto.InputError, match="needs 16 px on each side"):
        paint(np.full((20, 2000, 3), 0.5), painting, size=1000)
    with pytest.raises(impasto.InputError, match="choose a smaller --size, such as"):
        paint(np.full((900, 1200, 3), 0.5), painting, size="photo", max_memory="100MB")


def test_the_same_call_repeats_and_the_metadata_paint_it_again(photo, painting, tmp_path):
    first = impasto.stylize(photo, painting, "instant", size=64)
    first.save(tmp_path / "first.png")
    again = impasto.stylize(photo, painting, Recipe(**first.metadata["recipe"]))
    np.testing.assert_array_equal(again.pixels, first.pixels)
    assert first.metadata["weights"]["name"].startswith("Magenta")
    assert first.metadata["figures"] == {"steps": 1}


def test_a_session_paints_by_both_methods(photo, painting):
    session = impasto.Session(painting, **QUICK)
    optimized = session.stylize(photo)
    instant = session.stylize(photo, recipe=resolve("instant", {"size": 48}))
    assert (optimized.steps, instant.steps) == (4, 1)


def test_a_run_that_was_stopped_before_it_painted_continues_to_the_same_picture(photo, painting, tmp_path):
    started = []

    def stop(event: impasto.Event) -> None:
        if isinstance(event, impasto.LevelStarted):
            started.append(event)
            raise RuntimeError("the process dies")

    with pytest.raises(RuntimeError, match="dies"):
        impasto.stylize(photo, painting, "instant", size=64, run=tmp_path / "run", on_event=stop)
    finished = impasto.resume(tmp_path / "run").wait()
    assert len(started) == finished.steps == 1
    np.testing.assert_array_equal(quantize(finished.pixels), quantize(paint(photo, painting)))


def test_an_estimate_needs_no_measured_speed(photo, painting):
    estimate = impasto.Session().estimate(photo, painting, "instant", size=64)
    assert (estimate.steps, estimate.size) == (1, (64, 48))
    assert 0 < estimate.seconds < 60
    assert "1 step:" in str(estimate)


def test_a_preview_has_the_pictures_of_the_method_and_the_photo_first(photo, painting):
    sheet = impasto.preview(photo, [painting, "night"], size=64)
    np.testing.assert_allclose(sheet.pictures[0], paint(photo, painting), atol=1e-6)
    np.testing.assert_allclose(sheet.pixels[8:56, 8:72], photo, atol=1e-3)
    assert sheet.pixels.shape[1] == 8 + 3 * (64 + 8)


def test_a_preview_of_no_style_is_refused(photo):
    with pytest.raises(impasto.InputError, match="styles is empty"):
        impasto.preview(photo, [])

"""The photo matched with the styles: colors of the start, importance of the style's places, regions."""

import numpy as np
import pytest
import torch
from tests.api.conftest import start_and

import impasto
from impasto.images import demo_photo, plate_path, read_picture, resize
from impasto.painting import CanvasRegion, Level, Scene, StyleImage
from impasto.painting.matching import match_scene, matched_parts

LEVEL = Level(width=96, height=64, steps=1, above=0)


def stripes(height: int, width: int, period: int) -> np.ndarray:
    values = (np.arange(width) // period % 2).astype(np.float32)
    return np.repeat(np.broadcast_to(values, (height, width))[:, :, None], 3, axis=2).copy()


def flat(height: int, width: int, color: tuple[float, float, float]) -> np.ndarray:
    return np.broadcast_to(np.array(color, dtype=np.float32), (height, width, 3)).copy()


@pytest.fixture
def extractor(make_extractor):
    return make_extractor(("conv2_1", "conv3_1", "conv3_3"))


@pytest.fixture
def scene() -> Scene:
    """A photo of stripes beside a flat ground, a style of stripes in red above a blue ground."""
    photo = np.concatenate([stripes(64, 48, 4), flat(64, 48, (0.5, 0.5, 0.5))], axis=1)
    style = np.concatenate([stripes(48, 96, 4) * (1, 0.1, 0.1), flat(48, 96, (0.1, 0.1, 0.9))], axis=0)
    return Scene(content=photo, regions=(CanvasRegion(styles=(StyleImage(pixels=style.astype(np.float32)),)),))


def test_places_get_the_colors_of_the_places_that_they_resemble(scene, extractor):
    colored = match_scene(scene, extractor, [LEVEL], strength=1.0).recolored
    assert colored.shape == scene.content.shape
    stripes_, ground = colored[8:-8, 8:40].mean(axis=(0, 1)), colored[8:-8, 56:88].mean(axis=(0, 1))
    assert stripes_[0] > stripes_[2]
    assert ground[2] > ground[0] + 0.3


def test_flat_places_get_the_colors_of_flat_places_that_lie_alike(extractor):
    noise = 0.02 * np.random.default_rng(1).standard_normal((64, 96, 1), dtype=np.float32)
    red, blue = flat(64, 48, (0.8, 0.3, 0.3)), flat(64, 48, (0.3, 0.3, 0.8))  # of one lightness
    style = StyleImage(pixels=np.concatenate([red, blue], axis=1) + noise)
    photo = flat(64, 96, (0.5, 0.5, 0.5)) + noise[:, ::-1]
    scene = Scene(content=photo, regions=(CanvasRegion(styles=(style,)),))
    colored = match_scene(scene, extractor, [LEVEL], strength=1.0).recolored
    redness = colored[..., 0] - colored[..., 2]
    assert redness[:, :36].mean() > redness[:, 60:].mean() + 0.1


def test_a_part_of_the_style_counts_by_how_much_of_the_photo_resembles_it(scene, extractor):
    # A photo of nothing but flat ground needs the flat half of the style.
    ground = Scene(content=flat(64, 96, (0.5, 0.5, 0.5)) + 0.02 * stripes(64, 96, 24), regions=scene.regions)
    (style,) = match_scene(ground, extractor, [LEVEL], strength=1.0).regions[0].styles
    assert style.importance.shape == style.pixels.shape[:2]
    assert style.importance.min() > 0
    assert style.importance.max() <= 1
    half = style.importance.shape[0] // 2
    assert style.importance[half + 8 :].mean() > 1.5 * style.importance[: half - 8].mean()


def test_how_much_places_count_is_kept_from_the_first_frame_of_a_film(scene, extractor):
    (first,) = match_scene(scene, extractor, [LEVEL], strength=1.0).regions[0].styles
    later = Scene(content=scene.content[:, ::-1].copy(), regions=(CanvasRegion(styles=(first,)),))
    (style,) = match_scene(later, extractor, [LEVEL], strength=1.0).regions[0].styles
    assert style.importance is first.importance
    assert not torch.equal(style.matches.places, first.matches.places)


def test_the_colors_have_the_contrast_of_the_places_that_they_are_averages_of(extractor):
    photo = resize(read_picture(demo_photo()).pixels, 96, 64)
    style = resize(read_picture(plate_path("night")).pixels, 96, 76)
    scene = Scene(content=photo, regions=(CanvasRegion(styles=(StyleImage(pixels=style),)),))
    matched = match_scene(scene, extractor, [LEVEL], strength=1.0)
    matches = matched.regions[0].styles[0].matches
    palette = torch.from_numpy(resize(style, *matches.style_grid[::-1])).permute(2, 0, 1)[None]
    counts = matches.counts(torch.ones(matches.photo_grid[0] * matches.photo_grid[1]))[0, 0].numpy()
    averages = matches.average(palette)[0].numpy().std(axis=(1, 2)).mean()
    spread = np.sqrt(np.cov(palette[0].flatten(1).numpy(), aweights=counts.ravel()).diagonal()).mean()
    found = resize(matched.recolored, *matches.photo_grid[::-1]).std(axis=(0, 1)).mean()
    assert 1.08 * averages < found < spread


def test_strength_0_changes_neither_colors_nor_importance(scene, extractor):
    matched = match_scene(scene, extractor, [LEVEL], strength=0.0)
    np.testing.assert_allclose(matched.recolored, scene.recolored, atol=1e-6)
    importance = matched.regions[0].styles[0].importance
    assert np.ptp(importance) < 1e-6


def test_what_is_kept_keeps_its_colors(scene, extractor):
    mask = np.zeros((64, 96), dtype=np.float32)
    mask[:, 48:] = 1
    region = CanvasRegion(styles=scene.regions[0].styles, mask=mask)
    matched = match_scene(Scene(content=scene.content, regions=(region,)), extractor, [LEVEL], strength=1.0)
    np.testing.assert_allclose(matched.at(LEVEL).recolored[8:-8, 8:32], scene.content[8:-8, 8:32], atol=0.05)


def test_what_a_style_mask_hides_is_matched_with_nothing(scene, extractor):
    (style,) = scene.regions[0].styles
    mask = np.zeros(style.pixels.shape[:2], dtype=np.float32)
    mask[: len(mask) // 2] = 1
    hidden = StyleImage(pixels=style.pixels, mask=mask)
    matched = match_scene(
        Scene(content=scene.content, regions=(CanvasRegion(styles=(hidden,)),)), extractor, [LEVEL], strength=1.0
    )
    places = matched.regions[0].styles[0].matches.places
    height, width = matched.regions[0].styles[0].matches.style_grid
    assert int(places.max()) // width <= height // 2


def test_hidden_pixels_of_a_style_change_nothing_far_from_the_edge(scene, extractor):
    (style,) = scene.regions[0].styles
    mask = np.zeros(style.pixels.shape[:2], dtype=np.float32)
    mask[: len(mask) // 2] = 1
    found = []
    for value in (0.0, 1.0):
        pixels = style.pixels.copy()
        pixels[len(mask) // 2 + 12 :] = value  # the filters see 12 px beyond the edge at least
        hidden = CanvasRegion(styles=(StyleImage(pixels=pixels, mask=mask),))
        found.append(match_scene(Scene(content=scene.content, regions=(hidden,)), extractor, [LEVEL], strength=1.0))
    np.testing.assert_allclose(found[0].recolored, found[1].recolored, atol=0.05)


def test_what_is_kept_is_the_photo_at_any_strength(scene, extractor):
    mask = np.zeros((64, 96), dtype=np.float32)
    mask[:, 48:] = 1
    region = CanvasRegion(styles=scene.regions[0].styles, mask=mask)
    for strength in (0.1, 0.5, 1.0):
        matched = match_scene(Scene(content=scene.content, regions=(region,)), extractor, [LEVEL], strength=strength)
        np.testing.assert_allclose(matched.recolored[:, :48], scene.content[:, :48], atol=1e-5)


def test_every_region_is_matched_with_its_own_style(scene, extractor):
    left = np.zeros((64, 96), dtype=np.float32)
    left[:, :48] = 1
    upper, lower = (StyleImage(pixels=part) for part in np.split(scene.regions[0].styles[0].pixels, 2))
    regions = (CanvasRegion(styles=(lower,), mask=left), CanvasRegion(styles=(upper,), mask=1 - left))
    colored = match_scene(Scene(content=scene.content, regions=regions), extractor, [LEVEL], strength=1.0).recolored
    assert colored[8:-8, 8:40].mean(axis=(0, 1))[2] > 0.6  # the stripes of the photo, from the blue ground
    assert colored[8:-8, 56:88].mean(axis=(0, 1))[2] < 0.4  # the ground, from the red stripes


def test_a_photo_of_one_color_is_not_matched(scene, extractor):
    plain = Scene(content=flat(64, 96, (0.4, 0.5, 0.6)), regions=scene.regions)
    assert match_scene(plain, extractor, [LEVEL], strength=1.0) is plain


@pytest.mark.parametrize("size", [(40, 400), (400, 40), (33, 33)])
def test_odd_shapes_are_matched(extractor, photo, painting, size):
    content = resize(photo, *size)
    level = Level(width=size[0], height=size[1], steps=1, above=0)
    scene = Scene(content=content, regions=(CanvasRegion(styles=(StyleImage(pixels=painting, margin=0.03),)),))
    matched = match_scene(scene, extractor, [level], strength=1.0)
    assert matched.recolored.shape == content.shape
    assert np.isfinite(matched.recolored).all()


def test_a_panorama_too_narrow_to_be_reduced_is_painted(photo, painting):
    wide = resize(photo, 800, 24)
    result = impasto.stylize(wide, painting, size=800, levels=1, steps=1, precision="fp32")
    assert result.pixels.shape == (24, 800, 3)


def test_a_recipe_without_layers_is_painted(photo, painting):
    losses = {"style_losses": "gradient_energy=1", "content_losses": "laplacian=1"}
    assert impasto.stylize(photo, painting, size=48, steps=2, **losses).steps == 2


def test_a_run_whose_strength_changed_is_resumed_to_the_same_picture(photo, painting, tmp_path):
    fields = {"size": 48, "steps": 12, "precision": "fp32", "device": "cpu"}

    def change(run, step):
        if step.step == 4:
            run.change(strength=20)

    def change_and_stop(run, step):
        change(run, step)
        if step.step == 8:
            run.stop()

    whole = start_and(change, photo, painting, run=tmp_path / "whole", **fields).wait()
    start_and(change_and_stop, photo, painting, run=tmp_path / "stopped", **fields).wait()
    np.testing.assert_array_equal(impasto.resume(tmp_path / "stopped").wait().pixels, whole.pixels)


def test_strength_0_still_returns_the_photo(photo, painting):
    result = impasto.stylize(photo, painting, size=64, steps=10, strength=0, precision="fp32")
    assert np.abs(result.pixels - resize(photo, *result.pixels.shape[1::-1])).mean() < 2 / 255


def test_two_styles_mix_their_local_statistics(photo, painting):
    fields = {"size": 48, "steps": 2, "precision": "fp32"}
    one = impasto.stylize(photo, painting, **fields).pixels
    twice = impasto.stylize(photo, [painting, painting], **fields).pixels
    assert np.abs(one - twice).max() < 2 / 255


def test_regions_are_painted_with_their_own_matches(photo, painting):
    mask = np.zeros(photo.shape[:2], dtype=np.float32)
    mask[:, : mask.shape[1] // 2] = 1
    region = impasto.Region(mask=np.repeat(mask[:, :, None], 3, axis=2), style=painting)
    result = impasto.stylize(photo, painting[::-1].copy(), regions=[region], size=64, steps=3, precision="fp32")
    assert torch.isfinite(torch.from_numpy(result.pixels)).all()
    assert result.losses["total"][-1] < result.losses["total"][0]


def test_the_parts_of_a_photo_match_the_places_of_the_style_that_look_alike(scene, extractor):
    (style,) = scene.regions[0].styles
    masks, matches = matched_parts(scene.content, style.pixels, extractor, count=2)
    assert masks.shape == (2, 64, 96)
    np.testing.assert_allclose(masks.sum(axis=0), 1, atol=1e-6)
    striped = int(masks[:, 8:-8, 8:40].mean(axis=(1, 2)).argmax())
    assert masks[striped, 8:-8, 8:40].mean() > 0.9
    assert masks[1 - striped, 8:-8, 56:88].mean() > 0.9
    top, bottom = matches[:, 8:40].mean(axis=(1, 2)), matches[:, 56:88].mean(axis=(1, 2))
    assert top[striped] > 3 * top[1 - striped]
    assert bottom[1 - striped] > 3 * bottom[striped]


def test_parts_match_nothing_that_a_style_mask_hides(scene, extractor):
    (style,) = scene.regions[0].styles
    mask = np.zeros(style.pixels.shape[:2], dtype=np.float32)
    mask[: len(mask) // 2] = 1
    _, matches = matched_parts(scene.content, style.pixels, extractor, count=2, used=mask)
    assert matches[:, 64:].max() == 0
    assert matches[:, :32].max() > 0.1

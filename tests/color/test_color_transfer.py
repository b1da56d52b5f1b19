"""Color transfer against its definition: mean, covariance and distribution are those of the style."""

from typing import get_args

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from impasto.color import Colors, colors_of, lightness_only, mixed_colors, recolor
from impasto.color.oklab import take_chroma
from impasto.recipe import ColorMap

every_map = pytest.mark.parametrize("how", get_args(ColorMap))


def soft_picture(seed: int, size: int = 24) -> np.ndarray:
    """Colors well inside the range, so that nothing is clipped."""
    generator = np.random.default_rng(seed)
    axes, _ = np.linalg.qr(generator.normal(size=(3, 3)))
    mixing = np.diag(generator.uniform(0.02, 0.05, size=3)) @ axes
    return (0.5 + generator.normal(size=(size, size, 3)) @ mixing).astype(np.float32)


@pytest.mark.parametrize("how", ["transport", "cholesky"])
@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_the_recolored_photo_has_the_mean_and_covariance_of_the_style(how, seed):
    photo, style = soft_picture(seed), soft_picture(seed + 1)
    painted = recolor(photo, style, how).reshape(-1, 3).astype(float)
    colors = style.reshape(-1, 3).astype(float)
    np.testing.assert_allclose(painted.mean(axis=0), colors.mean(axis=0), atol=2e-3)
    np.testing.assert_allclose(np.cov(painted.T), np.cov(colors.T), atol=3e-4)


@every_map
def test_recoloring_a_photo_by_itself_changes_nothing(how):
    photo = soft_picture(3)
    np.testing.assert_allclose(recolor(photo, photo, how), photo, atol=1e-4)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_every_channel_of_a_histogram_match_has_the_distribution_of_the_style(seed):
    photo, style = soft_picture(seed), soft_picture(seed + 1, 31) ** 2
    painted = recolor(photo, style, "histogram")
    for channel in range(3):
        ranks = np.linspace(0.02, 0.98, 25)
        found, wanted = (np.quantile(p[..., channel], ranks) for p in (painted, style))
        np.testing.assert_allclose(found, wanted, atol=4e-3)
        order = np.argsort(photo[..., channel], axis=None)
        assert (np.diff(painted[..., channel].ravel()[order]) >= 0).all()


def test_equal_colors_stay_equal():
    photo = np.repeat(np.array([[[0.2, 0.4, 0.6]], [[0.7, 0.1, 0.3]]], dtype=np.float32), 5, axis=1)
    painted = recolor(photo, soft_picture(1), "histogram")
    assert (painted == painted[:, :1]).all()


GRAY = np.repeat(soft_picture(1)[..., :1], 3, axis=2)
FLAT = np.full((8, 8, 3), 0.25, dtype=np.float32)
ONE_PIXEL = np.zeros((24, 24), dtype=np.float32)
ONE_PIXEL[3, 4] = 0.01


@every_map
@pytest.mark.parametrize(
    ("photo", "style", "where"),
    [
        (GRAY, soft_picture(2), None), (soft_picture(2), GRAY, None), (FLAT, GRAY, None), (GRAY, FLAT, None),
        (FLAT, FLAT, None), (soft_picture(1), soft_picture(2), ONE_PIXEL),
        (soft_picture(1), colors_of(soft_picture(2), ONE_PIXEL), None),
    ],
)  # fmt: skip
def test_pictures_of_few_colors_stay_finite_and_in_range(how, photo, style, where):
    painted = recolor(photo, style, how, where=where)
    assert np.isfinite(painted).all()
    assert painted.min() >= 0
    assert painted.max() <= 1


def test_the_transport_map_is_symmetric_and_positive_definite():
    # As the optimal linear map between two Gaussians is.
    photo, style = soft_picture(5, 64), soft_picture(6, 64)
    before, after = photo.reshape(-1, 3).astype(float), recolor(photo, style).reshape(-1, 3).astype(float)
    linear, *_ = np.linalg.lstsq(before - before.mean(axis=0), after - after.mean(axis=0), rcond=None)
    np.testing.assert_allclose(linear, linear.T, atol=1e-2)
    assert np.linalg.eigvalsh((linear + linear.T) / 2).min() > 0


@every_map
def test_a_color_of_weight_2_counts_twice(how):
    photo, style = soft_picture(1, 12), soft_picture(2, 10)
    weights = np.random.default_rng(4).integers(0, 4, size=100).astype(np.float32)
    weighted = Colors(style.reshape(-1, 3), weights)
    repeated = style.reshape(-1, 3).repeat(weights.astype(int), axis=0)[None]
    # Ranks of repeated pixels go up in small steps where one weighted pixel has one rank.
    atol = 3e-2 if how == "histogram" else 1e-5
    np.testing.assert_allclose(recolor(photo, weighted, how), recolor(photo, repeated, how), atol=atol)


@every_map
def test_a_position_of_the_photo_of_weight_2_counts_twice(how):
    photo, style = soft_picture(1, 12), soft_picture(2, 20)
    weights = np.random.default_rng(4).integers(1, 4, size=144)
    rows = photo.reshape(-1, 3)
    found = recolor(photo, style, how, where=weights.reshape(12, 12).astype(np.float32)).reshape(-1, 3)
    expected = recolor(rows.repeat(weights, axis=0)[None], style, how)[0]
    np.testing.assert_allclose(found.repeat(weights, axis=0), expected, atol=1e-5)


@every_map
def test_positions_of_weight_0_have_no_influence_on_the_others(how):
    photo, style = soft_picture(1, 16), soft_picture(2, 16)
    where = np.zeros((16, 16), dtype=np.float32)
    where[:, :9] = 1
    changed = photo.copy()
    changed[:, 9:] = 0.9
    plain = recolor(np.ascontiguousarray(photo[:, :9]), style, how)
    for picture in (photo, changed):
        np.testing.assert_allclose(recolor(picture, style, how, where=where)[:, :9], plain, atol=1e-5)


@every_map
def test_equal_weights_change_nothing(how):
    photo, style = soft_picture(1, 16), soft_picture(2, 17)
    plain = recolor(photo, style, how)
    ones = np.ones((16, 16), dtype=np.float32)
    np.testing.assert_allclose(recolor(photo, style, how, where=ones), plain, atol=1e-5)
    weighted = colors_of(style, np.full((17, 17), 0.3, dtype=np.float32))
    np.testing.assert_allclose(recolor(photo, weighted, how), plain, atol=1e-5)


@every_map
def test_two_pictures_of_one_size_in_equal_shares_count_like_one(how):
    photo, first, second = soft_picture(1, 16), soft_picture(2, 12), soft_picture(3, 12) * 0.8
    mixed = mixed_colors([colors_of(first), colors_of(second)], [0.5, 0.5])
    joined = np.concatenate([first, second])
    np.testing.assert_allclose(recolor(photo, mixed, how), recolor(photo, joined, how), atol=1e-5)


def test_a_share_does_not_depend_on_the_size_of_the_picture_or_of_its_mask():
    dark, light = np.full((30, 30, 3), 0.2, dtype=np.float32), np.full((5, 5, 3), 0.8, dtype=np.float32)
    masked = colors_of(dark, np.eye(30, dtype=np.float32) * 0.1)
    for first in (colors_of(dark), masked):
        mixed = mixed_colors([first, colors_of(light)], [0.75, 0.25])
        assert mixed.weights.sum() == pytest.approx(1)
        assert mixed.weights @ mixed.pixels[:, 0] == pytest.approx(0.35)


def test_one_picture_alone_is_not_copied():
    colors = colors_of(soft_picture(1))
    assert mixed_colors([colors], [1.0]) is colors


def test_a_flat_part_of_a_photo_is_not_stretched_until_its_noise_is_visible():
    generator = np.random.default_rng(6)
    photo = (0.5 + generator.normal(0, 1.5 / 255, (40, 40, 3))).astype(np.float32)
    style = generator.random((40, 40, 3)).astype(np.float32)
    part = recolor(photo, style, where=np.ones((40, 40), dtype=np.float32))
    assert photo.std() < part.std() < 4.5 * photo.std()
    np.testing.assert_allclose(part.mean(axis=(0, 1)), style.mean(axis=(0, 1)), atol=0.01)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("how", ["transport", "cholesky"])
def test_a_large_photo_gets_the_same_colors_strip_by_strip(how, weighted, monkeypatch):
    photo, style = (np.random.default_rng(seed).random((40, 30, 3), dtype=np.float32) for seed in (1, 2))
    where = photo[..., 0] if weighted else None
    expected = recolor(photo, style, how, where=where)
    monkeypatch.setattr("impasto.images.geometry._STRIP", 100)
    np.testing.assert_allclose(recolor(photo, style, how, where=where), expected, atol=1e-6)


def test_lightness_and_chroma_are_taken_strip_by_strip(monkeypatch):
    painted, photo = (np.random.default_rng(seed).random((40, 30, 3), dtype=np.float32) for seed in (1, 2))
    expected = take_chroma(painted, photo, painted[..., 0]), lightness_only(photo)
    monkeypatch.setattr("impasto.images.geometry._STRIP", 100)
    np.testing.assert_array_equal(take_chroma(painted, photo, painted[..., 0]), expected[0])
    np.testing.assert_array_equal(lightness_only(photo), expected[1])

"""Colour matching against the definition: mean and covariance are the style's."""

from typing import get_args

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from impasto.control import recolor
from impasto.recipe import ColorMap


def soft_picture(seed: int, size: int = 24) -> np.ndarray:
    """Colours well inside the range, so that nothing is clipped."""
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


@pytest.mark.parametrize("how", get_args(ColorMap))
def test_a_photo_in_its_own_colours_stays_as_it_is(how):
    photo = soft_picture(3)
    np.testing.assert_allclose(recolor(photo, photo, how), photo, atol=1e-4)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_every_channel_of_a_histogram_match_has_the_styles_distribution(seed):
    photo, style = soft_picture(seed), soft_picture(seed + 1, 31) ** 2
    painted = recolor(photo, style, "histogram")
    for channel in range(3):
        shares = np.linspace(0.02, 0.98, 25)
        found, wanted = (np.quantile(p[..., channel], shares) for p in (painted, style))
        np.testing.assert_allclose(found, wanted, atol=4e-3)
        order = np.argsort(photo[..., channel], axis=None)
        assert (np.diff(painted[..., channel].ravel()[order]) >= 0).all()


def test_equal_colours_stay_equal():
    photo = np.repeat(np.array([[[0.2, 0.4, 0.6]], [[0.7, 0.1, 0.3]]], dtype=np.float32), 5, axis=1)
    painted = recolor(photo, soft_picture(1), "histogram")
    assert (painted == painted[:, :1]).all()


def test_black_and_white_photos_and_styles_stay_finite_and_in_the_gamut():
    grey = np.repeat(soft_picture(1)[..., :1], 3, axis=2)
    flat = np.full((8, 8, 3), 0.25, dtype=np.float32)
    for photo, style in ((grey, soft_picture(2)), (soft_picture(2), grey), (flat, grey), (grey, flat), (flat, flat)):
        for how in get_args(ColorMap):
            painted = recolor(photo, style, how)
            assert np.isfinite(painted).all()
            assert painted.min() >= 0
            assert painted.max() <= 1


def test_the_map_is_the_one_that_moves_colours_least():
    # Between two Gaussians the optimal linear map is symmetric and positive definite.
    photo, style = soft_picture(5, 64), soft_picture(6, 64)
    before, after = photo.reshape(-1, 3).astype(float), recolor(photo, style).reshape(-1, 3).astype(float)
    linear, *_ = np.linalg.lstsq(before - before.mean(axis=0), after - after.mean(axis=0), rcond=None)
    np.testing.assert_allclose(linear, linear.T, atol=1e-2)
    assert np.linalg.eigvalsh((linear + linear.T) / 2).min() > 0

"""Colour matching against the definition: mean and covariance are the style's."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from impasto.control import recolor


def soft_picture(seed: int, size: int = 24) -> np.ndarray:
    """Colours well inside the range, so that nothing is clipped."""
    generator = np.random.default_rng(seed)
    axes, _ = np.linalg.qr(generator.normal(size=(3, 3)))
    mixing = np.diag(generator.uniform(0.02, 0.05, size=3)) @ axes
    return (0.5 + generator.normal(size=(size, size, 3)) @ mixing).astype(np.float32)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_the_recolored_photo_has_the_mean_and_covariance_of_the_style(seed):
    photo, style = soft_picture(seed), soft_picture(seed + 1)
    painted = recolor(photo, style).reshape(-1, 3).astype(float)
    colors = style.reshape(-1, 3).astype(float)
    np.testing.assert_allclose(painted.mean(axis=0), colors.mean(axis=0), atol=2e-3)
    np.testing.assert_allclose(np.cov(painted.T), np.cov(colors.T), atol=3e-4)


def test_a_photo_in_its_own_colours_stays_as_it_is():
    photo = soft_picture(3)
    np.testing.assert_allclose(recolor(photo, photo), photo, atol=1e-4)


def test_black_and_white_photos_and_styles_stay_finite_and_in_the_gamut():
    grey = np.repeat(soft_picture(1)[..., :1], 3, axis=2)
    flat = np.full((8, 8, 3), 0.25, dtype=np.float32)
    for photo, style in ((grey, soft_picture(2)), (soft_picture(2), grey), (flat, grey), (grey, flat), (flat, flat)):
        painted = recolor(photo, style)
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

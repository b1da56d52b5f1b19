"""OKLab against the published values, and colors that must stay inside the gamut."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from impasto.color.oklab import clip_chroma, lightness_only, match_lightness, take_chroma, to_oklab, to_srgb


def random_picture(seed: int, size: int = 16) -> np.ndarray:
    return np.random.default_rng(seed).random((size, size, 3)).astype(np.float32)


@pytest.mark.parametrize(
    ("color", "expected"),
    [
        ((0, 0, 0), (0, 0, 0)),
        ((1, 1, 1), (1, 0, 0)),
        ((1, 0, 0), (0.62796, 0.22486, 0.12585)),
        ((0, 1, 0), (0.86644, -0.23389, 0.17950)),
        ((0, 0, 1), (0.45201, -0.03246, -0.31153)),
    ],
)
def test_colors_have_the_published_values(color, expected):
    np.testing.assert_allclose(to_oklab(np.array(color, dtype=np.float64)), expected, atol=2e-5)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_the_conversion_there_and_back_changes_nothing(seed):
    picture = random_picture(seed)
    np.testing.assert_allclose(to_srgb(to_oklab(picture)), picture, atol=1e-6)
    np.testing.assert_allclose(clip_chroma(to_oklab(picture)), picture, atol=1e-5)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000), share=st.floats(0, 1))
def test_a_picture_with_the_chroma_of_another_keeps_its_lightness_and_its_range(seed, share):
    painted, photo = random_picture(seed), random_picture(seed + 1)
    mixed = take_chroma(painted, photo, share)
    assert mixed.min() >= 0
    assert mixed.max() <= 1
    np.testing.assert_allclose(to_oklab(mixed)[..., 0], to_oklab(painted)[..., 0], atol=2e-3)


def test_colors_outside_the_gamut_lose_chroma_and_keep_their_hue():
    lab = np.array([[0.9, 0.3, 0.1], [0.2, -0.2, 0.25], [0.5, 0.0, 0.0]])
    found = to_oklab(clip_chroma(lab))
    np.testing.assert_allclose(found[:, 0], lab[:, 0], atol=1e-3)
    chroma, wanted = np.hypot(found[:, 1], found[:, 2]), np.hypot(lab[:, 1], lab[:, 2])
    assert (chroma[:2] < wanted[:2]).all()
    hue = np.arctan2(found[:2, 2], found[:2, 1])
    np.testing.assert_allclose(hue, np.arctan2(lab[:2, 2], lab[:2, 1]), atol=1e-2)
    # As much is left as fits: one channel is at its limit.
    ends = np.minimum(clip_chroma(lab)[:2].min(axis=1), 1 - clip_chroma(lab)[:2].max(axis=1))
    assert (ends < 2e-3).all()


def test_inside_the_gamut_the_chroma_is_taken_from_the_photo():
    painted = np.full((4, 4, 3), 0.5, dtype=np.float32)
    photo = (0.45 + 0.1 * random_picture(3, 4)).astype(np.float32)
    np.testing.assert_allclose(to_oklab(take_chroma(painted, photo))[..., 1:], to_oklab(photo)[..., 1:], atol=1e-4)


def test_lightness_only_returns_a_gray_picture_of_the_same_lightness():
    picture = random_picture(5)
    gray = lightness_only(picture)
    assert np.ptp(gray, axis=2).max() < 1e-4
    np.testing.assert_allclose(to_oklab(gray)[..., 0], to_oklab(picture)[..., 0], atol=1e-3)


def test_a_style_gets_mean_and_deviation_of_the_lightness_of_the_photo():
    style, photo = random_picture(1), (0.4 + 0.2 * random_picture(2)).astype(np.float32)
    light, own = to_oklab(match_lightness(style, photo))[..., 0], to_oklab(photo)[..., 0]
    assert light.mean() == pytest.approx(own.mean(), abs=1e-3)
    assert light.std() == pytest.approx(own.std(), rel=1e-2)


def test_pictures_of_one_color_stay_finite():
    flat = np.full((4, 4, 3), 0.3, dtype=np.float32)
    for one, other in ((flat, random_picture(1, 4)), (random_picture(1, 4), flat), (flat, flat), (flat * 0, flat)):
        for picture in (match_lightness(one, other), take_chroma(one, other)):
            assert np.isfinite(picture).all()


def test_the_share_of_the_chroma_may_differ_by_position():
    painted, photo = (0.3 + 0.4 * random_picture(1)).astype(np.float32), random_picture(2)
    share = np.zeros((16, 16), dtype=np.float32)
    share[:, 8:], share[:8, 8:] = 1, 0.3
    found = take_chroma(painted, photo, share)
    for value in (0.0, 0.3, 1.0):
        everywhere = take_chroma(painted, photo, value)
        np.testing.assert_allclose(found[share == np.float32(value)], everywhere[share == np.float32(value)], atol=1e-5)


def test_lightness_is_matched_between_the_masked_parts():
    style, photo = random_picture(1), (0.4 + 0.2 * random_picture(2)).astype(np.float32)
    where, mask = np.zeros((16, 16), dtype=np.float32), np.zeros((16, 16), dtype=np.float32)
    where[:, :5], mask[:7] = 1, 1
    found = match_lightness(style, photo, where=where, mask=mask)
    light, own = to_oklab(found)[:7, :, 0], to_oklab(photo)[:, :5, 0]
    assert light.mean() == pytest.approx(own.mean(), abs=1e-3)
    assert light.std() == pytest.approx(own.std(), rel=1e-2)
    changed = photo.copy()
    changed[:, 5:] = 1
    np.testing.assert_array_equal(match_lightness(style, changed, where=where, mask=mask), found)
    ones = np.ones((16, 16), dtype=np.float32)
    plain = match_lightness(style, photo)
    np.testing.assert_allclose(match_lightness(style, photo, where=ones, mask=ones), plain, atol=1e-6)

"""Masks: white counts, hard edges get no halo, and normalized masks sum to 1 without gaps."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from impasto.errors import InputError
from impasto.images import mask_from_image, normalize_masks, read_picture, resize_mask


def mask_of(gray: np.ndarray, alpha: np.ndarray | None = None, name: str = "m.png") -> np.ndarray:
    """Return the mask of a picture of gray levels, 0 to 255, with or without transparency."""
    rgb = np.repeat(gray[:, :, None], 3, axis=2).astype(np.uint8)
    return mask_from_image(read_picture(rgb if alpha is None else np.dstack([rgb, alpha.astype(np.uint8)])), name)


def halves(height: int = 32, width: int = 48) -> np.ndarray:
    """Return a mask whose right half is white."""
    mask = np.zeros((height, width), dtype=np.float32)
    mask[:, width // 2 :] = 1
    return mask


def test_a_mask_is_as_high_as_its_picture_is_light():
    mask = mask_of(np.array([[0, 255, 128, 51]]))
    assert mask.dtype == np.float32
    np.testing.assert_allclose(mask, [[0, 1, 128 / 255, 0.2]], atol=1e-6)


def test_colors_count_by_the_mean_of_their_channels():
    red = np.zeros((4, 4, 3), dtype=np.uint8)
    red[..., 0] = 255
    np.testing.assert_allclose(mask_from_image(read_picture(red), "m.png"), 1 / 3, atol=1e-6)


def test_transparent_white_is_black():
    alpha = np.full((16, 16), 255)
    alpha[:, :8], alpha[:8, 8:] = 0, 128
    mask = mask_of(np.full((16, 16), 255), alpha)
    assert not mask[:, :8].any()
    np.testing.assert_allclose(mask[8:, 8:], 1, atol=1e-6)
    np.testing.assert_allclose(mask[:8, 8:], 128 / 255, atol=1e-6)


def test_traces_of_jpeg_compression_in_black_areas_are_black():
    assert mask_of(np.array([[0, 1, 2, 3, 200]])).astype(bool).tolist() == [[False, False, False, True, True]]


@pytest.mark.parametrize(("level", "alpha"), [(0, None), (1, None), (2, None), (255, np.zeros((8, 8)))])
def test_a_mask_without_anything_white_and_opaque_is_refused_by_its_name(level, alpha):
    with pytest.raises(InputError, match=r"^the mask sky\.png is empty"):
        mask_of(np.full((8, 8), level), alpha, "sky.png")


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 1000), hard=st.booleans(), sides=st.tuples(*[st.integers(1, 70)] * 4))
def test_a_resized_mask_has_the_wanted_size_and_values_from_0_to_1(seed, hard, sides):
    height, width, new_height, new_width = sides
    mask = np.random.default_rng(seed).random((height, width)).astype(np.float32)
    found = resize_mask(mask.round() if hard else mask, new_width, new_height)
    assert found.shape == (new_height, new_width)
    assert found.dtype == np.float32
    assert found.min() >= 0
    assert found.max() <= 1


@pytest.mark.parametrize("value", [0.0, 0.25, 1.0])
@pytest.mark.parametrize("size", [(5, 7), (48, 32), (131, 200)])
def test_a_mask_of_one_value_keeps_it(value, size):
    np.testing.assert_allclose(resize_mask(np.full((32, 48), value, dtype=np.float32), *size), value, atol=1e-6)


@pytest.mark.parametrize("size", [(24, 16), (17, 11), (200, 130), (96, 64)])
def test_a_hard_edge_gets_no_halo_and_rises_steadily(size):
    width, height = size
    found = resize_mask(halves(), width, height)
    assert (np.diff(found, axis=1) >= 0).all()
    np.testing.assert_allclose(found, found[:1].repeat(height, axis=0), atol=1e-6)
    away = max(2, -(-2 * width // 48))
    assert not found[:, : width // 2 - away].any()
    assert (found[:, width // 2 + away :] == 1).all()


@pytest.mark.parametrize("size", [(24, 16), (12, 8), (6, 4), (96, 64), (144, 96)])
def test_a_resized_mask_covers_the_same_share_of_the_picture(size):
    coarse = np.random.default_rng(3).random((4, 6)).round().repeat(8, axis=0).repeat(8, axis=1).astype(np.float32)
    assert resize_mask(coarse, *size).mean() == pytest.approx(coarse.mean(), abs=0.02)
    assert resize_mask(halves(), *size).mean() == pytest.approx(0.5, abs=1e-3)


@settings(max_examples=50, deadline=None)
@given(seed=st.integers(0, 1000), count=st.integers(1, 5), hard=st.booleans())
def test_normalized_masks_and_the_rest_sum_to_1_everywhere(seed, count, hard):
    generator = np.random.default_rng(seed)
    masks = [generator.random((7, 9)).astype(np.float32) for _ in range(count)]
    normalized, rest = normalize_masks([mask.round() for mask in masks] if hard else masks)
    # A rest that is nearly 0 is left out.
    np.testing.assert_allclose(np.sum([*normalized, rest], axis=0), 1, atol=2 / 255 + 1e-6)
    for part in (*normalized, rest):
        assert part.dtype == np.float32
        assert part.min() >= 0
        assert part.max() <= 1


@pytest.mark.parametrize(
    ("masks", "expected", "remaining"),
    [((1, 0.5), (2 / 3, 1 / 3), 0), ((0.25, 0.25), (0.25, 0.25), 0.5), ((0.3, 0.7), (0.3, 0.7), 0)],
    ids=["overlapping", "not filling", "meeting"],
)
def test_only_overlapping_masks_are_scaled_down(masks, expected, remaining):
    normalized, rest = normalize_masks([np.full((2, 2), mask, dtype=np.float32) for mask in masks])
    for mask, value in zip(normalized, expected, strict=True):
        np.testing.assert_allclose(mask, value, atol=1e-6)
    np.testing.assert_allclose(rest, remaining, atol=1e-6)

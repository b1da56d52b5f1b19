"""Masks: what is white counts, hard edges stay without a halo, and shares leave no gap."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from impasto.errors import InputError
from impasto.images import DecodedImage, mask_from_image, normalize_masks, read_picture, resize_mask


def painted(gray: np.ndarray, alpha: np.ndarray | None = None) -> DecodedImage:
    """Return a file's picture of some gray levels, 0 to 255, with or without transparency."""
    rgb = np.repeat(gray[:, :, None], 3, axis=2).astype(np.uint8)
    return read_picture(rgb if alpha is None else np.dstack([rgb, alpha.astype(np.uint8)]))


def halves(height: int = 32, width: int = 48) -> np.ndarray:
    """Return a mask whose right half is white."""
    mask = np.zeros((height, width), dtype=np.float32)
    mask[:, width // 2 :] = 1
    return mask


def test_a_mask_is_1_where_it_is_white_0_where_it_is_black_and_between_as_light_as_it_is():
    mask = mask_from_image(painted(np.array([[0, 255, 128, 51]])), "m.png")
    assert mask.dtype == np.float32
    np.testing.assert_allclose(mask, [[0, 1, 128 / 255, 0.2]], atol=1e-6)


def test_colors_count_by_the_mean_of_their_channels():
    red = np.zeros((4, 4, 3), dtype=np.uint8)
    red[..., 0] = 255
    np.testing.assert_allclose(mask_from_image(read_picture(red), "m.png"), 1 / 3, atol=1e-6)


def test_what_is_transparent_is_black_however_white_it_is():
    gray, alpha = np.full((16, 16), 255), np.full((16, 16), 255)
    alpha[:, :8], alpha[:8, 8:] = 0, 128
    mask = mask_from_image(painted(gray, alpha), "m.png")
    assert not mask[:, :8].any()
    np.testing.assert_allclose(mask[8:, 8:], 1, atol=1e-6)
    np.testing.assert_allclose(mask[:8, 8:], 128 / 255, atol=1e-6)


def test_traces_of_a_jpeg_in_black_areas_are_black():
    mask = mask_from_image(painted(np.array([[0, 1, 2, 3, 200]])), "m.png")
    assert not mask[0, :3].any()
    assert mask[0, 3:].all()


@pytest.mark.parametrize("level", [0, 1, 2])
def test_a_mask_without_anything_white_is_refused_by_its_name(level):
    with pytest.raises(InputError, match=r"^the mask sky\.png is empty"):
        mask_from_image(painted(np.full((8, 8), level)), "sky.png")


def test_a_white_mask_that_is_wholly_transparent_is_refused():
    with pytest.raises(InputError, match=r"the mask sky\.png is empty"):
        mask_from_image(painted(np.full((8, 8), 255), np.zeros((8, 8))), "sky.png")


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 1000), hard=st.booleans(), sides=st.tuples(*[st.integers(1, 70)] * 4))
def test_a_resized_mask_has_the_size_asked_for_and_values_from_0_to_1(seed, hard, sides):
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
def test_the_share_of_the_picture_that_is_masked_stays(size):
    generator = np.random.default_rng(3)
    coarse = generator.random((4, 6)).round().repeat(8, axis=0).repeat(8, axis=1).astype(np.float32)
    assert resize_mask(coarse, *size).mean() == pytest.approx(coarse.mean(), abs=0.02)
    assert resize_mask(halves(), *size).mean() == pytest.approx(0.5, abs=1e-3)


def test_the_same_size_gives_the_same_values():
    mask = np.random.default_rng(1).random((9, 5)).astype(np.float32)
    np.testing.assert_array_equal(resize_mask(mask, 5, 9), mask)


@settings(max_examples=50, deadline=None)
@given(seed=st.integers(0, 1000), count=st.integers(1, 5), hard=st.booleans())
def test_shares_and_what_is_left_sum_to_1_everywhere(seed, count, hard):
    generator = np.random.default_rng(seed)
    masks = [generator.random((7, 9)).astype(np.float32) for _ in range(count)]
    masks = [mask.round() for mask in masks] if hard else masks
    shares, rest = normalize_masks(masks)
    # What is hardly anything is left out.
    np.testing.assert_allclose(np.sum([*shares, rest], axis=0), 1, atol=2 / 255 + 1e-6)
    for part in (*shares, rest):
        assert part.dtype == np.float32
        assert part.min() >= 0
        assert part.max() <= 1


def test_where_masks_overlap_each_gives_way_in_proportion():
    one, half = np.ones((2, 2), dtype=np.float32), np.full((2, 2), 0.5, dtype=np.float32)
    (first, second), rest = normalize_masks([one, half])
    np.testing.assert_allclose(first, 2 / 3, atol=1e-6)
    np.testing.assert_allclose(second, 1 / 3, atol=1e-6)
    assert not rest.any()


def test_where_masks_do_not_fill_a_place_they_stay_as_they_are():
    quarter = np.full((2, 2), 0.25, dtype=np.float32)
    shares, rest = normalize_masks([quarter, quarter])
    for share in shares:
        np.testing.assert_array_equal(share, quarter)
    np.testing.assert_allclose(rest, 0.5, atol=1e-6)


def test_soft_edges_that_meet_leave_no_gap():
    ramp = np.linspace(0, 1, 11, dtype=np.float32)[None]
    shares, rest = normalize_masks([ramp, 1 - ramp])
    np.testing.assert_allclose(shares[0] + shares[1], 1, atol=1e-6)
    assert not rest.any()

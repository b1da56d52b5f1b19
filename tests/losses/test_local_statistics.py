"""Matched places and restyled features against plain loops and formulas."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from loss_inputs import random_map, seeded
from torch.nn.functional import normalize

from impasto.images import PLATES, plate_path, read_picture, resize
from impasto.losses import Matches, match, tonality
from impasto.losses.matching import LocalStatistics, agreement, interpolate_linearly, restyling_of


def restyle(photo, statistics, share):
    return restyling_of(photo, statistics, share)(photo)


def units(count: int, channels: int, seed: int) -> torch.Tensor:
    return normalize(torch.randn(count, channels, generator=seeded(seed)), dim=1)


def all_of(photo: tuple[int, int], style: tuple[int, int]) -> Matches:
    """Matches every place of the photo with all places of the style alike."""
    n, m = photo[0] * photo[1], style[0] * style[1]
    return Matches(torch.arange(m).expand(n, m), torch.full((n, m), 1 / m), photo, style)


def lightness_of(picture):
    return torch.from_numpy(resize(picture, 64, 64).mean(axis=2).ravel())


@settings(max_examples=20, deadline=None)
@given(n=st.integers(1, 40), m=st.integers(1, 60), seed=st.integers(0, 99))
def test_weights_sum_to_1_and_only_used_places_are_matched(n, m, seed):
    used = torch.randperm(m, generator=seeded(seed))[: 1 + m // 2]
    places, weights = match(units(n, 5, seed), units(m, 5, seed + 1), used)
    torch.testing.assert_close(weights.sum(dim=1), torch.ones(n))
    assert set(places.flatten().tolist()) <= set(used.tolist())
    assert all(len(set(row)) == len(row) for row in places.tolist())


def test_a_picture_is_matched_with_itself():
    vectors = units(50, 16, 0)
    order = torch.randperm(50, generator=seeded(1))
    places, _ = match(vectors, vectors[order], torch.arange(50))
    assert torch.equal(order[places[:, 0]], torch.arange(50))


def test_a_place_that_resembles_everything_is_not_matched_with_everything():
    # The hub is the mean of all; without a correction it is the best match of many.
    vectors = normalize(units(40, 32, 2) + 0.5 * units(1, 32, 3), dim=1)
    hub = normalize(vectors.mean(dim=0, keepdim=True), dim=1)
    noisy = normalize(vectors + units(40, 32, 4), dim=1)
    style = torch.cat([noisy, hub])
    plain = (vectors @ style.T).argmax(dim=1)
    places, _ = match(vectors, style, torch.arange(41))
    assert (places[:, 0] == 40).sum() < 0.8 * (plain == 40).sum()


def test_the_average_is_a_sum_over_the_matches():
    matches = Matches(*match(units(6, 4, 0), units(12, 4, 1), torch.arange(12)), (2, 3), (3, 4))
    values = random_map(5, 3, 4, seed=2)
    expected = np.zeros((6, 5))
    for place in range(6):
        for index, weight in zip(matches.places[place], matches.weights[place], strict=True):
            expected[place] += float(weight) * values[0, :, index // 4, index % 4].numpy()
    found = matches.average(values)
    assert found.shape == (1, 5, 2, 3)
    np.testing.assert_allclose(found[0].flatten(1).T, expected, atol=1e-6)


def test_counts_are_the_transpose_of_averages():
    # <photo, average(style)> = <counts(photo), style> for every pair of maps.
    matches = Matches(*match(units(6, 4, 0), units(12, 4, 1), torch.arange(12)), (2, 3), (3, 4))
    photo, style = torch.rand(6, generator=seeded(3)), random_map(1, 3, 4, seed=4).float()
    left = (photo * matches.average(style).flatten()).sum()
    torch.testing.assert_close(left, (matches.counts(photo) * style).sum())


def test_uniform_matches_give_the_mean_and_deviation_of_the_whole_style():
    # Adaptive instance normalization (Huang and Belongie 2017), after a ReLU.
    photo, style = random_map(4, 6, 8, seed=0).abs(), random_map(4, 3, 5, seed=1).abs()
    statistics = LocalStatistics.of(style, (3, 5)).matched(all_of((6, 8), (3, 5)))
    own, other = (maps[0].flatten(1).numpy() for maps in (photo, style))
    scaled = (own - own.mean(axis=1, keepdims=True)) / own.std(axis=1, keepdims=True)
    expected = (scaled * other.std(axis=1, keepdims=True) + other.mean(axis=1, keepdims=True)).clip(0)
    np.testing.assert_allclose(restyle(photo, statistics, 1.0)[0].flatten(1).numpy(), expected, rtol=0.01, atol=0.01)


def test_a_share_lies_between_the_photo_and_the_restyled_features():
    photo = random_map(4, 6, 8, seed=0).abs()
    statistics = LocalStatistics.of(random_map(4, 3, 5, seed=1).abs() + 5, (3, 5)).matched(all_of((6, 8), (3, 5)))
    none, half, all_ = (restyle(photo, statistics, share) for share in (0.0, 0.5, 1.0))
    torch.testing.assert_close(none, photo)
    torch.testing.assert_close(half, (none + all_) / 2, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("size", [(3, 4), (6, 8), (13, 19)])
def test_features_keep_size_and_number_format(size):
    photo = random_map(4, *size, seed=0).abs().to(torch.bfloat16)
    moved = restyle(photo, LocalStatistics.of(random_map(4, 3, 5, seed=1), (3, 5)).matched(all_of((6, 8), (3, 5))), 1.0)
    assert moved.shape == photo.shape
    assert moved.dtype == photo.dtype
    assert torch.isfinite(moved).all()
    assert bool((moved >= 0).all())


def test_places_count_by_the_variance_of_their_matches():
    # The left half of the style is paper, the right half varies; each half of the photo matches one of them.
    style = torch.zeros(1, 3, 4, 8)
    style[..., 4:] = random_map(3, 4, 4, seed=0).float()
    grid = torch.arange(32).reshape(4, 8)
    places = torch.cat([half.flatten().expand(4, 1, 16) for half in (grid[:, :4], grid[:, 4:])], dim=1).reshape(8, 16)
    matches = Matches(places, torch.full((8, 16), 1 / 16), (4, 2), (4, 8))
    found = agreement(LocalStatistics.of(style, matches.style_grid).matched(matches), 4, 2)
    variance = style[..., 4:].var(dim=(2, 3), correction=0).mean()
    expected = torch.tensor([variance / 2 / (0.05 * variance / 2), variance / 2 / (variance + 0.05 * variance / 2)])
    torch.testing.assert_close(found, expected.expand(1, 1, 4, 2))


def test_a_photo_of_one_color_gets_the_mean_of_the_style():
    photo = torch.full((1, 3, 4, 4), 2.0)
    style = random_map(3, 4, 4, seed=1).abs()
    moved = restyle(photo, LocalStatistics.of(style, (4, 4)).matched(all_of((4, 4), (4, 4))), 1.0)
    torch.testing.assert_close(moved, style.mean(dim=(2, 3), keepdim=True).expand_as(moved).to(moved))


@pytest.mark.parametrize("size", [(6, 8), (7, 9), (40, 31)])
def test_linear_interpolation_is_that_of_torch(size):
    maps = random_map(3, 6, 8, seed=0).float()
    expected = torch.nn.functional.interpolate(maps, size, mode="bilinear")
    torch.testing.assert_close(interpolate_linearly(maps, *size), expected, atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize("plate", PLATES)
def test_the_plates_are_paintings_with_all_tones(plate):
    assert tonality(lightness_of(read_picture(plate_path(plate)).pixels)) == 1


def test_lines_on_paper_have_no_tones_and_shading_brings_them_back():
    paper = np.full((64, 64, 3), 0.95, dtype=np.float32)
    drawing = paper.copy()
    drawing[::8, 8:56] = 0.1
    assert tonality(lightness_of(drawing)) == 0
    shares = []
    for shaded in (0, 16, 32, 64):
        drawing[:shaded] *= np.linspace(0.2, 1, 64)[None, :, None].astype(np.float32)
        shares.append(tonality(lightness_of(drawing)))
    assert shares == sorted(shares)
    assert shares[-1] == 1

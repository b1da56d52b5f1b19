"""Moments of regions against their definition, written out with einsum, and masks at a layer."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from loss_inputs import random_map, seeded

from impasto.losses.regions import PositionWeights, draw_owners, regional_moments, resize_to_layer, select


@pytest.fixture
def chunk_of(monkeypatch):
    """Return a function that sets how many numbers of a map are processed at a time."""
    return lambda size: monkeypatch.setattr("impasto.backbones.matmul.CHUNK", size)


def numbers_of(moments) -> tuple[torch.Tensor, ...]:
    """Return means and covariances side by side."""
    return tuple(number for one in moments for number in (one.mean, one.covariance))


def regions_of(masks: torch.Tensor) -> tuple[PositionWeights, ...]:
    """Return the regions that have any position."""
    return tuple(PositionWeights(mask) for mask in masks if mask.sum() > 0)


def by_definition(features: torch.Tensor, mask: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return m = sum p f and C = sum p (f - m)(f - m)^T."""
    rows, weights = features.double()[0].flatten(1), mask.double() / mask.double().sum()
    mean = torch.einsum("n,cn->c", weights, rows)
    centered = rows - mean[:, None]
    return mean, torch.einsum("n,cn,dn->cd", weights, centered, centered)


def some_masks(kind: str, height: int, width: int, seed: int = 1) -> torch.Tensor:
    """Return masks, one row for each region."""
    soft = 0.02 + 0.96 * torch.rand(3, height * width, generator=seeded(seed), dtype=torch.float64)
    hard = torch.zeros_like(soft)
    hard.scatter_(0, soft.argmax(dim=0, keepdim=True), 1)
    bands = torch.zeros(3, height, width, dtype=torch.float64)
    third = -(-height // 3)
    for number in range(3):
        bands[number, number * third : (number + 1) * third] = 1
    lonely = bands.flatten(1).clone()
    lonely[1] = 0
    lonely[1, height * width // 2] = 0.01
    return {
        "soft and overlapping": soft,
        "shares": soft / soft.sum(dim=0),
        "hard": hard,
        "bands": bands.flatten(1),
        "half bands": bands.flatten(1) * 0.5,
        "one place": lonely,
        "faint": soft * 9e-4,
        "one region": soft[:1],
        "everywhere": torch.ones_like(soft[:1]),
        "places of none": bands.flatten(1)[:2],
    }[kind]


KINDS = (
    "soft and overlapping", "shares", "hard", "bands", "half bands", "one place", "faint", "one region", "everywhere",
    "places of none",
)  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("chunk", [2**18, 64, 5, 1])
@pytest.mark.parametrize("size", [(3, 13, 17), (7, 1, 9), (1, 6, 6)])
def test_moments_of_regions_are_the_weighted_means_of_their_definition(kind, chunk, size, chunk_of):
    chunk_of(chunk)
    maps, regions = random_map(*size), regions_of(some_masks(kind, *size[1:]))
    for moments, region in zip(regional_moments(maps, regions), regions, strict=True):
        mean, covariance = by_definition(maps, region.mask)
        torch.testing.assert_close(moments.mean, mean, rtol=1e-9, atol=1e-12)
        torch.testing.assert_close(moments.covariance, covariance, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("chunk", [2**18, 24])
def test_the_gradient_of_the_moments_is_the_one_automatic_differentiation_finds(kind, chunk, chunk_of):
    chunk_of(chunk)
    maps, regions = random_map(4, 7, 9).requires_grad_(), regions_of(some_masks(kind, 7, 9))
    pulls = [torch.randn(4, 5, generator=seeded(n), dtype=torch.float64) for n in range(len(regions))]

    def value(several):
        return sum((p[:, 0] * m).sum() + (p[:, 1:] * c).sum() for p, (m, c) in zip(pulls, several, strict=True))

    pairs = [(moments.mean, moments.covariance) for moments in regional_moments(maps, regions)]
    (found,) = torch.autograd.grad(value(pairs), maps)
    (expected,) = torch.autograd.grad(value([by_definition(maps, region.mask) for region in regions]), maps)
    torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-12)


def test_a_channel_that_hardly_varies_beside_its_mean_keeps_its_variance():
    maps = random_map(2, 20, 20, dtype=torch.float32)
    maps[:, 0] = maps[:, 0] * 1e-3 + 300
    regions = regions_of(some_masks("soft and overlapping", 20, 20).float())
    for moments, region in zip(regional_moments(maps, regions), regions, strict=True):
        _, covariance = by_definition(maps, region.mask)
        torch.testing.assert_close(moments.covariance.double(), covariance, rtol=2e-2, atol=1e-6)


@pytest.mark.parametrize("kind", ["soft and overlapping", "bands", "one region"])
def test_half_precision_features_have_nearly_the_same_moments_and_gradient(kind, chunk_of):
    chunk_of(256)
    regions = regions_of(some_masks(kind, 16, 20).float())
    halved = random_map(8, 16, 20, dtype=torch.bfloat16) / 8
    results = []
    for maps in (halved.clone().requires_grad_(), halved.float().requires_grad_()):
        numbers = numbers_of(regional_moments(maps, regions))
        assert all(number.dtype == torch.float32 for number in numbers)
        loss = sum((number - 0.1).square().sum() for number in numbers)
        results.append((loss, *torch.autograd.grad(loss, maps)))
    (half_loss, half), (loss, full) = results
    assert half.dtype == torch.bfloat16
    torch.testing.assert_close(half_loss, loss, rtol=1e-2, atol=0)
    assert (half.float() - full).norm() < 2e-2 * full.norm()


def test_what_belongs_to_no_region_has_no_gradient():
    maps, mask = random_map(3, 6, 6).requires_grad_(), torch.zeros(6, 6, dtype=torch.float64)
    mask[2:4, 1:5] = 0.7
    (moments,) = regional_moments(maps, [PositionWeights(mask.flatten())])
    (gradient,) = torch.autograd.grad(moments.covariance.square().sum() + moments.mean.sum(), maps)
    assert (gradient[0][:, mask == 0] == 0).all()
    assert (gradient[0][:, mask > 0] != 0).all()


@pytest.mark.parametrize("kind", KINDS)
def test_the_weights_of_a_region_sum_to_1_and_its_positions_have_a_weight(kind):
    for region in regions_of(some_masks(kind, 9, 8)):
        torch.testing.assert_close(region.weights, region.mask / region.mask.sum())
        assert torch.equal(torch.cat([region.inside, region.border]).sort().values, region.weights.nonzero()[:, 0])
        assert len(region.inside) * region.inside_weight + float(region.border_weights.sum()) == pytest.approx(1)


def test_the_weights_of_a_region_are_its_shares_of_the_mask_for_any_number_of_threads(threads):
    for positions in (77, 9216, 65536):
        mask = torch.rand(positions, generator=seeded()) * 0.9 + 0.05
        found = threads(lambda mask=mask: PositionWeights(mask).weights)
        torch.testing.assert_close(found.double(), mask.double() / mask.double().sum(), rtol=1e-5, atol=0)


def test_a_position_that_belongs_to_a_region_by_next_to_nothing_does_not_count():
    region = PositionWeights(torch.tensor([1.0, 0.9995, 0.5, 0.0005, 0.0], dtype=torch.float64))
    torch.testing.assert_close(region.weights, torch.tensor([1.0, 1.0, 0.5, 0.0, 0.0], dtype=torch.float64) / 2.5)


# -- masks at a layer --------------------------------------------------------------------------------------------------


def mask_from(values: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(values, dtype=np.float32))[None, None]


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 1000), sides=st.tuples(st.integers(1, 60), st.integers(1, 60)), depth=st.integers(0, 4),
    count=st.integers(1, 4), hard=st.booleans(),
)  # fmt: skip
def test_masks_that_sum_to_1_still_do_at_every_layer(seed, sides, depth, count, hard):
    height, width = sides
    shares = torch.rand(count, 1, height, width, generator=seeded(seed))
    if hard:
        shares = torch.zeros_like(shares).scatter_(0, shares.argmax(dim=0, keepdim=True), 1)
    shares = shares / shares.sum(dim=0)
    layer = torch.zeros(1, 2, max(1, height >> depth), max(1, width >> depth))
    found = resize_to_layer(shares, layer)
    assert found.shape == (count, 1, *layer.shape[2:])
    torch.testing.assert_close(found.sum(dim=0), torch.ones_like(found[0]))
    assert found.min() >= 0


@pytest.mark.parametrize("value", [0.0, 0.3, 1.0])
def test_a_constant_mask_is_constant_at_every_layer(value):
    for size in ((24, 32), (12, 16), (7, 9), (1, 1)):
        found = resize_to_layer(mask_from(np.full((24, 32), value)), torch.zeros(1, 1, *size))
        torch.testing.assert_close(found, torch.full_like(found, value))


def test_a_mask_at_a_layer_is_the_mean_over_the_pixels_of_a_position_and_its_neighbors():
    mask = np.random.default_rng(0).random((12, 16)).astype(np.float32)
    cells = mask.reshape(6, 2, 8, 2).mean(axis=(1, 3))
    around = np.pad(cells, 1, mode="edge")
    expected = sum(around[i : i + 6, j : j + 8] for i in range(3) for j in range(3)) / 9
    found = resize_to_layer(mask_from(mask), torch.zeros(1, 1, 6, 8))
    np.testing.assert_allclose(found[0, 0], expected, atol=1e-6)


@pytest.mark.parametrize(
    ("mask", "members"),
    [
        ([0.49, 0.5, 1.0, 0.0, 0.7, 0.2], [1, 2, 4]),
        # Where a mask is faint everywhere its maximum is inside.
        ([0.1, 0.3, 0.0, 0.0, 0.3, 0.2], [1, 4]),
    ],
)
def test_members_of_a_mask_are_the_positions_that_belong_by_half_or_more(mask, members):
    assert PositionWeights(torch.tensor(mask)).members.tolist() == members


def test_the_features_of_members_are_selected_in_their_order():
    maps = torch.arange(12.0).reshape(1, 2, 2, 3)
    assert select(maps, torch.tensor([1, 2, 4]))[0, :, :, 0].tolist() == [[1, 2, 4], [7, 8, 10]]


def test_a_position_is_drawn_for_a_region_as_often_as_is_its_share():
    drawn = draw_owners(torch.tensor([[0.2], [0.5], [0.0]]).repeat(1, 20_000), seeded(1))
    counts = torch.bincount(drawn, minlength=4) / 20_000
    torch.testing.assert_close(counts, torch.tensor([0.2, 0.5, 0.0, 0.3]), atol=0.02, rtol=0)
    assert draw_owners(torch.eye(3), seeded(1)).tolist() == [0, 1, 2]


def test_a_part_has_the_members_and_shares_of_its_rows_and_columns():
    mask = torch.linspace(0, 1, 35).reshape(5, 7)
    for members in (None, torch.tensor([2, 9, 16, 23, 30])):
        whole = PositionWeights(mask.flatten(), members)
        rows, columns = slice(1, 5, 2), slice(2, 7, 3)
        part = whole.part(7, rows, columns)
        inside = torch.zeros(35, dtype=torch.bool)
        inside[whole.members] = True
        assert torch.equal(part.members, inside.reshape(5, 7)[rows, columns].flatten().nonzero()[:, 0])
        torch.testing.assert_close(part.shares, whole.shares.reshape(5, 7)[rows, columns].flatten())

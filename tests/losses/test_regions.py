"""Moments of parts against their definition, written out with einsum, and masks brought to a layer."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from impasto.backbones.moments import mean_covariance
from impasto.losses import regions
from impasto.losses.regions import Places, bring_to, drawn_parts, inside, parts_at, regional_moments


def maps(channels: int, height: int, width: int, seed: int = 0, dtype=torch.float64) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(1, channels, height, width, generator=generator, dtype=torch.float64).to(dtype) + 0.2


def by_definition(features: torch.Tensor, mask: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return m = sum p f and C = sum p (f - m)(f - m)^T."""
    rows, weights = features.double()[0].flatten(1), mask.double() / mask.double().sum()
    mean = torch.einsum("n,cn->c", weights, rows)
    centred = rows - mean[:, None]
    return mean, torch.einsum("n,cn,dn->cd", weights, centred, centred)


def some_masks(kind: str, height: int, width: int, seed: int = 1) -> torch.Tensor:
    """Return masks, one row for each part."""
    generator = torch.Generator().manual_seed(seed)
    soft = 0.02 + 0.96 * torch.rand(3, height * width, generator=generator, dtype=torch.float64)
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
        "one part": soft[:1],
        "everywhere": torch.ones_like(soft[:1]),
        "nobody's places": bands.flatten(1)[:2],
    }[kind]


KINDS = (
    "soft and overlapping", "shares", "hard", "bands", "half bands", "one place", "faint", "one part", "everywhere",
    "nobody's places",
)  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("at_once", [2**18, 64, 5, 1])
@pytest.mark.parametrize("size", [(3, 13, 17), (7, 1, 9), (1, 6, 6)])
def test_moments_of_parts_are_the_weighted_means_of_their_definition(kind, at_once, size, monkeypatch):
    monkeypatch.setattr(regions, "NUMBERS_AT_ONCE", at_once)
    features, masks = maps(*size), some_masks(kind, *size[1:])
    masks = masks[masks.sum(dim=1) > 0]
    found = regional_moments(features, Places(masks))
    assert len(found) == len(masks)
    for moments, mask in zip(found, masks, strict=True):
        mean, covariance = by_definition(features, mask)
        torch.testing.assert_close(moments.mean, mean, rtol=1e-9, atol=1e-12)
        torch.testing.assert_close(moments.covariance, covariance, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("at_once", [2**18, 24])
@pytest.mark.parametrize("is_channels_last", [False, True])
def test_the_gradient_of_the_moments_of_parts_is_that_of_finite_differences(
    kind, at_once, is_channels_last, monkeypatch
):
    monkeypatch.setattr(regions, "NUMBERS_AT_ONCE", at_once)
    features = maps(3, 5, 4)
    if is_channels_last:
        features = features.contiguous(memory_format=torch.channels_last)
    masks = some_masks(kind, 5, 4)
    places = Places(masks[masks.sum(dim=1) > 0])

    def numbers(features):
        return tuple(number for moments in regional_moments(features, places) for number in moments)

    assert torch.autograd.gradcheck(numbers, features.requires_grad_())


def test_the_gradient_is_the_one_automatic_differentiation_finds():
    features, masks = maps(4, 7, 9).requires_grad_(), some_masks("soft and overlapping", 7, 9)
    slopes = [torch.randn(4, 5, generator=torch.Generator().manual_seed(n), dtype=torch.float64) for n in range(3)]

    def value(several):
        return sum((s[:, 0] * m).sum() + (s[:, 1:] * c).sum() for s, (m, c) in zip(slopes, several, strict=True))

    (found,) = torch.autograd.grad(value(regional_moments(features, Places(masks))), features)
    (expected,) = torch.autograd.grad(value([by_definition(features, mask) for mask in masks]), features)
    torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-12)


def test_one_part_everywhere_has_the_moments_of_the_map():
    features = maps(5, 8, 11, dtype=torch.float32)
    (found,) = regional_moments(features, Places(torch.full((1, 88), 0.25)))
    mean, covariance = mean_covariance(features)
    torch.testing.assert_close(found.mean, mean)
    torch.testing.assert_close(found.covariance, covariance, rtol=1e-5, atol=1e-7)


def test_a_channel_that_hardly_varies_beside_its_mean_keeps_its_variance():
    features = maps(2, 20, 20, dtype=torch.float32)
    features[:, 0] = features[:, 0] * 1e-3 + 300
    masks = some_masks("soft and overlapping", 20, 20).float()
    for moments, mask in zip(regional_moments(features, Places(masks)), masks, strict=True):
        _, covariance = by_definition(features, mask)
        torch.testing.assert_close(moments.covariance.double(), covariance, rtol=2e-2, atol=1e-7)


@pytest.mark.parametrize("kind", ["soft and overlapping", "bands", "one part"])
def test_half_precision_features_have_nearly_the_same_moments_and_gradient(kind, monkeypatch):
    monkeypatch.setattr(regions, "NUMBERS_AT_ONCE", 256)
    masks = some_masks(kind, 16, 20).float()
    halved = maps(8, 16, 20, dtype=torch.bfloat16)
    whole = halved.float().clone()
    gradients = []
    for features in (halved.requires_grad_(), whole.requires_grad_()):
        found = regional_moments(features, Places(masks))
        assert all(number.dtype == torch.float32 for moments in found for number in moments)
        loss = sum((moments.covariance - 0.1).square().sum() + moments.mean.square().sum() for moments in found)
        gradients.append((loss, *torch.autograd.grad(loss, features)))
    (half_loss, half), (loss, full) = gradients
    assert half.dtype == torch.bfloat16
    torch.testing.assert_close(half_loss, loss, rtol=1e-2, atol=0)
    assert (half.float() - full).norm() < 2e-2 * full.norm()


def test_what_belongs_to_no_part_has_no_gradient():
    features, mask = maps(3, 6, 6).requires_grad_(), torch.zeros(1, 6, 6, dtype=torch.float64)
    mask[:, 2:4, 1:5] = 0.7
    (moments,) = regional_moments(features, Places(mask.flatten(1)))
    (gradient,) = torch.autograd.grad(moments.covariance.square().sum() + moments.mean.sum(), features)
    assert (gradient[0][:, mask[0] == 0] == 0).all()
    assert (gradient[0][:, mask[0] > 0] != 0).all()


def test_the_order_of_the_parts_is_that_of_the_masks(monkeypatch):
    monkeypatch.setattr(regions, "NUMBERS_AT_ONCE", 12)
    features, masks = maps(3, 9, 8), some_masks("shares", 9, 8)
    forward, backward = regional_moments(features, Places(masks)), regional_moments(features, Places(masks.flip(0)))
    for ahead, behind in zip(forward, reversed(backward), strict=True):
        torch.testing.assert_close(ahead.covariance, behind.covariance)


@pytest.mark.parametrize("kind", KINDS)
def test_the_weights_of_a_part_sum_to_1_and_its_positions_are_those_that_have_one(kind):
    masks = some_masks(kind, 9, 8)
    masks = masks[masks.sum(dim=1) > 0]
    places = Places(masks)
    torch.testing.assert_close(places.weights, masks / masks.sum(dim=1, keepdim=True))
    for part, weights in zip(places.parts, places.weights, strict=True):
        assert torch.equal(torch.cat([part.whole, part.border]).sort().values, weights.nonzero()[:, 0])
        assert len(part.whole) * part.even + float(part.weights.sum()) == pytest.approx(1)


def test_what_belongs_to_a_part_by_next_to_nothing_does_not_belong_to_it():
    shares = torch.tensor([[1.0, 0.9995, 0.5, 0.0005, 0.0]], dtype=torch.float64)
    weights = torch.tensor([[1.0, 1.0, 0.5, 0.0, 0.0]], dtype=torch.float64) / 2.5
    torch.testing.assert_close(Places(shares).weights, weights)


# -- masks at a layer --------------------------------------------------------------------------------------------------


def mask_from(values: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(values, dtype=np.float32))[None, None]


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 1000), sides=st.tuples(st.integers(1, 60), st.integers(1, 60)), depth=st.integers(0, 4),
    count=st.integers(1, 4), hard=st.booleans(),
)  # fmt: skip
def test_parts_that_sum_to_1_still_do_at_every_layer(seed, sides, depth, count, hard):
    height, width = sides
    shares = torch.rand(count, 1, height, width, generator=torch.Generator().manual_seed(seed))
    if hard:
        shares = torch.zeros_like(shares).scatter_(0, shares.argmax(dim=0, keepdim=True), 1)
    shares = shares / shares.sum(dim=0)
    layer = torch.zeros(1, 2, max(1, height >> depth), max(1, width >> depth))
    found = bring_to(shares, layer)
    assert found.shape == (count, 1, *layer.shape[2:])
    torch.testing.assert_close(found.sum(dim=0), torch.ones_like(found[0]))
    assert found.min() >= 0
    rows = parts_at([share[None] for share in shares], layer)
    torch.testing.assert_close(rows, found.flatten(1), rtol=0, atol=0)


@pytest.mark.parametrize("value", [0.0, 0.3, 1.0])
def test_a_constant_mask_is_constant_at_every_layer(value):
    for size in ((24, 32), (12, 16), (7, 9), (1, 1)):
        found = bring_to(mask_from(np.full((24, 32), value)), torch.zeros(1, 1, *size))
        torch.testing.assert_close(found, torch.full_like(found, value))


def test_a_position_sees_the_mean_of_its_own_pixels_and_of_its_neighbours():
    mask = np.random.default_rng(0).random((12, 16)).astype(np.float32)
    cells = mask.reshape(6, 2, 8, 2).mean(axis=(1, 3))
    around = np.pad(cells, 1, mode="edge")
    expected = sum(around[i : i + 6, j : j + 8] for i in range(3) for j in range(3)) / 9
    found = bring_to(mask_from(mask), torch.zeros(1, 1, 6, 8))
    np.testing.assert_allclose(found[0, 0], expected, atol=1e-6)


def test_inside_are_the_places_that_belong_by_half_or_more_in_their_order():
    features = torch.arange(12.0).reshape(1, 2, 2, 3)
    mask = torch.tensor([[0.49, 0.5, 1.0], [0.0, 0.7, 0.2]])[None, None]
    assert inside(features, mask)[0, :, :, 0].tolist() == [[1, 2, 4], [7, 8, 10]]


def test_where_a_mask_is_faint_everywhere_its_most_is_inside():
    features = torch.arange(6.0).reshape(1, 1, 2, 3)
    mask = torch.tensor([[0.1, 0.3, 0.0], [0.0, 0.3, 0.2]])[None, None]
    assert inside(features, mask)[0, 0, :, 0].tolist() == [1, 4]


def test_a_position_is_drawn_for_a_part_as_often_as_is_its_share():
    shares = torch.tensor([[0.2], [0.5], [0.0]]).repeat(1, 20_000)
    drawn = drawn_parts(shares, torch.Generator().manual_seed(1))
    counts = torch.bincount(drawn, minlength=4) / 20_000
    torch.testing.assert_close(counts, torch.tensor([0.2, 0.5, 0.0, 0.3]), atol=0.02, rtol=0)
    assert drawn_parts(torch.eye(3), torch.Generator().manual_seed(1)).tolist() == [0, 1, 2]

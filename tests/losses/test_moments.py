"""Moments and the distance of Gaussians against NumPy, SciPy, closed forms and finite differences."""

import math

import numpy as np
import pytest
import scipy.linalg
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from impasto.backbones import products
from impasto.backbones.moments import mean_covariance
from impasto.losses import moments
from impasto.losses.moments import (
    gaussian_loss,
    gaussian_target,
    mean_std,
    mean_std_loss,
    wasserstein2_loss,
)


def random_features(channels: int, height: int, width: int, seed: int = 0, dtype=torch.float64) -> torch.Tensor:
    """Correlated channels of different scale, rectified, without exact zeros."""
    generator = torch.Generator().manual_seed(seed)
    mixture = torch.randn(channels, channels, generator=generator, dtype=torch.float64)
    noise = torch.randn(channels, height * width, generator=generator, dtype=torch.float64)
    return ((mixture @ noise).abs() + 0.01).reshape(1, channels, height, width).to(dtype)


def target_of(features: torch.Tensor) -> moments.GaussianTarget:
    return gaussian_target(*mean_covariance(features))


def two_losses(target: torch.Tensor):
    """Return both losses as functions of features, bound to one target."""
    gaussian, known = target_of(target), mean_std(target)
    return (lambda f: wasserstein2_loss(*mean_covariance(f), gaussian), lambda f: mean_std_loss(*mean_std(f), *known))


def test_means_deviations_and_covariance_are_those_of_numpy():
    features = random_features(3, 4, 5)
    flat = features.numpy().reshape(3, 20)
    mean, std = mean_std(features)
    np.testing.assert_allclose(mean, flat.mean(axis=1))
    np.testing.assert_allclose(std, flat.std(axis=1))
    mean, covariance = mean_covariance(features)
    np.testing.assert_allclose(mean, flat.mean(axis=1))
    np.testing.assert_allclose(covariance, np.cov(flat, bias=True))


def test_moments_of_half_precision_features_are_summed_in_fp32():
    features = random_features(3, 40, 50, dtype=torch.bfloat16)
    for (mean, spread), (exact_mean, exact_spread) in [
        (mean_std(features), mean_std(features.double())),
        (mean_covariance(features), mean_covariance(features.double())),
    ]:
        assert mean.dtype == spread.dtype == torch.float32
        torch.testing.assert_close(mean.double(), exact_mean, rtol=1e-5, atol=0)
        torch.testing.assert_close(spread.double(), exact_spread, rtol=1e-5, atol=1e-6)


def test_a_small_variance_beside_a_large_mean_is_not_lost_in_fp32():
    ripple = torch.tensor([-1.0, 1.0]).repeat(1, 2, 8, 8) / 64
    _, covariance = mean_covariance(ripple + 100)
    np.testing.assert_allclose(covariance, np.full((2, 2), 1 / 4096), rtol=1e-3)


def test_moments_do_not_depend_on_how_many_positions_are_centred_at_a_time(monkeypatch):
    features = random_features(3, 4, 5).requires_grad_()
    whole = [*mean_std(features), *mean_covariance(features)]
    monkeypatch.setattr(products, "NUMBERS_AT_ONCE", 7)
    for one, other in zip(whole, [*mean_std(features), *mean_covariance(features)], strict=True):
        torch.testing.assert_close(one, other)


def test_gradients_of_the_moments_agree_with_finite_differences():
    features = random_features(3, 3, 4).requires_grad_()
    assert torch.autograd.gradcheck(mean_std, features)
    assert torch.autograd.gradcheck(mean_covariance, features)


@pytest.mark.parametrize("statistic", [mean_std, mean_covariance])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_the_gradient_has_the_number_format_and_the_memory_order_of_the_features(statistic, dtype):
    features = random_features(3, 4, 5, dtype=dtype).contiguous(memory_format=torch.channels_last).requires_grad_()
    mean, spread = statistic(features)
    (gradient,) = torch.autograd.grad(mean.sum() + spread.square().sum(), features)
    exact = features.detach().double().requires_grad_()
    mean, spread = statistic(exact)
    (expected,) = torch.autograd.grad(mean.sum() + spread.square().sum(), exact)
    assert gradient.dtype == dtype
    assert gradient.is_contiguous(memory_format=torch.channels_last)
    # In bf16 factors and result are rounded to 8 bits, and the sums are of numbers of either sign.
    error = (gradient.double() - expected).norm() / expected.norm()
    assert error < (1e-5 if dtype == torch.float32 else 1e-2)


def test_the_gradient_of_a_half_precision_map_that_is_constant_is_nothing():
    features = torch.full((1, 3, 4, 4), 0.63, dtype=torch.bfloat16, requires_grad=True)
    for loss in two_losses(random_features(3, 4, 5, dtype=torch.bfloat16)):
        (gradient,) = torch.autograd.grad(loss(features), features)
        # The same everywhere, as the mean pulls, and as large as in fp32.
        exact = features.detach().float().requires_grad_()
        (known,) = torch.autograd.grad(loss(exact), exact)
        torch.testing.assert_close(gradient.float(), known, rtol=0.05, atol=1e-3)


def test_mean_std_loss_is_its_formula():
    f, s = random_features(3, 4, 5, 1), random_features(3, 6, 7, 2)
    a, b = f.numpy().reshape(3, -1), s.numpy().reshape(3, -1)
    error = ((a.mean(1) - b.mean(1)) ** 2).sum() + ((a.std(1) - b.std(1)) ** 2).sum()
    loss = mean_std_loss(*mean_std(f), *mean_std(s)).item()
    assert loss == pytest.approx(error / ((b.mean(1) ** 2).sum() + b.var(1).sum()))


def bures_by_scipy(a: np.ndarray, b: np.ndarray) -> float:
    root = scipy.linalg.sqrtm(b)
    return float(np.trace(a + b - 2 * scipy.linalg.sqrtm(root @ a @ root)).real)


@pytest.mark.parametrize("seed", range(5))
def test_wasserstein2_loss_is_the_formula_of_two_gaussians_by_scipy(seed):
    f, s = random_features(4, 6, 7, seed), random_features(4, 5, 9, seed + 10)
    a, b = (x.numpy().reshape(4, -1) for x in (f, s))
    s1, s2 = np.cov(a, bias=True), np.cov(b, bias=True)
    ridge = 1e-4 * np.trace(s2) / 4 * np.eye(4)
    error = ((a.mean(1) - b.mean(1)) ** 2).sum() + bures_by_scipy(s1 + ridge, s2 + ridge)
    loss = wasserstein2_loss(*mean_covariance(f), target_of(s)).item()
    assert loss == pytest.approx(error / ((b.mean(1) ** 2).sum() + np.trace(s2)))


@settings(max_examples=30, deadline=None)
@given(
    one=st.lists(st.floats(0.01, 100), min_size=4, max_size=4),
    other=st.lists(st.floats(0.01, 100), min_size=4, max_size=4),
    shift=st.floats(-10, 10),
)
def test_wasserstein2_loss_of_independent_channels_compares_their_deviations(one, other, shift):
    a, b = (torch.tensor(v, dtype=torch.float64) for v in (one, other))
    mean, target_mean = torch.zeros(4, dtype=torch.float64), torch.full((4,), shift, dtype=torch.float64)
    loss = wasserstein2_loss(mean, a.diag(), gaussian_target(target_mean, b.diag()))
    floor = 1e-4 * b.mean()
    roots = ((a + floor).sqrt() - (b + floor).sqrt()).square().sum()
    assert loss.item() == pytest.approx(((4 * shift**2 + roots) / (4 * shift**2 + b.sum())).item(), rel=1e-9, abs=1e-9)


def test_a_style_in_which_most_channels_never_vary_has_its_root_all_the_same():
    # Torch's library (MKL) does not converge for this one, and for one in hundreds of its like.
    chance = torch.Generator().manual_seed(129)
    features = torch.zeros(384, 29)
    lively = torch.randperm(384, generator=chance)[:49]
    size = torch.randn(49, 29, generator=chance).clamp(min=0), torch.rand(49, 1, generator=chance, dtype=torch.float64)
    features[lively] = (size[0] * size[1]).float()
    mean, covariance = mean_covariance(features.reshape(1, 384, 1, 29))
    target = gaussian_target(mean, covariance)
    torch.testing.assert_close(
        target.root @ target.root, covariance.double() + target.floor * torch.eye(384), rtol=0, atol=1e-7
    )
    assert wasserstein2_loss(mean, covariance, target).item() == pytest.approx(0, abs=1e-6)


def test_the_loss_is_the_same_where_torch_finds_no_eigenvalues(monkeypatch):
    f, s = random_features(4, 6, 7, 1), random_features(4, 5, 9, 2)
    known = wasserstein2_loss(*mean_covariance(f), target_of(s)).item()

    def give_up(_):
        raise torch.linalg.LinAlgError("failed to converge")

    monkeypatch.setattr(torch.linalg, "eigh", give_up)
    assert wasserstein2_loss(*mean_covariance(f), target_of(s)).item() == pytest.approx(known, rel=1e-12)


def test_gradients_of_the_losses_agree_with_finite_differences():
    features, target = random_features(3, 3, 4, 1).requires_grad_(), random_features(3, 4, 5, 2)
    for loss in two_losses(target):
        assert torch.autograd.gradcheck(loss, features)


def test_the_gradient_with_respect_to_the_covariance_is_that_of_scipys_formula():
    generator = np.random.default_rng(3)
    a, b, direction = (generator.normal(size=(4, 9)) for _ in range(3))
    s1, s2, d = a @ a.T / 9, b @ b.T / 9, direction[:, :4] + direction[:, :4].T
    ridge = 1e-4 * np.trace(s2) / 4 * np.eye(4)
    step = 1e-4
    ahead, behind = (bures_by_scipy(s1 + sign * step * d + ridge, s2 + ridge) for sign in (1, -1))
    covariance = torch.from_numpy(s1).requires_grad_()
    mean = torch.zeros(4, dtype=torch.float64)
    wasserstein2_loss(mean, covariance, gaussian_target(mean, torch.from_numpy(s2))).backward()
    assert (covariance.grad.numpy() * d).sum() * np.trace(s2) == pytest.approx((ahead - behind) / (2 * step), rel=1e-5)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 1000), height=st.integers(2, 7), width=st.integers(2, 7), contrast=st.floats(0.01, 100))
def test_the_losses_depend_neither_on_the_order_of_positions_nor_on_size_or_contrast(seed, height, width, contrast):
    f, s = random_features(3, height, width, seed), random_features(3, 5, 6, seed + 1)
    order = torch.randperm(height * width, generator=torch.Generator().manual_seed(seed))
    moved = f.flatten(2)[:, :, order].reshape(f.shape)
    for loss, scaled in zip(two_losses(s), two_losses(s * contrast), strict=True):
        value = loss(f).item()
        assert value >= 0
        assert loss(moved).item() == pytest.approx(value)
        assert loss(f.repeat(1, 1, 2, 3)).item() == pytest.approx(value)
        assert scaled(f * contrast).item() == pytest.approx(value, rel=1e-6)


def test_the_losses_are_0_at_the_target_and_about_1_for_features_that_are_zero():
    s = random_features(3, 5, 6)
    for loss in two_losses(s):
        assert loss(s).item() == pytest.approx(0, abs=1e-12)
        assert loss(torch.zeros_like(s)).item() == pytest.approx(1, abs=0.02)


def test_the_gradient_is_0_at_the_target_even_where_directions_hardly_vary():
    s = random_features(3, 5, 6)
    s[:, 2] = s[:, 0] + 1e-7 * s[:, 1]
    for loss in two_losses(s):
        features = s.clone().requires_grad_()
        loss(features).backward()
        assert features.grad.abs().max() < 1e-8


def test_the_gradient_is_bounded_where_the_style_varies_and_the_canvas_does_not():
    covariance = torch.diag(torch.tensor([1.0, 0.0])).requires_grad_()
    mean = torch.zeros(2)
    wasserstein2_loss(mean, covariance, gaussian_target(mean, torch.diag(torch.tensor([1.0, 1.0])))).backward()
    # The root of 1 / floor, less the 1 of the trace, relative to the target's trace of 2.
    assert -covariance.grad[1, 1].item() == pytest.approx((math.sqrt(1.0001 / 1e-4) - 1) / 2, rel=1e-3)


def test_fp32_features_of_low_rank_give_the_loss_of_float64():
    f, s = random_features(8, 20, 20, 1), random_features(8, 20, 20, 2)
    f, s = (torch.cat([x, x[:, :4] * 1.5, torch.zeros_like(x)], dim=1) for x in (f, s))
    for exact, single in zip(two_losses(s), two_losses(s.float()), strict=True):
        assert single(f.float()).item() == pytest.approx(exact(f).item(), rel=1e-4)


@pytest.mark.parametrize("value", [0.0, 0.3])
@pytest.mark.parametrize("black_target", [False, True])
def test_constant_features_have_a_finite_loss_and_gradient(value, black_target):
    target = torch.zeros(1, 3, 4, 5) if black_target else random_features(3, 4, 5, dtype=torch.float32)
    for loss in two_losses(target):
        features = torch.full((1, 3, 4, 5), value).requires_grad_()
        result = loss(features)
        result.backward()
        assert torch.isfinite(result)
        assert torch.isfinite(features.grad).all()


def test_features_that_are_not_finite_give_a_loss_that_is_not_instead_of_an_error():
    s = random_features(3, 4, 5)
    for wrong in (math.nan, math.inf):
        features = s.clone()
        features[0, 1, 2, 3] = wrong
        for loss in two_losses(s):
            assert not torch.isfinite(loss(features))


def test_the_number_of_threads_is_afterwards_what_it_was():
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        s = random_features(3, 4, 5)
        wasserstein2_loss(*mean_covariance(s), target_of(s))
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


# -- few positions -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("positions", [(2, 2), (3, 4), (4, 7)])
def test_fewer_positions_than_channels_cost_what_scipy_says(positions):
    f, s = random_features(30, *positions, 1), random_features(30, 8, 9, 2)
    a, b = (x.numpy().reshape(30, -1) for x in (f, s))
    error = ((a.mean(1) - b.mean(1)) ** 2).sum() + bures_by_scipy(np.cov(a, bias=True), np.cov(b, bias=True))
    expected = error / ((b.mean(1) ** 2).sum() + np.trace(np.cov(b, bias=True)))
    assert gaussian_loss(f, target_of(s)).item() == pytest.approx(expected, rel=1e-6)
    # The floor is what the other way differs by.
    assert wasserstein2_loss(*mean_covariance(f), target_of(s)).item() == pytest.approx(expected, rel=0.02)


def test_the_gradient_of_few_positions_agrees_with_finite_differences():
    features, target = random_features(12, 2, 3, 1).requires_grad_(), target_of(random_features(12, 5, 6, 2))
    assert torch.autograd.gradcheck(lambda f: gaussian_loss(f, target), features)


def test_few_positions_like_the_style_cost_nothing_and_many_take_the_other_way():
    features = random_features(12, 2, 3, 1)
    assert gaussian_loss(features, target_of(features)).item() == pytest.approx(0, abs=1e-9)
    many = random_features(3, 4, 5, 1)
    target = target_of(random_features(3, 4, 5, 2))
    assert gaussian_loss(many, target) == wasserstein2_loss(*mean_covariance(many), target)


def test_few_positions_that_are_all_alike_or_not_finite_do_no_harm():
    target = target_of(random_features(12, 5, 6, 2))
    flat_map = torch.ones(1, 12, 2, 2, dtype=torch.float64, requires_grad=True)
    (gradient,) = torch.autograd.grad(gaussian_loss(flat_map, target), flat_map)
    assert torch.isfinite(gradient).all()
    assert torch.isnan(gaussian_loss(flat_map.detach() * torch.nan, target))


def test_the_gradient_of_few_half_precision_positions_has_their_format_and_order():
    features = random_features(12, 2, 3, 1, torch.bfloat16).contiguous(memory_format=torch.channels_last)
    target = target_of(random_features(12, 5, 6, 2))
    (gradient,) = torch.autograd.grad(gaussian_loss(features.requires_grad_(), target), features)
    assert gradient.dtype == torch.bfloat16
    assert gradient.is_contiguous(memory_format=torch.channels_last)

"""Properties of every style loss: its formula, statistics that can be added, mixtures, regions and gradients."""

import numpy as np
import pytest
import scipy.linalg
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from loss_inputs import OF_LAYERS, OF_MOMENTS, OF_POSITIONS, bind, random_map, rows_of, seeded, style_loss
from scipy.spatial.distance import cdist

from impasto.losses import STYLE_LOSSES, PositionWeights
from impasto.losses.sliced import random_directions
from impasto.losses.statistics import Positions, mixed

LOSSES = tuple(STYLE_LOSSES)
COMPARED = {"Moments": ("mean", "covariance"), "Mean": ("value",), "Positions": ("features",)}


def quantiles_distance(f: np.ndarray, p: np.ndarray, s: np.ndarray) -> float:
    """Return the mean squared distance of sorted columns, relative to the target's square; `p` must be even."""
    assert np.allclose(p, p[0])
    targets = np.quantile(s, (np.arange(len(f)) + 0.5) / len(f), axis=0, method="hazen")
    return np.square(np.sort(f, axis=0) - targets).mean() / np.square(targets).mean()


def weighted_moments(f: np.ndarray, p: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    mean = np.einsum("n,nc->c", p, f)
    return mean, np.einsum("n,nc,nd->cd", p, f - mean, f - mean)


def energies(pixels: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Return the weighted mean square of what neighbors differ by, of lightness and of two color differences."""
    red, green, blue = 255 * pixels
    found = []
    for values in ((red + green + blue) / 3, (red - blue) / 2, (2 * green - red - blue) / 4):
        down = np.average(np.diff(values, axis=0) ** 2, weights=mask[1:] + mask[:-1])
        across = np.average(np.diff(values, axis=1) ** 2, weights=mask[:, 1:] + mask[:, :-1])
        found.append(down + across)
    return np.array(found)


def by_formula(name: str, f: np.ndarray, p: np.ndarray, s: np.ndarray, q: np.ndarray) -> float:
    """Return a loss of layers between rows of features, f with weights p and s with weights q; both sum to 1."""
    if name == "histogram":
        return quantiles_distance(f, p, s)
    if name == "sliced":
        directions = random_directions(f.shape[1], 5, seeded()).double().numpy()
        return quantiles_distance(f @ directions, p, s @ directions)
    if name == "nearest":
        center = s.mean(axis=0)
        return cdist(f - center, s - center, "cosine").min(axis=1).mean()
    if name == "relaxed_emd":
        distances = cdist(f, s, "cosine")
        return max(distances.min(axis=0).mean(), distances.min(axis=1).mean())
    (m, a), (n, b) = weighted_moments(f, p), weighted_moments(s, q)
    if name == "gram":
        grams = a + np.outer(m, m), b + np.outer(n, n)
        return np.square(grams[0] - grams[1]).sum() / np.square(grams[1]).sum()
    scale = np.square(n).sum() + np.trace(b)
    if name == "mean_std":
        return (np.square(m - n).sum() + np.square(np.sqrt(a.diagonal()) - np.sqrt(b.diagonal())).sum()) / scale
    ridge = 1e-4 * np.trace(b) / len(b) * np.eye(len(b))
    root = scipy.linalg.sqrtm(b + ridge).real
    cross = scipy.linalg.sqrtm(root @ (a + ridge) @ root).real
    return (np.square(m - n).sum() + np.trace(a + b + 2 * ridge - 2 * cross)) / scale


def soft_weights(count: int, seed: int = 1) -> PositionWeights:
    """Return weights between 0.02 and 0.98; positions above 0.5 are members."""
    return PositionWeights(0.02 + 0.96 * torch.rand(count, generator=seeded(seed), dtype=torch.float64))


def compare(one, other) -> None:
    """Check that two statistics are the same."""
    for name in COMPARED[type(one).__name__]:
        torch.testing.assert_close(getattr(one, name), getattr(other, name), rtol=1e-9, atol=1e-12)
    assert one.weight == pytest.approx(other.weight)


# -- formulas ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [*OF_LAYERS, "relaxed_emd"])
def test_a_loss_is_its_formula(name):
    maps, style = random_map(3, 5, 6, 1), random_map(3, 6, 7, 2)
    f, s = rows_of(maps).numpy(), rows_of(style).numpy()
    expected = by_formula(name, f, np.full(30, 1 / 30), s, np.full(42, 1 / 42))
    assert bind(style_loss(name), style, maps)(maps).item() == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("name", [*OF_LAYERS, "relaxed_emd"])
def test_a_loss_of_a_region_is_the_formula_of_its_weights_or_of_its_positions(name):
    maps, style = random_map(3, 5, 6, 1), random_map(3, 6, 7, 2)
    weights = soft_weights(30)
    f, s, p = rows_of(maps).numpy(), rows_of(style).numpy(), weights.mask.numpy()
    if name in OF_POSITIONS:
        f, p = f[p >= 0.5], np.ones((p >= 0.5).sum())
    expected = by_formula(name, f, p / p.sum(), s, np.full(42, 1 / 42))
    assert bind(style_loss(name), style, maps, weights)(maps).item() == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("weighted", [False, True])
def test_gradient_energy_is_its_formula(weighted):
    maps, style = random_map(3, 5, 6, 1) / 9, random_map(3, 6, 7, 2) / 9
    weights = soft_weights(30) if weighted else None
    mask = weights.mask.reshape(5, 6).numpy() if weighted else np.ones((5, 6))
    found, target = energies(maps[0].numpy(), mask), energies(style[0].numpy(), np.ones((6, 7)))
    expected = np.square(np.log((found + 1) / (target + 1)) / 2).mean()
    loss = bind(style_loss("gradient_energy"), style, maps, weights)
    assert loss(maps).item() == pytest.approx(expected)


@pytest.mark.parametrize("normalization", ["relative", "size_free", "paper"])
def test_the_gram_loss_is_the_formula_of_its_normalization(normalization):
    maps, style = random_map(3, 5, 6, 1), random_map(3, 6, 7, 2)
    grams = [torch.einsum("bcyx,bdyx->cd", f, f) / f[0, 0].numel() for f in (maps, style)]
    squares = (grams[0] - grams[1]).square()
    scaled = {
        "relative": squares.sum() / grams[1].square().sum(),
        "size_free": squares.sum() / 3**2,
        "paper": squares.sum() / (4 * 3**2),
    }
    loss = bind(style_loss("gram", normalization=normalization), style, maps)
    torch.testing.assert_close(loss(maps), scaled[normalization], rtol=1e-9, atol=0)


def test_the_papers_style_gradient_is_the_closed_form_of_equation_6():
    f, s = random_map(3, 4, 5, 1).requires_grad_(), random_map(3, 4, 5, 2)
    (gradient,) = torch.autograd.grad(bind(style_loss("gram", normalization="paper"), s, f)(f), f)
    n, m = 3, 20
    flat = f.detach().reshape(n, m)
    difference = flat @ flat.T - s.reshape(n, m) @ s.reshape(n, m).T
    torch.testing.assert_close(gradient.reshape(n, m), (flat.T @ difference).T / (n**2 * m**2))


# -- statistics --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [name for name in LOSSES if name != "gradient_energy"])
@pytest.mark.parametrize("channels", [3, 40])
def test_the_statistic_of_a_map_is_the_sum_of_the_statistics_of_its_parts(name, channels):
    loss, maps, style = style_loss(name), random_map(channels, 6, 4, 1), random_map(channels, 7, 8, 2)
    parts = [loss.measure(part) for part in (maps[:, :, :2], maps[:, :, 2:5], maps[:, :, 5:])]
    whole, total = loss.measure(maps), parts[0] + parts[1] + parts[2]
    assert total.weight == whole.weight == 24
    target = loss.prepare(loss.summarize(loss.measure(style)), whole, seeded())
    torch.testing.assert_close(loss.loss(total, target), loss.loss(whole, target), rtol=1e-7, atol=0)


@pytest.mark.parametrize("name", [name for name in LOSSES if name != "gradient_energy"])
@pytest.mark.parametrize("channels", [3, 40])
def test_the_statistic_of_a_map_is_the_sum_of_the_statistics_of_regions_that_share_it(name, channels):
    loss, maps, style = style_loss(name), random_map(channels, 6, 4, 1), random_map(channels, 7, 8, 2)
    shares = soft_weights(24).mask
    members = torch.arange(24)
    regions = PositionWeights(shares, members[:10]), PositionWeights(1 - shares, members[10:])
    whole, total = loss.measure(maps), loss.measure(maps, regions[0]) + loss.measure(maps, regions[1])
    assert total.weight == pytest.approx(24)
    target = loss.prepare(loss.summarize(loss.measure(style)), whole, seeded())
    torch.testing.assert_close(loss.loss(total, target), loss.loss(whole, target), rtol=1e-7, atol=0)


def test_gradient_energy_adds_up_but_for_the_differences_across_the_seam():
    loss, maps = style_loss("gradient_energy"), random_map(3, 40, 60, 1) / 9
    total = loss.measure(maps[:, :, :20]) + loss.measure(maps[:, :, 20:])
    torch.testing.assert_close(total.value, loss.measure(maps).value, rtol=0.03, atol=0)
    assert total.weight == 2400


@pytest.mark.parametrize("name", LOSSES)
def test_all_regions_at_once_have_the_statistics_of_each_alone(name):
    loss, maps = style_loss(name), random_map(3, 5, 6, 1)
    regions = (soft_weights(30, 1), soft_weights(30, 2), PositionWeights((torch.arange(30) > 12).double()))
    for together, weights in zip(loss.measure_regions(maps, regions), regions, strict=True):
        compare(together, loss.measure(maps, weights))


@pytest.mark.parametrize("name", [name for name in LOSSES if name != "gradient_energy"])
@pytest.mark.parametrize("heights", [(4, 4), (2, 6), (6, 2)])
def test_styles_mixed_by_their_size_are_the_target_of_their_positions_side_by_side(name, heights):
    loss, canvas = style_loss(name), random_map(3, 8, 6, 9)
    maps = [random_map(3, height, 6, height) + number / 3 for number, height in enumerate(heights)]
    seen = loss.measure(canvas)
    statistics = [loss.summarize(loss.measure(some)) for some in maps]
    several = mixed(statistics, [height / 8 for height in heights])
    one = loss.summarize(loss.measure(torch.cat(maps, dim=2)))
    losses = [loss.loss(seen, loss.prepare(target, seen, seeded())) for target in (several, one)]
    torch.testing.assert_close(*losses, rtol=1e-9, atol=0)


def test_the_gradient_energy_of_a_mixture_is_the_mean_of_the_energies():
    loss, maps = style_loss("gradient_energy"), [random_map(3, 5, 6, seed) for seed in (1, 2)]
    several = mixed([loss.measure(some) for some in maps], [0.25, 0.75])
    expected = 0.25 * energies(maps[0][0].numpy(), np.ones((5, 6))) + 0.75 * energies(
        maps[1][0].numpy(), np.ones((5, 6))
    )
    np.testing.assert_allclose(several.value, expected)


@settings(max_examples=30, deadline=None)
@given(shares=st.lists(st.floats(0.01, 1), min_size=2, max_size=4), seed=st.integers(0, 1000))
def test_moments_of_a_mixture_are_the_formula_of_weighted_positions(shares, seed):
    shares = np.array(shares) / sum(shares)
    loss, maps = style_loss("wasserstein"), [random_map(4, 5, 6 + n, seed + n) for n in range(len(shares))]
    found = mixed([loss.measure(some) for some in maps], shares.tolist())
    rows = np.concatenate([rows_of(some).numpy() for some in maps])
    p = np.concatenate([np.full(5 * (6 + n), share / (5 * (6 + n))) for n, share in enumerate(shares)])
    mean, covariance = weighted_moments(rows, p)
    np.testing.assert_allclose(found.mean, mean, rtol=1e-9)
    np.testing.assert_allclose(found.covariance, covariance, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("name", OF_MOMENTS)
def test_moments_may_stand_for_a_map(name):
    loss, maps, style = style_loss(name), random_map(3, 5, 6, 1), random_map(3, 6, 7, 2)
    moments = style_loss("wasserstein").measure(maps)
    assert not loss.needs_maps
    of_moments = loss.loss(loss.measure(moments), loss.prepare(loss.measure(style), moments, seeded()))
    torch.testing.assert_close(of_moments, bind(loss, style, maps)(maps), rtol=1e-9, atol=0)


def test_samples_are_features_of_different_positions():
    positions = Positions(random_map(3, 4, 5))
    every = {tuple(row) for row in positions.rows.tolist()}
    drawn = positions.sample(8, seeded())
    assert drawn.shape == (8, 3)
    assert len({tuple(row) for row in drawn.tolist()} & every) == 8
    assert {tuple(row) for row in positions.sample(99, seeded()).tolist()} == every


def test_weighted_samples_are_drawn_as_often_as_is_their_weight():
    rows = torch.eye(4, dtype=torch.float64).T[None, :, :, None]
    positions = Positions(rows, torch.tensor([1.0, 2.0, 4.0, 0.0]).double())
    drawn = torch.cat([positions.sample(1, seeded(seed)) for seed in range(2000)]).mean(dim=0)
    torch.testing.assert_close(drawn, torch.tensor([1.0, 2.0, 4.0, 0.0]).double() / 7, atol=0.04, rtol=0)


# -- values and gradients ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("is_channels_last", [False, True])
def test_gradients_agree_with_finite_differences(name, weighted, is_channels_last):
    maps, style = random_map(3, 3, 4, 1), random_map(3, 4, 5, 2)
    if is_channels_last:
        maps = maps.contiguous(memory_format=torch.channels_last)
    loss = bind(style_loss(name), style, maps, soft_weights(12) if weighted else None)
    assert torch.autograd.gradcheck(loss, maps.requires_grad_())


@pytest.mark.parametrize("name", LOSSES)
def test_the_loss_and_its_gradient_are_0_at_the_style(name):
    style = random_map(3, 4, 5)
    maps = style.clone().requires_grad_()
    loss = bind(style_loss(name), style, maps)(maps)
    loss.backward()
    assert loss.item() == pytest.approx(0, abs=1e-12)
    assert maps.grad.abs().max() < 1e-8


@pytest.mark.parametrize("name", [name for name in LOSSES if name != "gradient_energy"])
@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 1000), height=st.integers(2, 6), width=st.integers(2, 6))
def test_the_order_of_positions_does_not_matter_on_either_side(name, seed, height, width):
    f, s = random_map(3, height, width, seed), random_map(3, 4, 5, seed + 1)
    orders = [torch.randperm(x[0, 0].numel(), generator=seeded(seed)) for x in (f, s)]
    moved, moved_style = (x.flatten(2)[:, :, order].reshape(x.shape) for x, order in zip((f, s), orders, strict=True))
    value = bind(style_loss(name), s, f)(f).item()
    assert bind(style_loss(name), s, f)(moved).item() == pytest.approx(value, abs=1e-9)
    assert bind(style_loss(name), moved_style, f)(f).item() == pytest.approx(value, abs=1e-9)


@pytest.mark.parametrize("name", [name for name in LOSSES if name != "gradient_energy"])
@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 1000), contrast=st.floats(0.1, 100))
def test_the_contrast_of_both_sides_does_not_matter(name, seed, contrast):
    f, s = random_map(3, 3, 4, seed), random_map(3, 4, 5, seed + 1)
    expected = pytest.approx(bind(style_loss(name), s, f)(f).item(), rel=1e-5)
    assert bind(style_loss(name), s * contrast, f)(f * contrast).item() == expected


@pytest.mark.parametrize("name", [*OF_LAYERS, "relaxed_emd"])
def test_features_that_are_zero_cost_about_1(name):
    style = random_map(3, 4, 5)
    # Cosines are with nothing, except in NNST: there zero is the opposite of the style's mean, and has neighbors.
    expected = pytest.approx(0.2, abs=0.2) if name == "nearest" else pytest.approx(1, abs=0.02)
    assert bind(style_loss(name), style, style)(torch.zeros_like(style)).item() == expected


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("value", [0.0, 0.3])
@pytest.mark.parametrize("black_style", [False, True])
@pytest.mark.parametrize("channels", [3, 20])
def test_constant_features_have_a_finite_loss_and_gradient(name, value, black_style, channels):
    channels = 3 if name == "gradient_energy" else channels
    style = torch.zeros(1, channels, 4, 5) if black_style else random_map(channels, 4, 5, dtype=torch.float32)
    maps = torch.full((1, channels, 3, 4), value).requires_grad_()
    loss = bind(style_loss(name), style, maps)(maps)
    loss.backward()
    assert torch.isfinite(loss)
    assert torch.isfinite(maps.grad).all()


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("wrong", [torch.nan, torch.inf])
@pytest.mark.parametrize("channels", [3, 20])
@pytest.mark.parametrize("weighted", [False, True])
def test_features_that_are_not_finite_give_a_loss_that_is_not_instead_of_an_error(name, wrong, channels, weighted):
    channels = 3 if name == "gradient_energy" else channels
    maps, style = random_map(channels, 3, 4, 1), random_map(channels, 4, 5, 2)
    weights = PositionWeights(torch.linspace(1, 0, 12).double()) if weighted else None
    loss = bind(style_loss(name), style, maps, weights)
    maps[0, 1, 0, 1] = wrong
    assert not torch.isfinite(loss(maps.requires_grad_()))


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("channels", [3, 20])
def test_half_precision_features_give_an_fp32_loss_and_a_gradient_in_their_own_format(name, channels):
    channels = 3 if name == "gradient_energy" else channels
    style = random_map(channels, 4, 5, 2)
    maps = random_map(channels, 3, 4, 1, torch.bfloat16).contiguous(memory_format=torch.channels_last)
    exact = maps.double().requires_grad_()
    maps.requires_grad_()
    if name in ("relaxed_emd", "gradient_energy"):  # these compare interpolated features and pixels, always fp32
        maps = maps.detach().float().requires_grad_()
    value, expected = bind(style_loss(name), style.float(), maps)(maps), bind(style_loss(name), style, exact)(exact)
    value.backward()
    expected.backward()
    assert value.dtype == torch.float32
    assert value.item() == pytest.approx(expected.item(), rel=1e-4)
    assert maps.grad.dtype == maps.dtype
    assert maps.grad.is_contiguous(memory_format=torch.channels_last)
    assert (maps.grad.double() - exact.grad).norm() < 2e-2 * exact.grad.norm()


@pytest.mark.parametrize("name", LOSSES)
def test_chunks_change_neither_value_nor_gradient(name, monkeypatch):
    style, maps, weights = random_map(3, 4, 5, 2), random_map(3, 3, 4, 1).requires_grad_(), soft_weights(12)

    def found():
        losses = [bind(style_loss(name), style, maps, some)(maps) for some in (None, weights)]
        return *losses, *torch.autograd.grad(sum(losses), maps)

    whole = found()
    monkeypatch.setattr("impasto.losses.sliced.CHUNK", 25)
    monkeypatch.setattr("impasto.losses.nearest.CHUNK", 65)
    monkeypatch.setattr("impasto.backbones.matmul.CHUNK", 7)
    for one, other in zip(whole, found(), strict=True):
        torch.testing.assert_close(one, other)

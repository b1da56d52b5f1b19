"""The losses against the paper's formulas written out independently, finite differences and closed-form gradients."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from impasto.losses import content_loss, gram, mean_gram, style_loss, terms, total_variation
from impasto.losses.terms import content_scale


def random_features(channels: int, height: int, width: int, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    # Rectified, as the paper's feature maps are, but without exact zeros where a gradient is undefined.
    return torch.randn(1, channels, height, width, generator=generator, dtype=torch.float64).abs() + 0.01


def test_gram_is_the_sum_of_products_over_positions():
    features = random_features(3, 4, 5)
    expected = torch.zeros(3, 3, dtype=torch.float64)
    for i in range(3):
        for j in range(3):
            for y in range(4):
                for x in range(5):
                    expected[i, j] += features[0, i, y, x] * features[0, j, y, x]
    torch.testing.assert_close(gram(features), expected)


def test_gram_of_half_precision_features_is_summed_in_fp32():
    features = torch.full((1, 2, 64, 64), 1.0, dtype=torch.bfloat16)
    assert gram(features).dtype == torch.float32
    assert gram(features)[0, 1] == 4096


def test_mean_gram_of_a_tiled_picture_is_that_of_the_tile():
    tile = random_features(4, 3, 5)
    torch.testing.assert_close(mean_gram(tile.repeat(1, 1, 3, 2)), mean_gram(tile))


def test_paper_content_loss_is_equation_1():
    f, p = random_features(3, 4, 5, 1), random_features(3, 4, 5, 2)
    expected = torch.einsum("bchw,bchw->", f - p, f - p) / 2
    torch.testing.assert_close(content_loss(f, p, normalization="paper"), expected)


def test_paper_style_loss_is_equation_4_for_pictures_of_equal_size():
    f, s = random_features(3, 4, 5, 1), random_features(3, 4, 5, 2)
    n, m = 3, 20
    flat_f, flat_s = f.reshape(n, m), s.reshape(n, m)
    difference = torch.einsum("ik,jk->ij", flat_f, flat_f) - torch.einsum("ik,jk->ij", flat_s, flat_s)
    expected = (difference**2).sum() / (4 * n**2 * m**2)
    torch.testing.assert_close(style_loss(mean_gram(f), mean_gram(s), normalization="paper"), expected)


def test_paper_style_loss_divides_each_gram_by_its_own_area():
    f, tile = random_features(3, 4, 5, 1), random_features(3, 2, 5, 2)
    same_size = style_loss(mean_gram(f), mean_gram(tile.repeat(1, 1, 2, 1)), normalization="paper")
    torch.testing.assert_close(style_loss(mean_gram(f), mean_gram(tile), normalization="paper"), same_size)


def test_paper_content_gradient_is_the_difference_of_features():
    f, p = random_features(2, 3, 4, 1).requires_grad_(), random_features(2, 3, 4, 2)
    (gradient,) = torch.autograd.grad(content_loss(f, p, normalization="paper"), f)
    torch.testing.assert_close(gradient, (f - p).detach())


def test_paper_style_gradient_is_the_closed_form_of_equation_6():
    f, s = random_features(3, 4, 5, 1).requires_grad_(), random_features(3, 4, 5, 2)
    (gradient,) = torch.autograd.grad(style_loss(mean_gram(f), mean_gram(s), normalization="paper"), f)
    n, m = 3, 20
    flat = f.detach().reshape(n, m)
    difference = flat @ flat.T - s.reshape(n, m) @ s.reshape(n, m).T
    expected = (flat.T @ difference).T / (n**2 * m**2)
    torch.testing.assert_close(gradient.reshape(n, m), expected)


@pytest.mark.parametrize("normalization", ["relative", "size_free", "paper"])
def test_gradients_agree_with_finite_differences(normalization):
    f, other = random_features(2, 3, 4, 1).requires_grad_(), random_features(2, 3, 4, 2)
    torch.autograd.gradcheck(lambda x: content_loss(x, other, normalization=normalization), f)
    weight = places(3, 4)
    torch.autograd.gradcheck(lambda x: content_loss(x, other, normalization=normalization, weight=weight), f)
    target = mean_gram(other)
    torch.autograd.gradcheck(lambda x: style_loss(mean_gram(x), target, normalization=normalization), f)
    picture = torch.rand(1, 3, 3, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(3))
    torch.autograd.gradcheck(lambda x: total_variation(x) * 1e-3, picture.requires_grad_())


@pytest.mark.parametrize("normalization", ["relative", "size_free"])
@settings(max_examples=20, deadline=None)
@given(across=st.integers(1, 4), down=st.integers(1, 4))
def test_size_free_terms_do_not_grow_with_the_area(normalization, across, down):
    f, p = random_features(2, 3, 4, 1), random_features(2, 3, 4, 2)
    large_f, large_p = f.repeat(1, 1, down, across), p.repeat(1, 1, down, across)
    torch.testing.assert_close(
        content_loss(large_f, large_p, normalization=normalization), content_loss(f, p, normalization=normalization)
    )
    torch.testing.assert_close(
        style_loss(mean_gram(large_f), mean_gram(p), normalization=normalization),
        style_loss(mean_gram(f), mean_gram(p), normalization=normalization),
    )


def test_relative_terms_are_1_for_features_that_are_zero_and_0_for_equal_ones():
    p = random_features(2, 3, 4)
    nothing = torch.zeros_like(p)
    assert content_loss(nothing, p, normalization="relative").item() == pytest.approx(1)
    assert style_loss(mean_gram(nothing), mean_gram(p), normalization="relative").item() == pytest.approx(1)
    assert content_loss(p, p, normalization="relative").item() == 0


def test_relative_terms_stay_finite_for_a_target_of_zeros():
    f, nothing = random_features(2, 3, 4), torch.zeros(1, 2, 3, 4, dtype=torch.float64)
    assert torch.isfinite(content_loss(f, nothing, normalization="relative"))
    assert torch.isfinite(style_loss(mean_gram(f), mean_gram(nothing), normalization="relative"))


def places(height: int, width: int, seed: int = 3) -> torch.Tensor:
    return torch.rand(1, 1, height, width, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def test_weighted_content_loss_is_its_formula():
    f, p, w = random_features(3, 4, 5, 1), random_features(3, 4, 5, 2), places(4, 5)
    error = torch.einsum("byx,bcyx,bcyx->", w[0], f - p, f - p)
    expected = error / torch.einsum("byx,bcyx,bcyx->", w[0], p, p)
    assert content_loss(f, p, normalization="relative", weight=w).item() == pytest.approx(expected.item())


@pytest.mark.parametrize("normalization", ["relative", "size_free", "paper"])
def test_even_weights_change_nothing(normalization):
    f, p = random_features(3, 4, 5, 1), random_features(3, 4, 5, 2)
    ones = torch.ones(1, 1, 4, 5, dtype=torch.float64)
    expected = content_loss(f, p, normalization=normalization)
    torch.testing.assert_close(content_loss(f, p, normalization=normalization, weight=ones), expected)


def test_a_place_without_weight_has_no_gradient():
    f, p, w = random_features(3, 4, 5, 1).requires_grad_(), random_features(3, 4, 5, 2), places(4, 5)
    w[..., 2, 3] = 0
    content_loss(f, p, normalization="relative", weight=w).backward()
    assert torch.equal(f.grad.abs().sum(dim=1)[0] > 0, w[0, 0] > 0)


@pytest.mark.parametrize("weight", [None, torch.ones(1, 1, 4, 5)])
def test_half_precision_content_is_compared_in_fp32(weight):
    f, p = (random_features(3, 4, 5, seed).bfloat16() for seed in (1, 2))
    loss = content_loss(f, p, normalization="relative", weight=weight)
    assert loss.dtype == torch.float32
    expected = ((f.double() - p.double()) ** 2).sum() / (p.double() ** 2).sum()
    assert loss.item() == pytest.approx(expected.item(), rel=1e-5)


def test_the_mean_of_many_half_precision_numbers_is_divided_by_their_exact_count():
    f, p = (random_features(3, 33, 50, seed).bfloat16() for seed in (1, 2))
    expected = (f.double() - p.double()).square().mean()
    assert content_loss(f, p, normalization="size_free").item() == pytest.approx(expected.item(), rel=1e-5)


def test_a_known_scale_is_not_computed_again(monkeypatch):
    f, p, w = random_features(3, 4, 5, 1), random_features(3, 4, 5, 2), places(4, 5)
    how = {"normalization": "relative", "weight": w}
    expected, scale = content_loss(f, p, **how), content_scale(p, **how)
    monkeypatch.setattr(terms, "content_scale", None)
    torch.testing.assert_close(content_loss(f, p, **how, scale=scale), expected)


def test_total_variation_of_a_ramp_is_the_square_of_its_slope_in_grey_levels():
    ramp = (torch.arange(6.0) * 2 / 255).expand(1, 3, 4, 6)
    assert total_variation(ramp).item() == pytest.approx(4, rel=1e-4)
    assert total_variation(ramp.mT).item() == pytest.approx(4, rel=1e-4)


def test_total_variation_of_a_single_row_has_no_vertical_part():
    row = torch.tensor([0.0, 1.0, 0.0]).expand(1, 3, 1, 3)
    assert total_variation(row).item() == pytest.approx(255**2)
    assert total_variation(torch.ones(1, 3, 1, 1)).item() == 0

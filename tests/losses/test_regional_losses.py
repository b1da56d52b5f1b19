"""Every style loss through a network: layers and samples, masks of style images, regions of the canvas."""

import numpy as np
import pytest
import torch
from loss_inputs import (
    OF_LAYERS,
    OF_MOMENTS,
    OF_POSITIONS,
    bind,
    check_slope,
    halves,
    seeded,
    soft_mask,
    style_loss,
)

from impasto.backbones import Features
from impasto.losses import STYLE_LOSSES, EncodedImage, PositionWeights, measure_style
from impasto.losses.nearest import relaxed_emd_loss
from impasto.losses.sampling import hypercolumns, layer_scales, sample_positions

LOSSES = tuple(STYLE_LOSSES)
DRAW_NOTHING = (*OF_MOMENTS, "histogram", "gradient_energy")


def ones(height: int, width: int) -> torch.Tensor:
    return torch.ones(1, 1, height, width, dtype=torch.float64)


def square(side: int, height: int = 24, width: int = 32) -> torch.Tensor:
    mask = torch.zeros(1, 1, height, width, dtype=torch.float64)
    mask[..., 8 : 8 + side, 8 : 8 + side] = 1
    return mask


# -- style images ------------------------------------------------------------------------------------------------------


def encoded(maps: torch.Tensor, mask: torch.Tensor | None = None, border: int = 0) -> EncodedImage:
    """Return an image in which conv1_1 has these features."""
    picture = torch.zeros(1, 3, *maps.shape[2:], dtype=torch.float64)
    return EncodedImage(picture, Features(("conv1_1",), iter([("conv1_1", maps)])), mask, border)


@pytest.mark.parametrize(
    ("size", "border", "expected"), [((9, 8), 2, (5, 4)), ((9, 8), 0, (9, 8)), ((5, 9), 1, (5, 9))]
)
def test_a_style_image_is_measured_without_its_border_unless_it_is_too_small(size, border, expected, draw):
    maps = draw(*size, 1)
    found, weights = encoded(maps, border=border).layer("conv1_1")
    top, left = (size[0] - expected[0]) // 2, (size[1] - expected[1]) // 2
    assert torch.equal(found, maps[:, :, top : top + expected[0], left : left + expected[1]])
    assert weights is None


def test_the_edge_of_a_hard_mask_counts_by_a_third_and_two_thirds(draw):
    mask = torch.zeros(1, 1, 9, 12, dtype=torch.float64)
    mask[..., 6:] = 1
    _, weights = encoded(draw(9, 12, 1), mask).layer("conv1_1")
    assert weights.mask.reshape(9, 12)[4].tolist() == pytest.approx([0] * 5 + [1 / 3, 2 / 3] + [1] * 5)


@pytest.mark.parametrize("name", [*OF_LAYERS, "gradient_energy"])
def test_what_is_black_in_a_mask_is_not_part_of_the_style(name, small_recipe, draw):
    recipe = small_recipe(style_layers=("conv1_1",), style_losses=(name,), seed=1)
    mask = torch.zeros(1, 1, 12, 12, dtype=torch.float64)
    mask[..., :6] = 1
    targets = []
    for value in (0.0, 0.9):
        maps = draw(12, 12, 1)
        maps[..., 7:] = value
        image = EncodedImage(maps, encoded(maps).features, mask, border=1)
        (statistic,) = measure_style(image, recipe).statistics.values()
        targets.append([part for part in vars(statistic).values() if torch.is_tensor(part)])
    torch.testing.assert_close(*targets)


@pytest.mark.parametrize("name", LOSSES)
def test_a_style_mask_of_ones_changes_nothing(name, style_term, canvas, style):
    masked = style_term(name, ([(style, ones(28, 20))], None))
    torch.testing.assert_close(masked(canvas), style_term(name)(canvas), rtol=1e-6, atol=1e-12)


@pytest.mark.parametrize("share", [1.0, 0.05])
@pytest.mark.parametrize("count", [16, 60])
def test_places_are_drawn_where_a_mask_is_white_however_faint_it_is(share, count, encode, style):
    mask = share * soft_mask(28, 20)
    inside = mask >= min(0.5, float(mask.max()))
    places = encode(style, mask).places(count, seeded())
    columns, rows = (places * torch.tensor([20, 28])).long().T
    assert inside[0, 0, rows, columns].all()
    assert 0.3 * count <= len(places) <= 1.5 * count


@pytest.mark.parametrize("side", [1, 3, 20])
def test_relaxed_emd_detects_a_small_white_area(side, style_term, canvas, style):
    mask = torch.zeros(1, 1, 28, 20, dtype=torch.float64)
    mask[..., 5 : 5 + side, :side] = 1
    found = style_term("relaxed_emd", ([(style, mask)], None), samples=16)(canvas)
    assert torch.isfinite(found)
    assert found > 0


# -- layers and samples ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [*OF_MOMENTS, "histogram"])
def test_a_style_term_is_the_sum_over_weighted_layers(name, style_term, encode, canvas, style):
    expected = 0.0
    for layer, weight in (("conv1_1", 0.5), ("conv2_2", 2.0)):
        maps, target = encode(canvas).features[layer], encode(style).features[layer]
        expected += weight * bind(style_loss(name), target, maps)(maps)
    found = style_term(name, style_layers=("conv1_1=0.5", "conv2_2=2.0", "conv2_1=0"))(canvas)
    torch.testing.assert_close(found, expected, rtol=1e-9, atol=0)


def test_relaxed_emd_compares_hypercolumns_at_random_places_on_the_scale_of_the_style(
    style_term, encode, canvas, style
):
    layers = ("conv1_1", "conv2_2")
    seen, target = ({layer: encode(picture).features[layer] for layer in layers} for picture in (canvas, style))
    scales = layer_scales(target)
    in_style = hypercolumns(target, sample_positions(28, 20, 100, seeded()), scales=scales)
    on_canvas = hypercolumns(seen, sample_positions(24, 32, 100, seeded()), scales=scales)
    found = style_term("relaxed_emd")(canvas)
    torch.testing.assert_close(found, relaxed_emd_loss(on_canvas, in_style), rtol=1e-9, atol=0)


@pytest.mark.parametrize("name", LOSSES)
def test_a_style_term_is_0_at_the_style_and_positive_elsewhere(name, style_term, canvas, style):
    # With samples of all positions; a few samples would match only approximately.
    at_target = style_term(name, photo=style, samples=560)(style).item()
    assert at_target == pytest.approx(0, abs=2e-2 if name == "relaxed_emd" else 1e-9)
    assert at_target < 0.5 * style_term(name, samples=560)(canvas).item()


@pytest.mark.parametrize("name", LOSSES)
def test_only_the_seed_determines_the_samples(name, style_term, canvas):
    first, again, other = (style_term(name, seed=seed, samples=40)(canvas) for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert torch.equal(first, other) == (name in DRAW_NOTHING)
    assert other.item() == pytest.approx(first.item(), rel=0.5)


# -- regions -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", LOSSES)
def test_a_region_that_covers_everything_costs_the_same_as_no_region(name, style_term, canvas, style):
    everywhere = style_term(name, ([style], ones(24, 32)))
    torch.testing.assert_close(everywhere(canvas), style_term(name)(canvas), rtol=1e-6, atol=1e-12)


@pytest.mark.parametrize("name", [name for name in LOSSES if name != "relaxed_emd"])
def test_a_canvas_that_is_the_style_costs_nothing_where_each_region_has_the_same_part_of_it(
    name, style_term, style, by_majority
):
    mask = soft_mask(28, 20)
    pairs = [(mask, mask), (1 - mask, 1 - mask)]
    own = style_term(name, *(([(style, part)], where) for part, where in pairs), photo=style, samples=1000)
    assert own(style).item() == pytest.approx(0, abs=1e-9)
    exchanged = style_term(name, *(([(style, 1 - part)], where) for part, where in pairs), photo=style, samples=1000)
    assert exchanged(style) > 1e-5


@pytest.mark.parametrize("name", [*OF_LAYERS, "gradient_energy"])
def test_two_halves_cost_the_mean_of_their_own_losses(name, style_term, encode, canvas, style, other, by_majority):
    sides = halves()
    found = style_term(name, ([style], sides[0]), ([other], sides[1]), style_layers=("conv1_1=1",), samples=1000)(
        canvas
    )
    generator, expected = seeded(), 0.0
    for mask, target in zip(sides, (style, other), strict=True):
        own, weights = mask.flatten(), mask
        picture, target_maps = canvas, target
        if name != "gradient_energy":
            picture, target_maps = encode(canvas).features["conv1_1"], encode(target).features["conv1_1"]
            row = np.convolve(np.pad(mask[0, 0, 0].numpy(), 1, mode="edge"), np.full(3, 1 / 3), mode="valid")
            weights = torch.from_numpy(row).expand(24, 32)
        loss, region = style_loss(name), PositionWeights(weights.flatten(), own.nonzero()[:, 0])
        statistic = loss.measure(picture, region)
        prepared = loss.prepare(loss.measure(target_maps), statistic, generator)
        expected = expected + 0.5 * loss.loss(statistic, prepared)
    torch.testing.assert_close(found, expected, rtol=1e-6, atol=0)


def test_relaxed_emd_draws_places_in_each_half(style_term, encode, canvas, style, other):
    generator, layers, expected = seeded(), ("conv1_1", "conv2_2"), 0.0
    seen = {layer: encode(canvas).features[layer] for layer in layers}
    for side, target in enumerate((style, other)):
        maps = {layer: encode(target).features[layer] for layer in layers}
        scales, size = layer_scales(maps), target.shape[2:]
        in_style = hypercolumns(maps, sample_positions(*size, 100, seeded()), scales=scales)
        # Half the canvas is known by at least 64 places.
        places = sample_positions(24, 32, 128, generator)
        places = places[(places[:, 0] >= 0.5) == bool(side)]
        expected = expected + 0.5 * relaxed_emd_loss(hypercolumns(seen, places, scales=scales), in_style)
    left, right = halves()
    found = style_term("relaxed_emd", ([style], left), ([other], right))(canvas)
    torch.testing.assert_close(found, expected, rtol=1e-6, atol=0)


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("shares", [(0.4, 0.6), (0.4, 0.3, 0.3), (0.45,)])
def test_uniform_gray_masks_of_one_style_cost_their_share_of_the_whole(name, shares, style_term, draw, style):
    canvas = draw(96, 96, 5)
    whole = style_term(name, photo=canvas, samples=2000)(canvas)
    regions = [([style], torch.full((1, 1, 96, 96), share, dtype=torch.float64)) for share in shares]
    found = style_term(name, *regions, photo=canvas, samples=2000)(canvas)
    assert float(found) == pytest.approx(sum(shares) * float(whole), rel=0.1 if name in OF_MOMENTS else 0.25)


@pytest.mark.parametrize("name", LOSSES)
def test_the_gradient_of_regions_and_mixed_masked_styles_agrees_with_finite_differences(
    name, style_term, canvas, style, other
):
    mask, part = soft_mask(), soft_mask(28, 20, seed=2)
    term = style_term(name, ([(style, part), other], mask), ([other], 0.8 * (1 - mask)), samples=60)
    check_slope(term, canvas, step=1e-7)  # with longer steps a position changes its nearest neighbor on the way


@pytest.mark.parametrize("name", LOSSES)
def test_what_is_far_from_a_region_has_no_gradient(name, style_term, canvas, style):
    mask = torch.zeros(1, 1, 24, 32, dtype=torch.float64)
    mask[..., :12] = 1
    picture = canvas.clone().requires_grad_()
    term = style_term(name, ([style], mask), style_layers=("conv1_1=1", "conv2_1=1"))
    (gradient,) = torch.autograd.grad(term(picture), picture)
    assert (gradient[..., 24:] == 0).all()
    assert gradient[..., :10].abs().max() > 0


@pytest.mark.parametrize("name", OF_LAYERS)
@pytest.mark.parametrize("of_style", [False, True])
def test_a_region_or_a_style_mask_too_small_for_a_layer_costs_nothing_there(name, of_style, style_term, canvas, style):
    region = ([(style, square(5, 28, 20))], None) if of_style else ([style], square(4))
    layers = ("conv1_1=1", "conv2_1=1"), ("conv1_1=1",)
    both, shallow = (style_term(name, region, style_layers=some)(canvas) for some in layers)
    assert shallow > 0
    torch.testing.assert_close(both, shallow)


@pytest.mark.parametrize("name", LOSSES)
def test_a_region_too_small_for_every_layer_is_compared_where_it_is_largest(name, style_term, canvas, style):
    assert style_term(name, ([style], square(4)), style_layers=("conv2_1=1", "conv3_1=1"))(canvas) > 0


@pytest.mark.parametrize("name", [*OF_MOMENTS, *OF_POSITIONS])
def test_a_region_that_is_nowhere_costs_nothing(name, style_term, canvas, style):
    assert style_term(name, ([style], square(0)))(canvas) == 0


@pytest.mark.parametrize("name", ["gradient_energy", "relaxed_emd"])
@pytest.mark.parametrize("side", [0, 1, 2])
def test_a_region_of_a_few_pixels_has_a_finite_loss_and_gradient(name, side, style_term, canvas, style):
    picture = canvas.clone().requires_grad_()
    loss = style_term(name, ([style], square(side)))(picture)
    assert torch.isfinite(loss)
    assert not loss.requires_grad or torch.isfinite(torch.autograd.grad(loss, picture)[0]).all()

"""Every style loss where parts of the canvas learn different things, or several teachers teach."""

from typing import get_args

import numpy as np
import pytest
import scipy.linalg
import torch
from tests.losses.test_palette import chance, style_loss_by_hand

from impasto.backbones import Features
from impasto.backbones.moments import Moments
from impasto.losses import needed_layers
from impasto.losses.grain import grain, grain_loss, neighbor_shares, regional_grain
from impasto.losses.lessons import Lesson, Teacher, View
from impasto.losses.matching import relaxed_emd_loss
from impasto.losses.moments import (
    gaussian_loss,
    gaussian_target,
    has_few_positions,
    mean_std,
    mean_std_loss,
    together,
    wasserstein2_loss,
)
from impasto.losses.palette import _taught_positions, style_term, too_small
from impasto.losses.parts import Models
from impasto.losses.sampling import hypercolumns, layer_scales, sample_positions
from impasto.recipe.fields import StyleLoss

STYLE_LOSSES = get_args(StyleLoss)
OF_MOMENTS = ("gram", "mean_std", "wasserstein")
OF_MAPS = ("sliced", "histogram", "nearest")
DRAWS_NOTHING = (*OF_MOMENTS, "histogram", "grain")


def soft_mask(height=24, width=32, *, seed=0):
    """Draw a smooth mask that is 0 in places, 1 in others, and everything between."""
    y, x = torch.meshgrid(torch.linspace(0, 3, height), torch.linspace(0, 4, width), indexing="ij")
    wave = torch.sin(1.7 * x + seed) * torch.cos(1.3 * y - seed) + 0.3 * torch.sin(x + 2 * y)
    return (1.5 * wave + 0.5).clamp(0, 1)[None, None].double()


def halves(height=24, width=32):
    left = torch.zeros(1, 1, height, width, dtype=torch.float64)
    left[..., : width // 2] = 1
    return left, 1 - left


@pytest.fixture
def by_majority(monkeypatch):
    """Give every position to the part that has most of it instead of drawing one."""

    def largest(shares, generator):
        none = (1 - shares.sum(dim=0)).clamp(min=0)
        return torch.cat([shares, none[None]]).argmax(dim=0)

    monkeypatch.setattr("impasto.losses.parts.drawn_parts", largest)


@pytest.fixture
def other(draw):
    """Another style image."""
    return draw(20, 24, 8) * torch.tensor([1.0, 0.5, 0.2], dtype=torch.float64)[:, None, None]


@pytest.fixture
def bind(small_recipe, look, content):
    """Return a function from a loss's name and lessons, (styles and their masks, where), to the loss."""

    def make(name, *lessons, seed=3, photo=content, **changes):
        several = []
        for teachers, where in lessons:
            pairs = [pair if isinstance(pair, tuple) else (pair, None) for pair in teachers]
            several.append(
                Lesson(
                    teachers=tuple(Teacher(view=look(p), mask=m, share=1 / len(pairs)) for p, m in pairs), where=where
                )
            )
        models = Models(content=look(photo), lessons=tuple(several))
        return style_term(name, small_recipe(**changes), models, chance(seed))

    return make


@pytest.mark.parametrize("name", STYLE_LOSSES)
def test_a_part_that_is_everywhere_costs_what_no_part_costs(name, bind, look, canvas, style):
    ones = torch.ones(1, 1, 24, 32, dtype=torch.float64)
    plain, everywhere = bind(name, ([style], None)), bind(name, ([style], ones))
    torch.testing.assert_close(everywhere(look(canvas)), plain(look(canvas)), rtol=1e-6, atol=1e-12)


@pytest.mark.parametrize("name", STYLE_LOSSES)
def test_a_mask_of_ones_on_a_style_image_teaches_what_no_mask_teaches(name, bind, look, canvas, style):
    ones = torch.ones(1, 1, 28, 20, dtype=torch.float64)
    plain, masked = bind(name, ([style], None)), bind(name, ([(style, ones)], None))
    torch.testing.assert_close(masked(look(canvas)), plain(look(canvas)), rtol=1e-6, atol=1e-12)


@pytest.mark.parametrize("name", [name for name in STYLE_LOSSES if name != "relaxed_emd"])
def test_a_canvas_that_is_the_style_learns_nothing_where_each_part_is_taught_by_the_same_part(
    name, bind, look, style, by_majority
):
    mask = soft_mask(28, 20)
    lessons = [([(style, mask)], mask), ([(style, 1 - mask)], 1 - mask)]
    assert bind(name, *lessons, photo=style, samples=1000)(look(style)).item() == pytest.approx(0, abs=1e-9)
    # And something where the parts are exchanged.
    exchanged = [([(style, 1 - mask)], mask), ([(style, mask)], 1 - mask)]
    assert bind(name, *exchanged, photo=style, samples=1000)(look(style)) > 1e-5


@pytest.mark.parametrize("name", DRAWS_NOTHING)
def test_the_loss_of_several_parts_is_the_sum_of_the_loss_of_each(name, bind, look, canvas, style, other, by_majority):
    mask = soft_mask()
    rest = 1 - mask
    apart = bind(name, ([style], mask))(look(canvas)) + bind(name, ([other], rest))(look(canvas))
    torch.testing.assert_close(bind(name, ([style], mask), ([other], rest))(look(canvas)), apart, rtol=1e-9, atol=0)


def by_hand(name, view, target, side, generator):
    """Return the loss of one half of a canvas in conv1_1, the edge between the halves written out."""
    maps, style = view.features["conv1_1"], target.features["conv1_1"]
    height, width = maps.shape[2:]
    middle = width // 2
    if name in OF_MAPS:
        columns = slice(0, middle) if side == 0 else slice(middle, width)
        return style_loss_by_hand(name, maps[..., columns].flatten(2).unsqueeze(3), style, generator)
    weights = torch.ones(height, width, dtype=torch.float64)
    weights[:, middle:], weights[:, middle], weights[:, middle - 1] = 0, 1 / 3, 2 / 3
    if side == 1:
        weights = 1 - weights
    weights /= weights.sum()
    mean = torch.einsum("yx,cyx->c", weights, maps[0])
    centred = maps[0] - mean[:, None, None]
    covariance = torch.einsum("yx,cyx,dyx->cd", weights, centred, centred)
    whole = torch.full_like(style[0, 0], 1 / style[0, 0].numel())
    style_mean = torch.einsum("yx,cyx->c", whole, style[0])
    style_centred = style[0] - style_mean[:, None, None]
    style_covariance = torch.einsum("yx,cyx,dyx->cd", whole, style_centred, style_centred)
    if name == "gram":
        grams = covariance + mean.outer(mean), style_covariance + style_mean.outer(style_mean)
        return (grams[0] - grams[1]).square().sum() / grams[1].square().sum()
    if name == "mean_std":
        return mean_std_loss(mean, covariance.diagonal().sqrt(), style_mean, style_covariance.diagonal().sqrt())
    return wasserstein2_loss(mean, covariance, gaussian_target(style_mean, style_covariance))


@pytest.mark.parametrize("name", [*OF_MOMENTS, *OF_MAPS])
def test_two_halves_cost_the_mean_of_their_own_losses(name, bind, look, canvas, style, other, by_majority):
    generator = chance()
    expected = sum(
        0.5 * by_hand(name, look(canvas), look(target), side, generator) for side, target in enumerate((style, other))
    )
    left, right = halves()
    found = bind(name, ([style], left), ([other], right), style_layers=("conv1_1=1",))(look(canvas))
    torch.testing.assert_close(found, expected, rtol=1e-6, atol=0)


@pytest.mark.parametrize("share", [0.25, 1.0])
def test_a_part_counts_by_its_share_of_the_canvas(share, bind, look, canvas, style, by_majority):
    where = torch.zeros(1, 1, 24, 32, dtype=torch.float64)
    where[..., : int(32 * share)] = 1
    generator = chance()
    found = bind("histogram", ([style], where), style_layers=("conv1_1=1",))(look(canvas))
    part = look(canvas).features["conv1_1"][..., : int(32 * share)].flatten(2).unsqueeze(3)
    expected = share * style_loss_by_hand("histogram", part, look(style).features["conv1_1"], generator)
    torch.testing.assert_close(found, expected, rtol=1e-9, atol=0)


def test_the_grain_of_each_half_is_compared_with_its_own_style(bind, look, canvas, style, other):
    left, right = halves()
    expected = sum(
        0.5 * grain_loss(regional_grain(canvas, *neighbor_shares(where))[0], grain(target))
        for where, target in ((left, style), (right, other))
    )
    found = bind("grain", ([style], left), ([other], right))(look(canvas))
    torch.testing.assert_close(found, expected, rtol=1e-9, atol=0)


def test_relaxed_emd_draws_places_in_each_half(bind, look, canvas, style, other):
    generator, layers, expected = chance(), ("conv1_1", "conv2_2"), 0.0
    for side, target in enumerate((style, other)):
        maps = {layer: look(target).features[layer] for layer in layers}
        scales = layer_scales(maps)
        height, width = target.shape[2:]
        in_style = hypercolumns(maps, sample_positions(height, width, 100, generator), scales=scales)
        # Half the canvas is known by at least 64 places.
        places = sample_positions(24, 32, 128, generator)
        places = places[(places[:, 0] >= 0.5) == bool(side)]
        seen = {layer: look(canvas).features[layer] for layer in layers}
        expected = expected + 0.5 * relaxed_emd_loss(hypercolumns(seen, places, scales=scales), in_style)
    left, right = halves()
    found = bind("relaxed_emd", ([style], left), ([other], right))(look(canvas))
    torch.testing.assert_close(found, expected, rtol=1e-6, atol=0)


@pytest.mark.parametrize("name", STYLE_LOSSES)
def test_the_gradient_of_parts_and_mixed_masked_styles_agrees_with_a_finite_difference(
    name, bind, look, canvas, style, other
):
    mask, taught = soft_mask(), soft_mask(28, 20, seed=2)
    term = bind(name, ([(style, taught), other], mask), ([other], 0.8 * (1 - mask)), samples=60)
    picture = canvas.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(term(look(picture)), picture)
    assert torch.isfinite(gradient).all()
    assert gradient.abs().max() > 0
    for seed in range(2):
        direction = torch.randn(canvas.shape, generator=chance(seed), dtype=canvas.dtype)
        step = 1e-7  # with longer ones some place changes its nearest on the way
        ahead, behind = (term(look(canvas + sign * step * direction)).item() for sign in (1, -1))
        slope = (gradient * direction).sum().item()
        scale = gradient.norm().item() * direction.norm().item() / canvas.numel() ** 0.5
        assert (ahead - behind) / (2 * step) == pytest.approx(slope, rel=1e-3, abs=1e-3 * scale)


@pytest.mark.parametrize("name", STYLE_LOSSES)
def test_what_is_far_from_a_part_has_no_gradient(name, bind, look, canvas, style):
    where = torch.zeros(1, 1, 24, 32, dtype=torch.float64)
    where[..., :12] = 1
    term = bind(name, ([style], where), style_layers=("conv1_1=1", "conv2_1=1"))
    picture = canvas.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(term(look(picture)), picture)
    assert (gradient[..., 24:] == 0).all()
    assert gradient[..., :10].abs().max() > 0


@pytest.mark.parametrize("name", STYLE_LOSSES)
@pytest.mark.parametrize("value", [0.0, 1.0])
def test_parts_of_one_colour_have_a_finite_loss_and_gradient(name, value, bind, look, style):
    flat = torch.full((1, 3, 24, 32), value, dtype=torch.float64)
    left, right = halves()
    picture = flat.clone().requires_grad_()
    loss = bind(name, ([style], left), ([torch.full_like(style, 0.5)], right))(look(picture))
    (gradient,) = torch.autograd.grad(loss, picture)
    assert torch.isfinite(loss)
    assert torch.isfinite(gradient).all()


@pytest.mark.parametrize("name", [*OF_MOMENTS, *OF_MAPS])
def test_a_part_too_small_for_a_layer_costs_nothing_there(name, bind, look, canvas, style):
    where = torch.zeros(1, 1, 24, 32, dtype=torch.float64)
    where[..., 8:12, 8:12] = 1
    both, shallow = ("conv1_1=1", "conv2_1=1"), ("conv1_1=1",)
    first = bind(name, ([style], where), style_layers=shallow)(look(canvas))
    assert first > 0
    torch.testing.assert_close(bind(name, ([style], where), style_layers=both)(look(canvas)), first)


@pytest.mark.parametrize("name", STYLE_LOSSES)
def test_a_part_too_small_for_every_layer_learns_from_the_one_where_it_is_largest(name, bind, look, canvas, style):
    where = torch.zeros(1, 1, 24, 32, dtype=torch.float64)
    where[..., 8:12, 8:12] = 1
    assert bind(name, ([style], where), style_layers=("conv2_1=1", "conv3_1=1"))(look(canvas)) > 0


@pytest.mark.parametrize("name", OF_MAPS)
def test_a_part_that_is_nowhere_has_a_loss_with_a_gradient(name, bind, look, canvas, style):
    nowhere = torch.zeros(1, 1, 24, 32, dtype=torch.float64)
    picture = canvas.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(bind(name, ([style], nowhere))(look(picture)), picture)
    assert gradient.abs().max() == 0


@pytest.mark.parametrize("name", STYLE_LOSSES)
@pytest.mark.parametrize("shares", [(0.4, 0.6), (0.4, 0.3, 0.3), (0.45,)])
def test_even_grey_masks_of_one_style_cost_what_their_share_of_the_whole_costs(name, shares, bind, look, draw, style):
    canvas = draw(96, 96, 5)
    whole = bind(name, ([style], None), photo=canvas, samples=2000)(look(canvas))
    lessons = [([style], torch.full((1, 1, 96, 96), share, dtype=torch.float64)) for share in shares]
    found = bind(name, *lessons, photo=canvas, samples=2000)(look(canvas))
    assert float(found) == pytest.approx(sum(shares) * float(whole), rel=0.1 if name in OF_MOMENTS else 0.25)


def test_parts_and_the_layers_for_which_they_are_too_small_are_told(small_recipe, look, content, style):
    large, small = torch.ones(1, 1, 24, 32, dtype=torch.float64), torch.zeros(1, 1, 24, 32, dtype=torch.float64)
    small[..., 8:13, 8:13] = 1
    lessons = tuple(Lesson(teachers=Lesson.of(look(style)).teachers, where=w) for w in (large - small, small))
    recipe = small_recipe(style_layers=("conv1_1", "conv2_1", "conv3_1", "conv2_2=0"), content_layers=())
    models = Models(content=look(content), lessons=lessons)
    assert too_small(recipe, models) == [(1, ("conv2_1", "conv3_1"))]
    assert too_small(recipe, Models(content=look(content), lessons=(Lesson.of(look(style)),))) == []
    assert set(needed_layers(recipe)) == {"conv1_1", "conv2_1", "conv3_1"}


# -- several teachers --------------------------------------------------------------------------------------------------


def made_of(maps):
    """Return a view in which conv1_1 has these features."""
    return View(torch.zeros(1, 3, 4, 4, dtype=torch.float64), Features(("conv1_1",), iter([("conv1_1", maps)])))


@pytest.mark.parametrize("name", [*OF_MOMENTS, *OF_MAPS])
@pytest.mark.parametrize("heights", [(4, 4), (2, 6), (6, 2)])
def test_teachers_that_share_by_their_size_teach_what_their_places_side_by_side_teach(name, heights, small_recipe):
    first, second = (torch.rand(1, 3, h, 6, generator=chance(h)).double() + h / 7 for h in heights)
    both = torch.cat([first, second], dim=2)
    seen = torch.rand(1, 3, 8, 6, generator=chance(9)).double()
    teachers = tuple(Teacher(view=made_of(maps), share=maps.shape[2] / 8) for maps in (first, second))
    found = []
    for lesson in (Lesson(teachers=teachers), Lesson.of(made_of(both))):
        models = Models(content=made_of(seen), lessons=(lesson,))
        term = style_term(name, small_recipe(style_layers=("conv1_1=1",), samples=1000), models, chance())
        found.append(term(made_of(seen)))
    torch.testing.assert_close(found[0], found[1], rtol=1e-9, atol=0)


@pytest.mark.parametrize("name", STYLE_LOSSES)
def test_a_mixture_costs_a_canvas_like_one_of_them_less_than_the_other_alone(name, bind, look, style, other):
    seen = look(style)
    mixed = bind(name, ([style, other], None), photo=style, samples=560)(seen)
    alone = bind(name, ([other], None), photo=style, samples=560)(seen)
    assert 0 < mixed < alone


# -- maps with fewer positions than channels ---------------------------------------------------------------------------


def few(channels=14, height=3, width=4, seed=0):
    return torch.rand(1, channels, height, width, generator=chance(seed)).double()


def w2_by_definition(features, weights, target_mean, target_covariance):
    """Return the squared Wasserstein-2 distance of two Gaussians over the target's second moment, by matrix roots."""
    rows, shares = features[0].flatten(1).detach().numpy(), weights.numpy()
    mean = rows @ shares
    centred = rows - mean[:, None]
    covariance = (centred * shares) @ centred.T
    root = scipy.linalg.sqrtm(target_covariance).real
    cross = scipy.linalg.sqrtm(root @ covariance @ root).real
    distance = np.square(mean - target_mean).sum() + np.trace(covariance + target_covariance - 2 * cross)
    return distance / (np.square(target_mean).sum() + np.trace(target_covariance))


@pytest.fixture
def target():
    rows = few(14, 10, 12, seed=5)[0].flatten(1) * torch.linspace(0.3, 1.5, 14, dtype=torch.float64)[:, None]
    mean = rows.mean(dim=1)
    return gaussian_target(mean, (rows - mean[:, None]) @ (rows - mean[:, None]).T / rows.shape[1])


@pytest.mark.parametrize("kind", ["soft", "hard", "even"])
def test_the_wasserstein_loss_of_few_weighted_positions_is_that_of_its_definition(kind, target):
    features = few()
    assert has_few_positions(features)
    weights = torch.rand(12, generator=chance(4), dtype=torch.float64)
    weights = {"soft": weights, "hard": (weights > 0.4).double(), "even": torch.ones(12).double()}[kind]
    weights = weights / weights.sum()
    expected = w2_by_definition(features, weights, target.mean.numpy(), target.covariance.numpy())
    assert gaussian_loss(features, target, weights).item() == pytest.approx(expected, rel=1e-5)
    if kind == "even":
        assert gaussian_loss(features, target).item() == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("kind", ["soft", "hard"])
def test_the_gradient_of_few_weighted_positions_agrees_with_finite_differences(kind, target):
    weights = torch.rand(12, generator=chance(4), dtype=torch.float64) + 0.1
    weights = weights if kind == "soft" else (weights > 0.5).double()
    weights = weights / weights.sum()
    features = few().requires_grad_()
    (gradient,) = torch.autograd.grad(gaussian_loss(features, target, weights), features)
    assert (gradient.flatten(2)[..., weights == 0] == 0).all()
    for seed in range(3):
        direction = torch.randn(features.shape, generator=chance(seed), dtype=torch.float64)
        ahead, behind = (gaussian_loss(few() + sign * 1e-4 * direction, target, weights).item() for sign in (1, -1))
        assert (ahead - behind) / 2e-4 == pytest.approx((gradient * direction).sum().item(), rel=1e-3, abs=1e-4)


def test_parts_of_a_layer_of_few_positions_cost_the_weighted_sum_of_theirs(small_recipe, target):
    maps, style, second = few(40, 5, 7, seed=1), few(40, 6, 6, seed=2), few(40, 6, 6, seed=3) + 0.5
    mask = torch.linspace(0, 1, 7, dtype=torch.float64).repeat(5, 1)[None, None]
    lessons = tuple(
        Lesson(teachers=(Teacher(view=made_of(s)),), where=w) for s, w in ((style, 1 - mask), (second, mask))
    )
    recipe = small_recipe(style_losses=("wasserstein",), style_layers=("conv1_1=1",))
    found = style_term("wasserstein", recipe, Models(content=made_of(maps), lessons=lessons), chance())(made_of(maps))
    padded = np.pad(mask[0, 0].numpy(), 1, mode="edge")
    seen = sum(padded[i : i + 5, j : j + 7] for i in range(3) for j in range(3)) / 9
    expected = 0.0
    for share, taught in ((1 - seen, style), (seen, second)):
        rows = taught[0].flatten(1).numpy()
        weights = torch.from_numpy(share.flatten() / share.sum())
        covariance = np.cov(rows, bias=True)
        expected += 0.5 * w2_by_definition(maps, weights, rows.mean(axis=1), covariance)
    # The style's few positions leave its covariance singular, and matrix roots inexact.
    assert found.item() == pytest.approx(expected, rel=2e-3)


# -- decompositions side by side ---------------------------------------------------------------------------------------


@pytest.fixture
def three_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize("count", [1, 2, 7])
def test_tasks_together_answer_in_their_order_with_their_gradients(count, three_threads, target):
    def task(number, maps):
        rows = maps[0].flatten(1)
        return lambda: wasserstein2_loss(rows.mean(dim=1) + number, torch.cov(rows), target)

    maps = [few(14, 6, 6, seed=n).requires_grad_() for n in range(count)]
    tasks = [task(n, some) for n, some in enumerate(maps)]
    found, expected = together(tasks), [task() for task in tasks]
    torch.testing.assert_close(torch.stack(found), torch.stack(expected), rtol=1e-12, atol=0)
    gradients, wanted = (torch.autograd.grad(sum(losses), maps) for losses in (found, expected))
    for gradient, want in zip(gradients, wanted, strict=True):
        torch.testing.assert_close(gradient, want, rtol=1e-12, atol=1e-15)


def test_tasks_together_take_one_thread_each_and_leave_the_number_of_threads_as_it_was(three_threads):
    found = together([lambda: torch.tensor(torch.get_num_threads())] * 4)
    assert [int(number) for number in found] == [1] * 4
    assert torch.get_num_threads() == 3


def test_a_task_that_fails_is_told_and_the_number_of_threads_is_as_it_was(three_threads):
    def fail():
        raise ArithmeticError("no root")

    with pytest.raises(ArithmeticError, match="no root"):
        together([lambda: torch.zeros(()), fail, lambda: torch.zeros(())])
    assert torch.get_num_threads() == 3


def test_tasks_together_keep_no_gradient_where_none_is_wanted(three_threads):
    weight = torch.ones((), requires_grad=True)
    with torch.no_grad():
        assert not any(result.requires_grad for result in together([lambda: weight * 2, lambda: weight * 3]))
    assert all(result.requires_grad for result in together([lambda: weight * 2, lambda: weight * 3]))


@pytest.mark.parametrize("name", OF_MOMENTS)
def test_parts_cost_the_same_with_one_thread_and_with_several(name, bind, look, canvas, style, other, three_threads):
    mask = soft_mask()
    term = bind(name, ([style], mask), ([other], 1 - mask))
    results = []
    for threads in (3, 1):
        torch.set_num_threads(threads)
        picture = canvas.clone().requires_grad_()
        loss = term(look(picture))
        results.append((loss, *torch.autograd.grad(loss, picture)))
    for one, several in zip(*results, strict=True):
        torch.testing.assert_close(one, several, rtol=1e-9, atol=1e-15)


def test_moments_may_stand_for_a_map_of_few_positions(target):
    moments = Moments(target.mean + 0.1, target.covariance)
    expected = 0.01 * 14 / (target.mean.square().sum() + target.covariance.trace())
    torch.testing.assert_close(gaussian_loss(moments, target), expected, rtol=1e-6, atol=0)
    assert mean_std(moments)[0] is moments.mean


@pytest.mark.parametrize("name", ["grain", "relaxed_emd"])
def test_a_part_of_a_few_pixels_has_a_finite_loss_and_gradient(name, bind, look, canvas, style):
    for side in (1, 2, 4):
        where = torch.zeros(1, 1, 24, 32, dtype=torch.float64)
        where[..., 8 : 8 + side, 8 : 8 + side] = 1
        picture = canvas.clone().requires_grad_()
        loss = bind(name, ([style], where), samples=100)(look(picture))
        assert torch.isfinite(loss)
        if loss.requires_grad:
            assert torch.isfinite(torch.autograd.grad(loss, picture)[0]).all()


@pytest.mark.parametrize("side", [1, 3, 20])
def test_relaxed_emd_finds_what_teaches_however_little_it_is(side, bind, look, canvas, style):
    mask = torch.zeros(1, 1, 28, 20, dtype=torch.float64)
    mask[..., 5 : 5 + side, :side] = 1
    found = bind("relaxed_emd", ([(style, mask)], None), samples=16)(look(canvas))
    assert torch.isfinite(found)
    assert found > 0


def test_a_masked_teacher_has_an_extent_and_gives_about_as_many_places_as_are_asked_for(look, style):
    mask = soft_mask(28, 20)
    for share, taught in ((1.0, mask), (0.05, mask), (1.0, torch.ones_like(mask))):
        teacher = Teacher(view=look(style), mask=share * taught)
        inside = (share * taught >= min(0.5, share * taught.max())).double().mean()
        assert teacher.extent == pytest.approx(inside)
        places = _taught_positions(teacher, 60, chance())
        assert 20 <= len(places) <= 90 or len(places) >= 0.9 * inside * 560
        assert torch.equal(teacher.teaches(places), places)

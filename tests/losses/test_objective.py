"""The objective: weights, terms, random numbers, memory."""

import gc

import pytest
import torch
from loss_inputs import OF_MOMENTS, check_slope, soft_mask
from torch.multiprocessing.reductions import StorageWeakRef

from impasto.losses import (
    CONTENT_LOSSES,
    STYLE_LOSSES,
    TERMS,
    EarlierFrame,
    EncodedImage,
    TemporalLoss,
    measure_style,
    needed_layers,
    total_of,
)
from impasto.losses.picture import LowFrequencies, LuminanceRangeExcess, TotalVariation, luminance_range
from impasto.losses.registry import layers_of_moments
from impasto.recipe import Recipe

SAMPLED = {"style_losses": ("sliced=1", "nearest=1", "relaxed_emd=1"), "content_losses": ("self_similarity=1",)}
EVERY = {"style_losses": tuple(STYLE_LOSSES), "content_losses": tuple(CONTENT_LOSSES)}
WEIGHTS = {
    "content": "content_weight",
    "style": "style_weight",
    "low_frequency": "low_frequency_weight",
    "luminance_range": "luminance_range_weight",
    "tv": "tv_weight",
    "temporal": "temporal_weight",
}


def terms_of(objective, picture) -> dict[str, float]:
    return {name: float(term) for name, term in objective.terms(picture).items()}


def test_a_layer_counts_by_its_positions_on_a_coarse_level(make_objective, small_recipe, content, canvas):
    layers = {"style_layers": ("conv1_1", "conv2_1"), "style_losses": ("wasserstein",), "content_weight": 0.0}
    deep, both = ("conv1_1=0", "conv2_1=1"), ("conv1_1=1", "conv2_1=1")
    height, width = content.shape[2:]
    positions = {"conv1_1": height * width, "conv2_1": (height // 2) * (width // 2)}

    def style(matching, stated, coarse=True):
        recipe = small_recipe(**layers | {"style_layers": stated, "style_matching": matching})
        return float(make_objective(recipe, coarse=coarse).terms(canvas)["style"])

    full = {"conv2_1": style(0, deep), "conv1_1": style(0, both) - style(0, deep)}
    for matching in (0.5, 1.0):
        expected = sum(full[name] * (1 - matching + matching * min(1, positions[name] / 2000)) for name in full)
        assert style(matching, both) == pytest.approx(expected, rel=1e-6)
        assert style(matching, both, coarse=False) == pytest.approx(sum(full.values()), rel=1e-6)


# -- layers ------------------------------------------------------------------------------------------------------------


def test_needed_layers_are_those_of_content_style_and_single_losses(small_recipe):
    recipe = small_recipe(
        content_layers=("conv4_2", "conv2_2=0"),
        style_layers=("conv1_1", "relu4_2"),
        style_losses="gram=1,nearest=0.5@conv3_1=0.3+conv4_1=0.1:512",
    )
    assert set(needed_layers(recipe)) == {"conv4_2", "conv1_1", "conv3_1", "conv4_1"}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, {"conv1_1", "conv2_1"}),
        ({"style_losses": ("gram", "mean_std", "wasserstein", "gradient_energy")}, {"conv1_1", "conv2_1"}),
        ({"style_losses": ("gram", "nearest")}, set()),
        ({"style_losses": "gram=1,nearest=1@conv2_1=1"}, {"conv1_1"}),
        ({"style_losses": ("gram", "relaxed_emd")}, set()),
        ({"style_losses": ("gram", "sliced=0")}, {"conv1_1", "conv2_1"}),
        ({"content_layers": ("conv2_1", "conv3_1")}, {"conv1_1"}),
        ({"content_layers": ("conv2_1=0", "conv3_1")}, {"conv1_1", "conv2_1"}),
    ],
)
def test_moments_suffice_where_no_loss_compares_positions(changes, expected):
    usual = {"style_layers": ("conv1_1", "conv2_1", "conv3_1=0"), "style_losses": ("gram",)}
    assert layers_of_moments(Recipe(**{**usual, "content_layers": ("conv3_1",), **changes})) == expected


def test_a_loss_uses_its_own_layers_and_samples(style_term, canvas):
    own = style_term("relaxed_emd=1@conv1_1=1+conv3_1=1:40")(canvas)
    shared = style_term("relaxed_emd", style_layers=("conv1_1=1", "conv3_1=1"), samples=40)(canvas)
    assert torch.equal(own, shared)


@pytest.mark.parametrize("layers", ["", "conv2_1=0"])
@pytest.mark.parametrize("kind", ["content", "style"])
def test_losses_of_features_without_weighted_layers_cost_nothing(kind, layers, small_recipe, make_objective, canvas):
    features = ("features", "self_similarity") if kind == "content" else (*OF_MOMENTS, "nearest", "relaxed_emd")
    objective = make_objective(small_recipe(**{f"{kind}_layers": layers, f"{kind}_losses": features}))
    assert terms_of(objective, canvas)[kind] == 0


@pytest.mark.parametrize(("kind", "loss"), [("content", "self_similarity=1"), ("style", "relaxed_emd=1")])
def test_a_layer_without_weight_is_no_part_of_the_hypercolumns(kind, loss, small_recipe, make_objective, canvas):
    alone, beside = (
        make_objective(small_recipe(**{f"{kind}_layers": layers, f"{kind}_losses": (loss,)})).terms(canvas)[kind]
        for layers in (("conv2_1=1",), ("conv2_1=1", "conv3_1=0"))
    )
    assert torch.equal(alone, beside)


# -- terms and weights -------------------------------------------------------------------------------------------------


def test_the_terms_are_the_weighted_losses_by_name(
    small_recipe, make_objective, style_term, content_term, canvas, content, style
):
    recipe = small_recipe(
        content_losses=("features=0.5", "laplacian=2"), style_losses=("gram=3", "histogram=0.25"), content_weight=7.0,
        style_weight=11.0, low_frequency_weight=13.0, luminance_range_weight=0.19, tv_weight=0.17, temporal_weight=5.0,
    )  # fmt: skip
    earlier = EarlierFrame(1 - canvas, canvas[:, :1])
    expected = {
        "content": 7 * (0.5 * content_term("features")(canvas) + 2 * content_term("laplacian")(canvas)),
        "style": 11 * (3 * style_term("gram")(canvas) + 0.25 * style_term("histogram")(canvas)),
        "low_frequency": 13 * LowFrequencies(1 - content)(canvas),
        "luminance_range": 0.19 * LuminanceRangeExcess(luminance_range(style))(canvas),
        "tv": 0.17 * TotalVariation()(canvas),
        "temporal": 5.0 * TemporalLoss([earlier])(canvas),
    }
    terms = make_objective(recipe, low_frequency_target=1 - content, earlier=[earlier]).terms(canvas)
    assert list(terms) == list(TERMS) == list(expected)
    torch.testing.assert_close(terms, expected, rtol=1e-9, atol=0)


def test_the_gradient_is_the_gradient_of_the_sum_of_the_terms(small_recipe, make_objective, canvas):
    objective = make_objective(small_recipe(**EVERY, tv_weight=1e-3))
    terms, gradient = objective.value_and_grad(canvas)
    leaf = canvas.clone().requires_grad_()
    (expected,) = torch.autograd.grad(total_of(objective.terms(leaf)), leaf)
    assert torch.equal(gradient, expected)
    assert {name: float(term) for name, term in terms.items()} == terms_of(objective, canvas)
    assert not any(term.requires_grad for term in terms.values())
    assert not canvas.requires_grad


def test_where_nothing_is_compared_the_gradient_is_0(small_recipe, make_objective, canvas, style):
    nowhere = torch.zeros(1, 1, 24, 32, dtype=torch.float64)
    objective = make_objective(small_recipe(content_weight=0.0), ([style], nowhere))
    terms, gradient = objective.value_and_grad(canvas)
    assert gradient.shape == canvas.shape
    assert float(total_of(terms)) == gradient.abs().sum() == 0


def test_the_gradient_of_all_losses_agrees_with_finite_differences(small_recipe, make_objective, canvas, style):
    recipe = small_recipe(**EVERY, tv_weight=1e-3, low_frequency_weight=0.5, luminance_range_weight=1e-3)
    objective = make_objective(recipe, low_frequency_target=style[..., :24, :1].expand(1, 3, 24, 32))
    check_slope(lambda x: total_of(objective.terms(x)), 1.2 * canvas - 0.1, step=1e-6, seeds=1)


@pytest.mark.parametrize(("term", "field"), WEIGHTS.items())
def test_a_changed_weight_acts_on_its_own_term_alone(term, field, small_recipe, make_objective, canvas, style):
    recipe = small_recipe(**dict.fromkeys(WEIGHTS.values(), 2.0), **SAMPLED)
    earlier = [EarlierFrame(1 - canvas, canvas[:, :1])]
    objective = make_objective(recipe, low_frequency_target=style[..., :24, :1].expand(1, 3, 24, 32), earlier=earlier)
    canvas[..., 3:9, 3:9] = 1
    before = terms_of(objective, canvas)
    assert min(before.values()) > 0
    for weight, factor in ((6.0, 3), (0.0, 0)):
        objective.change(recipe.with_changes(**{field: weight}))
        assert terms_of(objective, canvas) == pytest.approx({**before, term: factor * before[term]}, rel=1e-9)


@pytest.mark.parametrize(
    ("kind", "name"), [*(("style", name) for name in STYLE_LOSSES), *(("content", name) for name in CONTENT_LOSSES)]
)
def test_the_weight_of_a_loss_multiplies_it(kind, name, small_recipe, make_objective, canvas):
    once, thrice = (
        terms_of(make_objective(small_recipe(**{f"{kind}_losses": (f"{name}={weight}",)})), canvas)[kind]
        for weight in (0.5, 1.5)
    )
    assert thrice == pytest.approx(3 * once, rel=1e-9)
    assert once > 0


def test_a_loss_without_weight_draws_nothing(small_recipe, make_objective, canvas):
    alone = make_objective(small_recipe(style_losses=("sliced=1",)))
    beside = make_objective(small_recipe(style_losses=("nearest=0", "sliced=1", "histogram=0")))
    assert terms_of(alone, canvas) == terms_of(beside, canvas)


def test_the_content_factor_multiplies_the_content_alone(small_recipe, make_objective, canvas):
    recipe = small_recipe(tv_weight=1.0)
    plain = terms_of(make_objective(recipe), canvas)
    coarse = terms_of(make_objective(recipe, content_factor=2.5), canvas)
    assert coarse == pytest.approx({**plain, "content": 2.5 * plain["content"]})


@pytest.mark.parametrize("strength", [0.0, 20.0, 50.0, 75.0, 100.0])
def test_the_objective_follows_the_strength_as_its_balanced_weights(strength, small_recipe, make_objective, canvas):
    others = {"tv_weight": 0.1, "low_frequency_weight": 0.3, **SAMPLED}
    recipe = small_recipe(strength=strength, **others)
    expected = terms_of(make_objective(recipe.balanced()), canvas)
    assert terms_of(make_objective(recipe), canvas) == expected
    changed = make_objective(small_recipe(**others))
    changed.change(recipe)
    assert terms_of(changed, canvas) == expected


# -- random numbers ----------------------------------------------------------------------------------------------------


def test_making_an_objective_leaves_the_random_numbers_of_the_program_alone(small_recipe, make_objective):
    torch.manual_seed(0)
    before = torch.get_rng_state()
    make_objective(small_recipe(**SAMPLED))
    assert torch.equal(torch.get_rng_state(), before)


def test_the_most_samples_that_a_recipe_may_ask_for_are_not_too_many_for_any_loss(small_recipe, make_objective, draw):
    photo, picture = draw(72, 72, 1), draw(72, 72, 2)
    recipe = small_recipe(samples=65536, content_losses="self_similarity", style_losses=("nearest", "relaxed_emd"))
    terms = make_objective(recipe, ([1 - photo], None), photo=photo).terms(picture)
    assert torch.isfinite(total_of(terms))


# -- content that counts by the distance from the style ----------------------------------------------------------------


@pytest.mark.parametrize("exponent", [0.1, 0.25])
def test_a_start_far_from_the_style_raises_the_content_by_the_power_of_its_distance(
    exponent, small_recipe, make_objective, canvas, style
):
    recipe = small_recipe(content_exponent=exponent, style_weight=3.0)
    near = torch.nn.functional.interpolate(style, size=(24, 32), mode="bilinear") * 0.8 + 0.2 * canvas
    factors, distances = [], []
    for start in (near, 1 - near):
        objective = make_objective(recipe)
        before = terms_of(objective, canvas)
        distances.append(terms_of(objective, start)["style"] / 3.0)
        objective.scale_content_weight(start)
        after = terms_of(objective, canvas)
        assert {**after, "content": before["content"]} == before
        factors.append(after["content"] / before["content"])
    assert distances[1] > 1.5 * distances[0]
    assert factors[1] / factors[0] == pytest.approx((distances[1] / distances[0]) ** exponent, rel=1e-6)


@pytest.mark.parametrize(("exponent", "weight", "factor"), [(2.0, 1e-9, 0.25), (2.0, 1e9, 4.0), (0.0, 1e9, 1.0)])
def test_the_content_is_adapted_by_at_most_a_factor_of_4_and_stays_so_when_weights_change(
    exponent, weight, factor, small_recipe, make_objective, canvas, content
):
    recipe = small_recipe(content_exponent=exponent, style_losses=(f"gram={weight}",))
    objective = make_objective(recipe)
    before = terms_of(objective, canvas)["content"]
    objective.scale_content_weight(content)
    assert terms_of(objective, canvas)["content"] == pytest.approx(factor * before)
    objective.change(recipe.with_changes(content_weight=2.0))
    assert terms_of(objective, canvas)["content"] == pytest.approx(2 * factor * before)


# -- saliency and regions ----------------------------------------------------------------------------------------------


def test_layers_for_which_a_region_is_too_small_are_reported(small_recipe, make_objective, style):
    small = torch.zeros(1, 1, 24, 32, dtype=torch.float64)
    small[..., 8:13, 8:13] = 1
    recipe = small_recipe(style_layers=("conv1_1", "conv2_1", "conv3_1", "conv2_2=0"))
    objective = make_objective(recipe, ([style], 1 - small), ([style], small))
    assert objective.too_small == [(1, ("conv2_1", "conv3_1"))]
    assert make_objective(recipe).too_small == []


# -- memory ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def maps_in_memory(monkeypatch):
    """Return a function to the layers whose maps still are in memory, for every picture that was encoded."""
    seen, of = [], EncodedImage.of

    def remembered(extractor, *arguments, **options):
        image = of(extractor, *arguments, **options)
        seen.append({name: StorageWeakRef(maps.untyped_storage()) for name, maps in image.features.items()})
        return image

    def kept() -> list[set[str]]:
        gc.collect()
        return [{name for name, memory in maps.items() if not memory.expired()} for maps in seen]

    monkeypatch.setattr(EncodedImage, "of", remembered)
    return kept


@pytest.mark.parametrize("masked", [False, True])
def test_only_the_maps_that_content_losses_compare_stay_in_memory(
    masked, small_recipe, make_objective, maps_in_memory, canvas, style
):
    recipe = small_recipe(
        **EVERY, content_layers=("conv2_1",), style_layers=("conv1_1", "conv2_2", "conv3_1"), samples=30
    )
    objective = make_objective(recipe, ([(style, soft_mask(28, 20)) if masked else style], None))
    assert maps_in_memory() == [set(), {"conv2_1"}]
    objective.value_and_grad(canvas)
    assert maps_in_memory()[2] == set()


def test_a_style_target_knows_how_much_memory_it_takes(small_recipe, encode, style):
    recipe = small_recipe(style_losses=("gram", "nearest"), style_layers=("conv1_1",))
    target = measure_style(encode(style), recipe)
    assert target.nbytes == 8 * (3 * 3 + 3 * 28 * 20)

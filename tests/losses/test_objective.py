"""The objective: its weights, what it draws, and what it lets go."""

import gc

import pytest
import torch
from torch.multiprocessing.reductions import StorageWeakRef

from impasto.backbones.vgg19 import VGG19Extractor
from impasto.losses import TERMS, Objective, needed_layers, total_variation
from impasto.losses.gamut import gamut_loss, gamut_of
from impasto.losses.layout import color_anchor_loss
from impasto.losses.lessons import Lesson, View
from impasto.losses.palette import content_term, style_term
from impasto.losses.parts import Models

SAMPLED = {"style_losses": ("sliced=1", "nearest=1", "relaxed_emd=1"), "content_losses": ("self_similarity=1",)}


@pytest.fixture
def make_objective(small_extractor, content, style):
    def make(recipe, *, extractor=small_extractor, anchor=content, **more) -> Objective:
        lessons = [Lesson.of(View(style, extractor(style)))]
        return Objective(extractor, recipe, content=content, lessons=lessons, anchor=anchor, **more)

    return make


def terms_of(objective, picture) -> dict[str, float]:
    return dict(zip(TERMS, objective(picture).tolist(), strict=True))


def test_a_recipe_needs_the_layers_of_content_and_style(small_recipe):
    recipe = small_recipe(content_layers=("conv4_2",), style_layers=("conv1_1", "relu4_2"))
    assert set(needed_layers(recipe)) == {"conv4_2", "conv1_1"}


def test_the_terms_are_the_weighted_losses_in_their_order(small_recipe, make_objective, look, canvas, content, style):
    recipe = small_recipe(
        content_losses=("features=0.5", "laplacian=2"), style_losses=("gram=3", "histogram=0.25"),
        content_weight=7.0, style_weight=11.0, anchor_weight=13.0, gamut_weight=0.19, tv_weight=0.17,
    )  # fmt: skip
    models, chance = Models(content=look(content), lessons=(Lesson.of(look(style)),)), torch.Generator()
    view = look(canvas)
    losses = {name: content_term(name, recipe, models, chance)(view) for name in ("features", "laplacian")}
    losses |= {name: style_term(name, recipe, models, chance)(view) for name in ("gram", "histogram")}
    anchor = 1 - content
    expected = [
        7 * (0.5 * losses["features"] + 2 * losses["laplacian"]),
        11 * (3 * losses["gram"] + 0.25 * losses["histogram"]),
        13 * color_anchor_loss(canvas, anchor),
        0.19 * gamut_loss(canvas, gamut_of(style)),
        0.17 * total_variation(canvas),
    ]
    assert TERMS == ("content", "style", "anchor", "gamut", "tv")
    torch.testing.assert_close(make_objective(recipe, anchor=anchor)(canvas), torch.stack(expected), rtol=1e-9, atol=0)


@pytest.mark.parametrize(
    ("field", "term"),
    [
        ("content_weight", "content"),
        ("style_weight", "style"),
        ("anchor_weight", "anchor"),
        ("gamut_weight", "gamut"),
        ("tv_weight", "tv"),
    ],
)
def test_a_changed_weight_acts_on_its_own_term_alone(field, term, small_recipe, make_objective, canvas, style):
    weights = {"content_weight": 2.0, "style_weight": 2.0, "anchor_weight": 2.0, "gamut_weight": 2.0, "tv_weight": 2.0}
    recipe = small_recipe(**weights, **SAMPLED)
    objective = make_objective(recipe, anchor=style[..., :24, :1].expand(1, 3, 24, 32))
    canvas = canvas.clone()
    canvas[..., 3:9, 3:9] = 1
    before = terms_of(objective, canvas)
    objective.change(recipe.with_changes(**{field: 6.0}))
    after = terms_of(objective, canvas)
    assert min(before.values()) > 0
    assert after == pytest.approx({**before, term: 3 * before[term]}, rel=1e-9)
    objective.change(recipe.with_changes(**{field: 0.0}))
    assert terms_of(objective, canvas) == pytest.approx({**before, term: 0.0}, rel=1e-9)


def test_a_weight_that_was_0_may_rise_later(small_recipe, make_objective, canvas):
    objective = make_objective(small_recipe(style_weight=0.0))
    assert terms_of(objective, canvas)["style"] == 0
    objective.change(small_recipe(style_weight=5.0))
    expected = terms_of(make_objective(small_recipe(style_weight=5.0)), canvas)
    assert terms_of(objective, canvas) == pytest.approx(expected)


def test_the_weight_of_a_loss_multiplies_it(small_recipe, make_objective, canvas):
    names = ("gram", "mean_std", "wasserstein", "sliced", "histogram", "nearest", "relaxed_emd")
    for kind, some in (("style", names), ("content", ("features", "self_similarity", "laplacian"))):
        for name in some:
            once, thrice = (
                terms_of(make_objective(small_recipe(**{f"{kind}_losses": (f"{name}={weight}",)})), canvas)[kind]
                for weight in (0.5, 1.5)
            )
            assert once > 0
            assert thrice == pytest.approx(3 * once, rel=1e-9), name


def test_a_loss_without_weight_is_not_looked_at(small_recipe, make_objective, canvas):
    alone = make_objective(small_recipe(style_losses=("gram=1",)))
    beside = make_objective(small_recipe(style_losses=("relaxed_emd=0", "gram=1", "histogram=0")))
    assert torch.equal(alone(canvas), beside(canvas))


def test_the_content_factor_multiplies_the_content_alone(small_recipe, make_objective, canvas):
    recipe = small_recipe(tv_weight=1.0)
    plain, coarse = (
        terms_of(make_objective(recipe), canvas),
        terms_of(make_objective(recipe, content_factor=2.5), canvas),
    )
    assert coarse == pytest.approx({**plain, "content": 2.5 * plain["content"]})


def test_the_same_seed_draws_the_same_samples_and_another_seed_others(small_recipe, make_objective, canvas):
    first, again, other = (make_objective(small_recipe(seed=seed, **SAMPLED))(canvas) for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert first[0] != other[0]
    assert first[1] != other[1]


def test_making_an_objective_leaves_the_chance_of_the_program_alone(small_recipe, make_objective):
    torch.manual_seed(0)
    before = torch.get_rng_state()
    make_objective(small_recipe(**SAMPLED))
    assert torch.equal(torch.get_rng_state(), before)


def test_importance_makes_a_defect_dearer_where_the_photo_has_something_to_lose(small_recipe, make_objective, content):
    importance = torch.linspace(1.9, 0.1, 32, dtype=torch.float64).expand(1, 1, 24, 32)
    objective = make_objective(small_recipe(), importance=importance)
    left, right = (content.clone() for _ in range(2))
    left[..., :8] = 1 - left[..., :8]
    right[..., -8:] = 1 - right[..., -8:]
    plain = make_objective(small_recipe())
    gain = [terms_of(objective, x)["content"] / terms_of(plain, x)["content"] for x in (left, right)]
    assert gain[0] > 1.3
    assert gain[1] < 0.7


@pytest.mark.parametrize("exponent", [0.1, 0.25])
def test_a_start_far_from_the_style_raises_the_content_by_the_power_of_its_distance(
    exponent, small_recipe, make_objective, canvas, style
):
    recipe = small_recipe(adapt=exponent, style_weight=3.0)
    near = torch.nn.functional.interpolate(style, size=(24, 32), mode="bilinear") * 0.8 + 0.2 * canvas
    factors, distances = [], []
    for start in (near, 1 - near):
        objective = make_objective(recipe)
        before = terms_of(objective, canvas)
        distances.append(terms_of(objective, start)["style"] / 3.0)
        objective.adapt(start)
        after = terms_of(objective, canvas)
        assert {**after, "content": before["content"]} == before
        factors.append(after["content"] / before["content"])
    assert distances[1] > 1.5 * distances[0]
    assert factors[1] / factors[0] == pytest.approx((distances[1] / distances[0]) ** exponent, rel=1e-6)


def test_the_content_is_adapted_by_no_more_than_a_factor_of_4(small_recipe, make_objective, canvas, style, content):
    for start_is_style, factor in ((True, 0.25), (False, 4.0)):
        recipe = small_recipe(adapt=2.0, style_losses=("gram=1e-9" if start_is_style else "gram=1e9",))
        objective = make_objective(recipe)
        before = terms_of(objective, canvas)["content"]
        objective.adapt(content)
        assert terms_of(objective, canvas)["content"] == pytest.approx(factor * before)


def test_an_exponent_of_0_adapts_nothing(small_recipe, make_objective, canvas, content):
    objective = make_objective(small_recipe(adapt=0.0))
    before = objective(canvas)
    objective.adapt(content)
    assert torch.equal(objective(canvas), before)


def test_the_adapted_content_stays_so_when_weights_change(small_recipe, make_objective, canvas, content):
    recipe = small_recipe(adapt=1.0, style_losses=("gram=1e9",))
    objective = make_objective(recipe)
    plain = terms_of(objective, canvas)["content"]
    objective.adapt(content)
    objective.change(recipe.with_changes(content_weight=2.0))
    assert terms_of(objective, canvas)["content"] == pytest.approx(2 * 4 * plain)


@pytest.mark.parametrize("strength", [0.0, 20.0, 50.0, 75.0, 100.0])
def test_the_objective_follows_the_strength_as_its_balanced_weights(strength, small_recipe, make_objective, canvas):
    recipe = small_recipe(strength=strength, tv_weight=0.1, anchor_weight=0.3, **SAMPLED)
    dialled, written = make_objective(recipe), make_objective(recipe.balanced())
    assert torch.equal(dialled(canvas), written(canvas))
    turned = make_objective(small_recipe(tv_weight=0.1, anchor_weight=0.3, **SAMPLED))
    turned.change(recipe)
    assert torch.equal(turned(canvas), dialled(canvas))


def test_the_gradient_of_the_whole_objective_agrees_with_a_finite_difference(
    small_recipe, make_objective, canvas, style
):
    recipe = small_recipe(
        content_losses=("features", "self_similarity", "laplacian"),
        style_losses=("gram", "mean_std", "wasserstein", "sliced", "histogram", "nearest", "relaxed_emd", "grain"),
        tv_weight=1e-3, anchor_weight=0.5, gamut_weight=1e-3,
    )  # fmt: skip
    objective = make_objective(recipe, anchor=style[..., :24, :1].expand(1, 3, 24, 32))
    picture = 1.2 * canvas - 0.1
    picture = picture.requires_grad_()
    (gradient,) = torch.autograd.grad(objective(picture).sum(), picture)
    direction = torch.randn(canvas.shape, generator=torch.Generator().manual_seed(7), dtype=canvas.dtype)
    ahead, behind = (objective(picture.detach() + sign * 1e-6 * direction).sum().item() for sign in (1, -1))
    assert (ahead - behind) / 2e-6 == pytest.approx((gradient * direction).sum().item(), rel=1e-3)


@pytest.mark.parametrize("layers", ["", "conv2_1=0"])
@pytest.mark.parametrize(
    ("kind", "loss"),
    [("content", "self_similarity=1"), ("content", "features=1"), ("style", "relaxed_emd=1"), ("style", "gram=1")],
)
def test_a_loss_of_features_without_weighted_layers_costs_nothing(
    kind, loss, layers, small_recipe, make_objective, canvas
):
    recipe = small_recipe(**{f"{kind}_layers": layers, f"{kind}_losses": (loss,)})
    assert terms_of(make_objective(recipe), canvas)[kind] == 0


@pytest.mark.parametrize(("kind", "loss"), [("content", "self_similarity=1"), ("style", "relaxed_emd=1")])
def test_a_layer_without_weight_is_no_part_of_the_hypercolumns(kind, loss, small_recipe, make_objective, canvas):
    alone, beside = (
        make_objective(small_recipe(**{f"{kind}_layers": layers, f"{kind}_losses": (loss,)}))(canvas)
        for layers in (("conv2_1=1",), ("conv2_1=1", "conv3_1=0"))
    )
    assert torch.equal(alone, beside)


def test_the_most_samples_that_a_recipe_may_ask_for_are_not_too_many_for_any_loss(small_recipe, small_extractor, draw):
    photo = draw(72, 72, 1)
    names = {"content_losses": ("self_similarity",), "style_losses": ("nearest", "relaxed_emd")}
    recipe = small_recipe(samples=65536, **names)
    lessons = [Lesson.of(View(1 - photo, small_extractor(1 - photo)))]
    objective = Objective(small_extractor, recipe, content=photo, lessons=lessons, anchor=photo)
    assert torch.isfinite(objective(draw(72, 72, 2))).all()


@pytest.fixture
def maps_in_memory(monkeypatch):
    """Return a function to the layers whose maps still are in memory, for every picture that was looked at."""
    seen = []
    look = VGG19Extractor.__call__

    def looked(extractor, picture, **options):
        features = look(extractor, picture, **options)
        seen.append({name: StorageWeakRef(maps.untyped_storage()) for name, maps in features.items()})
        return features

    def kept() -> list[set[str]]:
        gc.collect()
        return [{name for name, memory in maps.items() if not memory.expired()} for maps in seen]

    monkeypatch.setattr(VGG19Extractor, "__call__", looked)
    return kept


def test_the_maps_of_the_style_and_those_that_no_content_loss_compares_are_let_go(
    small_recipe, make_objective, maps_in_memory, canvas
):
    recipe = small_recipe(
        content_layers=("conv2_1",), content_losses=("features", "self_similarity", "laplacian"),
        style_layers=("conv1_1", "conv2_2", "conv3_1"), samples=30,
        style_losses=("gram", "mean_std", "wasserstein", "sliced", "histogram", "nearest", "relaxed_emd", "grain"),
    )  # fmt: skip
    objective = make_objective(recipe)
    assert maps_in_memory() == [set(), {"conv2_1"}]
    objective(canvas)
    assert maps_in_memory()[2] == set()

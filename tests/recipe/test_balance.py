"""The strength: its effect on the weights, and the error if the balance is stated twice."""

import shlex

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from impasto.errors import InputError
from impasto.recipe import PRESETS, Recipe, check_balance, read_recipe, resolve

WEIGHTS = ("content_weight", "style_weight", "tv_weight", "low_frequency_weight", "luminance_range_weight", "recolor")
FADING = ("tv_weight", "low_frequency_weight", "luminance_range_weight", "recolor")
strengths = st.floats(0, 100)
bases = st.fixed_dictionaries(
    {
        "content_weight": st.floats(1e-3, 1e6),
        "style_weight": st.floats(1e-3, 1e6),
        "tv_weight": st.floats(0, 1e3),
        "low_frequency_weight": st.floats(0, 1e3),
        "luminance_range_weight": st.floats(0, 1e3),
        "recolor": st.floats(0, 1),
    }
)


@given(base=bases)
def test_a_strength_of_50_changes_nothing(base):
    recipe = Recipe(strength=50, **base)
    assert recipe.balanced() == recipe


@given(base=bases)
def test_at_100_the_content_has_no_weight_and_all_else_keeps_its_own_or_more(base):
    recipe = Recipe(strength=100, **base).balanced()
    assert recipe.content.weight == 0
    assert recipe.style.weight > base["style_weight"]
    assert {name: recipe.get(name) for name in FADING} == {name: base[name] for name in FADING}


@given(base=bases)
def test_at_0_all_that_serves_the_style_is_gone(base):
    recipe = Recipe(strength=0, **base).balanced()
    assert recipe.content.weight > base["content_weight"]
    assert {name: recipe.get(name) for name in WEIGHTS[1:]} == dict.fromkeys(WEIGHTS[1:], 0)


@given(base=bases, pair=st.tuples(strengths, strengths).map(sorted))
def test_more_strength_is_never_more_content_nor_less_of_anything_else(base, pair):
    less, more = (Recipe(strength=strength, **base).balanced() for strength in pair)
    assert more.content.weight <= less.content.weight
    for name in WEIGHTS[1:]:
        assert more.get(name) >= less.get(name)


@given(base=bases, turn=st.floats(0.01, 0.99))
def test_the_ratio_of_style_to_content_rises_on_one_side_as_it_falls_on_the_other(base, turn):
    def ratio(strength):
        recipe = Recipe(strength=strength, **base).balanced()
        return recipe.style.weight / recipe.content.weight

    assert ratio(50 + 50 * turn) * ratio(50 - 50 * turn) == pytest.approx(ratio(50) ** 2, rel=1e-6)


@pytest.mark.parametrize(("strength", "factor"), [(75, 3**1.5), (25, 3**-1.5), (90, 27), (60, 1.5**1.5)])
def test_the_ratio_is_the_power_of_one_and_a_half_of_the_two_parts_of_the_strength(strength, factor):
    recipe = Recipe(strength=strength, content_weight=2, style_weight=10).balanced()
    assert recipe.style.weight / recipe.content.weight == pytest.approx(5 * factor)


@given(base=bases, strength=strengths)
def test_balancing_twice_is_balancing_once_and_touches_the_balance_alone(base, strength):
    recipe = Recipe(strength=strength, seed=7, **base)
    balanced = recipe.balanced()
    assert balanced.style.strength == 50
    assert balanced.balanced() == balanced
    assert set(balanced.changes_from(recipe)) <= {"strength", *WEIGHTS}


@pytest.mark.parametrize(
    "fields",
    [
        {"strength": 100, "style_weight": 0, "content_weight": 1},
        {"strength": 0, "style_weight": 1, "content_weight": 0},
        {"strength": 0, "content_losses": "features=0"},
        {"strength": 100, "style_losses": "gram=0"},
    ],
)
def test_a_strength_that_leaves_nothing_to_do_is_refused_like_weights_of_0(fields):
    with pytest.raises(InputError, match="all weights are 0"):
        resolve(None, fields)


@given(weight=st.floats(1e-6, 1e15), strength=strengths)
def test_every_accepted_recipe_can_be_balanced_and_written_as_a_command(weight, strength):
    try:
        recipe = resolve(None, {"content_weight": weight, "style_weight": weight, "strength": strength})
    except InputError:
        assume(False)
    assert recipe.balanced().style.strength == 50
    assert recipe.as_command("a.jpg", "b").startswith("impasto a.jpg b")


@pytest.mark.parametrize("weight", ["content_weight", "style_weight"])
def test_strength_beside_a_weight_is_one_clear_error(weight):
    with pytest.raises(InputError, match="strength and content_weight or style_weight both set the balance") as caught:
        check_balance({"strength": 30, weight: 2.0, "seed": 1})
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("stated", [{"strength"}, {"content_weight", "style_weight"}, {"strength", "tv_weight"}, set()])
def test_a_balance_that_is_stated_once_is_not_refused(stated):
    check_balance(stated)


@pytest.mark.parametrize("suffix", [".toml", ".json"])
def test_a_file_that_holds_all_fields_reads_back_with_its_strength(tmp_path, suffix):
    recipe = Recipe(strength=30, content_weight=3, style_weight=77, tv_weight=0.5)
    file = tmp_path / f"recipe{suffix}"
    file.write_text(recipe.as_toml() if suffix == ".toml" else recipe.as_json())
    assert {"strength", "content_weight", "style_weight"} <= set(read_recipe(file))
    assert resolve(None, read_recipe(file)) == recipe
    assert resolve("bold", read_recipe(file)) == recipe


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("strength", [0, 12.5, 50, 80, 100])
def test_the_command_of_a_preset_and_a_strength_states_the_balance_once(preset, strength):
    recipe = PRESETS[preset].with_changes(strength=strength)
    words = shlex.split(recipe.as_command("photo", "style"))
    stated = {word.removeprefix("--").replace("-", "_") for word in words if word.startswith("--")}
    check_balance(stated)


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("strength", [0, 12.5, 50, 80, 100])
def test_the_python_call_of_a_preset_and_a_strength_paints_the_same(preset, strength):
    recipe = PRESETS[preset].with_changes(strength=strength)
    call = recipe.as_python("photo", "style").removeprefix("impasto.stylize('photo', 'style'").lstrip(", ")
    fields = eval(f"dict({call}")
    check_balance(fields)
    assert resolve(None, fields).balanced() == recipe.balanced()

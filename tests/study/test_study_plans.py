"""Plans: what a study is going to paint, and how its lists are read."""

import doctest
import math

import pytest

from impasto.errors import InputError
from impasto.recipe import PRESETS
from impasto.study import EXPERIMENTS
from impasto.study.experiments.custom import read_variation
from impasto.study.findings import percent, ratio
from impasto.study.plan import check_count, read_ratios, read_steps


@pytest.mark.parametrize("function", [percent, ratio, read_ratios, read_steps, read_variation])
def test_the_examples_in_the_docstrings_hold(function):
    example = doctest.DocTestParser().get_doctest(
        function.__doc__, {function.__name__: function}, function.__name__, None, 0
    )
    assert example.examples
    assert doctest.DocTestRunner().run(example).failed == 0


@pytest.mark.parametrize(
    ("share", "text"),
    [(1.0, "100 %"), (0.1, "10 %"), (0.034, "3.4 %"), (0.0001, "0.01 %"), (0.0, "0 %"), (2.5, "250 %")],
)
def test_a_share_is_written_with_two_digits(share, text):
    assert percent(share) == text.replace(" ", "\xa0")


def test_a_quotient_without_a_value_is_not_an_error():
    assert ratio(3.0, 2.0) == 1.5
    assert ratio(0.0, 0.0) == 1.0
    assert math.isnan(ratio(1.0, 0.0))


@pytest.mark.parametrize("text", ["", ",", "10,x", "0", "-5,10", "1.5", "1e3", "10;20"])
def test_what_is_no_list_of_steps_is_refused(text):
    with pytest.raises(InputError, match="--at is a list of steps"):
        read_steps(text)


@pytest.mark.parametrize("text", ["", "a", "1e-4,b", "0", "-1", "nan", "inf"])
def test_what_is_no_list_of_ratios_is_refused(text):
    with pytest.raises(InputError, match="--ratios is a list of numbers"):
        read_ratios(text)


def test_steps_are_sorted_and_each_is_there_once():
    assert read_steps("30,10, 10,20,") == (10, 20, 30)


def test_ratios_that_look_alike_are_one():
    assert read_ratios("0.10000001,0.1,1e-1,2") == (0.1, 2.0)


@pytest.mark.parametrize(
    ("text", "field", "values"),
    [
        ("size=32,64", "size", ("32", "64")),
        ("tv-weight= 0 , 1e-3 ", "tv_weight", ("0", "1e-3")),
        ("pooling=max,max,l2", "pooling", ("max", "l2")),
        ("style-mix=70,30/50,50", "style_mix", ("70,30", "50,50")),
        ("style-losses=gram=1.0,grain=0.1/gram=1.0", "style_losses", ("gram=1.0,grain=0.1", "gram=1.0")),
    ],
)
def test_a_variation_is_a_field_and_its_values(text, field, values):
    assert read_variation(text) == (field, values)


@pytest.mark.parametrize("text", ["size", "size=", "size=,", "colour=1", "=1", ""])
def test_what_is_no_variation_is_refused(text):
    with pytest.raises(InputError, match=r"^--vary"):
        read_variation(text)


def test_two_hundred_runs_are_begun_and_one_more_has_to_be_confirmed():
    check_count(200, confirmed=False)
    check_count(201, confirmed=True)
    with pytest.raises(InputError, match="--yes"):
        check_count(201, confirmed=False)


@pytest.mark.parametrize(
    ("name", "chosen"),
    [(name, {"vary": ["seed=0,1", "size=32,48,64"]} if name == "custom" else {}) for name in EXPERIMENTS],
)
def test_every_run_has_a_folder_of_its_own_and_is_shown(name, chosen):
    plan = EXPERIMENTS[name].plan({}, None, **chosen)
    keys = [cell.key for cell in plan.cells]
    assert len(set(keys)) == len(keys)
    assert len({key.lower() for key in keys}) == len(keys)
    assert all(key and set(key) <= set("abcdefghijklmnopqrstuvwxyz0123456789_.+-") for key in map(str.lower, keys))
    assert {shot.key for shot in plan.shots} == set(keys)
    assert all(len(row.shots) == len(row.captions) for row in plan.rows)


def test_the_grid_of_a_custom_study_has_the_last_field_across():
    plan = EXPERIMENTS["custom"].plan({}, None, vary=["seed=0,1", "size=32,48,64"])
    assert [(cell.recipe.seed, cell.recipe.size) for cell in plan.cells] == [
        (seed, size) for seed in (0, 1) for size in (32, 48, 64)
    ]
    assert [(row.title, row.captions) for row in plan.rows] == [
        (f"seed {seed}", ("size 32", "size 48", "size 64")) for seed in (0, 1)
    ]


def test_a_growing_set_keeps_the_weights_of_its_layers():
    cells = EXPERIMENTS["layers"].plan({}, "classic", ratios="1e-2").cells
    whole = PRESETS["classic"].style_layer_weights
    for count, cell in enumerate(cells, start=1):
        assert cell.recipe.style_layer_weights == dict(list(whole.items())[:count])
        assert cell.recipe.content_weight / cell.recipe.style_weight == pytest.approx(1e-2)
    assert cells[1].caption == "conv1_1 to conv2_1, 0.01"


def test_a_dial_beside_the_weights_does_not_turn_the_ratios():
    for cell in EXPERIMENTS["layers"].plan({"strength": 80.0}, None, ratios="1e-3").cells:
        painted = cell.recipe.balanced()
        assert painted.content_weight / painted.style_weight == pytest.approx(1e-3)


def test_every_style_loss_but_that_of_the_grain_stands_alone():
    for cell in EXPERIMENTS["losses"].plan({}).cells:
        assert cell.recipe.style_loss_weights == {cell.caption: 1.0}

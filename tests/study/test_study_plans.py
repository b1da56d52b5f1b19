"""Plans of studies, and how their lists are read."""

import pytest

from impasto.errors import InputError
from impasto.recipe import PRESETS
from impasto.study import EXPERIMENTS
from impasto.study.comparisons import read_variation
from impasto.study.plan import check_count, read_ratios, read_steps


@pytest.mark.parametrize("text", ["", ",", "10,x", "0", "-5,10", "1.5", "1e3", "10;20"])
def test_an_invalid_list_of_steps_is_refused(text):
    with pytest.raises(InputError, match="--at is a list of steps"):
        read_steps(text)


@pytest.mark.parametrize("text", ["", "a", "1e-4,b", "0", "-1", "nan", "inf"])
def test_an_invalid_list_of_ratios_is_refused(text):
    with pytest.raises(InputError, match="--ratios is a list of numbers"):
        read_ratios(text)


def test_steps_are_sorted_and_unique_and_equal_ratios_are_one():
    assert read_steps("30,10, 10,20,") == (10, 20, 30)
    assert read_ratios("0.10000001,0.1,1e-1,2") == (0.1, 2.0)


@pytest.mark.parametrize(
    ("text", "field", "values"),
    [
        ("size=32,64", "size", ("32", "64")),
        ("tv-weight= 0 , 1e-3 ", "tv_weight", ("0", "1e-3")),
        ("pooling=max,max,l2", "pooling", ("max", "l2")),
        ("style-mix=70,30/50,50", "style_mix", ("70,30", "50,50")),
        ("style-losses=gram=1.0,nearest=0.1/gram=1.0", "style_losses", ("gram=1.0,nearest=0.1", "gram=1.0")),
    ],
)
def test_a_variation_is_a_field_with_values(text, field, values):
    assert read_variation(text) == (field, values)


@pytest.mark.parametrize("text", ["size", "size=", "size=,", "hue=1", "rescue=1", "=1", ""])
def test_an_invalid_variation_is_refused(text):
    with pytest.raises(InputError, match=r"^--vary"):
        read_variation(text)


def test_more_than_two_hundred_runs_have_to_be_confirmed():
    check_count(200, confirmed=False)
    check_count(201, confirmed=True)
    with pytest.raises(InputError, match="--yes"):
        check_count(201, confirmed=False)


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_every_run_has_its_own_folder_on_every_file_system(name):
    plan = EXPERIMENTS[name].plan({}, **({"vary": ["seed=0,1", "size=32,48,64"]} if name == "custom" else {}))
    keys = [picture.cell.key for row in plan.rows for picture in row.pictures]
    assert {cell.key for cell in plan.cells} == set(keys)
    assert len({key.lower() for key in keys}) == len(plan.cells)
    assert all(key and set(key) <= set("abcdefghijklmnopqrstuvwxyz0123456789_.+-") for key in map(str.lower, keys))


def test_the_last_field_of_a_grid_makes_the_columns():
    plan = EXPERIMENTS["custom"].plan({}, vary=["seed=0,1", "size=32,48,64"])
    assert [(cell.recipe.start.seed, cell.recipe.picture.size) for cell in plan.cells] == [
        (seed, size) for seed in (0, 1) for size in (32, 48, 64)
    ]
    assert [(row.title, [picture.caption for picture in row.pictures]) for row in plan.rows] == [
        (f"seed {seed}", ["size 32", "size 48", "size 64"]) for seed in (0, 1)
    ]


def test_a_set_of_layers_keeps_their_stated_weights():
    cells = EXPERIMENTS["layers"].plan({}, "classic", ratios="1e-2").cells
    weights = PRESETS["classic"].style.layers
    for count, cell in enumerate(cells, start=1):
        assert cell.recipe.style.layers == dict(list(weights.items())[:count])
        assert cell.recipe.content.weight / cell.recipe.style.weight == pytest.approx(1e-2)
    assert cells[1].caption == "conv1_1 to conv2_1, 0.01"


def test_a_strength_does_not_change_the_ratios():
    for cell in EXPERIMENTS["layers"].plan({"strength": 80.0}, ratios="1e-3").cells:
        painted = cell.recipe.balanced()
        assert painted.content.weight / painted.style.weight == pytest.approx(1e-3)


def test_every_style_loss_of_features_is_painted_alone():
    cells = EXPERIMENTS["losses"].plan({}).cells
    for cell in cells:
        assert {name: loss.weight for name, loss in cell.recipe.style.losses.items()} == {cell.caption: 1.0}
    assert "gradient_energy" not in [cell.caption for cell in cells]

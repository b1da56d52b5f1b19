"""What every study leaves: runs, pictures and figures that agree with each other."""

import math

import numpy as np
import PIL.Image
import pytest
from conducted import STUDIES

from impasto.study import EXPERIMENTS
from impasto.study.findings import COLUMNS

PICTURES = {
    "iterations": 3,
    "seeds": 3,
    "layers": 4,
    "reconstruct": 4,
    "init": 4,
    "pooling": 3,
    "optimizers": 4,
    "losses": 7,
    "longrun": 4,
    "custom": 4,
}
"""How many pictures are looked at; there are as many networks as have their weights here."""


def test_every_study_there_is_is_conducted_by_these_tests():
    assert list(STUDIES) == list(EXPERIMENTS)


@pytest.mark.parametrize("name", STUDIES)
def test_a_study_ends_well_and_tells_where_its_report_is(studies, name):
    done = studies(name)
    assert (done.code, done.out) == (0, f"photo_style_{name}/report.html\n"), done.err
    assert "Traceback" not in done.err
    assert {path.name for path in done.path.iterdir()} == {
        "figures.csv",
        "pictures",
        "report.html",
        "runs",
        "sheet.png",
        "steps.csv",
        "study.json",
    }


@pytest.mark.parametrize("name", STUDIES)
def test_the_figures_have_one_line_for_each_picture_and_its_file_is_there(studies, name):
    done = studies(name)
    lines = done.lines("figures.csv")
    assert len(lines) == PICTURES.get(name, len(done.recipes()))
    assert len(list((done.path / "pictures").iterdir())) == len(lines)
    for line in lines:
        assert set(COLUMNS) < set(line)
        assert line["problem"] == ""
        assert (line["width"], line["height"]) == ("48", "36")
        assert line["run"] in done.recipes()
        for column in set(COLUMNS) - {"change"}:
            assert math.isfinite(float(line[column])), (line["run"], column)


@pytest.mark.parametrize("name", STUDIES)
def test_every_step_has_one_line_and_the_loss_of_a_picture_is_that_of_the_last_step_taken(studies, name):
    done = studies(name)
    steps = done.lines("steps.csv")
    for key, recipe in done.recipes().items():
        assert [int(line["step"]) for line in steps if line["run"] == key] == list(range(1, recipe["steps"] + 1))
    for line in done.lines("figures.csv"):
        taken = [
            step
            for step in steps
            if step["run"] == line["run"] and int(step["step"]) <= int(line["step"]) and step["taken"] == "1"
        ]
        assert [line[column] for column in ("loss", "content_loss", "style_loss")] == [
            taken[-1][column] for column in ("loss", "content", "style")
        ]


@pytest.mark.parametrize("name", STUDIES)
def test_the_parts_of_every_loss_add_up_to_it(studies, name):
    for line in studies(name).lines("steps.csv"):
        parts = sum(float(line[term]) for term in ("content", "style", "anchor", "gamut", "tv"))
        assert float(line["loss"]) == pytest.approx(parts, rel=1e-5)


@pytest.mark.parametrize("name", STUDIES)
def test_the_sheet_shows_every_picture_large_enough_to_be_seen(studies, name):
    done = studies(name)
    width, height = PIL.Image.open(done.path / "sheet.png").size
    assert width * height >= 128 * 96 * len(done.lines("figures.csv"))


@pytest.mark.parametrize(("name", "key"), [("iterations", "run"), ("longrun", "paper"), ("longrun", "default")])
def test_a_picture_on_the_way_is_the_snapshot_and_the_last_is_the_result(studies, name, key):
    done = studies(name)
    lines = [line for line in done.lines("figures.csv") if line["run"] == key]
    for line in lines:
        step = int(line["step"])
        shown = np.asarray(PIL.Image.open(done.path / "pictures" / f"{key}-{step:06d}.png"))
        kept = np.asarray(PIL.Image.open(done.path / "runs" / key / "snapshots" / f"{step:06d}.png"))
        assert (shown == kept).all()
    assert (shown == done.pixels(key)).all()


def test_the_change_is_the_mean_difference_from_the_picture_before(studies):
    done = studies("iterations")
    lines = done.lines("figures.csv")
    read = [
        np.asarray(PIL.Image.open(done.path / "pictures" / f"run-{int(line['step']):06d}.png"), dtype=float)
        for line in lines
    ]
    assert lines[0]["change"] == ""
    for number in (1, 2):
        assert float(lines[number]["change"]) == pytest.approx(np.abs(read[number] - read[number - 1]).mean(), rel=1e-3)


def test_the_repeated_seed_is_the_same_picture_bit_for_bit_and_another_seed_another(studies):
    done = studies("seeds")
    assert (done.pixels("seed-0") == done.pixels("again")).all()
    assert (done.pixels("seed-0") != done.pixels("seed-1")).any()
    assert "The repeated seed gave the same picture, bit for bit." in done.err
    apart = np.abs(done.pixels("seed-0").astype(float) - done.pixels("seed-1")).mean()
    assert f"Pictures of different seeds are {apart:.1f} grey levels apart" in done.err


def test_the_cells_of_the_layers_are_growing_sets_at_exactly_the_ratios(studies):
    recipes = list(studies("layers").recipes().values())
    assert [recipe["style_layers"] for recipe in recipes] == [["conv1_1"]] * 2 + [["conv1_1", "conv2_1"]] * 2
    ratios = [recipe["content_weight"] / recipe["style_weight"] for recipe in recipes]
    assert ratios == pytest.approx([1e-4, 1e-2, 1e-4, 1e-2], rel=1e-12)


def test_a_reconstruction_has_the_content_of_one_layer_or_the_style_of_a_growing_set(studies):
    recipes = studies("reconstruct").recipes()
    for name in ("conv1_1", "conv2_1"):
        recipe = recipes[f"content-{name}"]
        assert (recipe["content_layers"], recipe["style_weight"]) == ([name], 0)
        assert recipe["content_weight"] > 0
    for name, layers in (("conv1_1", ["conv1_1"]), ("conv2_1", ["conv1_1", "conv2_1"])):
        recipe = recipes[f"style-{name}"]
        assert (recipe["style_layers"], recipe["content_weight"]) == (layers, 0)
        assert recipe["style_weight"] > 0
    assert {recipe["init"] for recipe in recipes.values()} == {"noise"}


@pytest.mark.parametrize(
    ("name", "changed"),
    [
        ("init", {"init"}),
        ("pooling", {"pooling"}),
        ("optimizers", {"optimizer", "learning_rate"}),
        ("backbones", {"backbone", "content_layers", "style_layers"}),
        ("losses", {"style_losses"}),
        ("seeds", {"seed"}),
        ("custom", {"seed", "style_weight"}),
    ],
)
def test_the_runs_differ_in_nothing_but_what_is_compared(studies, name, changed):
    first, *others = studies(name).recipes().values()
    for other in others:
        assert {field for field in first if first[field] != other[field]} <= changed
    assert len({str(recipe) for recipe in (first, *others)}) == len(others) + (1 if name != "seeds" else 0)


def test_a_long_run_has_the_balance_of_the_paper_at_512_px(studies):
    recipes = studies("longrun").recipes()
    assert recipes["paper"]["content_weight"] / recipes["paper"]["style_weight"] == pytest.approx(
        1e-3 * (512 / 48) ** 2
    )
    assert recipes["default"]["content_weight"] == 1.0
    assert {recipe["plateau"] for recipe in recipes.values()} == {0.0}

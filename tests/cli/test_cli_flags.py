"""Flags and recipes: one for every field, merged in the right order."""

import shlex
from collections import Counter

import pytest
from cyclopts import App

from impasto.cli.console import STDIO
from impasto.cli.flags import GROUPS, RecipeFlags, merge
from impasto.cli.stylize import stylize
from impasto.errors import InputError
from impasto.recipe import PRESETS, Recipe


@pytest.fixture
def parse(monkeypatch):
    """Return a function from the words behind `stylize photo style` to the recipe they ask for."""
    app = App(result_action="return_value")

    @app.default
    def take(content: str, style: str, /, *, preset: str | None = None, flags: RecipeFlags | None = None) -> Recipe:
        return merge(preset, None, None, flags)

    return lambda *words: app(["photo", "style", *words], exit_on_error=False, print_error=False)


def test_every_field_of_a_recipe_stands_under_exactly_one_heading():
    grouped = Counter(name for names in GROUPS.values() for name in names)
    assert grouped == Counter(list(Recipe.model_fields))


def test_without_a_flag_the_recipe_is_the_default_one(parse):
    assert parse() == Recipe()


@pytest.mark.parametrize("preset", PRESETS)
def test_the_command_that_a_recipe_writes_asks_for_that_recipe(parse, preset):
    recipe = PRESETS[preset].with_changes(snapshots=(10, 100), style_crop=(1, 2, 30, 40), upscale=True, style_size=99)
    words = shlex.split(recipe.as_command("photo", "style"))
    assert words[:4] == ["impasto", "stylize", "photo", "style"]
    assert parse(*words[4:]) == recipe


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("strength", [0, 20.5, 100])
def test_the_command_of_a_preset_and_a_strength_paints_by_the_balanced_recipe(parse, preset, strength):
    recipe = PRESETS[preset].with_changes(strength=strength)
    words = shlex.split(recipe.as_command("photo", "style"))
    assert parse(*words[4:]).balanced() == recipe.balanced()


@pytest.mark.parametrize("preset", ["bold", "faithful"])
def test_a_preset_takes_a_strength(parse, preset):
    assert parse("--preset", preset, "--strength", "30") == PRESETS[preset].with_changes(strength=30)


@pytest.mark.parametrize("weight", ["--content-weight", "--style-weight"])
def test_strength_and_a_weight_in_one_breath_are_refused(parse, weight):
    with pytest.raises(InputError, match="state one of them"):
        parse("--strength", "30", weight, "2")


def test_a_file_with_all_fields_is_no_contradiction_and_either_may_be_said_beside_it(tmp_path):
    recipe = Recipe(strength=30, content_weight=3, style_weight=77)
    file = tmp_path / "recipe.toml"
    file.write_text(recipe.as_toml())
    assert merge(None, file, None, None) == recipe
    assert merge(None, file, None, RecipeFlags(content_weight="5")) == recipe.with_changes(content_weight=5)
    assert merge(None, file, None, RecipeFlags(strength="60")) == recipe.with_changes(strength=60)


def test_losses_are_lists_with_weights(parse):
    recipe = parse("--style-losses", "gram=2,relaxed-emd", "--content-losses", "self-similarity=0.5")
    assert recipe.style_losses == ("gram=2.0", "relaxed_emd")
    assert recipe.content_losses == ("self_similarity=0.5",)
    assert parse("--levels", "auto").levels == "auto"
    assert parse("--levels", "3").levels == 3


def test_lists_are_written_with_commas(parse):
    recipe = parse("--content-layers", "relu4_2,conv3_1=0.5", "--snapshots", "100,10", "--style-crop", "0,5,20,30")
    assert recipe.content_layers == ("conv4_2", "conv3_1=0.5")
    assert recipe.snapshots == (10, 100)
    assert recipe.style_crop == ((0, 5, 20, 30),)


def test_crops_of_several_styles_stand_between_slashes(parse):
    assert parse("--style-crop", "0,5,20,30/full").style_crop == ((0, 5, 20, 30), ())
    assert parse("--style-crop", "full/1,2,3,4/full").style_crop == ((), (1, 2, 3, 4), ())


def test_shares_scales_and_turns_of_several_styles_are_lists(parse):
    recipe = parse("--style-mix", "70,30", "--style-scale", "1.5,0.5", "--style-rotation", "90,-12.5")
    assert recipe.style_mix == (70.0, 30.0)
    assert recipe.style_scale == (1.5, 0.5)
    assert recipe.style_rotation == (90.0, -12.5)


@pytest.mark.parametrize("words", [["--style-rotation=-30"], ["--style-rotation", "-30"]], ids=" ".join)
def test_a_turn_to_the_right_is_no_option(parse, words):
    assert parse(*words).style_rotation == (-30.0,)
    assert parse(*words, "--steps", "7").steps == 7


def test_a_region_is_said_once_for_each_and_its_files_may_hold_commas_and_spaces(parse):
    recipe = parse("--region", "sky, blue.png=night", "--region", "face.png=keep")
    assert recipe.regions == ("sky, blue.png=night", "face.png=keep")


@pytest.mark.parametrize(
    "fields",
    [
        {"style_mix": (70, 30.5)},
        {"style_scale": (0.5, 2)},
        {"style_rotation": (-12.5, 90)},
        {"style_rotation": (90, -12.5)},
        {"style_rotation": (-1e-7,)},
        {"style_crop": ((0, 5, 20, 30), ())},
        {"style_crop": ((), (0, 5, 20, 30))},
        {"style_crop": ((), ())},
        {"regions": ("a sky.png=night", "it's, mine.png=my style.jpg@stars.png", "face.png=keep")},
        {"regions": ("-mask.png=night",)},
        {"style_mix": (0, 1), "style_rotation": (-3, -4), "regions": ("m.png=keep",)},
    ],
    ids=str,
)
def test_the_command_says_what_styles_and_regions_a_recipe_has(parse, fields):
    recipe = Recipe(**fields)
    words = shlex.split(recipe.as_command("photo", "style"))
    assert parse(*words[4:]) == recipe


def test_what_is_written_twice_is_added_to_a_list(parse):
    assert parse("--snapshots", "10", "--snapshots", "20,30").snapshots == (10, 20, 30)


def test_a_switch_is_said_or_denied(parse):
    assert parse("--upscale").upscale is True
    assert parse("--preset", "classic", "--no-keep-best").keep_best is False


def test_flags_go_over_a_file_and_a_file_over_a_preset(tmp_path, parse):
    file = tmp_path / "recipe.toml"
    file.write_text("style_weight = 7.0\nsteps = 11\n")
    said = RecipeFlags(steps="12")
    merged = merge("paper", file, None, said)
    assert (merged.steps, merged.style_weight) == (12, 7.0)
    assert merged == PRESETS["paper"].with_changes(steps=12, style_weight=7.0)


def test_a_value_is_judged_only_when_everything_is_merged(tmp_path):
    # A file without a style weight is nothing to paint by only if the flags take the content's as well.
    file = tmp_path / "recipe.json"
    file.write_text('{"style_weight": 0}')
    assert merge(None, file, None, RecipeFlags(content_weight="2")).content_weight == 2
    with pytest.raises(InputError, match="all weights are 0"):
        merge(None, file, None, RecipeFlags(content_weight="0"))


def test_the_flags_of_stylize_do_not_hide_those_of_a_recipe():
    own = set(stylize.__annotations__) - {"flags", "saving", "telling", "return"}
    assert not own & set(Recipe.model_fields)


def test_no_word_of_a_command_line_can_be_taken_for_standard_input():
    assert "\0" in STDIO

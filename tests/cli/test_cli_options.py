"""One flag for every setting of a recipe: words are passed on, and sources are merged in the right order."""

import shlex

import pytest
from cyclopts import App

from impasto.cli.console import STDIO
from impasto.cli.options import RecipeFlags, RecipeSource, stated_settings
from impasto.cli.stylize import stylize
from impasto.errors import InputError
from impasto.recipe import FIELDS, PRESETS, Crop, Recipe, flag_of, resolve

FILE_RECIPE = Recipe(strength=30, content_weight=3, style_weight=77)


def merge(preset, file, flags) -> Recipe:
    return resolve(preset, stated_settings(RecipeSource(recipe=file), flags))


@pytest.fixture
def parse():
    """Return a function from the words after `photo style` to the parsed recipe."""
    app = App(result_action="return_value")

    @app.default
    def take(content: str, style: str, /, *, preset: str | None = None, flags: RecipeFlags | None = None) -> Recipe:
        return merge(preset, None, flags)

    return lambda *words: app(["photo", "style", *words], exit_on_error=False, print_error=False)


def test_there_is_one_flag_for_every_setting(parse):
    assert list(RecipeFlags.model_fields) == list(FIELDS)


def test_without_a_flag_the_recipe_is_the_default_one(parse):
    assert parse() == Recipe()


@pytest.mark.parametrize("preset", PRESETS)
def test_the_command_that_a_recipe_writes_gives_that_recipe(parse, preset):
    recipe = PRESETS[preset].with_changes(style_crop=(1, 2, 30, 40), upscale=True)
    if recipe.method == "optimize":
        recipe = recipe.with_changes(snapshots=(10, 100), style_size=99)
    words = shlex.split(recipe.as_command("photo.jpg", "style"))
    assert words[:3] == ["impasto", "photo.jpg", "style"]
    assert parse(*words[3:]) == recipe


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("strength", [0, 20.5, 100])
def test_the_command_of_a_preset_and_a_strength_gives_the_balanced_recipe(parse, preset, strength):
    recipe = PRESETS[preset].with_changes(strength=strength)
    words = shlex.split(recipe.as_command("photo.jpg", "style"))
    assert parse(*words[3:]).balanced() == recipe.balanced()


@pytest.mark.parametrize(
    "settings",
    [
        {"style_mix": (70, 30.5)},
        {"style_scale": (0.5, 2)},
        {"style_rotation": (-12.5, 90)},
        {"style_rotation": (90, -12.5)},
        {"style_rotation": (-1e-7,)},
        {"style_crop": ((0, 5, 20, 30), None)},
        {"style_crop": (None, (0, 5, 20, 30))},
        {"style_crop": (None, None)},
        {"style_losses": "wasserstein=1,nearest=0.5@conv3_1=0.3+conv4_1=0.1:512"},
        {"regions": ("a sky.png=night", "it's, mine.png=my style.jpg@stars.png", "face.png=keep")},
        {"regions": ("-mask.png=night",)},
        {"style_mix": (0, 1), "style_rotation": (-3, -4), "regions": ("m.png=keep",)},
    ],
    ids=str,
)
def test_the_command_states_every_kind_of_value(parse, settings):
    recipe = Recipe(**settings)
    words = shlex.split(recipe.as_command("photo.jpg", "style"))
    assert parse(*words[3:]) == recipe


@pytest.mark.parametrize(
    ("photo", "style", "words"),
    [
        ("my photo.jpg", "it's.png", ["impasto", "my photo.jpg", "it's.png"]),
        # It would be an option, and the name of a command.
        ("-a.jpg", "-b.jpg", ["impasto", "./-a.jpg", "./-b.jpg"]),
        ("demo", "night", ["impasto", "stylize", "demo", "night"]),
    ],
)
def test_a_written_command_can_be_pasted(photo, style, words):
    assert shlex.split(Recipe().as_command(photo, style)) == words


@pytest.mark.parametrize(
    ("words", "settings"),
    [
        ("--levels 3", {"levels": 3}),
        ("--snapshots 100,10", {"snapshots": (10, 100)}),
        ("--snapshots 10 --snapshots 20,30", {"snapshots": (10, 20, 30)}),
        ("--content-layers relu4_2,conv3_1=0.5", {"content_layers": {"conv4_2": 0.5, "conv3_1": 0.5}}),
        ("--style-layers conv1_1=0.6,conv2_1=0.4", {"style_layers": {"conv1_1": 0.6, "conv2_1": 0.4}}),
        (
            "--style-losses wasserstein=1,nearest=0.5@conv3_1=0.3+conv4_1=0.1",
            {
                "style_losses": {
                    "wasserstein": 1,
                    "nearest": {"weight": 0.5, "layers": {"conv3_1": 0.3, "conv4_1": 0.1}},
                }
            },
        ),
        ("--style-crop 0,5,20,30/full", {"style_crop": (Crop(0, 5, 20, 30), None)}),
        ("--style-mix 70,30 --style-scale 1.5,0.5", {"style_mix": (70, 30), "style_scale": (1.5, 0.5)}),
        ("--style-rotation -30 --steps 7", {"style_rotation": (-30,), "steps": 7}),
        ("--style-rotation -30,10", {"style_rotation": (-30, 10)}),
        (
            "--region 'sky, blue.png=night' --region face.png=keep",
            {"regions": ("sky, blue.png=night", "face.png=keep")},
        ),
        ("--upscale --no-keep-best", {"upscale": True, "keep_best": False}),
    ],
)
def test_values_are_read_by_the_recipe(parse, words, settings):
    assert parse(*shlex.split(words)) == Recipe(**settings)


@pytest.mark.parametrize("weight", ["--content-weight", "--style-weight"])
def test_strength_and_a_weight_together_are_refused(parse, weight):
    with pytest.raises(InputError, match="state one of them"):
        parse("--strength", "30", weight, "2")


@pytest.mark.parametrize("flags", [{}, {"content_weight": "5"}, {"strength": "60"}], ids=str)
def test_a_file_may_state_both_and_a_flag_either(tmp_path, flags):
    file = tmp_path / "recipe.toml"
    file.write_text(FILE_RECIPE.as_toml())
    assert merge(None, file, RecipeFlags(**flags)) == FILE_RECIPE.with_changes(**flags)


def test_flags_override_a_file_and_a_file_a_preset(tmp_path):
    file = tmp_path / "recipe.toml"
    file.write_text("[style]\nweight = 7.0\n[schedule]\nsteps = 11\n")
    merged = merge("paper", file, RecipeFlags(steps="12"))
    assert merged == PRESETS["paper"].with_changes(steps=12, style_weight=7.0)


def test_a_value_is_checked_after_everything_is_merged(tmp_path):
    # Without a style weight there is nothing to optimize only if the flags remove the content weight as well.
    file = tmp_path / "recipe.json"
    file.write_text('{"style": {"weight": 0}}')
    assert merge(None, file, RecipeFlags(content_weight="2")).content.weight == 2
    with pytest.raises(InputError, match="all weights are 0"):
        merge(None, file, RecipeFlags(content_weight="0"))


@pytest.mark.parametrize(("old", "new"), [("rescue", "saliency_weight"), ("gamut_weight", "luminance_range_weight")])
@pytest.mark.parametrize("form", ["{} 3", "{}=3"])
def test_an_old_flag_is_refused_with_its_new_name(impasto, old, new, form):
    outcome = impasto("stylize", "photo.png", "style.jpg", *form.format(flag_of(old)).split())
    assert (outcome.code, outcome.err) == (2, f"impasto: {flag_of(old)} is called {flag_of(new)} now\n")


def test_the_options_of_stylize_do_not_hide_flags_of_a_recipe():
    own = set(stylize.__annotations__) - {"flags", "source", "saving", "reporting", "return"}
    assert not own & set(FIELDS)


def test_no_word_of_a_command_line_can_be_taken_for_standard_input():
    assert "\0" in STDIO

"""The recipe: refused values, reading and writing, and presets."""

import shlex
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from impasto.errors import InputError
from impasto.recipe import (
    FIELDS,
    PRESET_PURPOSES,
    PRESETS,
    RENAMED,
    SECTIONS,
    LossSettings,
    Recipe,
    RecipeOptions,
    RegionSettings,
    SettingOptions,
    StyleSettings,
    read_recipe,
    read_style,
    resolve,
)


def some(*items):
    return st.lists(st.sampled_from(items), min_size=1, unique=True)


boxes = st.tuples(st.integers(0, 99), st.integers(0, 99), st.integers(1, 99), st.integers(1, 99))
files = st.text(st.characters(blacklist_categories=("Cs", "Cc", "Cf", "Zl", "Zp")), min_size=1, max_size=8).map(
    lambda name: f"{name.replace('=', '-').replace('@', '-')}.png"
)
regions = st.builds("{}={}".format, files, files | st.just("keep") | st.builds("{}@{}".format, files, files))
recipes = st.builds(
    Recipe,
    size=st.integers(16, 65536) | st.just("photo"),
    style_mix=st.lists(st.floats(0, 1e6), max_size=3).filter(lambda shares: not shares or sum(shares) > 0),
    style_scale=st.lists(st.floats(0.05, 20), max_size=3),
    style_rotation=st.lists(st.floats(-720, 720), max_size=3),
    style_crop=st.none() | boxes | st.lists(st.just("full") | boxes, min_size=1, max_size=3),
    content_weight=st.floats(1e-6, 1e15),
    style_layers=some("conv1_1", "relu2_1=0.3", "pool3=1e-7", "conv4_4=0"),
    content_losses=some("features", "Self-Similarity=0.5", "laplacian=2"),
    style_losses=some("gram=2", "mean-std", "relaxed_emd=1e-3:64", "sliced=0", "nearest=3@conv3_1+relu4_1=0.5"),
    luminance_range_weight=st.floats(0, 1e3),
    regions=st.lists(regions, max_size=3),
    style_margin=st.floats(0, 0.4),
    levels=st.integers(1, 10) | st.just("auto"),
    snapshots=st.lists(st.integers(1, 10**6)),
    init=st.sampled_from(["noise", "a picture.png"]),
    seed=st.integers(0, 2**63 - 1),
    canvas=st.sampled_from(["box", "free"]),
    optimizer=st.sampled_from(["lbfgs", "adam"]),
    color_strength=st.floats(0, 100),
    color=st.sampled_from(["style", "photo", "match", "luminance"]),
    threads=st.none() | st.integers(1, 8),
    upscale=st.booleans(),
)


@given(recipe=recipes)
def test_a_recipe_survives_writing_and_reading(recipe, tmp_path_factory):
    folder = tmp_path_factory.mktemp("recipes")
    for name, text in (("r.toml", recipe.as_toml()), ("r.json", recipe.as_json())):
        (folder / name).write_text(text)
        assert resolve(None, read_recipe(folder / name)) == recipe


@given(recipe=recipes)
def test_the_command_of_a_recipe_states_every_difference_from_the_default(recipe):
    words = shlex.split(recipe.as_command("a photo.jpg", "style.jpg"))
    assert words[:3] == ["impasto", "a photo.jpg", "style.jpg"]
    flags, i = {}, 3
    while i < len(words):
        word, equals, value = words[i].partition("=")
        name = word.removeprefix("--").removeprefix("no-").replace("-", "_")
        i += 1
        if word.startswith("--no-") or name == "upscale":
            flags[name] = not word.startswith("--no-")
            continue
        if not equals:
            value, i = words[i], i + 1
        if name == "region":
            flags.setdefault("regions", []).append(value)
        else:
            flags[name] = value
    assert resolve(None, flags) == recipe


@given(recipe=recipes)
def test_the_python_call_of_a_recipe_states_every_difference_from_the_default(recipe):
    stated = {}
    eval(
        recipe.as_python("a.jpg", "b.jpg"),
        {"impasto": type("", (), {"stylize": lambda *_, **more: stated.update(more)})},
    )
    assert resolve(None, stated) == recipe


@given(recipe=recipes)
def test_flat_names_and_sections_are_the_same_settings(recipe):
    assert Recipe(**recipe.flat()) == recipe == Recipe(**recipe.to_dict())


@pytest.mark.parametrize("one", [(1, 2, 3, 4), [1, 2, 3, 4], "1,2,3,4", " 1, 2,3,4", [(1, 2, 3, 4)], ["1,2,3,4"]])
def test_one_crop_is_four_numbers(one):
    assert Recipe(style_crop=one).style.crop == ((1, 2, 3, 4),)


@pytest.mark.parametrize("none", [None, (), []])
def test_no_crop_is_an_empty_list(none):
    assert Recipe(style_crop=none).style.crop == ()


@pytest.mark.parametrize(
    "several",
    ["1,2,3,4/full", "1,2,3,4/", "1,2,3,4 / full", ["1,2,3,4/full"], ["1,2,3,4", "full"], [(1, 2, 3, 4), None]],
)
def test_several_crops_are_separated_by_slashes(several):
    assert Recipe(style_crop=several).style.crop == ((1, 2, 3, 4), None)


def test_a_number_is_read_as_a_list_of_one():
    recipe = Recipe(style_scale=0.5, style_rotation=-30, snapshots=7)
    assert (recipe.style.scale, recipe.style.rotation, recipe.picture.snapshots) == ((0.5,), (-30.0,), (7,))


@pytest.mark.parametrize(
    ("text", "mask", "style", "style_mask"),
    [
        (" sky.png = night ", "sky.png", "night", None),
        ("a/b.png=c d.jpg@e@f.png", "a/b.png", "c d.jpg@e", "f.png"),
        ("m.png=a=b.jpg", "m.png", "a=b.jpg", None),
        ("a, b.png=keep", "a, b.png", "keep", None),
    ],
)
def test_a_region_is_a_mask_a_style_and_perhaps_the_styles_own_mask(text, mask, style, style_mask):
    (region,) = Recipe(regions=text).regions
    assert region == RegionSettings(mask=mask, style=style, style_mask=style_mask)
    assert region.keeps == (style == "keep")


def test_a_style_ends_with_its_mask_only_if_both_are_there():
    assert read_style("someone@home.jpg@") == ("someone@home.jpg@", None)


def test_the_python_call_of_a_recipe_states_its_fields():
    assert Recipe(seed=5, pooling="max").as_python("a.jpg", "b.jpg") == (
        "impasto.stylize('a.jpg', 'b.jpg', seed=5, pooling='max')"
    )


def test_later_layers_go_before_earlier_ones_and_before_the_preset():
    merged = resolve("paper", {"steps": 7, "seed": 1}, {"seed": 2})
    assert (merged.network.pooling, merged.schedule.steps, merged.start.seed) == ("average", 7, 2)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"style": {"wieght": 1}}, "there is no setting style.wieght: did you mean style.weight\\?$"),
        ({"content": {"rescue": 1}}, "^content.rescue is called content.saliency_weight now$"),
        (
            {"style": {"losses": {"gram": {"wieght": 1}}}},
            "no setting style.losses.gram.wieght: did you mean style.losses.gram.weight\\?$",
        ),
        ({"foo": 1}, "there is no setting foo; known are size"),
        ({"content_weight": float("nan")}, "content_weight takes a number from 0 to 1e15, not nan"),
        ({"style_weight": -0.1}, "style_weight takes a number from 0 to 1e15, not -0.1"),
        ({"content_layers": "conv6_1"}, "unknown layer 'conv6_1' of vgg19; known are conv1_1, .*pool5"),
        ({"style_layers": "conv1_1=x"}, "weight in 'conv1_1=x'"),
        ({"style_layers": "conv1_1=nan"}, "weight in 'conv1_1=nan'"),
        ({"style_layers": "conv1_1,relu1_1"}, "named twice"),
        ({"content_weight": 0, "style_weight": 0}, "all weights are 0"),
        ({"content_layers": "", "style_weight": 0}, "all weights are 0"),
        ({"content_losses": "gram"}, "unknown content loss 'gram'; known are features, self_similarity, laplacian$"),
        (
            {"style_losses": "gram,features"},
            "unknown style loss 'features'; known are gram, mean_std, .*gradient_energy$",
        ),
        ({"style_losses": "gram=x"}, "weight in 'gram=x'"),
        ({"style_losses": "sliced=-1"}, "weight in 'sliced=-1'"),
        ({"content_losses": "laplacian=inf"}, "weight in 'laplacian=inf'"),
        ({"style_losses": "relaxed-emd,relaxed_emd=2"}, "named twice"),
        ({"style_losses": "", "content_weight": 0}, "all weights are 0"),
        ({"style_losses": "gram=0", "content_losses": "features=0"}, "all weights are 0"),
        ({"strength": -1}, "strength"),
        ({"strength": 100.5}, "strength"),
        ({"strength": float("nan")}, "strength"),
        ({"recolor": 1.5}, "recolor"),
        ({"samples": 15}, "samples"),
        ({"levels": "many"}, "levels"),
        ({"style_crop": "1,2,3"}, "style_crop"),
        ({"style_crop": "1,2,0,4"}, "LEFT,TOP,WIDTH,HEIGHT"),
        ({"style_crop": "1,2,3,4/5,6"}, "LEFT,TOP,WIDTH,HEIGHT"),
        ({"style_crop": "1,2,3,4/all"}, "LEFT,TOP,WIDTH,HEIGHT"),
        ({"style_crop": 7}, "LEFT,TOP,WIDTH,HEIGHT"),
        ({"style_crop": "-1,2,3,4"}, "LEFT,TOP,WIDTH,HEIGHT"),
        ({"style_mix": "0,0"}, "not all of them 0"),
        ({"style_mix": "70,-30"}, "from 0 to"),
        ({"style_mix": "1e308,1e308"}, "from 0 to 1e15"),
        ({"style_mix": "70,x"}, "style_mix"),
        ({"style_mix": "nan,1"}, "style_mix"),
        ({"style_mix": "inf,1"}, "style_mix"),
        ({"style_scale": "0"}, "style_scale"),
        ({"style_scale": "1,21"}, "style_scale"),
        ({"style_scale": "nan"}, "style_scale"),
        ({"style_rotation": "north"}, "style_rotation"),
        ({"style_rotation": "inf"}, "style_rotation"),
        ({"regions": "sky.png"}, "MASK=STYLE, MASK=STYLE@STYLEMASK or MASK=keep, not 'sky.png'"),
        ({"regions": "=night"}, "MASK=STYLE"),
        ({"regions": ["sky.png=night", "sea.png="]}, "MASK=STYLE"),
        ({"regions": "face.png=keep@mask.png"}, "no style to mask"),
        ({"size": 8}, "size"),
        ({"size": "large"}, "size"),
        ({"steps": 0}, "steps"),
        ({"pooling": "median"}, "pooling takes max, average or l2, not median"),
        ({"snapshots": "0,5"}, "snapshots"),
        ({"style_losses": "nearest=1@conv9_9"}, "unknown layer 'conv9_9'"),
        ({"style_losses": "nearest=1:5"}, "style_losses takes for samples a whole number from 16"),
        (
            {"style_losses": {"gram": {"foo": 1}}},
            "no setting style.losses.gram.foo; known are weight, layers, samples$",
        ),
        ({"style": {"mixture": 1}}, "no setting style.mixture"),
        ({"style": None}, "style takes a table of settings .strength, weight"),
        ({"content": 3}, "content takes a table"),
        ({"network": "vgg16"}, "network takes a table"),
        ({"style_losses": "grain=1"}, "called 'gradient_energy' now"),
    ],
)
def test_what_is_wrong_is_said_in_one_line_that_names_the_field(fields, message):
    with pytest.raises(InputError, match=message) as caught:
        resolve(None, fields)
    assert "\n" not in str(caught.value)


def test_a_recipe_cannot_be_changed_after_its_creation():
    with pytest.raises(ValidationError):
        Recipe().steps = 3


def test_snapshots_are_the_listed_steps_and_the_regular_ones():
    assert sorted(Recipe(steps=10, snapshots="7,3", snapshot_every=4).snapshot_steps()) == [3, 4, 7, 8]


def test_layers_without_a_weight_share_1_and_aliases_are_the_same_layer():
    recipe = Recipe(style_layers="relu1_1,CONV2_1", content_layers="conv4_2=0.25")
    assert recipe.style.layers == {"conv1_1": 0.5, "conv2_1": 0.5}
    assert recipe.content.layers == {"conv4_2": 0.25}


def test_losses_may_be_written_with_dashes_and_capitals_and_share_1_without_a_weight():
    recipe = Recipe(style_losses="Mean-Std, relaxed-emd", content_losses=("self-similarity=0.5", "features"))
    assert recipe.style.losses == {"mean_std": LossSettings(weight=0.5), "relaxed_emd": LossSettings(weight=0.5)}
    assert recipe.content.losses == {"self_similarity": LossSettings(weight=0.5), "features": LossSettings(weight=0.5)}


@pytest.mark.parametrize(
    "losses",
    [
        "nearest=0.5@relu3_1=0.3+conv4_1=0.1:512,gram=1",
        {"nearest": {"weight": 0.5, "layers": {"relu3_1": 0.3, "conv4_1": 0.1}, "samples": 512}, "gram": 1},
    ],
)
def test_a_loss_may_have_its_own_layers_and_samples(losses):
    own = LossSettings(weight=0.5, layers={"conv3_1": 0.3, "conv4_1": 0.1}, samples=512)
    assert Recipe(style_losses=losses).style.losses == {"nearest": own, "gram": LossSettings(weight=1.0)}


@pytest.mark.parametrize(("old", "new"), RENAMED.items())
def test_the_old_name_of_a_setting_is_refused_with_its_new_one(old, new):
    with pytest.raises(InputError, match=f"{old} is called {new} now"):
        resolve(None, {old: 0.5})


def test_the_typed_keyword_arguments_are_the_settings():
    assert set(SettingOptions.__annotations__) | {"regions"} == set(FIELDS)
    assert set(RecipeOptions.__annotations__) == set(FIELDS) | set(SECTIONS)


@pytest.mark.parametrize("name", sorted(FIELDS))
def test_every_setting_is_described_in_a_sentence(name):
    assert FIELDS[name].info.description.endswith(".")


def test_the_help_shows_about_twenty_common_settings():
    assert 14 <= sum(field.common for field in FIELDS.values()) <= 20


@pytest.mark.parametrize("first", [{"canvas": "free", "color_strength": 5}, {}])
def test_the_main_setting_of_a_section_has_the_name_of_the_section(first):
    recipe = Recipe(**first, optimizer="adam", color="photo")
    assert (recipe.optimizer.name, recipe.color.mode) == ("adam", "photo")


def test_sections_may_be_given_as_models():
    assert Recipe(style=StyleSettings(weight=9)) == Recipe(style_weight=9)
    # What a model was not given is not stated: the network's own layers hold.
    assert Recipe(style=StyleSettings(weight=9), backbone="resnet50") == Recipe(style_weight=9, backbone="resnet50")
    assert Recipe().with_changes(style=Recipe(style_layers="conv1_1").style).style.layers == {"conv1_1": 1.0}


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("r.toml", b"steps = ", "not valid TOML"),
        ("r.json", b"{", "not valid JSON"),
        ("r.json", b"[1]", "fields and values"),
        ("r.toml", b"\xff\xfe\x00", "not text"),
        ("missing.toml", None, "No such file"),
    ],
)
def test_a_recipe_file_that_cannot_be_read_is_said_in_one_line(tmp_path, name, content, message):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=message) as caught:
        read_recipe(tmp_path / name)
    assert "\n" not in str(caught.value)


def test_every_preset_has_a_purpose():
    assert set(PRESETS) == set(PRESET_PURPOSES)
    assert PRESETS["default"] == Recipe()


def test_the_recipe_needs_neither_torch_nor_numpy():
    code = "import sys, impasto.recipe; sys.exit('torch' in sys.modules or 'numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0

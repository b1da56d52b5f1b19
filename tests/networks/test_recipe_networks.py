"""Recipes with other networks: their layers, and writing and reading them."""

import shlex

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from impasto.errors import InputError
from impasto.networks import NETWORKS, find_network
from impasto.recipe import PRESETS, Recipe, read_recipe, resolve

OTHERS = [*(name for name in NETWORKS if name != "vgg19"), "torchvision:densenet121"]


def has_default_layers(recipe, name):
    network = find_network(name)
    return recipe.content.layers == network.content_layers and recipe.style.layers == network.style_layers


@pytest.mark.parametrize("name", OTHERS)
def test_a_chosen_network_brings_its_default_layers(name, tmp_path):
    (tmp_path / "r.toml").write_text(f'[network]\nbackbone = "{name}"\n[schedule]\nsteps = 7\n')
    chosen = [
        Recipe(backbone=name),
        Recipe().with_changes(backbone=name),
        PRESETS["paper"].with_changes(backbone=name),
        resolve(None, {"backbone": name}),
        resolve("paper", {"backbone": name}),
        resolve("paper", read_recipe(tmp_path / "r.toml")),
        resolve(None, Recipe(backbone="vgg19").to_dict(), {"backbone": name}),
    ]
    assert all(recipe.network.backbone == name and has_default_layers(recipe, name) for recipe in chosen)


def test_changing_back_to_the_default_network_restores_its_layers():
    assert Recipe(backbone="alexnet").with_changes(backbone="vgg19") == Recipe()


def test_naming_the_same_network_again_keeps_the_stated_layers():
    recipe = Recipe(backbone="alexnet", style_layers="conv1_1=2")
    assert recipe.with_changes(backbone="alexnet", steps=3).style.layers == {"conv1_1": 2.0}
    assert resolve("paper", {"backbone": "vgg19"}).style.layers == PRESETS["paper"].style.layers


def test_layers_stated_with_the_network_or_without_any_are_kept_and_others_are_its_own():
    with_it = Recipe(backbone="alexnet", style_layers="conv2=1,conv5_1=2")
    assert with_it.style.layers == {"conv2_1": 1.0, "conv5_1": 2.0}
    assert with_it.content.layers == find_network("alexnet").content_layers
    before = resolve(None, {"style_layers": "conv5_1=2"}, {"backbone": "alexnet"})
    assert before.style.layers == {"conv5_1": 2.0}


def test_layers_stated_for_one_network_are_not_used_for_another():
    stated = {"backbone": "vgg16", "style_layers": "conv3_3"}
    assert has_default_layers(resolve(None, stated, {"backbone": "resnet50"}), "resnet50")


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        ([{"backbone": "vgg17"}], "backbone: unknown network 'vgg17'; known are vgg19, vgg16, alexnet, resnet50"),
        ([{"backbone": "alexnet", "style_layers": "conv3_2"}], "unknown layer 'conv3_2' of alexnet; known are conv1_1"),
        ([{"content_layers": "conv4_4"}, {"backbone": "vgg16"}], "unknown layer 'conv4_4' of vgg16; known are conv1_1"),
        ([{"backbone": 16}], "backbone"),
        ([{"smoothing": "much"}], "smoothing takes auto, softmax or none, not much"),
    ],
)
def test_settings_that_do_not_fit_the_network_are_refused_in_one_line(layers, message):
    with pytest.raises(InputError, match=message) as caught:
        resolve(None, *layers)
    assert "\n" not in str(caught.value)


recipes = st.builds(
    lambda name, more: Recipe(backbone=name, **more),
    st.sampled_from(["vgg19", *OTHERS]),
    st.fixed_dictionaries(
        {},
        optional={
            "smoothing": st.sampled_from(["auto", "softmax", "none"]),
            "steps": st.integers(1, 500),
            "pooling": st.sampled_from(["l2", "max"]),
        },
    ),
)


@settings(max_examples=20, deadline=None)
@given(recipe=recipes)
def test_a_recipe_with_any_network_survives_writing_and_reading(recipe, tmp_path_factory):
    folder = tmp_path_factory.mktemp("recipes")
    for name, text in (("r.toml", recipe.as_toml()), ("r.json", recipe.as_json())):
        (folder / name).write_text(text)
        assert resolve(None, read_recipe(folder / name)) == recipe
    words = shlex.split(recipe.as_command("a.jpg", "b.jpg"))
    words = words[words.index("b.jpg") + 1 :]
    flags = {flag.removeprefix("--"): value for flag, value in zip(words[::2], words[1::2], strict=True)}
    assert resolve(None, flags) == recipe


def test_command_and_python_call_name_the_network_and_not_its_default_layers():
    recipe = Recipe(backbone="alexnet", seed=5)
    assert recipe.as_command("a.jpg", "b.jpg").endswith(" a.jpg b.jpg --backbone alexnet --seed 5")
    assert recipe.as_python("a.jpg", "b.jpg") == "impasto.stylize('a.jpg', 'b.jpg', backbone='alexnet', seed=5)"


def test_features_are_smoothed_if_the_network_wants_it_and_always_if_it_is_stated():
    assert Recipe(backbone="resnet50").network.smooths
    assert not Recipe().network.smooths
    assert Recipe(smoothing="softmax").network.smooths
    assert not Recipe(backbone="resnet50", smoothing="none").network.smooths


def test_nearest_belongs_to_the_default_losses_of_networks_whose_features_are_not_smoothed():
    kinds = {name: "nearest" in Recipe(backbone=name).style.losses for name in NETWORKS}
    assert kinds == {name: not network.smoothed for name, network in NETWORKS.items()}
    # A network that is chosen later brings its own losses, unless others were stated.
    assert "nearest" not in Recipe().with_changes(backbone="alexnet").style.losses
    assert "nearest" in Recipe(backbone="alexnet").with_changes(backbone="vgg19").style.losses
    assert set(Recipe(style_losses="gram").with_changes(backbone="alexnet").style.losses) == {"gram"}
    assert set(Recipe(backbone="alexnet", style_losses="nearest=1").style.losses) == {"nearest"}

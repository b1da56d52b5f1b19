"""The presets that repeat publications."""

import pytest

from impasto.recipe import PRESETS, LossSettings

FIVE = ("conv1_1", "conv2_1", "conv3_1", "conv4_1", "conv5_1")
PUBLISHED = {
    "paper": {"pooling": "average", "init": "noise", "levels": 1, "optimizer": "lbfgs", "normalization": "paper",
              "canvas": "free", "plateau": 0.0, "tv_weight": 0.0, "content_layers": {"conv4_2": 1.0},
              "style_layers": dict.fromkeys(FIVE, 0.2)},
    "notebook": {"pooling": "max", "padding": "zeros", "canvas": "free", "init": "content", "optimizer": "lbfgs",
                 "steps": 500, "levels": 1, "tv_weight": 0.0},
    "classic": {"optimizer": "adam", "learning_rate": 10.0, "init": "noise", "steps": 1000},
}  # fmt: skip


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_preset_has_the_settings_of_its_publication(name):
    recipe = PRESETS[name]
    assert {field: recipe.get(field) for field in PUBLISHED[name]} == PUBLISHED[name]
    added = ("luminance_range_weight", "style_margin", "saliency_weight", "low_frequency_weight")
    assert {recipe.get(field) for field in added} == {0.0}
    assert recipe.style.losses == {"gram": LossSettings(weight=1.0)}


def test_the_style_layers_of_classic_are_weighted_by_their_channels():
    assert PRESETS["classic"].style.layers["conv1_1"] == pytest.approx(1 / (5 * 64**2))

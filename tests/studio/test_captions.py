"""Captions of pictures that stand side by side."""

import re
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from impasto.recipe import PRESETS, Recipe
from impasto.studio import RunEntry
from impasto.studio.captions import MACHINE_FIELDS, difference_captions, run_title
from impasto.studio.texts import field_label

MOMENT = datetime(2026, 11, 26, 10, 15, 3, tzinfo=UTC)


@pytest.fixture
def entry():
    return RunEntry(
        name="one", path=Path("one"), status="finished", created=MOMENT, content="coffee", styles=("night",),
        recipe=Recipe().with_changes(strength=30),
    )  # fmt: skip


def changed(entry, **fields):
    return replace(entry, recipe=entry.recipe.with_changes(**fields))


def test_of_two_recipes_only_what_differs_is_told(entry):
    assert difference_captions([entry, changed(entry, strength=70)], "en") == ["strength 30", "strength 70"]
    assert difference_captions([entry, changed(entry, strength=70)], "zh-CN") == ["强度 30", "强度 70"]


def test_a_run_painted_by_regions_alone_is_called_by_its_photo(entry):
    assert run_title(replace(entry, styles=())).startswith("coffee · 11-26 ")


@pytest.mark.parametrize("field", sorted(set(Recipe.model_fields) - MACHINE_FIELDS))
def test_every_field_that_may_differ_has_a_chinese_name(field):
    assert re.search(r"[\u4e00-\u9fff]", field_label("zh-CN", field))
    assert re.fullmatch(r"[a-z .-]+", field_label("en", field))


def test_photo_and_styles_are_told_where_they_differ(entry):
    other = replace(entry, styles=("mosaic", "waves"))
    assert difference_captions([entry, other], "en") == ["night", "mosaic + waves"]
    captions = difference_captions([entry, replace(other, content="cat")], "en")
    assert captions == [
        "coffee · night",
        "cat · mosaic + waves",
    ]


def test_where_a_third_one_differs_it_is_told_of_all(entry):
    several = [entry, changed(entry, seed=4), changed(entry, style_layers="conv1_1,conv2_1")]
    layers = ",".join(entry.recipe.style_layers)
    assert difference_captions(several, "en") == [
        f"seed 0 · style layers {layers}",
        f"seed 4 · style layers {layers}",
        "seed 0 · style layers conv1_1,conv2_1",
    ]


def test_many_differences_are_counted(entry):
    other = changed(entry, strength=70, size=64, seed=3, steps=9, tv_weight=0.5)
    assert difference_captions([entry, other], "en")[1] == "strength 70 · size 64 · seed 3 · and 2 more"


def test_what_is_about_the_machine_is_no_difference_and_the_same_twice_is_told_by_its_time(entry):
    later = replace(changed(entry, device="cpu", threads=2), created=MOMENT.replace(second=9))
    first, second = difference_captions([entry, later], "en")
    assert (first[-5:], second[-5:]) == ("15:03", "15:09")


def test_one_alone_and_one_that_is_damaged_are_called_something(entry):
    assert difference_captions([entry], "en") == [run_title(entry)]
    assert run_title(entry).startswith("night 30 · coffee · 11-2")
    damaged = RunEntry(name="broken", path=Path("broken"), status="damaged")
    assert difference_captions([entry, damaged], "en") == [run_title(entry), "broken"]


@pytest.mark.parametrize("preset", PRESETS)
def test_every_preset_is_told_from_the_default_in_both_languages(entry, preset):
    other = replace(entry, recipe=PRESETS[preset])
    for language in ("en", "zh"):
        captions = difference_captions([entry, other], language)
        assert captions[0] != captions[1]

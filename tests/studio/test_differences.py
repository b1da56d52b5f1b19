"""Captions of pictures that stand side by side."""

import re
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from impasto.recipe import PRESETS, Recipe
from impasto.studio import Entry
from impasto.studio.differences import ABOUT_THE_MACHINE, called, told_apart
from impasto.studio.texts import field_in

MOMENT = datetime(2026, 11, 26, 10, 15, 3, tzinfo=UTC)


@pytest.fixture
def entry():
    return Entry(
        name="one", path=Path("one"), status="finished", created=MOMENT, content="coffee", styles=("night",),
        recipe=Recipe().with_changes(strength=30),
    )  # fmt: skip


def changed(entry, **fields):
    return replace(entry, recipe=entry.recipe.with_changes(**fields))


def test_of_two_recipes_only_what_differs_is_told(entry):
    assert told_apart([entry, changed(entry, strength=70)], "en") == ["strength 30", "strength 70"]
    assert told_apart([entry, changed(entry, strength=70)], "zh-CN") == ["强度 30", "强度 70"]


def test_a_run_painted_by_regions_alone_is_called_by_its_photo(entry):
    assert called(replace(entry, styles=())).startswith("coffee · 11-26 ")


@pytest.mark.parametrize("field", sorted(set(Recipe.model_fields) - ABOUT_THE_MACHINE))
def test_every_field_that_may_differ_has_a_chinese_name(field):
    assert re.search(r"[\u4e00-\u9fff]", field_in("zh-CN", field))
    assert re.fullmatch(r"[a-z .-]+", field_in("en", field))


def test_photo_and_styles_are_told_where_they_differ(entry):
    other = replace(entry, styles=("mosaic", "waves"))
    assert told_apart([entry, other], "en") == ["night", "mosaic + waves"]
    assert told_apart([entry, replace(other, content="cat")], "en") == ["coffee · night", "cat · mosaic + waves"]


def test_where_a_third_one_differs_it_is_told_of_all(entry):
    several = [entry, changed(entry, seed=4), changed(entry, style_layers="conv1_1,conv2_1")]
    layers = ",".join(entry.recipe.style_layers)
    assert told_apart(several, "en") == [
        f"seed 0 · style layers {layers}",
        f"seed 4 · style layers {layers}",
        "seed 0 · style layers conv1_1,conv2_1",
    ]


def test_many_differences_are_counted(entry):
    other = changed(entry, strength=70, size=64, seed=3, steps=9, tv_weight=0.5)
    assert told_apart([entry, other], "en")[1] == "strength 70 · size 64 · seed 3 · and 2 more"


def test_what_is_about_the_machine_is_no_difference_and_the_same_twice_is_told_by_its_time(entry):
    later = replace(changed(entry, device="cpu", threads=2), created=MOMENT.replace(second=9))
    first, second = told_apart([entry, later], "en")
    assert (first[-5:], second[-5:]) == ("15:03", "15:09")


def test_one_alone_and_one_that_is_damaged_are_called_something(entry):
    assert told_apart([entry], "en") == [called(entry)]
    assert called(entry).startswith("night 30 · coffee · 11-2")
    damaged = Entry(name="broken", path=Path("broken"), status="damaged")
    assert told_apart([entry, damaged], "en") == [called(entry), "broken"]


@pytest.mark.parametrize("preset", PRESETS)
def test_every_preset_is_told_from_the_default_in_both_languages(entry, preset):
    other = replace(entry, recipe=PRESETS[preset])
    for language in ("en", "zh"):
        captions = told_apart([entry, other], language)
        assert captions[0] != captions[1]

"""Captions of runs that are shown side by side, and names of settings in messages."""

import re
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from impasto.recipe import FIELDS, PRESETS, Recipe, flag_of
from impasto.studio import RunEntry
from impasto.studio.captions import MACHINE_FIELDS, difference_captions, differences, run_title
from impasto.studio.fields import HIDDEN
from impasto.studio.texts import TEXTS, field_label, name_widgets

MOMENT = datetime(2026, 11, 26, 10, 15, 3, tzinfo=UTC)


@pytest.fixture
def entry():
    return RunEntry(
        name="one", path=Path("one"), status="finished", created=MOMENT, content="coffee", styles=("night",),
        recipe=Recipe(strength=30),
    )  # fmt: skip


def changed(entry, **settings):
    return replace(entry, recipe=entry.recipe.with_changes(**settings))


def captions(*entries, language="en"):
    return difference_captions(entries, language)


@pytest.mark.parametrize("language", ["en", "zh-CN"])
def test_messages_name_the_settings_that_the_page_shows_and_keep_the_flags_of_others(language):
    named = {name: name_widgets(language, f"set {flag_of(name)} 3") for name in FIELDS}
    assert {name for name, text in named.items() if text == f"set {flag_of(name)} 3"} == set(HIDDEN)


def test_a_caption_names_only_the_differences(entry):
    assert captions(entry, changed(entry, strength=70)) == ["strength 30", "strength 70"]
    assert captions(entry, changed(entry, strength=70), language="zh-CN") == ["强度 30", "强度 70"]


def test_title_has_the_strength_at_the_end_and_the_seed_and_size_of_a_variation(entry):
    recipe = Recipe(strength=30, changes="5:strength=95", seed=3, size=96)
    assert run_title(replace(entry, recipe=recipe)).startswith("night 95 · seed 3, 96 px · coffee · 11-26 ")


def test_title_without_styles_begins_with_the_photo(entry):
    assert run_title(replace(entry, styles=())).startswith("coffee · 11-26 ")


@pytest.mark.parametrize("field", sorted(set(FIELDS) - MACHINE_FIELDS))
def test_every_setting_has_a_name_in_both_languages(field):
    assert re.search(r"[\u4e00-\u9fff]", field_label("zh-CN", field))
    assert re.fullmatch(r"[a-z .-]+", field_label("en", field))


def test_every_text_fills_in_the_same_names_in_both_languages():
    for key, texts in TEXTS.items():
        english, chinese = (set(re.findall(r"{\w+}", text)) for text in texts)
        assert english == chinese, key


def test_caption_names_photo_and_styles_if_they_differ(entry):
    other = replace(entry, styles=("mosaic", "waves"))
    assert captions(entry, other) == ["night", "mosaic + waves"]
    assert captions(entry, replace(other, content="cat")) == ["coffee · night", "cat · mosaic + waves"]


def test_setting_that_differs_in_one_of_three_is_named_for_all(entry):
    layers = {"style_layers": "conv1_1=0.5,conv2_1=0.5"}
    first, second, third = captions(changed(entry, **layers), changed(entry, seed=4, **layers), entry)
    assert first == "seed 0 · style layers conv1_1=0.5,conv2_1=0.5"
    assert second == "seed 4 · style layers conv1_1=0.5,conv2_1=0.5"
    assert third.startswith("seed 0 · style layers conv1_1=0.6,")


def test_regions_are_named_by_their_styles_and_the_files_of_their_masks(entry):
    regional = changed(entry, regions=["mask 1=keep", "sky.png=night@stars.png"])
    assert captions(entry, regional) == ["no regions", "regions keep the photo, sky.png: night@stars.png"]
    assert captions(entry, regional, language="zh")[0] == "无区域"


def test_a_caption_names_the_first_of_many_differences_and_all_can_be_had(entry):
    other = changed(entry, strength=70, size=64, seed=3, steps=9, tv_weight=0.5)
    assert captions(entry, other)[1] == "strength 70 · size 64 · seed 3"
    assert differences([entry, other], "en")[1] == ["strength 70", "size 64", "seed 3", "tv weight 0.5", "steps 9"]


def test_runs_that_differ_only_in_machine_settings_are_distinguished_by_their_time(entry):
    later = replace(changed(entry, device="cpu", threads=2), created=MOMENT.replace(second=9))
    assert [caption[-5:] for caption in captions(entry, later)] == ["15:03", "15:09"]


def test_single_run_and_damaged_run_have_their_titles(entry):
    assert captions(entry) == [run_title(entry)]
    assert run_title(entry).startswith("night 30 · coffee · 11-2")
    damaged = RunEntry(name="broken", path=Path("broken"), status="damaged")
    assert captions(entry, damaged) == [run_title(entry), "broken"]


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_preset_differs_from_the_default_in_its_caption(entry, preset, language):
    one, other = captions(entry, replace(entry, recipe=PRESETS[preset]), language=language)
    assert one != other

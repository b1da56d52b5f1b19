"""What settings accept: said in words that a person can follow, and read as people write it."""

import pytest

from impasto.errors import InputError
from impasto.recipe import FIELDS, PRESETS, Recipe, accepted, resolve


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("size", "a whole number of px from 16 to 65,536, or photo"),
        ("style_size", "a whole number of px from 16 to 65,536"),
        ("strength", "a number from 0 to 100"),
        ("style_weight", "a number from 0 to 1e15"),
        ("learning_rate", "a number above 0 and at most 255"),
        ("steps", "a whole number from 1 to 10,000,000"),
        ("coarse_limit", "a whole number of at least 1"),
        ("plateau", "a number from 0 to below 1"),
        ("levels", "a whole number from 1 to 10, or auto"),
        ("snapshots", "whole numbers of at least 1, separated by commas"),
        ("style_scale", "numbers from 0.05 to 20, separated by commas"),
        ("color", "style, photo, match or luminance"),
        ("upscale", "true or false"),
        ("style_layers", "NAME=WEIGHT, several separated by commas"),
        ("backbone", ""),
    ],
)
def test_what_a_setting_accepts_is_said_in_words(name, words):
    assert accepted(FIELDS[name].info) == words


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ({"size": "256px"}, {"size": 256}),
        ({"size": " 256 PX "}, {"size": 256}),
        ({"size": "PHOTO"}, {"size": "photo"}),
        ({"style_size": "300 pixels"}, {"style_size": 300}),
        ({"strength": "50%"}, {"strength": 50.0}),
        ({"color_strength": "12.5 %"}, {"color_strength": 12.5}),
        ({"style_mix": "70%,30%"}, {"style_mix": (70, 30)}),
        ({"color": "Photo"}, {"color": "photo"}),
        ({"normalization": "size-free"}, {"normalization": "size_free"}),
        ({"device": "CPU"}, {"device": "cpu"}),
        ({"levels": "Auto"}, {"levels": "auto"}),
        ({"init": "Noise"}, {"init": "noise"}),
    ],
)
def test_units_and_capitals_are_understood(written, meant):
    assert resolve(None, written) == Recipe(**meant)


def test_the_name_of_a_preset_may_have_capitals():
    assert resolve("Paper") == PRESETS["paper"]


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ({"steps": "100px"}, "steps takes a whole number from 1 to 10,000,000, not 100px"),
        ({"size": "50%"}, "size takes a whole number of px from 16 to 65,536, or photo, not 50%"),
        ({"strength": "150%"}, "strength takes a number from 0 to 100, not 150%"),
        ({"strength": ""}, "strength takes a number from 0 to 100, not ''"),
        ({"seed": 1.5}, "seed takes a whole number of at least 0, not 1.5"),
        ({"snapshots": "5,x"}, "snapshots takes whole numbers of at least 1, separated by commas, not x"),
        ({"pooling": "median"}, "pooling takes max, average or l2, not median"),
        ({"style_losses": "nearest=1:5"}, "style_losses takes for samples a whole number from 16 to 65,536, not 5"),
    ],
)
def test_the_message_says_what_is_accepted(written, message):
    with pytest.raises(InputError) as caught:
        resolve(None, written)
    assert str(caught.value) == message


@pytest.mark.parametrize("name", sorted(FIELDS))
def test_no_message_shows_the_words_of_the_validator(name):
    for wrong in (object(), float("nan")):
        with pytest.raises(InputError) as caught:
            resolve(None, {name: wrong})
        assert "nput should" not in str(caught.value)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("iterations", "steps"),
        ("num_steps", "steps"),
        ("stroke-size", "style_scale"),
        ("preserve_colors", "color=photo"),
        ("lr", "learning_rate"),
        ("tv", "tv_weight"),
        ("alpha", "content_weight"),
        ("stlye_weight", "style_weight"),
        ("style.wieght", "style.weight"),
    ],
)
def test_a_setting_has_the_names_that_other_programs_give_it(written, meant):
    section, _, name = written.rpartition(".")
    with pytest.raises(InputError, match=f"there is no setting {written}: did you mean {meant}\\?"):
        resolve(None, {section: {name: 1}} if section else {written: 1})


@pytest.mark.parametrize(("written", "meant"), [("drat", "draft"), ("papers", "paper")])
def test_a_misspelled_preset_is_recognized(written, meant):
    with pytest.raises(InputError, match=f"unknown preset '{written}'; did you mean {meant}\\?"):
        resolve(written)

"""`impasto preview`, and the method `instant` on the command line."""

import json

import numpy as np
import PIL.Image
import pytest

import impasto as program
from impasto.images import quantize


def test_preview_writes_one_sheet_of_all_plates(impasto, folder):
    outcome = impasto("preview", "photo.png", "--size", 32)
    assert (outcome.code, outcome.out, outcome.err) == (0, "photo_preview.png\n", "")
    expected = program.preview("photo.png", size=32).pixels
    np.testing.assert_array_equal(np.asarray(PIL.Image.open("photo_preview.png")), quantize(expected))


def test_preview_takes_files_plates_and_an_output(impasto, folder):
    assert impasto("preview", "photo.png", "style.jpg", "night", "--size", 64, "-o", "sheet.webp").out == "sheet.webp\n"
    assert PIL.Image.open("sheet.webp").width == 8 + 3 * (64 + 8)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("photo.png nowhere.png", "nowhere.png"),
        ("nowhere.png", "nowhere.png"),
        ("photo.png night --size 3", "size"),
        ("photo.png night -o photo.png", "choose another name"),
        ("- -", "standard input"),
    ],
)
def test_preview_reports_errors_in_one_line(refused, words, message):
    assert message in refused("preview", *words.split())


def test_an_instant_picture_has_no_loss_to_report(impasto, folder):
    outcome = impasto("photo.png", "style.jpg", "--method", "instant")
    assert outcome.out == "photo_style.png\n"
    assert "loss" not in outcome.err


def test_an_instant_picture_is_painted_again_from_its_record(impasto, folder):
    impasto("photo.png", "style.jpg", "--preset", "instant", "--strength", 80, "-o", "first.png", "--quiet")
    impasto("photo.png", "style.jpg", "--from", "first.png", "-o", "again.png", "--quiet")
    np.testing.assert_array_equal(*(np.asarray(PIL.Image.open(name)) for name in ("first.png", "again.png")))
    assert json.loads(impasto("info", "again.png", "--json").out)["recipe"]["method"] == "instant"


def test_a_setting_without_effect_is_refused_by_its_flag(refused, folder):
    message = refused("photo.png", "style.jpg", "--method", "instant", "--steps", "3")
    assert "--steps has no effect with the method instant" in message


def test_the_description_of_an_instant_picture_has_no_loss(impasto, folder):
    facts = json.loads(impasto("photo.png", "style.jpg", "--preset", "instant", "--size", 64, "--json").out)
    assert facts["steps"] == 1
    assert not {"loss", "saved_loss"} & facts.keys()

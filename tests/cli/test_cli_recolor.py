"""`impasto recolor`."""

import numpy as np
import PIL.Image

import impasto as program
from impasto.images import quantize


def test_recolor_writes_the_photo_in_other_colours_and_tells_where(impasto, folder):
    outcome = impasto("recolor", "photo.png", "style.jpg")
    assert (outcome.code, outcome.out, outcome.err) == (0, "photo_style_colors.png\n", "")
    expected = program.recolor("photo.png", "style.jpg").pixels
    np.testing.assert_array_equal(np.asarray(PIL.Image.open("photo_style_colors.png")), quantize(expected))


def test_recolor_takes_a_plate_a_map_and_a_file_to_write_to(impasto, folder):
    options = ["--color-map", "histogram", "--color-strength", 40, "-o", "out.webp"]
    assert impasto("recolor", "photo.png", "night", *options).out == "out.webp\n"
    assert PIL.Image.open("out.webp").size == PIL.Image.open("photo.png").size


def test_recolor_says_in_one_line_what_is_wrong(impasto, folder):
    for words, told in (
        (["photo.png", "nowhere.png"], "nowhere.png"),
        (["photo.png", "style.jpg", "--color-strength", 200], "from 0 to 100"),
        (["photo.png", "style.jpg", "--color-map", "rainbow"], "rainbow"),
        (["photo.png", "style.jpg", "-o", "photo.png"], "choose another name"),
        (["-", "-"], "standard input"),
    ):
        outcome = impasto("recolor", *words)
        assert outcome.code == 2, outcome
        assert len(outcome.errors) == 1
        assert told in outcome.err

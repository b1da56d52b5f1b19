"""`impasto mask`."""

import io
import sys

import numpy as np
import PIL.Image

import impasto as program
from impasto.images import quantize


def test_mask_writes_a_grey_picture_of_the_subject_and_tells_where(impasto, folder):
    outcome = impasto("mask", "photo.png")
    assert (outcome.code, outcome.out, outcome.err) == (0, "photo_mask.png\n", "")
    written = PIL.Image.open("photo_mask.png")
    assert (written.mode, written.size) == ("L", PIL.Image.open("photo.png").size)
    np.testing.assert_array_equal(np.asarray(written), quantize(program.subject_mask("photo.png").pixels))


def test_background_is_the_inverse(impasto, folder):
    assert impasto("mask", "photo.png", "-o", "subject.png").code == 0
    assert impasto("mask", "photo.png", "--background").out == "photo_mask.png\n"
    subject, rest = (np.asarray(PIL.Image.open(name), dtype=int) for name in ("subject.png", "photo_mask.png"))
    assert np.abs(subject + rest - 255).max() <= 1


def test_the_mask_is_that_of_the_upright_photo(impasto, folder):
    exif = PIL.Image.Exif()
    exif[0x0112] = 6
    PIL.Image.open("photo.png").save("turned.png", exif=exif)
    assert impasto("mask", "turned.png").code == 0
    assert PIL.Image.open("turned_mask.png").size == PIL.Image.open("photo.png").size[::-1]


def test_mask_reads_standard_input_and_writes_16_bits_if_asked(impasto, folder, monkeypatch):
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO((folder / "photo.png").read_bytes())))
    assert impasto("mask", "-", "--bits", 16).out == "stdin_mask.png\n"
    fine = np.asarray(PIL.Image.open("stdin_mask.png")) / 65535
    np.testing.assert_allclose(fine, program.subject_mask("photo.png").pixels, atol=1e-5)


def test_mask_says_in_one_line_what_is_wrong(impasto, folder, monkeypatch):
    PIL.Image.new("RGB", (40, 30), "teal").save("plain.png")
    for words, told in (
        (["nowhere.png"], "nowhere.png does not exist"),
        (["plain.png"], "no subject stands out"),
        (["photo.png", "-o", "photo.png"], "choose another name"),
        (["photo.png", "-o", "mask.xyz"], "mask.xyz"),
        ([], "photo"),
    ):
        outcome = impasto("mask", *words)
        assert (outcome.code, outcome.out) == (2, ""), outcome
        assert len(outcome.errors) == 1
        assert told in outcome.err.lower()
    monkeypatch.setitem(sys.modules, "cv2", None)
    outcome = impasto("mask", "photo.png")
    assert (outcome.code, len(outcome.errors)) == (2, 1)
    assert outcome.err.rstrip().endswith("pip install 'impasto[masks]'")

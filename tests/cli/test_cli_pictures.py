"""`impasto recolor`, `impasto mask` and `impasto score`."""

import io
import json

import numpy as np
import PIL.Image
import pytest

import impasto as program
from impasto.images import plate_path, quantize, read_picture
from impasto.score import HIGHER_IS_BETTER, MEASURES, score_picture
from impasto.score.judge import load_network

PICTURES = ("--content", "photo.png", "--style", "style.jpg")


def pixels(name: str) -> np.ndarray:
    return np.asarray(PIL.Image.open(name), dtype=int)


@pytest.fixture
def pipe(monkeypatch, folder):
    """Return a function that redirects standard input from a file."""

    def connect(name: str) -> None:
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO((folder / name).read_bytes())))

    return connect


# -- recolor -----------------------------------------------------------------------------------------------------------


def test_recolor_writes_the_photo_in_other_colors_and_prints_the_path(impasto, folder):
    outcome = impasto("recolor", "photo.png", "style.jpg")
    assert (outcome.code, outcome.out, outcome.err) == (0, "photo_style_colors.png\n", "")
    expected = program.recolor("photo.png", "style.jpg").pixels
    np.testing.assert_array_equal(pixels("photo_style_colors.png"), quantize(expected))


def test_recolor_takes_a_plate_a_map_and_an_output(impasto, folder):
    options = ["--color-map", "histogram", "--color-strength", 40, "-o", "out.webp"]
    assert impasto("recolor", "photo.png", "night", *options).out == "out.webp\n"
    assert PIL.Image.open("out.webp").size == PIL.Image.open("photo.png").size


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("photo.png nowhere.png", "nowhere.png"),
        ("photo.png style.jpg --color-strength 200", "from 0 to 100"),
        ("photo.png style.jpg --color-map rainbow", "rainbow"),
        ("photo.png style.jpg -o photo.png", "choose another name"),
        ("- -", "standard input"),
    ],
)
def test_recolor_reports_errors_in_one_line(refused, words, message):
    assert message in refused("recolor", *words.split())


# -- mask --------------------------------------------------------------------------------------------------------------


def test_mask_writes_a_gray_picture_of_the_subject_and_prints_the_path(impasto, folder):
    outcome = impasto("mask", "photo.png")
    assert (outcome.code, outcome.out, outcome.err) == (0, "photo_mask.png\n", "")
    written = PIL.Image.open("photo_mask.png")
    assert (written.mode, written.size) == ("L", PIL.Image.open("photo.png").size)
    np.testing.assert_array_equal(np.asarray(written), quantize(program.subject_mask("photo.png").pixels))


def test_background_is_the_inverse(impasto, folder):
    assert impasto("mask", "photo.png", "-o", "subject.png").code == 0
    assert impasto("mask", "photo.png", "--background").out == "photo_mask.png\n"
    assert np.abs(pixels("subject.png") + pixels("photo_mask.png") - 255).max() <= 1


def test_mask_shows_photo_and_style_in_the_colors_of_their_parts(impasto, folder):
    assert impasto("mask", "photo.png", "--parts", "night").out == "photo_night_parts.png\n"
    shown = pixels("photo_night_parts.png")
    photo = pixels("photo.png")
    assert shown.shape[1] > 2 * photo.shape[1]
    assert len(np.unique(shown.reshape(-1, 3), axis=0)) > 100
    assert program.matched_parts("photo.png", "night").masks[0].pixels.shape == photo.shape[:2]


def test_the_mask_belongs_to_the_upright_photo(impasto, folder):
    exif = PIL.Image.Exif()
    exif[0x0112] = 6
    PIL.Image.open("photo.png").save("turned.png", exif=exif)
    assert impasto("mask", "turned.png").code == 0
    assert PIL.Image.open("turned_mask.png").size == PIL.Image.open("photo.png").size[::-1]


def test_mask_reads_standard_input_and_writes_16_bits_if_asked(impasto, pipe):
    pipe("photo.png")
    assert impasto("mask", "-", "--bits", 16).out == "stdin_mask.png\n"
    np.testing.assert_allclose(pixels("stdin_mask.png") / 65535, program.subject_mask("photo.png").pixels, atol=1e-5)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("nowhere.png", "nowhere.png does not exist"),
        ("plain.png", "no subject stands out"),
        ("photo.png -o photo.png", "choose another name"),
        ("photo.png -o mask.xyz", "mask.xyz"),
        ("photo.png --parts night --background", "leave out --parts"),
        ("photo.png --parts nihgt", "night"),
        ("", "photo"),
    ],
)
def test_mask_reports_errors_in_one_line(refused, folder, words, message):
    PIL.Image.new("RGB", (40, 30), "teal").save("plain.png")
    assert message in refused("mask", *words.split()).lower()


# -- score -------------------------------------------------------------------------------------------------------------


@pytest.fixture
def score(impasto, folder):
    """Call `impasto score result.png`, a picture of 64 x 48 px, like the photo."""
    PIL.Image.open("style.jpg").resize((64, 48)).save("result.png")
    return lambda *words: impasto("score", "result.png", *words)


@pytest.fixture
def expected(score) -> dict[str, float]:
    """Expected values of the functions."""
    return score_picture(*(read_picture(name).pixels for name in ("result.png", "photo.png", "style.jpg"))).as_dict()


def test_three_rows_and_a_line_of_explanation_for_each_are_shown_in_80_columns(score):
    outcome = score(*PICTURES)
    assert (outcome.code, outcome.err) == (0, "")
    lines = outcome.out.splitlines()
    assert all(len(line) <= 80 for line in lines)
    assert [line.split()[0] for line in lines[1:4]] == ["style", "content", "faults"]
    assert [line.partition(":")[0] for line in lines[5:]] == ["style", "content", "faults"]


def test_the_table_of_all_has_the_summary_first_then_every_measure_with_its_direction_in_80_columns(score):
    outcome = score(*PICTURES, "--all")
    assert (outcome.code, outcome.err) == (0, "")
    lines = outcome.out.splitlines()
    assert all(len(line) <= 80 for line in lines)
    assert [line.split()[0] for line in lines[1:4]] == ["style", "content", "faults"]
    rows = {words[0]: words[1:] for words in map(str.split, lines[4:]) if len(words) == 5}
    assert list(rows) == list(MEASURES)
    assert {name for name, row in rows.items() if row[-1] == "higher"} == HIGHER_IS_BETTER
    assert [line for line in lines[4:] if line and len(line.split()) < 5] == ["content kept", "style taken", "faults"]


def test_the_columns_are_the_scores_of_result_photo_and_style(score, expected):
    lines = score(*PICTURES, "--all").out.splitlines()[1:]
    rows = {line.split()[0]: line.split()[1:4] for line in lines if len(line) > 20}
    for name, row in rows.items():
        assert float(row[0]) == pytest.approx(expected[name], abs=6e-4), name
    assert rows["st_lpips"][1] == rows["sliced_vgg16"][2] == "0.000"
    assert rows["ms_ssim"][1] == rows["local_patterns"][2] == "1.000"


def test_json_is_one_object_with_all_three(score, expected):
    outcome = score(*PICTURES, "--json")
    assert (outcome.code, outcome.err, outcome.out.count("\n")) == (0, "", 1)
    columns = json.loads(outcome.out)
    assert list(columns) == ["result", "scores", "photo", "style"]
    assert columns["result"] == "result.png"
    assert columns["scores"] == pytest.approx(expected)
    assert columns["photo"]["content"] == pytest.approx(0, abs=1e-6)
    assert columns["style"]["style"] == pytest.approx(0, abs=1e-6)


def test_the_style_may_be_a_plate_and_the_result_come_from_standard_input(score, impasto, pipe):
    by_path = json.loads(score("--content", "photo.png", "--style", plate_path("night"), "--json").out)
    pipe("result.png")
    by_name = json.loads(impasto("score", "-", "--content", "photo.png", "--style", "night", "--json").out)
    assert by_name == by_path | {"result": "-"}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("photo.png --content photo.png --style nowhere.jpg", "no file nowhere.jpg"),
        ("photo.png --content nowhere.jpg --style night", "nowhere.jpg"),
        ("photo.png --content - --style -", "only one picture can come from standard input"),
        ("photo.png --content photo.png", "--style"),
        ("tiny.png --content photo.png --style style.jpg", "too small to be judged"),
    ],
)
def test_score_reports_errors_in_one_line(refused, folder, words, message):
    PIL.Image.new("RGB", (12, 12)).save("tiny.png")
    assert message in refused("score", *words.split())


def test_score_without_the_extra_names_the_package_to_install(refused, monkeypatch):
    load_network.cache_clear()
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    message = refused("score", "photo.png", *PICTURES)
    load_network.cache_clear()
    assert "'stlpips-pytorch>=0.0.2'" in message

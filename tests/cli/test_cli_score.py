"""`impasto score`: a table for people, one object for programs."""

import io
import json

import PIL.Image
import pytest

from impasto.images import plate_path, read_picture
from impasto.score import HIGHER_IS_BETTER, MEASURES, score_picture
from impasto.score.weights import load_judge

PICTURES = ("--content", "photo.png", "--style", "style.jpg")


@pytest.fixture
def score(impasto, folder):
    """Call `impasto score result.png`, a picture of 64 x 64 px."""
    PIL.Image.open("style.jpg").resize((64, 64)).save("result.png")
    return lambda *words: impasto("score", "result.png", *words)


def test_the_table_has_the_headlines_first_then_every_measure_with_its_direction_in_80_columns(score):
    outcome = score(*PICTURES)
    assert (outcome.code, outcome.err) == (0, "")
    lines = outcome.out.splitlines()
    assert all(len(line) <= 80 for line in lines)
    assert [line.split()[0] for line in lines[1:4]] == ["style", "content", "faults"]
    rows = {words[0]: words[1:] for words in map(str.split, lines[4:]) if len(words) == 5}
    assert list(rows) == list(MEASURES)
    assert {name for name, row in rows.items() if row[-1] == "higher"} == HIGHER_IS_BETTER
    assert [line for line in lines[4:] if line and len(line.split()) < 5] == ["content kept", "style taken", "faults"]


def test_the_columns_are_what_the_result_the_photo_and_the_style_score(score, folder):
    read = [read_picture(name).pixels for name in ("result.png", "photo.png", "style.jpg")]
    expected = score_picture(*read).as_dict()
    rows = {line.split()[0]: line.split()[1:4] for line in score(*PICTURES).out.splitlines()[1:] if len(line) > 20}
    for name, row in rows.items():
        assert float(row[0]) == pytest.approx(expected[name], abs=6e-4), name
    assert rows["st_lpips"][1] == rows["sliced_vgg16"][2] == "0.000"
    assert rows["ms_ssim"][1] == rows["local_patterns"][2] == "1.000"


def test_json_is_one_object_with_all_three(score, folder):
    outcome = score(*PICTURES, "--json")
    assert (outcome.code, outcome.err, outcome.out.count("\n")) == (0, "", 1)
    told = json.loads(outcome.out)
    assert list(told) == ["result", "scores", "photo", "style"]
    assert told["result"] == "result.png"
    read = [read_picture(name).pixels for name in ("result.png", "photo.png", "style.jpg")]
    assert told["scores"] == pytest.approx(score_picture(*read).as_dict())
    assert told["photo"]["content"] == pytest.approx(0, abs=1e-6)
    assert told["style"]["style"] == pytest.approx(0, abs=1e-6)


def test_a_plate_is_a_style_by_its_name(score):
    by_name = json.loads(score("--content", "photo.png", "--style", "night", "--json").out)
    by_path = json.loads(score("--content", "photo.png", "--style", plate_path("night"), "--json").out)
    assert by_name == by_path


def test_the_result_can_come_from_standard_input(score, impasto, folder, monkeypatch):
    from_file = json.loads(score(*PICTURES, "--json").out)
    piped = io.TextIOWrapper(io.BytesIO((folder / "result.png").read_bytes()))
    monkeypatch.setattr("sys.stdin", piped)
    assert json.loads(impasto("score", "-", *PICTURES, "--json").out) == from_file | {"result": "-"}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--content", "photo.png", "--style", "nowhere.jpg"), "no file nowhere.jpg"),
        (("--content", "nowhere.jpg", "--style", "night"), "nowhere.jpg"),
        (("--content", "-", "--style", "-"), "only one picture can come from standard input"),
        (("--content", "photo.png"), "--style"),
    ],
)
def test_what_cannot_be_judged_is_told_in_one_line(score, words, said):
    outcome = score(*words)
    assert (outcome.code, outcome.out, len(outcome.errors)) == (2, "", 1)
    assert said in outcome.err


def test_a_result_that_is_too_small_is_told_in_one_line(impasto, folder):
    PIL.Image.new("RGB", (12, 12)).save("tiny.png")
    outcome = impasto("score", "tiny.png", *PICTURES)
    assert (outcome.code, outcome.out, len(outcome.errors)) == (2, "", 1)
    assert "too small to be judged" in outcome.err


def test_without_the_extra_one_line_says_what_to_install(score, monkeypatch):
    load_judge.cache_clear()
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    outcome = score(*PICTURES)
    load_judge.cache_clear()
    assert (outcome.code, outcome.out, len(outcome.errors)) == (2, "", 1)
    assert "pip install 'impasto[score]'" in outcome.err

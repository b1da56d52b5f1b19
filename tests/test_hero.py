"""The tool that lays out the README's pictures."""

import importlib
import re
import shlex
import sys
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from impasto.recipe import as_text, flag_of

ROOT = Path(__file__).parents[1]


@pytest.fixture
def tool(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "tools"))
    yield importlib.import_module("hero")
    del sys.modules["hero"]


@pytest.fixture
def hero(tool):
    """Call tools/hero.py with the words of a command line."""
    return lambda *words: tool.main([str(word) for word in words])


def test_the_line_holds_photo_style_and_result_in_this_order_with_white_between(hero, tmp_path):
    colors = {"photo": (200, 30, 30), "style": (30, 160, 30), "result": (30, 30, 200)}
    for name, color in colors.items():
        PIL.Image.new("RGB", (60, 40), color).save(tmp_path / f"{name}.png")
    words = ("line", tmp_path / "result.png", "--photo", tmp_path / "photo.png", "--style", tmp_path / "style.png")
    hero(*words, "--height", 80, "--gap", 20, "--out", tmp_path / "line.webp")
    row = np.asarray(PIL.Image.open(tmp_path / "line.webp"), dtype=int)
    assert row.shape == (80, 3 * 120 + 2 * 20, 3)
    for place, color in enumerate(colors.values()):
        assert np.abs(row[40, place * 140 + 60] - color).max() < 12
    assert row[40, [130, 270]].min() > 243


def test_the_sheet_of_plates_is_small_enough_for_a_page(hero, tmp_path):
    hero("plates", "--cell", 100, "--out", tmp_path / "new" / "plates.webp")
    assert (tmp_path / "new" / "plates.webp").stat().st_size < 250_000


def test_what_does_not_fit_is_refused_and_nothing_is_written(hero, tool, tmp_path, monkeypatch):
    monkeypatch.setattr(tool, "MOST_BYTES", 100)
    with pytest.raises(SystemExit, match="choose a smaller"):
        hero("plates", "--cell", 20, "--out", tmp_path / "plates.webp")
    assert not (tmp_path / "plates.webp").exists()


def test_the_pictures_of_the_readme_are_small():
    pictures = re.findall(r"!\[[^]]*\]\(([^)]+)\)", (ROOT / "README.md").read_text(encoding="utf-8"))
    assert sum((ROOT / picture).stat().st_size for picture in pictures) < 400_000


def test_each_of_the_twenty_main_settings_has_a_row_of_pictures_in_its_page(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "tools"))
    rows = importlib.import_module("settings").ROWS
    page = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")
    shown = re.findall(
        r"^### `--([\w-]+)`\n.*?\]\(pictures/(?:settings/)?([\w-]+)\.webp\)", page, re.MULTILINE | re.DOTALL
    )
    assert len(shown) == 20
    assert dict(shown) == {**{name: name for name in rows}, "backbone": "networks"}
    assert all(len(row) >= 3 for row in rows.values())


def test_the_gallery_shows_every_picture_with_the_command_that_paints_it(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "tools"))
    gallery = importlib.import_module("gallery")
    page = (ROOT / "docs" / "gallery.md").read_text(encoding="utf-8")
    shown = dict(re.findall(r"gallery/([\w-]+)\.webp\)\n\n```sh\n(.*)\n```", page))
    assert shown.keys() == gallery.CUPS.keys()
    for name, command in shown.items():
        photo, *words = shlex.split(command)[1:]
        settings = {"size": gallery.CUP_SIZE, **gallery.CUPS[name]}
        styles = settings.pop("styles")
        stated = [word for key, value in settings.items() for word in (flag_of(key), as_text(value))]
        assert photo == "photo.jpg"
        assert sorted(words) == sorted([*([styles] if isinstance(styles, str) else styles), *stated])

"""What comes from a file is printed so that it can neither command a terminal nor turn the direction of the text."""

import io
import json
import unicodedata
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from impasto.cli import main
from impasto.cli.console import printable
from impasto.errors import InputError
from impasto.images import read_picture, write_picture
from impasto.recipe import Recipe
from impasto.runs import Inputs, RunFolder

CONTROLS = [chr(code) for code in range(0x110000) if unicodedata.category(chr(code)) in ("Cc", "Zl", "Zp")]
TURNING = [
    chr(code)
    for code in range(0x110000)
    if unicodedata.bidirectional(chr(code)) in ("LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI")
]
UNSAFE = "".join(dict.fromkeys([*CONTROLS, *TURNING, "\u200e", "\u200f", "\u061c"]))


def test_every_control_character_of_unicode_is_escaped():
    assert all(printable(one).isascii() and printable(one).startswith("\\") for one in UNSAFE)


@given(st.text())
def test_nothing_unsafe_remains_and_other_text_is_kept(text):
    shown = printable(text)
    assert not set(shown) & set(UNSAFE)
    if not set(text) & set(UNSAFE):
        assert shown == text


def unsafe_in(text: str) -> set[str]:
    return set(text) & (set(UNSAFE) - {"\n"})


@pytest.fixture
def stranger(tmp_path, monkeypatch) -> Path:
    """The current folder, with a picture whose record holds every control character, and a run of such names."""
    monkeypatch.chdir(tmp_path)
    recipe = Recipe().to_dict() | {UNSAFE: UNSAFE}
    inputs = {"content": [{"name": UNSAFE, "sha256": UNSAFE}], "styles": []}
    record = {"version": UNSAFE, "recipe": recipe, "weights": {UNSAFE: UNSAFE}, "inputs": inputs}
    write_picture(Path("painted.png"), np.zeros((4, 4, 3), np.uint8), metadata=record)
    picture = read_picture(np.zeros((16, 16, 3)))
    with RunFolder.create(Path("runs/a"), recipe=Recipe(), inputs=Inputs(content=picture, styles=(picture,))) as run:
        run.fail("x")
    header = json.loads(Path("runs/a/run.json").read_text())
    header["inputs"]["content"]["name"] = UNSAFE
    Path("runs/a/run.json").write_text(json.dumps(header))
    (tmp_path / "runs" / "b").mkdir()
    Path("runs/b/run.json").write_text(json.dumps(header | {"format": UNSAFE}))
    return tmp_path


@pytest.mark.parametrize(
    "words",
    [
        "info painted.png",
        "info painted.png --json",
        "runs runs",
        "runs runs --json",
        "resume runs/b",
        "stylize painted.png night --from painted.png -o out.png",
        "stylize painted.png night --recipe bad.toml",
    ],
)
def test_no_command_prints_control_characters_of_a_file(stranger, capfd, words):
    Path("bad.toml").write_text('"\\u001b[2J\\u202e" = "\\u009b"')
    main(words.split())
    told = capfd.readouterr()
    assert told.out + told.err
    assert not unsafe_in(told.out + told.err)
    if "--json" in words:
        assert told.out.isascii()
        assert any(UNSAFE in text for text in walk(json.loads(told.out)))


def walk(value) -> list[str]:
    items = [*value, *value.values()] if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [value] if isinstance(value, str) else [text for item in items for text in walk(item)]


def test_libraries_below_a_decoder_write_nothing_of_a_damaged_header(capfd):
    buffer = io.BytesIO()
    Image.new("RGB", (32, 24)).save(buffer, "AVIF")
    size = buffer.getvalue().find(b"ispe") + 8
    data = buffer.getvalue()
    with pytest.raises(InputError, match="damaged"):
        read_picture(data[:size] + (0x13000020).to_bytes(4, "big") + data[size + 4 :])
    assert capfd.readouterr() == ("", "")

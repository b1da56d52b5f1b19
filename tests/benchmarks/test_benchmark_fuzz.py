"""The fuzzing script sees what is planted: wrong ends, changed inputs, wrong pictures, processes that die or hang."""

import io
import os
import random
import sys
import zlib
from pathlib import Path

import numpy as np
import odd_workers
import pytest
from PIL import Image

import damaged
import fuzz
from damaged import CASES, Materials, build, damage, with_checksums, with_size
from fuzz import Ended, attempt, judge

REFUSED = Ended(2, b"", b"impasto: photo.png is damaged\n", 0.1, 5.0)
WORDS = ("recolor", "photo.png", "style.png", "-o", "out.png")


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Materials:
    return Materials.make(tmp_path_factory.mktemp("made") / "materials")


@pytest.mark.parametrize(
    "fine", [Ended(0, b"out.png\n"), REFUSED, Ended(1, b"", b"impasto: a\nimpasto: b\n"), Ended(130)], ids=repr
)
def test_a_picture_and_a_line_are_fine(fine):
    assert judge(fine, WORDS) == ""


@pytest.mark.parametrize(
    "planted",
    [
        Ended("SystemExit 1"),
        Ended(-11),
        Ended(1, b"", b"impasto: this is a bug in impasto; please report it\n"),
        Ended(2, b"", b"Traceback (most recent call last):\n"),
        Ended(0, b"out.png\n", b"libtiff: bad tag\n"),
        Ended(2),
        Ended(2, b"", b"impasto: a\nimpasto: b\n"),
        Ended(2, b"", b"impasto: \x1b[2J\n"),
        Ended(0, "\x85".encode()),
        REFUSED._replace(seconds=2.5),
        REFUSED._replace(megabytes=301.0),
    ],
    ids=repr,
)
def test_everything_else_is_a_fault(planted):
    assert judge(planted, WORDS)


def test_a_picture_on_standard_output_may_hold_any_bytes():
    assert judge(Ended(0, bytes(range(32))), ("photo.png", "style.png", "-o", "-")) == ""


def raises(words):
    raise ValueError("planted")


def exits(words):
    raise SystemExit(3)


def writes_to_the_descriptor(words):
    os.write(2, b"a library's warning\n")
    return 0


@pytest.mark.parametrize("planted", [raises, exits, writes_to_the_descriptor])
def test_what_the_program_does_beside_its_messages_is_seen(monkeypatch, planted):
    monkeypatch.setattr(fuzz, "impasto", planted)
    assert judge(fuzz.call(WORDS), WORDS)


def test_a_call_in_this_process_tells_code_and_messages(monkeypatch, tmp_path):
    monkeypatch.setattr(fuzz, "STOPS_AFTER", 600.0)
    monkeypatch.chdir(tmp_path)
    before = sys.stdout, sys.stderr
    ended = fuzz.call(("info", "missing.png"))
    assert (ended.code, ended.out, ended.err.count(b"missing.png")) == (2, b"", 1)
    assert (sys.stdout, sys.stderr) == before


def number_of(made: Materials, kind: str, where: Path) -> int:
    return next(n for n in range(1000) if build(made, 0, n, where / str(n))[0] == kind)


def test_a_changed_input_is_a_fault(made, tmp_path):
    def changes(words):
        Path("photo.png").write_bytes(b"")
        return Ended(0)

    number = next(n for n in range(100) if "photo.png" in build(made, 0, n, tmp_path / str(n))[1][:1])
    assert attempt(made, 0, number, tmp_path / "x", changes).fault == "changed photo.png, an input"


@pytest.mark.parametrize("is_equal", [True, False])
def test_a_damaged_checkpoint_that_gives_another_picture_is_a_fault(made, tmp_path, is_equal):
    def paints(words):
        pixels = np.asarray(Image.open(io.BytesIO(made.whole))).copy()
        pixels[0, 0, 0] ^= 0 if is_equal else 1
        Image.fromarray(pixels).save("out.png")
        return Ended(0)

    number = number_of(made, "checkpoint", tmp_path)
    assert bool(attempt(made, 0, number, tmp_path / "x", paints).fault) is not is_equal


@pytest.mark.parametrize(("target", "fault"), [(odd_workers.dies, "ended its process"), (odd_workers.hangs, "did not")])
def test_a_process_that_dies_or_hangs_is_a_fault_and_its_case_is_kept(made, tmp_path, monkeypatch, target, fault):
    monkeypatch.setattr(fuzz, "HANGS_AFTER", 0.01)
    ((number, tried),) = fuzz.fuzz(made.folder, 0, 10, [7], tmp_path, target)
    assert (number, tried.fault.startswith(fault)) == (7, True)
    assert (tmp_path / "0-7" / "photo.png").is_file()


def contents(folder: Path) -> dict[Path, bytes]:
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("kind", CASES)
def test_a_case_is_drawn_again_from_its_number(made, tmp_path, kind):
    number = number_of(made, kind, tmp_path)
    drawn = [build(made, 0, number, tmp_path / name) for name in "ab"]
    assert drawn[0] == drawn[1]
    assert contents(tmp_path / "a") == contents(tmp_path / "b")


def test_checksums_of_a_damaged_png_are_mended(made):
    data = made.pictures["rgb.png"]
    assert with_checksums(data) == data
    wrong = data[:40] + bytes([data[40] ^ 0xFF]) + data[41:]
    mended = with_checksums(wrong)
    assert (mended[40], mended != wrong) == (wrong[40], True)
    length = int.from_bytes(data[33:37], "big")
    assert mended[41 + length : 45 + length] == zlib.crc32(mended[37 : 41 + length]).to_bytes(4, "big")


def test_damage_changes_a_file(made):
    data = made.pictures["rgb.jpg"]
    assert data not in [damage(data, random.Random(seed)) for seed in range(50)]


@pytest.mark.parametrize("name", ["rgb.png", "rgb.jpg", "moving.gif", "RGB.tif", "deep.tif"])
def test_a_header_states_another_size(made, name):
    data = with_size(made.pictures[name], random.Random(63))
    width, height = Image.open(io.BytesIO(with_checksums(data) if name.endswith("png") else data)).size
    assert 5000 in (width, height)


def test_outcomes_are_counted():
    refused, broken = fuzz.Tried("picture", [], True, "", 0.5, 7.0), fuzz.Tried("record", [], False, "planted")
    rows = {row["what"]: row for row in fuzz.rows_of([refused, broken, fuzz.Tried("picture", [], False, "")])}
    assert [rows["all"][name] for name in ("cases", *fuzz.OUTCOMES)] == [3, 1, 1, 1]
    assert (rows["picture"]["longest refusal, s"], rows["picture"]["most memory of a refusal, MB"]) == (0.5, 7.0)


def test_the_script_ends_with_1_if_there_was_a_fault(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(damaged.Materials, "make", lambda folder: None)
    monkeypatch.setattr(fuzz, "OUT", tmp_path)
    for fault, code in (("planted", 1), ("", 0)):
        tried = fuzz.Tried("command line", ["a b", "\x1b"], False, fault)
        monkeypatch.setattr(fuzz, "fuzz", lambda *_, tried=tried: [(3, tried)])
        assert fuzz.main(["--seed", "5"]) == code
        assert (f"{tmp_path}/fuzz/5-3 && impasto 'a b' $'\\x1b'" in capsys.readouterr().out) is bool(fault)

"""`impasto batch` as it is called: exit codes, messages, Ctrl-C, and what is refused."""

import json
import os
import shutil
import signal
import time
from pathlib import Path

import pytest

QUICK = ["--size", "48", "--steps", "2", "--levels", "1", "--device", "cpu", "--precision", "fp32"]


@pytest.fixture
def photos(folder):
    (folder / "photos").mkdir()
    shutil.copy(folder / "photo.png", folder / "photos" / "a.png")
    shutil.copy(folder / "style.jpg", folder / "photos" / "b.jpg")
    return folder / "photos"


def test_a_folder_is_painted_and_the_folder_of_the_pictures_is_printed(impasto, photos, folder):
    (photos / "notes.txt").touch()
    done = impasto("batch", "photos", "--style", "style.jpg", "-o", "painted", *QUICK)
    assert (done.code, done.out) == (0, "painted\n")
    assert "left out are files without the extension of a picture: 1 (photos/notes.txt). " in done.err
    assert "2/2 pictures" in done.err
    assert "2 painted in " in done.errors[-1]
    assert (folder / "painted" / "b_style.png").exists()


def test_what_impasto_made_in_a_folder_of_photos_is_not_painted_again(impasto, photos, refused):
    assert impasto("mask", "photos/a.png", "-o", "photos/mask.png").code == 0
    assert impasto("recolor", "photos/a.png", "night", "-o", "photos/colors.jpg").code == 0
    assert impasto("photos/a.png", "night", "-o", "photos/again.webp", "--run", "photos/run", *QUICK).code == 0
    assert "this paints the 2 pictures in it, 3 that impasto made are left out: " in refused("photos", "night")
    done = impasto("batch", "photos", "--style", "style.jpg", "-o", "painted", *QUICK)
    assert "left out are pictures that impasto made: 3 (photos/again.webp, " in done.err
    assert "kept runs: 1 (photos/run)" in done.err
    assert "2 painted in " in done.errors[-1]


def test_a_broken_file_ends_with_3_and_json_names_it(impasto, photos):
    (photos / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 no")
    done = impasto("batch", "photos", "--style", "style.jpg", "-o", "painted", "--json", *QUICK)
    said = json.loads(done.out)
    assert (done.code, said["painted"], said["failed"], said["missing"]) == (3, 2, 1, 0)
    assert said["failures"][0]["photo"] == "photos/broken.jpg"
    assert sum("photos/broken.jpg" in line for line in done.errors) == 1


def test_quiet_says_in_a_line_why_a_photo_failed_and_nothing_else(impasto, photos):
    for name in ("broken.jpg", "other.png"):
        (photos / name).write_bytes(b"no picture")
    done = impasto("batch", "photos", "--style", "style.jpg", "-o", "painted", "--quiet", *QUICK)
    assert (done.code, done.out) == (3, "painted\n")
    assert [line.split()[1] for line in done.errors] == ["photos/broken.jpg", "photos/other.png"]


def test_pairs_are_painted_and_mixes_are_one_picture(impasto, photos, folder):
    (folder / "pairs.csv").write_text("photo,style\nphotos/a.png,style.jpg\n")
    assert impasto("batch", "--pairs", "pairs.csv", "-o", "one", *QUICK).code == 0
    words = ["--style", "style.jpg", "--style", "photo.png", "--style-mix", "50,50"]
    assert impasto("batch", "photos/a.png", *words, "-o", "two", "--format", "jpg", *QUICK).code == 0
    assert (folder / "one" / "a_style.png").exists()
    assert (folder / "two" / "a_style_photo.jpg").exists()


def test_ctrl_c_ends_with_130_after_a_checkpoint(start, photos, folder):
    endless = ["--steps", 1_000_000, "--size", 48, "--levels", 1, "--device", "cpu", "--precision", "fp32"]
    process = start("batch", "photos", "--style", "style.jpg", "-o", "painted", *endless)
    deadline = time.monotonic() + 120
    while not list(folder.glob("painted/.impasto/runs/*/events.jsonl")):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (130, b"painted\n"), err
    assert b"2 are missing, and the same command continues" in err
    assert b"Traceback" not in err
    assert len(list(folder.glob("painted/.impasto/runs/*/checkpoint.safetensors"))) == 1
    assert not list(folder.glob("painted/*.png"))


def test_ctrl_c_while_processes_begin_ends_without_their_tracebacks(start, photos, folder):
    words = ["batch", "photos", "--style", "style.jpg", "-o", "painted", "--workers", 2, *QUICK]
    process = start(*words, start_new_session=True)
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    while sum("libtorch" in Path(f"/proc/{child}/maps").read_text() for child in children.read_text().split()) < 2:
        assert process.poll() is None, process.communicate()
        time.sleep(0.001)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (130, b"painted\n"), err
    assert b"Traceback" not in err
    assert not list(folder.glob("painted/*.png"))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["photos"], "batch needs a style and a folder for the pictures"),
        (["photos", "-o", "painted"], "batch needs a style, as in `impasto batch photos -o painted --style night`"),
        (["-o", "painted", "--style", "night"], "batch needs photos, as in"),
        (["photos", "--pairs", "p.csv", "-o", "painted"], "--pairs names the photos and the styles"),
        (["--pairs", "p.csv", "--style", "night", "-o", "painted"], "--pairs names the photos and the styles"),
        (["--pairs", "p.csv", "-o", "painted"], "cannot read the pairs p.csv: No such file"),
        (["-", "--style", "night", "-o", "painted"], "a batch reads and writes files"),
        (["photos", "--style", "nihgt", "-o", "painted"], "did you mean night?"),
        (["photos", "--style", "night", "-o", "painted", "--steps", "0"], "--steps takes"),
        (["photos", "--style", "night", "-o", "painted", "--format", "jpg", "--bits", "16"], "jpg holds 8 bits"),
        (["photos", "--style", "night", "-o", "painted", "--quality", "101"], "quality must be from 1 to 100"),
        (
            ["photos", "--style", "night", "-o", "painted", "--device", "cuda"],
            "there is no device cuda here: use --device auto or cpu\n",
        ),
        (
            ["photos", "--style", "night", "-o", "painted", "--engine", "ray", "--address", "127.0.0.1:1"],
            "there is no cluster of Ray at 127.0.0.1:1: Connection refused",
        ),
        (["missing", "--style", "night", "-o", "painted", "--json"], "missing does not exist"),
        (["photo.png", "photos/a.png", "--style", "night", "-o", "."], "is inside ."),
    ],
)
def test_bad_input_is_refused_in_one_line(refused, photos, words, message):
    assert message in refused("batch", *words)

"""The printed command and Python code of a run, pasted in the folder of its unpacked archive."""

import shlex
import shutil
import zipfile

import numpy as np
import PIL.Image
import pytest
from patience import PATIENCE

import impasto
from impasto.cli import main
from impasto.errors import InputError
from impasto.images import read_picture
from impasto.studio.bundle import commands_of, write_bundle


@pytest.fixture
def studio(open_studio):
    return open_studio()


def masks(count):
    found = np.zeros((count, 48, 64), np.uint8)
    for number, mask in enumerate(found):
        mask[8:40, 20 * number : 20 * number + 16] = 255
    return found


@pytest.fixture
def run(studio, pictures, small):
    """A finished run with an own style, a built-in one, and two painted regions."""
    photo, style = pictures
    kept, styled = masks(2)
    regions = [impasto.Region(kept, "keep"), impasto.Region(styled, "mosaic")]
    job = studio.submit(photo, ["woodcut", style], small, regions)
    assert job.wait(PATIENCE)
    return job


@pytest.fixture
def unpacked(studio, run, tmp_path, monkeypatch):
    """The current folder, in which everything of the run was unpacked."""
    with zipfile.ZipFile(write_bundle(studio.workspace, run.name)) as archive:
        archive.extractall(tmp_path / "here")
    monkeypatch.chdir(tmp_path / "here")
    return tmp_path / "here"


def test_the_printed_command_and_python_code_paint_the_same_picture(run, unpacked):
    expected = read_picture(run.path / "result.png").pixels
    command, python, files = commands_of(run.path)
    assert sorted(files) == ["mask-2.png", "mask.png", "mein-hund.png", "waves.png"]
    assert {*files, "painting.png", "command.txt"} == {path.name for path in unpacked.iterdir()}
    assert (unpacked / "command.txt").read_text() == f"{command}\n"
    assert np.array_equal(read_picture(unpacked / "painting.png").pixels, expected)

    program, *words = shlex.split(command)
    assert (program, main([*words, "-o", "out.png", "--quiet"])) == ("impasto", 0)
    assert np.array_equal(read_picture(unpacked / "out.png").pixels, expected)

    setup, call = python.split("\n\n")
    names = {}
    exec(setup, names)
    eval(call, names).save("again.png")
    assert np.array_equal(read_picture(unpacked / "again.png").pixels, expected)


def test_pictures_of_one_name_get_different_names_and_those_without_letters_plain_ones(
    studio, pictures, small, tmp_path
):
    photo = shutil.copy(pictures[0], tmp_path / "夜.png")
    style = shutil.copy(pictures[1], tmp_path / "Mein Hund.png")
    job = studio.submit(photo, [style, pictures[0]], small)
    assert job.wait(PATIENCE)
    assert list(commands_of(job.path).files) == ["photo.png", "mein-hund.png", "mein-hund-2.png"]


def test_a_photo_called_painting_is_not_taken_for_the_painting(studio, pictures, small, tmp_path):
    job = studio.submit(shutil.copy(pictures[0], tmp_path / "Painting.png"), "night", small)
    assert job.wait(PATIENCE)
    with zipfile.ZipFile(write_bundle(studio.workspace, job.name)) as archive:
        assert sorted(archive.namelist()) == ["command.txt", "painting-2.png", "painting.png"]
        assert archive.read("painting.png") == (job.path / "result.png").read_bytes()
        assert "painting-2.png" in archive.read("command.txt").decode()


def test_nothing_is_left_of_an_archive_whose_pictures_cannot_be_read(studio, run):
    for copy in commands_of(run.path).files.values():
        copy.write_bytes(b"no picture")
    with pytest.raises(InputError, match=f"cannot write {run.name}.zip: {run.name}/inputs/"):
        write_bundle(studio.workspace, run.name)
    assert not [path for path in studio.workspace.exports.iterdir() if path.is_file()]


def test_pictures_for_visitors_hold_neither_camera_nor_position(studio, pictures, small, tmp_path, with_position):
    photo = with_position(pictures[0], tmp_path / "trip.jpg")
    job = studio.submit(photo, "night", small)
    assert job.wait(PATIENCE)
    with zipfile.ZipFile(write_bundle(studio.workspace, job.name)) as archive:
        assert not PIL.Image.open(archive.open("trip.png")).getexif()
        pixels = np.asarray(PIL.Image.open(archive.open("trip.png")))
    assert np.array_equal(pixels, np.asarray(PIL.Image.open(photo)))
    studio.delete(job.name)
    assert not list(studio.workspace.exports.glob("*.zip"))


def test_info_says_for_which_words_of_its_command_there_was_no_file(run, capsys, tmp_path):
    assert main(["info", str(run.path / "result.png")]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[-2].startswith("impasto 'Mein Hund.png' woodcut waves.png ")
    assert lines[-1].startswith("put files in place of mask 1, mask 2: ")
    impasto.stylize(np.zeros((48, 64, 3), np.float32), "night", run.recipe.with_changes(regions=())).save(
        tmp_path / "array.png"
    )
    assert main(["info", str(tmp_path / "array.png")]) == 0
    assert "put files in place of picture: " in capsys.readouterr().out

"""The printed command and Python code of a run, pasted in a folder that holds the visitor's files."""

import os
import re
import shlex
import shutil

import numpy as np
import pytest
from patience import PATIENCE

import impasto
from impasto.cli import main
from impasto.images import read_picture
from impasto.studio.load_run import load_run

results = pytest.importorskip("impasto.studio.page.results")


@pytest.fixture
def studio(open_studio):
    return open_studio()


@pytest.fixture
def folder(tmp_path, pictures, monkeypatch):
    """The current folder, which holds the visitor's files and nothing else."""
    (tmp_path / "here").mkdir()
    for picture in pictures:
        shutil.copy(picture, tmp_path / "here")
    monkeypatch.chdir(tmp_path / "here")
    return tmp_path / "here"


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


def with_masks(text, note, studio):
    """Do what the note says: put the files of the masks in place of their names."""
    for name, file in re.findall(r"“(.+?)”.+? as (\S+)\.(?: |$)", note):
        assert name in text
        text = text.replace(name, os.path.relpath(studio.workspace.path / file))
    return text


def test_the_printed_command_and_python_code_paint_the_same_picture(studio, run, folder):
    expected = read_picture(run.path / "result.png").pixels
    command, python = results.commands_of(run.path)
    note = results.files_of_commands(run.path, "en")
    assert "Mein Hund.png, waves.png" in note
    assert {"woodcut", "mosaic"}.isdisjoint(note.split())

    program, *words = shlex.split(with_masks(command, note, studio))
    assert (program, main([*words, "-o", "out.png", "--quiet"])) == ("impasto", 0)
    assert np.array_equal(read_picture(folder / "out.png").pixels, expected)

    setup, call = with_masks(python, note, studio).split("\n\n")
    names = {}
    exec(setup, names)
    eval(call, names).save("again.png")
    assert np.array_equal(read_picture(folder / "again.png").pixels, expected)


def test_the_command_of_a_run_whose_inputs_were_loaded_names_the_files_that_were_given(studio, run, small):
    loaded = load_run(studio.workspace, run.name)
    styles = [*loaded.plates, *(style.copy for style in loaded.own_styles)]
    again = studio.submit(loaded.photo.copy, styles, small, source_run=run.name)
    assert again.wait(PATIENCE)
    assert results.commands_of(again.path)[0].startswith("impasto 'Mein Hund.png' woodcut waves.png ")


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

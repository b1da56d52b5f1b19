"""The folder of a studio: names, the list of runs, what is refused, what is deleted, votes."""

import csv
import re
import subprocess
import sys
from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from impasto.errors import InputError
from impasto.images import read_picture
from impasto.runs import Inputs, RunFolder
from impasto.studio import Workspace
from impasto.studio.run_index import run_name

MOMENT = datetime(2026, 11, 26, 10, 15, 3)


@pytest.fixture
def new_run(workspace, pictures, small):
    """Return a function that makes a run that has not started, and returns its folder."""

    def make() -> RunFolder:
        photo, style = map(read_picture, pictures)
        path = workspace.new_folder(photo.name, [style.name])
        folder = RunFolder.create(path, recipe=small, inputs=Inputs(photo, (style,)))
        folder.close()
        return folder

    return make


def test_studio_is_imported_without_gradio():
    program = "import sys, impasto.studio; sys.exit('gradio' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program]).returncode == 0


# -- names -------------------------------------------------------------------------------------------------------------


@given(st.text(max_size=80), st.text(max_size=80))
def test_a_run_has_a_plain_short_name_for_any_names_of_pictures(content, style):
    name = run_name(MOMENT, content, style)
    assert re.fullmatch(r"20261126-101503-[a-z0-9]+(-[a-z0-9]+)+", name)
    assert "--" not in name
    assert len(name) <= 15 + 2 * 25


@pytest.mark.parametrize(
    ("content", "style", "ending"),
    [
        ("cat", "night", "cat-night"),
        ("Mein süßer Hund (3)", "Ørsted", "mein-susser-hund-3-orsted"),
        ("夜の港", "../../etc/passwd", "photo-etc-passwd"),
        ("", "", "photo-style"),
        ("a" * 100, "b" * 100, "a" * 24 + "-" + "b" * 24),
    ],
)
def test_a_name_keeps_letters_that_ascii_has(content, style, ending):
    assert run_name(MOMENT, content, style) == f"20261126-101503-{ending}"


def test_folders_of_the_same_moment_have_different_names(workspace):
    assert len({workspace.new_folder("cat", ["night"]) for _ in range(5)}) == 5


# -- the list ----------------------------------------------------------------------------------------------------------


def test_run_that_has_not_started_is_listed_as_waiting(workspace, new_run, small):
    run = new_run()
    (entry,) = workspace.list_runs()
    assert (entry.name, entry.status, entry.step, entry.steps) == (run.path.name, "waiting", 0, 4)
    assert (entry.content, entry.styles, entry.recipe) == ("Mein Hund", ("waves",), small)
    assert entry.picture is None


def test_list_begins_with_the_newest_run(workspace, new_run):
    made = [new_run().path.name for _ in range(3)]
    assert [entry.name for entry in workspace.list_runs()] == made[::-1]


def test_damaged_run_is_listed_and_other_folders_are_not(workspace, new_run):
    good, bad, torn = new_run(), new_run(), new_run()
    (bad.path / "run.json").write_text("{")
    (torn.path / "events.jsonl").write_text("no line\n{}\n")
    (workspace.runs / "notes").mkdir()
    (workspace.runs / "notes.txt").write_text("hello")
    status = {entry.name: entry.status for entry in workspace.list_runs()}
    assert status == {good.path.name: "waiting", bad.path.name: "damaged", torn.path.name: "damaged"}
    assert all("\n" not in entry.problem for entry in workspace.list_runs())
    assert all(entry.problem for entry in workspace.list_runs() if entry.status == "damaged")


def test_run_that_is_being_created_is_not_listed(workspace, new_run):
    run = new_run()
    with run:
        (run.path / "run.json").rename(run.path / "aside")
        assert workspace.list_runs() == []
    assert [entry.status for entry in workspace.list_runs()] == ["damaged"]


def test_run_that_another_process_resumes_is_read_again(workspace, new_run):
    run = new_run()
    run.fail("out of memory")
    run.close()
    assert [entry.status for entry in workspace.list_runs()] == ["failed"]
    with run:
        run.rewind(0)
        assert [entry.status for entry in workspace.list_runs()] == ["painting"]
    assert [entry.status for entry in workspace.list_runs()] == ["waiting"]


# -- access and deletion -----------------------------------------------------------------------------------------------


def test_file_in_place_of_the_workspace_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    for path in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(InputError, match="is a file"):
            Workspace(path)


@pytest.mark.parametrize(
    "name", ["", ".", "..", "../secret", "/etc", "runs/../..", "a\\b", "C:x", "x\0y", "none", ".hidden", "n" * 300, " "]
)
def test_name_that_is_no_run_of_the_workspace_is_refused_in_one_line(workspace, new_run, name):
    new_run()
    with pytest.raises(InputError) as refused:
        workspace.folder_of(name)
    assert "\n" not in str(refused.value)


def test_link_out_of_the_workspace_is_no_run(workspace, new_run, tmp_path):
    run = new_run()
    outside = run.path.rename(tmp_path / "outside")
    (workspace.runs / "link").symlink_to(outside)
    with pytest.raises(InputError):
        workspace.folder_of("link")
    with pytest.raises(InputError):
        workspace.delete("link")
    assert (outside / "run.json").exists()
    assert workspace.list_runs() == []


def test_run_is_found_by_its_name_until_it_is_deleted(workspace, new_run):
    run, other = new_run(), new_run()
    assert workspace.folder_of(run.path.name) == run.path
    workspace.delete(run.path.name)
    assert [path.name for path in workspace.runs.iterdir()] == [other.path.name]


def test_exports_of_a_run_are_deleted_with_it_and_no_others(workspace, new_run):
    name = new_run().path.name
    gone = [f"{name}.png", f"{name}.tif", f"{name}-1764158400123456789.jpg"]
    stays = [f"{name}-2.png", f"{name}-2-1764158400123456789.jpg", "other.png"]
    for file in gone + stays:
        (workspace.exports / file).touch()
    workspace.delete(name)
    assert sorted(file.name for file in workspace.exports.iterdir()) == sorted(stays)


def test_a_run_has_the_title_that_it_was_given_last_in_one_line(workspace, new_run, tmp_path):
    run = new_run()
    assert [entry.title for entry in workspace.list_runs()] == [""]
    for title, shown in {" Sommer 夜 ": "Sommer 夜", "a\n\x1b[31mb": "a[31mb", "x" * 200: "x" * 80, "": ""}.items():
        workspace.rename(run.path.name, title)
        assert [entry.title for entry in workspace.list_runs()] == [shown]
    with pytest.raises(InputError, match="there is no run"):
        workspace.rename("../mine", "mine")
    (tmp_path / "mine").write_text("secret")
    (run.path / "title.txt").unlink()
    (run.path / "title.txt").symlink_to(tmp_path / "mine")
    assert [entry.title for entry in workspace.list_runs()] == [""]


def test_deleting_follows_no_link(workspace, new_run, tmp_path):
    run = new_run()
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter").write_text("dear")
    (run.path / "link").symlink_to(tmp_path / "mine")
    workspace.delete(run.path.name)
    assert (tmp_path / "mine" / "letter").read_text() == "dear"


def test_run_that_is_being_painted_is_not_deleted(workspace, new_run):
    run = new_run()
    with run, pytest.raises(InputError, match="is painting"):
        workspace.delete(run.path.name)
    assert workspace.folder_of(run.path.name)


def test_damaged_run_can_be_deleted(workspace, new_run):
    run = new_run()
    (run.path / "run.json").write_text("{")
    workspace.delete(run.path.name)
    assert workspace.list_runs() == []


# -- votes -------------------------------------------------------------------------------------------------------------


def test_votes_are_rows_of_a_table(workspace, new_run):
    one, other = new_run().path.name, new_run().path.name
    workspace.vote(one, other, "Zoë née O'Hara")
    workspace.vote(other, one, " rater-2 ")
    with (workspace.path / "votes.csv").open(encoding="utf-8", newline="") as file:
        heading, *rows = csv.reader(file)
    assert heading == ["time", "kept", "other", "rater"]
    assert [row[1:] for row in rows] == [[one, other, "Zoë née O'Hara"], [other, one, "rater-2"]]
    assert [vote["kept"] for vote in workspace.votes()] == [one, other]


def test_incomplete_last_line_does_not_spoil_the_next_vote(workspace, new_run):
    one, other = new_run().path.name, new_run().path.name
    workspace.vote(one, other, "a")
    with (workspace.path / "votes.csv").open("a") as file:
        file.write("2026-01-01,torn")
    workspace.vote(other, one, "b")
    assert [vote["rater"] for vote in workspace.votes()] == ["a", "b"]


def test_vote_for_no_run_or_without_a_name_is_refused(workspace, new_run):
    one, other = new_run().path.name, new_run().path.name
    for kept, lost, rater in [
        ("../x", other, "a"),
        (one, "none", "a"),
        (one, one, "a"),
        (one, other, ""),
        (one, other, "=1+1"),
        (one, other, "a\nb"),
        (one, other, "x" * 61),
    ]:
        with pytest.raises(InputError):
            workspace.vote(kept, lost, rater)
    assert workspace.votes() == []

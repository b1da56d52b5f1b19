"""The folder of a studio: names, the list of runs, what is refused, what is handed out, votes."""

import csv
import io
import re
import subprocess
import sys
from datetime import datetime

import PIL.Image
import pytest
from hypothesis import given
from hypothesis import strategies as st

from impasto.errors import InputError
from impasto.images import read_picture
from impasto.runs import RunFolder, RunInputs
from impasto.studio import Workspace
from impasto.studio.names import run_name

MOMENT = datetime(2026, 11, 26, 10, 15, 3)


@pytest.fixture
def new_run(workspace, pictures, small):
    """Make a run that nobody has begun, and return its folder."""

    def make(content=None) -> RunFolder:
        photo, style = (read_picture(path) for path in (content or pictures[0], pictures[1]))
        folder = RunFolder.create(
            workspace.new_folder(photo.name, [style.name]), recipe=small, inputs=RunInputs(photo, (style,))
        )
        folder.close()
        return folder

    return make


def with_position(path):
    """Write a JPEG that tells who took it and where."""
    exif = PIL.Image.Exif()
    exif[0x013B] = "Ada"
    exif[0x8825] = {1: "N", 2: (48.0, 8.0, 12.0), 3: "E", 4: (11.0, 34.0, 5.0)}
    PIL.Image.linear_gradient("L").resize((64, 48)).convert("RGB").save(path, exif=exif)
    assert PIL.Image.open(path).getexif().get_ifd(0x8825)


def test_the_room_is_loaded_without_gradio():
    program = "import sys, impasto.studio; sys.exit('gradio' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program]).returncode == 0


# -- names -------------------------------------------------------------------------------------------------------------


@given(st.text(max_size=80), st.text(max_size=80))
def test_whatever_pictures_are_called_their_run_has_a_plain_short_name(content, style):
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
def test_a_name_keeps_what_can_be_spelt(content, style, ending):
    assert run_name(MOMENT, content, style) == f"20261126-101503-{ending}"


def test_folders_made_at_the_same_moment_have_different_names(workspace):
    assert len({workspace.new_folder("cat", ["night"]) for _ in range(5)}) == 5


# -- the list ----------------------------------------------------------------------------------------------------------


def test_an_order_that_nobody_has_begun_is_listed_as_waiting(workspace, new_run, small):
    run = new_run()
    (entry,) = workspace.list_runs()
    assert (entry.name, entry.status, entry.step, entry.steps) == (run.path.name, "waiting", 0, small.steps)
    assert (entry.content, entry.styles, entry.recipe) == ("Mein Hund", ("waves",), small)
    assert entry.result is entry.latest is entry.picture is None
    assert entry.snapshots == ()


def test_the_list_begins_with_the_newest_run(workspace, new_run):
    made = [new_run().path.name for _ in range(3)]
    assert [entry.name for entry in workspace.list_runs()] == made[::-1]


def test_a_damaged_folder_is_listed_and_a_foreign_one_is_not(workspace, new_run):
    good, bad, torn = new_run(), new_run(), new_run()
    (bad.path / "run.json").write_text("{")
    (torn.path / "events.jsonl").write_text("no line\n{}\n")
    (workspace.runs / "notes").mkdir()
    (workspace.runs / "notes.txt").write_text("hello")
    status = {entry.name: entry.status for entry in workspace.list_runs()}
    assert status == {good.path.name: "waiting", bad.path.name: "damaged", torn.path.name: "damaged"}
    assert all("\n" not in entry.problem for entry in workspace.list_runs())
    assert all(entry.problem for entry in workspace.list_runs() if entry.status == "damaged")


def test_a_run_that_is_just_being_made_is_not_listed_as_damaged(workspace, new_run):
    run = new_run()
    with run:
        (run.path / "run.json").rename(run.path / "aside")
        assert workspace.list_runs() == []
    assert [entry.status for entry in workspace.list_runs()] == ["damaged"]


def test_a_run_that_goes_on_elsewhere_is_listed_anew(workspace, new_run):
    run = new_run()
    run.fail("no more paint")
    run.close()
    assert [entry.status for entry in workspace.list_runs()] == ["failed"]
    with run:
        run.rewind(0)
        assert [entry.status for entry in workspace.list_runs()] == ["painting"]
    assert [entry.status for entry in workspace.list_runs()] == ["waiting"]


# -- who asks for what -------------------------------------------------------------------------------------------------


def test_a_file_in_the_place_of_the_workspace_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    for path in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(InputError, match="is a file"):
            Workspace(path)


@pytest.mark.parametrize(
    "name", ["", ".", "..", "../secret", "/etc", "runs/../..", "a\\b", "C:x", "x\0y", "none", ".hidden", "n" * 300, " "]
)
def test_a_name_that_is_no_run_right_here_is_refused_in_one_line(workspace, new_run, name):
    new_run()
    with pytest.raises(InputError) as refused:
        workspace.folder_of(name)
    assert "\n" not in str(refused.value)


def test_a_link_out_of_the_workspace_is_no_run(workspace, new_run, tmp_path):
    run = new_run()
    outside = run.path.rename(tmp_path / "outside")
    (workspace.runs / "link").symlink_to(outside)
    with pytest.raises(InputError):
        workspace.folder_of("link")
    with pytest.raises(InputError):
        workspace.delete("link")
    assert (outside / "run.json").exists()
    assert workspace.list_runs() == []


def test_a_run_is_found_by_its_name_and_gone_once_deleted(workspace, new_run):
    run, other = new_run(), new_run()
    assert workspace.folder_of(run.path.name) == run.path
    workspace.delete(run.path.name)
    assert [path.name for path in workspace.runs.iterdir()] == [other.path.name]


def test_what_was_handed_out_of_a_run_goes_with_it_and_nothing_else_does(workspace, new_run):
    name = new_run().path.name
    gone = [f"{name}.png", f"{name}.tif", f"{name}-1764158400123456789.jpg"]
    stays = [f"{name}-2.png", f"{name}-2-1764158400123456789.jpg", "other.png"]
    for file in gone + stays:
        (workspace.exports / file).touch()
    workspace.delete(name)
    assert sorted(file.name for file in workspace.exports.iterdir()) == sorted(stays)


def test_deleting_follows_no_link(workspace, new_run, tmp_path):
    run = new_run()
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter").write_text("dear")
    (run.path / "link").symlink_to(tmp_path / "mine")
    workspace.delete(run.path.name)
    assert (tmp_path / "mine" / "letter").read_text() == "dear"


def test_a_run_that_is_being_painted_is_not_deleted(workspace, new_run):
    run = new_run()
    with run, pytest.raises(InputError, match="is painting"):
        workspace.delete(run.path.name)
    assert workspace.folder_of(run.path.name)


def test_a_damaged_run_can_be_deleted(workspace, new_run):
    run = new_run()
    (run.path / "run.json").write_text("{")
    workspace.delete(run.path.name)
    assert workspace.list_runs() == []


# -- what is handed out ------------------------------------------------------------------------------------------------


def test_the_copy_of_a_photo_is_handed_out_without_its_place(workspace, new_run, tmp_path):
    with_position(tmp_path / "beach.jpg")
    run = new_run(tmp_path / "beach.jpg")
    kept = run.path / "inputs" / "content.jpg"
    assert kept.read_bytes() == (tmp_path / "beach.jpg").read_bytes()
    shared = PIL.Image.open(io.BytesIO(workspace.shareable(kept)))
    assert (shared.format, shared.size) == ("JPEG", (64, 48))
    assert shared.getexif()[0x013B] == "Ada"
    assert not shared.getexif().get_ifd(0x8825)


def test_nothing_outside_of_the_runs_is_handed_out(workspace, pictures, new_run):
    run = new_run()
    (run.path / "link.png").symlink_to(pictures[0])
    for path in (pictures[0], run.path / ".." / ".." / "votes.csv", run.path / "link.png", run.path / "run.json"):
        with pytest.raises(InputError):
            workspace.shareable(path)


# -- votes -------------------------------------------------------------------------------------------------------------


def test_votes_are_lines_of_a_table(workspace, new_run):
    one, other = new_run().path.name, new_run().path.name
    workspace.vote(one, other, "Zoë, née O'Hara".replace(",", ""))
    workspace.vote(other, one, " rater-2 ")
    with (workspace.path / "votes.csv").open(encoding="utf-8", newline="") as file:
        heading, *rows = csv.reader(file)
    assert heading == ["time", "kept", "other", "rater"]
    assert [row[1:] for row in rows] == [[one, other, "Zoë née O'Hara"], [other, one, "rater-2"]]
    assert [vote["kept"] for vote in workspace.votes()] == [one, other]


def test_a_line_that_was_torn_does_not_swallow_the_next(workspace, new_run):
    one, other = new_run().path.name, new_run().path.name
    workspace.vote(one, other, "a")
    with (workspace.path / "votes.csv").open("a") as file:
        file.write("2026-01-01,torn")
    workspace.vote(other, one, "b")
    assert [vote["rater"] for vote in workspace.votes()] == ["a", "b"]


def test_a_vote_for_what_is_no_run_or_by_what_is_no_name_is_refused(workspace, new_run):
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

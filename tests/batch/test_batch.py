"""Batches in this process: manifest, skipping, broken files, stopping, the contact sheet, and what is refused."""

import errno
import hashlib
import json
import os
import pickle
import shutil
import threading
import time
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
from tests.api.conftest import QUICK
from tests.batch.conftest import RECIPE, make_batch, pictures, same, write_photo

import impasto
from impasto.batch import MANIFEST, SHEET, Batch, Painter, Task, in_process
from impasto.errors import DiskError, InputError
from impasto.images import read_metadata
from impasto.recipe import Recipe


def lines(out: str = "painted") -> list[dict]:
    return [json.loads(line) for line in Path(out, MANIFEST).read_text().splitlines()]


def files(out: str = "painted") -> list[str]:
    return sorted(path.relative_to(out).as_posix() for path in Path(out).rglob("*") if path.is_file())


def test_a_batch_is_what_single_calls_paint_with_the_seed_of_each_photo(paint):
    paint()
    photo = Path("photos/trip/a.png")
    seed = int(hashlib.sha256(photo.read_bytes()).hexdigest()[:15], 16) % 10**9
    alone = impasto.stylize(photo, "style.png", RECIPE, seed=seed)
    assert np.array_equal(pictures("painted")["trip/a_style.png"], np.asarray(alone.image))
    assert read_metadata(Path("painted/trip/a_style.png")) == json.loads(json.dumps(alone.metadata))


def test_nothing_is_left_but_pictures_manifest_and_sheet(paint):
    paint()
    assert files() == ["a_style.png", "b_style.png", SHEET, MANIFEST, "trip/a_style.png"]
    assert not Path("painted/.impasto").exists()


def test_the_manifest_holds_hashes_recipe_seed_time_losses_and_error(paint):
    Path("photos/broken.png").write_bytes(b"\x89PNG\r\n\x1a\n and no more")
    paint("photos/a.png", "photos/broken.png")
    begun, good, bad = lines()
    assert begun["recipe"]["picture"]["size"] == 48
    assert good["sha256"] == hashlib.sha256(Path("photos/a.png").read_bytes()).hexdigest()
    assert good["style_sha256"] == [hashlib.sha256(Path("style.png").read_bytes()).hexdigest()]
    assert (good["photo"], good["styles"], good["output"]) == ("photos/a.png", ["style.png"], "a_style.png")
    assert good["seed"] == read_metadata(Path("painted/a_style.png"))["recipe"]["start"]["seed"]
    assert (good["status"], good["steps"], good["error"]) == ("painted", 2, "")
    assert good["seconds"] > 0
    assert sum(good["terms"].values()) == pytest.approx(good["loss"], rel=1e-4)
    assert (bad["status"], bad["loss"]) == ("failed", None)
    assert bad["error"].startswith("photos/broken.png ")


def test_a_broken_file_is_reported_and_the_others_are_painted(paint):
    Path("photos/aa.jpg").write_bytes(b"text")
    batch = paint()
    assert dict(batch.counts) == {"failed": 1, "painted": 3}
    assert [one.photo for one in batch.failed] == ["photos/aa.jpg"]
    assert "aa_style.png" not in files()


def test_a_second_batch_skips_what_is_done_and_tries_what_failed_again(paint):
    Path("photos/c.jpg").write_bytes(b"text")
    paint()
    before = {name: Path("painted", name).stat().st_mtime_ns for name in files() if name.endswith(".png")}
    write_photo(Path("photos/c.jpg"), 9)
    assert dict(paint().counts) == {"skipped": 3, "painted": 1}
    assert {name: Path("painted", name).stat().st_mtime_ns for name in before} == before


def test_a_photo_is_known_by_its_content_not_by_its_name(paint):
    paint("photos/a.png", "photos/b.jpg")
    os.rename("photos/a.png", "photos/c.png")
    shutil.copy("photos/trip/a.png", "photos/b.jpg")
    before = pictures("painted")
    assert dict(paint("photos/b.jpg", "photos/c.png").counts) == {"painted": 1, "copied": 1}
    after = pictures("painted")
    assert np.array_equal(after["c_style.png"], before["a_style.png"])
    assert not np.array_equal(after["b_style.png"], before["b_style.png"])


def test_equal_photos_are_painted_once_and_have_a_picture_each(paint):
    shutil.copy("photos/a.png", "photos/trip/c.png")
    assert dict(paint("photos/a.png", "photos/trip/c.png").counts) == {"painted": 1, "copied": 1}
    both = pictures("painted")
    assert list(both) == ["a_style.png", "c_style.png"]
    assert np.array_equal(both["a_style.png"], both["c_style.png"])


def test_photos_that_take_over_each_others_names_keep_their_own_pictures(paint, folder):
    paint()
    first = pictures("painted")
    Path("photos/a.png").rename("photos/c.png")
    Path("photos/trip/a.png").rename("photos/a.png")
    shutil.copy("photos/c.png", "photos/trip/a.png")
    batch = paint()
    assert not batch.failed
    now = pictures("painted")
    assert np.array_equal(now["a_style.png"], first["trip/a_style.png"])
    assert np.array_equal(now["c_style.png"], first["a_style.png"])
    assert np.array_equal(now["trip/a_style.png"], first["a_style.png"])
    assert dict(paint().counts) == {"skipped": 4}


def test_a_result_that_somebody_has_changed_is_kept_and_not_copied_for_another_photo(paint, folder):
    paint()
    first = pictures("painted")["a_style.png"]
    Path("painted/a_style.png").write_bytes(b"mine")
    shutil.copy("photos/a.png", "photos/c.png")
    assert dict(paint().counts) == {"skipped": 3, "painted": 1}
    assert Path("painted/a_style.png").read_bytes() == b"mine"
    assert np.array_equal(np.asarray(PIL.Image.open("painted/c_style.png")), first)


@pytest.mark.parametrize("name", [MANIFEST, SHEET, ".impasto/a.png"])
def test_the_names_of_the_batch_itself_are_refused_as_outputs(folder, name):
    with pytest.raises(InputError, match="is kept for the batch itself"):
        Batch([Task("photos/a.png", ("style.png",), name)], "painted", RECIPE)


def test_another_recipe_paints_anew_and_the_first_one_again_too(paint):
    paint("photos/a.png")
    first = pictures("painted")
    assert dict(paint("photos/a.png", recipe=RECIPE.with_changes(seed=1)).counts) == {"painted": 1}
    assert not same(pictures("painted"), first)
    assert dict(paint("photos/a.png").counts) == {"painted": 1}
    assert same(pictures("painted"), first)


def test_the_number_of_threads_paints_nothing_anew(paint):
    paint("photos/a.png")
    assert dict(paint("photos/a.png", recipe=RECIPE.with_changes(threads=1)).counts) == {"skipped": 1}


def test_another_style_of_the_same_name_and_another_format_paint_anew(paint):
    paint("photos/a.png")
    assert dict(paint("photos/a.png", suffix=".webp").counts) == {"painted": 1}
    write_photo(Path("style.png"), 8)
    assert dict(paint("photos/a.png").counts) == {"painted": 1}


def test_a_result_that_was_deleted_is_painted_again(paint):
    paint("photos/a.png", "photos/b.jpg")
    os.remove("painted/a_style.png")
    assert dict(paint("photos/a.png", "photos/b.jpg").counts) == {"painted": 1, "skipped": 1}


def test_results_do_not_depend_on_the_order(paint):
    paint("photos/a.png", "photos/b.jpg", out="one")
    paint("photos/a.png", "photos/b.jpg", out="two", engine=lambda worker, rows: in_process(worker, rows[::-1]))
    assert same(pictures("one"), pictures("two"))


def test_network_and_style_are_loaded_once(paint, monkeypatch):
    loads, measured = [], []
    monkeypatch.setattr("impasto.api.optimize.load_weights", _counting(loads, impasto.api.optimize.load_weights))
    import impasto.painting.level as level

    monkeypatch.setattr(level, "measure_style", _counting(measured, level.measure_style))
    paint()
    assert (len(loads), len(measured)) == (1, 1)


def _counting(calls: list, function):
    def counted(*words, **options):
        calls.append(words)
        return function(*words, **options)

    return counted


def interrupted(batch, *, after: str):
    """Paint a batch, and stop it as soon as a file matches a pattern in its folder."""

    def watch():
        while not any(batch.folder.at("").glob(after)):
            time.sleep(0.005)
        batch.stop()

    watcher = threading.Thread(target=watch)
    watcher.start()
    batch.paint(in_process)
    watcher.join()
    return batch


def test_a_stopped_batch_keeps_a_checkpoint_and_goes_on_to_the_same_pictures(paint, monkeypatch):
    recipe, photos = RECIPE.with_changes(steps=20), ("photos/a.png", "photos/b.jpg")
    stopped = interrupted(make_batch(*photos, recipe=recipe), after=".impasto/runs/*/checkpoint.safetensors")
    assert dict(stopped.counts) == {}
    assert len(list(Path("painted/.impasto/runs").glob("*/checkpoint.safetensors"))) == 1
    assert pictures("painted") == {}

    resumed = []
    monkeypatch.setattr(impasto.Session, "resume", _counting(resumed, impasto.Session.resume))
    assert dict(paint(*photos, recipe=recipe).counts) == {"painted": 2}
    assert len(resumed) == 1
    assert not Path("painted/.impasto").exists()
    paint("photos/a.png", recipe=recipe, out="whole")
    assert np.array_equal(pictures("painted")["a_style.png"], pictures("whole")["a_style.png"])


def test_the_stop_file_stops_a_painter_in_another_process(folder):
    worker = make_batch().worker
    Path("painted/.impasto").mkdir(parents=True)
    Path("painted/.impasto/stop").touch()
    row = worker.paint({"photo": "photos/a.png", "styles": ["style.png"], "output": "a.png"})
    assert row["status"] == "stopped"
    assert not Path("painted/a.png").exists()


def test_a_full_disk_ends_the_batch_and_the_next_one_goes_on(paint, monkeypatch):
    batch = make_batch()
    write = type(batch.folder).write

    def full(self, name, data):
        if name == "b_style.png":
            raise DiskError(f"cannot write painted/{name}: {os.strerror(errno.ENOSPC)}")
        write(self, name, data)

    with monkeypatch.context() as patch:
        patch.setattr(type(batch.folder), "write", full)
        with pytest.raises(DiskError, match="No space left on device; the same command continues"):
            batch.paint(in_process)
    assert "trip/a_style.png" not in files()
    assert dict(paint().counts) == {"skipped": 1, "painted": 2}


def test_an_incomplete_last_line_of_the_manifest_is_cut_off(paint):
    paint("photos/a.png")
    with Path("painted", MANIFEST).open("a") as file:
        file.write('{"type": "PictureDo')
    assert dict(paint("photos/a.png", "photos/b.jpg").counts) == {"skipped": 1, "painted": 1}
    assert [line["type"] for line in lines()] == ["BatchStarted", "PictureDone", "BatchStarted", "PictureDone"]


def test_two_batches_do_not_write_into_one_folder(folder):
    first, second = make_batch(), make_batch()
    refusals = []

    def engine(worker, rows):
        with pytest.raises(InputError, match="another impasto"):
            second.paint(in_process)
        refusals.append(1)
        yield from in_process(worker, rows)

    first.paint(engine)
    assert refusals
    assert len(first.counts) == 1


def test_the_contact_sheet_shows_every_picture(paint):
    paint(styles=("style.png", "night"))
    with PIL.Image.open(Path("painted", SHEET)) as sheet:
        # Three rows of two cells of 256 pixels with gaps and captions.
        assert (sheet.width, sheet.height > 3 * 192) == (8 + 2 * 264, True)
        assert np.asarray(sheet).std() > 20


def test_the_contact_sheet_says_in_which_folder_a_photo_is(paint, monkeypatch):
    said = []

    def sheet(rows, *, captions, cell):
        said.extend(captions)
        return rows[0][0]

    monkeypatch.setattr("impasto.batch.batch.contact_sheet", sheet)
    paint()
    assert said == [["a_style", "b_style", "trip/a_style"]]


def test_the_picture_of_a_photo_that_is_gone_stays(paint):
    paint("photos/a.png", "photos/b.jpg")
    os.remove("photos/a.png")
    assert dict(paint().counts) == {"skipped": 1, "painted": 1}
    assert "a_style.png" in files()


def test_a_file_that_impasto_did_not_paint_is_not_replaced(folder):
    Path("painted").mkdir()
    for name in ("a_style.png", SHEET):
        mine = Path("painted", name)
        mine.write_bytes(b"mine")
        with pytest.raises(InputError, match=f"{name} is in the way, .*: choose another folder with -o"):
            make_batch()
        mine.unlink()


def test_an_input_inside_the_folder_of_the_results_is_refused(folder):
    with pytest.raises(InputError, match="is inside photos"):
        make_batch("photos/a.png", out="photos")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"styles": ("missing.png",)}, "no file missing.png"),
        ({"styles": ("photos",)}, "photos"),
        ({"recipe": Recipe(**QUICK | {"style_crop": "0,0,8,8/full"})}, "2 crops for 1 style image"),
    ],
)
def test_what_no_photo_could_be_painted_with_is_refused_before_the_first_one(folder, options, message):
    with pytest.raises(InputError, match=message):
        make_batch(**options)
    assert not Path("painted").exists()


def test_a_folder_that_cannot_be_made_is_refused_in_one_line(folder):
    Path("painted").write_bytes(b"a file")
    with pytest.raises(InputError) as refusal:
        make_batch().paint(in_process)
    assert "painted" in str(refusal.value)
    assert "\n" not in str(refusal.value)
    assert Path("painted").read_bytes() == b"a file"


def test_a_painter_returns_pictures_of_bytes_and_can_be_pickled(folder):
    data = Path("photos/a.png").read_bytes()
    painter = pickle.loads(pickle.dumps(Painter("style.png", **QUICK)))
    columns = painter({"bytes": np.array([data, b"broken"], object), "path": np.array(["a.png", "b.png"])})
    assert list(columns["path"]) == ["a.png", "b.png"]
    assert "bytes" not in columns
    assert list(columns["status"]) == ["painted", "failed"]
    assert columns["picture"][0][:8] == b"\x89PNG\r\n\x1a\n"
    assert columns["error"][1]

"""What a batch paints: folders, patterns, pairs of a CSV file, and the names of results."""

import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from tests.batch.conftest import write_photo

from impasto.batch import Photo, find_photos, plan_tasks, read_pairs
from impasto.errors import InputError
from impasto.images import write_picture

NIGHT = [("night",)]


def outputs(*words: str, out: str = "painted") -> list[str]:
    return [task.output for task in plan_tasks(find_photos(words, out)[0], NIGHT, ".png")]


def test_a_folder_is_searched_to_the_bottom_and_mirrored(folder):
    assert outputs("photos") == ["a_night.png", "b_night.png", "trip/a_night.png"]


def test_hidden_files_and_files_of_other_kinds_are_left_out_and_the_others_are_named(folder):
    for name in ("photos/notes.txt", "photos/._a.png", "photos/.thumbnails/a.png"):
        Path(name).parent.mkdir(exist_ok=True)
        Path(name).touch()
    photos, left_out = find_photos(["photos"], "painted")
    assert [photo.name for photo in photos] == ["a.png", "b.jpg", "trip/a.png"]
    assert left_out.others == ["photos/notes.txt"]
    assert "without the extension of a picture: 1 (photos/notes.txt)" in str(left_out)


def write_painted(path: str, **options) -> str:
    """Write a picture as impasto writes what it paints."""
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    write_picture(Path(path), np.zeros((300, 400, 3), np.float32), metadata={"program": "impasto"}, **options)
    return path


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp", ".tif"])
@pytest.mark.parametrize("word", ["photos", "photos/**/*"])
def test_what_impasto_painted_is_no_photo_unless_it_is_named_itself(folder, word, suffix):
    made = write_painted(f"photos/trip/x{suffix}")
    photos, left_out = find_photos([word], "painted")
    assert (len(photos), left_out.made) == (3, [made])
    assert f"pictures that impasto made: 1 ({made})" in str(left_out)
    photos, left_out = find_photos([word, made], "painted")
    assert (photos[-1].path, len(photos), left_out.made) == (made, 4, [])


@pytest.mark.parametrize("word", ["photos", "photos/**/*", "photos/runs/town"])
def test_the_copies_inside_a_kept_run_are_no_photos(folder, word):
    write_photo(Path("photos/runs/town/inputs/content.png"), 1)
    write_photo(Path("photos/runs/town/style.png"), 2)
    Path("photos/runs/town/run.json").touch()
    if word == "photos/runs/town":
        with pytest.raises(InputError, match=r"there are no pictures in .*kept runs: 1 \(photos/runs/town\)"):
            find_photos([word], "painted")
        return
    photos, left_out = find_photos([word], "painted")
    assert (len(photos), left_out.runs, left_out.others) == (3, ["photos/runs/town"], [])
    assert len(find_photos([word, "photos/runs/town/style.png"], "painted")[0]) == 4


def test_many_that_are_left_out_are_counted(folder):
    for number in range(5):
        write_painted(f"photos/x{number}.png")
    assert "impasto made: 5 (photos/x0.png, photos/x1.png, photos/x2.png and 2 more)" in str(
        find_photos(["photos"], "painted")[1]
    )


def test_the_results_of_a_batch_are_no_photos_of_the_next_one(folder):
    shutil.copytree("photos", "photos/painted")
    assert outputs("photos", out="photos/painted") == ["a_night.png", "b_night.png", "trip/a_night.png"]


def test_what_is_no_file_and_folders_that_cannot_be_read_are_named_and_not_waited_for(folder, monkeypatch):
    os.mkfifo("photos/pipe.jpg")
    Path("photos/locked").mkdir()
    scandir = os.scandir

    def refusing(path):
        if Path(path).name == "locked":
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refusing)
    found, left_out = find_photos(["photos"], "painted")
    assert len(found) == 3
    assert (left_out.others, left_out.unreadable) == (["photos/pipe.jpg"], ["photos/locked"])
    assert "folders that cannot be read: 1 (photos/locked)" in str(left_out)


def test_several_folders_have_a_folder_of_their_own_name_each(folder):
    shutil.copytree("photos/trip", "other")
    assert outputs("photos/trip", "other") == ["trip/a_night.png", "other/a_night.png"]


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("photos/*.png", ["a_night.png"]),
        ("photos/**/*.png", ["a_night.png", "trip/a_night.png"]),
        ("*/trip/?.png", ["photos/trip/a_night.png"]),
    ],
)
def test_a_pattern_keeps_the_folders_below_its_fixed_part(folder, pattern, expected):
    assert outputs(pattern) == expected


def test_a_photo_that_is_named_twice_is_painted_once(folder):
    os.symlink("a.png", "photos/zlink.png")
    assert outputs("photos", "photos/a.png") == ["a_night.png", "b_night.png", "trip/a_night.png"]


def test_photos_that_differ_in_their_extension_keep_it_in_the_name_of_the_result():
    tasks = plan_tasks([Photo("x/a.JPG", "a.JPG"), Photo("x/a.heic", "a.heic")], NIGHT, ".png")
    assert [task.output for task in tasks] == ["a-jpg_night.png", "a-heic_night.png"]


def test_every_photo_is_painted_in_every_style_and_a_mix_is_one_style():
    photos = [Photo("a.png", "a.png"), Photo("b.png", "b.png")]
    tasks = plan_tasks(photos, [("night",), ("knife",)], ".webp")
    assert [task.output for task in tasks] == ["a_night.webp", "a_knife.webp", "b_night.webp", "b_knife.webp"]
    assert [task.output for task in plan_tasks(photos[:1], [("night", "knife")], ".png")] == ["a_night_knife.png"]


def test_two_photos_with_the_same_result_are_refused_in_one_line(folder):
    with pytest.raises(InputError, match=r"photos/a\.png and photos/trip/a\.png would both be painted as a_night\.png"):
        outputs("photos/a.png", "photos/trip/a.png")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["missing"], "missing does not exist"),
        (["empty"], "there are no pictures in empty"),
        (["photos/*.gif"], r"there are no pictures in photos/\*\.gif"),
    ],
)
def test_without_a_picture_the_message_says_where_none_was(folder, words, message):
    Path("empty").mkdir()
    with pytest.raises(InputError, match=message):
        find_photos(words, "painted")


def pairs(text: str) -> Path:
    Path("lists").mkdir(exist_ok=True)
    path = Path("lists/pairs.csv")
    path.write_text(text, encoding="utf-8-sig")
    return path


def test_pairs_are_read_relative_to_their_file_and_may_name_their_results(folder):
    listed = pairs("style,photo,output\nnight,../photos/a.png,\n../style.png,../photos/b.jpg,x/b.png\n")
    tasks = read_pairs(listed, ".png")
    assert [(task.photo, task.styles, task.output) for task in tasks] == [
        ("lists/../photos/a.png", ("night",), "a_night.png"),
        ("lists/../photos/b.jpg", ("lists/../style.png",), "x/b.png"),
    ]


@pytest.mark.parametrize(
    "text",
    [
        "photo; style ;output\n../photos/a.png; night;\n",
        "Photo , STYLE\r\n../photos/a.png,night\r\n",
        "photo\tstyle\tremark\n../photos/a.png\tnight\tone, two; three\n",
    ],
)
def test_pairs_may_have_semicolons_tabs_spaces_and_capitals(folder, text):
    tasks = read_pairs(pairs(text), ".png")
    assert [(task.photo, task.styles, task.output) for task in tasks] == [
        ("lists/../photos/a.png", ("night",), "a_night.png")
    ]


def test_a_named_result_gets_the_extension_of_the_format_if_it_has_none(folder):
    listed = pairs("photo,style,output\n../photos/a.png,night,x/v1.5\n../photos/a.png,knife,b.JPEG\n")
    assert [task.output for task in read_pairs(listed, ".jpg")] == ["x/v1.5.jpg", "b.JPEG"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("photo,stlye\na,b\n", "pairs.csv needs the column style: its first line is `photo,stlye`, and a right one is"),
        ("photo|style\na|b\n", "its first line is `photo|style`, and a right one is `photo,style` or "),
        ("", "needs the column photo and the column style: its first line is empty"),
        ("photo,style\n", "there is nothing to paint: no line of lists/pairs.csv names a photo"),
        ("photo,style\nmissing.png,night\n", "line 2 of lists/pairs.csv: lists/missing.png does not exist"),
        ("photo,style\n../photos/a.png,nihgt\n", "did you mean night"),
        ("photo,style\n../photos/a.png\n", "line 2 of lists/pairs.csv: photo or style is empty"),
        (
            "photo,style,output\n../photos/a.png,night,../../a.png\n",
            "line 2 of lists/pairs.csv: the output ../../a.png",
        ),
        ("photo,style,output\n../photos/a.png,night,/a.png\n", "is not inside the folder that -o names"),
        ("photo,style,output\n../photos/a.png,night,a.jpg\n", "the output a.jpg does not end with .png"),
        ("photo,style,output\n../photos/a.png,night,a.gif\n", "known are .png"),
        (
            "photo,style\n../photos/a.png,night\n../photos/trip/a.png,night\n",
            "as a_night.png: change a line of lists/pairs.csv, or name the results in a column output",
        ),
    ],
)
def test_pairs_that_cannot_be_painted_are_refused_in_one_line(folder, text, message):
    with pytest.raises(InputError) as refusal:
        read_pairs(pairs(text), ".png")
    assert message in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_the_first_missing_photos_of_pairs_are_named_and_the_others_counted(folder):
    with pytest.raises(InputError) as refusal:
        read_pairs(pairs("photo,style\n" + "".join(f"{name}.png,night\n" for name in "pqrst")), ".png")
    assert str(refusal.value) == (
        "line 2 of lists/pairs.csv: lists/p.png does not exist; line 3: lists/q.png does not exist; "
        "line 4: lists/r.png does not exist; and 2 more lines"
    )


def test_a_file_of_pairs_that_is_no_text_is_refused(folder):
    with pytest.raises(InputError, match=r"cannot read the pairs photos/a\.png: it is not text"):
        read_pairs(Path("photos/a.png"), ".png")

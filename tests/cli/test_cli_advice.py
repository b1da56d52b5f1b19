"""What is said to those who begin: it names what is wrong, and what it advises works."""

import os

import numpy as np
import PIL.Image
import pytest

import impasto as program
from impasto.cli.app import COMMANDS
from impasto.images import DecodedImage, describe_stretch, write_picture
from impasto.recipe import Recipe


@pytest.fixture
def pictures(folder):
    """The current folder, with a folder of two photos, an empty one, and a square mask."""
    for name in ("trip", "my out"):
        (folder / name).mkdir()
    for name in ("a b.png", "it's.png"):
        (folder / "trip" / name).write_bytes((folder / "photo.png").read_bytes())
    square = PIL.Image.new("RGB", (64, 64))
    square.paste("white", (0, 0, 32, 64))
    square.save(folder / "square.png")
    return folder


# -- several photos or styles ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "styles", ["night style.jpg", "night@square.png style.jpg", "style.jpg@square.png night", "- style.jpg"]
)
def test_what_cannot_be_a_photo_is_not_offered_as_one(refused, pictures, styles):
    message = refused("photo.png", *styles.split())
    assert message == "impasto: to mix 2 styles, state how much each counts, as in --style-mix 50,50\n"


@pytest.mark.parametrize(
    ("words", "missing"),
    [
        ("photo.png nowhere.jpg style.jpg", "there is no file nowhere.jpg, and no built-in style of that name"),
        ("photo.png style.jpg nowhere.jpg", "there is no file nowhere.jpg, and no built-in style of that name"),
        ("nowhere.jpg style.jpg night", "nowhere.jpg does not exist"),
        ("photo.png style.jpg@nowhere.png style.jpg", "nowhere.png does not exist"),
        (
            "photo.png stained glass",
            "there is no file stained, and no built-in style of that name: did you mean stained-",
        ),
        (
            "photo.png Stained Glass",
            "there is no file Stained, and no built-in style of that name: did you mean stained-",
        ),
    ],
)
def test_a_missing_file_is_named_before_any_advice(refused, words, missing):
    message = refused(*words.split())
    assert missing in message
    assert "--style-mix" not in message


@pytest.mark.parametrize("name", ["stained glass", "Stained_Glass"])
def test_a_built_in_style_may_be_written_with_other_dashes(refused, name):
    assert "did you mean stained-glass?" in refused("photo.png", name)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["-o", "my out"], "-o 'my out'"),
        (["-o", "my out/"], "-o 'my out'"),
        (["-o", "my out/x.tif", "--bits", 16], "--bits 16 --format tif -o 'my out/painted'"),
        (["--run", "my out", "--quiet"], "--quiet -o painted"),
        (["--json", "--quality", 80, "-o", "x.jpeg"], "--quality 80 --json --format jpg -o painted"),
    ],
)
def test_the_printed_command_keeps_every_option(refused, pictures, options, words):
    message = refused("trip/", "night", *options)
    assert message.endswith(f"this paints the 2 pictures in it: impasto batch trip/ --style night {words}\n")


def test_the_command_for_a_folder_keeps_all_styles_and_further_folders(refused, pictures):
    (pictures / "my out" / "c.jpg").touch()
    message = refused("trip", "my out", "night", "style.jpg", "--style-mix", "70,30")
    command = "impasto batch trip 'my out' --style night --style style.jpg --style-mix 70,30 -o painted\n"
    assert message.endswith(f"this paints the 3 pictures in it: {command}")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ["trip", "night", "mosaic", "--style-mix-steps", 3],
            "trip is a folder, and --style-mix-steps is for one photo",
        ),
        (["trip", "-"], "for several photos the style is a file, not standard input"),
    ],
)
def test_what_a_batch_cannot_do_is_not_offered(refused, pictures, words, message):
    assert refused(*words) == f"impasto: {message}\n"


# -- a folder in place of a file ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("out", ["my out", "my out/", "new/"])
@pytest.mark.parametrize(
    ("command", "name"),
    [
        ("photo.png night", "photo_night.png"),
        ("recolor photo.png night", "photo_night_colors.png"),
        ("mask photo.png", "photo_mask.png"),
        ("demo", "impasto-demo.png"),
    ],
)
def test_a_folder_as_result_is_answered_with_a_file_in_it(refused, pictures, command, name, out):
    message = refused(*command.split(), "-o", out)
    path = os.path.join(out, name)
    assert message.endswith(f"-o '{path}'`\n" if " " in path else f"-o {path}`\n")
    assert ("create it" in message) == (out == "new/")


# -- regions and masks -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("region", "parts"),
    [
        ("forground=keep", ("there is no file forground", "foreground or background", "did you mean foreground?")),
        ("Background=night", ("there is no file Background", "did you mean background?")),
        ("sky.png=keep", ("there is no file sky.png", "foreground or background", "`impasto mask`")),
        ("square.png=photo", ("there is no file photo", "`keep` leaves the photo as it is")),
        ("square.png=Keep", ("did you mean keep?",)),
        ("square.png=nigth", ("did you mean night?", "`keep`")),
    ],
)
def test_what_a_region_may_be_is_said(refused, pictures, region, parts):
    message = refused("photo.png", "night", "--region", region)
    assert [part for part in parts if part not in message] == []


def notices(folder, styles="night", **settings) -> list[str]:
    """Return what is said before the only step of a picture."""
    said = []
    small = {"size": 48, "steps": 1, "levels": 1, "device": "cpu", "style_layers": "conv1_1"}
    program.stylize("photo.png", styles, on_event=said.append, **small | {"content_layers": "conv1_1"} | settings)
    return [event.text for event in said if isinstance(event, program.Notice) and "too small" not in event.text]


def test_a_picture_that_is_stretched_is_named(pictures):
    stretched = "square.png (64 x 64 px) is stretched to the proportions of photo.png (64 x 48 px)"
    PIL.Image.open("square.png").resize((32, 24)).save("half.png")
    assert notices(pictures, regions="square.png=keep") == [stretched]
    assert notices(pictures, init="square.png") == [stretched]
    assert notices(pictures, "style.jpg@square.png") == [stretched.replace("photo.png (64 x 48", "style.jpg (56 x 64")]
    assert notices(pictures, regions=["half.png=style.jpg@square.png"]) == [
        stretched.replace("photo.png (64 x 48", "style.jpg (56 x 64")
    ]


@pytest.mark.parametrize(
    ("mask", "photo", "is_stretched"),
    [
        ((64, 48), (4000, 3000), False),
        ((1000, 667), (6000, 4000), False),  # sides are whole pixels
        ((16, 11), (6000, 4000), False),
        ((2000, 1490), (4000, 3000), False),  # less than a hundredth
        ((2000, 1450), (4000, 3000), True),
        ((3000, 4000), (4000, 3000), True),
    ],
)
def test_only_what_can_be_seen_counts_as_stretched(mask, photo, is_stretched):
    nothing = {"alpha": None, "exif": None, "name": "x", "encoded": b"", "sha256": ""}
    own, other = (DecodedImage(pixels=np.empty((h, w, 3), np.float32), **nothing) for w, h in (mask, photo))
    assert bool(describe_stretch(own, other)) == is_stretched


def test_the_score_says_if_the_photo_is_stretched(impasto, pictures):
    said = impasto("score", "square.png", "--content", "photo.png", "--style", "style.jpg")
    assert said.code == 0
    assert said.err == ("impasto: photo.png (64 x 48 px) is stretched to the proportions of square.png (64 x 64 px)\n")


# -- runs --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("snapshots", "late"),
    [
        ({"snapshots": "1"}, []),
        ({"snapshots": "1,30,40"}, ["no snapshot is taken after step 30, 40: the picture has 1 steps"]),
        ({"snapshot_every": 5}, ["no snapshot is taken after step 5: the picture has 1 steps"]),
    ],
)
def test_a_snapshot_that_is_never_reached_is_named(pictures, snapshots, late):
    assert notices(pictures, **snapshots) == late


@pytest.mark.parametrize(
    ("style", "crop", "used"),
    [("style.jpg", "4,4,4,6", 24), ("style.jpg@dot.png", "", 16), ("style.jpg", "4,4,9,9", None), ("night", "", None)],
)
def test_a_style_without_texture_is_named(pictures, style, crop, used):
    dot = np.zeros((64, 56), np.uint8)
    dot[10:14, 10:14] = 255
    PIL.Image.fromarray(dot).save("dot.png")
    little = f"only {used} px of a style image are used: in fewer than 8 x 8 px the network finds too little texture"
    said = notices(pictures, style, style_crop=crop, size=80, upscale=True)
    assert said == ([little] if used else [])


def test_info_of_a_stopped_picture_says_that_the_command_paints_all_steps(impasto, folder):
    record = {"program": "impasto", "recipe": Recipe(strength=60, style_mix=(70, 30)).to_dict()}
    for reason, note in (("steps", ""), ("stopped", "; this picture was stopped early, the command paints all steps")):
        write_picture(folder / "out.png", np.zeros((8, 8, 3), np.float32), metadata=record | {"reason": reason})
        assert impasto("info", "out.png").out.splitlines()[-2:] == [
            f"repeat it with (add the folders of the files, which are not stored{note})",
            "impasto stylize PHOTO --strength 60 --style-mix 70,30",
        ]


def test_a_list_without_runs_names_the_folders_below_that_hold_some(impasto, folder):
    assert "there are no runs here: `impasto stylize --run FOLDER` keeps one" in impasto("runs").err
    for name in ("runs/town", "my runs/lake"):
        (folder / name).mkdir(parents=True)
        (folder / name / "run.json").write_text("{")
    assert impasto("runs").err == "impasto: there are no runs here: `impasto runs 'my runs' runs` lists those below\n"
    assert len(impasto("runs", "my runs", "runs").out.splitlines()) == 2


# -- names -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            "--style-weight 0 --content-weight 0",
            "--content-weight or --style-weight must be above 0: all weights are 0",
        ),
        ("--content-layers=,", "unknown layer ',' of vgg19"),
        ("--style-rotation 1,2", "--style-rotation has 2 numbers for 1 style image"),
    ],
)
def test_messages_name_the_options_that_were_typed(refused, options, message):
    assert f"impasto: {message}" in refused("photo.png", "night", *options.split())


def test_an_option_of_recolor_is_named_as_it_was_typed(refused):
    assert (
        refused("recolor", "photo.png", "night", "--color-strength", 200)
        == "impasto: --color-strength goes from 0 to 100, not 200\n"
    )


def test_settings_of_a_file_are_named_as_in_the_file(refused, folder):
    (folder / "mine.toml").write_text("style_weight = 0\ncontent_weight = 0\n")
    assert "content_weight or style_weight must be above 0" in refused("photo.png", "night", "--recipe", "mine.toml")


def test_the_old_name_of_an_option_of_the_demo_is_answered_with_the_new_one(refused):
    assert "there is no option --plate: did you mean --style?" in refused("demo", "--plate", "night")


@pytest.mark.parametrize(
    "command",
    [*COMMANDS, "plates export", "weights fetch", *(f"study {name}" for name in ("custom", "iterations", "seeds"))],
)
def test_no_help_names_a_type_of_python(impasto, monkeypatch, command):
    monkeypatch.setenv("COLUMNS", "200")
    said = impasto(*command.split(), "--help-all")
    assert said.code == 0
    assert not {"STR", "STR...", "INT", "FLOAT", "PATH", "BOOL"} & set(said.out.split())

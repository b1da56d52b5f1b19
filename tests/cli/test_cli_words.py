"""Words of the command line as people write them: understood, or answered with what is meant."""

import shlex

import pytest

from impasto.recipe import FIELDS, PRESETS, flag_of


@pytest.mark.parametrize(
    ("option", "meant"),
    [
        ("--iterations", "--steps"),
        ("--num-steps", "--steps"),
        ("-num_iterations", "--steps"),
        ("-steps", "--steps"),
        ("--epochs", "--steps"),
        ("--gpu", "--device"),
        ("--stroke-size", "--style-scale"),
        ("--output", "--out"),
        ("-output_image", "--out"),
        ("--tv", "--tv-weight"),
        ("--lr", "--learning-rate"),
        ("--alpha", "--content-weight"),
        ("--beta", "--style-weight"),
        ("--preserve-color", "--color photo"),
        ("--original_colors", "--color photo"),
        ("--image-size", "--size"),
        ("--mask", "--region"),
        ("--stepz", "--steps"),
        ("--Size", "--size"),
    ],
)
@pytest.mark.parametrize("form", ["{} 5", "{}=5"])
def test_an_option_of_another_program_is_answered_with_ours(refused, option, meant, form):
    message = refused("photo.png", "night", *form.format(option).split())
    assert message == f"impasto: there is no option {option}: did you mean {meant}?\n"


@pytest.mark.parametrize("option", ["--content", "--style", "--content-image", "-style_image"])
def test_pictures_are_given_without_an_option(refused, option):
    assert "as in `impasto photo.jpg style.jpg`" in refused(option, "photo.png")


def test_an_option_of_another_command_names_that_command(refused):
    assert "demo has no option --steps; `impasto stylize` has it" in refused("demo", "--steps", 5)


def test_an_option_that_nobody_knows_names_the_help(refused):
    assert "there is no option --zzz: `impasto stylize --help` lists them" in refused("photo.png", "night", "--zzz")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("stylize", "stylize needs a photo and a style, as in `impasto stylize photo.jpg night`"),
        ("recolor photo.png", "recolor needs a style, as in `impasto recolor photo.png night`; `impasto plates` lists"),
        ("photo.png --size 64", "stylize needs a style, as in `impasto photo.png --size 64 night`; `impasto plates`"),
        (
            "score --style night photo.png",
            "needs the photo it was painted from, as in `impasto score --style night photo.png --content photo.jpg`",
        ),
        ("batch", "photos, a style and a folder for the pictures, as in `impasto batch . --style night -o painted`"),
        ("batch . night", "a folder for the pictures, as in `impasto batch . --style night -o painted`"),
        ("batch . --size 64", "a style and a folder for the pictures, as in `impasto batch . --size 64 --style night"),
        ("batch . night -o new", "batch takes styles with --style, as in `impasto batch . --style night -o new`"),
        ("batch --pairs p.csv", "a folder for the pictures, as in `impasto batch --pairs p.csv -o painted`"),
        ("mask", "mask needs a photo, as in `impasto mask photo.jpg`"),
        ("resume", "resume needs a folder, as in `impasto resume my-folder`"),
        ("study seeds", "study seeds needs a photo and a style, as in `impasto study seeds photo.jpg night`"),
        ("photo.png night --steps", "--steps needs a value: a whole number from 1 to 10,000,000"),
        ("photo.png night --steps --seed 3", "--steps needs a value: a whole number from 1 to 10,000,000"),
        ("photo.png night --out", "--out needs a value: FILE"),
        ("photo.png night --preset", "--preset needs a value: PRESET"),
        (
            "photo.png night --init nois",
            "--init is content, recolored, noise, style or a file, and there is no file nois",
        ),
        ("night photo.png", "night is a built-in style, and the photo comes first: `impasto photo.jpg night`"),
        ("mask photo.png -", "- is too much here: `impasto mask --help` shows what belongs there"),
        ("photo.png night --steps 5 --steps 6", "--steps is given twice: state it once"),
        ("photo.png night --bits 12", "--bits takes 8 or 16, not 12"),
        ("photo.png night --quality good", "--quality takes a whole number, not good"),
        ("photo.png night --json=maybe", "--json takes no value"),
        ("photo.png night --upscale 2", "impasto: --upscale takes no value; there is no file 2, and no built-in style"),
        ("photo.png night --no-keep-best yes", "impasto: --no-keep-best takes no value; there is no file yes, and"),
        ("--quiet 0.5 photo.png night", "impasto: --quiet takes no value; 0.5 does not exist"),
        ("demo --json 1", "impasto: --json takes no value; 1 is too much here"),
        ("batch photo.png --style night -o new --upscale 2", "impasto: --upscale takes no value; 2 does not exist"),
        ("photo.png --quiet nigth", "impasto: there is no file nigth, and no built-in style of that name: did you"),
        ("photo.png night --keep face", "there is no option --keep: did you mean --region foreground=keep?"),
        ("help keep", "keep is neither a command nor a file: did you mean --region foreground=keep? `impasto --help`"),
        ("help size", "size is neither a command nor a file: did you mean --size? `impasto --help` lists"),
        ("help xyz", "impasto: xyz is neither a command nor a file: `impasto --help` lists the commands"),
        ("photo.JPG night", "photo.JPG does not exist: did you mean photo.png?"),
        ("pohto night", "impasto: pohto is neither a command nor a file: did you mean photo.png?"),
        ("photo.png Style.jpeg", "no built-in style of that name: did you mean style.jpg? `impasto plates` lists"),
        ("photo.png night --region ./photo.jpg=keep", "did you mean photo.png?"),
        ("batch Photo.png --style night -o new", "Photo.png does not exist: did you mean photo.png?"),
        ("photo.png night --size huge", "--size takes a whole number of px from 16 to 65,536, or photo, not huge"),
        ("photo.png night --strength=-5", "--strength takes a number from 0 to 100, not -5"),
        ("photo.png night --color sepia", "--color takes style, photo, match or luminance, not sepia"),
        ("photo.png night --preset drat", "unknown preset 'drat'; did you mean draft?"),
        (
            "presets papr",
            "NAME takes default, draft, instant, faithful, bold, photoreal, paper, notebook or classic, not papr",
        ),
        ("demo photo.png", "photo.png is too much here: `impasto demo --help` shows what belongs there"),
        ("plates nihgt", "nihgt is too much here: `impasto plates --help` shows what belongs there"),
        ("study seedz photo.png night", "study has no command seedz: did you mean seeds?"),
        ("studio --port many", "--port takes a whole number, not many"),
    ],
)
def test_what_is_missing_or_wrong_is_said_in_plain_words(refused, words, message):
    assert message in refused(*words.split())


@pytest.mark.parametrize(
    ("written", "meant"),
    [("golden_gate.JPG", True), ("golden gate.jpg", True), ("IMG_0002.jpg", False), ("trip/golden_gate.jpg", False)],
)
def test_a_file_of_a_similar_name_is_offered_unless_its_number_is_another(refused, folder, written, meant):
    for name in ("golden_gate.jpg", "IMG_0001.jpg", "golden_gate.txt"):
        (folder / name).touch()
    hint = ": did you mean golden_gate.jpg?" if meant else ""
    assert refused(written, "night") == f"impasto: {written} does not exist{hint}\n"


def test_a_value_from_a_file_is_named_as_in_the_file(refused, folder):
    (folder / "mine.toml").write_text("steps = 0\n")
    message = refused("photo.png", "night", "--recipe", "mine.toml")
    assert message == "impasto: steps takes a whole number from 1 to 10,000,000, not 0\n"


@pytest.mark.parametrize("name", sorted(set(FIELDS) - {"upscale", "keep_best"}))
def test_no_option_is_answered_in_the_words_of_a_library(refused, name):
    message = refused("photo.png", "night", f"{flag_of(name)}=,=;", "--size", 32)
    assert not any(word in message for word in ("nput should", "ydantic", "Parameter", "Traceback"))


@pytest.mark.parametrize(("written", "meant"), [("nigth", "night"), ("Night", "night"), ("mosaic.webp", "mosaic")])
def test_a_built_in_style_that_is_misspelled_is_recognized(refused, written, meant):
    assert f"did you mean {meant}?" in refused("photo.png", written)
    assert f"did you mean {meant}?" in refused("demo", "--style", written)


@pytest.mark.parametrize(
    "words", ["https://example.org/a.jpg night", "photo.png http://example.org/b", "photo.png night -o s3://x/y.png"]
)
def test_an_address_on_the_web_has_its_own_sentence(refused, words):
    assert "impasto reads and writes files only" in refused(*words.split())


def test_help_is_a_command_too(impasto):
    assert impasto("help").out == impasto("--help").out
    assert impasto("help", "recolor").out == impasto("recolor", "--help").out


def test_numbers_may_have_their_unit(stylize, folder):
    assert stylize("--size", "48px", "--strength", "50%", "--color", "Style", "-o", "a.png").code == 0
    assert stylize("--size", "48", "-o", "b.png").code == 0
    assert (folder / "a.png").read_bytes() == (folder / "b.png").read_bytes()


# -- several photos ----------------------------------------------------------------------------------------------------


def test_several_files_without_shares_are_refused_with_both_ways(refused, folder):
    (folder / "a b.jpg").touch()
    message = refused("a b.jpg", "photo.png", "style.jpg", "--steps", 5, "--preset", "draft")
    assert "to mix 2 styles, state how much each counts, as in --style-mix 50,50;" in message
    command = "impasto batch 'a b.jpg' photo.png --style style.jpg --preset draft --steps 5 -o painted\n"
    assert message.endswith(f"to paint 2 photos: {command}")


def test_a_file_beside_a_built_in_style_may_be_a_photo(refused):
    assert "impasto batch photo.png style.jpg --style night -o painted\n" in refused("photo.png", "style.jpg", "night")


def test_many_photos_are_named_by_a_pattern_if_it_means_the_same(refused, folder):
    (folder / "my trip").mkdir()
    photos = [f"my trip/{number}.jpg" for number in range(9)]
    for photo in photos:
        (folder / photo).touch()
    assert "impasto batch 'my trip'/*.jpg --style night -o painted\n" in refused(*photos, "night")
    assert " 'my trip/3.jpg' " in refused(*photos[1:], "style.jpg", "night")


def test_a_folder_is_refused_with_the_command_that_paints_it(refused, folder):
    (folder / "trip").mkdir()
    assert "there are no pictures in trip" in refused("trip", "night")
    for name in ("a.JPG", "b.png", "notes.txt"):
        (folder / "trip" / name).touch()
    command = "impasto batch trip --style mosaic --size 64 -o painted\n"
    assert refused("trip", "mosaic", "--size", "64px").endswith(f"this paints the 2 pictures in it: {command}")


def test_the_printed_command_paints_every_photo(refused, impasto, folder):
    (folder / "my trip").mkdir()
    for name in ("it's.png", "b c.png"):
        (folder / "my trip" / name).write_bytes((folder / "photo.png").read_bytes())
    message = refused("my trip", "night", "--size", 48, "--steps", 2, "--device", "cpu", "-o", "my trip/")
    program, *words = shlex.split(message[message.index("impasto batch") :])
    assert (program, impasto(*words).code) == ("impasto", 0)
    painted = {path.name for path in (folder / "my trip" / "painted").glob("*.png")}
    assert painted == {"it's_night.png", "b c_night.png"}


def test_built_in_styles_are_mixed_without_shares(impasto, folder):
    words = ("photo.png", "night", "mosaic", "--size", 48, "--steps", 2, "--device", "cpu", "-o", "m.png")
    assert impasto(*words).code == 0


@pytest.mark.parametrize("preset", [name for name in PRESETS if name != "default"])
def test_the_help_shows_the_defaults_of_the_preset(impasto, monkeypatch, preset):
    monkeypatch.setenv("COLUMNS", "300")
    text = " ".join(impasto("stylize", "--preset", preset, "--help-all").out.split())
    for name in ("steps", "style_weight", "init"):
        shown = PRESETS[preset].get(name)
        at = text.index(f"{flag_of(name)} ")
        assert f"[default: {shown:g}]" if isinstance(shown, float) else f"[default: {shown}]" in text[at : at + 300]

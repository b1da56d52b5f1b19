"""Several styles, regions and series of mixes on the command line: what is written, and what is refused."""

import json
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

import impasto as program
from impasto.images import quantize, read_metadata

SMALL = {
    "--size": "48", "--steps": "2", "--device": "cpu", "--precision": "fp32", "--levels": "1",
    "--style-layers": "conv1_1,conv2_1", "--content-layers": "conv3_1",
}  # fmt: skip
QUICK = [word for pair in SMALL.items() for word in pair]
WHOLE = [word for pair in (SMALL | {"--size": "photo"}).items() for word in pair]
FIELDS = {
    "size": 48, "steps": 2, "device": "cpu", "precision": "fp32", "levels": 1, "style_layers": "conv1_1,conv2_1",
    "content_layers": "conv3_1",
}  # fmt: skip


@pytest.fixture
def masks(folder, painting):
    """The current folder, with another style and some masks beside photo.png and style.jpg."""
    PIL.Image.fromarray(quantize((painting * [1, 0.3, 0.1]).astype(np.float32))).save("red.png")
    pictures = {name: np.zeros((48, 64, 4), dtype=np.uint8) for name in ("left", "right", "dot", "black", "clear")}
    for name, mask in pictures.items():
        mask[..., 3] = 0 if name == "clear" else 255
    pictures["left"][:, :32, :3] = pictures["right"][:, 32:, :3] = pictures["clear"][..., :3] = 255
    pictures["dot"][20:24, 40:44, :3] = 255
    for name, mask in pictures.items():
        PIL.Image.fromarray(mask).save(f"{name}.png")
    (folder / "letter.png").write_text("Dear Vincent,\n")
    (folder / "empty.png").write_bytes(b"")
    return folder


def pixels(name) -> np.ndarray:
    return np.asarray(PIL.Image.open(name).convert("RGB"))


def test_several_styles_are_mixed_and_the_result_is_named_after_all(impasto, masks):
    outcome = impasto("stylize", "photo.png", "style.jpg", "red.png", "--style-mix", "30,70", *QUICK)
    assert (outcome.code, outcome.out) == (0, "photo_style_red.png\n")
    expected = program.stylize("photo.png", ["style.jpg", "red.png"], style_mix=(30, 70), **FIELDS)
    np.testing.assert_array_equal(pixels("photo_style_red.png"), quantize(expected.pixels))
    assert read_metadata(Path("photo_style_red.png"))["recipe"]["style"]["mix"] == [30.0, 70.0]


def test_regions_are_painted_and_the_picture_repeats_itself(impasto, masks):
    regions = ["--region", "left.png=red.png@left.png", "--region", "dot.png=keep", "--style-rotation", "-10"]
    assert impasto("stylize", "photo.png", "style.jpg@right.png", *regions, *WHOLE, "-o", "out.png").code == 0
    recipe = read_metadata(Path("out.png"))["recipe"]
    assert recipe["regions"] == [
        {"mask": "left.png", "style": "red.png", "style_mask": "left.png"},
        {"mask": "dot.png", "style": "keep"},
    ]
    again = ["--from", "out.png", "-o", "again.png"]
    outcome = impasto("stylize", "photo.png", "style.jpg@right.png", *again)
    assert (outcome.code, "left.png" in outcome.err) == (2, True), "files that the picture names are given again"
    assert impasto("stylize", "photo.png", "style.jpg@right.png", *again, *regions[:4]).code == 0
    np.testing.assert_array_equal(pixels("again.png"), pixels("out.png"))


def test_the_mask_of_a_style_is_not_part_of_the_name_of_the_result(impasto, masks):
    assert impasto("stylize", "photo.png", "style.jpg@left.png", *QUICK).out == "photo_style.png\n"


def test_without_a_style_the_regions_alone_are_painted(impasto, masks):
    outcome = impasto("stylize", "photo.png", "--region", "left.png=red.png", *WHOLE)
    assert outcome.code == 0, outcome
    painted = pixels(outcome.out.strip())
    np.testing.assert_array_equal(painted[:, 32:], pixels("photo.png")[:, 32:])
    assert (painted[:, :32] != pixels("photo.png")[:, :32]).any()


def test_layers_that_a_tiny_region_cannot_use_are_reported_unless_quiet(impasto, masks):
    words = ["photo.png", "style.jpg", "--region", "dot.png=red.png", *WHOLE, "-o", "out.png"]
    (message,) = [line for line in impasto("stylize", *words).errors if "dot.png" in line]
    assert "conv2_1" in message
    assert message.startswith("impasto: ")
    assert impasto("stylize", *words, "--quiet").err == ""


# -- series of mixes ---------------------------------------------------------------------------------------------------


def test_the_sheet_of_mixes_names_the_styles(impasto, masks, monkeypatch):
    said = []
    monkeypatch.setattr(
        "impasto.images.contact_sheet", lambda rows, captions, cell: said.extend(captions) or rows[0][0]
    )
    long = Path("the_scream_by_munch.png")
    long.write_bytes(Path("red.png").read_bytes())
    assert impasto("photo.png", "night", long, "--style-mix-steps", 2, *QUICK, "-o", "mix.png").code == 0
    assert said == [["100 night : 0 the_scream_by", "0 night : 100 the_scream_by"]]


def test_a_series_of_mixes_is_a_picture_for_each_and_a_sheet(impasto, masks):
    outcome = impasto("stylize", "photo.png", "style.jpg", "red.png", "--style-mix-steps", 3, *QUICK, "-o", "mix.png")
    assert outcome.code == 0, outcome
    names = ["mix-mix-100-0.png", "mix-mix-50-50.png", "mix-mix-0-100.png"]
    assert outcome.out.splitlines() == [*names, "mix.png"]
    assert {path.name for path in masks.glob("mix*")} == {*names, "mix.png"}
    for name, mix in zip(names, ((100, 0), (50, 50), (0, 100)), strict=True):
        alone = program.stylize("photo.png", ["style.jpg", "red.png"], style_mix=mix, **FIELDS)
        np.testing.assert_array_equal(pixels(name), quantize(alone.pixels))
        assert tuple(read_metadata(Path(name))["recipe"]["style"]["mix"]) == mix
    assert PIL.Image.open("mix.png").width > 3 * 48


def test_a_series_without_an_output_is_named_after_its_pictures_and_in_json_one_object(impasto, masks):
    words = ["photo.png", "style.jpg", "red.png", "--style-mix-steps", 2, *QUICK, "--json", "--quiet"]
    outcome = impasto(*words)
    names = ["photo_style_red-mix-100-0.png", "photo_style_red-mix-0-100.png"]
    assert json.loads(outcome.out) == {"path": "photo_style_red.png", "pictures": names}
    assert (outcome.code, outcome.err) == (0, "")


def test_a_series_of_mixes_overwrites_none_of_its_inputs(refused, masks):
    (masks / "m-mix-0-100.png").write_bytes((masks / "red.png").read_bytes())
    for style, mask in (("m-mix-0-100.png", "left.png"), ("red.png", "m-mix-0-100.png")):
        words = ["photo.png", "style.jpg", style, "--style-mix-steps", 2, "--region", f"{mask}=keep", "-o", "m.png"]
        assert "m-mix-0-100.png" in refused(*words, *QUICK)


# -- what is refused ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("style.jpg red.png --style-mix 1", "--style-mix has 1 share for 2 style images"),
        ("style.jpg --style-mix 1,2", "--style-mix has 2 shares for 1 style image"),
        ("style.jpg red.png --style-mix 0,0", "not all of them 0"),
        ("style.jpg red.png --style-mix -1,2", "not all of them 0"),
        ("style.jpg red.png --style-mix 1,1 --style-scale 1,2,3", "--style-scale has 3 numbers for 2 style images"),
        ("style.jpg --style-scale -1", "--style-scale takes numbers from 0.05 to 20"),
        ("style.jpg red.png --style-mix 1,1 --style-rotation 1,2,3", "--style-rotation has 3 numbers"),
        ("style.jpg red.png --style-mix 1,1 --style-crop 0,0,40,40", "--style-crop has 1 crops for 2 style images"),
        ("style.jpg --style-crop 0,0,40,40/full", "--style-crop has 2 crops for 1 style image"),
        ("style.jpg --style-crop all", "LEFT,TOP,WIDTH,HEIGHT"),
        ("style.jpg --region left.png", "MASK=STYLE"),
        ("style.jpg --region =red.png", "MASK=STYLE"),
        ("style.jpg --region left.png=keep@right.png", "no style to mask"),
        ("style.jpg --region nowhere.png=keep", "nowhere.png"),
        ("style.jpg --region letter.png=keep", "letter.png"),
        ("style.jpg --region empty.png=keep", "empty.png"),
        ("style.jpg --region black.png=keep", "the mask black.png is empty"),
        ("style.jpg --region clear.png=keep", "the mask clear.png is empty"),
        ("style.jpg --region left.png=nowhere.png", "nowhere.png"),
        ("style.jpg --region left.png=letter.png", "letter.png"),
        ("style.jpg --region left.png=red.png@letter.png", "letter.png"),
        ("style.jpg --region left.png=red.png@black.png", "black"),
        ("style.jpg --region left.png=keep --region right.png=keep", "nothing to the main style"),
        ("style.jpg --region left.png=red.png --region right.png=red.png", "nothing to the main style"),
        ("--region left.png=keep", "every region keeps the photo"),
        ("style.jpg --region dot.png=red.png", "the region dot.png covers less than 16 pixels"),
        ("style.jpg@nowhere.png", "nowhere.png"),
        ("style.jpg@black.png", "black"),
        ("style.jpg@right.png --style-crop 0,0,20,40", "its mask is black there"),
        ("", "stylize needs a style"),
        ("style.jpg --style-mix-steps 3", "mixes two styles"),
        ("style.jpg red.png style.jpg --style-mix-steps 3", "mixes two styles"),
        ("style.jpg red.png --style-mix-steps 3 --run run", "keeps no --run"),
        ("style.jpg red.png --style-mix-steps 3 -o -", "name a file with -o"),
        ("style.jpg red.png --style-mix-steps 1", "from 2 to 101, not 1"),
        ("style.jpg red.png --style-mix-steps -3", "from 2 to 101"),
        ("style.jpg red.png --style-mix-steps 102", "from 2 to 101"),
        ("- red.png --style-mix-steps 2", "files"),
        ("style.jpg --region left.png=red.png -o left.png", "left.png is one of the pictures"),
        ("style.jpg --region left.png=red.png -o red.png", "red.png is one of the pictures"),
        ("style.jpg --region left.png=style.jpg@right.png -o right.png", "right.png is one of"),
        ("style.jpg@left.png -o left.png", "left.png is one of the pictures"),
        ("style.jpg@left.png -o style.jpg", "style.jpg is one of the pictures"),
        ("style.jpg red.png --style-mix 1,1 -o red.png", "red.png is one of the pictures"),
        ("style.jpg red.png --style-mix-steps 2 -o red.png", "red.png is one of the pictures"),
        ("red.png x@y.png --style-mix 1,1 -o x@y.png", "is one of the pictures"),
        ("red.png --region left.png=x@y.png -o x@y.png", "is one of the pictures"),
    ],
)
def test_what_cannot_be_painted_is_reported_in_one_line_and_nothing_is_written(refused, masks, words, message):
    (masks / "x@y.png").write_bytes((masks / "red.png").read_bytes())
    assert message in refused("photo.png", *words.split(), *QUICK)

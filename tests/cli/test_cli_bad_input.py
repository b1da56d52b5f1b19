"""What bad input gets: one line on standard error, exit code 2, nothing written, an existing output untouched."""

import struct
import zlib

import numpy as np
import PIL.Image
import pytest
import pyvips
import torch

from impasto.networks import NETWORKS
from impasto.recipe import Recipe

OLD = b"an old picture that must survive"


@pytest.fixture
def refused(stylize, folder):
    """Return a function that calls `stylize -o out.png`, checks all that holds for bad input, and returns the line."""

    def call(*words: object, **pictures: str) -> str:
        (folder / "out.png").write_bytes(OLD)
        before = {path: path.read_bytes() if path.is_file() else None for path in folder.rglob("*")}
        output = [] if {"-o", "--out"} & set(words) else ["-o", "out.png"]
        outcome = stylize(*words, *output, **pictures)
        assert outcome.code == 2, outcome
        assert outcome.out == ""
        assert len(outcome.errors) == 1, outcome.err
        assert outcome.err.startswith("impasto: ")
        after = {path: path.read_bytes() if path.is_file() else None for path in folder.rglob("*")}
        assert after == before
        return outcome.err

    return call


def _png_chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def _png_bomb(side: int) -> bytes:
    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    rows = zlib.compress(bytes(1000))
    return b"\x89PNG\r\n\x1a\n" + _png_chunk(b"IHDR", header) + _png_chunk(b"IDAT", rows) + _png_chunk(b"IEND", b"")


@pytest.mark.parametrize("role", ["content", "style"])
class TestPicturesThatCannotBeUsed:
    def test_a_missing_file(self, refused, role):
        assert "nowhere.jpg" in refused(**{role: "nowhere.jpg"})

    def test_a_directory(self, refused, role, folder):
        (folder / "album").mkdir()
        assert "folder" in refused(**{role: "album"})

    def test_an_empty_file(self, refused, role, folder):
        (folder / "empty.png").write_bytes(b"")
        assert "empty" in refused(**{role: "empty.png"})

    @pytest.mark.parametrize("name", ["photo.png", "style.jpg"])
    def test_a_truncated_file(self, refused, role, folder, name):
        data = (folder / name).read_bytes()
        (folder / f"cut-{name}").write_bytes(data[: len(data) // 2])
        assert f"cut-{name}" in refused(**{role: f"cut-{name}"})

    def test_a_file_that_is_no_image(self, refused, role, folder):
        (folder / "letter.jpg").write_text("Dear Vincent,\n")
        assert "not a picture" in refused(**{role: "letter.jpg"})

    def test_a_decompression_bomb_before_it_is_decoded(self, refused, role, folder):
        (folder / "bomb.png").write_bytes(_png_bomb(60_000))
        assert "max-megapixels" in refused(**{role: "bomb.png"}).replace("_", "-")

    @pytest.mark.parametrize("size", [(1, 1), (20_000, 1)])
    def test_one_pixel_or_one_row(self, refused, role, folder, size):
        PIL.Image.new("RGB", size, "orange").save(folder / "thin.png")
        assert "too small" in refused(**{role: "thin.png"})

    def test_not_a_number_in_a_float_tiff(self, refused, role, folder):
        pixels = np.full((40, 40, 3), 0.5, np.float32)
        pixels[7, 9, 1] = np.nan
        pyvips.Image.new_from_array(pixels).copy(interpretation="scrgb").tiffsave(str(folder / "hole.tif"))
        assert "NaN" in refused(**{role: "hole.tif"})


def test_the_limit_for_large_pictures_can_be_changed(stylize, refused):
    assert "megapixels" in refused("--max-megapixels", "0.001").replace("_", " ")
    assert stylize("--max-megapixels", "0.0031", style="photo.png", content="photo.png").code == 0


def test_a_size_too_small_for_the_chosen_layers(refused, stylize):
    assert "too small" in refused("--size", 24, "--style-layers", "conv5_1")
    assert stylize("--size", 24, "--style-layers", "conv1_1,conv2_1", "--content-layers", "conv2_2").code == 0


def test_an_unknown_layer_lists_the_known_ones(refused):
    line = refused("--style-layers", "conv1_1,conv9_1")
    assert all(name in line for name in ("conv9_1", *NETWORKS["vgg19"].layers))


def test_an_unknown_style_names_the_command_that_lists_the_built_in_ones(refused):
    assert "impasto plates" in refused(style="starry")


@pytest.mark.parametrize("flag", ["--content-weight", "--style-weight", "--tv-weight"])
@pytest.mark.parametrize("value", ["-1", "nan", "inf", "much"])
def test_a_weight_that_is_negative_or_no_number(refused, flag, value):
    assert flag.removeprefix("--").replace("-", "_") in refused(flag, value)


@pytest.mark.parametrize("weight", ["--content-weight", "--style-weight"])
def test_a_strength_beside_a_weight_does_not_say_which_is_meant(refused, weight):
    assert "strength and content_weight or style_weight both set the balance" in refused("--strength", 30, weight, 2)
    assert "state one of them" in refused("--preset", "bold", weight, 2, "--strength", 50)


@pytest.mark.parametrize("value", ["-1", "101", "nan", "much"])
def test_a_strength_that_is_not_from_0_to_100(refused, value):
    assert "strength" in refused("--strength", value)


def test_an_unknown_loss_lists_the_known_ones(refused):
    assert "known are features, self_similarity, laplacian" in refused("--content-losses", "features,gram")
    line = refused("--style-losses", "grams=2")
    assert all(name in line for name in ("grams", "wasserstein", "relaxed_emd"))


@pytest.mark.parametrize("output", ["missing/out.png", "/proc/out.png", "album"])
def test_a_place_where_nothing_can_be_written(refused, folder, output):
    (folder / "album").mkdir()
    assert output in refused("-o", output)


@pytest.mark.parametrize("output", ["out.bmp", "out", "out.png.exe"])
def test_an_output_of_an_unknown_extension_lists_the_known_ones(refused, output):
    assert ".webp" in refused("-o", output)


def test_an_output_that_would_overwrite_the_photo(refused):
    assert "photo.png" in refused("-o", "photo.png")


def test_a_device_that_is_not_there(refused):
    absent = "mps" if not torch.backends.mps.is_available() else "cuda"
    assert "auto" in refused("--device", absent)


def test_a_recipe_with_an_unknown_key(refused, folder):
    (folder / "recipe.toml").write_text("stile_weight = 3\n")
    line = refused("--recipe", "recipe.toml")
    assert all(name in line for name in ("stile_weight", *Recipe.model_fields))


def test_a_recipe_that_is_missing_or_no_recipe(refused, folder):
    (folder / "recipe.toml").write_text("size = [")
    assert "recipe.toml" in refused("--recipe", "recipe.toml")
    assert "nowhere.toml" in refused("--recipe", "nowhere.toml")


def test_a_picture_without_a_recipe(refused):
    assert "photo.png" in refused("--from", "photo.png")


def test_a_recipe_and_a_painted_picture_at_once(refused, folder):
    (folder / "recipe.toml").write_text("size = 64")
    assert "--from" in refused("--recipe", "recipe.toml", "--from", "photo.png")


@pytest.mark.parametrize(
    "words",
    [
        ["--bogus", "3"],
        ["a third picture"],
        ["--steps"],
        ["--steps", "0"],
        ["--steps", "2.5"],
        ["--size", "huge"],
        ["--preset", "best"],
        ["--optimizer", "sgd"],
        ["--style-crop", "1,2,3"],
        ["--style-crop", "50,50,20,20"],
        ["--snapshots", "0,5"],
        ["--init", "nowhere.png"],
        ["--init", "-"],
        ["--weights", "nowhere.pth"],
        ["--weights", "photo.png"],
        ["--bits", "12"],
        ["--bits", "16", "-o", "out.jpg"],
        ["--quality", "0"],
        ["--quality", "101"],
        ["--json", "-o", "-"],
        ["--run", "photo.png"],
        ["--run", "."],
        ["--content-weight", "0", "--style-weight", "0"],
        ["--threads", "0"],
    ],
    ids=" ".join,
)
def test_an_option_that_cannot_be(refused, words):
    refused(*words)


def test_two_pictures_from_standard_input(refused):
    assert "standard input" in refused(content="-", style="-")


@pytest.mark.parametrize(
    "words",
    [
        ["paint"],
        ["stylize"],
        ["stylize", "photo.png"],
        ["info", "photo.png"],
        ["info", "nowhere.png"],
        ["resume", "nowhere"],
        ["resume", "."],
        ["demo", "--plate", "nowhere"],
        ["demo", "--size", "4"],
        ["plates", "export", "nowhere"],
        ["plates", "export", ".", "nowhere"],
        ["plates", "export", "-"],
        ["presets", "best"],
    ],
    ids=" ".join,
)
def test_a_command_that_cannot_be_done(impasto, folder, words):
    before = sorted(folder.rglob("*"))
    outcome = impasto(*words)
    assert (outcome.code, outcome.out, len(outcome.errors)) == (2, "", 1), outcome
    assert outcome.err.startswith("impasto: ")
    assert sorted(folder.rglob("*")) == before


@pytest.mark.parametrize(
    "words",
    [
        ["nowhere.jpg", "style.jpg"],
        ["photo.png", "style.jpg", "--style-weight", "-1"],
    ],
    ids=" ".join,
)
def test_a_process_of_its_own_says_one_line_and_exits_with_2(start, folder, words):
    process = start("stylize", *words)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out, err.count(b"\n")) == (2, b"", 1), err
    assert not list(folder.glob("*_*.png"))

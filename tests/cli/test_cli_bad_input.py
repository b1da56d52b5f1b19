"""Bad input: one line on standard error, exit code 2, nothing written, an existing output untouched."""

import struct
import zlib

import numpy as np
import PIL.Image
import pytest
import pyvips
import torch

from impasto.networks import NETWORKS
from impasto.recipe import FIELDS

OLD = b"an old picture that must survive"
SMALL = ("--size", 48, "--steps", 2, "--device", "cpu", "--precision", "fp32")


@pytest.fixture
def stylize_refused(refused, folder):
    """Return a function that calls `stylize -o out.png`, which must be refused, and returns the message."""

    def call(*words: object, content: str = "photo.png", style: str = "style.jpg") -> str:
        (folder / "out.png").write_bytes(OLD)
        output = () if {"-o", "--out"} & set(words) else ("-o", "out.png")
        return refused("stylize", content, style, *words, *output, *(() if "--size" in words else SMALL[:2]))

    return call


def _png_chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def write_bad_pictures(folder) -> None:
    """Write pictures that cannot be painted from."""
    (folder / "album").mkdir()
    (folder / "empty.png").write_bytes(b"")
    (folder / "letter.jpg").write_text("Dear Vincent,\n")
    for name in ("photo.png", "style.jpg"):
        data = (folder / name).read_bytes()
        (folder / f"cut-{name}").write_bytes(data[: len(data) // 2])
    header, rows = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0), zlib.compress(bytes(1000))
    chunks = _png_chunk(b"IHDR", header) + _png_chunk(b"IDAT", rows) + _png_chunk(b"IEND", b"")
    (folder / "bomb.png").write_bytes(b"\x89PNG\r\n\x1a\n" + chunks)
    PIL.Image.new("RGB", (1, 1), "orange").save(folder / "dot.png")
    PIL.Image.new("RGB", (20_000, 1), "orange").save(folder / "line.png")
    pixels = np.full((40, 40, 3), 0.5, np.float32)
    pixels[7, 9, 1] = np.nan
    pyvips.Image.new_from_array(pixels).copy(interpretation="scrgb").tiffsave(str(folder / "hole.tif"))


@pytest.mark.parametrize("role", ["content", "style"])
@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("nowhere.jpg", "nowhere.jpg"),
        ("album", "album"),
        ("empty.png", "empty"),
        ("letter.jpg", "not a picture"),
        ("cut-photo.png", "cut-photo.png"),
        ("cut-style.jpg", "cut-style.jpg"),
        ("bomb.png", "max-megapixels"),
        ("dot.png", "too small"),
        ("line.png", "too small"),
        ("hole.tif", "NaN"),
    ],
)
def test_a_picture_that_cannot_be_used(stylize_refused, folder, role, name, message):
    write_bad_pictures(folder)
    assert message in stylize_refused(**{role: name}).replace("_", "-")


def test_the_limit_for_large_pictures_can_be_changed(stylize, stylize_refused):
    assert "megapixels" in stylize_refused("--max-megapixels", "0.001")
    assert stylize("--max-megapixels", "0.0031", style="photo.png", content="photo.png").code == 0


def test_a_size_that_is_too_small_for_the_chosen_layers(stylize_refused, stylize):
    assert "too small" in stylize_refused("--size", 24, "--style-layers", "conv5_1")
    assert stylize("--size", 24, "--style-layers", "conv1_1,conv2_1", "--content-layers", "conv2_2").code == 0


@pytest.mark.parametrize("flag", ["--content-weight", "--style-weight", "--tv-weight", "--strength"])
@pytest.mark.parametrize("value", ["-1", "1e16", "nan", "inf", "much"])
def test_a_weight_or_strength_out_of_range(stylize_refused, flag, value):
    assert f"{flag} takes a number from 0 to " in stylize_refused(flag, value)


@pytest.mark.parametrize("weight", ["--content-weight", "--style-weight"])
def test_a_strength_and_a_weight(stylize_refused, weight):
    message = stylize_refused("--preset", "bold", weight, 2, "--strength", 50)
    assert "--strength and --content-weight or --style-weight both set the balance: state one of them" in message


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        ("--style-layers conv1_1,conv9_1", ("conv9_1", *NETWORKS["vgg19"].layers)),
        ("--content-losses features,gram", ("known are features, self_similarity, laplacian",)),
        ("--style-losses grams=2", ("grams", "wasserstein", "relaxed_emd")),
        ("--style-losses grain=2", ("gradient_energy",)),
        ("-o out.bmp", (".webp",)),
        ("-o out", (".webp",)),
        ("-o out.png.exe", (".webp",)),
        ("-o photo.png", ("photo.png",)),
        ("-o missing/out.png", ("missing/out.png",)),
        ("-o /proc/out.png", ("/proc/out.png",)),
        ("-o album", ("album",)),
        (f"--device {'cuda' if torch.backends.mps.is_available() else 'mps'}", ("auto",)),
        ("--recipe unknown.toml", ("there is no setting stile_weight: did you mean style_weight?",)),
        ("--recipe strange.toml", ("zzz", *FIELDS)),
        ("--recipe old.toml", ("rescue is called saliency_weight now",)),
        ("--recipe broken.toml", ("broken.toml",)),
        ("--recipe nowhere.toml", ("nowhere.toml",)),
        ("--from photo.png", ("photo.png",)),
        ("--recipe unknown.toml --from photo.png", ("--from",)),
    ],
)
def test_the_message_names_the_known_values_or_the_error(stylize_refused, folder, words, parts):
    (folder / "album").mkdir()
    (folder / "strange.toml").write_text("zzz = 3\n")
    (folder / "unknown.toml").write_text("stile_weight = 3\n")
    (folder / "old.toml").write_text("rescue = 3\n")
    (folder / "broken.toml").write_text("size = [")
    message = stylize_refused(*words.split())
    assert all(part in message for part in parts), message


def test_an_unknown_style_names_the_command_that_lists_the_built_in_ones(stylize_refused):
    assert "impasto plates" in stylize_refused(style="starry")


def test_two_pictures_from_standard_input(stylize_refused):
    assert "standard input" in stylize_refused(content="-", style="-")


BAD_OPTIONS = """
--bogus 3; --steps; --steps 0; --steps 2.5; --size huge; --preset best; --optimizer sgd; --style-crop 1,2,3;
--style-crop 50,50,20,20; --snapshots 0,5; --init nowhere.png; --init -; --weights nowhere.pth; --weights photo.png;
--bits 12; --bits 16 -o out.jpg; --quality 0; --quality 101; --json -o -; --run photo.png; --run .;
--content-weight 0 --style-weight 0; --threads 0; third.png
"""
BAD_COMMANDS = """
stylize; stylize photo.png; photo.png; info photo.png; info nowhere.png; resume nowhere; resume .; demo --style nowhere;
demo --size 4; plates export nowhere; plates export . nowhere; plates export -; presets best
"""


@pytest.mark.parametrize("words", BAD_OPTIONS.split(";"), ids=str.strip)
def test_an_option_that_cannot_be(stylize_refused, words):
    stylize_refused(*words.split())


@pytest.mark.parametrize("words", BAD_COMMANDS.split(";"), ids=str.strip)
def test_a_command_that_cannot_be_done(refused, words):
    refused(*words.split())


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("paint", "paint is neither a command nor a file: "),
        ("plate", "did you mean `impasto plates`? `impasto --help` lists the commands"),
        ("stylise photo.png style.jpg", "did you mean `impasto stylize`?"),
        ("styles", "did you mean `impasto plates`?"),
        ("gui", "did you mean `impasto studio`?"),
        ("version", "did you mean `impasto --version`?"),
        ("-v", "did you mean --version?"),
        ("-i photo.png style.jpg", "pictures are given without an option"),
        ("plates export night mosaic", "the folder comes first: `impasto plates export . night mosaic`"),
        ("study photo.png style.jpg", "study has no command photo.png: `impasto study --help` lists them"),
        ("study seed photo.png style.jpg", "study has no command seed: did you mean seeds?"),
        ("photo.png style.jpg --recipe draft", "; the preset is --preset draft"),
        ("photo.png style.jpg --preset mine.toml", "a file is given by --recipe mine.toml"),
    ],
)
def test_a_word_that_is_neither_a_command_nor_a_file(refused, words, message):
    assert message in refused(*words.split())


def test_a_separate_process_exits_with_2_after_one_line(start, folder):
    process = start("nowhere.jpg", "style.jpg")
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out, err.count(b"\n")) == (2, b"", 1), err
    assert not list(folder.glob("*_*.png"))

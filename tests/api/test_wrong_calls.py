"""Calls with something unusable end in one line that names the argument, as without the type checks of the tests."""

import io
import re
from pathlib import Path

import jaxtyping
import numpy as np
import PIL.Image
import pytest
import torch
from tests.api.conftest import QUICK

import impasto
from impasto.images import quantize, read_picture
from impasto.recipe import PRESETS

ACCEPTED = "must be a path, the bytes of a file, a file open in binary mode, a PIL image, an array or a tensor.*"
NO_PICTURES = {
    "None": (lambda: None, f"{ACCEPTED}, not None"),
    "list": (lambda: ["photo.png"], f"{ACCEPTED}, not a list"),
    "dict": (lambda: {"path": "photo.png"}, f"{ACCEPTED}, not a dict"),
    "set": (lambda: {"photo.png"}, f"{ACCEPTED}, not a set"),
    "int": (lambda: 5, f"{ACCEPTED}, not an int"),
    "float": (lambda: 0.5, f"{ACCEPTED}, not a float"),
    "text file": (lambda: io.StringIO("a picture"), "is a file that gives text: open it in binary mode"),
    "class": (lambda: Path, f"{ACCEPTED}, not a type"),
    "one axis": (lambda: np.zeros(4), r"an array must have the shape .*, not \(4,\)"),
    "four axes": (lambda: np.zeros((2, 48, 64, 3)), r"an array must have the shape .*, not \(2, 48, 64, 3\)"),
    "channels first": (lambda: np.zeros((3, 48, 64)), r"an array must have the shape .*, not \(3, 48, 64\)"),
    "no pixels": (lambda: np.zeros((0, 0, 3)), "an array must have the shape"),
    "int64": (lambda: np.zeros((8, 8, 3), dtype=int), "must hold uint8, uint16, bool or floats from 0 to 1, not int64"),
    "object": (lambda: np.full((8, 8, 3), None), "must hold uint8, uint16, bool or floats from 0 to 1, not object"),
    "complex": (lambda: np.zeros((8, 8, 3), dtype=complex), "must hold uint8, .*, not complex128"),
    "text": (lambda: np.full((8, 8, 3), "a"), "must hold uint8"),
    "floats to 255": (lambda: np.full((8, 8, 3), 255.0), "must be from 0 to 1, not from 255 to 255"),
    "NaN": (lambda: np.full((8, 8, 3), np.nan), "NaN"),
    "mode F": (lambda: PIL.Image.new("F", (8, 8)), "a PIL image of mode F has no defined color range"),
    "nothing": (lambda: b"", "is empty"),
    "other bytes": (lambda: b"a text, not a picture", "is not a picture that impasto reads"),
}
"""What is no picture, by name, and what the message says after the argument."""


@pytest.fixture(autouse=True)
def called_as_by_a_user(monkeypatch, tmp_path, photo):
    """Turn off the type checks that only tests have; the current folder holds photo.png and mask.png."""
    monkeypatch.setattr(jaxtyping.config, "jaxtyping_disable", True)
    monkeypatch.chdir(tmp_path)
    for name in ("photo.png", "mask.png"):
        PIL.Image.fromarray(quantize(photo)).save(name)


def refusal(call) -> str:
    with pytest.raises(impasto.InputError) as caught:
        call()
    assert "\n" not in str(caught.value)
    return str(caught.value)


def regions(*parts):
    return impasto.stylize("photo.png", "night", regions=list(parts), **QUICK)


ARGUMENTS = {
    "the content image": lambda wrong: impasto.stylize(wrong, "night", **QUICK),
    "style image 2": lambda wrong: impasto.stylize("photo.png", ["night", wrong], **QUICK),
    "the mask of style image 1": lambda wrong: impasto.stylize("photo.png", impasto.Style("night", wrong), **QUICK),
    "the mask of region 1": lambda wrong: regions(impasto.Region(wrong, "night")),
    "the style image of region 2": lambda wrong: regions("mask.png=keep", impasto.Region("mask.png", wrong)),
    "the photo": lambda wrong: impasto.recolor(wrong, "night"),
    "the style image": lambda wrong: impasto.recolor("photo.png", wrong),
}
"""Every place where a picture is expected: how messages begin, and a call."""


@pytest.mark.parametrize("kind", NO_PICTURES)
@pytest.mark.parametrize("argument", ARGUMENTS)
def test_what_is_no_picture_is_refused_by_the_name_of_the_argument(argument, kind):
    make, expected = NO_PICTURES[kind]
    if make() is None and argument == "the mask of style image 1":
        return  # there need not be one
    message = refusal(lambda: ARGUMENTS[argument](make()))
    assert re.match(f"{argument}:? .*{expected}", message), message


@pytest.mark.parametrize(
    "call",
    [
        lambda wrong: impasto.start(wrong, "night", **QUICK),
        lambda wrong: impasto.Session("night", **QUICK).stylize(wrong),
        lambda wrong: impasto.Session("night", **QUICK).start(wrong),
        lambda wrong: impasto.subject_mask(wrong),
    ],
)
def test_every_call_that_takes_a_photo_refuses_a_list(call):
    assert refusal(lambda: call(["photo.png"])).endswith("not a list")


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("nowhere.png", "nowhere.png does not exist"),
        (Path("nowhere.png"), "nowhere.png does not exist"),
        ("folder", "folder is a folder, not a picture"),
        (Path("folder"), "folder is a folder, not a picture"),
        ("", "is a folder, not a picture"),
        ("x" * 300, "cannot read xxx"),
        ("a\0b", "cannot read"),
    ],
)
def test_a_path_without_a_picture_is_refused_by_its_name(path, message):
    Path("folder").mkdir()
    assert message in refusal(lambda: impasto.stylize(path, "night", **QUICK))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"styles": {"night": 1}}, "style image 1 must be .*, not a dict"),
        ({"styles": None}, "a style is needed"),
        ({"styles": "x" * 300}, "there is no file xxx"),
        ({"recipe": 5}, "recipe must be an impasto.Recipe or the name of a preset, not an int"),
        ({"recipe": ["draft"]}, "recipe must be .*, not a list"),
        ({"recipe": {"steps": 3}}, "recipe must be .*, not a dict"),
        ({"preset": 5}, "preset must be the name of a preset, not an int"),
        ({"preset": PRESETS["draft"]}, "preset must be the name of a preset, not a Recipe"),
        ({"preset": "drafft"}, "unknown preset 'drafft'"),
        ({"preset": "draft", "recipe": "bold"}, "recipe and preset both"),
        ({"session": "night"}, "session must be an impasto.Session, not a str"),
        ({"on_event": 5}, "on_event must be a function that takes an event, not 5"),
        ({"run": 5}, "run must be the path of a folder, not an int"),
        ({"output": 5}, "output must be a path, not an int"),
        (
            {"output": "x.png"},
            "output is noted in a run folder, and there is no run: save the result by its method save",
        ),
        ({"regions": 5}, "regions must be a list of regions, not an int"),
        ({"regions": {"sky.png": "night"}}, "regions must be a list of regions, not a dict"),
        ({"regions": [5]}, "a region must be a text such as sky.png=night or an impasto.Region, not an int"),
        ({"size": "large"}, "size"),
        ({"size": None}, "size"),
        ({"style_losses": 5}, "style_losses|style loss"),
        ({"sise": 64}, ".*sise: did you mean size"),
    ],
)
def test_arguments_of_a_wrong_type_are_refused_by_their_names(options, message):
    styles = {"styles": "night"} | options
    assert re.match(message, refusal(lambda: impasto.stylize("photo.png", **QUICK | styles)))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: impasto.Session("night", recipe=5), "recipe must be"),
        (lambda: impasto.Session("night", preset="drafft"), "unknown preset"),
        (lambda: impasto.Session("night", cache_megabytes="much"), "cache_megabytes must be a number, not a str"),
        (lambda: impasto.resume(None), "run must be the path of a folder, not None"),
        (lambda: impasto.resume("nowhere"), "nowhere"),
        (lambda: impasto.recolor("photo.png", "night", color_map=5), "the color map must be one of .*, not an int"),
        (lambda: impasto.recolor("photo.png", "night", color_strength="all"), "color_strength must be a number"),
    ],
)
def test_other_calls_refuse_arguments_of_a_wrong_type(call, message):
    assert re.match(message, refusal(call))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda picture: picture.save(None), "path must be a path or a file open in binary mode, not None"),
        (lambda picture: picture.save("a.xyz"), "unknown extension '.xyz'"),
        (lambda picture: picture.save("a.png", bits=12), "bits must be 8 or 16, not 12"),
        (lambda picture: picture.save("a.png", bits="16"), "bits must be 8 or 16, not '16'"),
        (lambda picture: picture.save("a.jpg", quality="high"), "quality must be a whole number .*, not a str"),
        (lambda picture: picture.save("a.jpg", quality=0), "the quality must be from 1 to 100"),
        (lambda picture: picture.encode(5), "suffix must be an extension such as .png, not an int"),
    ],
)
def test_a_picture_refuses_to_be_saved_with_what_does_not_fit(call, message):
    picture = impasto.Recolored(pixels=np.zeros((4, 4, 3), np.float32))
    assert re.match(message, refusal(lambda: call(picture)))
    assert sorted(path.name for path in Path().iterdir()) == ["mask.png", "photo.png"]


@pytest.mark.parametrize("paint", [impasto.stylize, lambda *given, **more: impasto.start(*given, **more).wait()])
def test_preset_is_a_keyword_and_the_third_argument(paint):
    more = {name: QUICK[name] for name in ("size", "steps", "levels", "device", "precision")}
    by_name, by_position = (
        paint("photo.png", "night", preset="bold", **more),
        paint("photo.png", "night", "bold", **more),
    )
    assert by_name.recipe == by_position.recipe
    assert by_name.recipe.style == PRESETS["bold"].style


def test_a_session_has_a_preset_which_that_of_a_call_replaces():
    session = impasto.Session("night", preset="bold", size=48, steps=2, levels=1)
    assert session.stylize("photo.png").recipe.style == PRESETS["bold"].style
    assert session.stylize("photo.png", preset="draft", steps=2).recipe.style == PRESETS["draft"].style


@pytest.mark.parametrize("kind", [torch.float32, torch.float64, torch.bfloat16])
def test_a_tensor_with_its_channels_first_or_last_is_the_array(photo, kind):
    last = torch.from_numpy(photo).to(kind).requires_grad_()
    expected = read_picture(last.detach().float().numpy()).pixels
    for tensor in (last, last.permute(2, 0, 1)):
        np.testing.assert_array_equal(read_picture(tensor).pixels, expected)


@pytest.mark.parametrize(
    ("tensor", "message"),
    [
        (torch.zeros(3, 8, 3), "may have its channels first or last"),
        (torch.zeros(1, 3, 8, 8), "must have the shape"),
        (torch.full((3, 8, 8), 255.0), "must be from 0 to 1"),
        (torch.zeros(3, 8, 8, device="meta"), "cannot be read as an array"),
    ],
)
def test_a_tensor_without_one_clear_meaning_is_refused(tensor, message):
    assert message in refusal(lambda: impasto.recolor(tensor, "night"))


def test_a_picture_is_saved_to_an_open_file():
    picture = impasto.Recolored(pixels=np.full((4, 4, 3), 0.5, np.float32))
    file = io.BytesIO()
    assert picture.save(file) is None
    assert file.getvalue() == picture.encode(".png")


def test_a_file_that_takes_no_bytes_is_refused():
    picture = impasto.Recolored(pixels=np.zeros((4, 4, 3), np.float32))
    closed = io.BytesIO()
    closed.close()
    assert "open it in binary mode" in refusal(lambda: picture.save(io.StringIO()))
    assert "closed file" in refusal(lambda: picture.save(closed))


@pytest.fixture
def left_by_others():
    """Global states that other code may leave behind."""
    before = np.seterr(all="raise")
    torch.set_default_dtype(torch.float64)
    torch.set_default_device("meta")
    with torch.inference_mode():
        yield
    torch.set_default_device(None)
    torch.set_default_dtype(torch.float32)
    np.seterr(**before)


def test_global_states_of_other_code_change_no_picture(expected_pixels, left_by_others):
    np.testing.assert_array_equal(impasto.stylize("photo.png", "night", **QUICK).pixels, expected_pixels)


@pytest.fixture
def expected_pixels(called_as_by_a_user) -> np.ndarray:
    return impasto.stylize("photo.png", "night", **QUICK).pixels

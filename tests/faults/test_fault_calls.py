"""Wrong and odd calls in Python: accepted where the meaning is clear, else InputError in one line."""

import io
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import impasto
from impasto.errors import InputError
from impasto.images import quantize, read_picture, write_picture

SMALL = {"size": 48, "steps": 1, "levels": 1, "device": "cpu", "precision": "fp32"}
SMALL |= {"content_layers": "conv2_1", "style_layers": "conv1_1,conv2_1"}


class Refusing(np.ndarray):
    """An array that computes nothing."""

    def __array_ufunc__(self, *_: object, **__: object) -> Any:
        raise RuntimeError("no arithmetic")


GRAY = np.linspace(0, 1, 12, dtype=np.float32).reshape(3, 4)
SAME: dict[str, tuple[Any, np.ndarray]] = {
    "big-endian": ((GRAY * 65535).astype(">u2"), (GRAY * 65535).astype(np.uint16)),
    "big-endian floats": (GRAY.astype(">f4"), GRAY),
    "true and false": (GRAY > 0.5, (GRAY > 0.5).astype(np.float32)),
    "tensor of truths": (torch.tensor(GRAY > 0.5), (GRAY > 0.5).astype(np.float32)),
    "subclass": (GRAY.view(Refusing), GRAY),
    "negated view": (torch._neg_view(-torch.tensor(GRAY)), GRAY),
}


@pytest.mark.parametrize("kind", SAME)
def test_arrays_of_one_clear_meaning_are_read(kind):
    given, plain = SAME[kind]
    assert np.array_equal(read_picture(given).pixels, read_picture(plain).pixels)


def closed() -> io.BytesIO:
    file = io.BytesIO(b"x")
    file.close()
    return file


FILES: dict[str, Callable[[Path], Any]] = {
    "text mode": lambda path: path.open(encoding="utf-8"),
    "closed": lambda _: closed(),
    "write only": lambda path: path.with_name("new").open("wb"),
}


@pytest.mark.parametrize("kind", FILES)
def test_open_files_that_give_no_bytes_are_refused(tmp_path, kind):
    write_picture(tmp_path / "a.png", np.zeros((4, 4, 3), np.uint8))
    file = FILES[kind](tmp_path / "a.png")
    with pytest.raises(InputError) as caught:
        read_picture(file, role="the photo")
    file.close()
    assert "the photo" in str(caught.value)


def test_a_wrong_value_is_told_on_one_short_line():
    for value in (np.zeros((50, 50)), "x" * 10_000, [[1]] * 999):
        with pytest.raises(InputError) as caught:
            impasto.Recipe().with_changes(size=value)
        assert len(str(caught.value).splitlines()) == 1
        assert len(str(caught.value)) < 400


def test_a_setting_that_names_a_file_takes_a_path_that_is_no_built_in_name(tmp_path, monkeypatch, photo, painting):
    monkeypatch.chdir(tmp_path)
    write_picture(Path("noise.png"), quantize(photo))
    Path("noise.png").rename("noise")
    call = {"content": photo, "styles": painting, **SMALL}
    as_path, as_text = (impasto.stylize(**call, init=init).pixels for init in (Path("noise"), "./noise"))
    assert np.array_equal(as_path, as_text)
    assert not np.array_equal(as_path, impasto.stylize(**call, init="noise").pixels)


NUMBERS = """
import numpy, impasto
mask = impasto.Mask(pixels=numpy.zeros((4, 6), "float32"))
assert mask.encode(".jpg", quality=numpy.int64(90)) == mask.encode(".jpg", quality=90)
photo = numpy.random.default_rng(0).random((8, 8, 3))
half = [impasto.recolor(photo, "night", color_strength=value).pixels for value in (numpy.float32(50), 50)]
assert numpy.array_equal(*half)
for call in (*(lambda q=q: mask.encode(".jpg", quality=q) for q in (True, 95.5, "95", None)),
             *(lambda s=s: impasto.recolor(photo, "night", color_strength=s) for s in (True, "50", None))):
    try:
        call()
    except impasto.InputError as error:
        assert " must be a " in str(error) and "number" in str(error), error
    else:
        raise AssertionError
"""


def test_numbers_of_numpy_are_numbers_and_truths_are_none():
    # Not in this process, in which the types of all arguments are checked.
    subprocess.run([sys.executable, "-c", NUMBERS], check=True)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float16])
@pytest.mark.parametrize(
    "changes",
    [
        {"init": "noise"},
        {"style_losses": "sliced=1,nearest=0.5,histogram=0.1,mean_std=0.1", "samples": 64, "directions": 8},
        {"style_losses": "gram=1,wasserstein=1,relaxed_emd=0.1", "content_losses": "self_similarity", "samples": 64},
    ],
    ids=["noise", "sampled", "statistics"],
)
def test_the_default_type_of_torch_changes_no_picture(photo, painting, dtype, changes):
    usual = impasto.stylize(photo, painting, **SMALL | changes).pixels
    torch.set_default_dtype(dtype)
    try:
        other = impasto.stylize(photo, painting, **SMALL | changes).pixels
    finally:
        torch.set_default_dtype(torch.float32)
    assert np.array_equal(usual, other)


@pytest.mark.parametrize("role", ["content", "styles", "mask", "init", "style of a region"])
def test_a_call_destroys_no_input_in_the_remains_of_a_run(tmp_path, photo, painting, role):
    remains = tmp_path / "run" / "inputs"
    remains.mkdir(parents=True)
    (tmp_path / "run" / "run.lock").touch()
    precious = remains / "style-1.png"
    write_picture(precious, quantize(painting))
    before = precious.read_bytes()
    half = np.zeros((48, 64), bool)
    half[:, :32] = True
    call = {"content": photo, "styles": painting} | {
        "content": {"content": precious},
        "styles": {"styles": [impasto.Style(str(precious))]},
        "mask": {"styles": impasto.Style(painting, mask=precious)},
        "init": {"init": precious},
        "style of a region": {"regions": [impasto.Region(half, precious)]},
    }[role]
    with pytest.raises(InputError, match="is inside"):
        impasto.stylize(**call, run=tmp_path / "run", **SMALL)
    assert precious.read_bytes() == before

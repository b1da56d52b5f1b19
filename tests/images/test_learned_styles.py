"""The files of learned styles: read wherever style images are, refused in one line if they are anything else."""

import io
import json
import struct

import numpy as np
import pytest
from safetensors.numpy import load, save

from impasto.errors import InputError
from impasto.images import LearnedStyle, encode_picture, read_learned, read_picture

STYLE = np.linspace(0, 1, 8 * 12 * 3, dtype=np.float32).reshape(8, 12, 3)


def learned(**facts) -> bytes:
    weights = {"a.weight": np.arange(6, dtype=np.float16).reshape(2, 3)}
    return LearnedStyle(encode_picture(STYLE, ".png"), weights, facts).encode()


def test_a_learned_style_is_read_as_its_style_image(tmp_path):
    path = tmp_path / "mine.safetensors"
    path.write_bytes(learned())
    picture = read_picture(path)
    np.testing.assert_allclose(picture.pixels, STYLE, atol=0.5 / 255 + 1e-6)
    assert (picture.is_learned, picture.encoded, picture.name) == (True, path.read_bytes(), "mine")


def test_weights_and_facts_come_back():
    found = read_learned(learned(name="night", steps=3), "it")
    assert found.facts == {"name": "night", "steps": 3}
    np.testing.assert_array_equal(found.weights["a.weight"], np.arange(6).reshape(2, 3))


def test_a_picture_is_no_learned_style():
    assert not read_picture(io.BytesIO(encode_picture(STYLE, ".png"))).is_learned


def changed(data: bytes, place: int) -> bytes:
    return data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]


def with_metadata(data: bytes, **metadata) -> bytes:
    """Other metadata around the same tensors."""
    return save(load(data), metadata=metadata)


def nested() -> bytes:
    return LearnedStyle(learned(), {}, {}).encode()


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (changed(learned(), -3), "is damaged"),
        (learned()[:-5], "is damaged"),
        (learned()[:40], "is damaged"),
        (struct.pack("<Q", 2**25) + b"{" + bytes(100), "is damaged"),
        (nested(), "is damaged"),
        (with_metadata(learned()), "holds no style"),
        (with_metadata(learned(), impasto="learned style 9"), "newer version"),
        (with_metadata(learned(), impasto="learned style 1"), "is damaged"),
        (struct.pack("<Q", 40) + json.dumps({"x": [[[[[[[[]]]]]]]]}).ljust(40).encode(), "holds no style"),
    ],
    ids=[
        "flipped",
        "cut",
        "cut in its header",
        "too long a header",
        "nested",
        "foreign",
        "newer",
        "unhashed",
        "no tensors",
    ],
)
def test_any_other_file_is_refused_in_one_line(data, message, tmp_path):
    path = tmp_path / "x.safetensors"
    path.write_bytes(data)
    with pytest.raises(InputError, match=message) as caught:
        read_picture(path)
    assert "\n" not in str(caught.value)
    assert str(path) in str(caught.value)

"""`impasto.subject_mask`: every kind of source, and the saved files."""

import io

import numpy as np
import PIL.Image
import pytest
import skimage.data

import impasto


@pytest.fixture(scope="module")
def coffee() -> np.ndarray:
    return skimage.data.coffee()[::2, ::2]


def test_an_array_an_image_bytes_and_a_path_have_the_same_mask(coffee, tmp_path):
    image = PIL.Image.fromarray(coffee)
    image.save(tmp_path / "photo.png")
    sources = [coffee, image, (tmp_path / "photo.png").read_bytes(), tmp_path / "photo.png"]
    masks = [impasto.subject_mask(source).pixels for source in sources]
    assert masks[0].shape == coffee.shape[:2]
    for mask in masks[1:]:
        np.testing.assert_array_equal(mask, masks[0])


def test_the_background_is_the_rest(coffee):
    subject, rest = (impasto.subject_mask(coffee, background=behind).pixels for behind in (False, True))
    np.testing.assert_allclose(subject + rest, 1, atol=1e-6)


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp", ".tif"])
def test_a_mask_is_saved_as_a_picture_that_is_white_in_the_subject(coffee, tmp_path, suffix):
    mask = impasto.subject_mask(coffee)
    path = mask.save(tmp_path / f"mask{suffix}")
    assert path.read_bytes() == mask.encode(suffix)
    read = np.asarray(PIL.Image.open(io.BytesIO(path.read_bytes())).convert("L")) / 255
    assert np.abs(read - mask.pixels).mean() < 0.01
    assert read[100, 130] == pytest.approx(1, abs=0.02)
    assert read[5, 5] == pytest.approx(0, abs=0.02)


def test_a_file_that_is_no_picture_is_refused(tmp_path):
    with pytest.raises(impasto.InputError, match="does not exist"):
        impasto.subject_mask(tmp_path / "nothing.png")

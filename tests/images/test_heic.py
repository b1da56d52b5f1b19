import io
import sys

import numpy as np
import pillow_heif
import pytest
from handmade import display_p3_profile, smooth
from PIL import Image

from impasto.errors import InputError
from impasto.images import read_picture


def _heic(image: Image.Image, **options) -> bytes:
    buffer = io.BytesIO()
    pillow_heif.from_pillow(image).save(buffer, quality=-1, **options)
    return buffer.getvalue()


def test_heic_is_decoded():
    picture = read_picture(_heic(Image.fromarray(smooth())))
    assert picture.bits == 8
    assert np.abs(picture.pixels * 255 - smooth()).max() <= 6
    assert picture.alpha is None


def test_the_orientation_of_a_telephone_is_applied_once():
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = 6, "Telephone"
    picture = read_picture(_heic(Image.fromarray(smooth(48, 64)), exif=exif.tobytes()))
    assert (picture.width, picture.height) == (48, 64)
    assert np.abs(picture.pixels * 255 - np.rot90(smooth(48, 64), -1)).max() <= 6
    kept = Image.Exif()
    kept.load(picture.exif)
    assert (kept[0x0112], kept[0x010F]) == (1, "Telephone")


def test_the_profile_of_a_telephone_is_converted():
    plain = read_picture(_heic(Image.fromarray(smooth()))).pixels
    wide = read_picture(_heic(Image.fromarray(smooth()), icc_profile=display_p3_profile())).pixels
    assert np.abs(plain - wide).max() > 0.05


def test_ten_bits_are_kept_and_white_is_white():
    ramp = np.linspace(0, 65535, 64 * 32).astype(np.uint16).reshape(32, 64, 1).repeat(3, axis=2)
    buffer = io.BytesIO()
    pillow_heif.from_bytes(mode="RGB;16", size=(64, 32), data=ramp.tobytes()).save(buffer, quality=-1)
    picture = read_picture(buffer.getvalue())
    assert picture.bits == 16
    assert np.abs(picture.pixels - ramp / 65535).max() < 0.01
    assert len(np.unique(picture.pixels[..., 1])) > 300
    assert picture.pixels.max() > 0.9985


def test_alpha_of_heic_is_kept():
    values = np.dstack([smooth(), np.tile(np.repeat([255, 128], 32), (48, 1))]).astype(np.uint8)
    picture = read_picture(_heic(Image.fromarray(values)))
    assert np.abs(picture.alpha * 255 - values[..., 3]).max() <= 3


def test_a_truncated_heic_is_refused():
    data = _heic(Image.fromarray(smooth()))
    for share in (0.1, 0.5, 0.95):
        with pytest.raises(InputError, match="damaged or cut off"):
            read_picture(data[: int(len(data) * share)])


@pytest.mark.parametrize("box", [b"hvc1", b"pitm", b"iprp", b"iloc"])
def test_a_heic_without_one_of_its_boxes_is_refused(box):
    data = _heic(Image.fromarray(smooth()))
    assert box in data
    with pytest.raises(InputError, match="damaged or cut off"):
        read_picture(data.replace(box, b"free"))


def test_the_size_limit_holds_for_heic():
    with pytest.raises(InputError, match="--max-megapixels"):
        read_picture(_heic(Image.fromarray(smooth())), max_megapixels=0.001)


def test_without_pillow_heif_the_package_to_install_is_named(monkeypatch):
    data = _heic(Image.fromarray(smooth()))
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    with pytest.raises(InputError, match=r"pip install 'impasto\[heic\]'"):
        read_picture(data)

"""Decoding: every format, mode, depth and profile against Pillow, LittleCMS and the definitions."""

import io

import numpy as np
import pillow_heif
import pytest
import pyvips
from handmade import display_p3_profile, encoded, gray_profile, noise, opened, smooth, srgb_encode, tiff
from PIL import Image, ImageCms

from impasto.errors import InputError
from impasto.images import read_picture
from impasto.images.decode import fill_transparent


def bytes_of(data: bytes) -> np.ndarray:
    return np.rint(read_picture(data).pixels * 255).astype(np.uint8)


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
@pytest.mark.parametrize("mode", ["1", "L", "P", "LA", "RGBA"])
def test_every_mode_has_the_colors_that_pillow_shows(mode, kind):
    image = Image.fromarray(noise())
    image = image.quantize(32) if mode == "P" else image.convert(mode)
    assert np.array_equal(bytes_of(encoded(image, kind)), np.asarray(image.convert("RGB")))


WORDS = np.random.default_rng(0).integers(0, 65536, (20, 30, 3), dtype=np.uint16)
FLOATS = np.random.default_rng(0).uniform(-0.1, 1.1, (9, 7, 3)).astype(np.float32)
LAB = np.array([[[65535 * 50 // 100, 0, 0], [65535, 0, 0], [0, 0, 0]]], np.uint16)


@pytest.mark.parametrize(
    ("data", "expected", "tolerance"),
    [
        (tiff(WORDS), WORDS.astype(np.float32) / np.float32(65535), 0),
        (encoded(Image.fromarray(WORDS[..., 0]), "PNG"), np.dstack([WORDS[..., 0]] * 3) / 65535, 1e-7),
        (tiff(np.array([[0, 2**31, 2**32 - 1]], np.uint32)), np.array([[[0] * 3, [0.5] * 3, [1] * 3]]), 1e-5),
        (tiff(noise()[..., 0], photometric="miniswhite"), 1 - noise()[..., :1].repeat(3, axis=2) / 255, 1e-6),
        (tiff(FLOATS), srgb_encode(FLOATS.clip(0, 1)), 1e-6),
        (tiff(FLOATS[..., 0].clip(0, 1)), srgb_encode(FLOATS[..., :1].clip(0, 1)).repeat(3, axis=2), 1e-6),
        (tiff(LAB, photometric="cielab"), np.array([[[0.466] * 3, [1] * 3, [0] * 3]]), 0.015),
        (tiff(noise(channels=6)), noise(channels=6)[..., :3] / 255, 1e-7),
    ],
    ids=["16 bits", "16 bit gray", "32 bits", "white is zero", "linear floats", "gray floats", "Lab", "more channels"],
)
def test_values_of_every_depth_and_meaning_are_decoded(data, expected, tolerance):
    picture = read_picture(data)
    assert picture.pixels.dtype == np.float32
    np.testing.assert_allclose(picture.pixels, expected, atol=tolerance, rtol=0)
    assert picture.alpha is None


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
def test_the_exif_orientation_is_applied(kind, orientation):
    quarters = np.kron(np.array([[10, 80], [160, 240]], np.uint8), np.ones((16, 24), np.uint8))
    upright = [
        quarters, np.fliplr(quarters), np.rot90(quarters, 2), np.flipud(quarters),
        quarters.T, np.rot90(quarters, -1), np.rot90(quarters, 2).T, np.rot90(quarters),
    ]  # fmt: skip
    exif = Image.Exif()
    exif[0x0112] = orientation
    got, expected = (
        bytes_of(encoded(Image.fromarray(np.dstack([quarters] * 3)), kind, exif=exif)),
        upright[orientation - 1],
    )
    assert got.shape[:2] == expected.shape
    assert abs(got[4::8, 4::8, 0].astype(int) - expected[4::8, 4::8]).max() <= 8


def convert(image: Image.Image, profile: bytes) -> np.ndarray:
    """Convert to sRGB by LittleCMS."""
    source, srgb = ImageCms.ImageCmsProfile(io.BytesIO(profile)), ImageCms.createProfile("sRGB")
    intent, flags = ImageCms.Intent.RELATIVE_COLORIMETRIC, ImageCms.Flags.BLACKPOINTCOMPENSATION
    converted = ImageCms.profileToProfile(image, source, srgb, renderingIntent=intent, outputMode="RGB", flags=flags)
    return np.asarray(converted).astype(int)


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "WEBP", "JPEG"])
def test_an_embedded_profile_is_converted_as_littlecms_does(kind):
    options = {"WEBP": {"lossless": True}, "JPEG": {"quality": 100, "subsampling": 0}}.get(kind, {})
    data = encoded(Image.fromarray(smooth()), kind, icc_profile=display_p3_profile(), **options)
    stored = opened(data).convert("RGB")
    assert abs(bytes_of(data) - convert(stored, display_p3_profile())).max() <= 1
    assert abs(bytes_of(data) - np.asarray(stored).astype(int)).max() > 20


@pytest.mark.parametrize("kind", ["TIFF", "JPEG"])
def test_cmyk_with_a_profile_is_converted_as_littlecms_does(kind):
    profile = bytes(pyvips.Image.profile_load("cmyk"))
    cmyk = Image.fromarray(np.kron(noise(6, 9, 4), np.ones((8, 8, 1), np.uint8)), "CMYK")
    data = encoded(cmyk, kind, icc_profile=profile, **({"quality": 100, "subsampling": 0} if kind == "JPEG" else {}))
    assert abs(bytes_of(data) - convert(opened(data), profile)).max() <= 2


def test_sixteen_bit_pictures_are_converted_at_sixteen_bits():
    ramp = np.linspace(0, 65535, 600).astype(np.uint16).reshape(1, 600)
    image = pyvips.Image.new_from_array(np.dstack([ramp, ramp, ramp]), interpretation="rgb16").copy()
    image.set_type(pyvips.GValue.blob_type, "icc-profile-data", display_p3_profile())
    pixels = read_picture(image.pngsave_buffer(keep="icc")).pixels
    assert len(np.unique(pixels[..., 1])) > 500
    assert np.abs(pixels[0, 100:, 1] - srgb_encode(np.linspace(0, 1, 600) ** 2.2)[100:]).max() < 0.003


def test_a_gray_profile_is_converted():
    values = np.arange(256, dtype=np.uint8).reshape(16, 16)
    got = bytes_of(encoded(Image.fromarray(values), "PNG", icc_profile=gray_profile(1.8)))
    expected = srgb_encode((np.arange(256) / 255) ** 1.8).reshape(16, 16) * 255
    assert np.abs(got[..., 0] - expected)[4:].max() <= 1.5
    assert np.array_equal(got[..., 0], got[..., 2])


@pytest.mark.parametrize(
    "profile",
    [ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes(), b"nonsense" * 40],
    ids=["sRGB", "broken"],
)
def test_an_srgb_profile_and_a_broken_one_change_nothing(profile):
    values = noise(64, 64)
    assert np.array_equal(bytes_of(encoded(Image.fromarray(values), "PNG", icc_profile=profile)), values)


def test_cmyk_without_a_profile_has_plausible_colors():
    inks = {"paper": (0, 0, 0, 0), "black": (0, 0, 0, 255), "cyan": (255, 0, 0, 0), "red": (0, 255, 255, 0)}
    values = np.array([list(inks.values())], np.uint8)
    paper, black, cyan, red = read_picture(encoded(Image.fromarray(values, "CMYK"), "TIFF")).pixels[0]
    assert paper.min() > 0.97
    assert black.max() < 0.2
    assert cyan[2] > cyan[0] + 0.5
    assert red[0] > red[2] + 0.4


def test_only_the_first_frame_of_an_animation_is_decoded():
    red, blue = Image.new("RGB", (8, 8), (255, 0, 0)), Image.new("RGB", (8, 8), (0, 0, 255))
    for kind in ("GIF", "WEBP", "PNG", "TIFF", "AVIF"):
        pixels = read_picture(encoded(red, kind, save_all=True, append_images=[blue])).pixels
        assert pixels.shape == (8, 8, 3)
        assert np.abs(pixels - [1, 0, 0]).max() < 0.03


@pytest.mark.parametrize("bits", [10, 12])
def test_white_of_a_deep_avif_is_white(bits):
    image = pyvips.Image.new_from_array(np.full((16, 16, 3), 65535, np.uint16), interpretation="rgb16")
    assert read_picture(image.heifsave_buffer(compression="av1", bitdepth=bits, Q=100)).pixels.min() > 0.9995


# Alpha


def test_alpha_is_kept_and_the_colors_are_not_multiplied_by_it():
    values = noise(channels=4)
    values[..., 3] = np.maximum(values[..., 3], 1)
    picture = read_picture(encoded(Image.fromarray(values), "PNG"))
    assert np.array_equal(picture.pixels, values[..., :3].astype(np.float32) / np.float32(255))
    assert np.array_equal(picture.alpha, values[..., 3].astype(np.float32) / np.float32(255))


def test_the_transparent_entry_of_a_palette_becomes_alpha():
    image = Image.fromarray(np.array([[0, 1, 1]], np.uint8), "P")
    image.putpalette([255, 0, 0, 0, 0, 255])
    for kind in ("PNG", "GIF"):
        assert read_picture(encoded(image, kind, transparency=0)).alpha.tolist() == [[0, 1, 1]]


def test_opaque_alpha_is_dropped():
    image = Image.fromarray(noise()).convert("RGBA")
    assert read_picture(encoded(image, "PNG")).alpha is None
    assert read_picture(encoded(image, "WEBP", lossless=True)).alpha is None


def test_only_associated_alpha_of_tiff_is_divided_out():
    straight, alpha = np.array([200, 100, 50]), 51
    stored = np.round(straight * alpha / 255)
    values = np.broadcast_to(np.append(stored, alpha), (3, 4, 4)).astype(np.uint8)
    picture = read_picture(tiff(values, extrasamples=["assocalpha"]))
    assert np.abs(picture.pixels[0, 0] * 255 - straight).max() <= 3
    assert picture.alpha[0, 0] == np.float32(0.2)
    assert np.array_equal(bytes_of(tiff(values, extrasamples=["unassalpha"]))[0, 0], stored)


def test_alpha_is_rotated_with_the_picture():
    values = noise(10, 20, 4)
    exif = Image.Exif()
    exif[0x0112] = 6
    picture = read_picture(encoded(Image.fromarray(values), "PNG", exif=exif))
    assert np.array_equal(np.rint(picture.alpha * 255), np.rot90(values[..., 3], -1))


def test_hidden_pixels_take_the_one_visible_color_however_far_it_is():
    alpha, pixels = np.zeros((97, 131), np.float32), np.zeros((97, 131, 3), np.float32)
    alpha[3, 5], pixels[3, 5] = 0.3, (0.8, 0.5, 0.1)
    assert np.abs(fill_transparent(pixels, alpha) - [0.8, 0.5, 0.1]).max() < 1e-5


def test_visible_pixels_keep_their_values():
    pixels = noise().astype(np.float32) / np.float32(255)
    alpha = (noise(channels=1, seed=1) > 128).astype(np.float32) * np.float32(0.5)
    assert np.array_equal(fill_transparent(pixels, alpha)[alpha > 0], pixels[alpha > 0])
    assert np.array_equal(fill_transparent(pixels, alpha * 0), pixels)


def test_hidden_colors_have_no_influence_and_become_intermediate():
    alpha = np.zeros((40, 60), np.float32)
    alpha[:, :10] = alpha[:, -10:] = 1
    pixels = np.full((40, 60, 3), 0.3, np.float32)
    pixels[:, -10:] = 0.7
    pixels[:, 10:-10] = noise(40, 40) / 255
    middle = fill_transparent(pixels, alpha)[:, 10:-10]
    assert middle.min() > 0.3 - 1e-5
    assert middle.max() < 0.7 + 1e-5
    assert np.diff(middle.mean(axis=(0, 2))).min() > -1e-5


def test_black_under_transparency_is_replaced_when_a_file_is_read():
    values = np.zeros((32, 32, 4), np.uint8)
    values[8:24, 8:24] = (250, 200, 100, 255)
    pixels = read_picture(encoded(Image.fromarray(values), "PNG")).pixels
    assert np.abs(pixels * 255 - [250, 200, 100]).max() < 0.01


# HEIC


def heic(values: np.ndarray | None = None, **options) -> bytes:
    buffer = io.BytesIO()
    pillow_heif.from_pillow(Image.fromarray(smooth() if values is None else values)).save(buffer, quality=-1, **options)
    return buffer.getvalue()


def test_heic_is_decoded_with_its_alpha():
    values = np.dstack([smooth(), np.tile(np.repeat([255, 128], 32), (48, 1))]).astype(np.uint8)
    picture = read_picture(heic(values))
    assert np.abs(picture.pixels * 255 - smooth()).max() <= 6
    assert np.abs(picture.alpha * 255 - values[..., 3]).max() <= 3
    assert read_picture(heic()).alpha is None


def test_the_orientation_of_heic_is_applied_once():
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = 6, "Phone"
    picture = read_picture(heic(smooth(48, 64), exif=exif.tobytes()))
    assert (picture.width, picture.height) == (48, 64)
    assert np.abs(picture.pixels * 255 - np.rot90(smooth(48, 64), -1)).max() <= 6
    kept = Image.Exif()
    kept.load(picture.exif)
    assert (kept[0x0112], kept[0x010F]) == (1, "Phone")


def test_the_profile_of_heic_is_converted():
    wide = read_picture(heic(icc_profile=display_p3_profile())).pixels
    assert np.abs(read_picture(heic()).pixels - wide).max() > 0.05


def test_ten_bits_of_heic_are_kept_and_white_is_white():
    ramp = np.linspace(0, 65535, 64 * 32).astype(np.uint16).reshape(32, 64, 1).repeat(3, axis=2)
    buffer = io.BytesIO()
    pillow_heif.from_bytes(mode="RGB;16", size=(64, 32), data=ramp.tobytes()).save(buffer, quality=-1)
    pixels = read_picture(buffer.getvalue()).pixels
    assert np.abs(pixels - ramp / 65535).max() < 0.01
    assert len(np.unique(pixels[..., 1])) > 300
    assert pixels.max() > 0.9985


@pytest.mark.parametrize("broken", [0.1, 0.5, 0.95, b"hvc1", b"pitm", b"iprp", b"iloc"])
def test_heic_that_is_cut_off_or_lacks_a_box_is_refused(broken):
    data = heic()
    data = data.replace(broken, b"free") if isinstance(broken, bytes) else data[: int(len(data) * broken)]
    with pytest.raises(InputError, match="damaged or cut off"):
        read_picture(data)


def test_the_size_limit_applies_to_heic():
    with pytest.raises(InputError, match="--max-megapixels"):
        read_picture(heic(), max_megapixels=0.001)

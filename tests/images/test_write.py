"""Encoding in every format, checked destinations, and files that are written completely or not at all."""

import io
import os
import signal
import stat
import sys
from pathlib import Path

import numpy as np
import pytest
from handmade import encoded, noise, opened, smooth
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image, ImageCms

from impasto.errors import InputError
from impasto.images import (
    atomic_write,
    check_destination,
    encode_picture,
    is_leftover,
    output_format,
    quantize,
    read_metadata,
    read_picture,
    write_picture,
)

KINDS = [".png", ".jpg", ".webp", ".tif"]
every_kind = pytest.mark.parametrize("suffix", KINDS)


# Encoding


@pytest.mark.parametrize("value", [0, 0.5 / 255, 0.49 / 255, 1.5 / 255, 0.5, 1, -3, 7, 254.5 / 255])
def test_quantizing_rounds_a_half_up_and_clips(value):
    expected = int(np.floor(np.float64(min(max(value, 0), 1)) * 255 + 0.5))
    assert quantize(np.full((1, 1, 3), value, np.float64)).tolist() == [[[expected] * 3]]


def test_every_8_and_16_bit_value_survives_floats():
    levels = np.arange(256, dtype=np.uint8)
    assert np.array_equal(quantize(levels.astype(np.float32) / np.float32(255)), levels)
    words = np.arange(65536, dtype=np.uint16).reshape(256, 256)
    again = read_picture(encode_picture(read_picture(np.dstack([words] * 3)).pixels, ".png", bits=16))
    assert np.array_equal(np.rint(again.pixels[..., 0] * 65535), words)


pictures = hnp.arrays(np.uint8, st.tuples(st.integers(1, 12), st.integers(1, 12), st.just(3)))


@settings(deadline=None, max_examples=25)
@given(pictures, st.sampled_from([(".png", 8), (".png", 16), (".tif", 8), (".tif", 16), (".webp", 8)]))
def test_lossless_files_return_every_value(values, kind):
    suffix, bits = kind
    data = encode_picture(values, suffix, bits=bits, quality=100)
    assert np.array_equal(quantize(read_picture(data).pixels), values)
    if bits == 8:
        assert np.array_equal(np.asarray(opened(data).convert("RGB")), values)


@settings(deadline=None, max_examples=25)
@given(pictures, st.sampled_from([".png", ".tif", ".webp"]), st.integers(0, 2**32 - 1))
def test_lossless_files_return_alpha(values, suffix, seed):
    alpha = np.random.default_rng(seed).integers(0, 255, values.shape[:2], dtype=np.uint8)
    data = encode_picture(values, suffix, alpha=alpha, quality=100)
    assert np.array_equal(np.asarray(opened(data)), np.dstack([values, alpha]))
    assert np.array_equal(np.rint(read_picture(data).alpha * 255), alpha)


@every_kind
def test_floats_and_bytes_make_the_same_file(suffix):
    values = noise()
    assert encode_picture(values, suffix) == encode_picture(values.astype(np.float32) / np.float32(255), suffix)


@every_kind
def test_pillow_reads_the_format_and_nearly_the_values(suffix):
    image = opened(encode_picture(smooth(), suffix))
    assert image.format == {".png": "PNG", ".jpg": "JPEG", ".webp": "WEBP", ".tif": "TIFF"}[suffix]
    assert image.mode == "RGB"
    assert np.abs(np.asarray(image).astype(int) - smooth()).mean() < 1.5


def test_sixteen_bits_are_in_the_file():
    values = np.random.default_rng(0).random((9, 7, 3))
    png, tiff = (encode_picture(values, suffix, bits=16) for suffix in (".png", ".tif"))
    assert png[24:26] == bytes([16, 2])  # bit depth and color type of the header
    assert opened(tiff).tag_v2[258] == (16, 16, 16)
    for data in (png, tiff):
        assert np.abs(read_picture(data).pixels - values).max() <= 0.502 / 65535


@pytest.mark.parametrize("bits", [8, 16])
def test_a_large_tiff_is_in_tiles_and_a_huge_one_is_a_bigtiff(bits, monkeypatch):
    pixels, marks = noise(300, 500), {"recipe": {"size": 500}}
    strips = encode_picture(pixels, ".tif", bits=bits, metadata=marks)
    assert strips[:4] == b"II*\0"
    assert 322 not in Image.open(io.BytesIO(strips)).tag_v2  # TileWidth
    monkeypatch.setattr("impasto.images.write.TILED_BYTES", 1)
    monkeypatch.setattr("impasto.images.write.BIG_BYTES", 1)
    tiles = encode_picture(pixels, ".tif", bits=bits, metadata=marks)
    assert tiles[:4] == b"II+\0"
    assert Image.open(io.BytesIO(tiles)).tag_v2[322] == 256
    assert read_metadata(tiles) == read_metadata(strips)
    assert np.array_equal(read_picture(tiles).pixels, read_picture(strips).pixels)


def test_jpeg_and_webp_ignore_sixteen_bits():
    for suffix in (".jpg", ".webp"):
        assert encode_picture(smooth(), suffix, bits=16) == encode_picture(smooth(), suffix)


@every_kind
@pytest.mark.parametrize("bits", [8, 16])
def test_the_result_is_tagged_srgb_in_less_than_a_kilobyte(suffix, bits):
    values = smooth()
    profile = opened(encode_picture(values, suffix, bits=bits)).info["icc_profile"]
    assert len(profile) < 1000
    ours, theirs = ImageCms.ImageCmsProfile(io.BytesIO(profile)), ImageCms.createProfile("sRGB")
    converted = ImageCms.profileToProfile(Image.fromarray(values), ours, theirs)
    assert np.abs(np.asarray(converted).astype(int) - values).max() <= 1


@every_kind
def test_one_channel_makes_a_gray_picture_that_pillow_and_impasto_read(suffix):
    ramp = np.linspace(0, 1, 40 * 64, dtype=np.float32).reshape(40, 64)
    data = encode_picture(ramp[..., None], suffix, quality=100)
    image = opened(data)
    assert image.mode == ("RGB" if suffix == ".webp" else "L")
    np.testing.assert_allclose(np.asarray(image.convert("L")) / 255, ramp, atol=1.5 / 255)
    np.testing.assert_allclose(read_picture(data).pixels, np.repeat(ramp[..., None], 3, axis=2), atol=1.5 / 255)


def test_jpeg_composites_transparency_on_white_as_pillow_does():
    values = np.dstack([smooth(), np.linspace(0, 255, 48 * 64).reshape(48, 64)]).astype(np.uint8)
    white = Image.new("RGBA", (64, 48), "white")
    expected = np.asarray(Image.alpha_composite(white, Image.fromarray(values)).convert("RGB")).astype(int)
    got = np.asarray(opened(encode_picture(values[..., :3], ".jpg", alpha=values[..., 3], quality=100)))
    assert np.abs(got - expected).max() <= 5


@pytest.mark.parametrize("suffix", [".jpg", ".webp"])
def test_higher_quality_makes_larger_files(suffix):
    sizes = [len(encode_picture(noise(64, 64), suffix, quality=quality)) for quality in (20, 60, 95)]
    assert sizes == sorted(sizes)
    assert sizes[0] < sizes[2] / 2


def test_jpeg_keeps_every_color_at_full_resolution():
    layers = opened(encode_picture(smooth(), ".jpg")).layer  # (component, horizontal, vertical sampling, table)
    assert [layer[1:3] for layer in layers] == [(1, 1)] * 3


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_nan_is_not_saved(bad):
    pixels = np.full((4, 4, 3), 0.5, np.float32)
    pixels[1, 2, 0] = bad
    with pytest.raises(InputError, match="NaN"):
        encode_picture(pixels, ".png")


def test_sides_and_qualities_outside_the_limits_of_the_format_are_refused():
    long = np.zeros((1, 16_384, 3), np.uint8)
    with pytest.raises(InputError, match="at most 16383 pixels"):
        encode_picture(long, ".webp")
    assert opened(encode_picture(long, ".jpg")).size == (16_384, 1)
    with pytest.raises(InputError, match="1 to 100"):
        encode_picture(noise(), ".jpg", quality=0)


# Destinations


def test_the_extension_names_the_format_in_any_case():
    names = ("a.png", "b.JPG", "c.jpeg", "d.webp", "e.TIF", "f.tiff", ".png")
    assert [output_format(name) for name in names] == ["png", "jpeg", "jpeg", "webp", "tiff", "tiff", "png"]


@pytest.mark.parametrize("name", ["a.bmp", "a", "png", "a.png.txt", "a.", "a.avif"])
def test_an_unknown_extension_is_refused_with_the_known_ones(name):
    with pytest.raises(InputError, match=r"known are \.png, \.jpg, \.jpeg, \.webp, \.tif, \.tiff$"):
        output_format(name)


def test_checking_a_destination_leaves_nothing_behind(tmp_path):
    (tmp_path / "old.png").write_bytes(b"old")
    for name in ("a.png", "b.JPEG", "c.tif", "old.png"):
        check_destination(tmp_path / name)
    assert os.listdir(tmp_path) == ["old.png"]
    assert (tmp_path / "old.png").read_bytes() == b"old"


def test_a_name_without_a_folder_is_in_the_current_one(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    check_destination(Path("a.png"))
    write_picture(Path("a.png"), noise())
    assert os.listdir(tmp_path) == ["a.png"]


def refusal(path: Path) -> str:
    with pytest.raises(InputError) as caught:
        check_destination(path)
    with pytest.raises(InputError):
        write_picture(path, noise())
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_impossible_destinations_are_refused_before_the_work(tmp_path):
    (tmp_path / "folder.png").mkdir()
    (tmp_path / "file").touch()
    os.mkfifo(tmp_path / "pipe.png")
    (tmp_path / "null.png").symlink_to("/dev/null")
    assert "known are .png" in refusal(tmp_path / "a.bmp")
    assert "it is a folder" in refusal(tmp_path / "folder.png")
    assert "it is a folder" in refusal(tmp_path)
    assert "it is a device" in refusal(tmp_path / "pipe.png")
    assert "it is a device" in refusal(tmp_path / "null.png")
    assert "does not exist, create it first" in refusal(tmp_path / "none" / "a.png")
    assert "does not exist, create it first" in refusal(tmp_path / "file" / "a.png")
    assert "cannot write" in refusal(tmp_path / ("x" * 300 + ".png"))
    assert "cannot write" in refusal(tmp_path / "a\0b.png")


def test_a_folder_without_write_permission_is_refused(tmp_path):
    if os.geteuid():
        tmp_path.chmod(0o555)
        assert "Permission denied" in refusal(tmp_path / "a.png")
        tmp_path.chmod(0o755)
    elif sys.platform == "linux":
        assert "cannot write" in refusal(Path("/proc/a.png"))  # not even root may


# Writing


def test_a_new_file_gets_the_permissions_of_any_new_file(tmp_path):
    old = os.umask(0o027)
    try:
        write_picture(tmp_path / "a.png", noise())
    finally:
        os.umask(old)
    assert stat.S_IMODE((tmp_path / "a.png").stat().st_mode) == 0o640


def test_an_existing_file_keeps_its_permissions(tmp_path):
    path = tmp_path / "a.png"
    path.touch()
    path.chmod(0o604)
    write_picture(path, noise())
    assert stat.S_IMODE(path.stat().st_mode) == 0o604
    assert opened(path.read_bytes()).size == (36, 24)


def test_a_symbolic_link_is_followed(tmp_path):
    (tmp_path / "there").mkdir()
    (tmp_path / "a.png").symlink_to(tmp_path / "there" / "b.png")
    write_picture(tmp_path / "a.png", noise())
    assert (tmp_path / "a.png").is_symlink()
    assert os.listdir(tmp_path / "there") == ["b.png"]


def test_a_written_picture_is_what_was_encoded(tmp_path):
    options = {"alpha": np.full((24, 36), 0.5), "metadata": {"a": 1}, "bits": 16}
    write_picture(tmp_path / "a.png", noise(), **options)
    assert (tmp_path / "a.png").read_bytes() == encode_picture(noise(), ".png", **options)


class _InterruptedError(BaseException):
    """Like KeyboardInterrupt, which would stop pytest."""


@pytest.mark.parametrize("where", ["replace", "fsync", "fdopen"])
@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), _InterruptedError()])
@pytest.mark.parametrize("exists", [True, False])
def test_an_interrupted_save_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch, where, error, exists):
    path = tmp_path / "a.png"
    old = encoded(Image.fromarray(noise()), "PNG")
    if exists:
        path.write_bytes(old)

    def fail(*_args, **_kwargs):
        raise error

    monkeypatch.setattr(f"impasto.images.write.os.{where}", fail)
    with pytest.raises((InputError, _InterruptedError)) as caught:
        write_picture(path, smooth())
    if isinstance(error, OSError):
        assert str(caught.value) == f"cannot write {path}: No space left on device"
    monkeypatch.undo()
    assert os.listdir(tmp_path) == (["a.png"] if exists else [])
    assert not exists or path.read_bytes() == old


@pytest.mark.skipif(sys.platform == "win32", reason="needs a limit on the size of files")
def test_a_disk_that_fills_up_midway_leaves_the_old_file(tmp_path):
    import resource

    path = tmp_path / "a.bin"
    path.write_bytes(b"old")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, limits[1]))
    try:
        with pytest.raises(InputError, match="cannot write"):
            atomic_write(path, bytes(1_000_000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["a.bin"]


def test_the_new_file_is_complete_before_it_takes_the_name(tmp_path, monkeypatch):
    path = tmp_path / "a.bin"
    path.write_bytes(b"old")
    seen = []
    replace = os.replace

    def record(source, target):
        seen.append((path.read_bytes(), Path(source).read_bytes(), Path(source).parent))
        replace(source, target)

    monkeypatch.setattr("impasto.images.write.os.replace", record)
    atomic_write(path, b"new")
    assert seen == [(b"old", b"new", tmp_path)]
    assert path.read_bytes() == b"new"


def test_a_picture_that_cannot_be_encoded_changes_no_file(tmp_path):
    path = tmp_path / "a.jpg"
    path.write_bytes(b"old")
    with pytest.raises(InputError):
        write_picture(path, noise(), metadata={"note": "x" * 70_000})
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["a.jpg"]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_the_file_that_a_killed_write_leaves_behind_is_recognized(tmp_path, monkeypatch):
    if (child := os.fork()) == 0:
        monkeypatch.setattr(os, "replace", lambda *_: os.kill(os.getpid(), signal.SIGKILL))
        atomic_write(tmp_path / "kept.txt", b"new")
        os._exit(0)
    _, status = os.waitpid(child, 0)
    assert os.WTERMSIG(status) == signal.SIGKILL
    assert [is_leftover(path) for path in tmp_path.iterdir()] == [True]
    atomic_write(tmp_path / "kept.txt", b"new")
    assert not is_leftover(tmp_path / "kept.txt")

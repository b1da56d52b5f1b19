"""Clips are read as players show them: colors, orientation, shape, times; and what cannot be read is refused."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import PIL.Image
import pytest
from tests.video.painters import moving, write_clip

from impasto.errors import InputError
from impasto.video import numbered_path, open_clip
from impasto.video.clip import numbered_files

RNG = np.random.default_rng(0)


def read_all(path, size=None) -> list[np.ndarray]:
    clip = open_clip(Path(path))
    return [frame.convert(size or clip.size) for frame in clip.frames()]


def first(path, size=None) -> np.ndarray:
    clip = open_clip(Path(path))
    return next(clip.frames()).convert(size or clip.size)


def refusal(path, fps=None) -> str:
    with pytest.raises(InputError) as error:
        open_clip(Path(path), fps)
    assert "\n" not in str(error.value)
    return str(error.value)


# -- colors ------------------------------------------------------------------------------------------------------------

WEIGHTS = {1: (0.2126, 0.0722), 5: (0.299, 0.114), 6: (0.299, 0.114), 9: (0.2627, 0.0593)}
"""Weights of red and blue in the lightness of a matrix (ITU-T H.273, table 4)."""


def as_yuv(rgb: np.ndarray, matrix: int, *, full: bool, bits: int = 8) -> np.ndarray:
    """Return RGB in [0, 1] as planes of Y, Cb and Cr, by the equations of ITU-T H.273, section 8.3."""
    red, blue = WEIGHTS[matrix]
    light = red * rgb[..., 0] + (1 - red - blue) * rgb[..., 1] + blue * rgb[..., 2]
    cb, cr = (rgb[..., 2] - light) / (2 - 2 * blue), (rgb[..., 0] - light) / (2 - 2 * red)
    most = 2**bits - 1
    if full:
        planes = [light * most, cb * most + 2 ** (bits - 1), cr * most + 2 ** (bits - 1)]
    else:
        planes = [(219 * light + 16) * 2 ** (bits - 8), *((224 * c + 128) * 2 ** (bits - 8) for c in (cb, cr))]
    return np.stack([np.rint(plane).clip(0, most) for plane in planes]).astype(np.uint8 if bits == 8 else np.uint16)


def write_yuv(path, rgb, matrix, *, full=False, tagged=True, bits=8, transfer=1, primaries=1) -> Path:
    name = "yuv444p" if bits == 8 else "yuv444p10le"
    planes = as_yuv(rgb, matrix, full=full, bits=bits)
    with av.open(str(path), "w") as output:
        stream = output.add_stream("ffv1", rate=25)
        stream.height, stream.width = rgb.shape[:2]
        stream.pix_fmt = name
        frame = av.VideoFrame(stream.width, stream.height, name)
        if tagged:
            context = stream.codec_context
            context.colorspace, context.color_range = matrix, 2 if full else 1
            context.color_trc, context.color_primaries = transfer, primaries
        for plane, values in zip(frame.planes, planes, strict=True):
            row = np.zeros((values.shape[0], plane.line_size // values.itemsize), values.dtype)
            row[:, : values.shape[1]] = values
            plane.update(row.tobytes())
        if tagged:
            frame.colorspace, frame.color_range = matrix, 2 if full else 1
            frame.color_trc, frame.color_primaries = transfer, primaries
        frame.pts, frame.time_base = 0, Fraction(1, 25)
        output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    return Path(path)


def patches(height: int = 48, width: int = 64) -> np.ndarray:
    colors = RNG.random((height // 16, width // 16, 3))
    return np.kron(colors, np.ones((16, 16, 1)))


@pytest.mark.parametrize("matrix", [1, 6, 9])
@pytest.mark.parametrize("full", [False, True])
def test_the_colors_are_those_of_the_matrix_and_the_range_that_a_video_is_tagged_with(tmp_path, matrix, full):
    rgb = patches()
    assert np.abs(first(write_yuv(tmp_path / "clip.mkv", rgb, matrix, full=full)) - rgb).max() < 0.02


@pytest.mark.parametrize(("height", "matrix"), [(48, 5), (720, 1)])
def test_without_a_tag_a_small_video_has_the_matrix_of_bt_601_and_a_large_one_that_of_bt_709(tmp_path, height, matrix):
    rgb = patches(height)
    assert np.abs(first(write_yuv(tmp_path / "clip.mkv", rgb, matrix, tagged=False)) - rgb).max() < 0.02


def test_ten_bits_are_read_as_such_and_a_line_says_that_the_film_has_eight(tmp_path):
    rgb = np.linspace(0.5, 0.51, 64)[None, :, None] * np.ones((48, 64, 3))
    path = write_yuv(tmp_path / "clip.mkv", rgb, 1, bits=10)
    assert np.unique(first(path)[0, :, 1]).size > 6
    assert open_clip(path).notices == [f"{path} has 10 bits a channel: the film has 8"]


@pytest.mark.parametrize(("transfer", "name", "value"), [(16, "PQ", 0.580688), (18, "HLG", 0.75)])
def test_hdr_is_shown_for_a_usual_screen_and_a_line_says_so(tmp_path, transfer, name, value):
    rgb = np.full((48, 64, 3), value)
    path = write_yuv(tmp_path / "clip.mkv", rgb, 9, bits=10, transfer=transfer, primaries=9)
    assert open_clip(path).notices[0].startswith(f"{path} is HDR ({name}): ")
    assert open_clip(path).colors == (1, 1, 1, 1)
    # White paper is not far below white, and stays gray.
    shown = first(path)
    assert 0.75 < shown.mean() < 1
    assert np.ptp(shown) < 0.01


# -- orientation and shape ---------------------------------------------------------------------------------------------

MARKED = np.zeros((48, 64, 3), np.uint8)
MARKED[:24, :32], MARKED[:24, 32:], MARKED[24:, :32] = (250, 30, 30), (30, 250, 30), (30, 30, 250)


def quarters(picture: np.ndarray) -> np.ndarray:
    """Return the colors in the middles of the four quarters."""
    height, width = picture.shape[:2]
    return picture[[height // 4, 3 * height // 4]][:, [width // 4, 3 * width // 4]]


@pytest.mark.parametrize("quarter", [0, 1, 2, 3])
@pytest.mark.parametrize("flip", [False, True])
def test_a_clip_is_upright_however_the_phone_was_held(tmp_path, quarter, flip):
    path = write_clip(tmp_path / "clip.mp4", [MARKED] * 3, rotation=90 * quarter, flip=flip)
    shown = first(path)
    with av.open(str(path)) as container:
        stored = next(container.decode(video=0))
        rotation, matrix = (
            stored.rotation,
            bytes(next(d for d in stored.side_data if d.type.name == "DISPLAYMATRIX")) if quarter or flip else b"",
        )
    a, b, _, c, d = np.frombuffer(matrix, "<i4")[:5] / 65536 if matrix else (1, 0, 0, 0, 1)
    # The matrix says where the four quarters are shown: (x, y) at (ax + cy, bx + dy).
    expected = np.zeros((2, 2, 3))
    for row, y in enumerate((-1, 1)):
        for column, x in enumerate((-1, 1)):
            expected[int(b * x + d * y > 0), int(a * x + c * y > 0)] = quarters(MARKED)[row, column]
    assert shown.shape == ((64, 48, 3) if quarter % 2 else (48, 64, 3))
    assert np.abs(quarters(shown) * 255 - expected).max() < 25
    assert flip or rotation % 360 == 90 * quarter


def test_a_rotated_clip_without_a_flip_is_turned_counterclockwise(tmp_path):
    path = write_clip(tmp_path / "clip.mp4", [MARKED] * 3, rotation=90)
    assert np.abs(quarters(first(path)) * 255 - np.rot90(quarters(MARKED))).max() < 25


@pytest.mark.parametrize(("aspect", "size"), [(Fraction(4, 3), (85, 48)), (Fraction(1, 2), (64, 96))])
def test_a_clip_with_narrow_or_wide_pixels_has_the_shape_in_which_it_is_shown(tmp_path, aspect, size):
    path = write_clip(tmp_path / "clip.mp4", moving(3), aspect=aspect)
    assert open_clip(path).size == size
    assert first(path).shape == (*size[::-1], 3)


def test_a_frame_is_made_smaller_without_aliasing(tmp_path):
    fine = (RNG.random((96, 128, 1)) > 0.5) * np.full(3, 255, np.uint8)
    path = write_clip(tmp_path / "clip.mkv", [fine.astype(np.uint8)], codec="ffv1", pixels="bgr0", given="rgb24")
    expected = fine.reshape(12, 8, 16, 8, 3).mean(axis=(1, 3)) / 255
    assert np.abs(first(path, (16, 12)) - expected).max() < 0.06


# -- times -------------------------------------------------------------------------------------------------------------


def test_the_times_of_a_clip_with_a_variable_rate_are_kept(tmp_path):
    times = [0, 1, 2, 10, 11, 30, 31]
    path = write_clip(tmp_path / "clip.mp4", moving(7), times=times, time_base=Fraction(1, 30))
    clip = open_clip(path)
    found = [frame.time * clip.time_base for frame in clip.frames()]
    assert [moment - found[0] for moment in found] == [Fraction(time, 30) for time in times]


def test_a_clip_is_read_from_any_frame_on_as_it_is_read_from_the_beginning(tmp_path):
    path = write_clip(tmp_path / "clip.mp4", moving(110), gop=40, options={"bf": "3", "x264-params": "open-gop=1"})
    clip = open_clip(path)
    whole = list(clip.frames())
    for position in (0, 1, 39, 40, 41, 79, 95, 109):
        part = list(clip.frames(position, whole[position].time))
        assert [frame.position for frame in part] == list(range(position, 110))
        assert np.array_equal(part[0].convert(clip.size), whole[position].convert(clip.size))


def test_a_clip_whose_times_are_not_to_be_relied_on_is_read_from_the_beginning(tmp_path):
    path = write_clip(tmp_path / "clip.mp4", moving(10))
    assert [frame.position for frame in open_clip(path).frames(7, 123_456)] == [7, 8, 9]


# -- animations and pictures -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", ["gif", "webp", "png"])
def test_an_animation_is_read_with_its_times(tmp_path, suffix):
    path = tmp_path / f"clip.{suffix}"
    pictures = [PIL.Image.fromarray(frame) for frame in moving(4)]
    options = {"lossless": True} if suffix == "webp" else {}
    pictures[0].save(path, save_all=True, append_images=pictures[1:], duration=[40, 80, 120, 200], loop=3, **options)
    clip = open_clip(path)
    frames = list(clip.frames())
    assert [int(frame.time * clip.time_base * 1000) for frame in frames] == [0, 40, 120, 240]
    assert frames[-1].duration * clip.time_base == Fraction(1, 5)
    # A GIF says how often it is repeated, the others how often it is shown.
    assert clip.loops == (4 if suffix == "gif" else 3)
    assert np.abs(frames[2].convert(clip.size) * 255 - moving(4)[2]).mean() < 8


def test_transparent_places_of_an_animation_are_white_and_a_line_says_so(tmp_path):
    pictures = [np.dstack([frame, np.full((48, 64), 255, np.uint8)]) for frame in moving(2)]
    for picture in pictures:
        picture[:10, :10, 3] = 0
    images = [PIL.Image.fromarray(picture) for picture in pictures]
    path = tmp_path / "clip.webp"
    images[0].save(path, save_all=True, append_images=images[1:], duration=40, lossless=True, exact=True)
    assert (first(path)[:10, :10] == 1).all()
    assert open_clip(path).notices == [f"{path} has transparent places: they are painted on white"]


def test_numbered_pictures_are_a_clip_in_the_order_of_their_numbers(tmp_path):
    for number, frame in zip((2, 10, 9, 11), moving(4), strict=True):
        PIL.Image.fromarray(frame).save(tmp_path / f"{number:05d}.png")
    (tmp_path / "00012.txt").touch()
    (tmp_path / "000013.png").touch()  # six digits
    clip = open_clip(tmp_path / "%05d.png", Fraction(24))
    frames = list(clip.frames())
    assert [frame.number for frame in frames] == [2, 9, 10, 11]
    assert [frame.time * clip.time_base for frame in frames] == [Fraction(place, 24) for place in range(4)]
    assert np.array_equal(np.rint(frames[1].convert((64, 48)) * 255), moving(4)[2])


def test_a_picture_of_another_size_among_numbered_ones_is_refused(tmp_path):
    for number, size in enumerate([(64, 48), (48, 64)]):
        PIL.Image.new("RGB", size).save(tmp_path / f"{number}.png")
    with pytest.raises(InputError, match=r"1\.png has 48 x 64 px, and the first picture 64 x 48"):
        read_all(tmp_path / "%d.png")


@pytest.mark.parametrize(
    ("pattern", "name"), [("f-%04d.png", "f-0012.png"), ("%d.webp", "12.webp"), ("%3d.jpg", "012.jpg")]
)
def test_the_name_of_a_numbered_picture(pattern, name):
    assert numbered_path(Path("a", pattern), 12) == Path("a", name)


# -- what cannot be read -----------------------------------------------------------------------------------------------


def test_what_is_no_clip_is_refused_in_one_line(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_clip("clip.mp4", moving(3))
    Path("empty.mp4").touch()
    Path("text.mp4").write_text("this is no video, but a text\n" * 9)
    PIL.Image.new("RGB", (64, 48)).save("photo.jpg")
    PIL.Image.new("RGB", (64, 48)).save("one.gif")
    assert refusal("clips.mp4") == "clips.mp4 does not exist: did you mean clip.mp4?"
    assert refusal("empty.mp4") == "empty.mp4 is empty"
    assert refusal("text.mp4").startswith("text.mp4 is not a video that can be read (")
    Path("text.jpg").write_text("this is no picture either\n" * 9)
    assert refusal("text.jpg") == "text.jpg is not a video that can be read (Invalid argument)"
    assert refusal("photo.jpg") == "photo.jpg is a single picture: `impasto photo.jpg STYLE` paints it"
    assert "single picture" in refusal("one.gif")
    assert refusal(".") == ". is a folder: name its frames by a pattern such as ./%05d.png"
    assert refusal("no/%05d.png").startswith("there are no pictures no/%05d.png")
    assert "has a rate of its own" in refusal("clip.mp4", Fraction(24))
    assert "is not a file" in refusal("https://example.org/clip.mp4")


def test_sound_without_pictures_is_refused(tmp_path):
    with av.open(str(tmp_path / "song.mp4"), "w") as output:
        stream = output.add_stream("aac", rate=48_000, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 4096), np.float32), "fltp", "mono")
        frame.sample_rate = 48_000
        output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    assert refusal(tmp_path / "song.mp4").endswith("song.mp4 has no video in it")


def test_a_video_of_an_unknown_codec_is_refused(tmp_path):
    path = write_clip(tmp_path / "clip.mp4", moving(3))
    path.write_bytes(path.read_bytes().replace(b"avc1", b"zzzz").replace(b"avcC", b"zzzC"))
    assert refusal(path).endswith("has a codec that FFmpeg does not know: convert it to H.264 first")


def test_a_playlist_which_could_name_any_file_is_not_followed(tmp_path):
    write_clip(tmp_path / "clip.ts", moving(3))
    lists = {
        "list.m3u8": "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nclip.ts\n#EXT-X-ENDLIST\n",
        "list.ffconcat": "ffconcat version 1.0\nfile clip.ts\n",
    }
    for name, text in lists.items():
        (tmp_path / name).write_text(text)
        assert "is not a video that can be read" in refusal(tmp_path / name)


def test_of_a_truncated_clip_what_decodes_is_read(tmp_path):
    path = write_clip(tmp_path / "clip.mkv", moving(60, 160, 120), gop=10)
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3])
    assert 20 < len(read_all(path)) < 60


def test_of_a_damaged_clip_what_decodes_is_read(tmp_path):
    path = write_clip(tmp_path / "clip.mkv", moving(60, 160, 120), gop=5)
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 400] = bytes(RNG.integers(0, 256, 400, dtype=np.uint8))
    path.write_bytes(data)
    assert 40 < len(read_all(path)) <= 60


def test_a_clip_without_its_index_is_refused(tmp_path):
    path = write_clip(tmp_path / "clip.mp4", moving(20))
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    assert "is not a video that can be read" in refusal(path)


def test_of_two_names_of_one_number_that_of_the_pattern_is_read(tmp_path):
    for name in ("00001.png", "1.png", "0001.png"):
        PIL.Image.new("RGB", (8, 8)).save(tmp_path / name)
    assert numbered_files(tmp_path / "%05d.png") == [(1, tmp_path / "00001.png")]

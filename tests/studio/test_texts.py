"""The page's texts in Chinese: words for the values of lists, and messages as the program raises them."""

import re

import PIL.Image
import pytest

from impasto.api import Estimate
from impasto.errors import InputError
from impasto.images import PLATES
from impasto.recipe import PRESETS, Recipe
from impasto.studio import Workspace
from impasto.studio.fields import field_widgets
from impasto.studio.submission import Limits, read_submission
from impasto.studio.texts import translate_message, translations

CHINESE = re.compile(r"[\u4e00-\u9fff]")
NAMES = {
    "vgg19",
    "vgg16",
    "alexnet",
    "resnet50",
    "googlenet",
    "inception_v3",
    "lbfgs",
    "adam",
    "softmax",
    "fp32",
    "bf16",
    "notebook",
}
"""Values that are names in Chinese, too."""

LIMITS = Limits(max_pixels=1_100_000, max_bytes=100_000)


@pytest.fixture
def submit(tmp_path):
    """Return a function that submits a photo, given as its size or as the bytes of its file, and raises InputError."""

    def read(photo, **settings):
        path = tmp_path / "photo.png"
        if isinstance(photo, bytes):
            path.write_bytes(photo)
        else:
            PIL.Image.new("RGB", photo, (200, 90, 30)).save(path)
        read_submission(LIMITS, path, ["night"], Recipe().with_changes(**{"size": 48} | settings), None)

    return read


def test_the_values_of_every_list_have_a_chinese_word_or_are_names():
    values = {
        *PLATES,
        *PRESETS,
        *(one for fields in field_widgets().values() for field in fields for one in field.choices),
    }
    labels = translations({}, values)["zh-CN"]
    assert {value for value in values if not CHINESE.search(labels[f"choice_{value}"])} == NAMES
    named = values - {*PLATES, *PRESETS}
    assert all(labels[f"choice_{value}"].endswith(value) for value in named)


@pytest.mark.parametrize(
    ("photo", "settings", "words"),
    [
        (b"", {}, "photo.png 是空文件"),
        (b"hello", {}, "photo.png 不是 impasto 能读取的图片"),
        (b"\x89PNG" + bytes(200_000), {}, "photo.png 有 0.2 MB，本画室最多接受 0.1 MB"),
        ((1200, 1000), {}, "photo.png 有 1200 × 1000 像素（1.2 百万像素），本画室最多接受 1.1 百万像素"),
        ((900, 900), {"size": 1060, "upscale": True}, "画作将有 1060 × 1060 像素，超出本画室的上限"),
        ((20, 12), {}, "对网络的 conv4_2 层不够，两边都至少要 16 像素；请选 '允许放大'，并把 '尺寸' 设为 27"),
        ((100, 20), {"size": 64}, "64 × 13 像素对网络的 conv4_2 层不够，两边都至少要 16 像素；请把 '尺寸' 设为 80"),
        ((64, 48), {"strength": 130}, "“强度”须为 0 到 100 之间的数，而不是 130"),
        ((64, 48), {"steps": 0}, "“步数”须为 1 到 10,000,000 之间的整数，而不是 0"),
        ((64, 48), {"size": 3}, "“尺寸”须为 16 到 65,536 之间的像素数，而不是 3"),
        ((64, 48), {"seed": -1}, "“种子”须为不小于 0 的整数，而不是 -1"),
        ((64, 48), {"style_scale": "1,2"}, "“笔触大小”有 2 个数，而风格只有 1 种"),
        ((64, 48), {"style_scale": "99"}, "“笔触大小”须为 0.05 到 20 之间的数，以逗号分隔，而不是 99"),
        ((64, 48), {"style_crop": "0,0,9999,10"}, "裁剪 0,0,9999,10 超出了"),
    ],
)  # fmt: skip
def test_what_a_visitor_may_do_wrong_is_said_in_chinese(submit, photo, settings, words):
    with pytest.raises(InputError) as raised:
        submit(photo, **settings)
    said = translate_message("zh-CN", str(raised.value))
    assert words in said
    assert not re.search(r"[a-z]{3,} [a-z]{2,} [a-z]{2,}", said)
    assert "“" not in translate_message("en", str(raised.value))


def test_an_unknown_run_is_reported_in_chinese_and_an_unknown_message_in_english(tmp_path):
    with pytest.raises(InputError) as raised:
        Workspace(tmp_path / "studio").folder_of("nix")
    assert translate_message("zh-CN", str(raised.value)) == "画室里没有 'nix' 这幅画"
    assert translate_message("zh-CN", "a new kind of trouble") == "a new kind of trouble"


@pytest.mark.parametrize(("seconds", "tile"), [(125.0, None), (125.0, 512), (9000.0, None), (9000.0, 512)])
def test_an_estimate_is_said_in_chinese(seconds, tile):
    estimate = Estimate(size=(512, 400), steps=9, tile=tile, seconds=seconds, memory=1.3e9)
    said = translate_message("zh-CN", str(estimate))
    assert "512 × 400 像素，9 步" in said
    assert not re.search("[a-z]{3}", re.sub("--[a-z]+", "", said)), "no English word"


def test_a_notice_about_a_small_photo_is_said_in_chinese():
    text = "the photo has only 90 x 60 px, so the result has, too: --upscale paints it at 512 px"
    assert translate_message("zh", text) == "照片只有 90 × 60 像素，结果也只有这么大：选 '允许放大' 可画到 512 像素"

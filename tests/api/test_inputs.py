"""Styles and regions as a person gives them: texts, arrays, plates, files with odd names."""

from pathlib import Path

import numpy as np
import PIL.Image
import pytest
from tests.api.conftest import QUICK

import impasto
from impasto.api import Region, Style, read_inputs, region_settings
from impasto.images import PLATES, quantize
from impasto.recipe import Recipe


def half(height: int, width: int, *, right: bool = False) -> np.ndarray:
    mask = np.zeros((height, width, 3), dtype=np.uint8)
    mask[:, width // 2 :] = 255
    return mask if right else np.ascontiguousarray(mask[:, ::-1])


@pytest.fixture
def folder(tmp_path, monkeypatch, photo, painting) -> Path:
    """The current folder, with a photo, two paintings and masks in it."""
    monkeypatch.chdir(tmp_path)
    pictures = {
        "photo.png": quantize(photo), "red.png": quantize((painting * [1, 0.3, 0.1]).astype(np.float32)),
        "blue.png": quantize((painting * [0.1, 0.3, 1]).astype(np.float32)), "left.png": half(48, 64),
        "right.png": half(48, 64, right=True), "part.png": half(64, 56),
    }  # fmt: skip
    for name, pixels in pictures.items():
        PIL.Image.fromarray(pixels).save(tmp_path / name)
    return tmp_path


def pixels(name: str) -> np.ndarray:
    return np.asarray(PIL.Image.open(name).convert("RGB"))


def paint(styles, regions=None, **changes) -> impasto.Result:
    return impasto.stylize("photo.png", styles, regions=regions, **{**QUICK, "size": "photo", **changes})


def test_regions_may_be_texts_files_bytes_or_arrays(folder):
    expected = paint([], ["left.png=blue.png", "right.png=keep"]).pixels
    others = [
        [Region("left.png", "blue.png"), Region("right.png", "keep")],
        [Region(folder / "left.png", Style(folder / "blue.png")), "right.png=keep"],
        [Region(pixels("left.png"), pixels("blue.png")), Region(pixels("right.png"), "keep")],
        [Region(Path("left.png").read_bytes(), PIL.Image.open("blue.png")), Region(half(48, 64, right=True), "keep")],
    ]
    for regions in others:
        np.testing.assert_array_equal(paint([], regions).pixels, expected)


def test_the_regions_of_a_call_replace_those_of_the_recipe(folder):
    recipe = Recipe(**{**QUICK, "size": "photo"}, regions=("left.png=blue.png",))
    of_recipe = impasto.stylize("photo.png", "red.png", recipe)
    assert np.array_equal(of_recipe.pixels, paint("red.png", ["left.png=blue.png"]).pixels)
    assert [region.as_text() for region in of_recipe.recipe.regions] == ["left.png=blue.png"]
    none = impasto.stylize("photo.png", "red.png", recipe, regions=[])
    assert np.array_equal(none.pixels, paint("red.png").pixels)
    assert none.recipe.regions == ()


def test_a_style_mask_may_be_a_text_or_a_picture(folder):
    expected = paint("red.png@part.png").pixels
    for style in (Style("red.png", "part.png"), Style(pixels("red.png"), pixels("part.png"))):
        np.testing.assert_array_equal(paint(style).pixels, expected)
        np.testing.assert_array_equal(paint([style]).pixels, expected)
    assert not np.array_equal(paint("red.png").pixels, expected)
    in_region = paint([], ["left.png=red.png@part.png"]).pixels
    np.testing.assert_array_equal(paint([], [Region("left.png", Style("red.png", "part.png"))]).pixels, in_region)


def test_regions_may_have_built_in_styles_with_masks(folder):
    made = paint([PLATES[0]], [f"left.png={PLATES[1]}@part.png", Region("right.png", PLATES[0])][:1])
    assert [picture["name"] for picture in made.metadata["inputs"]["styles"]] == [PLATES[0]]
    (region,) = made.metadata["inputs"]["regions"]
    names = {part: picture["name"] for part, picture in region.items()}
    assert names == {"mask": "left", "style": PLATES[1], "style_mask": "part"}


@pytest.mark.parametrize("name", ["someone@home.png", "a=b@c.png"])
def test_a_style_file_whose_name_has_an_at_sign_is_that_file(folder, name):
    (folder / "blue.png").rename(name)
    plain = paint("red.png", [Region("left.png", Path(name))]).pixels
    np.testing.assert_array_equal(paint("red.png", [f"left.png={name}"]).pixels, plain)
    np.testing.assert_array_equal(paint(name).pixels, paint(Path(name)).pixels)
    np.testing.assert_array_equal(paint(f"{name}@part.png").pixels, paint(Style(Path(name), "part.png")).pixels)


def test_region_settings_name_files_and_number_arrays(folder):
    regions = [
        "left.png=night", Region(folder / "left.png", Path("a=b.png")), Region(half(4, 4), Style(half(4, 4))),
        Region("m.png", "keep"), Region("m.png", Style("night", "part.png")),
    ]  # fmt: skip
    recipe = Recipe(regions=region_settings(regions))
    assert [region.as_text() for region in recipe.regions] == [
        "left.png=night", f"{folder / 'left.png'}=a=b.png", "mask 3=style 3", "m.png=keep", "m.png=night@part.png",
    ]  # fmt: skip
    assert Recipe(**recipe.to_dict()) == recipe


def test_the_embedded_recipe_repeats_a_picture_of_regions(folder):
    result = paint(["red.png", "blue.png"], [Region("left.png", Style("blue.png", "part.png"))], style_mix=(3, 1))
    assert result.metadata["recipe"]["regions"] == [{"mask": "left.png", "style": "blue.png", "style_mask": "part.png"}]
    again = impasto.stylize("photo.png", ["red.png", "blue.png"], Recipe(**result.metadata["recipe"]))
    np.testing.assert_array_equal(again.pixels, result.pixels)


def test_inputs_hold_one_mask_for_each_style(folder):
    inputs = read_inputs("photo.png", ["red.png", "blue.png@part.png"], Recipe())
    assert [mask is not None for mask in inputs.style_masks] == [False, True]
    assert inputs.regions == ()


@pytest.mark.parametrize(
    ("styles", "regions", "changes", "message"),
    [
        (["red.png"] * 2, (), {"style_mix": (1,)}, "style_mix has 1 shares for 2 style images"),
        ("red.png", (), {"style_mix": (1, 2)}, "style_mix has 2 shares for 1 style image:"),
        (["red.png"] * 3, (), {"style_scale": (1, 2)}, "style_scale has 2 numbers for 3 style images"),
        ("red.png", ["left.png=blue.png"], {"style_rotation": (1, 2, 3)}, "style_rotation has 3 numbers for 2"),
        ("red.png", ["left.png=blue.png"], {"style_crop": (0, 0, 9, 9)}, "style_crop has 1 crops for 2 style images"),
        (["red.png"] * 2, (), {"style_crop": "full/50,50,9,9"}, "50,50,9,9 does not lie inside"),
        ("red.png", (), {"style_mix": (1e308, 1e308), "style_crop": "full"}, "shares of a mix"),
        (["red.png"] * 2, (), {"style_mix": (0, 0)}, "not all of them 0"),
        (["red.png"] * 2, (), {"style_mix": (2, -1)}, "from 0 to"),
        ("red.png", ["left.png"], {}, "MASK=STYLE"),
        ("red.png", ["nowhere.png=blue.png"], {}, "nowhere.png"),
        ("red.png", ["left.png=nowhere.png"], {}, "no file nowhere.png"),
        ("red.png", ["left.png=red.png@nowhere.png"], {}, "nowhere.png"),
        ("red.png@nowhere.png", (), {}, "nowhere.png"),
        ("red.png", ["left.png=keep", "right.png=keep"], {}, "leave nothing to the main style"),
        ([], ["left.png=keep", "right.png=keep"], {}, "every region keeps the photo"),
        ([], (), {}, "a style is needed"),
        ("red.png", ["left.png=blue.png", "right.png=blue.png"], {}, "leave nothing to the main style"),
        ("red.png@right.png", (), {"style_crop": (0, 0, 20, 30)}, "its mask is black there"),
        ([], ["left.png=red.png@right.png"], {"style_crop": (0, 0, 20, 30)}, "its mask is black there"),
    ],
)  # fmt: skip
def test_what_does_not_fit_together_is_refused_in_one_line(folder, styles, regions, changes, message):
    with pytest.raises(impasto.InputError, match=message) as caught:
        paint(styles, list(regions), **changes)
    assert "\n" not in str(caught.value)


def black(alpha: bool = False) -> np.ndarray:
    if alpha:
        return np.dstack([np.full((48, 64, 3), 255, dtype=np.uint8), np.zeros((48, 64, 1), dtype=np.uint8)])
    return np.zeros((48, 64, 3), dtype=np.uint8)


@pytest.mark.parametrize("alpha", [False, True])
def test_an_empty_mask_is_refused_by_its_name(folder, alpha):
    PIL.Image.fromarray(black(alpha)).save("dark.png")
    for styles, regions in (("red.png", ["dark.png=keep"]), ([], ["dark.png=red.png"]), ("red.png@dark.png", [])):
        with pytest.raises(impasto.InputError, match=r"the mask .*dark.* is empty"):
            paint(styles, regions)


@pytest.mark.parametrize(("side", "fits"), [(3, False), (4, True)])
def test_a_region_of_fewer_than_16_pixels_is_refused_by_its_name(folder, side, fits):
    mask = black()
    mask[10 : 10 + side, 20 : 20 + side] = 255
    PIL.Image.fromarray(mask).save("dot.png")
    if fits:
        assert np.isfinite(paint("red.png", ["dot.png=blue.png"]).pixels).all()
        return
    for regions in (["dot.png=blue.png"], ["dot.png=keep"]):
        with pytest.raises(impasto.InputError, match=r"the region dot\.png covers less than 16 pixels"):
            paint("red.png", regions)


@pytest.mark.parametrize("name", ["foreground", "background"])
def test_automatic_masks_are_used_by_name_unless_there_is_a_file_of_that_name(folder, name):
    y, x = np.mgrid[0:48, 0:64]
    ball = np.where((np.hypot(x - 28, y - 24) < 12)[:, :, None], [230, 120, 20], [50, 70, 150]).astype(np.uint8)
    PIL.Image.fromarray(ball).save("photo.png")
    found = impasto.subject_mask("photo.png", background=name == "background")
    expected = paint("red.png", [Region((255 * found.pixels).round().astype(np.uint8), "keep")]).pixels
    named = paint("red.png", [f"{name}=keep"])
    np.testing.assert_allclose(named.pixels, expected, atol=0.02)
    assert named.metadata["recipe"]["regions"] == [{"mask": name, "style": "keep"}]
    (folder / "left.png").rename(name)
    other = paint("red.png", [f"{name}=keep"]).pixels
    np.testing.assert_array_equal(other, paint("red.png", [Region(half(48, 64), "keep")]).pixels)


def test_one_region_needs_no_list_and_masks_may_be_boolean(folder):
    expected = paint("red.png", ["left.png=blue.png"]).pixels
    np.testing.assert_array_equal(paint("red.png", "left.png=blue.png").pixels, expected)
    np.testing.assert_array_equal(paint("red.png", Region("left.png", "blue.png")).pixels, expected)
    expected = paint("red.png", [Region("left.png", "blue.png")]).pixels
    np.testing.assert_array_equal(
        paint("red.png", Region(impasto.Mask(pixels=pixels("left.png")[..., 0] / np.float32(255)), "blue.png")).pixels,
        expected,
    )
    white = pixels("left.png")[..., 0] > 128
    np.testing.assert_array_equal(
        paint("red.png", Region(white, "blue.png")).pixels,
        paint("red.png", Region(white.astype(np.float32), "blue.png")).pixels,
    )

"""Inputs of every kind: texts, arrays, built-in names, files with odd names."""

from pathlib import Path

import numpy as np
import PIL.Image
import pytest
from tests.api.conftest import QUICK

import impasto
from impasto.api import Job, Region, Style, plan_job, read_inputs, region_settings
from impasto.images import PLATES, quantize
from impasto.recipe import Recipe, resolve


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


def read(styles, regions=None) -> list[np.ndarray | None]:
    """Return the pixels of everything that is read beside the photo."""
    inputs = read_inputs("photo.png", styles, Recipe(), regions)
    of_regions = [picture for region in inputs.regions for picture in (region.mask, region.style, region.style_mask)]
    pictures = [*inputs.styles, *inputs.style_masks, *of_regions]
    return [None if picture is None else picture.pixels for picture in pictures]


def assert_same(found: list, expected: list) -> None:
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one, other)


def plan(styles, regions=(), **changes) -> Job:
    recipe = resolve(None, {**QUICK, "size": "photo", **changes}).with_changes(regions=region_settings(regions))
    return plan_job(recipe, read_inputs("photo.png", styles, recipe, regions))


def test_regions_may_be_texts_files_bytes_or_arrays(folder):
    expected = read([], ["left.png=blue.png", "right.png=keep"])
    others = [
        [Region("left.png", "blue.png"), Region("right.png", "keep")],
        [Region(folder / "left.png", Style(folder / "blue.png")), "right.png=keep"],
        [Region(pixels("left.png"), pixels("blue.png")), Region(pixels("right.png"), "keep")],
        [Region(Path("left.png").read_bytes(), PIL.Image.open("blue.png")), Region(half(48, 64, right=True), "keep")],
    ]
    for regions in others:
        assert_same(read([], regions), expected)


def test_one_region_needs_no_list_and_masks_may_be_boolean_or_found_before(folder):
    expected, white = read("red.png", ["left.png=blue.png"]), pixels("left.png")[..., 0] > 128
    for region in ("left.png=blue.png", Region("left.png", "blue.png")):
        assert_same(read("red.png", region), expected)
    for mask in (white, white.astype(np.float32), impasto.Mask(pixels=white.astype(np.float32))):
        found = read("red.png", Region(mask, "blue.png"))[2]
        np.testing.assert_array_equal(found.mean(axis=2), white)


def test_the_regions_of_a_call_replace_those_of_the_recipe(folder):
    recipe = Recipe(**QUICK, regions=("left.png=blue.png",))
    of_recipe = impasto.stylize("photo.png", "red.png", recipe)
    of_call = impasto.stylize("photo.png", "red.png", Recipe(**QUICK), regions=["left.png=blue.png"])
    assert np.array_equal(of_recipe.pixels, of_call.pixels)
    assert of_recipe.recipe == of_call.recipe
    assert impasto.stylize("photo.png", "red.png", recipe, regions=[]).recipe.regions == ()


def test_a_style_mask_may_be_a_text_or_a_picture(folder):
    expected = read("red.png@part.png")
    assert expected[1] is not None
    for style in (Style("red.png", "part.png"), [Style(pixels("red.png"), pixels("part.png"))]):
        assert_same(read(style), expected)
    assert_same(read([], [Region("left.png", Style("red.png", "part.png"))]), read([], ["left.png=red.png@part.png"]))


def test_regions_may_have_built_in_styles_with_masks(folder):
    inputs = plan([PLATES[0]], [f"left.png={PLATES[1]}@part.png"]).sources["inputs"]
    assert [picture["name"] for picture in inputs["styles"]] == [PLATES[0]]
    names = [{part: picture["name"] for part, picture in region.items()} for region in inputs["regions"]]
    assert names == [{"mask": "left.png", "style": PLATES[1], "style_mask": "part.png"}]


@pytest.mark.parametrize("name", ["someone@home.png", "a=b@c.png"])
def test_a_style_file_whose_name_has_an_at_sign_is_that_file(folder, name):
    (folder / "blue.png").rename(name)
    assert_same(read("red.png", [f"left.png={name}"]), read("red.png", [Region("left.png", Path(name))]))
    assert_same(read(name), read(Path(name)))
    assert_same(read(f"{name}@part.png"), read(Style(Path(name), "part.png")))


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
    styles, regions = ["red.png", "blue.png"], [Region("left.png", Style("blue.png", "part.png"))]
    result = impasto.stylize("photo.png", styles, regions=regions, style_mix=(3, 1), **QUICK)
    assert result.metadata["recipe"]["regions"] == [{"mask": "left.png", "style": "blue.png", "style_mask": "part.png"}]
    again = impasto.stylize("photo.png", styles, Recipe(**result.metadata["recipe"]))
    np.testing.assert_array_equal(again.pixels, result.pixels)


@pytest.mark.parametrize(
    ("styles", "regions", "changes", "message"),
    [
        (["red.png"] * 2, (), {"style_mix": (1,)}, "style_mix has 1 share for 2 style images"),
        ("red.png", (), {"style_mix": (1, 2)}, "style_mix has 2 shares for 1 style image: name the styles"),
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
        ("red.png", [Region("", "blue.png")], {}, "regions takes a list of MASK=STYLE or MASK=keep, not ''"),
        ("red.png", [Region("left.png", Style("keep", "part.png"))], {}, "no style to mask"),
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
        plan(styles, list(regions), **changes)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("channels", [3, 4])
def test_an_empty_mask_is_refused_by_its_name(folder, channels):
    dark = np.full((48, 64, channels), 0 if channels == 3 else 255, dtype=np.uint8)
    dark[..., -1] = 0
    PIL.Image.fromarray(dark).save("dark.png")
    for styles, regions in (("red.png", ["dark.png=keep"]), ([], ["dark.png=red.png"]), ("red.png@dark.png", [])):
        with pytest.raises(impasto.InputError, match=r"the mask .*dark.* is empty"):
            plan(styles, regions)


@pytest.mark.parametrize("style", ["blue.png", "keep"])
def test_a_region_of_fewer_than_16_pixels_is_refused_by_its_name(folder, style):
    for side in (3, 4):
        mask = np.zeros((48, 64, 3), dtype=np.uint8)
        mask[10 : 10 + side, 20 : 20 + side] = 255
        PIL.Image.fromarray(mask).save(f"dot{side}.png")
    with pytest.raises(impasto.InputError, match=r"the region dot3\.png covers less than 16 pixels"):
        plan("red.png", [f"dot3.png={style}"])
    assert plan("red.png", [f"dot4.png={style}"]).scene.regions[0].mask is not None


@pytest.mark.parametrize("name", ["foreground", "background"])
def test_the_name_of_an_automatic_mask_wins_over_a_file_which_is_named_with_its_folder(folder, name):
    y, x = np.mgrid[0:48, 0:64]
    ball = np.where((np.hypot(x - 28, y - 24) < 12)[:, :, None], [230, 120, 20], [50, 70, 150]).astype(np.uint8)
    PIL.Image.fromarray(ball).save("photo.png")
    found = impasto.subject_mask("photo.png", background=name == "background")
    (folder / "left.png").rename(name)
    np.testing.assert_allclose(read("red.png", [f"{name}=keep"])[2][..., 0], found.pixels, atol=1 / 255)
    np.testing.assert_array_equal(read("red.png", [f"./{name}=keep"])[2][..., 0] > 0.5, half(48, 64)[..., 0] > 128)


def test_a_photo_too_large_for_the_limit_of_memory_is_one_line_with_the_number(tmp_path):
    path = tmp_path / "large.png"
    PIL.Image.new("L", (6000, 5000)).save(path)
    recipe = Recipe(max_memory="1GB")
    with pytest.raises(impasto.InputError, match=r"large.png has 6000 x 5000 px, [^\n]*--max-memory 1\.1GB would do$"):
        read_inputs(path, "night", recipe)
    assert read_inputs(path, "night", recipe.with_changes(max_memory="1.1GB")).content.width == 6000

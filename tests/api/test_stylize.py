"""`impasto.stylize`: sources, result, metadata and messages."""

import io

import numpy as np
import PIL.Image
import pytest
from tests.api.conftest import QUICK

import impasto
from impasto.images import quantize, read_metadata


@pytest.fixture(scope="module")
def files(tmp_path_factory, photo, painting):
    folder = tmp_path_factory.mktemp("pictures")
    PIL.Image.fromarray(quantize(photo)).save(folder / "photo.png")
    PIL.Image.fromarray(quantize(painting)).save(folder / "painting.png")
    return folder


def test_paths_bytes_pil_images_and_arrays_give_the_same_picture(files, photo):
    style = files / "painting.png"
    path = files / "photo.png"
    sources = [path, str(path), path.read_bytes(), PIL.Image.open(path), quantize(photo)]
    pictures = [np.asarray(impasto.stylize(source, style, **QUICK).image) for source in sources]
    assert all(np.array_equal(picture, pictures[0]) for picture in pictures)


def test_the_result_has_size_losses_and_recipe(files):
    result = impasto.stylize(files / "photo.png", files / "painting.png", **QUICK)
    assert result.image.size == (48, 36)
    assert result.image.mode == "RGB"
    terms = ["content", "style", "low_frequency", "luminance_range", "tv", "temporal"]
    assert list(result.losses) == ["total", *terms]
    assert [len(values) for values in result.losses.values()] == [4] * 7
    assert [sum(terms) for terms in zip(*list(result.losses.values())[1:], strict=True)] == pytest.approx(
        result.losses["total"]
    )
    assert result.losses["total"][-1] == pytest.approx(result.loss)
    assert (result.steps, result.reason) == (4, "steps")
    assert result.recipe.hardware.device == "cpu"
    assert result.recipe.hardware.precision in ("fp32", "bf16")
    assert PIL.Image.open(io.BytesIO(result._repr_png_())).size == (48, 36)


def test_a_saved_result_has_its_pixels_and_its_recipe(files, tmp_path):
    result = impasto.stylize(files / "photo.png", files / "painting.png", **QUICK)
    path = result.save(tmp_path / "out.png")
    assert np.array_equal(np.asarray(PIL.Image.open(path)), np.asarray(result.image))
    sixteen = result.save(tmp_path / "out.tif", bits=16)
    assert read_metadata(sixteen)["recipe"]["picture"]["size"] == 48


def test_the_embedded_recipe_repeats_the_picture(files, tmp_path):
    result = impasto.stylize(files / "photo.png", files / "painting.png", seed=5, init="noise", **QUICK)
    stored = read_metadata(result.save(tmp_path / "out.png"))
    assert stored["program"] == "impasto"
    assert stored["version"] == impasto.__version__
    assert [picture["name"] for picture in stored["inputs"]["content"]] == ["photo.png"]
    again = impasto.stylize(files / "photo.png", files / "painting.png", impasto.Recipe(**stored["recipe"]))
    assert np.array_equal(again.pixels, result.pixels)


def test_the_embedded_metadata_names_no_folder(files, tmp_path):
    result = impasto.stylize(files / "photo.png", files / "painting.png", init=str(files / "painting.png"), **QUICK)
    path = result.save(tmp_path / "out.png")
    assert str(files).encode() not in path.read_bytes()
    assert read_metadata(path)["recipe"]["start"]["init"] == "painting.png"


def test_the_result_has_the_alpha_of_the_photo(files, photo):
    alpha = np.zeros(photo.shape[:2], dtype=np.uint8)
    alpha[:, 32:] = 255
    rgba = np.dstack([quantize(photo), alpha])
    image = impasto.stylize(rgba, files / "painting.png", **QUICK).image
    assert image.mode == "RGBA"
    assert np.asarray(image)[:, :20, 3].max() == 0
    assert np.asarray(image)[:, -20:, 3].min() == 255


def test_the_style_crop_is_in_pixels_of_the_original(files, painting):
    left = painting[:, :20]
    cropped = impasto.stylize(files / "photo.png", files / "painting.png", style_crop=(0, 0, 20, 64), **QUICK)
    cut = impasto.stylize(files / "photo.png", quantize(left), style_margin=0.0, **QUICK)
    assert np.array_equal(cropped.pixels, cut.pixels)


@pytest.mark.parametrize(
    ("changes", "size"),
    [({}, (64, 48)), ({"size": 48}, (48, 36)), ({"size": 128}, (64, 48)), ({"size": 128, "upscale": True}, (128, 96))],
)
def test_a_result_is_larger_than_the_photo_only_with_upscale(files, changes, size):
    result = impasto.stylize(files / "photo.png", files / "painting.png", **{**QUICK, "size": "photo", **changes})
    assert result.image.size == size


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"foo": 1}, "there is no setting foo"),
        ({"recipe": "beautiful"}, "unknown preset 'beautiful'; known are default"),
        ({"content_layers": "conv9_9"}, "unknown layer 'conv9_9'.*conv1_1"),
        ({"style_weight": -1}, "style_weight takes a number from 0 to 1e15, not -1"),
        ({"content_weight": float("nan")}, "content_weight takes a number from 0 to 1e15, not nan"),
        ({"size": 16, "content_layers": "conv5_1"}, "too small"),
        ({"device": "mps"}, "there is no device mps"),
        ({"style_crop": (50, 0, 64, 10)}, "crop"),
        ({"init": "nowhere.png"}, "nowhere.png"),
    ],
)
def test_what_cannot_be_used_is_refused_in_one_line(files, changes, message):
    with pytest.raises(impasto.InputError, match=message) as caught:
        impasto.stylize(files / "photo.png", files / "painting.png", **{**QUICK, **changes})
    assert "\n" not in str(caught.value)


def test_everything_public_is_documented_and_nothing_else_is_public():
    assert sorted(impasto.__all__) == sorted(set(impasto.__all__))
    for name in impasto.__all__:
        thing = getattr(impasto, name)
        if callable(thing):
            assert (thing.__doc__ or "").strip(), name
        if isinstance(thing, type):
            for attribute, value in vars(thing).items():
                if not attribute.startswith("_") and callable(value):
                    assert (value.__doc__ or "").strip(), f"{name}.{attribute}"
    assert set(dir(impasto)) == set(impasto.__all__)
    with pytest.raises(AttributeError):
        impasto.nothing_of_that_name  # noqa: B018

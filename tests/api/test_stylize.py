"""stylize, start and resume as a person calls them."""

import io
import subprocess
import sys
import threading
import time

import numpy as np
import PIL.Image
import pytest

import impasto
from impasto.images import quantize, read_metadata

QUICK = {
    "size": 48,
    "steps": 4,
    "levels": 1,
    "content_layers": "conv3_1",
    "style_layers": "conv1_1,conv2_1,conv3_1",
    "style_losses": "gram",
    "style_weight": 100.0,
}


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


def test_the_result_tells_how_it_came_about(files):
    result = impasto.stylize(files / "photo.png", files / "painting.png", **QUICK)
    assert result.image.size == (48, 36)
    assert result.image.mode == "RGB"
    assert list(result.losses) == ["total", "content", "style", "low_frequency", "luminance_range", "tv"]
    assert [len(values) for values in result.losses.values()] == [4] * 6
    assert [sum(terms) for terms in zip(*list(result.losses.values())[1:], strict=True)] == pytest.approx(
        result.losses["total"]
    )
    assert result.losses["total"][-1] == pytest.approx(result.loss)
    assert (result.steps, result.reason) == (4, "steps")
    assert result.recipe.hardware.device == "cpu"
    assert result.recipe.hardware.precision in ("fp32", "bf16")
    assert PIL.Image.open(io.BytesIO(result._repr_png_())).size == (48, 36)


def test_what_is_saved_is_what_was_optimised(files, tmp_path):
    result = impasto.stylize(files / "photo.png", files / "painting.png", **QUICK)
    path = result.save(tmp_path / "out.png")
    assert np.array_equal(np.asarray(PIL.Image.open(path)), np.asarray(result.image))
    sixteen = result.save(tmp_path / "out.tif", bits=16)
    assert read_metadata(sixteen)["recipe"]["size"] == 48


def test_the_embedded_recipe_repeats_the_picture(files, tmp_path):
    result = impasto.stylize(files / "photo.png", files / "painting.png", seed=5, init="noise", **QUICK)
    stored = read_metadata(result.save(tmp_path / "out.png"))
    assert stored["program"] == "impasto"
    assert stored["version"] == impasto.__version__
    assert [picture["name"] for picture in stored["inputs"]["content"]] == ["photo"]
    again = impasto.stylize(files / "photo.png", files / "painting.png", impasto.Recipe(**stored["recipe"]))
    assert np.array_equal(again.pixels, result.pixels)


def test_the_embedded_metadata_names_no_folder(files, tmp_path):
    result = impasto.stylize(files / "photo.png", files / "painting.png", init=str(files / "painting.png"), **QUICK)
    path = result.save(tmp_path / "out.png")
    assert str(files).encode() not in path.read_bytes()
    assert read_metadata(path)["recipe"]["init"] == "painting.png"


def test_alpha_is_laid_back_on_the_result(files, photo):
    alpha = np.zeros(photo.shape[:2], dtype=np.uint8)
    alpha[:, 32:] = 255
    rgba = np.dstack([quantize(photo), alpha])
    image = impasto.stylize(rgba, files / "painting.png", **QUICK).image
    assert image.mode == "RGBA"
    assert np.asarray(image)[:, :20, 3].max() == 0
    assert np.asarray(image)[:, -20:, 3].min() == 255


def test_a_plate_is_a_style_by_its_name(files):
    from impasto.images import PLATES

    result = impasto.stylize(files / "photo.png", PLATES[0], **QUICK)
    assert [picture["name"] for picture in result.metadata["inputs"]["styles"]] == [PLATES[0]]


def test_the_style_crop_is_given_in_pixels_of_the_original(files, painting):
    left = painting[:, :20]
    cropped = impasto.stylize(files / "photo.png", files / "painting.png", style_crop=(0, 0, 20, 64), **QUICK)
    cut = impasto.stylize(files / "photo.png", quantize(left), style_margin=0.0, **QUICK)
    assert np.array_equal(cropped.pixels, cut.pixels)


@pytest.mark.parametrize(
    ("changes", "size"),
    [({}, (64, 48)), ({"size": 48}, (48, 36)), ({"size": 128}, (64, 48)), ({"size": 128, "upscale": True}, (128, 96))],
)
def test_a_result_is_never_larger_than_the_photo_unless_told(files, changes, size):
    result = impasto.stylize(files / "photo.png", files / "painting.png", **{**QUICK, "size": "photo", **changes})
    assert result.image.size == size


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"foo": 1}, "no field 'foo'"),
        ({"recipe": "beautiful"}, "unknown preset 'beautiful'; known are default"),
        ({"content_layers": "conv9_9"}, "unknown layer 'conv9_9'.*conv1_1"),
        ({"style_weight": -1}, "style_weight: .*greater than or equal to 0"),
        ({"content_weight": float("nan")}, "content_weight: .*finite"),
        ({"size": 16, "content_layers": "conv5_1"}, "too small"),
        ({"device": "mps"}, "there is no device mps"),
        ({"style_crop": (50, 0, 64, 10)}, "crop"),
        ({"init": "nowhere.png"}, "nowhere.png"),
    ],
)
def test_what_cannot_be_used_is_said_in_one_line(files, changes, message):
    with pytest.raises(impasto.InputError, match=message) as caught:
        impasto.stylize(files / "photo.png", files / "painting.png", **{**QUICK, **changes})
    assert "\n" not in str(caught.value)


def test_a_style_beside_itself_teaches_what_it_teaches_alone(files):
    style = files / "painting.png"
    alone, twice = (impasto.stylize(files / "photo.png", styles, **QUICK) for styles in (style, [style, style]))
    # Products of bf16 maps are rounded in another order.
    assert twice.losses["total"][0] == pytest.approx(alone.losses["total"][0], rel=1e-3)
    assert np.abs(twice.pixels - alone.pixels).mean() < 1 / 255


def test_several_styles_are_mixed_as_the_recipe_says(files, photo, painting):
    other = (painting * [1.0, 0.3, 0.1]).astype(np.float32)
    pictures = [
        impasto.stylize(photo, [painting, other], style_mix=mix, **QUICK).pixels
        for mix in ((100, 0), (50, 50), (), (0, 100))
    ]
    np.testing.assert_array_equal(pictures[1], pictures[2])
    first, half, _, second = (picture.mean(axis=(0, 1)) for picture in pictures)
    np.testing.assert_allclose(half, (first + second) / 2, atol=0.05)
    assert np.abs(first - second).max() > 0.1


def test_without_any_style_and_region_one_is_asked_for(files):
    with pytest.raises(impasto.InputError, match="a style is needed"):
        impasto.stylize(files / "photo.png", [], **QUICK)


def test_a_handle_pauses_resumes_and_stops(files):
    seen = []
    run = impasto.start(files / "photo.png", files / "painting.png", on_event=seen.append, **{**QUICK, "steps": 5000})
    while len(seen) < 3:
        time.sleep(0.01)
    run.pause()
    time.sleep(0.3)
    held = len(seen)
    time.sleep(0.3)
    assert len(seen) == held
    assert run.paused
    assert run.running
    assert run.image.size == (48, 36)
    with pytest.raises(TimeoutError):
        run.wait(0.05)
    run.resume()
    while len(seen) == held:
        time.sleep(0.01)
    run.stop()
    result = run.wait()
    assert result.reason == "stopped"
    assert 0 < result.steps < 5000
    assert not run.running


def test_a_run_that_was_stopped_cannot_be_held_by_a_pause(files):
    run = impasto.start(files / "photo.png", files / "painting.png", **{**QUICK, "steps": 5000})
    run.stop()
    run.pause()
    assert run.wait(60.0).reason == "stopped"
    with pytest.raises(impasto.InputError, match="has ended"):
        run.change(style_weight=1.0)


def test_a_script_that_ends_before_its_run_ends_in_order(files):
    code = "import sys, impasto; impasto.start(*sys.argv[1:], size=48, levels=1, steps=100000)"
    words = [sys.executable, "-c", code, str(files / "photo.png"), str(files / "painting.png")]
    assert subprocess.run(words, check=False, capture_output=True, timeout=120).returncode == 0


def test_the_loss_of_a_kept_best_picture_is_that_of_the_picture(files):
    fields = {**QUICK, "optimizer": "adam", "learning_rate": 200.0, "steps": 8, "keep_best": True, "init": "content"}
    result = impasto.stylize(files / "photo.png", files / "painting.png", **fields)
    assert result.loss == pytest.approx(min(result.losses["total"]))
    assert result.loss < result.losses["total"][-1]


def test_a_handle_can_be_stopped_at_any_moment_even_before_it_has_begun(files):
    run = impasto.start(files / "photo.png", files / "painting.png", **{**QUICK, "steps": 5000})
    run.stop()
    assert run.wait().reason == "stopped"


def test_weights_change_mid_run_and_the_result_says_so(files):
    reached = threading.Event()
    steps = []

    def listen(event):
        if isinstance(event, impasto.Step):
            steps.append(event)
            if event.step == 3:
                reached.set()

    run = impasto.start(files / "photo.png", files / "painting.png", on_event=listen, **{**QUICK, "steps": 5000})
    reached.wait()
    run.change(style_weight=15_000.0)
    changed = len(steps)
    while len(steps) < changed + 5:
        time.sleep(0.01)
    run.stop()
    result = run.wait()
    assert result.recipe.style.weight == 15_000.0
    assert steps[-1].terms["style"] > 5 * steps[1].terms["style"]
    with pytest.raises(impasto.InputError, match="pooling cannot change"):
        run.change(pooling="max")


def test_an_error_of_a_listener_reaches_the_caller(files):
    def listen(event):
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        impasto.stylize(files / "photo.png", files / "painting.png", on_event=listen, **QUICK)


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

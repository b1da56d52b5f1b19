"""`impasto.learn`: a killed call continues, a learned style is a style, and mistakes get one line."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

import impasto
from impasto.errors import InputError
from impasto.images import read_picture

PHOTO = np.random.default_rng(0).random((6, 8, 3), dtype=np.float32).repeat(12, 0).repeat(12, 1)
CALL = {"steps": 5, "size": 64, "threads": 1}
KILLED = """
import os, signal, sys
import impasto.api.learning as learning
learning._CHECKPOINT_SECONDS, learning._PREVIEW_SIZE = 0.0, 32
def kill(event):
    if event.step == 4:
        os.kill(os.getpid(), signal.SIGKILL)
learning.learn("night", sys.argv[1], on_event=kill, steps=5, size=64, threads=1)
"""


@pytest.fixture(scope="module", autouse=True)
def small_preview():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("impasto.api.learning._PREVIEW_SIZE", 32)
        yield


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The file of a style that was learned without interruption."""
    path = tmp_path_factory.mktemp("learned") / "night.safetensors"
    learned = impasto.learn("night", path, **CALL)
    assert (learned.steps, learned.reason, learned.path) == (5, "steps", path)
    assert sorted(file.name for file in path.parent.iterdir()) == ["night.png", "night.safetensors"]
    return path


def test_a_killed_call_continues_and_ends_with_the_same_weights(whole, tmp_path):
    path = tmp_path / "night.safetensors"
    killed = subprocess.run([sys.executable, "-c", KILLED, str(path)], capture_output=True, check=False)
    assert killed.returncode == -9, killed.stderr
    assert not path.exists()
    events = []
    impasto.learn("night", path, on_event=events.append, **CALL)
    assert [event.step for event in events if isinstance(event, impasto.Step)] == [4, 5]
    expected, found = load_file(whole), load_file(path)
    assert expected.keys() == found.keys()
    assert all(np.array_equal(expected[name], found[name]) for name in expected)


def test_a_call_that_was_stopped_is_not_continued_with_another_style(tmp_path):
    path = tmp_path / "mine.safetensors"
    learning = impasto.api.Learning("night", path, **CALL)
    for event in learning.events():
        if event.step == 1:
            learning.stop()
    assert learning.result().reason == "stopped"
    assert read_picture(path).is_learned
    with pytest.raises(InputError, match="another style or with other settings") as caught:
        impasto.learn("mosaic", path, **CALL)
    assert "\n" not in str(caught.value)
    assert impasto.learn("night", path, **CALL).steps == 5


def test_a_learned_style_paints_by_its_own_network(whole):
    learned = impasto.stylize(PHOTO, whole, preset="instant").pixels
    any_style = impasto.stylize(PHOTO, read_picture(whole).pixels, preset="instant").pixels
    assert np.abs(learned - any_style).mean() > 0.01
    half = impasto.stylize(PHOTO, whole, preset="instant", strength=25).pixels
    np.testing.assert_allclose(half, (PHOTO + learned) / 2, atol=1e-3)


@pytest.mark.parametrize(
    ("styles", "settings"),
    [([0, "mosaic"], {}), ([0], {"style_crop": "2,2,40,40"}), ([0], {"strength": 70}), ([0], {"color": "match"})],
    ids=["mixed", "cropped", "strong", "matched"],
)
def test_what_a_learned_network_cannot_is_painted_by_that_for_any_style_and_said(whole, styles, settings):
    given = [whole if style == 0 else style for style in styles]
    notices = []
    painted = impasto.stylize(PHOTO, given, preset="instant", on_event=notices.append, **settings).pixels
    other = [read_picture(whole).pixels if style == 0 else style for style in styles]
    expected = impasto.stylize(PHOTO, other, preset="instant", **settings).pixels
    np.testing.assert_allclose(painted, expected, atol=1e-4)
    texts = [notice.text for notice in notices if isinstance(notice, impasto.Notice)]
    assert sum("learned as a whole" in text for text in texts) == 1


def test_the_built_in_style_night_paints_by_the_network_that_learned_it():
    learned = Path(impasto.__file__).with_name("instant") / "data" / "night.safetensors"
    assert learned.stat().st_size < 1_000_000
    painted = impasto.stylize(PHOTO, "night", preset="instant").pixels
    np.testing.assert_array_equal(painted, impasto.stylize(PHOTO, learned, preset="instant").pixels)


def test_the_optimizer_paints_the_style_image_of_a_learned_style(whole):
    assert impasto.stylize(PHOTO, whole, size=64, steps=1, levels=1).steps == 1


def test_a_run_with_a_learned_style_is_kept_and_begun_again(whole, tmp_path):
    run = impasto.start(PHOTO, whole, preset="instant", run=tmp_path / "run")
    painted = run.wait().pixels
    assert (tmp_path / "run" / "inputs" / "style-1.safetensors").read_bytes() == whole.read_bytes()
    assert painted.shape == PHOTO.shape


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"output": "mine.png"}, "must end in .safetensors"),
        ({"minutes": 0.0}, "minutes is from"),
        ({"steps": 0}, "steps is from"),
        ({"size": 10}, "size is from"),
        ({"photos": "nowhere"}, "cannot read the folder of photos nowhere"),
        ({"style": "nihgt"}, "did you mean night"),
    ],
    ids=str,
)
def test_mistakes_get_one_line(change, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    call = {"style": "night", "output": "mine.safetensors"} | change
    with pytest.raises(InputError, match=message) as caught:
        impasto.learn(**call)
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_without_photos_and_a_learned_style_as_the_photo_are_refused(whole, tmp_path):
    with pytest.raises(InputError, match="there are no photos"):
        impasto.learn("night", tmp_path / "a.safetensors", photos=tmp_path)
    with pytest.raises(InputError, match="is a learned style"):
        impasto.stylize(whole, "night")

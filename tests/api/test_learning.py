"""`impasto.learn`: a killed call continues, a learned style is a style, and mistakes get one line."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

import impasto
import impasto.api.learning as learning_module
from impasto.api import Learning
from impasto.errors import InputError
from impasto.images import encode_picture, is_made_here, learned_facts, quantize, read_picture
from impasto.instant import Learner, OneStyleTransformer

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
    assert sorted(file.name for file in path.parent.iterdir()) == ["night-preview.png", "night.safetensors"]
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


class QuickLearner(Learner):
    """Counts steps as a learner does, and learns nothing: for tests of files."""

    def __init__(self) -> None:
        self.step, self.steps, self.network = 0, 5, OneStyleTransformer()

    def advance(self):
        self.step += 1
        return {"content": 1.0}

    def paint(self, photo):
        return photo

    def state(self):
        return {}, {"step": self.step}

    def load_state(self, tensors, values):
        self.step = values["step"]


@pytest.fixture
def quick(monkeypatch):
    monkeypatch.setattr(Learning, "_learner", lambda self: QuickLearner())


def learn(style, path, *, stop_at=None, **settings):
    learning = Learning(style, path, **(CALL | settings))
    if stop_at == 0:
        learning.stop()
    events = []
    for event in learning.events():
        events.append(event)
        if event.step == stop_at:
            learning.stop()
    return learning.result(), events


def save(path, pixels):
    path.write_bytes(encode_picture(pixels, path.suffix))
    return path


@pytest.mark.parametrize("style", ["night", "mosaic"], ids=["the same", "another"])
def test_what_was_stopped_does_not_replace_a_finished_style(style, quick, tmp_path):
    path = tmp_path / "mine.safetensors"
    learn("night", path)
    finished = path.read_bytes()
    result, _ = learn(style, path, stop_at=0)
    assert (result.reason, result.steps, path.read_bytes()) == ("stopped", 0, finished)
    _, events = learn(style, path, stop_at=2)
    assert path.read_bytes() == finished
    assert any("is kept as it is" in event.text for event in events if isinstance(event, impasto.Notice))
    assert learn(style, path)[0].reason == "steps"
    assert learned_facts(path)["name"] == style


def test_what_was_stopped_replaces_what_the_same_call_left_when_stopped(quick, tmp_path):
    path = tmp_path / "mine.safetensors"
    for step in (2, 3):
        learn("night", path, stop_at=step)
        assert (learned_facts(path)["steps"], learned_facts(path)["reason"]) == (step, "stopped")


@pytest.mark.parametrize("late", [False, True], ids=["while photos are read", "while networks are loaded"])
def test_a_stop_before_the_first_step_leaves_nothing(late, tmp_path, monkeypatch):
    learning = Learning("night", tmp_path / "mine.safetensors", **CALL)
    monkeypatch.setattr(Learning, "_learner", lambda self: self.stop() or QuickLearner())
    if not late:
        learning.stop()
    assert [type(event) for event in learning.events()] == [impasto.Finished]
    assert (learning.result().reason, learning.result().steps) == ("stopped", 0)
    assert list(tmp_path.iterdir()) == []


def test_files_of_others_are_not_replaced(quick, tmp_path):
    foreign = save(tmp_path / "mine-preview.png", PHOTO)
    with pytest.raises(InputError, match="did not paint it"):
        Learning("night", tmp_path / "mine.safetensors", **CALL)
    foreign.rename(tmp_path / "model.safetensors")
    with pytest.raises(InputError, match=r"model\.safetensors is in the way"):
        Learning("night", tmp_path / "model.safetensors", **CALL)
    path = tmp_path / "night.safetensors"
    for _ in range(2):  # its own files are
        learn("night", path)
        assert is_made_here(tmp_path / "night-preview.png")


def test_the_content_of_a_folder_of_the_user_stays(quick, tmp_path):
    folder = tmp_path / "mine.learning"
    folder.mkdir()
    (folder / "notes.txt").write_text("mine")
    learn("night", tmp_path / "mine.safetensors", stop_at=2)
    assert len(list(folder.iterdir())) > 1
    learn("night", tmp_path / "mine.safetensors")
    assert [file.name for file in folder.iterdir()] == ["notes.txt"]


def test_what_is_transparent_in_a_style_teaches_nothing(tmp_path):
    """Behind a transparent half may be anything; the file keeps the transparency, and still paints by its network."""
    rng = np.random.default_rng(1)
    shown, one, other = (rng.random((64, 32, 3), dtype=np.float32) for _ in range(3))
    alpha = np.hstack([np.ones((64, 32, 1), np.float32), np.zeros((64, 32, 1), np.float32)])
    styles = [np.dstack([np.hstack([shown, hidden]), alpha]) for hidden in (one, other)]
    learning = Learning(styles[0], tmp_path / "a.safetensors", **CALL)
    learning._read_photos()
    masked, whole = learning._learner(), Learning(styles[0][..., :3], tmp_path / "a.safetensors", **CALL)
    whole._read_photos()
    assert masked.advance() != whole._learner().advance()
    learning._write(masked, 0.0, "steps")
    kept = read_picture(learning.path)
    np.testing.assert_allclose(kept.alpha, alpha[..., 0], atol=0.01)
    learned = impasto.stylize(PHOTO, learning.path, preset="instant").pixels
    flat = impasto.stylize(PHOTO, np.dstack([kept.pixels, kept.alpha]), preset="instant").pixels
    assert np.abs(learned - flat).mean() > 0.01
    with pytest.raises(InputError, match="it is transparent"):
        Learning(np.zeros((64, 64, 4), np.float32), tmp_path / "b.safetensors", **CALL)


def test_photos_take_a_byte_a_value_and_a_bounded_memory(tmp_path, monkeypatch):
    for number in range(4):
        save(tmp_path / f"{number}.png", np.roll(PHOTO, number, 0))
    monkeypatch.setattr(learning_module, "_MOST_BYTES", 2 * PHOTO.size)
    learning = Learning("night", tmp_path / "mine.safetensors", photos=tmp_path, **CALL)
    learning._read_photos()
    assert [photo.dtype for photo in learning._photos] == [np.uint8] * 2
    np.testing.assert_array_equal(learning._photos[0], quantize(PHOTO))


def test_a_style_learned_from_the_folder_of_its_preview_goes_on(quick, tmp_path):
    save(tmp_path / "photo.png", PHOTO)
    path = tmp_path / "mine.safetensors"
    learn("night", path, photos=tmp_path, stop_at=2)
    assert (tmp_path / "mine-preview.png").exists()
    assert learn("night", path, photos=tmp_path)[0].steps == 5
    assert learned_facts(path)["photos"] == 1
    (tmp_path / "photo.png").unlink()
    with pytest.raises(InputError, match="there are no photos"):
        Learning("night", path, photos=tmp_path, **CALL)

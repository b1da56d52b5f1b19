"""Films by the method instant: steadier than single pictures, as strong in detail, and continued by another process."""

from pathlib import Path

import numpy as np
import pytest
from skimage import data
from tests.video.conftest import frames_of, in_process
from tests.video.painters import moving, write_clip

import impasto
from impasto.errors import InputError
from impasto.recipe import Recipe
from impasto.video import BlendingPainter, BlendState, Film, SceneWorker, open_clip
from impasto.video.scene_painter import ScenePainter
from impasto.video.scene_worker import scene_painter

RECIPE = Recipe(method="instant", size=192, precision="fp32", threads=1)


@pytest.fixture(scope="module")
def session():
    return impasto.Session()


@pytest.fixture(scope="module")
def pan():
    """Six frames of a camera that moves two pixels to the right and one down from each to the next."""
    picture = data.coffee()[::2, ::2].astype(np.float32) / 255
    return [np.ascontiguousarray(picture[n : n + 128, 2 * n : 2 * n + 192]) for n in range(6)]


@pytest.fixture(scope="module")
def painted(session, pan):
    painter = BlendingPainter(session, RECIPE, styles="night", flow="dis")
    return [painter.paint(frame) for frame in pan]


@pytest.fixture(scope="module")
def alone(session, pan):
    return [session.stylize(frame, "night", RECIPE).pixels for frame in pan]


def difference(before: np.ndarray, now: np.ndarray) -> float:
    """Root mean square difference of two frames of the pan, where both show the same."""
    return float(np.sqrt(np.square(now[8:-9, 8:-10] - before[9:-8, 10:-8]).mean()))


def test_the_first_frame_is_a_picture(painted, alone):
    np.testing.assert_array_equal(painted[0], alone[0])


def test_frames_are_steadier_than_pictures(painted, alone):
    for n in (1, 3, 5):
        assert difference(painted[n - 1], painted[n]) < 0.5 * difference(alone[n - 1], alone[n])


def test_blending_blurs_no_strokes(painted, alone):
    detail = [np.abs(np.diff(frames[5], axis=1)).mean() for frames in (painted, alone)]
    assert detail[0] > 0.9 * detail[1]


def test_what_comes_into_view_is_painted(session, pan):
    other = np.ascontiguousarray(data.astronaut()[:256:2, :384:2].astype(np.float32) / 255)
    painter = BlendingPainter(session, RECIPE, styles="night", flow="dis")
    painter.paint(pan[0])
    expected = session.stylize(other, "night", RECIPE).pixels
    close = np.abs(painter.paint(other) - expected).max(axis=2) < 1 / 255
    # By chance some places of another picture have the colors of this one.
    assert close.mean() > 0.7


def test_another_painter_continues_with_the_same_frames(pan, painted, tmp_path):
    painter = BlendingPainter(impasto.Session(), RECIPE, styles="night", flow="dis")
    for frame in pan[:2]:
        painter.paint(frame)
    np.savez(tmp_path / "state.npz", **painter.state.to_arrays())
    with np.load(tmp_path / "state.npz") as stored:
        state = BlendState.from_arrays(dict(stored))
    next_one = BlendingPainter(impasto.Session(), RECIPE, styles="night", flow="dis", state=state)
    np.testing.assert_array_equal(next_one.paint(pan[2]), painted[2])


def test_frames_are_painted_at_the_size_of_the_recipe(session, pan):
    painter = BlendingPainter(session, RECIPE.with_changes(size=97), styles="night", flow="dis")
    frames = [painter.paint(frame) for frame in pan[:2]]
    assert [frame.shape for frame in frames] == [(65, 97, 3)] * 2
    with pytest.raises(InputError, match="65 x 97 px follows one of 97 x 65 px"):
        painter.paint(np.ascontiguousarray(pan[0].transpose(1, 0, 2)))


def test_a_kept_region_is_the_photo_in_every_frame(session, pan):
    mask = np.zeros(pan[0].shape[:2], dtype=np.float32)
    mask[:, :96] = 1
    painter = BlendingPainter(
        session,
        RECIPE,
        styles="night",
        regions=[impasto.Region(mask, "keep")],
        flow="dis",
    )
    frames = [painter.paint(frame) for frame in pan[:4]]
    np.testing.assert_array_equal(frames[3][:, :90], pan[3][:, :90])
    assert np.abs(frames[3][:, 110:] - pan[3][:, 110:]).mean() > 0.05


def test_a_scene_without_a_frame_has_no_state(session):
    with pytest.raises(InputError, match="no frame"):
        _ = BlendingPainter(session, RECIPE, styles="night", flow="dis").state


def test_the_method_of_a_recipe_chooses_the_painter(session):
    kinds = [type(scene_painter(session, Recipe(method=name), ["night"], {})) for name in ("instant", "optimize")]
    assert kinds == [BlendingPainter, ScenePainter]


def test_a_film_by_the_method_instant_is_the_same_after_a_stop(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    clip = write_clip("clip.mp4", moving(5, cuts=[3]))
    recipe = Recipe(method="instant", size=64, device="cpu", precision="fp32")

    def begun(name: str) -> Film:
        return Film.begin(open_clip(clip), ["night"], recipe, output=Path(f"{name}.mp4"), folder=Path(name))

    def painted(film: Film) -> dict[str, np.ndarray]:
        film.paint(in_process)
        film.folder.close()
        return frames_of(film.folder.path.name)

    whole, first = painted(begun("whole")), begun("stopped")
    with monkeypatch.context() as patched:
        patched.setattr(SceneWorker, "asked_to_stop", lambda _: first.stop() or bool(frames_of("stopped")))
        assert len(painted(first)) == 1
    stopped = painted(begun("stopped"))
    assert len(whole) == len(stopped) == 5
    for name, pixels in whole.items():
        np.testing.assert_array_equal(pixels, stopped[name])

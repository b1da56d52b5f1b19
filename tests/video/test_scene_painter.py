"""Frames of a scene: steady where the scene is, painted where something appears, and continued by another process."""

import numpy as np
import pytest
from skimage import data

import impasto
from impasto.errors import InputError
from impasto.recipe import Recipe
from impasto.video.scene_painter import FrameStopped, ScenePainter, SceneState

RECIPE = Recipe(size=96, steps=20, precision="fp32", threads=1)


@pytest.fixture(scope="module")
def session():
    return impasto.Session()


@pytest.fixture(scope="module")
def pan():
    """Four frames of a camera that moves two pixels to the right and one down from each to the next."""
    picture = data.coffee()[::4, ::4].astype(np.float32) / 255
    return [np.ascontiguousarray(picture[n : n + 64, 2 * n : 2 * n + 96]) for n in range(4)]


def paint(session, frames, recipe=RECIPE, **options):
    painter = ScenePainter(session, recipe, styles="night", flow="dis", **options)
    return [painter.paint(frame) for frame in frames], painter


@pytest.fixture(scope="module")
def painted(session, pan):
    return paint(session, pan)[0]


def difference(before: np.ndarray, now: np.ndarray) -> float:
    """Root mean square difference of two frames of the pan, where both show the same."""
    return float(np.sqrt(np.square(now[:-1, :-2] - before[1:, 2:]).mean()))


def test_the_first_frame_is_painted_like_a_picture(session, pan, painted):
    np.testing.assert_array_equal(painted[0], session.stylize(pan[0], "night", RECIPE).pixels)


def test_a_frame_that_is_given_up_between_steps_can_be_painted_again(session, pan, painted):
    asked = []

    def stop():
        asked.append(1)
        return len(asked) == 23

    painter = ScenePainter(session, RECIPE, styles="night", flow="dis", should_stop=stop)
    painter.paint(pan[0])
    assert len(asked) <= 23
    asked[:] = [1] * 22
    with pytest.raises(FrameStopped):
        painter.paint(pan[1])
    np.testing.assert_array_equal(painter.paint(pan[1]), painted[1])


def test_frames_are_steadier_than_pictures(session, pan, painted):
    alone = [session.stylize(frame, "night", RECIPE).pixels for frame in pan[:2]]
    assert difference(*painted[:2]) < 0.35 * difference(*alone)
    assert difference(*painted[2:]) < 0.35 * difference(*alone)


def test_later_frames_are_painted_and_no_photos(pan, painted):
    assert np.abs(painted[3] - pan[3]).mean() > 0.7 * np.abs(painted[0] - pan[0]).mean()


def test_another_process_continues_with_the_same_frames(pan, painted, tmp_path):
    _, painter = paint(impasto.Session(), pan[:2])
    np.savez(tmp_path / "state.npz", **painter.state.to_arrays())
    del painter
    with np.load(tmp_path / "state.npz") as stored:
        state = SceneState.from_arrays(dict(stored))
    continued, _ = paint(impasto.Session(), pan[2:], state=state)
    for mine, whole in zip(continued, painted[2:], strict=True):
        np.testing.assert_array_equal(mine, whole)


def test_a_scene_that_stands_still_stands_still(session, pan):
    frames, _ = paint(session, [pan[0]] * 3)
    assert np.abs(frames[2] - frames[1]).max() < 0.1
    assert np.sqrt(np.square(frames[2] - frames[1]).mean()) < 0.012


def test_what_appears_is_painted_at_once(session, pan):
    changed = pan[0].copy()
    changed[16:48, 30:66] = data.chelsea()[60:188:4, 60:204:4] / 255.0
    frames, _ = paint(session, [pan[0], changed])
    inside, outside = np.zeros((64, 96), dtype=bool), np.ones((64, 96), dtype=bool)
    inside[18:46, 32:64], outside[12:52, 26:70] = True, False
    moved = np.abs(frames[1] - frames[0]).mean(axis=2)
    assert moved[inside].mean() > 5 * moved[outside].mean()
    # No ghost of what was there: the new frame follows the new photo.
    assert np.corrcoef(frames[1][inside].mean(axis=1), changed[inside].mean(axis=1))[0, 1] > 0.5


def test_a_keyframe_is_continued(session, pan):
    painter = ScenePainter(session, RECIPE, styles="night", flow="dis")
    keyframe = np.full_like(pan[0], 0.5)
    keyframe[:, ::8] = (0.9, 0.2, 0.1)
    painter.take(pan[0], keyframe)
    assert difference(keyframe, painter.paint(pan[1])) < 0.06


def test_what_a_region_keeps_is_that_of_each_frame(session, pan):
    mask = np.zeros((64, 96), dtype=np.float32)
    mask[:, :40] = 1
    frames, _ = paint(session, pan[:2], regions=[impasto.Region(mask, "keep")])
    np.testing.assert_allclose(frames[1][:, :36], pan[1][:, :36], atol=0.02)


@pytest.mark.parametrize(
    "color", ["photo", *(pytest.param(mode, marks=pytest.mark.long) for mode in ("luminance", "match"))]
)
def test_colors_are_finished_once(session, pan, color):
    frames, _ = paint(session, [pan[0]] * 2, RECIPE.with_changes(color=color))
    np.testing.assert_allclose(frames[1].mean(axis=(0, 1)), frames[0].mean(axis=(0, 1)), atol=0.02)


def test_frames_of_another_size_are_refused(session, pan, painted):
    _, painter = paint(session, pan[:1])
    with pytest.raises(InputError, match="64 x 64 px follows one of 96 x 64 px"):
        painter.paint(np.ascontiguousarray(pan[0][:, :64]))


def test_later_frames_begin_with_what_the_first_one_was_changed_to(session, pan):
    base = RECIPE.with_changes(steps=80)
    last = base.with_changes(strength=90.0)
    changed = base.with_changes(changes="1:strength=90")
    state = SceneState(pan[0], pan[0], pan[0], np.full(pan[0].shape[:2], 6, np.float32))
    later = [
        ScenePainter(session, recipe, styles="night", flow="dis", state=state).paint(pan[1])
        for recipe in (changed, last, base)
    ]
    np.testing.assert_array_equal(later[0], later[1])
    assert np.abs(later[0] - later[2]).max() > 1 / 255


def test_a_scene_without_a_frame_has_no_state(session):
    with pytest.raises(InputError, match="no frame"):
        _ = ScenePainter(session, RECIPE, styles="night", flow="dis").state

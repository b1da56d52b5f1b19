"""Settings that change while a picture is painted are in its recipe, with their steps, and repeat it bit for bit."""

from pathlib import Path

import numpy as np
import PIL.Image
import pytest
from tests.api.conftest import QUICK, start_and

import impasto
from impasto.cli.app import main
from impasto.images import read_metadata
from impasto.recipe import Recipe, resolve

LEVELS = {**QUICK, "size": 96, "upscale": True, "steps": 14, "levels": 2, "threads": 1}
BORDER = 8
"""The last step of the coarse level."""
MOVED = {3: {"strength": 20}, 4: {"color_strength": 30}, 8: {"style_weight": 90.0, "tv_weight": 0.01}}


def move_dials(run, step):
    for settings in [MOVED[step.step]] if step.step in MOVED else []:
        run.change(**settings)


def test_a_picture_whose_dials_were_moved_is_repeated_by_the_recipe_inside_it(photo, painting, tmp_path):
    moved = start_and(move_dials, photo, painting, **LEVELS).wait()
    assert [change.step for change in moved.recipe.schedule.changes] == [3, 4, 8]
    assert moved.recipe.style.strength == 50, "the recipe states what the picture began with"
    moved.save(tmp_path / "moved.png")
    embedded, levels = resolve(None, read_metadata(tmp_path / "moved.png")["recipe"]), []
    again = impasto.stylize(
        photo, painting, embedded,
        on_event=lambda event: levels.append(event.step) if isinstance(event, impasto.LevelStarted) else None,
    )  # fmt: skip
    assert levels == [0, BORDER]
    np.testing.assert_array_equal(again.pixels, moved.pixels)
    assert again.losses == moved.losses
    plain = impasto.stylize(photo, painting, embedded.with_changes(changes=()))
    assert np.abs(plain.pixels - moved.pixels).max() > 10 / 255


def test_a_change_at_any_step_is_repeated(photo, painting):
    steps = LEVELS["steps"]
    for at in (1, BORDER - 1, BORDER, BORDER + 1, steps):
        moved = start_and(
            lambda run, step, at=at: run.change(strength=5) if step.step == at else None, photo, painting, **LEVELS
        ).wait()
        (change,) = moved.recipe.schedule.changes
        assert change == (at, {"strength": 5.0})
        np.testing.assert_array_equal(impasto.stylize(photo, painting, moved.recipe).pixels, moved.pixels)


@pytest.mark.parametrize("stop", [3, 4, BORDER, BORDER + 1, 13])
def test_a_stop_and_a_resumption_change_neither_the_picture_nor_its_recipe(photo, painting, tmp_path, stop):
    whole = start_and(move_dials, photo, painting, **LEVELS).wait()

    def move_and_stop(run, step):
        move_dials(run, step)
        if step.step == stop:
            run.stop()

    assert start_and(move_and_stop, photo, painting, run=tmp_path / "run", **LEVELS).wait().steps == stop
    rest = {step: settings for step, settings in MOVED.items() if step > stop}
    run = impasto.resume(
        tmp_path / "run",
        on_event=lambda event: (
            run.change(**rest[event.step]) if isinstance(event, impasto.Step) and event.step in rest else None
        ),
    )
    resumed = run.wait()
    assert resumed.recipe == whole.recipe
    np.testing.assert_array_equal(resumed.pixels, whole.pixels)
    # The repetition of a recipe with changes can be stopped and resumed, too.
    again = tmp_path / "again"
    start_and(
        lambda run, step: run.stop() if step.step == stop else None, photo, painting, whole.recipe, run=again
    ).wait()
    np.testing.assert_array_equal(impasto.resume(again).wait().pixels, whole.pixels)


def test_a_dial_may_be_moved_before_a_planned_change(photo, painting, tmp_path):
    planned = {**LEVELS, "strength": 30.0, "changes": "9:strength=50"}
    moves = {2: 50.0, 4: 70.0}

    def move(run, step, stop=None):
        if step.step in moves:
            run.change(strength=moves[step.step])
        if step.step == stop:
            run.stop()

    whole = start_and(move, photo, painting, **planned).wait()
    assert whole.recipe.schedule.changes == tuple((at, {"strength": to}) for at, to in {**moves, 9: 50.0}.items())
    folder = tmp_path / "run"
    start_and(lambda run, step: move(run, step, stop=6), photo, painting, run=folder, **planned).wait()
    resumed = impasto.resume(folder).wait()
    assert resumed.recipe == whole.recipe
    np.testing.assert_array_equal(resumed.pixels, whole.pixels)


def test_changes_cannot_be_planned_while_a_picture_is_painted(photo, painting):
    run = impasto.start(photo, painting, **LEVELS)
    with pytest.raises(impasto.InputError, match="changes are planned before a picture is begun"):
        run.change(changes="13:strength=70")
    run.stop()
    run.wait()


def test_a_command_that_states_weights_for_a_strength_states_them_in_the_changes_too():
    recipe = resolve("faithful", {"strength": 70, "changes": "40:strength=30/60:strength=70,color_strength=0"})
    balanced = recipe.balanced()
    for step in (0, 40, 60, None):
        stated, meant = balanced.after(step), recipe.after(step).balanced()
        assert set(stated.changes_from(meant)) <= {"recolor"}, "which cannot change on the way"
    assert "--changes 40:content_weight=" in recipe.as_command("photo.jpg", "night")


def test_the_command_line_repeats_a_picture_whose_dials_were_moved(photo, painting, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for name, pixels in {"photo.png": photo, "style.png": painting}.items():
        PIL.Image.fromarray((pixels * 255).round().astype(np.uint8)).save(name)
    start_and(move_dials, "photo.png", "style.png", **LEVELS).wait().save("moved.png")
    assert main(["photo.png", "style.png", "--from", "moved.png", "-o", "again.png", "--quiet"]) == 0
    moved, again = (np.asarray(PIL.Image.open(name)) for name in ("moved.png", "again.png"))
    np.testing.assert_array_equal(again, moved)
    capsys.readouterr()
    assert main(["info", "moved.png"]) == 0
    assert "--changes 3:strength=20/4:color_strength=30/8:" in capsys.readouterr().out
    # A flag holds for the whole picture.
    assert main(["photo.png", "style.png", "--from", "moved.png", "--strength", "60", "-o", "other.png"]) == 0
    recipe = resolve(None, read_metadata(Path("other.png"))["recipe"])
    assert [sorted(change.settings) for change in recipe.schedule.changes] == [
        ["color_strength"],
        ["style_weight", "tv_weight"],
    ]


def test_changes_are_read_from_text_lists_and_files_and_wrong_ones_are_refused_in_one_line():
    changes = "60:strength=50/40:strength=70,color_strength=0"
    recipe = Recipe(changes=changes)
    assert recipe == Recipe(changes=changes.split("/")) == resolve(None, recipe.to_dict())
    assert [recipe.after(step).style.strength for step in (0, 39, 40, 59, 60, None)] == [50, 50, 70, 70, 50, 50]
    assert recipe.with_changes(strength=10).schedule.changes == ((40, {"color_strength": 0.0}),)
    for wrong, named in {
        "strength=4": "STEP:SETTING=NUMBER",
        "4:strength": "STEP:SETTING=NUMBER",
        "4:size=64": "strength",
        "4:strength=101": "0 to 100",
        "-1:strength=3": "STEP:SETTING=NUMBER",
        "4:strength=nan": "number",
    }.items():
        with pytest.raises(impasto.InputError, match=named) as caught:
            resolve(None, {"changes": wrong})
        assert str(caught.value).startswith("changes"), wrong
        assert "\n" not in str(caught.value)
    with pytest.raises(impasto.InputError, match="all weights are 0"):
        resolve(None, {"changes": "9:strength=0", "content_weight": 0})
    with pytest.raises(impasto.InputError, match="color is match"):
        resolve(None, {"changes": "9:color_strength=0", "color": "match"})
    with pytest.raises(impasto.InputError, match="has no effect"):
        resolve("instant", {"changes": "9:strength=0"})

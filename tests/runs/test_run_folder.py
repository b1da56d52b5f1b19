import errno
import io
import os
from collections.abc import Callable
from typing import Any

import numpy as np
import PIL.Image
import pytest
import torch

from impasto.errors import InputError, RunError
from impasto.events import Finished, LevelStarted, Snapshot, Step
from impasto.images import read_metadata
from impasto.runs import RunFolder
from impasto.runs import folder as module

IMAGE = np.random.default_rng(3).integers(0, 256, (6, 9, 3), dtype=np.uint8)


@pytest.fixture
def run(new_run: Callable[..., RunFolder]) -> RunFolder:
    return new_run(steps=10)


def png(image: np.ndarray = IMAGE) -> bytes:
    stream = io.BytesIO()
    PIL.Image.fromarray(image).save(stream, "PNG")
    return stream.getvalue()


def level(number: int, step: int) -> LevelStarted:
    return LevelStarted(level=number, levels=2, width=64 << number, height=48 << number, step=step, steps=10)


def step(number: int) -> Step:
    return Step(step=number, steps=10, level=0, loss=1.0 / number, terms={"style": 1.0 / number}, seconds=0.5 * number)


def finished(number: int) -> Finished:
    return Finished(step=number, loss=0.1, saved_loss=0.11, seconds=5.0, reason="steps")


def told(run: RunFolder) -> list[tuple[str, int | None]]:
    return [(line["type"], line.get("step")) for line in run.events()]


def paint(run: RunFolder, first: int, last: int, snapshots: tuple[int, ...] = ()) -> None:
    for number in range(first, last + 1):
        run.record(step(number))
        if number in snapshots:
            run.save_snapshot(number, IMAGE, {"step": number})
            run.record(Snapshot(step=number, image=IMAGE))


def test_a_snapshot_is_an_8_bit_png_with_the_metadata_and_the_log_names_it(run: RunFolder) -> None:
    with run:
        path = run.save_snapshot(100, IMAGE, {"seed": 7})
        run.record(Snapshot(step=100, image=IMAGE))
    assert path == run.path / "snapshots" / "000100.png"
    with PIL.Image.open(path) as image:
        assert image.mode == "RGB"
        assert np.array_equal(np.asarray(image), IMAGE)
    assert read_metadata(path) == {"seed": 7}
    (line,) = run.events()
    assert (line["file"], line["step"]) == ("snapshots/000100.png", 100)


def test_a_snapshot_that_nobody_saved_is_saved_when_it_is_recorded(run: RunFolder) -> None:
    with run:
        run.record(Snapshot(step=10_000_000, image=IMAGE))
    with PIL.Image.open(run.path / "snapshots" / "10000000.png") as image:
        assert np.array_equal(np.asarray(image), IMAGE)


def test_rewinding_drops_later_events_and_snapshots_and_keeps_the_rest(run: RunFolder) -> None:
    with run:
        run.record(level(0, 0))
        paint(run, 1, 6, snapshots=(2, 4, 6))
    with (run.path / "events.jsonl").open("ab") as file:
        file.write(b'{"type": "Step", "st')
    resumed = RunFolder.open(run.path)
    with resumed:
        resumed.rewind(4)
        resumed.record(level(0, 4))
        paint(resumed, 5, 10, snapshots=(6, 8))
    steps = [number for kind, number in told(resumed) if kind == "Step"]
    assert steps == list(range(1, 11))
    assert [number for kind, number in told(resumed) if kind == "Snapshot"] == [2, 4, 6, 8]
    assert sorted(path.stem for path in (run.path / "snapshots").iterdir()) == ["000002", "000004", "000006", "000008"]
    assert told(resumed).count(("LevelStarted", 0)) == 1
    assert ("LevelStarted", 4) not in told(resumed)


def test_rewinding_leaves_files_alone_that_are_no_snapshots(run: RunFolder) -> None:
    with run:
        paint(run, 1, 2, snapshots=(1,))
        (run.path / "snapshots" / "mine.png").touch()
        run.rewind(0)
    assert [path.name for path in (run.path / "snapshots").iterdir()] == ["mine.png"]


def test_rewinding_a_run_that_told_nothing_yet_changes_nothing(run: RunFolder) -> None:
    with run:
        run.rewind(0)
    assert run.events() == []


def test_the_next_level_is_logged_and_the_same_level_is_not_logged_twice(run: RunFolder) -> None:
    with run:
        for event in (level(0, 0), level(0, 3), level(1, 5)):
            run.record(event)
    with RunFolder.open(run.path) as again:
        again.record(level(0, 0))
        again.record(level(1, 7))
    assert told(run) == [("LevelStarted", 0), ("LevelStarted", 5)]


def test_a_changed_recipe_counts_until_it_is_rewound_past(run: RunFolder) -> None:
    first = run.recipe
    second = first.with_changes(style_weight=3.5, snapshots=(5, 7))
    third = second.with_changes(tv_weight=1e-3, snapshot_every=4)
    with run:
        run.record_change(second, 3)
        run.record_change(second, 4)
        run.record_change(third, 6)
        assert run.recipe == third
    assert RunFolder.open(run.path).recipe == third
    with run:
        run.rewind(5)
        assert run.recipe == second
        assert RunFolder.open(run.path).recipe == second
        run.rewind(2)
    assert RunFolder.open(run.path).recipe == first


def test_a_change_is_logged_with_only_the_fields_that_changed(run: RunFolder) -> None:
    with run:
        run.record_change(run.recipe.with_changes(style_weight=3.5), 3)
        run.record_change(run.recipe, 4)
    (line,) = run.events()
    assert (line["type"], line["step"], line["changes"]) == ("changed", 3, {"style_weight": 3.5})


def test_the_status_follows_the_run_from_beginning_to_end(run: RunFolder) -> None:
    assert run.status == "interrupted"
    with run:
        paint(run, 1, 4)
        assert run.status == "running"
        run.fail("the loss has\nno finite value")
        assert run.status == "failed"
    assert run.events()[-1]["message"] == "the loss has no finite value"
    with run:
        run.rewind(2)
        assert run.status == "running"
        paint(run, 3, 6)
        run.record(finished(6))
        run.finish(png(), "stopped")
    assert run.status == "interrupted"
    with run:
        run.rewind(6)
        paint(run, 7, 10)
        run.record(finished(10))
        assert run.status == "running", "the result is not saved yet"
        path = run.finish(png(), "steps")
        assert run.status == "finished"
    assert path == run.path / "result.png"
    assert path.read_bytes() == png()
    assert RunFolder.open(run.path).status == "finished"
    kinds = [kind for kind, _ in told(run)]
    assert kinds.count("Finished") == kinds.count("result") == 1
    assert "failed" not in kinds


def test_the_latest_picture_can_be_looked_at(run: RunFolder) -> None:
    with run:
        path = run.save_latest(IMAGE, {"step": 3})
    assert path.name == "latest.png"
    with PIL.Image.open(path) as image:
        assert np.array_equal(np.asarray(image), IMAGE)
    assert read_metadata(path) == {"step": 3}


def test_output_and_names_are_known_without_reading_pictures(run: RunFolder) -> None:
    assert run.output is None
    assert run.input_names == ("harbour", ("waves",))


def test_whoever_writes_locks_and_a_second_writer_is_refused(run: RunFolder) -> None:
    other = RunFolder.open(run.path)
    run.record(step(1))
    for write in (
        other.lock,
        lambda: other.record(step(2)),
        lambda: other.rewind(0),
        lambda: other.save_checkpoint({}, {}),
        lambda: other.save_latest(IMAGE, {}),
    ):
        with pytest.raises(InputError, match="another impasto"):
            write()
    assert told(other) == [("Step", 1)]
    run.close()
    with other:
        other.record(step(2))
    assert told(run) == [("Step", 1), ("Step", 2)]


def test_who_gets_the_lock_learns_what_was_written_in_between(run: RunFolder) -> None:
    other = RunFolder.open(run.path)
    changed = run.recipe.with_changes(style_weight=9.0)
    with run:
        run.record(level(1, 5))
        run.record_change(changed, 5)
    with other:
        assert other.recipe == changed
        other.record(level(1, 5))
    assert len(other.events()) == 2


def test_a_checkpoint_is_found_again_by_another_object(run: RunFolder) -> None:
    assert run.load_checkpoint() is None
    with run:
        run.save_checkpoint({"canvas": torch.arange(6.0)}, {"step": 3, "losses": [0.1, 0.2]})
    loaded = RunFolder.open(run.path).load_checkpoint()
    assert loaded is not None
    assert torch.equal(loaded.tensors["canvas"], torch.arange(6.0))
    assert loaded.scalars == {"step": 3, "losses": [0.1, 0.2]}


@pytest.mark.parametrize("content", ['{"type": "changed"}\n', '{"type": "LevelStarted", "level": null}\n'])
def test_a_log_line_without_what_it_needs_is_told_in_one_line(run: RunFolder, content: str) -> None:
    (run.path / "events.jsonl").write_text(content)
    with pytest.raises(InputError, match=r"events\.jsonl is damaged"):
        RunFolder.open(run.path)


def no_space(*_: Any, **__: Any) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_full_disk_is_a_run_error_of_one_line_for_pictures_too(
    run: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "write_picture", no_space)
    monkeypatch.setattr(module, "atomic_write", no_space)
    with run:
        for write in (
            lambda: run.save_snapshot(1, IMAGE, {}),
            lambda: run.save_latest(IMAGE, {}),
            lambda: run.finish(png(), "steps"),
        ):
            with pytest.raises(RunError, match="No space left on device; what was saved before is kept") as caught:
                write()
            assert "\n" not in str(caught.value)
    assert run.events() == []


def test_telling_a_failure_on_a_full_disk_does_not_hide_the_failure(
    run: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    with run:
        monkeypatch.setattr("impasto.runs.log.os.fsync", no_space)
        run.fail("the loss has no finite value")

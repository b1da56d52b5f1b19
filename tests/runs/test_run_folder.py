import io
from collections.abc import Callable

import numpy as np
import PIL.Image
import pytest
import torch

from impasto.errors import InputError, RunError
from impasto.events import (
    Changed,
    Failed,
    Finished,
    LevelStarted,
    Notice,
    ResultSaved,
    Snapshot,
    SnapshotSaved,
    Step,
)
from impasto.images import read_metadata
from impasto.runs import RunFolder

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


def paint(run: RunFolder, first: int, last: int, snapshots: tuple[int, ...] = ()) -> None:
    for number in range(first, last + 1):
        run.record(step(number))
        if number in snapshots:
            run.record(Snapshot(step=number, image=IMAGE), {"step": number})


@pytest.mark.parametrize(("number", "name"), [(100, "000100.png"), (10_000_000, "10000000.png")])
def test_pictures_are_saved_as_8_bit_png_with_the_metadata(run: RunFolder, number: int, name: str) -> None:
    with run:
        run.record(Snapshot(step=number, image=IMAGE), {"seed": 7})
        run.save_latest(IMAGE, {"seed": 7})
    assert run.read_log().of(SnapshotSaved) == [SnapshotSaved(step=number, file=f"snapshots/{name}")]
    assert run.snapshot_path(number) == run.path / "snapshots" / name
    for path in (run.snapshot_path(number), run.path / "latest.png"):
        with PIL.Image.open(path) as image:
            assert image.mode == "RGB"
            assert np.array_equal(np.asarray(image), IMAGE)
        assert read_metadata(path) == {"seed": 7}


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
    log = resumed.read_log()
    assert [event.step for event in log.steps] == list(range(1, 11))
    assert [event.step for event in log.of(SnapshotSaved)] == [2, 4, 6, 8]
    assert sorted(path.stem for path in (run.path / "snapshots").iterdir()) == ["000002", "000004", "000006", "000008"]
    assert log.of(LevelStarted) == [level(0, 0)]


def test_rewinding_leaves_other_files_alone_and_begins_no_log(run: RunFolder) -> None:
    with run:
        run.rewind(0)
        assert run.read_log().entries == ()
        paint(run, 1, 2, snapshots=(1,))
        (run.path / "snapshots" / "mine.png").touch()
        run.rewind(0)
    assert [path.name for path in (run.path / "snapshots").iterdir()] == ["mine.png"]


def test_a_level_is_logged_once(run: RunFolder) -> None:
    with run:
        for event in (level(0, 0), level(0, 3), level(1, 5)):
            run.record(event)
    with RunFolder.open(run.path) as again:
        again.record(level(0, 0))
        again.record(level(1, 7))
    assert run.read_log().of(LevelStarted) == [level(0, 0), level(1, 5)]


def test_a_changed_recipe_counts_until_the_run_is_rewound_past_it(run: RunFolder) -> None:
    first = run.recipe
    second = first.with_changes(style_weight=3.5, snapshots=(5, 7), threads=2)
    third = second.with_changes(tv_weight=1e-3, snapshot_every=4, threads=None)
    with run:
        run.record_change(second, 3)
        run.record_change(second, 4)
        changes = {"style_weight": 3.5, "snapshots": [5, 7], "threads": 2}
        assert run.read_log().of(Changed) == [Changed(step=3, changes=changes)]
        run.record_change(third, 6)
        assert run.recipe == third
    assert RunFolder.open(run.path).recipe == third
    with run:
        run.rewind(5)
        assert run.recipe == second
        assert RunFolder.open(run.path).recipe == second
        run.rewind(2)
    assert RunFolder.open(run.path).recipe == first


def test_the_status_follows_the_run_from_beginning_to_end(run: RunFolder) -> None:
    assert run.status == "interrupted"
    with run:
        paint(run, 1, 4)
        assert run.status == "running"
        run.fail("the loss has\nno finite value")
        assert run.status == "failed"
    assert run.read_log().of(Failed) == [Failed(message="the loss has no finite value")]
    with run:
        run.rewind(2)
        assert run.status == "running"
        paint(run, 3, 6)
        run.record(finished(6))
        run.finish(png(), "stopped")
        assert run.status == "running", "until its process releases the lock"
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
    log = run.read_log()
    assert (len(log.of(Finished)), len(log.of(ResultSaved)), len(log.of(Failed))) == (1, 1, 0)


def test_writing_locks_the_folder_and_a_second_writer_is_refused(run: RunFolder) -> None:
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
    assert other.read_log().steps == [step(1)]
    run.close()
    with other:
        other.record(step(2))
    assert run.read_log().steps == [step(1), step(2)]


def test_a_new_lock_holder_rereads_the_log(run: RunFolder) -> None:
    other = RunFolder.open(run.path)
    changed = run.recipe.with_changes(style_weight=9.0)
    with run:
        run.record(level(1, 5))
        run.record_change(changed, 5)
    with other:
        assert other.recipe.after() == changed
        other.record(level(1, 5))
    assert len(other.read_log().entries) == 2


def test_a_checkpoint_is_found_by_another_object(run: RunFolder) -> None:
    assert run.load_checkpoint() is None
    assert not run.has_checkpoint
    with run:
        run.save_checkpoint({"canvas": torch.arange(6.0)}, {"step": 3, "losses": [0.1, 0.2]})
    assert run.has_checkpoint
    loaded = RunFolder.open(run.path).load_checkpoint()
    assert loaded is not None
    assert torch.equal(loaded.tensors["canvas"], torch.arange(6.0))
    assert loaded.scalars == {"step": 3, "losses": [0.1, 0.2]}


@pytest.mark.parametrize("changes", ['{"paint": 1}', '{"steps": "many"}'])
def test_a_logged_change_that_is_no_setting_is_an_error_of_one_line(run: RunFolder, changes: str) -> None:
    with run:
        run.record_change(run.recipe.with_changes(style_weight=3.5), 1)
    file = run.path / "events.jsonl"
    file.write_text(file.read_text().replace('{"style_weight": 3.5}', changes))
    with pytest.raises(InputError, match=r"paint|steps") as caught:
        RunFolder.open(run.path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("failing", "write"),
    [
        ("folder.write_picture", lambda run: run.record(Snapshot(step=1, image=IMAGE))),
        ("folder.write_picture", lambda run: run.save_latest(IMAGE, {})),
        ("files.atomic_write", lambda run: run.finish(png(), "steps")),
        ("checkpoint.save_file", lambda run: run.save_checkpoint({}, {})),
        ("files.FileIO", lambda run: run.record(Notice(step=1, text=""))),
    ],
)
def test_the_error_of_a_full_disk_explains_how_to_continue(
    run: RunFolder, no_space: Callable[[str], None], failing: str, write: Callable[[RunFolder], None]
) -> None:
    with run:
        no_space(f"impasto.runs.{failing}")
        with pytest.raises(RunError, match=r": No space left on device; what was .*`impasto resume .*`") as caught:
            write(run)
    assert "\n" not in str(caught.value)
    assert run.read_log().entries == ()


def test_a_failure_is_not_hidden_by_a_full_disk(run: RunFolder, no_space: Callable[[str], None]) -> None:
    with run:
        no_space("os.fsync")
        run.fail("the loss has no finite value")

import errno
import json
import math
import os
from collections.abc import Callable, Mapping
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from io import FileIO
from pathlib import Path
from typing import Any, get_args

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from impasto.errors import InputError
from impasto.events import (
    Changed,
    Failed,
    Finished,
    LevelStarted,
    LoggedEvent,
    Notice,
    ResultSaved,
    Resumed,
    Step,
    StopReason,
)
from impasto.runs import LogEntry, Progress, RunLog
from impasto.runs.log import EventLog

COUNTS = st.integers(0, 10**7)
FINITE = st.floats(allow_nan=False, allow_infinity=False)
VALUES: dict[Any, st.SearchStrategy[Any]] = {
    int: COUNTS,
    float: FINITE,
    str: st.text(),
    bool: st.booleans(),
    StopReason: st.sampled_from(get_args(StopReason)),
    Mapping[str, float]: st.dictionaries(st.text(), FINITE, max_size=3),
    dict[str, Any]: st.dictionaries(st.text(), st.none() | FINITE | st.lists(COUNTS), max_size=3),
}
EVENTS = st.one_of(
    *(st.builds(kind, **{field.name: VALUES[field.type] for field in fields(kind)}) for kind in get_args(LoggedEvent))
)
LINE = '{"type": "Notice", "time": "2026-01-02T03:04:05.678+00:00", "step": 7, "text": "x"}'


def step(number: int, seconds: float = 0.0) -> Step:
    return Step(step=number, steps=9, level=1, loss=10.0 / number, seconds=seconds)


def run_log(*events: LoggedEvent) -> RunLog:
    return RunLog(tuple(LogEntry(datetime.now(UTC), event) for event in events))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "events.jsonl"


def written(path: Path, *events: LoggedEvent) -> EventLog:
    log = EventLog(path)
    for event in events:
        log.append(event)
    log.close()
    return log


def events_in(path: Path) -> list[LoggedEvent]:
    return [entry.event for entry in EventLog(path).read().entries]


# -- writing and reading -----------------------------------------------------------------------------------------------


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(events=st.lists(EVENTS, min_size=1, max_size=6))
def test_every_event_is_read_back_exactly(path: Path, events: list[LoggedEvent]) -> None:
    path.unlink(missing_ok=True)
    written(path, *events)
    assert events_in(path) == events


def test_a_line_is_the_json_of_an_event_with_its_type_and_the_time(path: Path) -> None:
    log = EventLog(path)
    log.append(step(3))
    line = json.loads(path.read_bytes().removesuffix(b"\n"))
    time = datetime.fromisoformat(line.pop("time"))
    assert datetime.now(UTC) - time < timedelta(minutes=1)
    assert line == {"type": "Step"} | vars(step(3))
    assert log.read().entries == (LogEntry(time, step(3)),)
    log.close()


def test_a_message_with_a_file_name_that_is_no_unicode_is_read_back(path: Path) -> None:
    name = os.fsdecode(b"\xff.png")
    written(path, Failed(message=name))
    assert events_in(path) == [Failed(message=name)]


def test_numbers_that_json_does_not_have_are_written_as_null_and_read_as_nan(path: Path) -> None:
    written(path, Step(step=1, steps=2, level=0, loss=math.nan, terms={"style": math.inf}))
    line = json.loads(path.read_text(), parse_constant=pytest.fail)
    assert (line["loss"], line["terms"]) == (None, {"style": None})
    (read,) = EventLog(path).read().steps
    assert math.isnan(read.loss)
    assert math.isnan(read.terms["style"])


def test_the_file_is_parsed_again_only_after_it_has_changed(path: Path) -> None:
    log = EventLog(path)
    assert log.read().progress == Progress()
    written(path, step(1))
    first = log.read()
    assert log.read() is first
    written(path, step(2))
    assert log.read().steps == [step(1), step(2)]
    log.rewrite(lambda event: event == step(2), add=[step(3)])
    assert log.read().steps == [step(2), step(3)]


def test_rewriting_keeps_lines_byte_for_byte_and_adds_others(path: Path) -> None:
    log = written(path, *map(step, range(1, 5)))
    lines = path.read_bytes().splitlines(keepends=True)
    with path.open("ab") as file:
        file.write(b'{"type": "St')
    log.rewrite(lambda event: event in (step(2), step(4)), add=[Resumed(step=4)])
    assert path.read_bytes().startswith(lines[1] + lines[3] + b'{"type": "Resumed"')
    assert events_in(path) == [step(2), step(4), Resumed(step=4)]


# -- damage ------------------------------------------------------------------------------------------------------------


def test_a_last_line_torn_at_any_byte_is_skipped_and_cut_off(path: Path) -> None:
    written(path, step(1), step(2), Notice(step=2, text="é\n\r\u2028"))
    whole = path.read_bytes()
    kept = whole[: whole.rindex(b"\n", 0, -1) + 1]
    for length in range(len(kept), len(whole)):
        path.write_bytes(whole[:length])
        log = EventLog(path)
        assert log.read().steps == [step(1), step(2)]
        assert path.read_bytes() == whole[:length], "reading must not write"
        log.append(step(3))
        log.close()
        assert path.read_bytes().startswith(kept + b'{"type": "Step"')
        assert events_in(path) == [step(1), step(2), step(3)]


def test_zeros_at_the_end_after_a_power_cut_are_cut_off(path: Path) -> None:
    log = written(path, step(1))
    with path.open("ab") as file:
        file.write(bytes(100))
    assert log.read().steps == [step(1)]
    written(path, step(2))
    assert events_in(path) == [step(1), step(2)]


@pytest.mark.parametrize(
    "damage",
    [
        "garbage",
        "",
        "[1, 2]",
        "null",
        "\xff",
        LINE.replace('"type"', '"no type"'),
        LINE.replace("Notice", "Unknown"),
        LINE.replace('"Notice"', "[]"),
        LINE.replace("2026-01-02T", "yesterday "),
        LINE.replace("7", "null"),
        LINE.replace('"step"', '"stop"'),
        LINE.replace('"x"', "3"),
    ],
)
def test_a_damaged_line_is_an_error_that_names_it(path: Path, damage: str) -> None:
    path.write_text(f"{LINE}\n{damage}\n{LINE}\n", encoding="latin-1")
    with pytest.raises(
        InputError, match=r"line 2 of .*events\.jsonl cannot be read \(.+\): remove that line"
    ) as caught:
        EventLog(path).read()
    assert "\n" not in str(caught.value)


def test_rewriting_on_a_full_disk_leaves_the_log_as_it_was(path: Path, no_space: Callable[[str], None]) -> None:
    log = written(path, step(1), step(2))
    before = path.read_bytes()
    no_space("os.replace")
    with pytest.raises((OSError, InputError), match="No space left on device"):
        log.rewrite(lambda event: False)
    assert {file.name: file.read_bytes() for file in path.parent.iterdir()} == {"events.jsonl": before}


class FullDisk(FileIO):
    """Takes three bytes of every write and then is full."""

    free = 3

    def write(self, data: Any) -> int:
        if not self.free:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        count = super().write(bytes(data)[: self.free])
        self.free -= count
        return count


def test_a_full_disk_loses_no_earlier_line_and_leaves_no_half_line(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = written(path, step(1))
    with monkeypatch.context() as patch:
        patch.setattr("impasto.runs.files.FileIO", FullDisk)
        with pytest.raises(OSError, match="No space left on device"):
            log.append(step(2))
    assert path.read_bytes().endswith(b'}\n{"t')
    log.append(step(3))
    log.close()
    assert events_in(path) == [step(1), step(3)]


# -- progress and endings ------------------------------------------------------------------------------------

LEVEL = LevelStarted(level=1, levels=2, width=64, height=48, step=0, steps=9)
RESUMED = Resumed(step=2)
FINISHED = Finished(step=4, loss=2.0, saved_loss=2.1, seconds=8.0, reason="steps")
RESULT = ResultSaved(file="result.png", reason="steps")
STOPPED = ResultSaved(file="result.png", reason="stopped")
FAILED = Failed(message="no")


def test_progress_is_taken_from_the_last_step() -> None:
    expected = Progress(step=2, level=1, loss=5.0, seconds=4.0, size=(64, 48))
    assert run_log(LEVEL, step(1, 3.0), step(2, 4.0)).progress == expected


def test_seconds_add_up_over_resumptions() -> None:
    log = run_log(step(1, 3.0), step(2, 4.0), RESUMED, step(3, 5.5), RESUMED, RESUMED, step(4, 1.0), FINISHED)
    assert log.progress.seconds == 4.0 + 5.5 + 8.0


@pytest.mark.parametrize(
    ("events", "ending"),
    [
        ([], None),
        ([LEVEL, step(1)], None),
        ([step(1), FINISHED], None),
        ([step(1), FINISHED, RESULT], "finished"),
        ([step(1), FINISHED, STOPPED], "stopped"),
        ([step(1), FAILED], "failed"),
        ([step(1), FINISHED, FAILED], "failed"),
        ([step(1), FAILED, RESUMED], None),
        ([step(1), FINISHED, STOPPED, Changed(step=1, changes={})], None),
        ([step(1), FAILED, step(2), FINISHED, RESULT], "finished"),
    ],
)
def test_a_run_has_ended_if_its_result_or_its_failure_is_the_last_entry(
    events: list[LoggedEvent], ending: str | None
) -> None:
    assert run_log(*events).ending == ending

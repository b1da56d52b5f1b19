import errno
import json
import os
from io import FileIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from impasto.errors import InputError, RunError
from impasto.events import Event, Finished, LevelStarted, Snapshot, Step
from impasto.runs import log as module
from impasto.runs.log import EventLog, line_of

COUNTS = st.integers(0, 10**7)
FINITE = st.floats(allow_nan=False, allow_infinity=False)
EVENTS: st.SearchStrategy[Event] = st.one_of(
    st.builds(LevelStarted, level=COUNTS, levels=COUNTS, width=COUNTS, height=COUNTS, step=COUNTS, steps=COUNTS),
    st.builds(
        Step,
        step=COUNTS,
        steps=COUNTS,
        level=COUNTS,
        loss=FINITE,
        terms=st.dictionaries(st.text(), FINITE, max_size=3),
        seconds=FINITE,
        improved=st.booleans(),
    ),
    st.builds(
        Finished,
        step=COUNTS,
        loss=FINITE,
        saved_loss=FINITE,
        seconds=FINITE,
        reason=st.sampled_from(["steps", "plateau", "stopped"]),
    ),
)
KINDS = {"LevelStarted": LevelStarted, "Step": Step, "Finished": Finished}


def back(line: dict[str, Any]) -> Any:
    return KINDS[line["type"]](**{name: value for name, value in line.items() if name not in ("type", "time")})


def numbered(path: Path, count: int) -> EventLog:
    log = EventLog(path)
    for number in range(count):
        log.append({"type": "line", "number": number, "text": "é\n\r\u2028"})
    log.close()
    return log


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(events=st.lists(EVENTS, min_size=1, max_size=6))
def test_events_come_back_from_the_log_exactly(tmp_path: Path, events: list[Event]) -> None:
    path = tmp_path / "events.jsonl"
    path.unlink(missing_ok=True)
    log = EventLog(path)
    for event in events:
        log.append(line_of(event))
    log.close()
    assert [back(line) for line in EventLog(path).lines()] == events
    assert [back(json.loads(line)) for line in path.read_text().splitlines()] == events


def test_a_line_can_be_read_as_soon_as_it_is_appended(tmp_path: Path) -> None:
    log = EventLog(tmp_path / "events.jsonl")
    log.append({"type": "line"})
    assert (tmp_path / "events.jsonl").read_bytes() == b'{"type": "line"}\n'
    log.close()


def test_a_snapshot_is_logged_without_its_pixels() -> None:
    line = line_of(Snapshot(step=7, image=np.zeros((2, 2, 3), np.uint8)), file="snapshots/000007.png")
    assert line.pop("time").endswith("+00:00")
    assert line == {"type": "Snapshot", "step": 7, "file": "snapshots/000007.png"}


def test_numbers_that_json_does_not_have_are_null(tmp_path: Path) -> None:
    log = EventLog(tmp_path / "events.jsonl")
    log.append(line_of(Step(step=1, steps=2, level=0, loss=float("nan"), terms={"style": float("inf")})))
    log.close()
    line = json.loads((tmp_path / "events.jsonl").read_text(), parse_constant=pytest.fail)
    assert line["loss"] is None
    assert line["terms"] == {"style": None}


def test_a_last_line_torn_at_any_byte_is_left_out_and_cut_off(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    numbered(path, 3)
    whole = path.read_bytes()
    kept = whole[: whole.rindex(b"\n", 0, -1) + 1]
    for length in range(len(kept), len(whole)):
        path.write_bytes(whole[:length])
        log = EventLog(path)
        assert [line["number"] for line in log.lines()] == [0, 1]
        assert path.read_bytes() == whole[:length], "reading must not write"
        log.append({"type": "line", "number": 9})
        log.close()
        assert path.read_bytes() == kept + b'{"type": "line", "number": 9}\n'


def test_a_tail_that_a_power_cut_filled_with_zeros_is_cut_off(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    log = numbered(path, 2)
    with path.open("ab") as file:
        file.write(bytes(100))
    assert [line["number"] for line in log.lines()] == [0, 1]
    log.append({"type": "line", "number": 2})
    log.close()
    assert [line["number"] for line in log.lines()] == [0, 1, 2]


@pytest.mark.parametrize("damage", [b"garbage", b"[1, 2]", b'{"no": "type"}', b"\xff\xfe", b""])
def test_a_damaged_line_before_the_last_is_an_error_that_names_it(tmp_path: Path, damage: bytes) -> None:
    path = tmp_path / "events.jsonl"
    log = numbered(path, 3)
    lines = path.read_bytes().splitlines()
    path.write_bytes(b"\n".join([lines[0], damage, lines[2], b""]))
    with pytest.raises(InputError, match=r"line 2 of .*events\.jsonl cannot be read: remove that line"):
        log.lines()


def test_a_missing_log_has_no_lines(tmp_path: Path) -> None:
    assert EventLog(tmp_path / "events.jsonl").lines() == []


def test_rewriting_keeps_lines_byte_for_byte_and_adds_others(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    log = numbered(path, 4)
    lines = path.read_bytes().splitlines(keepends=True)
    with path.open("ab") as file:
        file.write(b'{"type": "to')
    log.rewrite(lambda line: line["number"] % 2 == 1, add=[{"type": "new"}])
    assert path.read_bytes() == lines[1] + lines[3] + b'{"type": "new"}\n'


def test_rewriting_on_a_full_disk_leaves_the_log_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = numbered(tmp_path / "events.jsonl", 3)
    before = (tmp_path / "events.jsonl").read_bytes()

    def no_space(*_: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "replace", no_space)
    with pytest.raises(RunError, match="No space left on device"):
        log.rewrite(lambda line: False)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"events.jsonl": before}


class FullDisk(FileIO):
    """Takes three bytes of every write and then has no room."""

    room = 3

    def write(self, data: Any) -> int:
        if not self.room:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        count = super().write(bytes(data)[: self.room])
        self.room -= count
        return count


def test_a_full_disk_loses_no_line_before_and_leaves_no_half_line_in_the_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "events.jsonl"
    log = numbered(path, 2)
    with monkeypatch.context() as patch:
        patch.setattr(module, "FileIO", FullDisk)
        with pytest.raises(RunError, match=r"cannot save .*events\.jsonl: No space left on device; ") as caught:
            log.append({"type": "line", "number": 2})
    assert "\n" not in str(caught.value)
    assert path.read_bytes().endswith(b'}\n{"t')
    log.append({"type": "line", "number": 3})
    log.close()
    assert [line["number"] for line in log.lines()] == [0, 1, 3]

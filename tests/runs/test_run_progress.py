from typing import Any

import pytest

from impasto.runs.progress import Progress, ending, progress


def step(number: int, seconds: float) -> dict[str, Any]:
    return {"type": "Step", "step": number, "level": 1, "loss": 10.0 / number, "seconds": seconds}


LEVEL = {"type": "LevelStarted", "level": 1, "levels": 2, "width": 64, "height": 48, "step": 0, "steps": 9}
RESUMED = {"type": "resumed", "step": 2}
CHANGED = {"type": "changed", "step": 2, "changes": {"style_weight": 2.0}}
FINISHED = {"type": "Finished", "step": 4, "loss": 2.0, "saved_loss": 2.1, "seconds": 8.0, "reason": "steps"}
RESULT = {"type": "result", "file": "result.png", "reason": "steps"}
STOPPED = {"type": "result", "file": "result.png", "reason": "stopped"}
FAILED = {"type": "failed", "message": "no"}


def test_nothing_logged_is_no_progress() -> None:
    assert progress([]) == Progress()


def test_progress_is_that_of_the_last_step() -> None:
    assert progress([LEVEL, step(1, 3.0), step(2, 4.0)]) == Progress(
        step=2, level=1, loss=5.0, seconds=4.0, size=(64, 48)
    )


def test_seconds_add_up_over_resumptions() -> None:
    lines = [LEVEL, step(1, 3.0), step(2, 4.0), RESUMED, step(3, 5.5), RESUMED, RESUMED, step(4, 1.0), FINISHED]
    assert progress(lines).seconds == 4.0 + 5.5 + 8.0


@pytest.mark.parametrize(
    ("lines", "how"),
    [
        ([], None),
        ([LEVEL, step(1, 1.0)], None),
        ([step(1, 1.0), FINISHED], None),
        ([step(1, 1.0), FINISHED, RESULT], "finished"),
        ([step(1, 1.0), FINISHED, STOPPED], None),
        ([step(1, 1.0), FAILED], "failed"),
        ([step(1, 1.0), FAILED, RESUMED], None),
        ([step(1, 1.0), FINISHED, RESULT, CHANGED], None),
        ([step(1, 1.0), FAILED, step(2, 2.0), FINISHED, RESULT], "finished"),
    ],
)
def test_a_run_has_ended_when_its_result_is_saved_or_it_failed_and_did_not_go_on(
    lines: list[dict[str, Any]], how: str | None
) -> None:
    assert ending(lines) == how

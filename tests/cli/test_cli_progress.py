"""The progress line on standard error."""

import io
import re

import pytest
from rich.console import Console

from impasto.cli.learning_line import LearningLine
from impasto.cli.progress import Progress
from impasto.events import LevelStarted, Notice, Step
from impasto.painting import Eta, Level

LEVELS = (Level(50, 40, 30, 1), Level(100, 80, 10, 0))


def events():
    """Yield a run of two levels: half a second per step on the first, two seconds on the second."""
    seconds = 0.0
    for index, level in enumerate(LEVELS):
        before = sum(above.steps for above in LEVELS[:index])
        yield LevelStarted(level=index, levels=2, width=level.width, height=level.height, step=before, steps=40)
        for step in range(before + 1, before + level.steps + 1):
            seconds += 0.5 if not index else 2.0
            yield Step(step=step, steps=40, level=index, loss=100.0 / step, seconds=seconds)


def test_plain_lines_show_each_level_and_each_tenth_of_the_steps(capsys):
    with Progress(Eta(LEVELS)) as progress:
        for event in events():
            progress.show(event)
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines() == [
        "impasto: level 1/2, 50 x 40",
        "impasto: step 4/40, loss 25",
        # A level that was not measured yet is a guess: 10 steps of 0.8 seconds, and its preparation.
        "impasto: step 8/40, loss 12.5, 0:21 left",
        "impasto: step 12/40, loss 8.333, 0:19 left",
        "impasto: step 16/40, loss 6.25, 0:17 left",
        "impasto: step 20/40, loss 5, 0:15 left",
        "impasto: step 24/40, loss 4.167, 0:13 left",
        "impasto: step 28/40, loss 3.571, 0:11 left",
        "impasto: level 2/2, 100 x 80",
        # The first steps of a level may be slow ones.
        "impasto: step 32/40, loss 3.125, 0:07 left",
        "impasto: step 36/40, loss 2.778, 0:08 left",
        "impasto: step 40/40, loss 2.5, 0:00 left",
    ]


def test_the_time_left_of_learning_counts_the_larger_crops_to_come(capsys):
    line, seconds, ends = LearningLine(quiet=False), 0.0, {}
    for step in range(1, 1001):
        # 128, 192 and 256 px, each as slow as it has pixels: 1,000 steps take 1,762 seconds.
        seconds += 1.0 if step <= 600 else 2.25 if step <= 850 else 4.0
        line.show(Step(step=step, steps=1000, level=0, loss=2.0, seconds=seconds))
        ends[step] = seconds
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 9
    for number, text in enumerate(lines, 1):
        found = re.fullmatch(rf"impasto: step {100 * number}/1000, loss 2, (\d+):(\d+) left", text)
        left = 60 * int(found[1]) + int(found[2])
        assert left == pytest.approx(ends[1000] - ends[100 * number], abs=1)


def test_many_steps_are_shown_in_no_more_than_ten_lines(capsys):
    progress = Progress(Eta([Level(50, 40, 5000, 0)]))
    progress.show(LevelStarted(level=0, levels=1, width=50, height=40, step=0, steps=5000))
    for step in range(1, 5001):
        progress.show(Step(step=step, steps=5000, level=0, loss=1.0, seconds=0.1 * step))
    assert len(capsys.readouterr().err.splitlines()) == 1 + 10


def test_a_terminal_gets_one_live_line_that_is_removed_at_the_end():
    screen = io.StringIO()
    console = Console(file=screen, force_terminal=True, width=100)
    with Progress(Eta(LEVELS), console=console) as progress:
        for event in events():
            progress.show(event)
            if isinstance(event, Step) and event.step == 36:
                break
        # A message redraws the line below it.
        progress.note("by the way")
    shown = screen.getvalue()
    assert "level 2/2, 100 x 80   step 36/40   loss 2.778   0:08 left" in shown
    assert "impasto: by the way" in shown
    assert shown.endswith("\x1b[2K"), "the last thing written clears the line"


@pytest.mark.parametrize(
    ("quiet", "terminal", "term", "shown"),
    [
        (True, True, "xterm", ""),
        (True, False, "xterm", ""),
        (False, False, "xterm", "impasto: level 1/2, 50 x 40\n"),
        (False, True, "dumb", "impasto: level 1/2, 50 x 40\n"),
    ],
)
def test_without_a_terminal_there_are_plain_lines_and_with_quiet_none(
    monkeypatch, capsys, quiet, terminal, term, shown
):
    monkeypatch.setenv("TERM", term)
    monkeypatch.setattr("sys.stderr.isatty", lambda: terminal)
    with Progress(Eta(LEVELS), quiet=quiet) as progress:
        progress.show(next(events()))
    assert capsys.readouterr().err == shown


def test_a_message_above_the_live_line_is_not_cut_into_lines():
    screen = io.StringIO()
    command = "impasto batch " + 9 * "long-name.jpg "
    with Progress(Eta(LEVELS), console=Console(file=screen, force_terminal=True, width=80)) as progress:
        progress.note(command)
    assert f"impasto: {command}" in screen.getvalue()


def test_a_notice_has_its_own_line_unless_quiet(capsys):
    notice = Notice(step=3, text="the region sky.png is too small for conv4_1: it learns from the other layers")
    Progress(Eta(LEVELS)).show(notice)
    Progress(Eta(LEVELS), quiet=True).show(notice)
    assert capsys.readouterr().err == f"impasto: {notice.text}\n"
    screen = io.StringIO()
    with Progress(Eta(LEVELS), console=Console(file=screen, force_terminal=True, width=200)) as progress:
        progress.show(notice)
    assert f"impasto: {notice.text}" in screen.getvalue()


class ClosedTerminal(io.StringIO):
    def write(self, text):
        raise OSError(5, "Input/output error")


def test_a_terminal_that_is_closed_ends_nothing():
    with Progress(Eta(LEVELS), console=Console(file=ClosedTerminal(), force_terminal=True)) as progress:
        for event in events():
            progress.show(event)
        progress.note("nobody reads this")

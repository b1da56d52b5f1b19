"""What is seen on standard error on the way."""

import io

import pytest
from rich.console import Console

from impasto.cli.display import Display, LiveDisplay, PlainDisplay, make_display
from impasto.events import LevelStarted, Notice, Step
from impasto.painting import Level
from impasto.painting.estimate import Estimate

LEVELS = (Level(50, 40, 30, 1), Level(100, 80, 10, 0))


def events():
    """Tell a run of two levels, half a second a step on the first and two seconds on the second."""
    seconds = 0.0
    for index, level in enumerate(LEVELS):
        before = sum(above.steps for above in LEVELS[:index])
        yield LevelStarted(level=index, levels=2, width=level.width, height=level.height, step=before, steps=40)
        for step in range(before + 1, before + level.steps + 1):
            seconds += 0.5 if not index else 2.0
            yield Step(step=step, steps=40, level=index, loss=100.0 / step, seconds=seconds)


def test_plain_lines_tell_each_level_and_each_tenth_of_the_steps(capsys):
    display = PlainDisplay(Estimate(LEVELS))
    with display:
        for event in events():
            display.show(event)
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines() == [
        "impasto: level 1/2, 50 x 40",
        # 26 steps of half a second, 10 of two.
        "impasto: step 4/40, loss 25, 0:33 left",
        "impasto: step 8/40, loss 12.5, 0:31 left",
        "impasto: step 12/40, loss 8.333, 0:29 left",
        "impasto: step 16/40, loss 6.25, 0:27 left",
        "impasto: step 20/40, loss 5, 0:25 left",
        "impasto: step 24/40, loss 4.167, 0:23 left",
        "impasto: step 28/40, loss 3.571, 0:21 left",
        "impasto: level 2/2, 100 x 80",
        "impasto: step 32/40, loss 3.125, 0:16 left",
        "impasto: step 36/40, loss 2.778, 0:08 left",
        "impasto: step 40/40, loss 2.5, 0:00 left",
    ]


def test_many_steps_are_told_in_no_more_than_ten_lines(capsys):
    level = Level(50, 40, 5000, 0)
    display = PlainDisplay(Estimate([level]))
    display.show(LevelStarted(level=0, levels=1, width=50, height=40, step=0, steps=5000))
    for step in range(1, 5001):
        display.show(Step(step=step, steps=5000, level=0, loss=1.0, seconds=0.1 * step))
    assert len(capsys.readouterr().err.splitlines()) == 1 + 10


def test_a_terminal_gets_one_live_line_that_is_taken_away_at_the_end():
    screen = io.StringIO()
    console = Console(file=screen, force_terminal=True, width=100)
    with LiveDisplay(Estimate(LEVELS), console) as display:
        for event in events():
            display.show(event)
            if isinstance(event, Step) and event.step == 36:
                break
        display._live.refresh()
        display.note("by the way")
    shown = screen.getvalue()
    assert "level 2/2, 100 x 80   step 36/40   loss 2.778   0:08 left" in shown
    assert "impasto: by the way" in shown
    assert shown.endswith("\x1b[2K"), "the last thing done is to clear the line"


@pytest.mark.parametrize(
    ("quiet", "terminal", "kind"),
    [(True, True, Display), (True, False, Display), (False, True, LiveDisplay), (False, False, PlainDisplay)],
)
def test_the_display_suits_the_stream(monkeypatch, quiet, terminal, kind):
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr("sys.stderr.isatty", lambda: terminal)
    assert type(make_display(Estimate(LEVELS), quiet=quiet)) is kind


def test_a_notice_is_told_on_a_line_of_its_own_unless_one_wants_quiet(capsys):
    notice = Notice(step=3, text="the region sky.png is too small for conv4_1: it learns from the other layers")
    for display in (PlainDisplay(Estimate(LEVELS)), Display()):
        display.show(notice)
    assert capsys.readouterr().err == f"impasto: {notice.text}\n"
    screen = io.StringIO()
    with LiveDisplay(Estimate(LEVELS), Console(file=screen, force_terminal=True, width=200)) as display:
        display.show(notice)
    assert f"impasto: {notice.text}" in screen.getvalue()

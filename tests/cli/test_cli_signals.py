"""Ctrl-C, SIGTERM and SIGHUP: the picture so far is saved, the exit code is 130, the run can be resumed."""

import contextlib
import os
import signal
import subprocess
import threading
import time

import numpy as np
import PIL.Image
import pytest

from impasto.cli.console import stop_signals
from impasto.cli.progress import Progress
from impasto.events import Step

ENDLESS = ["--size", 48, "--steps", 1_000_000, "--levels", 1, "--device", "cpu", "--precision", "fp32"]


def wait_for(path, process: subprocess.Popen, seconds: float = 120.0) -> None:
    """Wait until a file exists, which shows that the process paints."""
    deadline = time.monotonic() + seconds
    while not path.exists():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline, f"no {path.name} after {seconds} seconds"
        time.sleep(0.02)


@pytest.fixture
def interrupt(monkeypatch):
    """Return a function that lets Ctrl-C be pressed in a step, and again when the program has reacted."""

    def arrange(*, step: int = 2, again: bool = False) -> None:
        has_reacted = threading.Event()

        def show(self, event):
            if isinstance(event, Step) and event.step == step:
                os.kill(os.getpid(), signal.SIGINT)
                has_reacted.wait()

        def note(self, text):
            if "press Ctrl-C again" in text:
                has_reacted.set()
                if again:
                    os.kill(os.getpid(), signal.SIGINT)

        monkeypatch.setattr(Progress, "show", show)
        monkeypatch.setattr(Progress, "note", note)

    return arrange


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP], ids=lambda number: number.name)
def test_a_signal_saves_the_picture_so_far_and_exits_with_130(start, folder, number):
    process = start("photo.png", "style.jpg", "-o", "out.png", "--snapshots", 2, *ENDLESS)
    wait_for(folder / "out-000002.png", process)
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (130, b"out.png\n"), err
    assert b"the picture so far was saved as out.png; it cannot be continued: " in err
    assert b"Traceback" not in err
    assert np.asarray(PIL.Image.open(folder / "out.png")).shape == (36, 48, 3)


def test_a_signal_before_anything_is_painted_saves_nothing(start, folder):
    os.mkfifo(folder / "never.png")
    process = start("never.png", "style.jpg", "-o", "out.png")
    # Opens when the program reads, and keeps it waiting.
    with (folder / "never.png").open("wb"):
        process.send_signal(signal.SIGINT)
        # A signal between the system calls `open` and `read` does not wake the second; a person presses Ctrl-C again.
        for _ in range(6):
            with contextlib.suppress(subprocess.TimeoutExpired):
                out, err = process.communicate(timeout=10)
                break
            process.send_signal(signal.SIGINT)
    assert (process.returncode, out, err) == (130, b"", b"impasto: stopped; nothing was saved\n")
    assert not (folder / "out.png").exists()


def test_the_picture_is_saved_when_the_terminal_is_closed(start, folder):
    terminal, own_end = os.openpty()
    words = ("photo.png", "style.jpg", "-o", "out.png", "--snapshots", 2, *ENDLESS)
    process = start(*words, stdout=own_end, stderr=own_end)
    os.close(own_end)
    wait_for(folder / "out-000002.png", process)
    os.close(terminal)
    process.send_signal(signal.SIGHUP)
    assert process.wait(60) == 130
    assert np.asarray(PIL.Image.open(folder / "out.png")).shape == (36, 48, 3)


def test_a_stopped_run_is_resumed_to_the_same_picture(stylize, impasto, folder, monkeypatch, interrupt):
    steps = ["--steps", 16, "--levels", 1]
    whole = stylize("-o", "whole.png", *steps)
    assert whole.code == 0

    interrupt()
    stopped = stylize("-o", "parts.png", "--run", "it is kept", "--quiet", *steps)
    assert stopped.code == 130, stopped
    assert "`impasto resume 'it is kept'` continues it" in stopped.err
    halfway = np.asarray(PIL.Image.open(folder / "parts.png"))
    monkeypatch.undo()
    monkeypatch.chdir(folder)
    resumed = impasto("resume", "it is kept")
    assert (resumed.code, resumed.out) == (0, f"{folder / 'parts.png'}\n"), resumed
    assert (np.asarray(PIL.Image.open(folder / "parts.png")) != halfway).any()
    assert (folder / "parts.png").read_bytes() == (folder / "whole.png").read_bytes()


@pytest.mark.parametrize(
    ("name", "options"), [("out.tif", ["--bits", 16]), ("out.png", ["--bits", 16]), ("out.jpg", ["--quality", 60])]
)
def test_a_resumed_run_is_saved_with_the_bits_and_the_quality_that_it_was_begun_with(
    stylize, impasto, folder, monkeypatch, interrupt, name, options
):
    assert stylize("-o", f"whole-{name}", "--steps", 16, *options).code == 0
    interrupt()
    assert stylize("-o", name, "--run", "kept", "--quiet", "--steps", 16, *options).code == 130
    monkeypatch.undo()
    monkeypatch.chdir(folder)
    assert impasto("resume", "kept").code == 0
    assert (folder / name).read_bytes() == (folder / f"whole-{name}").read_bytes()


def test_a_stopped_run_is_saved_beside_the_picture_of_another_run(stylize, folder, interrupt):
    (folder / "out.jpg").write_bytes(b"painted yesterday")
    for name in ("out-unfinished.png", "out-unfinished-2.png"):
        interrupt()
        stopped = stylize("-o", "out.jpg", "--steps", 16, "--quiet")
        assert (stopped.code, stopped.out) == (130, f"{name}\n")
        where = f"the picture so far was saved as {name}, and out.jpg is left as it was"
        kept = "it cannot be continued: only a run of `impasto stylize --run FOLDER` can"
        assert stopped.errors[-1].endswith(f"{where}; {kept}")
        assert PIL.Image.open(folder / name).size == (48, 36)
    assert (folder / "out.jpg").read_bytes() == b"painted yesterday"


def test_a_run_that_is_stopped_again_replaces_its_own_unfinished_picture(stylize, impasto, folder, interrupt):
    interrupt()
    stylize("-o", "out.png", "--run", "kept", "--quiet", "--steps", 16)
    halfway = (folder / "out.png").read_bytes()
    interrupt(step=4)
    again = impasto("resume", "kept", "--quiet")
    assert (again.code, again.out) == (130, f"{folder / 'out.png'}\n")
    assert (folder / "out.png").read_bytes() != halfway


@pytest.mark.parametrize("other", ["finished", "no picture"])
def test_a_run_that_is_stopped_again_replaces_nothing_else(stylize, impasto, folder, interrupt, other):
    assert stylize("-o", "out.png", "--steps", 16).code == 0
    if other == "no picture":
        (folder / "out.png").write_bytes(b"a letter")
    before = (folder / "out.png").read_bytes()
    interrupt()
    stylize("-o", "parts.png", "--run", "kept", "--quiet", "--steps", 16)
    interrupt(step=4)
    assert impasto("resume", "kept", "-o", "out.png", "--quiet").out == "out-unfinished.png\n"
    assert (folder / "out.png").read_bytes() == before


def test_the_second_signal_ends_the_program_without_a_picture(stylize, folder, interrupt):
    interrupt(again=True)
    outcome = stylize("-o", "out.png", "--quiet", "--steps", 50)
    assert (outcome.code, outcome.out) == (130, "")
    assert outcome.err == "impasto: stopped; nothing was saved\n"
    assert not (folder / "out.png").exists()


def test_the_first_signal_calls_and_the_second_interrupts():
    calls = []
    with stop_signals(lambda: calls.append("stop")):
        os.kill(os.getpid(), signal.SIGTERM)
        assert calls == ["stop"]
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
    assert calls == ["stop"]


def test_handlers_are_restored_and_ignored_signals_stay_ignored():
    before = signal.signal(signal.SIGTERM, signal.SIG_IGN)
    try:
        with stop_signals():
            assert signal.getsignal(signal.SIGTERM) is signal.SIG_IGN
            assert signal.getsignal(signal.SIGINT) is not before
    finally:
        signal.signal(signal.SIGTERM, before)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler

"""Ctrl-C and SIGTERM: what is there is saved, the exit code is 130, and the run can go on later."""

import os
import signal
import subprocess
import time

import numpy as np
import PIL.Image
import pytest

from impasto.cli.display import Display
from impasto.cli.signals import first_signal_calls, sigterm_as_interrupt
from impasto.events import Step

ENDLESS = ["--size", 48, "--steps", 1_000_000, "--levels", 1, "--device", "cpu", "--precision", "fp32"]


def wait_for(path, process: subprocess.Popen, seconds: float = 120.0) -> None:
    """Wait until a file is there, as a sign that the process paints."""
    deadline = time.monotonic() + seconds
    while not path.exists():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline, f"no {path.name} after {seconds} seconds"
        time.sleep(0.02)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["ctrl-c", "sigterm"])
def test_a_signal_in_the_middle_saves_what_is_there_and_exits_with_130(start, folder, number):
    process = start("stylize", "photo.png", "style.jpg", "-o", "out.png", "--snapshots", 2, *ENDLESS)
    wait_for(folder / "out-000002.png", process)
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (130, b"out.png\n"), err
    assert b"what is there was saved (48 x 36)" in err
    assert b"Traceback" not in err
    assert np.asarray(PIL.Image.open(folder / "out.png")).shape == (36, 48, 3)


def test_a_signal_before_anything_is_painted_saves_nothing(start, folder):
    os.mkfifo(folder / "never.png")
    process = start("stylize", "never.png", "style.jpg", "-o", "out.png")
    # Opens as soon as the program reads, and keeps it waiting.
    with (folder / "never.png").open("wb"):
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert (process.returncode, out, err) == (130, b"", b"impasto: stopped; nothing was saved\n")
    assert not (folder / "out.png").exists()


def test_a_stopped_run_goes_on_to_the_same_picture(stylize, impasto, folder, monkeypatch):
    steps = ["--steps", 16, "--levels", 1]
    whole = stylize("-o", "whole.png", *steps)
    assert whole.code == 0

    def show(self, event):
        if isinstance(event, Step) and event.step == 1:
            os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(Display, "show", show)
    stopped = stylize("-o", "parts.png", "--run", "kept", "--quiet", *steps)
    assert stopped.code == 130, stopped
    assert "`impasto resume kept` goes on" in stopped.err
    halfway = np.asarray(PIL.Image.open(folder / "parts.png"))
    monkeypatch.undo()
    monkeypatch.chdir(folder)
    resumed = impasto("resume", "kept")
    assert (resumed.code, resumed.out) == (0, f"{folder / 'parts.png'}\n"), resumed
    assert (np.asarray(PIL.Image.open(folder / "parts.png")) != halfway).any()
    assert (folder / "parts.png").read_bytes() == (folder / "whole.png").read_bytes()


def test_the_second_signal_gives_the_picture_up(stylize, folder, monkeypatch):
    def show(self, event):
        if isinstance(event, Step) and event.step == 2:
            os.kill(os.getpid(), signal.SIGINT)
            os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(Display, "show", show)
    outcome = stylize("-o", "out.png", "--quiet", "--steps", 50)
    assert (outcome.code, outcome.out) == (130, "")
    assert outcome.err == "impasto: stopped; nothing was saved\n"
    assert not (folder / "out.png").exists()


def test_the_first_signal_calls_and_the_second_interrupts():
    calls = []
    with first_signal_calls(lambda: calls.append("stop")):
        os.kill(os.getpid(), signal.SIGTERM)
        assert calls == ["stop"]
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
    assert calls == ["stop"]


def test_handlers_are_put_back_and_ignored_signals_stay_ignored():
    before = signal.signal(signal.SIGTERM, signal.SIG_IGN)
    try:
        with sigterm_as_interrupt(), first_signal_calls(lambda: None):
            assert signal.getsignal(signal.SIGTERM) is signal.SIG_IGN
            assert signal.getsignal(signal.SIGINT) is not before
    finally:
        signal.signal(signal.SIGTERM, before)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler

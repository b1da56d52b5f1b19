"""Failures while painting: the last good picture is kept, the exit code is 1."""

import os

import numpy as np
import PIL.Image
import pytest
import torch

from impasto.cli.destination import Destination
from impasto.errors import InputError
from impasto.events import Finished
from impasto.losses import Objective
from impasto.painting import Painter


@pytest.fixture
def broken_pipe():
    """The end of a pipe without a reader."""
    read, write = os.pipe()
    os.close(read)
    yield write
    os.close(write)


@pytest.fixture
def breaks_after(monkeypatch):
    """Return a function that lets the steps after the given one raise an error; None: lets them have no finite loss."""

    def arrange(good: int, error: BaseException | None) -> None:
        real, done = Objective.value_and_grad, []

        def value_and_grad(self, *canvas):
            done.append(1)
            terms, gradient = real(self, *canvas)
            if len(done) <= good:
                return terms, gradient
            if error is not None:
                raise error
            return {name: term * float("nan") for name, term in terms.items()}, gradient

        monkeypatch.setattr(Objective, "value_and_grad", value_and_grad)

    return arrange


def test_a_loss_that_is_not_finite_keeps_the_last_good_picture(stylize, folder, breaks_after):
    breaks_after(3, None)
    (folder / "out.png").write_bytes(b"old")
    outcome = stylize("-o", "out.png", "--steps", 200, "--quiet")
    assert (outcome.code, outcome.out) == (1, "")
    assert "no finite value" in outcome.errors[0]
    assert outcome.errors[1:] == ["impasto: the last good picture was saved as out-unfinished.png"]
    assert np.asarray(PIL.Image.open(folder / "out-unfinished.png")).shape == (36, 48, 3)
    assert (folder / "out.png").read_bytes() == b"old"


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"),
        RuntimeError("[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: can't allocate memory: you tried ..."),
    ],
    ids=["python", "gpu", "cpu"],
)
def test_too_little_memory_is_reported_with_advice(stylize, folder, breaks_after, error):
    breaks_after(2, error)
    outcome = stylize("-o", "out.png", "--steps", 9, "--quiet")
    assert (outcome.code, outcome.out) == (1, "")
    assert "smaller --size" in outcome.errors[0]
    assert outcome.errors[1:] == ["impasto: the last good picture was saved as out-unfinished.png"]
    assert not (folder / "out.png").exists()


def test_before_the_first_good_step_there_is_nothing_to_keep(stylize, folder, breaks_after):
    breaks_after(0, MemoryError())
    outcome = stylize("-o", "out.png", "--quiet")
    assert (outcome.code, len(outcome.errors)) == (1, 1)
    assert not list(folder.glob("out*"))


def test_a_bug_is_shown_with_traceback_and_the_request_to_report_it(stylize, breaks_after):
    breaks_after(0, ZeroDivisionError("a mistake of ours"))
    outcome = stylize("--quiet")
    assert outcome.code == 1
    assert "report" in outcome.errors[0]
    assert "Traceback" in outcome.err
    assert outcome.errors[-1] == "ZeroDivisionError: a mistake of ours"


def test_a_picture_that_can_no_longer_be_written_is_kept_elsewhere(stylize, folder, monkeypatch):
    (folder / "stick").mkdir()
    real = Painter.paint

    def paint(self):
        for event in real(self):
            if isinstance(event, Finished):
                (folder / "stick").rmdir()
            yield event

    monkeypatch.setattr(Painter, "paint", paint)
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(folder))
    outcome = stylize("-o", "stick/out.png", "--quiet")
    assert (outcome.code, len(outcome.errors)) == (1, 1)
    assert outcome.err.endswith(f"the picture is kept as {folder / 'out-unfinished.png'}\n")
    assert np.asarray(PIL.Image.open(folder / "out-unfinished.png")).shape == (36, 48, 3)


def test_a_snapshot_that_cannot_be_written_does_not_end_the_run(stylize, folder, monkeypatch):
    real = Painter.paint

    def paint(self):
        (folder / "out-000001.png").mkdir()
        yield from real(self)

    monkeypatch.setattr(Painter, "paint", paint)
    outcome = stylize("-o", "out.png", "--snapshots", 1)
    assert outcome.code == 0
    assert any("a snapshot is missing" in line for line in outcome.errors)


def test_a_free_name_that_is_taken_meanwhile_is_not_overwritten(stylize, folder, monkeypatch):
    real = Destination.save

    def save(self, result, **options):
        (folder / "photo_style.png").write_bytes(b"somebody else's")
        return real(self, result, **options)

    monkeypatch.setattr(Destination, "save", save)
    assert stylize().out == "photo_style-2.png\n"
    assert (folder / "photo_style.png").read_bytes() == b"somebody else's"


@pytest.mark.parametrize("words", [["presets", "paper"], ["--help"]], ids=" ".join)
def test_a_reader_that_has_gone_ends_the_program_silently(start, broken_pipe, words):
    process = start(*words, stdout=broken_pipe)
    assert (process.communicate(timeout=60)[1], process.returncode) == (b"", 1)


def test_the_picture_is_saved_even_if_standard_error_is_closed(start, broken_pipe, folder):
    small = ("--size", 48, "--steps", 2, "--device", "cpu", "--precision", "fp32", "-o", "out.png")
    process = start("photo.png", "style.jpg", *small, stderr=broken_pipe)
    assert process.communicate(timeout=120)[0] == b"out.png\n"
    assert process.returncode == 0
    assert np.asarray(PIL.Image.open(folder / "out.png")).shape == (36, 48, 3)


def test_an_error_of_several_lines_is_reported_in_one(impasto, monkeypatch):
    def fail(*_):
        raise InputError("first\n  second\nthird")

    monkeypatch.setattr("impasto.images.read_metadata", fail)
    assert impasto("info", "photo.png").err == "impasto: first second third\n"

"""Errors while visitors watch, and closed pages: each error is shown in one line, and no picture is lost."""

import contextlib
import signal
import subprocess
import sys
import threading

import numpy as np
import PIL.Image
import pytest
import torch
from page_tools import DESKTOP, FEW, MANY, Server, Visit, free_port, photo_of, recipe_png, until
from patience import PATIENCE

from impasto.api import run
from impasto.events import Resumed
from impasto.images import PLATES, read_metadata
from impasto.painting.level import LevelOptimizer
from impasto.runs import RunFolder
from impasto.studio import JobHandle, Workspace

SERVE = """
import sys, time
from impasto.api import run
from impasto.cli import main
from impasto.events import Step
from impasto.studio.job import JobMonitor
run._CHECKPOINT_SECONDS = 0.0  # a checkpoint after every step
last_step, *words = sys.argv[1:]
record = JobMonitor.record
def record_and_wait(monitor, event):
    record(monitor, event)
    if isinstance(event, Step) and event.step == int(last_step):
        time.sleep(600)
JobMonitor.record = record_and_wait
sys.exit(main(words))
"""
"""A server that paints no further than a step (0: to the end)."""


def resumed_at(entry):
    return [event.step for event in RunFolder.open(entry.path).read_log().of(Resumed)]


# -- the painting fails, the server is killed --------------------------------------------------------------------------


def test_after_a_failed_step_the_next_job_is_painted_and_the_failed_one_can_be_resumed(
    visit, hills, server, monkeypatch
):
    advance, calls, before = LevelOptimizer.advance, [], len(server.studio.list_runs())

    def fail_once(optimizer):
        calls.append(optimizer)
        if len(calls) == 8:
            until(lambda: len(server.studio.list_runs()) > before + 1, "another job waits")
            raise torch.OutOfMemoryError("CUDA out of memory.\nTried to allocate 2.00 GiB")
        return advance(optimizer)

    monkeypatch.setattr(LevelOptimizer, "advance", fail_once)
    monkeypatch.setattr(run, "_CHECKPOINT_SECONDS", 0.0)
    page, other = visit(), visit()
    page.prepare(hills)
    other.prepare(hills)
    page.paint()
    until(lambda: len(server.studio.list_runs()) > before, "the first is submitted")
    other.paint()
    page.wait_until("This did not work")
    assert page.status() == "This did not work: there was not enough memory: choose a smaller size"
    other.finish()
    assert other.status() == f"Painted in {FEW} steps"

    failed = server.studio.list_runs()[1]
    assert failed.status == "failed"
    page.click("resume")
    page.finish()
    assert page.status() == f"Painted in {FEW} steps"
    assert resumed_at(failed)[-1] == 7


@contextlib.contextmanager
def served_by_a_process(folder, port, last_step, end=signal.SIGKILL):
    words = ["studio", "--workspace", str(folder), "--port", str(port), "--no-open"]
    command = [sys.executable, "-c", SERVE, str(last_step), *words]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout.readline().strip() == f"http://127.0.0.1:{port}"
            yield
        finally:
            process.send_signal(end)


def test_a_reloaded_tab_says_that_its_photo_or_style_is_gone(visit, hills, server, tmp_path):
    page = visit()
    page.prepare(hills)
    page.page.locator("#own input[type=file]").set_input_files(photo_of(tmp_path, "own.jpg", "woodcut"))
    until(lambda: page.styles() == ["own"], "it is on the wall, and chosen")
    (style,) = set(server.studio.wall.names()) - set(PLATES)
    kept = "sessionStorage.getItem('impasto-form')"
    until(lambda: style in page.page.evaluate(kept), "the form is kept")
    server.studio.wall.remove(style)
    page.page.reload()
    assert "A style that you had chosen is not on this wall any more" in page.toast()
    until(lambda: page.value("size") == 64, "the size is back")
    page.page.locator("#photo img").wait_for()
    for file in (server.workspace / "uploads").glob("*/hills.jpg"):
        file.unlink()
    page.page.reload()
    assert "The studio does not have your photo any more: choose it again" in page.toast()
    until(lambda: page.value("size") == 64, "the size is back")
    page.forgive_aborted_requests()


@pytest.mark.parametrize("end", [signal.SIGINT, pytest.param(signal.SIGKILL, marks=pytest.mark.long)])
def test_after_a_restart_a_reloaded_tab_has_its_form_again(browser, hills, tmp_path, end):
    port = free_port()
    with contextlib.closing(browser.new_context(**DESKTOP)) as context:
        page = Visit(context.new_page(), Server(f"http://127.0.0.1:{port}", tmp_path))
        with served_by_a_process(tmp_path, port, last_step=0, end=end):
            page.open()
            page.prepare(hills, size=80)
            page.choose("preset", "bold")
            page.set("size", 80)
            page.page.locator("#own input[type=file]").set_input_files(photo_of(tmp_path, "own.jpg", "woodcut"))
            until(lambda: page.styles() == ["own"], "it is on the wall, and chosen")
            page.page.locator("#styles input[name='night']").check()
            page.set("mix", 70)
            page.unfold("regions-fold")
            page.brush(0.2)
            page.choose("region-red", "woodcut")
            kept = "JSON.stringify(sessionStorage)"
            words = ("bold", "70", "woodcut", "impasto-strokes")
            until(lambda: all(one in page.page.evaluate(kept) for one in words), "the form is kept")
        with served_by_a_process(tmp_path, port, last_step=0):
            page.page.reload()
            page.page.locator("#photo img").wait_for()
            until(lambda: page.value("size") == 80, "the size is back")
            until(lambda: page.styles() == ["night", "own"], "the styles are back")
            until(lambda: page.value("mix") == 70, "their shares are back")
            assert page.page.locator("#preset input").input_value() == "bold"
            page.wait_for_strokes("red")
            assert page.page.locator("#region-red input").input_value() == "woodcut"
            page.drop_png(recipe_png(steps=FEW))
            until(lambda: page.value("size") == 64, "the settings are cheap")
            page.paint()
            page.finish()
        (entry,) = Workspace(tmp_path).list_runs()
        assert [region.style for region in entry.recipe.regions] == ["woodcut"]
        (region,) = RunFolder.open(entry.path).kept_inputs.regions
        mask = np.asarray(PIL.Image.open(entry.path / region.mask.file)) > 0
        assert (mask.any(), mask[:, 72:].any()) == (True, False), "it is where the stroke was"


@pytest.mark.long
def test_after_the_server_is_killed_its_pages_return_and_follow_their_pictures_to_the_end(browser, hills, tmp_path):
    port, workspace = free_port(), Workspace(tmp_path)
    server = Server(f"http://127.0.0.1:{port}", tmp_path)
    with contextlib.closing(browser.new_context(**DESKTOP)) as context:
        first, second = (Visit(context.new_page(), server) for _ in range(2))
        with served_by_a_process(tmp_path, port, last_step=6):
            for page, status in ((first, f"step 6 of {FEW}"), (second, "you are next")):
                page.open()
                page.prepare(hills)
                page.paint()
                page.wait_until(status)
        assert "Connection to the server was lost" in first.toast()
        assert [entry.status for entry in workspace.list_runs()] == ["waiting", "interrupted"]
        with served_by_a_process(tmp_path, port, last_step=0):
            for page in (first, second):
                page.finish()
                assert page.status() == f"Painted in {FEW} steps"
            first.open_tab("History")
            until(lambda: first.page.locator("#history .grid-container button").count() == 2, "both are listed")
    assert [entry.status for entry in workspace.list_runs()] == ["finished", "finished"]
    assert [resumed_at(entry) for entry in workspace.list_runs()] == [[], [5]]


# -- messages in the words of the page ---------------------------------------------------------------------------------


def test_a_result_smaller_than_asked_for_is_explained_in_the_words_of_the_page(visit, hills):
    page = visit()
    page.prepare(hills, size=256)
    page.paint()
    page.finish()
    notice = page.page.locator("#status .notice").inner_text()
    assert "96 x 72" in notice
    assert "'Upscale' paints it at 256" in notice


def test_a_number_out_of_bounds_is_refused_with_the_name_of_its_setting(visit, hills, server):
    page, before = visit(), len(server.studio.list_runs())
    page.prepare(hills)
    page.unfold("more", "schedule")
    page.set("field-steps", 0)
    page.paint()
    assert "steps" in page.toast().lower()
    assert len(server.studio.list_runs()) == before


def test_a_number_that_is_typed_beside_a_slider_is_never_out_of_bounds(visit, hills, server, monkeypatch):
    estimated = [0]
    monkeypatch.setattr(server.studio, "estimate", lambda *_, recipe, **__: estimated.append(recipe.picture.size))
    page = visit()
    page.prepare(hills)
    box = page.page.locator("#size input[type=number]")
    box.fill("")
    box.press_sequentially("192")
    until(lambda: estimated[-1] == 192, "a size that is typed is estimated")
    for typed, taken in (("9999", 2048), ("", 2048), ("1", 64)):
        box.fill(typed)
        box.press("Tab")
        until(lambda taken=taken: estimated[-1] == page.value("size") == taken, f"{typed!r} becomes {taken}")
    assert not page.page.locator(".toast-body").count()


def test_a_page_elsewhere_cannot_show_the_studio_in_a_frame(server, browser):
    with contextlib.closing(browser.new_page()) as page:
        page.set_content(f"<iframe src={server.url}></iframe>")
        until(lambda: page.frames[1].url not in ("", "about:blank"), "the frame has an answer")
        assert not page.frames[1].url.startswith(server.url)


# -- pictures that are refused -----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def enormous(tmp_path_factory):
    """The path of a PNG of 20000 x 10000 black pixels, of one bit each: a few kilobytes."""
    path = tmp_path_factory.mktemp("enormous") / "enormous.png"
    PIL.Image.new("1", (20_000, 10_000)).save(path)
    return path


@pytest.mark.long
def test_a_picture_of_200_megapixels_is_refused_before_it_is_decoded(visit, server, enormous, monkeypatch):
    decoded, page = [], visit()
    monkeypatch.setattr("impasto.images.decode._read_pixels", lambda *given: decoded.append(given))
    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", lambda *given: decoded.append(given))
    for field in ("photo", "own"):
        page.page.locator(f"#{field} input[type=file]").set_input_files(enormous)
        message = page.toast()
        assert "enormous.png has 20000 x 10000 pixels, 200 megapixels, and this studio takes up to 50" in message
        assert "/" not in message
        page.close_toast()
        until(lambda field=field: page.page.locator(f"#{field} input[type=file]").count(), "the field is empty again")
    assert decoded == []


def test_a_truncated_photo_and_one_above_the_upload_limit_are_refused_in_one_line(
    visit, hills, server, monkeypatch, tmp_path
):
    page = visit()
    truncated = tmp_path / "truncated.jpg"
    truncated.write_bytes(hills.read_bytes()[:-400])
    page.page.locator("#photo input[type=file]").set_input_files(truncated)
    assert "truncated.jpg" in page.toast()
    assert "/" not in page.toast()
    page.close_toast()
    until(lambda: not page.page.locator("#photo img").count(), "the field is empty")
    monkeypatch.setattr(server.blocks, "max_file_size", 1000)
    page.page.locator("#photo input[type=file]").set_input_files(hills)
    assert page.toast().endswith("This file has more than 100 MB, which this studio does not take: make it smaller")
    page.problems.clear()  # the browser reports the refused request


# -- several tabs, closed tabs -----------------------------------------------------------------------------------------


@pytest.mark.long
def test_two_tabs_of_one_browser_follow_their_own_pictures(visit, hills, server, monkeypatch):
    first, second = visit(), visit()
    first.prepare(hills, steps=MANY)
    second.prepare(hills)
    second.set("strength", 77)
    first.paint()
    first.wait_for_step()
    second.paint()
    second.wait_until("you are next")
    assert " step " in first.status()
    first.click("stop")
    for page in (first, second):
        page.finish()
    assert "Stopped after" in first.status()
    assert second.status() == f"Painted in {FEW} steps"
    assert read_metadata(second.download("download-png"))["recipe"]["style"]["strength"] == 77

    # After a restart the server has no jobs for runs that were finished before.
    monkeypatch.setattr(server.studio, "job", lambda name: None)
    second.page.reload()
    second.finish()
    assert second.status() == f"Painted in {FEW} steps"
    assert second.picture().startswith("data:image/jpeg")


@pytest.fixture
def closed(monkeypatch):
    """The jobs whose pages were closed; the grace period is ended by `end_grace_period`."""
    monkeypatch.setattr("impasto.studio.job.GRACE_SECONDS", PATIENCE)
    closed, page_closed = [], JobHandle.page_closed

    def closing(job, page):
        page_closed(job, page)
        closed.append(job)

    monkeypatch.setattr(JobHandle, "page_closed", closing)
    return closed


def end_grace_period():
    """Let the running timers expire now."""
    for thread in threading.enumerate():
        if isinstance(thread, threading.Timer):
            thread.function()


@pytest.mark.parametrize(("on_close", "ends"), [("cancel", ["stopped"]), ("go_on", ["finished", "finished"])])
def test_jobs_of_closed_pages_are_stopped_if_the_studio_is_configured_so(
    browser, hills, server, monkeypatch, on_close, ends, hold_after, closed
):
    monkeypatch.setattr(server.studio, "on_close", on_close)
    before = {entry.name for entry in server.studio.list_runs()}
    hold = hold_after(3)
    with contextlib.closing(browser.new_context(**DESKTOP)) as context:
        for status in ("step 3 of", "you are next"):
            page = Visit(context.new_page(), server).open()
            page.prepare(hills)
            page.paint()
            page.wait_until(status)
    jobs = [server.studio.job(entry.name) for entry in server.studio.list_runs() if entry.name not in before]
    until(lambda: set(jobs) <= set(closed), "the server has noticed that both pages are closed")
    end_grace_period()
    assert jobs[0].state == ("stopped" if on_close == "cancel" else "waiting")
    hold.release()
    assert all(job.wait(PATIENCE) for job in jobs)
    assert [entry.status for entry in server.studio.list_runs() if entry.name not in before] == ends


def test_a_reloaded_page_keeps_its_job_if_jobs_of_closed_pages_are_stopped(
    visit, hills, server, monkeypatch, hold_after, closed
):
    monkeypatch.setattr(server.studio, "on_close", "cancel")
    hold = hold_after(3)
    page = visit()
    page.prepare(hills)
    page.paint()
    page.wait_until("step 3 of")
    first = server.newest_job()
    page.page.reload()
    until(lambda: first in closed, "the server has noticed that the page was closed")
    page.wait_until("step 3 of")
    end_grace_period()
    # Nor does a page close a job by submitting another one.
    page.prepare(hills)
    page.paint()
    page.wait_until("you are next")
    end_grace_period()
    hold.release()
    page.finish()
    assert page.status() == f"Painted in {FEW} steps"
    assert first.state == "finished"
    page.forgive_aborted_requests()


# -- strength moved during painting ------------------------------------------------------------------------------------


@pytest.mark.long
def test_a_strength_moved_during_painting_keeps_more_or_less_of_the_photo(visit, hills, server, hold_after):
    page = visit()
    page.prepare(hills, steps=30)
    photo, distances = np.asarray(PIL.Image.open(hills).resize((64, 48)), float), {}
    for strength in (50, 95, 5):
        page.set("strength", 50)
        hold = hold_after(10)
        page.paint()
        hold.wait()
        job = server.newest_job()
        page.set("strength", strength)
        until(lambda job=job, to=strength: job.recipe.after().style.strength == to, "the strength is the new one")
        hold.release()
        page.wait_until("Painted in 30 steps")
        distances[strength] = np.abs(np.asarray(PIL.Image.open(job.result()), float) - photo).mean()
    assert distances[5] < distances[50] < distances[95]

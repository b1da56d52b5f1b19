"""What goes wrong while people look at the page, and pages that are closed: each is told, and nothing is lost."""

import contextlib
import signal
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
import torch
from page_tools import FEW, MANY, Server, Visit, free_port, until
from patience import PATIENCE

from impasto.api import run
from impasto.images import read_metadata
from impasto.painting.stage import Stage
from impasto.runs import RunFolder
from impasto.score import score_picture
from impasto.studio import JobHandle, Workspace

SERVE = """
import sys, time
from impasto.api import run
from impasto.cli import main
from impasto.events import Step
from impasto.studio.job import JobMonitor
run._CHECKPOINT_SECONDS = 0.0  # a checkpoint after every step
hold, *words = sys.argv[1:]
record = JobMonitor.record
def heard(watch, event):
    record(watch, event)
    if isinstance(event, Step) and event.step == int(hold):
        time.sleep(600)
JobMonitor.record = heard
sys.exit(main(words))
"""
"""A server that paints no further than a step (0: to the end)."""


def lines(path, kind):
    return [line for line in RunFolder.open(path).events() if line["type"] == kind]


def one_tab_more(page: Visit) -> Visit:
    """Open the page once more in the same browser."""
    return Visit(page.page.context.new_page(), page.server).open()


# -- the painting fails, the server is killed --------------------------------------------------------------------------


def test_a_step_that_fails_is_told_in_one_line_the_next_in_line_is_painted_and_the_first_can_go_on(
    visit, hills, server, monkeypatch
):
    advance, done = Stage.advance, []

    def fail_once(stage):
        done.append(stage)
        if len(done) == 8:
            until(lambda: len(begun := server.studio.list_runs()) > before + 1 and begun, "somebody else waits")
            raise torch.OutOfMemoryError("CUDA out of memory.\nTried to allocate 2.00 GiB")
        return advance(stage)

    before = len(server.studio.list_runs())
    monkeypatch.setattr(Stage, "advance", fail_once)
    monkeypatch.setattr(run, "_CHECKPOINT_SECONDS", 0.0)
    page = visit()
    page.prepare(hills)
    other = one_tab_more(page)
    other.prepare(hills)
    page.paint()
    until(lambda: len(server.studio.list_runs()) > before, "the first has ordered")
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
    assert lines(failed.path, "resumed")[-1]["step"] == 7


@contextlib.contextmanager
def served_by_a_process(folder, port, hold):
    command = [sys.executable, "-c", SERVE, str(hold), "studio", "--workspace", str(folder), "--port", str(port)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            url = process.stdout.readline().strip()
            assert url == f"http://127.0.0.1:{port}"
            yield process
        finally:
            process.send_signal(signal.SIGKILL)


def test_after_the_server_is_killed_its_pages_come_back_and_follow_their_pictures_to_the_end(browser, hills, tmp_path):
    port = free_port()
    workspace = Workspace(tmp_path)
    with contextlib.closing(browser.new_context(viewport={"width": 1280, "height": 900}, locale="en-US")) as context:
        with served_by_a_process(tmp_path, port, hold=6):
            first = Visit(context.new_page(), Server(f"http://127.0.0.1:{port}", tmp_path)).open()
            first.prepare(hills)
            first.paint()
            first.wait_until(f"step 6 of {FEW}")
            second = one_tab_more(first)
            second.prepare(hills)
            second.paint()
            second.wait_until("you are next")
        assert "Connection to the server was lost" in first.toast()
        assert [entry.status for entry in workspace.list_runs()] == ["waiting", "interrupted"]
        with served_by_a_process(tmp_path, port, hold=0):
            for page in (first, second):
                page.finish()
                assert page.status() == f"Painted in {FEW} steps"
            first.page.get_by_role("tab", name="History").click()
            until(lambda: first.page.locator("#history .grid-container button").count() == 2, "both are in the history")
    assert [entry.status for entry in workspace.list_runs()] == ["finished", "finished"]
    resumed = [[line["step"] for line in lines(entry.path, "resumed")] for entry in workspace.list_runs()]
    assert resumed == [[], [5]]


# -- pictures that cannot be taken -------------------------------------------------------------------------------------


def chunk(kind: bytes, data: bytes) -> bytes:
    return len(data).to_bytes(4, "big") + kind + data + zlib.crc32(kind + data).to_bytes(4, "big")


@pytest.fixture(scope="module")
def enormous(tmp_path_factory) -> Path:
    """A whole PNG of 20000 x 10000 black pixels, of one bit each: a few kilobytes."""
    width, height = 20_000, 10_000
    head = width.to_bytes(4, "big") + height.to_bytes(4, "big") + bytes([1, 0, 0, 0, 0])
    rows = zlib.compress(bytes((1 + width // 8) * height), 9)
    path = tmp_path_factory.mktemp("enormous") / "enormous.png"
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b""))
    return path


def test_a_picture_of_200_megapixels_is_refused_by_its_head_wherever_it_is_given(visit, server, enormous, monkeypatch):
    gr = pytest.importorskip("gradio")
    from impasto.studio.page.crop import Crop

    decoded, page = [], visit()
    monkeypatch.setattr("impasto.images.decode._read_pixels", lambda *given: decoded.append(given))
    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", lambda *given: decoded.append(given))
    page.page.locator("#photo input[type=file]").set_input_files(enormous)
    for _ in range(2):
        told = page.toast()
        assert "enormous.png has 20000 x 10000 pixels, 200 megapixels, and this studio takes up to 50" in told
        assert "/" not in told
        page.page.locator(".toast-close").last.click()
        until(lambda: page.page.locator(".toast-body").count() == 0, "the line is gone")
        page.paint()
    # Browsers lay such a picture out at great length where it is a style, so that the page is asked without one.
    with gr.Blocks(), pytest.raises(gr.Error, match=r"enormous\.png has 20000 x 10000 pixels"):
        Crop(gr.Gallery(), server.studio.limits, str)._changed([str(enormous)], [], gr.Request())
    assert decoded == []


def test_a_photo_that_is_cut_off_or_above_the_limit_of_uploads_is_refused_in_one_line(
    visit, hills, server, monkeypatch, tmp_path
):
    page = visit()
    cut = tmp_path / "cut.jpg"
    cut.write_bytes(hills.read_bytes()[:-400])
    page.page.locator("#photo input[type=file]").set_input_files(cut)
    assert "cut.jpg" in page.toast()
    assert "/" not in page.toast()
    monkeypatch.setattr(server.blocks, "max_file_size", 1000)
    other = one_tab_more(page)
    other.page.locator("#photo input[type=file]").set_input_files(hills)
    assert "File size exceeded maximum allowed size of 1000 bytes" in other.toast()


# -- several tabs, closed tabs -----------------------------------------------------------------------------------------


def test_two_tabs_of_one_browser_follow_each_its_own_picture(visit, hills, server, monkeypatch):
    first = visit()
    first.prepare(hills, steps=MANY)
    second = one_tab_more(first)
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
    with second.page.expect_download() as download:
        second.click("download-png")
    assert read_metadata(download.value.path())["recipe"]["strength"] == 77

    # After a restart of the server nobody holds a job of what was finished before.
    monkeypatch.setattr(server.studio, "job", lambda name: None)
    second.page.reload()
    second.finish()
    assert second.status() == f"Painted in {FEW} steps"
    assert second.picture().startswith("data:image/jpeg")


@pytest.mark.parametrize(("on_close", "ends"), [("cancel", ["stopped"]), ("go_on", ["finished", "finished"])])
def test_closing_a_page_gives_up_its_picture_where_the_studio_was_so_told(
    browser, hills, server, monkeypatch, on_close, ends, hold_after
):
    monkeypatch.setattr("impasto.studio.job.GRACE_SECONDS", 0.5)
    monkeypatch.setattr(server.studio, "on_close", on_close)
    left, leave = [], JobHandle.page_closed
    monkeypatch.setattr(JobHandle, "page_closed", lambda job: (leave(job), left.append(job)))
    before = {entry.name for entry in server.studio.list_runs()}
    brush = hold_after(3)
    context = browser.new_context(locale="en-US")
    first = Visit(context.new_page(), server).open()
    first.prepare(hills)
    first.paint()
    first.wait_until("step 3 of")
    second = one_tab_more(first)
    second.prepare(hills)
    second.paint()
    second.wait_until("you are next")
    jobs = [server.studio.job(entry.name) for entry in server.studio.list_runs() if entry.name not in before]
    context.close()
    # Pages of the test before may be noticed only now.
    until(lambda: all(job in left for job in jobs), "the server has noticed that both pages are gone")
    if on_close == "cancel":
        until(lambda: [job.state for job in jobs] == ["stopped", "painting"], "the one that waits is given up")
    brush.let_go()
    assert all(job.wait(PATIENCE) for job in jobs)
    assert [entry.status for entry in server.studio.list_runs() if entry.name not in before] == ends


def counts_down(job: JobHandle) -> bool:
    """Tell whether an order is about to be given up."""
    return job._grace_timer is not None and not job._grace_timer.finished.is_set()


def test_a_page_that_is_loaded_again_keeps_its_picture_where_closed_pages_give_theirs_up(
    visit, hills, server, monkeypatch, hold_after
):
    monkeypatch.setattr(server.studio, "on_close", "cancel")
    monkeypatch.setattr("impasto.studio.job.GRACE_SECONDS", PATIENCE)
    left, leave = [], JobHandle.page_closed
    monkeypatch.setattr(JobHandle, "page_closed", lambda job: (leave(job), left.append(job)))
    brush = hold_after(3)
    page = visit()
    page.prepare(hills)
    page.paint()
    page.wait_until("step 3 of")
    first = server.studio.job(server.newest().name)
    page.page.reload()
    until(lambda: first in left, "the server has noticed that the page is gone")
    page.wait_until("step 3 of")
    until(lambda: not counts_down(first), "the page is back")
    # Nor is a page closed that turns to its next picture.
    page.prepare(hills)
    page.paint()
    page.wait_until("you are next")
    assert not counts_down(first)
    brush.let_go()
    page.finish()
    assert page.status() == f"Painted in {FEW} steps"
    assert first.state == "finished"
    # The browser gave up the connections of the page before, of which Gradio's own script complained.
    page.problems.clear()


# -- strength, moved while it paints -----------------------------------------------------------------------------------


def test_strength_that_is_moved_while_it_paints_loses_more_or_less_of_the_photo_than_unmoved(
    visit, hills, server, hold_after
):
    page = visit()
    page.prepare(hills, steps=30, size=64)
    photo = np.asarray(PIL.Image.open(hills))
    lost = {}
    for strength in (50, 95, 5):
        page.set("strength", 50)
        brush = hold_after(10)
        page.paint()
        brush.wait()
        job = server.studio.job(server.newest().name)
        page.set("strength", strength)
        until(lambda job=job, to=strength: job.recipe.strength == to, "the strength is the new one")
        brush.let_go()
        page.wait_until("Painted in 30 steps")
        page.finish()
        result = np.asarray(PIL.Image.open(job.result()))
        lost[strength] = score_picture(result, photo, photo[::-1].copy()).content
    assert lost[5] < lost[50] < lost[95]

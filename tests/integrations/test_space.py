"""The Space, served by its own app.py: it paints, has limits, and shows nobody the pictures of others."""

import importlib.util
import json
import os
import re
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import PIL.Image
import pytest
import yaml

from impasto.errors import InputError
from impasto.images import PLATES, quantize
from impasto.recipe import Recipe

SPACE = Path(__file__).parents[2] / "integrations" / "space"
PATIENCE = 120


@pytest.fixture(scope="module")
def app():
    specification = importlib.util.spec_from_file_location("space_app", SPACE / "app.py")
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


@pytest.fixture
def studio(app, tmp_path):
    with app.PublicStudio(app.PublicWorkspace(tmp_path / "studio"), on_close="cancel") as opened:
        yield opened


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    """The address of the page, as a process of its own serves it."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    temporary = tmp_path_factory.mktemp("space")
    environment = os.environ | {"PORT": str(port), "TMPDIR": str(temporary)}
    words = [sys.executable, SPACE / "app.py"]
    with subprocess.Popen(words, env=environment, stdout=subprocess.PIPE, text=True) as served:
        assert served.stdout.readline() == f"the page is at port {port}\n"
        yield f"http://127.0.0.1:{port}"
        served.kill()


def test_a_visitor_paints_in_the_browser_and_sees_neither_history_nor_comparisons(address, browser, tmp_path, photo):
    PIL.Image.fromarray(quantize(photo)).save(tmp_path / "photo.png")
    page = browser.new_page(locale="en-US")
    errors = []
    page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    page.goto(address)
    page.get_by_role("button", name="Paint", exact=True).wait_for(timeout=PATIENCE * 1000)
    assert page.get_by_role("tab", name="Paint").is_visible()
    assert page.get_by_role("tab", name=re.compile("Film|Webcam|History|Compare")).count() == 0
    assert page.locator("#own").count() == 0
    page.locator("input[type=file]").first.set_input_files(tmp_path / "photo.png")
    page.locator("#photo img").wait_for()
    page.locator("#styles label").first.click()
    page.locator("#styles input:checked").wait_for()
    page.get_by_role("button", name="Paint", exact=True).click()
    page.locator("#status [data-run]").wait_for(timeout=PATIENCE * 1000)
    assert errors == []
    page.close()


def test_programs_find_no_endpoint(address):
    described = json.load(urllib.request.urlopen(f"{address}/gradio_api/info"))
    assert described["named_endpoints"] == {}


@pytest.mark.parametrize("settings", [{"size": 769}, {"size": "photo"}, {"steps": 301}])
def test_what_takes_too_long_for_a_public_page_is_refused(studio, photo, settings):
    with pytest.raises(InputError, match="this page paints at most"):
        studio.submit(quantize(photo), "night", Recipe(**settings))


def test_nobody_can_list_or_guess_the_runs_of_others(studio, photo):
    small = Recipe(size=48, steps=1, levels=1)
    names = [studio.submit(quantize(photo), "night", small).name for _ in range(2)]
    assert studio.list_runs() == []
    assert len({re.search("[0-9a-f]{24}$", name)[0] for name in names}) == 2


def test_nobody_sees_the_jobs_of_others_or_adds_to_the_styles_of_others(studio, photo, tmp_path):
    job = studio.submit(quantize(photo), "night", Recipe(size=48, steps=300, levels=1))
    assert studio.job(job.name) is job
    assert studio.jobs() == []
    PIL.Image.fromarray(quantize(photo)).save(tmp_path / "ada.png")
    with pytest.raises(InputError, match="its own styles only"):
        studio.wall.add(tmp_path / "ada.png")
    assert studio.wall.names() == list(PLATES)


def test_a_long_job_does_not_prevent_others(studio, app, photo, monkeypatch):
    long = studio.submit(quantize(photo), "night", Recipe(size=48, steps=300, levels=1))
    end = time.monotonic() + PATIENCE
    while not long.monitor.progress().step and time.monotonic() < end:
        time.sleep(0.05)
    assert long.state == "painting"
    monkeypatch.setattr(app, "KEPT", app.timedelta(0))
    waiting = [studio.submit(quantize(photo), "night", Recipe(size=48, steps=1, levels=1)) for _ in range(2)]
    assert all(job.path.exists() for job in (long, *waiting))


def test_pictures_are_deleted_an_hour_after_they_were_begun(studio, app, photo, monkeypatch):
    small = Recipe(size=48, steps=1, levels=1)
    first = studio.submit(quantize(photo), "night", small)
    end = time.monotonic() + PATIENCE
    while not first.has_ended and time.monotonic() < end:
        time.sleep(0.05)
    monkeypatch.setattr(app, "KEPT", app.timedelta(0))
    second = studio.submit(quantize(photo), "night", small)
    assert not first.path.exists()
    assert second.path.exists()


def test_the_front_matter_names_what_hugging_face_asks_for():
    front = yaml.safe_load((SPACE / "README.md").read_text(encoding="utf-8").split("---")[1])
    assert front["sdk"] == "gradio"
    assert tuple(map(int, front["python_version"].split("."))) >= (3, 11)
    assert (SPACE / front["app_file"]).exists()
    pinned = (SPACE.parents[1] / "constraints.txt").read_text().split()
    assert f"gradio=={front['sdk_version']}" in pinned

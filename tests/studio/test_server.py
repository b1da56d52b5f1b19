"""The studio as a server: what it hands out, whom it lets in, and what programs may call."""

import json
import re
from pathlib import Path

import httpx
import numpy as np
import PIL.Image
import pytest
from page_tools import served
from patience import PATIENCE

from impasto.cli import main
from impasto.images import read_metadata
from impasto.images.decode import decode
from impasto.images.sources import read_bytes


@pytest.fixture
def painted(server, hills, small):
    """The name of a run that was painted."""
    ticket = server.studio.submit(hills, "night", small)
    assert ticket.wait(PATIENCE)
    return ticket.name


def fetched(server, path) -> int:
    return httpx.get(f"{server.url}/gradio_api/file={path}", timeout=PATIENCE).status_code


# -- what it hands out -------------------------------------------------------------------------------------------------


def test_no_file_of_the_machine_and_none_of_the_runs_is_handed_out(server, painted):
    run = server.runs / painted
    assert (run / "result.png").is_file()
    files = ["/etc/passwd", "../../../../etc/passwd", "%2e%2e/%2e%2e/etc/passwd", run / "result.png"]
    files += [*(run / "inputs").iterdir(), server.workspace / "exports" / ".." / "runs" / painted / "result.png"]
    assert {fetched(server, path) for path in files} <= {403, 404}


def test_a_result_is_kept_with_sixteen_bits(server, painted):
    picture = decode(read_bytes(server.runs / painted / "result.tif"), "result.tif", 50.0)
    assert picture.bits == 16
    assert len(np.unique(picture.pixels)) > 256


def test_what_is_larger_than_allowed_is_refused_before_it_is_read(tmp_path):
    with served(tmp_path, max_upload=1) as small_server:
        answer = httpx.post(
            f"{small_server.url}/gradio_api/upload", files={"files": ("big.png", b"0" * 1_100_000)}, timeout=PATIENCE
        )
    assert answer.status_code == 413


# -- whom it lets in ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--host", "0.0.0.0"], "can be reached by others"),
        (["--auth", "nobody"], "USER:PASSWORD"),
        (["--port", "0"], "--port"),
    ],
)
def test_what_would_let_strangers_in_or_cannot_be_served_is_refused_in_one_line(words, told, tmp_path, capfd):
    assert main(["studio", "--workspace", str(tmp_path), *words]) == 2
    said = capfd.readouterr()
    assert said.out == ""
    assert said.err.count("\n") == 1
    assert told in said.err


def test_with_a_password_nobody_gets_in_without_it(tmp_path):
    with served(tmp_path, auth="me:secret") as guarded:
        assert httpx.get(f"{guarded.url}/config").status_code == 401
        with httpx.Client(base_url=guarded.url, timeout=PATIENCE) as client:
            assert client.post("/login", data={"username": "me", "password": "wrong"}).status_code == 400
            assert client.post("/login", data={"username": "me", "password": "secret"}).status_code == 200
            assert client.get("/config").status_code == 200


# -- what programs may call --------------------------------------------------------------------------------------------


def test_one_endpoint_is_offered_and_paints_a_picture(server, hills, tmp_path):
    gradio_client = pytest.importorskip("gradio_client")
    client = gradio_client.Client(server.url, verbose=False, download_files=tmp_path)
    assert list(client.view_api(return_format="dict")["named_endpoints"]) == ["/paint"]
    path = client.predict(
        photo=gradio_client.handle_file(hills), style="mosaic", strength=70, size=64, preset="bold", seed=3,
        api_name="/paint",
    )  # fmt: skip
    assert max(PIL.Image.open(path).size) == 64
    recipe = read_metadata(Path(path))["recipe"]
    assert (recipe["strength"], recipe["seed"], recipe["size"]) == (70, 3, 64)


def test_the_endpoint_is_called_without_any_library_and_reads_no_file_that_was_not_sent(server, hills):
    with httpx.Client(base_url=server.url, timeout=PATIENCE) as client:
        (sent,) = client.post("/gradio_api/upload", files={"files": hills.open("rb")}).json()

        def called(path, strength):
            photo = {"path": str(path), "meta": {"_type": "gradio.FileData"}}
            words = [photo, "night", None, strength, None, 64, "default", 0]
            event = client.post("/gradio_api/call/paint", json={"data": words}).json()["event_id"]
            return client.get(f"/gradio_api/call/paint/{event}").text

        assert "event: error" in called("/etc/hostname", 50)
        assert "event: error" in called(sent, 500)
        answer = called(sent, 50)
        (file,) = json.loads(re.findall(r"^data: (.*)$", answer, flags=re.MULTILINE)[-1])
        assert client.get(file["url"]).content.startswith(b"\x89PNG")

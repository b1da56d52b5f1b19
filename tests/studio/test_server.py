"""The studio as a server: what it hands out, whom it lets in, and what programs may call."""

import contextlib
import http.client
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from urllib.parse import quote

import httpx
import numpy as np
import PIL.Image
import pytest
from page_tools import served, until
from patience import PATIENCE

from impasto.cli import main
from impasto.images import read_metadata
from impasto.images.decode import decode
from impasto.images.sources import read_bytes


@pytest.fixture
def painted(server, hills, small):
    """The name of a run that was painted."""
    job = server.studio.submit(hills, "night", small)
    assert job.wait(PATIENCE)
    return job.name


def fetched(server, path) -> int:
    return httpx.get(f"{server.url}/gradio_api/file={path}", timeout=PATIENCE).status_code


# -- what it hands out -------------------------------------------------------------------------------------------------


def test_no_file_of_the_machine_and_none_of_the_runs_is_handed_out(server, painted):
    run = server.runs / painted
    assert (run / "result.png").is_file()
    files = ["/etc/passwd", "../../../../etc/passwd", "%2e%2e/%2e%2e/etc/passwd", run / "result.png"]
    files += [*(run / "inputs").iterdir(), server.workspace / "exports" / ".." / "runs" / painted / "result.png"]
    assert {fetched(server, path) for path in files} <= {403, 404}


def bytes_at(server, address) -> bytes:
    """Ask for an address exactly as it is written, which no client that knows better does."""
    connection = http.client.HTTPConnection(server.url.removeprefix("http://"), timeout=PATIENCE)
    with contextlib.closing(connection):
        connection.request("GET", address)
        answer = connection.getresponse()
        return answer.read() if answer.status == 200 else b""


def test_no_way_of_writing_an_address_leads_out_of_what_is_handed_out(server, painted):
    secret = server.workspace / "secret.txt"
    secret.write_text("nobody must read this")
    allowed = server.workspace / "exports" / "allowed.txt"
    allowed.write_text("everybody may read this")
    assert bytes_at(server, f"/gradio_api/file={allowed}") == allowed.read_bytes()
    outside = allowed.parent / ".." / "secret.txt"
    files = [secret, server.runs / painted / "result.png", allowed.parent / ".." / "runs" / painted / "result.png"]
    files += [outside, f"{allowed.parent}//..//secret.txt", f"{allowed.parent}/./../secret.txt", f"file://{secret}"]
    ways = [
        lambda file: file,
        lambda file: quote(file, safe=""),
        lambda file: quote(quote(file, safe=""), safe=""),
        lambda file: file.replace("..", "%2e%2e"),
        lambda file: file.replace("/", "\\"),
        lambda file: f"{file}%00.jpg",
    ]
    written = dict.fromkeys(way(str(file)) for file in files for way in ways)
    roads = ["/gradio_api/file=", "/gradio_api/file/", "/file=", "/file/", "/assets/", "/static/", "/gradio_api/proxy="]
    roads = [*roads, *(f"{road}../../../../../../../../" for road in ("/assets/", "/static/", "/static/img/"))]
    kept = {file.read_bytes() for file in (secret, server.runs / painted / "result.png")}
    for road in roads:
        for file in written:
            assert bytes_at(server, road + file) not in kept, road + file


@pytest.mark.parametrize(
    "name", ["../../../evil.png", "/etc/evil.png", "..\\..\\evil.png", "..%2f..%2fevil.png", "..", ""]
)
def test_a_file_that_is_sent_stays_in_the_folder_for_such_files_whatever_it_is_called(server, name):
    def everything():
        return {path for path in server.workspace.parent.rglob("*") if path.is_file()}

    uploads, before = server.workspace / "uploads", everything()
    answer = httpx.post(f"{server.url}/gradio_api/upload", files={"files": (name, b"evil")}, timeout=PATIENCE)
    if answer.status_code == 200:
        (sent,) = answer.json()
        assert Path(sent).resolve().is_relative_to(uploads.resolve())
        until(Path(sent).is_file, "the file has been moved to its place")
    assert [path for path in everything() - before if not path.resolve().is_relative_to(uploads.resolve())] == []
    assert not Path("/etc/evil.png").exists()


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

        def run_title(path, strength):
            photo = {"path": str(path), "meta": {"_type": "gradio.FileData"}}
            words = [photo, "night", None, strength, None, 64, "default", 0]
            event = client.post("/gradio_api/call/paint", json={"data": words}).json()["event_id"]
            return client.get(f"/gradio_api/call/paint/{event}").text

        assert "event: error" in run_title("/etc/hostname", 50)
        assert "event: error" in run_title(sent, 500)
        answer = run_title(sent, 50)
        (file,) = json.loads(re.findall(r"^data: (.*)$", answer, flags=re.MULTILINE)[-1])
        assert client.get(file["url"]).content.startswith(b"\x89PNG")


DOCUMENT = Path(__file__).parents[2] / "docs" / "studio.md"

CURL = """#!{python}
import sys
import httpx
words, form, headers, data, out, address = iter(sys.argv[1:]), None, {{}}, None, None, None
for word in words:
    if word == "-F":
        name, _, path = next(words).partition("=@")
        form = {{name: open(path, "rb")}}
    elif word == "-H":
        name, _, value = next(words).partition(": ")
        headers[name] = value
    elif word == "-d":
        data = next(words)
    elif word == "-o":
        out = next(words)
    elif not word.startswith("-"):
        address = word
sends = form is not None or data is not None
answer = httpx.request("POST" if sends else "GET", address, files=form, headers=headers, content=data, timeout=None)
(open(out, "wb") if out else sys.stdout.buffer).write(answer.content)
"""
"""What stands in for curl where it is not installed."""


def documented(server, first: str) -> str:
    """Return the example of the document that begins with some words, for this server and a small picture."""
    blocks = re.findall(r"(?:^    .*\n|^\n(?=    ))+", DOCUMENT.read_text(encoding="utf-8"), flags=re.MULTILINE)
    (example,) = [block.replace("\n    ", "\n").strip() for block in blocks if block.strip().startswith(first)]
    assert "http://127.0.0.1:7860" in example
    assert "512" in example
    return example.replace("512", "64").replace("http://127.0.0.1:7860", server.url)


def check_example(recipe, picture):
    assert max(PIL.Image.open(picture).size) == 64
    assert (recipe["strength"], recipe["size"], recipe["color_strength"]) == (60, 64, 100)


def test_the_documented_python_paints_a_picture(server, hills, tmp_path, monkeypatch):
    pytest.importorskip("gradio_client")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "photo.jpg").write_bytes(hills.read_bytes())
    names = {}
    exec(documented(server, "from gradio_client"), names)
    check_example(read_metadata(Path(names["path"]))["recipe"], names["path"])


def test_the_documented_commands_of_curl_paint_a_picture(server, hills, tmp_path):
    (tmp_path / "photo.jpg").write_bytes(hills.read_bytes())
    curl = tmp_path / "bin" / "curl"
    curl.parent.mkdir()
    curl.write_text(CURL.format(python=sys.executable))
    curl.chmod(0o755)
    found = {**os.environ, "PATH": f"{os.environ['PATH']}{os.pathsep}{curl.parent}"}
    done = subprocess.run(
        ["bash", "-euc", documented(server, "studio=")], cwd=tmp_path, env=found, capture_output=True, timeout=PATIENCE
    )
    assert done.returncode == 0, done.stderr
    assert b"event: complete" in done.stdout
    check_example(read_metadata(tmp_path / "painted.png")["recipe"], tmp_path / "painted.png")

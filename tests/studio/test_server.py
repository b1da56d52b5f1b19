"""The studio as a server: served files, access, and the endpoint for programs."""

import contextlib
import http.client
import json
import re
import shutil
import subprocess
from pathlib import Path
from urllib.parse import quote

import httpx
import numpy as np
import PIL.Image
import pytest
from page_tools import served, until
from patience import PATIENCE

from impasto.cli import main
from impasto.images import read_metadata, read_picture
from impasto.recipe import Recipe


@pytest.fixture
def painted(server, hills, small):
    """The folder of a finished run."""
    job = server.studio.submit(hills, "night", small)
    assert job.wait(PATIENCE)
    return job.path


def recipe_in(picture) -> Recipe:
    return Recipe(**read_metadata(Path(picture))["recipe"])


# -- files -------------------------------------------------------------------------------------------------------------


def bytes_at(server, address) -> bytes:
    """Request an address exactly as it is written; HTTP clients would normalize it."""
    connection = http.client.HTTPConnection(server.url.removeprefix("http://"), timeout=PATIENCE)
    with contextlib.closing(connection):
        connection.request("GET", address)
        answer = connection.getresponse()
        return answer.read() if answer.status == 200 else b""


def test_no_spelling_of_an_address_leads_out_of_the_exports(server, painted):
    secret, allowed = server.workspace / "secret.txt", server.workspace / "exports" / "allowed.txt"
    secret.write_text("nobody must read this")
    allowed.write_text("everybody may read this")
    assert bytes_at(server, f"/gradio_api/file={allowed}") == allowed.read_bytes()
    private = [secret, painted / "result.png"]
    files = [*private, "/etc/passwd", f"{allowed.parent}//..//secret.txt", f"{allowed.parent}/./../secret.txt"]
    files += [allowed.parent / ".." / file.relative_to(server.workspace) for file in private] + [f"file://{secret}"]
    spellings = [
        lambda file: file,
        lambda file: quote(file, safe=""),
        lambda file: quote(quote(file, safe=""), safe=""),
        lambda file: file.replace("..", "%2e%2e"),
        lambda file: file.replace("/", "\\"),
        lambda file: f"{file}%00.jpg",
    ]
    spelled = dict.fromkeys(spell(str(file)) for file in files for spell in spellings)
    names = ("file=", "file/", "assets/", "static/", "proxy=")
    routes = [f"{start}/{name}" for start in ("", "/gradio_api") for name in names]
    routes += [f"/{name}../../../../../../../../" for name in ("assets/", "static/", "static/img/")]
    kept = {file.read_bytes() for file in (*private, Path("/etc/passwd"))}
    for route in routes:
        for file in spelled:
            assert bytes_at(server, route + file) not in kept, route + file


@pytest.mark.parametrize(
    "name", ["../../../evil.png", "/etc/evil.png", "..\\..\\evil.png", "..%2f..%2fevil.png", "..", ""]
)
def test_an_uploaded_file_stays_in_the_folder_of_uploads_with_any_name(server, name):
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


def test_result_is_also_saved_with_sixteen_bits(painted):
    assert len(np.unique(read_picture(painted / "result.tif").pixels)) > 256


def test_upload_above_the_limit_is_refused_before_it_is_read(tmp_path):
    with served(tmp_path, max_upload=1) as small_server:
        answer = httpx.post(
            f"{small_server.url}/gradio_api/upload", files={"files": ("big.png", b"0" * 1_100_000)}, timeout=PATIENCE
        )
    assert answer.status_code == 413


# -- access ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--host", "0.0.0.0"], "can be reached by others"),
        (["--auth", "nobody"], "USER:PASSWORD"),
        (["--port", "0"], "--port"),
    ],
)
def test_unsafe_or_impossible_options_are_refused_in_one_line(words, message, tmp_path, capfd):
    assert main(["studio", "--workspace", str(tmp_path), *words]) == 2
    output = capfd.readouterr()
    assert output.out == ""
    assert output.err.count("\n") == 1
    assert message in output.err


def test_the_password_is_required(tmp_path):
    with served(tmp_path, auth="me:secret") as guarded:
        assert httpx.get(f"{guarded.url}/config").status_code == 401
        with httpx.Client(base_url=guarded.url, timeout=PATIENCE) as client:
            assert client.post("/login", data={"username": "me", "password": "wrong"}).status_code == 400
            assert client.post("/login", data={"username": "me", "password": "secret"}).status_code == 200
            assert client.get("/config").status_code == 200


# -- the endpoint for programs -----------------------------------------------------------------------------------------


def test_only_endpoint_paints_a_picture(server, hills, tmp_path):
    gradio_client = pytest.importorskip("gradio_client")
    client = gradio_client.Client(server.url, verbose=False, download_files=tmp_path)
    assert list(client.view_api(return_format="dict")["named_endpoints"]) == ["/paint"]
    path = client.predict(
        photo=gradio_client.handle_file(hills), style="mosaic", strength=70, size=64, preset="draft", seed=3,
        api_name="/paint",
    )  # fmt: skip
    assert max(PIL.Image.open(path).size) == 64
    recipe = recipe_in(path)
    assert (recipe.style.strength, recipe.start.seed, recipe.picture.size, recipe.schedule.steps) == (70, 3, 64, 32)


def test_endpoint_needs_no_library_and_reads_only_uploaded_files(server, hills):
    with httpx.Client(base_url=server.url, timeout=PATIENCE) as client:
        (sent,) = client.post("/gradio_api/upload", files={"files": hills.open("rb")}).json()

        def call(path, strength):
            photo = {"path": str(path), "meta": {"_type": "gradio.FileData"}}
            words = [photo, "night", None, strength, None, 64, "draft", 0]
            event = client.post("/gradio_api/call/paint", json={"data": words}).json()["event_id"]
            return client.get(f"/gradio_api/call/paint/{event}").text

        assert "event: error" in call("/etc/hostname", 50)
        assert "event: error" in call(sent, 500)
        answer = call(sent, 50)
        (file,) = json.loads(re.findall(r"^data: (.*)$", answer, flags=re.MULTILINE)[-1])
        assert client.get(file["url"]).content.startswith(b"\x89PNG")


DOCUMENT = Path(__file__).parents[2] / "docs" / "studio.md"


def documented(server, first: str) -> str:
    """Return the example of the documentation that begins with `first`, for this server and a small picture."""
    blocks = re.findall(r"(?:^    .*\n|^\n(?=    ))+", DOCUMENT.read_text(encoding="utf-8"), flags=re.MULTILINE)
    (example,) = [block.replace("\n    ", "\n").strip() for block in blocks if block.strip().startswith(first)]
    assert "http://127.0.0.1:7860" in example
    assert "512" in example
    return example.replace("512", "64").replace("http://127.0.0.1:7860", server.url)


def check_example(picture):
    assert max(PIL.Image.open(picture).size) == 64
    recipe = recipe_in(picture)
    assert (recipe.style.strength, recipe.picture.size, recipe.color.strength) == (60, 64, 100)


def test_documented_python_paints_a_picture(server, hills, tmp_path, monkeypatch):
    pytest.importorskip("gradio_client")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "photo.jpg").write_bytes(hills.read_bytes())
    names = {}
    exec(documented(server, "from gradio_client"), names)
    check_example(names["path"])


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_documented_curl_commands_paint_a_picture(server, hills, tmp_path):
    (tmp_path / "photo.jpg").write_bytes(hills.read_bytes())
    script = ["bash", "-euc", documented(server, "studio=")]
    done = subprocess.run(script, cwd=tmp_path, capture_output=True, timeout=PATIENCE)
    assert done.returncode == 0, done.stderr
    assert b"event: complete" in done.stdout
    check_example(tmp_path / "painted.png")

"""The studio as a server: served files, access, and the endpoint for programs."""

import contextlib
import http.client
import io
import json
import os
import re
import shutil
import socket
import subprocess
import sys
from pathlib import Path
from urllib.parse import quote

import httpx
import numpy as np
import PIL.Image
import pillow_heif
import pytest
from page_tools import served, until
from patience import PATIENCE

from impasto.cli import main
from impasto.errors import InputError
from impasto.images import read_metadata, read_picture
from impasto.recipe import Recipe
from impasto.studio.server import (
    ServerOptions,
    free_port,
    open_browser,
    page_address,
    prepare_gradio,
    public_name,
    read_auth,
    serve,
)


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
        place = uploads / sent.removeprefix("/studio/uploads/")
        assert place.resolve().is_relative_to(uploads.resolve())
        until(place.is_file, "the file has been moved to its place")
    assert [path for path in everything() - before if not path.resolve().is_relative_to(uploads.resolve())] == []
    assert not Path("/etc/evil.png").exists()


def test_result_is_also_saved_with_sixteen_bits(painted):
    assert len(np.unique(read_picture(painted / "result.tif").pixels)) > 256


def phone_photo(path):
    """Write a photo as a phone does."""
    with PIL.Image.open(path) as image:
        pillow_heif.from_pillow(image.convert("RGB")).save(data := io.BytesIO())
    return data.getvalue()


def test_a_picture_that_browsers_cannot_show_is_shown_as_jpeg_and_kept_as_it_is(server, hills):
    data = phone_photo(hills)
    with httpx.Client(base_url=server.url, timeout=PATIENCE) as client:
        for name, sent, kind in (
            ("a.heic", data, "JPEG"),
            ("b.heic", data[: len(data) // 2], None),
            ("c.jpg", data, "JPEG"),
        ):
            (path,) = client.post("/gradio_api/upload", files={"files": (name, sent)}).json()
            until(lambda path=path: client.get(f"/gradio_api/file={path}").status_code == 200, "it is there")
            assert client.get(f"/gradio_api/file={path}").content == sent
            shown = client.get(f"/gradio_api/file={path}", headers={"Accept": "image/avif,image/*,*/*;q=0.8"}).content
            if kind is None:
                assert shown == sent, "it is damaged"
            else:
                assert (PIL.Image.open(io.BytesIO(shown)).format, PIL.Image.open(io.BytesIO(shown)).size) == (
                    kind,
                    (96, 72),
                )


def test_upload_above_the_limit_or_with_too_long_a_name_is_refused_with_the_reason_before_it_is_read(tmp_path):
    with served(tmp_path, max_upload=1) as small_server:
        for name, size, reason in [
            ("big.png", 1_100_000, "This file has more than 1 MB"),
            ("big.png", 30_000_000, "This file has more than 1 MB"),
            ("a" * 5000 + ".png", 100, "The name of this file is too long"),
            ("\u753b" * 5000 + ".png", 1_100_000, "The name of this file is too long"),
        ]:
            answer = httpx.post(
                f"{small_server.url}/gradio_api/upload", files={"files": (name, b"0" * size)}, timeout=PATIENCE
            )
            assert (answer.status_code, answer.text.startswith(reason)) == (413, True), answer.text


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


def test_a_password_comes_from_a_file_or_the_environment_in_place_of_the_command_line(tmp_path, monkeypatch):
    file = tmp_path / "password"
    monkeypatch.delenv("IMPASTO_PASSWORD", raising=False)
    assert read_auth(None, None) is None
    for text, auth in {"secret\n": "impasto:secret", "me:se:cret": "me:se:cret"}.items():
        file.write_text(text)
        monkeypatch.setenv("IMPASTO_PASSWORD", text.strip())
        assert read_auth(None, file) == read_auth(None, None) == auth
    assert read_auth("ada:other", None) == "ada:other"
    for text, reason in {"": "is empty", "two\nlines": "one line"}.items():
        file.write_text(text)
        with pytest.raises(InputError, match=reason):
            read_auth(None, file)
    with pytest.raises(InputError, match="cannot read the password"):
        read_auth(None, tmp_path / "none")
    with pytest.raises(InputError, match="one of them"):
        read_auth("me:secret", file)


def test_a_login_ends_by_logging_out_and_after_some_hours_without_a_request(tmp_path, monkeypatch):
    now = [0.0]
    monkeypatch.setattr("impasto.studio.access.LoginSessions.now", staticmethod(lambda: now[0]))
    with served(tmp_path, auth="me:secret", session_hours=2.0) as guarded:

        def log_in():
            client = httpx.Client(base_url=guarded.url, timeout=PATIENCE)
            assert client.post("/login", data={"username": "me", "password": "secret"}).status_code == 200
            return client

        one, other = log_in(), log_in()
        for hours in (1.9, 3.8):
            now[0] = 3600 * hours
            assert one.get("/config").status_code == 200
        assert other.get("/config").status_code == 401, "it was idle for 3.8 hours"
        other = log_in()
        page = one.get("/").text
        assert "logout" in page
        assert one.get("/logout").status_code == 302
        assert [client.get("/config").status_code for client in (one, other)] == [401, 401]


# -- the address -------------------------------------------------------------------------------------------------------


@pytest.fixture
def listening():
    """Return a function that listens at a host on a free port, or on one, and returns the port."""
    opened = []

    def listen(host, port=0):
        opened.append(socket.create_server((host, port)))
        return opened[-1].getsockname()[1]

    yield listen
    for one in opened:
        one.close()


def test_a_named_port_that_is_taken_is_refused_in_plain_words(listening):
    port = listening("127.0.0.1")
    with pytest.raises(InputError, match=f"uses port {port}: leave --port out, or choose another one"):
        free_port("127.0.0.1", port)


def test_the_next_port_is_taken_if_none_is_named(listening):
    first = free_port("127.0.0.1", None)
    listening("127.0.0.1", first)
    assert free_port("127.0.0.1", None) not in (first, None)
    assert free_port("0.0.0.0", None) != first


@pytest.mark.parametrize("host", ["203.0.113.7", "no-such-host.invalid"])
def test_an_address_of_another_computer_is_refused_with_what_could_be_meant(host):
    with pytest.raises(InputError, match=r"cannot serve at .*: 127\.0\.0\.1 is for this computer alone"):
        free_port(host, None)


def test_the_address_of_every_network_is_one_that_can_be_opened(listening):
    port = listening("0.0.0.0")
    address = page_address("0.0.0.0", port)
    assert "0.0.0.0" not in address
    host = address.removeprefix("http://").removesuffix(f":{port}")
    socket.create_connection((host, port), PATIENCE).close()


@pytest.mark.parametrize(
    ("platform", "environment", "opens"),
    [
        ("linux", {"DISPLAY": ":0"}, True),
        ("linux", {"WAYLAND_DISPLAY": "wayland-0"}, True),
        ("linux", {}, False),
        ("linux", {"DISPLAY": ":0", "SSH_CONNECTION": "192.0.2.1 1 192.0.2.2 22"}, False),
        ("darwin", {}, True),
        ("darwin", {"SSH_TTY": "/dev/ttys000"}, False),
    ],
)
def test_the_browser_is_opened_where_the_user_sees_it(monkeypatch, platform, environment, opens):
    opened = []
    monkeypatch.setattr("webbrowser.open", opened.append)
    monkeypatch.setattr("sys.platform", platform)
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "SSH_CONNECTION", "SSH_CLIENT", "SSH_TTY"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    open_browser("http://127.0.0.1:7860")
    assert opened == ["http://127.0.0.1:7860"] * opens


PROXIES = {"http_proxy": "http://127.0.0.1:9", "HTTPS_PROXY": "not an address", "all_proxy": "socks5://127.0.0.1:9"}
"""Nothing listens at port 9, and httpx cannot use the other two."""
NOWHERE = dict.fromkeys(("SSL_CERT_FILE", "SSL_CERT_DIR", "SSLKEYLOGFILE", "REQUESTS_CA_BUNDLE"), "/nothing/there")
FOREIGN = {
    "GRADIO_SERVER_PORT": "word", "GRADIO_SERVER_NAME": "203.0.113.7", "GRADIO_NUM_PORTS": "word",
    "GRADIO_NUM_WORKERS": "2", "GRADIO_DEBUG": "1", "GRADIO_MCP_SERVER": "true", "GRADIO_SHARE": "true",
    "GRADIO_WATCH_DIRS": "/", "GRADIO_VIBE_MODE": "1", "GRADIO_PROFILING": "1", "GRADIO_ALLOWED_PATHS": "/",
    "GRADIO_ANALYTICS_MAX_EVENTS": "word", "GRADIO_ANALYTICS_ENABLED": "True", "GRADIO_TEMP_DIR": "/proc/there",
    "GRADIO_DEFAULT_CONCURRENCY_LIMIT": "word", "HF_HUB_ETAG_TIMEOUT": "word", "HF_HUB_OFFLINE": "0",
    "SYSTEM": "spaces", "SPACE_ID": "a/b", "WEB_CONCURRENCY": "word", "KAGGLE_KERNEL_RUN_TYPE": "word",
}  # fmt: skip
"""Each of these makes Gradio open, publish or contact something, or end."""


def test_what_others_have_set_for_gradio_is_removed_but_for_the_address_of_a_proxy(tmp_path, monkeypatch):
    monkeypatch.setattr("os.environ", {**FOREIGN, "GRADIO_ROOT_PATH": "https://studio.example", "HOME": "/nowhere/ada"})
    prepare_gradio(tmp_path)
    left = {name: value for name, value in os.environ.items() if FOREIGN.get(name) in (None, value)}
    assert {name: left.pop(name) for name in ("GRADIO_ROOT_PATH", "HOME")} == {
        "GRADIO_ROOT_PATH": "https://studio.example", "HOME": "/nowhere/ada",
    }  # fmt: skip
    assert left == {"HF_HUB_DISABLE_TELEMETRY": "1"}


@pytest.mark.parametrize(
    ("root_path", "name"),
    [
        ("", ""),
        ("/", ""),
        ("/paint/here/", ""),
        ("http://studio.example", "studio.example"),
        ("https://Studio.Example:8443/paint/", "studio.example:8443"),
        ("https://[2001:db8::1]/", "[2001:db8::1]"),
        *((odd, None) for odd in ("studio.example", "paint", "two words", "https://", "https:///x", "//a.example/x")),
        *((odd, None) for odd in ("ftp://a.example", "https://me:secret@a.example", "https://a.example/?x", "/a\n")),
    ],
)
def test_the_address_of_a_proxy_is_one_or_is_refused(root_path, name, monkeypatch):
    if name is None:
        monkeypatch.setenv("GRADIO_ROOT_PATH", root_path)
        with pytest.raises(InputError, match="GRADIO_ROOT_PATH is the address of the page, such as"):
            serve(None, ServerOptions())
    else:
        assert public_name(root_path) == name


def test_the_command_prints_and_opens_an_address_that_answers_in_odd_surroundings(tmp_path):
    browser = tmp_path / "browser"
    browser.write_text(f'#!/bin/sh\nprintf %s "$1" > {tmp_path}/opening; mv {tmp_path}/opening {tmp_path}/opened\n')
    browser.chmod(0o755)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("SSH_")}
    environment |= {"DISPLAY": ":0", "BROWSER": f"{browser} %s"}
    environment |= PROXIES | NOWHERE | FOREIGN
    command = [sys.executable, "-m", "impasto", "studio", "--workspace", str(tmp_path / "kept"), "--host", "0.0.0.0"]
    with subprocess.Popen(
        [*command, "--insecure"], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            address = process.stdout.readline().strip()
            config = httpx.get(f"{address}/config", trust_env=False, timeout=PATIENCE).json()
            opened = ("dev_mode", "vibe_mode", "mcp_server", "space_id", "analytics_enabled", "run_history")
            assert not any(config[name] for name in opened)
            until((tmp_path / "opened").exists, "the browser is opened")
        finally:
            process.terminate()
        errors = process.communicate(timeout=PATIENCE)[1]
    assert (tmp_path / "opened").read_text() == address
    assert all(line.startswith("impasto: ") for line in errors.splitlines()), errors
    assert "current step" not in errors, "nothing was painted"


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
    assert [entry["name"] for entry in read_metadata(Path(path))["inputs"]["styles"]] == ["mosaic"]
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
        refused = call(sent, 500)
        assert "event: error" in refused
        assert "strength" in refused
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

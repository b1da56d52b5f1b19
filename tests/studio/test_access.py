"""Who is answered by the studio, as raw requests, and what answers tell about the computer that it runs on."""

import asyncio
import http.client
import json
import socket
from contextlib import closing
from types import SimpleNamespace
from urllib.parse import urlsplit

import httpx
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from page_tools import served
from patience import PATIENCE
from starlette.responses import PlainTextResponse

from impasto.studio.access import KnownHosts, check_login
from impasto.studio.server import known_names, public_name

ROUTES = [
    ("GET", "/"),
    ("HEAD", "/"),
    ("GET", "/config"),
    ("OPTIONS", "/gradio_api/queue/join"),
    ("POST", "/gradio_api/queue/join"),
    ("GET", "/gradio_api/queue/data?session_hash=s"),
    ("GET", "/gradio_api/heartbeat/s"),
    ("POST", "/gradio_api/upload"),
    ("POST", "/gradio_api/call/paint"),
    ("POST", "/gradio_api/cancel"),
    ("POST", "/login"),
    ("GET", "/gradio_api/file=/studio/exports/a.png"),
    ("DELETE", "/nothing"),
]

FEW_CASES = settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])

labels = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,10}[a-z0-9])?", fullmatch=True)
names = st.lists(labels, min_size=1, max_size=3).map(".".join) | st.ip_addresses(v=4).map(str)
foreign = names.filter(lambda name: name not in ("localhost", "127.0.0.1"))
ports = st.sampled_from(["", ":80", ":7860"])


def ask(url, method, target, **headers):
    """Send a request with exactly these headers, and return its status and the headers of the answer."""
    with closing(http.client.HTTPConnection(urlsplit(url).netloc, timeout=PATIENCE)) as connection:
        connection.putrequest(method, target, skip_host=True)
        for name, value in headers.items():
            connection.putheader(name.replace("_", "-"), value)
        if method == "POST":
            connection.putheader("Content-Length", "2")
        connection.endheaders(b"{}" if method == "POST" else None)
        answer = connection.getresponse()
        return answer.status, answer.headers


def own(server):
    return urlsplit(server.url).netloc


# -- hosts and origins -------------------------------------------------------------------------------------------------


@FEW_CASES
@given(route=st.sampled_from(ROUTES), host=foreign, port=ports)
@example(route=("GET", "/"), host="127.0.0.1.rebound.example", port="")
@example(route=("GET", "/"), host="localhost@rebound.example", port="")
@example(route=("GET", "/"), host="rebound.example:1@127.0.0.1", port="")
def test_a_foreign_host_is_refused_by_every_route(server, route, host, port):
    assert ask(server.url, *route, Host=host + port)[0] == 403
    assert ask(server.url, *route, Host=host + port, Origin=f"http://{host}{port}")[0] == 403
    assert ask(server.url, *route, Host=own(server), X_Forwarded_Host=host + port)[0] == 403


@FEW_CASES
@given(
    route=st.sampled_from(ROUTES),
    origin=st.builds("{}://{}{}".format, st.sampled_from(["http", "https"]), names, ports),
)
@example(route=("POST", "/gradio_api/upload"), origin="null")
@example(route=("POST", "/gradio_api/upload"), origin="http://localhost:1")
@example(route=("OPTIONS", "/gradio_api/queue/join"), origin="https://foreign.example")
def test_a_page_elsewhere_is_refused_by_every_route(server, route, origin):
    preflight = {"Access_Control_Request_Method": "POST"} if route[0] == "OPTIONS" else {}
    status, headers = ask(server.url, *route, Host=own(server), Origin=origin, **preflight)
    assert status == 403
    assert "Access-Control-Allow-Origin" not in headers


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "LOCALHOST:9000", "[::1]:9000"])
def test_the_names_of_this_computer_are_answered_at_any_port(server, host):
    assert ask(server.url, "GET", "/config", Host=host)[0] == 200
    assert ask(server.url, "POST", "/gradio_api/cancel", Host=host, Origin=f"http://{host}")[0] == 422


def test_a_request_without_a_host_is_refused(server):
    assert ask(server.url, "GET", "/config")[0] in (400, 403)
    assert ask(server.url, "GET", "/config", Host="")[0] == 403


def test_a_studio_of_every_network_knows_its_own_name_and_addresses_only(tmp_path):
    with served(tmp_path, host="0.0.0.0", insecure=True) as everywhere:
        for host, status in [(socket.gethostname(), 200), ("127.0.0.1", 200), ("192.0.2.7", 403), ("a.example", 403)]:
            assert ask(everywhere.url, "GET", "/config", Host=host)[0] == status, host


def test_a_proxy_shows_the_page_at_the_address_that_gradio_was_told(tmp_path, monkeypatch):
    monkeypatch.setenv("GRADIO_ROOT_PATH", "https://studio.example/paint")
    with served(tmp_path) as proxied:
        for hosts in (
            {"Host": "studio.example"},
            {"Host": own(proxied)},
            {"Host": own(proxied), "X_Forwarded_Host": "studio.example"},
        ):
            asked = {**hosts, "Origin": "https://studio.example"}
            assert ask(proxied.url, "POST", "/gradio_api/cancel", **asked)[0] == 422
            asked = {**hosts, "Origin": "https://studio.example.org"}
            assert ask(proxied.url, "POST", "/gradio_api/cancel", **asked)[0] == 403


@pytest.mark.parametrize(("root_path", "answered"), [("http://192.168.1.5:7860", True), ("", False)])
def test_a_container_must_be_told_the_address_at_which_its_port_is_published(root_path, answered):
    async def ask_within() -> int:
        async def app(scope, receive, send):
            await PlainTextResponse("")(scope, receive, send)

        guarded = KnownHosts(app, known_names("0.0.0.0"), public_name(root_path))
        transport = httpx.ASGITransport(guarded)
        async with httpx.AsyncClient(transport=transport, base_url="http://172.17.0.2:7860") as client:
            assert (await client.get("/")).status_code == 200
            asked = {"Host": "192.168.1.5:7860", "Origin": "http://192.168.1.5:7860"}
            return (await client.get("/", headers=asked)).status_code

    assert asyncio.run(ask_within()) == (200 if answered else 403)


# -- what answers tell -------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def oddly_kept(tmp_path_factory):
    """A studio whose folder has a name that is written differently in JSON, HTML and addresses."""
    pytest.importorskip("gradio")
    with served(tmp_path_factory.mktemp("kept") / "Ada's & Zoë's \"studio\"") as running:
        yield running


def paint_with(client, path, strength=50):
    """Call the endpoint for programs with a file, and return the text of the answer."""
    photo = {"path": path, "meta": {"_type": "gradio.FileData"}}
    words = [photo, "night", None, strength, None, 64, "draft", 0]
    event = client.post("/gradio_api/call/paint", json={"data": words}).json()["event_id"]
    return client.get(f"/gradio_api/call/paint/{event}").text


def test_no_answer_names_a_folder_of_the_server(oddly_kept, hills):
    with httpx.Client(base_url=oddly_kept.url, timeout=PATIENCE) as client:
        uploaded = client.post("/gradio_api/upload", files={"files": hills.open("rb")})
        (sent,) = uploaded.json()
        answers = [uploaded.text, paint_with(client, sent), paint_with(client, sent, 500)]
        answers += [paint_with(client, f"{sent}.gone"), paint_with(client, "/studio/runs/none/result.png")]
        answers += [client.get(address).text for address in ("/", "/config", "/openapi.json", "/gradio_api/file=none")]
        (shown,) = json.loads(answers[1].partition("event: complete\ndata: ")[2])
        assert client.get(f"/gradio_api/file={shown['path']}").content.startswith(b"\x89PNG")
    assert shown["path"].startswith("/studio/uploads/")
    private = oddly_kept.workspace.parent
    for answer in answers:
        assert str(private) not in answer
        assert "Traceback" not in answer


def test_every_wrong_call_is_answered_with_one_clear_error_and_leaves_no_traceback(server, hills, capfd):
    with httpx.Client(base_url=server.url, timeout=PATIENCE) as client:
        (sent,) = client.post("/gradio_api/upload", files={"files": hills.open("rb")}).json()
        photo = {"path": sent, "meta": {"_type": "gradio.FileData"}}
        good = [photo, "night", None, 50, None, 64, "draft", 0]
        wrong = {0: ["photo.png", None, 5, {**photo, "path": "/etc/passwd"}, {**photo, "path": f"{sent}.gone"}]}
        wrong |= {
            1: [None, "nigt", 7, ["night"]],
            3: ["strong", [1], 500],
            5: [64.5, "wide"],
            6: ["x", ["draft"]],
            7: [-1, "a"],
        }
        calls = [[*good[:place], value, *good[place + 1 :]] for place, values in wrong.items() for value in values]
        for words in [*calls, good[:3], [*good, 1]]:
            event = client.post("/gradio_api/call/paint", json={"data": words}).json()["event_id"]
            answer = client.get(f"/gradio_api/call/paint/{event}").text
            message = json.loads(answer.partition("event: error\ndata: ")[2])["error"]
            assert isinstance(message, str), words
            assert len(message) > 10, words
            assert "\n" not in message
            assert "/uploads/" not in message
            assert "&#" not in message
    assert "Traceback" not in capfd.readouterr().err


@pytest.mark.parametrize(
    ("address", "call"),
    [("call/nosuch", {}), ("queue/join", {"fn_index": 9999}), ("run/predict", {"fn_index": 9999}), ("run/nosuch", {})],
)
def test_a_call_of_what_does_not_exist_is_answered_with_one_line(server, capfd, address, call):
    answer = httpx.post(f"{server.url}/gradio_api/{address}", json={"data": [], "session_hash": "x", **call})
    assert (answer.status_code, list(answer.json())) == (404, ["detail"])
    assert "Traceback" not in capfd.readouterr().err


def test_an_unknown_event_and_an_upload_that_was_left_leave_no_traceback(server, capfd):
    answer = httpx.get(f"{server.url}/gradio_api/call/paint/nosuch", timeout=PATIENCE)
    assert answer.text.strip() == 'event: error\ndata: "404: Not Found"'
    host, port = server.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port))) as upload:
        upload.sendall(
            f"POST /gradio_api/upload HTTP/1.1\r\nHost: {host}\r\nContent-Type: multipart/form-data; boundary=x\r\n"
            "Content-Length: 9999\r\n\r\n--x\r\nContent-Disposition: form-data; name=files; filename=a\r\n\r\n".encode()
        )
    httpx.get(server.url, timeout=PATIENCE)  # is answered after the other one has ended
    assert "Traceback" not in capfd.readouterr().err


@pytest.mark.parametrize("address", ["http://a.example/x.png", "https://huggingface.co/x.png", "//a.example/x.png"])
def test_no_request_makes_the_server_fetch_an_address(server, monkeypatch, address):
    asked, look_up = [], socket.getaddrinfo

    def watched(host, *details, **options):
        asked.append(host)
        return look_up(host, *details, **options)

    monkeypatch.setattr(socket, "getaddrinfo", watched)
    with httpx.Client(base_url=server.url, timeout=PATIENCE) as client:
        assert client.get(f"/gradio_api/file={address}").status_code == 403
        assert client.get(f"/gradio_api/proxy={address}").status_code == 400
        assert "event: error" in paint_with(client, address)
    assert {host for host in asked if host not in ("127.0.0.1", b"127.0.0.1")} == set()


# -- passwords ---------------------------------------------------------------------------------------------------------


def test_passwords_are_looked_at_one_after_the_other_with_a_pause_after_a_wrong_one(monkeypatch):
    answered, pauses = [], []

    async def sleep(seconds):
        pauses.append((seconds, len(answered)))

    async def guess(check, password):
        answered.append((password, await check("me", password)))

    async def guess_all(*passwords):
        check = check_login("me:secret")
        await asyncio.gather(*(guess(check, password) for password in passwords))

    monkeypatch.setattr("impasto.studio.access.asyncio", SimpleNamespace(sleep=sleep, Lock=asyncio.Lock))
    asyncio.run(guess_all("wrong", "", "secret", "secret "))
    assert answered == [("wrong", False), ("", False), ("secret", True), ("secret ", False)]
    assert [number for _, number in pauses] == [0, 1, 3]
    assert min(seconds for seconds, _ in pauses) >= 1

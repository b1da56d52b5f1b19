"""Downloads of weights: from a real server, damaged, interrupted, and what each network's address is."""

import hashlib
import io
import sys
import threading
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from impasto.backbones import describe_weights, fetch_weights, load_weights
from impasto.backbones.modules import build_module
from impasto.errors import InputError
from impasto.networks import NETWORKS, find_network


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's cache, empty, and no proxy."""
    monkeypatch.setenv("NO_PROXY", "*")
    monkeypatch.setattr("platformdirs.user_cache_dir", lambda name: str(tmp_path / "cache" / name))
    return tmp_path / "cache" / "impasto"


def publish(name: str, state: dict[str, Tensor], address: str, monkeypatch: pytest.MonkeyPatch) -> bytes:
    """Let a small file be a network's published weights, at an address with SHA in place of its checksum."""
    file = io.BytesIO()
    torch.save(state, file)
    digest = hashlib.sha256(file.getvalue()).hexdigest()
    url = address.replace("SHA", digest[:8])
    monkeypatch.setitem(NETWORKS, name, replace(NETWORKS[name], weights=url))
    return file.getvalue()


@pytest.fixture
def server(tiny_state: dict[str, Tensor], monkeypatch: pytest.MonkeyPatch) -> Iterator[bytes]:
    """Serve VGG-19's weights, a small file; return its content."""

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if not self.path.endswith(".pth"):
                self.send_error(404)
                return
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: Any) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Answer) as httpd:
        address = f"http://127.0.0.1:{httpd.server_port}/vgg19-SHA.pth"
        content = publish("vgg19", tiny_state, address, monkeypatch)
        threading.Thread(target=httpd.serve_forever, daemon=True).start()
        yield content
        httpd.shutdown()


@pytest.fixture
def resnet(torchvision_standin: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Let ResNet-50's published weights be a small file; return its path."""
    source = tmp_path / "resnet50-SHA.pth"
    content = publish("resnet50", build_module(find_network("resnet50")).state_dict(), source.as_uri(), monkeypatch)
    source = tmp_path / NETWORKS["resnet50"].weights.rpartition("/")[2]
    source.write_bytes(content)
    return source


def refuse(*_: Any, **__: Any) -> Any:
    raise AssertionError("something was opened")


def test_a_downloaded_file_is_kept_whole_under_its_own_name(server: bytes, cache: Path) -> None:
    progress: list[tuple[int, int | None]] = []
    path = fetch_weights(on_progress=lambda *now: progress.append(now))
    assert path == cache / NETWORKS["vgg19"].weights.rpartition("/")[2]
    assert path.read_bytes() == server
    assert path.stat().st_mode & 0o777 == 0o644
    assert list(cache.iterdir()) == [path]
    assert progress[-1] == (len(server), len(server))


def test_downloaded_weights_are_loaded_as_full(server: bytes) -> None:
    with pytest.raises(InputError, match="not here yet: run `impasto weights fetch`, or use `embedded`"):
        load_weights("full")
    path = fetch_weights()
    assert load_weights("full").mean == (0.485, 0.456, 0.406)
    assert describe_weights("full")["name"] == load_weights("full").name == "torchvision VGG-19"
    path.write_bytes(b"something else")
    with pytest.raises(InputError, match="damaged: run `impasto weights fetch` again"):
        load_weights("full")


def test_nothing_is_downloaded_without_being_asked_and_a_downloaded_file_is_used(resnet: Path, cache: Path) -> None:
    missing = r"not here yet: run `impasto weights fetch --backbone resnet50`, or name a file with --weights$"
    for call in (load_weights, describe_weights):
        with pytest.raises(InputError, match=missing):
            call("embedded", "resnet50")
    assert fetch_weights("resnet50") == cache / resnet.name
    for which in ("embedded", "full"):
        weights, facts = load_weights(which, "resnet50"), describe_weights(which, "resnet50")
        assert weights.sha256 == facts["sha256"] == hashlib.sha256(resnet.read_bytes()).hexdigest()
        assert weights.name == facts["name"] == "torchvision resnet50"
        assert facts["source"] == resnet.as_uri()
        assert facts["license"].startswith("BSD-3-Clause")


def test_a_good_file_is_kept_and_a_damaged_one_is_downloaded_again(
    resnet: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = fetch_weights("resnet50")
    path.write_bytes(b"damaged")
    with pytest.raises(InputError, match="damaged: run `impasto weights fetch --backbone resnet50` again"):
        load_weights("embedded", "resnet50")
    assert fetch_weights("resnet50").read_bytes() == resnet.read_bytes()
    monkeypatch.setattr(urllib.request, "urlopen", refuse)
    assert fetch_weights("resnet50") == path


def test_a_wrong_checksum_leaves_nothing_new(resnet: Path, cache: Path) -> None:
    resnet.write_bytes(b"something else")
    begin = hashlib.sha256(b"something else").hexdigest()[:8]
    cache.mkdir(parents=True)
    (cache / resnet.name).write_bytes(b"old")
    message = f"its SHA-256 begins with {begin}, not {resnet.stem[-8:]}; try again; a file can be named with --weights"
    with pytest.raises(InputError, match=message):
        fetch_weights("resnet50")
    assert [(entry.name, entry.read_bytes()) for entry in cache.iterdir()] == [(resnet.name, b"old")]


@pytest.mark.parametrize("where", ["http://127.0.0.1:9/a-1.pth", "file:///none/a-1.pth", "nonsense/a-1.pth"])
def test_without_a_connection_one_line_says_what_else_can_be_done(
    where: str, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, alternative in (("vgg19", "without it the embedded"), ("resnet50", "a file can be named with --weights")):
        monkeypatch.setitem(NETWORKS, name, replace(NETWORKS[name], weights=where))
        with pytest.raises(InputError, match=f"cannot fetch .*{alternative}") as raised:
            fetch_weights(name)
        assert "\n" not in str(raised.value)
    assert list(cache.iterdir()) == []


def test_a_server_that_does_not_find_the_file_is_reported(server: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    elsewhere = replace(NETWORKS["vgg19"], weights=NETWORKS["vgg19"].weights + "x")
    monkeypatch.setitem(NETWORKS, "vgg19", elsewhere)
    with pytest.raises(InputError, match=r"cannot fetch .*Not Found"):
        fetch_weights()


class Breaking(io.BytesIO):
    def __init__(self, error: BaseException) -> None:
        super().__init__(b"x" * (3 << 20))
        self.error = error

    def read(self, size: int | None = -1) -> bytes:
        if self.tell():
            raise self.error
        return super().read(size)


@pytest.mark.parametrize(
    ("error", "raised"), [(ConnectionResetError("reset"), InputError), (KeyboardInterrupt(), KeyboardInterrupt)]
)
def test_an_interrupted_download_leaves_nothing(
    cache: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException, raised: type[BaseException]
) -> None:
    monkeypatch.setattr(urllib.request, "urlopen", lambda *_, **__: Breaking(error))
    with pytest.raises(raised):
        fetch_weights()
    assert list(cache.iterdir()) == []


def test_a_folder_that_cannot_be_made_is_reported(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache.parent.write_text("in the way")
    monkeypatch.setattr(urllib.request, "urlopen", refuse)
    with pytest.raises(InputError, match="cannot keep the full weights in"):
        fetch_weights()


@pytest.mark.usefixtures("torchvision_standin")
@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("vgg19", "vgg19-dcbb9e9d.pth"),
        ("resnet50", "resnet50-0676ba61.pth"),
        ("googlenet", "googlenet-1378be20.pth"),
        ("inception_v3", "inception_v3_google-0cc3c7bd.pth"),
        ("torchvision:vgg11", "vgg11-0123abcd.pth"),
    ],
)
def test_address_and_checksum_are_those_that_torchvision_publishes(
    name: str, file: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []
    answer: Callable[..., Any] = lambda url, **_: opened.append(url) or io.BytesIO(b"x")  # noqa: E731
    monkeypatch.setattr(urllib.request, "urlopen", answer)
    with pytest.raises(InputError, match=f"not {file.rpartition('-')[2].removesuffix('.pth')}; try again"):
        fetch_weights(name)
    assert opened[0].startswith("https://download.")
    assert opened[0].endswith(f"/{file}")


def test_a_missing_torchvision_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torchvision", None)
    with pytest.raises(
        InputError, match=r"torchvision knows .*, but is not installed: pip install 'impasto\[backbones"
    ):
        fetch_weights("torchvision:vgg11")


@pytest.mark.usefixtures("torchvision_standin")
def test_networks_without_published_weights_have_nothing_to_download() -> None:
    with pytest.raises(InputError, match="nothing to fetch for alexnet"):
        fetch_weights("alexnet")
    with pytest.raises(InputError, match="torchvision has no weights of 'nothing'"):
        fetch_weights("torchvision:nothing")

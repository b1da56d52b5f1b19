"""Downloads of weights: from a real server, damaged, interrupted, and from the addresses that torchvision publishes."""

import functools
import hashlib
import io
import sys
import threading
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import replace
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
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


def set_address(name: str, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(NETWORKS, name, replace(NETWORKS[name], weights=url))


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    """Serve a folder; return its address."""

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_: Any) -> None:
            pass

    folder = tmp_path / "served"
    folder.mkdir()
    with ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(folder))) as httpd:
        threading.Thread(target=httpd.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{httpd.server_port}"
        httpd.shutdown()


@pytest.fixture
def publish(
    server: str, tmp_path: Path, tiny_state: dict[str, Tensor], torchvision_standin: None, monkeypatch
) -> Callable[[str], Path]:
    """Return a function that lets a small file be a network's published weights, and returns its path on the server."""

    def publish(name: str) -> Path:
        file = io.BytesIO()
        torch.save(tiny_state if name == "vgg19" else build_module(find_network(name)).state_dict(), file)
        path = tmp_path / "served" / f"{name}-{hashlib.sha256(file.getvalue()).hexdigest()[:8]}.pth"
        path.write_bytes(file.getvalue())
        set_address(name, f"{server}/{path.name}", monkeypatch)
        return path

    return publish


def refuse(*_: Any, **__: Any) -> Any:
    raise AssertionError("something was opened")


def test_a_downloaded_file_is_kept_whole_under_its_own_name(publish, cache: Path) -> None:
    source, progress = publish("vgg19"), []
    path = fetch_weights(on_progress=lambda *now: progress.append(now))
    assert path == cache / source.name
    assert path.read_bytes() == source.read_bytes()
    assert path.stat().st_mode & 0o777 == 0o644
    assert list(cache.iterdir()) == [path]
    assert progress[-1] == (source.stat().st_size, source.stat().st_size)


@pytest.mark.parametrize(
    ("name", "which", "title", "command", "alternative"),
    [
        ("vgg19", "full", "torchvision VGG-19", "impasto weights fetch", "use `embedded`"),
        ("resnet50", "full", "torchvision resnet50", "impasto weights fetch --backbone resnet50", "name a file"),
        ("resnet50", "embedded", "torchvision resnet50", "impasto weights fetch --backbone resnet50", "name a file"),
    ],
)
def test_weights_are_used_once_they_are_downloaded(publish, name, which, title, command, alternative) -> None:
    source = publish(name)
    for call in (load_weights, describe_weights):
        with pytest.raises(InputError, match=f"not here yet: run `{command}`, or {alternative}"):
            call(which, name)
    path = fetch_weights(name)
    weights, facts = load_weights(which, name), describe_weights(which, name)
    assert weights.sha256 == facts["sha256"] == hashlib.sha256(source.read_bytes()).hexdigest()
    assert weights.name == facts["name"] == title
    assert facts["source"] == NETWORKS[name].weights
    assert facts["license"].startswith("BSD-3-Clause")
    path.write_bytes(b"damaged")
    with pytest.raises(InputError, match=f"damaged: run `{command}` again"):
        load_weights(which, name)


def test_a_good_file_is_kept_and_a_damaged_one_is_downloaded_again(publish, monkeypatch) -> None:
    source = publish("vgg19")
    path = fetch_weights()
    path.write_bytes(b"damaged")
    assert fetch_weights().read_bytes() == source.read_bytes()
    monkeypatch.setattr(urllib.request, "urlopen", refuse)
    assert fetch_weights() == path


def test_a_wrong_checksum_leaves_nothing_new(publish, cache: Path) -> None:
    source = publish("resnet50")
    source.write_bytes(b"something else")
    begin = hashlib.sha256(b"something else").hexdigest()[:8]
    cache.mkdir(parents=True)
    (cache / source.name).write_bytes(b"old")
    message = f"its SHA-256 begins with {begin}, not {source.stem[-8:]}; try again; a file can be named with --weights"
    with pytest.raises(InputError, match=message):
        fetch_weights("resnet50")
    assert [(entry.name, entry.read_bytes()) for entry in cache.iterdir()] == [(source.name, b"old")]


@pytest.mark.parametrize("where", ["http://127.0.0.1:9/a-1.pth", "file:///none/a-1.pth", "nonsense/a-1.pth"])
@pytest.mark.parametrize(
    ("name", "alternative"),
    [("vgg19", "without it the embedded weights are used"), ("resnet50", "a file can be named with --weights instead")],
)
def test_without_a_connection_the_error_names_the_alternative(where, name, alternative, cache, monkeypatch) -> None:
    set_address(name, where, monkeypatch)
    with pytest.raises(InputError, match=f"cannot fetch .*; nothing is lost: {alternative}$") as raised:
        fetch_weights(name)
    assert "\n" not in str(raised.value)
    assert list(cache.iterdir()) == []


def test_a_server_that_does_not_have_the_file_is_reported(publish) -> None:
    publish("vgg19").unlink()
    with pytest.raises(InputError, match=r"cannot fetch .*File not found"):
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
def test_an_interrupted_download_leaves_nothing(cache, monkeypatch, error, raised) -> None:
    monkeypatch.setattr(urllib.request, "urlopen", lambda *_, **__: Breaking(error))
    with pytest.raises(raised):
        fetch_weights()
    assert list(cache.iterdir()) == []


def test_a_folder_that_cannot_be_made_is_reported(cache: Path, monkeypatch) -> None:
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
def test_address_and_checksum_are_those_that_torchvision_publishes(name, file, monkeypatch) -> None:
    opened: list[str] = []
    monkeypatch.setattr(urllib.request, "urlopen", lambda url, **_: opened.append(url) or io.BytesIO(b"x"))
    with pytest.raises(InputError, match=f"not {file.rpartition('-')[2].removesuffix('.pth')}; try again"):
        fetch_weights(name)
    assert opened[0].startswith("https://download.")
    assert opened[0].endswith(f"/{file}")


def test_a_missing_torchvision_is_named(monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "torchvision", None)
    with pytest.raises(InputError, match=r"torchvision knows .*, but is not installed: .*pip install 'torchvision>="):
        fetch_weights("torchvision:vgg11")


@pytest.mark.usefixtures("torchvision_standin")
def test_networks_without_published_weights_have_nothing_to_download() -> None:
    with pytest.raises(InputError, match="nothing to fetch for alexnet"):
        fetch_weights("alexnet")
    with pytest.raises(InputError, match="torchvision has no weights of 'nothing'"):
        fetch_weights("torchvision:nothing")

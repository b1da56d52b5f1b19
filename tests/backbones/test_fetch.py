import hashlib
import io
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from impasto.backbones import describe_weights, fetch, fetch_weights, load_weights
from impasto.errors import InputError

NAME = "vgg19-dcbb9e9d.pth"


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "*")


@pytest.fixture
def content(tiny_state: dict[str, Tensor], monkeypatch: pytest.MonkeyPatch) -> bytes:
    """A small file that stands for torchvision's: its checksum is the expected one."""
    file = io.BytesIO()
    torch.save(tiny_state, file)
    data = file.getvalue()
    monkeypatch.setattr(fetch, "FULL_SHA256", hashlib.sha256(data).hexdigest()[:8])
    return data


@pytest.fixture
def server(content: bytes) -> Iterator[str]:
    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path != f"/{NAME}":
                self.send_error(404)
                return
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: Any) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Answer) as httpd:
        threading.Thread(target=httpd.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{httpd.server_port}/{NAME}"
        httpd.shutdown()


def refuse(url: str) -> Any:
    raise AssertionError(f"{url} was opened")


def test_a_fetched_file_is_kept_whole_under_its_own_name(server: str, content: bytes, tmp_path: Path) -> None:
    told: list[tuple[int, int | None]] = []
    path = fetch_weights(url=server, folder=tmp_path / "new", on_progress=lambda *now: told.append(now))
    assert path == tmp_path / "new" / NAME
    assert path.read_bytes() == content
    assert path.stat().st_mode & 0o777 == 0o644
    assert [entry.name for entry in path.parent.iterdir()] == [NAME]
    assert told[-1] == (len(content), len(content))


def test_a_file_url_works_too(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "source").write_bytes(content)
    assert fetch_weights(url=(tmp_path / "source").as_uri(), folder=tmp_path / "to").read_bytes() == content


def test_fetched_weights_are_loaded_as_full(server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platformdirs.user_cache_dir", lambda name: str(tmp_path / name))
    with pytest.raises(InputError, match="not here yet: run `impasto weights fetch`"):
        load_weights("full")
    assert fetch_weights(url=server) == tmp_path / "impasto" / NAME
    assert load_weights("full").mean == (0.485, 0.456, 0.406)
    assert describe_weights("full")["name"] == load_weights("full").name
    (tmp_path / "impasto" / NAME).write_bytes(b"something else")
    with pytest.raises(InputError, match="damaged: run `impasto weights fetch` again"):
        load_weights("full")


def test_a_good_file_is_not_fetched_again_and_a_damaged_one_is(server: str, content: bytes, tmp_path: Path) -> None:
    (tmp_path / NAME).write_bytes(b"damaged")
    fetch_weights(url=server, folder=tmp_path)
    assert fetch_weights(folder=tmp_path, opener=refuse).read_bytes() == content


def test_a_wrong_checksum_leaves_nothing_new(
    server: str, content: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetch, "FULL_SHA256", "00000000")
    begin = hashlib.sha256(content).hexdigest()[:8]
    (tmp_path / NAME).write_bytes(b"old")
    with pytest.raises(InputError, match=f"its SHA-256 begins with {begin}, not 00000000"):
        fetch_weights(url=server, folder=tmp_path)
    assert [(entry.name, entry.read_bytes()) for entry in tmp_path.iterdir()] == [(NAME, b"old")]


@pytest.mark.parametrize("where", ["http://127.0.0.1:9/", "file:///none/", "nonsense/"])
def test_without_a_connection_one_line_says_that_the_embedded_weights_are_used(tmp_path: Path, where: str) -> None:
    with pytest.raises(InputError, match=r"cannot fetch .*without it the embedded weights are used") as raised:
        fetch_weights(url=where + NAME, folder=tmp_path)
    assert "\n" not in str(raised.value)
    assert list(tmp_path.iterdir()) == []


def test_an_answer_of_not_found_is_told(server: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"cannot fetch .*Not Found"):
        fetch_weights(url=server + "x", folder=tmp_path)


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
def test_a_download_broken_off_leaves_nothing(
    tmp_path: Path, error: BaseException, raised: type[BaseException]
) -> None:
    with pytest.raises(raised):
        fetch_weights(folder=tmp_path, opener=lambda url: Breaking(error))
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(InputError, match="cannot keep the full weights in"):
        fetch_weights(folder=tmp_path / "file" / "cache", opener=refuse)


def test_the_expected_checksum_is_the_one_in_the_files_name() -> None:
    assert fetch.FULL_URL.endswith(f"://download.pytorch.org/models/{NAME}")
    assert fetch.is_full("dcbb9e9d" + 56 * "0")
    assert not fetch.is_full("d01eb7cb" + 56 * "0")

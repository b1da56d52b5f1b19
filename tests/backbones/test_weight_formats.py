"""Files of weights: formats, key styles, preprocessing, and what is refused."""

import math
import os
import pickle
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch
from torch import Tensor

from impasto.backbones import VGG19Weights, load_weights
from impasto.backbones.weight_formats import CONVOLUTIONS, kernel_shape, read_tensors, recognize_vgg19
from impasto.errors import InputError

# The numbers of VGG-19's convolutions in torchvision's sequence, as published.
NUMBERS = [0, 2, 5, 7, 10, 12, 14, 16, 19, 21, 23, 25, 28, 30, 32, 34]
NUMBERED = [f"features.{n}" for n in NUMBERS]
TORCHVISION_MEAN, TORCHVISION_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def test_the_kernel_shapes_sum_to_the_published_number_of_parameters() -> None:
    shapes = [kernel_shape(name) for name in CONVOLUTIONS]
    # 20,024,384 is the published size of VGG-19 without its three fully connected layers.
    assert sum(math.prod(shape) + shape[0] for shape in shapes) == 20_024_384


def caffe_state(weights: VGG19Weights, keys: Sequence[str], *, bgr: bool = True) -> dict[str, Tensor]:
    state = {}
    for name, key in zip(CONVOLUTIONS, keys, strict=True):
        kernel, bias = weights.layers[name]
        state[f"{key}.weight"] = kernel.flip(1) if name == "conv1_1" and bgr else kernel
        state[f"{key}.bias"] = bias
    return state


def assert_is_the_same_network(found: VGG19Weights, expected: VGG19Weights) -> None:
    for name in CONVOLUTIONS:
        assert torch.equal(found.layers[name][0], expected.layers[name][0]), name
        assert torch.equal(found.layers[name][1], expected.layers[name][1]), name
    assert (found.mean, found.scale) == (expected.mean, expected.scale)


@pytest.mark.parametrize("zipped", [True, False])
def test_a_caffe_file_of_neural_style_pt_is_the_embedded_network(
    weights: VGG19Weights, tmp_path: Path, zipped: bool
) -> None:
    state = caffe_state(weights, NUMBERED) | {"classifier.0.weight": torch.zeros(4, 5)}
    torch.save(state, tmp_path / "vgg19-d01eb7cb.pth", _use_new_zipfile_serialization=zipped)
    assert_is_the_same_network(load_weights(str(tmp_path / "vgg19-d01eb7cb.pth")), weights)


@pytest.mark.parametrize("keys", [NUMBERED, CONVOLUTIONS], ids=["numbered", "named"])
def test_a_safetensors_file_with_either_kind_of_keys_is_read(
    weights: VGG19Weights, tmp_path: Path, keys: Sequence[str]
) -> None:
    state = {name: values.contiguous() for name, values in caffe_state(weights, keys).items()}
    safetensors.torch.save_file(state, tmp_path / "vgg.safetensors")
    assert_is_the_same_network(load_weights(str(tmp_path / "vgg.safetensors")), weights)


def test_a_caffe_network_in_rgb_order_is_not_reversed(weights: VGG19Weights) -> None:
    layers, preprocessing = recognize_vgg19(caffe_state(weights, NUMBERED, bgr=False), "file")
    assert torch.equal(layers["conv1_1"][0], weights.layers["conv1_1"][0])
    assert (preprocessing.mean, preprocessing.scale) == (weights.mean, weights.scale)


def test_a_caffe_network_with_rescaled_filters_is_still_recognized(weights: VGG19Weights) -> None:
    state = caffe_state(weights, NUMBERED)
    state["features.0.weight"] = state["features.0.weight"] * torch.linspace(0.1, 3, 64).view(64, 1, 1, 1)
    assert recognize_vgg19(state, "file")[1].bgr


def test_half_precision_is_widened(weights: VGG19Weights) -> None:
    state = {name: values.half() for name, values in caffe_state(weights, NUMBERED).items()}
    layers, preprocessing = recognize_vgg19(state, "file")
    assert preprocessing.bgr
    assert layers["conv4_2"][0].dtype == torch.float32
    torch.testing.assert_close(layers["conv4_2"][0], weights.layers["conv4_2"][0], rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize("prefix", ["features.", ""])
def test_other_filters_under_torchvisions_keys_get_torchvisions_preprocessing(
    tiny_state: dict[str, Tensor], prefix: str
) -> None:
    filters = torch.randn(64, 3, 3, 3, generator=torch.Generator().manual_seed(4))
    state = {**tiny_state, "features.0.weight": filters}
    layers, preprocessing = recognize_vgg19({prefix + k.removeprefix("features."): v for k, v in state.items()}, "file")
    assert torch.equal(layers["conv1_1"][0], filters)
    assert preprocessing.mean == TORCHVISION_MEAN
    assert preprocessing.scale == pytest.approx([1 / deviation for deviation in TORCHVISION_STD])


def test_other_filters_under_caffes_keys_get_caffes_preprocessing(tiny_state: dict[str, Tensor]) -> None:
    names = dict(zip(NUMBERED, CONVOLUTIONS, strict=True))
    state = {f"{names[key.rpartition('.')[0]]}.{key.rpartition('.')[2]}": value for key, value in tiny_state.items()}
    assert recognize_vgg19(state, "file")[1].bgr


@pytest.mark.parametrize(
    ("convolutions", "extra", "name"),
    [
        (13, {}, "VGG-16"),
        (8, {}, "VGG-11"),
        (16, {"features.1.running_mean": torch.zeros(64)}, "VGG-19 with batch normalization"),
        (53, {}, "a network of 53 convolutions"),
        (0, {"weight": torch.zeros(2, 2)}, "no network of convolutions"),
    ],
)
def test_another_network_is_named(convolutions: int, extra: dict[str, Tensor], name: str) -> None:
    state = {f"features.{3 * n}.weight": torch.zeros(1, 1, 3, 3) for n in range(convolutions)} | extra
    with pytest.raises(
        InputError, match=rf"file is not a VGG-19 \(it looks like {name}\); expected a VGG-19"
    ) as raised:
        recognize_vgg19(state, "file")
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("values", "found"),
    [
        (torch.zeros(64, 3, 7, 7), "features.0.weight is 64x3x7x7 float32, expected 64x3x3x3"),
        (torch.zeros(64, 3, 3, 3, dtype=torch.uint8), "features.0.weight is 64x3x3x3 uint8, expected 64x3x3x3 float32"),
        (torch.full((64, 3, 3, 3), torch.nan), "features.0.weight holds values that are not finite"),
    ],
)
def test_a_tensor_that_does_not_fit_is_named(tiny_state: dict[str, Tensor], values: Tensor, found: str) -> None:
    with pytest.raises(InputError, match=found):
        recognize_vgg19({**tiny_state, "features.0.weight": values}, "file")


class Malice:
    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return os.mkdir, (str(self.trace),)


def test_code_hidden_in_a_file_is_refused_and_not_executed(tmp_path: Path) -> None:
    for save in (torch.save, lambda content, path: path.write_bytes(pickle.dumps(content, protocol=2))):
        save({"features.0.weight": Malice(tmp_path / "trace")}, tmp_path / "bad.pth")
        with pytest.raises(InputError, match=r"bad\.pth is damaged or holds more than plain tensors; expected"):
            load_weights(str(tmp_path / "bad.pth"))
        assert not (tmp_path / "trace").exists()


def _truncated(save: Callable[[dict[str, Tensor], Path], Any]) -> Callable[[Path], Any]:
    def write(path: Path) -> None:
        save({"features.0.weight": torch.rand(64, 3, 3, 3)}, path)
        path.write_bytes(path.read_bytes()[:1000])

    return write


@pytest.mark.parametrize(
    ("write", "reason"),
    [
        (lambda path: path.write_text("these are no weights"), "is not a file of weights"),
        (lambda path: path.write_bytes(b""), "is not a file of weights"),
        (lambda path: path.write_bytes(b"PK\x03\x04 and so on"), "is damaged"),
        (lambda path: path.write_bytes(b"\x80\x02garbage"), "is damaged"),
        (lambda path: path.write_bytes(b"\xff" * 7 + b"\x00{}"), "is damaged"),
        (_truncated(torch.save), "is damaged"),
        (_truncated(safetensors.torch.save_file), "is damaged"),
        (lambda path: torch.save([torch.zeros(2)], path), "holds something else than named tensors"),
        (lambda path: torch.save({"epoch": 3}, path), "holds something else than named tensors"),
        (lambda path: torch.save(torch.nn.Linear(2, 2), path), "holds more than plain tensors"),
        (lambda path: path.mkdir(), "cannot read the weights"),
        (lambda path: None, "cannot read the weights"),
    ],
)
def test_anything_but_a_file_of_tensors_is_refused_in_one_line(
    tmp_path: Path, write: Callable[[Path], Any], reason: str
) -> None:
    write(tmp_path / "file")
    with pytest.raises(InputError, match=f"{reason}.*expected a VGG-19 as .pth or .safetensors") as raised:
        read_tensors(tmp_path / "file")
    assert "\n" not in str(raised.value)
    assert str(tmp_path / "file") in str(raised.value)

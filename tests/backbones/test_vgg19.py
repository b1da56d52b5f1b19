"""VGG-19 against the network as it was published, and finite differences."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from impasto.backbones import VGG19Weights, build_extractor
from impasto.networks import find_network
from impasto.recipe import Padding, Pooling

CPU = torch.device("cpu")
LAYERS = find_network("vgg19").layers
RED, BLUE = (torch.tensor(color).view(1, 3, 1, 1).expand(1, 3, 32, 32) for color in ((0.9, 0.1, 0.1), (0.1, 0.1, 0.9)))


def published_features(file: Path, image: Tensor, pooling: str) -> dict[str, Tensor]:
    """The network as it was published: gray levels in BGR minus their means, zeros beyond the border."""
    stored = torch.load(file, weights_only=True)
    red, green, blue = image[0] * 255
    maps = torch.stack([blue - 103.939, green - 116.779, red - 123.68])[None]
    features = {}
    for block, count in enumerate((2, 2, 4, 4, 4), start=1):
        for index in range(1, count + 1):
            key = f"block{block}_conv{index}"
            kernel = stored[f"{key}_W_table"][stored[f"{key}_W_q"].long()]
            maps = F.relu(F.conv2d(maps, kernel, stored[f"{key}_b"], padding=1))
            features[f"conv{block}_{index}"] = maps
        maps = F.max_pool2d(maps, 2, 2) if pooling == "max" else F.avg_pool2d(maps, 2, 2)
        features[f"pool{block}"] = maps
    return features


@pytest.mark.parametrize("pooling", ["max", "average"])
def test_every_layer_equals_the_published_network(
    weights: VGG19Weights, embedded_file: Path, photos: list[Tensor], pooling: Pooling
) -> None:
    photo = photos[0][..., :70, :97]
    expected = published_features(embedded_file, photo, pooling)
    found = build_extractor(weights, layers=LAYERS, pooling=pooling, padding="zeros", device=CPU)(photo)
    assert list(found) == list(LAYERS)
    for name in LAYERS:
        torch.testing.assert_close(found[name], expected[name], rtol=1e-4, atol=1e-4 * float(expected[name].max()))


def with_reversed_colors(weights: VGG19Weights) -> VGG19Weights:
    kernel, bias = weights.layers["conv1_1"]
    return replace(weights, layers={**weights.layers, "conv1_1": (kernel.flip(1), bias)})


def test_red_and_blue_are_distinguished_as_by_the_published_network(weights: VGG19Weights, embedded_file: Path) -> None:
    right = build_extractor(weights, layers=["conv1_1"], padding="zeros", device=CPU)
    wrong = build_extractor(with_reversed_colors(weights), layers=["conv1_1"], padding="zeros", device=CPU)
    for color in (RED, BLUE):
        expected = published_features(embedded_file, color, "max")["conv1_1"]
        torch.testing.assert_close(right(color)["conv1_1"], expected, rtol=1e-4, atol=1e-3)
        assert (wrong(color)["conv1_1"] - expected).norm() > 0.5 * expected.norm()


def test_photos_excite_the_network_more_in_their_own_colors(weights: VGG19Weights, photos: list[Tensor]) -> None:
    right, wrong = (
        build_extractor(of, layers=["conv5_1"], pooling="max", padding="zeros", device=CPU)
        for of in (weights, with_reversed_colors(weights))
    )
    for photo in photos:
        assert right(photo)["conv5_1"].mean() > wrong(photo)["conv5_1"].mean()


def test_the_mean_color_lies_beyond_a_border_of_zeros(weights: VGG19Weights) -> None:
    mean = torch.tensor(weights.mean).view(1, 3, 1, 1).expand(1, 3, 12, 12)
    response = build_extractor(weights, layers=["conv1_1"], padding="zeros", device=CPU)(mean)["conv1_1"]
    torch.testing.assert_close(response, response[..., 6:7, 6:7].expand_as(response), rtol=0, atol=1e-4)


def test_no_convolution_is_computed_twice_or_in_vain(weights: VGG19Weights, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []
    convolution = F.conv2d

    def counted(features: Tensor, *given: Any, **named: Any) -> Tensor:
        calls.append(features.shape)
        return convolution(features, *given, **named)

    monkeypatch.setattr(F, "conv2d", counted)
    features = build_extractor(weights, layers=["conv1_2", "conv3_2"], device=CPU)(torch.rand(1, 3, 16, 16))
    assert features["conv1_2"].shape[1] == 64
    assert len(calls) == 2
    assert len(dict(features)) == 2
    assert len(calls) == 6
    assert features["conv1_2"] is dict(features)["conv1_2"]
    assert len(calls) == 6
    calls.clear()
    dict(build_extractor(weights, layers=["pool2"], device=CPU)(torch.rand(1, 3, 16, 16)))
    assert len(calls) == 4


@pytest.mark.parametrize("pooling", ["max", "average", "l2"])
@pytest.mark.parametrize("padding", ["zeros", "reflect", "replicate"])
def test_gradients_agree_with_finite_differences(
    small_weights: VGG19Weights, pooling: Pooling, padding: Padding, check_gradient: Any
) -> None:
    layers = ["conv1_1", "conv2_1", "conv3_2"]
    extractor = build_extractor(small_weights, layers=layers, pooling=pooling, padding=padding, device=CPU)
    generator = torch.Generator().manual_seed(2)
    check_gradient(extractor, torch.rand(1, 3, 9, 11, dtype=torch.float64, generator=generator), generator)


def test_gradients_of_the_real_network_agree_with_finite_differences(
    weights: VGG19Weights, photos: list[Tensor], check_gradient: Any
) -> None:
    double = replace(weights, layers={n: (k.double(), b.double()) for n, (k, b) in weights.layers.items()})
    extractor = build_extractor(double, layers=["conv5_1"], device=CPU)
    check_gradient(extractor, photos[1][..., 50:90, 60:100].double(), torch.Generator().manual_seed(3))


def test_the_weights_are_frozen(small_weights: VGG19Weights) -> None:
    loose = {n: (k.clone().requires_grad_(), b.clone().requires_grad_()) for n, (k, b) in small_weights.layers.items()}
    extractor = build_extractor(replace(small_weights, layers=loose), layers=["conv2_1"], device=CPU)
    assert not extractor(torch.rand(1, 3, 8, 8, dtype=torch.float64))["conv2_1"].requires_grad
    image = torch.rand(1, 3, 8, 8, dtype=torch.float64, requires_grad=True)
    extractor(image)["conv2_1"].sum().backward()
    assert image.grad is not None
    assert all(kernel.grad is None and bias.grad is None for kernel, bias in loose.values())


def test_bf16_stays_close_to_fp32_and_only_rounds_conv1_1(weights: VGG19Weights, photos: list[Tensor]) -> None:
    layers = ["conv1_1", "conv2_1", "conv3_1", "conv4_1", "conv5_1"]
    photo = photos[0][..., 20:84, 60:124]
    exact, rough = (
        build_extractor(weights, layers=layers, precision=precision, device=CPU)(photo)
        for precision in ("fp32", "bf16")
    )
    assert torch.equal(exact["conv1_1"].bfloat16(), rough["conv1_1"])
    for name in layers[1:]:
        assert rough[name].dtype == torch.bfloat16
        assert (rough[name].float() - exact[name]).norm() < 0.01 * exact[name].norm(), name


def test_the_gradients_in_bf16_and_fp32_have_the_same_direction(weights: VGG19Weights, photos: list[Tensor]) -> None:
    photo = photos[0][..., 20:84, 60:124].clone().requires_grad_()
    gradients: list[Tensor] = []
    for precision in ("fp32", "bf16"):
        features = build_extractor(weights, layers=["conv4_2"], precision=precision, device=CPU)(photo)["conv4_2"]
        gradients += torch.autograd.grad(features.float().square().mean(), photo)
    assert gradients[1].dtype == torch.float32
    assert torch.cosine_similarity(gradients[0].flatten(), gradients[1].flatten(), dim=0) > 0.998


@pytest.mark.parametrize("padding", ["zeros", "reflect", "replicate"])
@pytest.mark.parametrize("pooling", ["max", "average", "l2"])
def test_features_stay_channels_last(weights: VGG19Weights, pooling: Pooling, padding: Padding) -> None:
    extractor = build_extractor(weights, layers=LAYERS[:8], pooling=pooling, padding=padding, device=CPU)
    for maps in extractor(torch.rand(1, 3, 18, 22)).values():
        assert maps.is_contiguous(memory_format=torch.channels_last)

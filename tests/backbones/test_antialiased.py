"""VGG-16 and AlexNet without aliasing against a second implementation and finite differences."""

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F  # noqa: N812

from impasto.backbones import FeatureExtractor, build_extractor, check_input_size, load_weights, min_input_size
from impasto.backbones.pooling import blur_pool
from impasto.errors import InputError
from impasto.networks import find_network

CPU = torch.device("cpu")
NAMES = ("vgg16", "alexnet")


@pytest.fixture(scope="module")
def image():
    return torch.rand(1, 3, 45, 37, generator=torch.Generator().manual_seed(3))


def published(name, image):
    """Compute every convolution as the published program does: AlexNet with strides of 1 where it blurs."""
    weights = load_weights("embedded", name)
    maps = (2 * image - 1 - weights.shift) / weights.scale
    features = {}
    for layer, (kernel, bias) in weights.layers.items():
        if name == "vgg16" and layer.endswith("_1") and layer != "conv1_1":
            maps = blur_pool(F.max_pool2d(maps, kernel_size=2, stride=1))
        if name == "alexnet" and layer in ("conv2_1", "conv3_1"):
            maps = blur_pool(F.max_pool2d(maps, kernel_size=3, stride=1))
        maps = F.conv2d(maps, kernel, bias, padding={11: 2, 5: 2, 3: 1}[kernel.shape[-1]])
        maps = F.relu(blur_pool(maps) if (name, layer) == ("alexnet", "conv1_1") else maps)
        features[layer] = maps
    return features


@pytest.mark.parametrize("name", NAMES)
def test_the_features_are_those_of_the_published_network(name, image):
    expected = published(name, image)
    extractor = build_extractor(
        load_weights("embedded", name), layers=list(expected), pooling="max", padding="zeros", device=CPU
    )
    found = extractor(image)
    assert list(found) == list(expected) == list(extractor.layers)
    for layer, maps in expected.items():
        torch.testing.assert_close(found[layer], maps, rtol=1e-5, atol=1e-5 * float(maps.max()))


@pytest.mark.parametrize("padding", ["reflect", "replicate", "zeros"])
@pytest.mark.parametrize("pooling", ["l2", "average", "max"])
@pytest.mark.parametrize("name", NAMES)
def test_the_gradient_is_that_of_finite_differences(name, pooling, padding, check_gradient):
    weights = load_weights("embedded", name)
    layers = {layer: (kernel.double(), bias.double()) for layer, (kernel, bias) in weights.layers.items()}
    double = replace(weights, layers=layers, shift=weights.shift.double(), scale=weights.scale.double())
    wanted = ["conv1_1", "conv3_1"] if name == "vgg16" else ["conv1_1", "conv4_1"]
    extractor = build_extractor(double, layers=wanted, pooling=pooling, padding=padding, device=CPU)
    generator = torch.Generator().manual_seed(4)
    check_gradient(extractor, torch.rand(1, 3, 26, 22, generator=generator, dtype=torch.float64), generator)


@pytest.mark.parametrize("name", NAMES)
def test_padding_continues_the_image_beyond_its_border(name):
    image = torch.rand(1, 3, 40, 40, generator=torch.Generator().manual_seed(5))
    layers = ["conv1_1"]
    weights = load_weights("embedded", name)
    for padding in ("reflect", "replicate"):
        padded = build_extractor(weights, layers=layers, padding=padding, device=CPU)(image)["conv1_1"]
        margin = 2 if name == "alexnet" else 1
        bordered = F.pad(image, (margin,) * 4, mode=padding)
        shift, scale = weights.shift, weights.scale
        kernel, bias = weights.layers["conv1_1"]
        maps = F.conv2d((2 * bordered - 1 - shift) / scale, kernel, bias)
        expected = F.relu(blur_pool(maps) if name == "alexnet" else maps)
        torch.testing.assert_close(padded, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", NAMES)
def test_bf16_features_are_near_and_come_in_bf16(name, image):
    weights = load_weights("embedded", name)
    layers = ["conv1_1", "conv3_1"]
    exact, short = (
        build_extractor(weights, layers=layers, precision=precision, device=CPU)(image)
        for precision in ("fp32", "bf16")
    )
    for layer in layers:
        assert (exact[layer].dtype, short[layer].dtype) == (torch.float32, torch.bfloat16)
        error = (short[layer].float() - exact[layer]).square().mean().sqrt() / exact[layer].square().mean().sqrt()
        assert error < 0.03


@pytest.mark.parametrize("padding", ["reflect", "zeros"])
@pytest.mark.parametrize("name", NAMES)
def test_the_smallest_image_of_a_layer_has_features_and_a_smaller_one_is_refused(name, padding):
    weights = load_weights("embedded", name)
    for layer in find_network(name).layers:
        smallest = min_input_size(name, [layer], padding)
        with pytest.raises(InputError, match=f"1 x 1 px is too small for {layer}, .* at least {smallest} px"):
            check_input_size(1, 1, [layer], backbone=name, padding=padding)
        extractor = build_extractor(weights, layers=[layer], padding=padding, device=CPU)
        assert min(extractor(torch.rand(1, 3, smallest, smallest + 3))[layer].shape[2:]) >= 2
        with pytest.raises(InputError, match=f"at least {smallest} px"):
            extractor(torch.rand(1, 3, smallest + 3, smallest - 1))


@pytest.mark.parametrize("name", NAMES)
def test_layers_are_ordered_by_depth_and_unknown_ones_refused(name):
    weights = load_weights("embedded", name)
    extractor = build_extractor(weights, layers=["relu4_1", "pool1", "conv1_1"], device=CPU)
    assert isinstance(extractor, FeatureExtractor)
    assert extractor.layers == ("conv1_1", "pool1", "conv4_1")
    with pytest.raises(InputError, match=f"unknown layer 'conv9_1' of {name}"):
        build_extractor(weights, layers=["conv9_1"], device=CPU)

"""VGG-16 and AlexNet without aliasing against a second implementation and finite differences."""

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F  # noqa: N812

from impasto.backbones import build_extractor, load_weights
from impasto.backbones.pooling import blur_pool

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
def test_gradients_agree_with_finite_differences(name, pooling, padding, check_gradient):
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

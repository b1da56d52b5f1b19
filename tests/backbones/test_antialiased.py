"""VGG-16 and AlexNet as painters: against a network written out again, and finite differences."""

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F  # noqa: N812

from impasto.backbones import FeatureExtractor, build_extractor, check_size, describe_weights, load_weights
from impasto.backbones.antialiased import AntialiasedExtractor, blur_pool
from impasto.backbones.stlpips import load_antialiased
from impasto.errors import InputError
from impasto.networks import find_network

CPU = torch.device("cpu")
NAMES = ("vgg16", "alexnet")


@pytest.fixture(scope="module")
def picture():
    return torch.rand(1, 3, 45, 37, generator=torch.Generator().manual_seed(3))


def published(name, picture):
    """Compute every convolution as the published program does: AlexNet with strides of 1 where it blurs."""
    weights = load_antialiased(name)
    maps = (2 * picture - 1 - weights.shift) / weights.scale
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
def test_the_features_are_those_of_the_published_network(name, picture):
    expected = published(name, picture)
    extractor = build_extractor(
        load_weights("embedded", name), layers=list(expected), pooling="max", padding="zeros", device=CPU
    )
    found = extractor(picture)
    assert list(found) == list(expected) == list(extractor.layers)
    for layer, maps in expected.items():
        torch.testing.assert_close(found[layer], maps, rtol=1e-5, atol=1e-5 * float(maps.max()))


def doubled(name):
    weights = load_antialiased(name)
    layers = {layer: (kernel.double(), bias.double()) for layer, (kernel, bias) in weights.layers.items()}
    return replace(weights, layers=layers, shift=weights.shift.double(), scale=weights.scale.double())


@pytest.mark.parametrize("padding", ["reflect", "replicate", "zeros"])
@pytest.mark.parametrize("pooling", ["l2", "average", "max"])
@pytest.mark.parametrize("name", NAMES)
def test_the_gradient_is_that_of_finite_differences(name, pooling, padding):
    layers = ["conv1_1", "conv3_1"] if name == "vgg16" else ["conv1_1", "conv4_1"]
    extractor = AntialiasedExtractor(doubled(name), layers=layers, pooling=pooling, padding=padding, device=CPU)
    chance = torch.Generator().manual_seed(4)
    picture = torch.rand(1, 3, 26, 22, generator=chance, dtype=torch.float64)
    pulls = [torch.randn(maps.shape, generator=chance, dtype=torch.float64) for maps in extractor(picture).values()]

    def loss(shown):
        return sum((maps * pull).sum() for maps, pull in zip(extractor(shown).values(), pulls, strict=True))

    leaf = picture.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(loss(leaf), leaf)
    direction = torch.randn(picture.shape, generator=chance, dtype=torch.float64)
    step = 1e-7
    slope = (loss(picture + step * direction) - loss(picture - step * direction)) / (2 * step)
    assert float((gradient * direction).sum()) == pytest.approx(float(slope), rel=1e-4)


@pytest.mark.parametrize("name", NAMES)
def test_the_padding_is_what_lies_beyond_the_border(name):
    """A picture that is continued by hand has the same features inside as one that is continued by the padding."""
    picture = torch.rand(1, 3, 40, 40, generator=torch.Generator().manual_seed(5))
    layers = ["conv1_1"]
    weights = load_weights("embedded", name)
    for padding in ("reflect", "replicate"):
        padded = build_extractor(weights, layers=layers, padding=padding, device=CPU)(picture)["conv1_1"]
        margin = 2 if name == "alexnet" else 1
        bordered = F.pad(picture, (margin,) * 4, mode=padding)
        shift, scale = weights.shift, weights.scale
        kernel, bias = weights.layers["conv1_1"]
        maps = F.conv2d((2 * bordered - 1 - shift) / scale, kernel, bias)
        expected = F.relu(blur_pool(maps) if name == "alexnet" else maps)
        torch.testing.assert_close(padded, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", NAMES)
def test_bf16_features_are_near_and_come_in_bf16(name, picture):
    weights = load_weights("embedded", name)
    layers = ["conv1_1", "conv3_1"]
    exact, short = (
        build_extractor(weights, layers=layers, precision=precision, device=CPU)(picture)
        for precision in ("fp32", "bf16")
    )
    for layer in layers:
        assert (exact[layer].dtype, short[layer].dtype) == (torch.float32, torch.bfloat16)
        error = (short[layer].float() - exact[layer]).square().mean().sqrt() / exact[layer].square().mean().sqrt()
        assert error < 0.03


@pytest.mark.parametrize("padding", ["reflect", "zeros"])
@pytest.mark.parametrize("name", NAMES)
def test_the_smallest_picture_that_is_named_is_seen_and_a_smaller_one_is_not(name, padding):
    weights = load_weights("embedded", name)
    for layer in find_network(name).layers:
        with pytest.raises(InputError, match=f"1 x 1 px is too small for {layer}, which needs both sides") as caught:
            check_size(1, 1, [layer], backbone=name, padding=padding)
        smallest = int(str(caught.value).partition("at least ")[2].partition(" px")[0])
        extractor = build_extractor(weights, layers=[layer], padding=padding, device=CPU)
        maps = extractor(torch.rand(1, 3, smallest, smallest + 3))[layer]
        assert min(maps.shape[2:]) >= 2
        with pytest.raises(InputError, match=f"at least {smallest} px"):
            extractor(torch.rand(1, 3, smallest + 3, smallest - 1))


@pytest.mark.parametrize("name", NAMES)
def test_layers_come_from_the_shallowest_to_the_deepest_and_unknown_ones_are_refused(name):
    weights = load_weights("embedded", name)
    extractor = build_extractor(weights, layers=["relu4_1", "pool1", "conv1_1"], device=CPU)
    assert isinstance(extractor, FeatureExtractor)
    assert extractor.layers == ("conv1_1", "pool1", "conv4_1")
    with pytest.raises(InputError, match=f"unknown layer 'conv9_1' of {name}"):
        build_extractor(weights, layers=["conv9_1"], device=CPU)


@pytest.mark.parametrize("name", NAMES)
def test_what_is_described_is_what_is_loaded(name):
    told, weights = describe_weights("embedded", name), load_weights("embedded", name)
    assert (told["name"], told["sha256"]) == (weights.name, weights.sha256)
    assert told["license"].startswith("BSD-2-Clause")


@pytest.mark.parametrize("name", NAMES)
def test_a_file_of_the_same_tensors_is_read_and_any_other_refused(name, tmp_path):
    weights = load_antialiased(name)
    path = tmp_path / "mine.pth"
    stored = torch.load(describe_weights("embedded", name)["path"], map_location="cpu", weights_only=True)
    torch.save(stored, path)
    mine = load_weights(str(path), name)
    assert mine.name.endswith("from mine.pth")
    assert all(torch.equal(mine.layers[layer][0], kernel) for layer, (kernel, _) in weights.layers.items())
    assert describe_weights(str(path), name)["sha256"] == mine.sha256
    other = "alexnet" if name == "vgg16" else "vgg16"
    with pytest.raises(InputError, match=f"{path} is not {'AlexNet' if other == 'alexnet' else 'VGG-16'} of ST-LPIPS"):
        load_weights(str(path), other)
    torch.save({"features.0.weight": torch.zeros(1)}, path)
    with pytest.raises(InputError, match=r"is not (VGG-16|AlexNet) of ST-LPIPS"):
        load_weights(str(path), name)
    with pytest.raises(InputError, match="cannot read the weights"):
        load_weights(str(tmp_path / "none.pth"), name)
    with pytest.raises(InputError, match=f"no full weights of {name}"):
        load_weights("full", name)

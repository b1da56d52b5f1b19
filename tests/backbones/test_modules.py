"""Networks that are torch modules, with a stand-in for torchvision: hooks, padding, pooling, gradients, errors."""

import sys
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from torch import nn

from impasto.backbones import FeatureExtractor, build_extractor, check_input_size, load_weights, min_input_size, modules
from impasto.backbones.modules import build_module
from impasto.backbones.weight_formats import ModuleWeights
from impasto.errors import InputError
from impasto.networks import NETWORKS, Network, find_network

CPU = torch.device("cpu")


def as_built(network: Network) -> ModuleWeights:
    """Return random weights, those of batch normalization too."""
    module = build_module(network)
    for part in module.modules():
        if isinstance(part, nn.BatchNorm2d):
            part.running_mean.uniform_(-0.2, 0.2)
            part.running_var.uniform_(0.2, 1.5)
            part.weight.uniform_(0.5, 1.5)
            part.bias.uniform_(-0.1, 0.3)
    return ModuleWeights(network=network, tensors=module.state_dict(), name=network.name, sha256="")


def extractor_of(name, layers, **options):
    return build_extractor(as_built(find_network(name)), layers=layers, device=CPU, **options)


@pytest.fixture
def image():
    return torch.rand(1, 3, 70, 61, generator=torch.Generator().manual_seed(3))


@pytest.fixture
def plain() -> Network:
    """A network of a program, in float64, with operations in place and a part that is called twice."""

    class Own(nn.Module):
        def __init__(self):
            super().__init__()
            chance = torch.Generator().manual_seed(8)
            self.first = nn.Conv2d(3, 4, 3, padding=1)
            self.second = nn.Conv2d(4, 4, 5, padding=2, stride=2)
            self.third = nn.Conv2d(4, 2, 3, padding=1)
            self.relu = nn.ReLU(inplace=True)
            self.pool = nn.MaxPool2d(2, stride=2)
            self.never = nn.Conv2d(2, 2, 1)
            self.double()
            for values in self.parameters():
                values.data.copy_(torch.randn(values.shape, generator=chance, dtype=torch.float64) / 3)

        def forward(self, x):
            x = self.second(self.relu(self.first(x)))
            x += 0.5  # changes what `second` returned
            x = self.third(self.pool(self.relu(x)))
            return torch.softmax(x.mean(dim=(2, 3)), dim=1)

    return Network(
        name="own",
        purpose="for tests",
        layers=("first", "relu", "second", "pool", "third"),
        content_layers={"pool": 1.0},
        style_layers={"first": 1.0},
        build=Own,
        mean=(0.5, 0.4, 0.3),
        std=(0.2, 0.3, 0.4),
    )


def test_features_are_what_the_parts_return_in_the_order_of_evaluation(plain):
    image = torch.rand(1, 3, 18, 15, dtype=torch.float64)
    weights = ModuleWeights(network=plain, tensors=build_module(plain).state_dict(), name="", sha256="")
    extractor = build_extractor(weights, layers=plain.layers, pooling="max", padding="zeros", device=CPU)
    assert isinstance(extractor, FeatureExtractor)
    found = extractor(image)
    shown = (image - torch.tensor([0.5, 0.4, 0.3]).view(1, 3, 1, 1).double()) / torch.tensor(
        [0.2, 0.3, 0.4], dtype=torch.float64
    ).view(1, 3, 1, 1)
    first = F.conv2d(shown, weights.tensors["first.weight"], weights.tensors["first.bias"], padding=1)
    second = F.conv2d(
        F.relu(first), weights.tensors["second.weight"], weights.tensors["second.bias"], padding=2, stride=2
    )
    pooled = F.max_pool2d(F.relu(second + 0.5), 2)
    third = F.conv2d(pooled, weights.tensors["third.weight"], weights.tensors["third.bias"], padding=1)
    expected = {"first": first, "relu": F.relu(first), "second": second, "pool": pooled, "third": third}
    assert list(found) == list(expected)
    for layer, maps in expected.items():
        torch.testing.assert_close(found[layer], maps, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("padding", ["reflect", "replicate"])
@pytest.mark.parametrize("pooling", ["average", "l2"])
def test_padding_and_pooling_are_those_of_the_options(plain, pooling, padding):
    image = torch.rand(1, 3, 18, 16, dtype=torch.float64)
    weights = ModuleWeights(network=plain, tensors=build_module(plain).state_dict(), name="", sha256="")
    plain_mean = replace(plain, mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0))
    extractor = build_extractor(
        replace(weights, network=plain_mean),
        layers=["first", "second", "pool"],
        pooling=pooling,
        padding=padding,
        device=CPU,
    )
    found = extractor(image)
    first = F.conv2d(
        F.pad(image, (1,) * 4, mode=padding), weights.tensors["first.weight"], weights.tensors["first.bias"]
    )
    torch.testing.assert_close(found["first"], first)
    rectified = F.relu(found["second"] + 0.5)
    windows = rectified.unfold(2, 2, 2).unfold(3, 2, 2)
    mean = windows.mean(dim=(-1, -2))
    root = windows.square().mean(dim=(-1, -2)).sqrt() * 1.5
    torch.testing.assert_close(found["pool"], mean if pooling == "average" else root, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", ["own", "resnet50", "googlenet", "torchvision:vgg11"])
@pytest.mark.parametrize("pooling", ["l2", "average", "max"])
@pytest.mark.usefixtures("torchvision_standin")
def test_the_gradient_is_that_of_finite_differences(plain, monkeypatch, name, pooling, check_gradient):
    monkeypatch.setitem(NETWORKS, "own", plain)
    network = find_network(name)
    if name != "own":
        build = f"{network.build}"
        network = replace(network, build=lambda **given: build_module(replace(network, build=build)).double())
    layers = [*network.style_layers, *network.content_layers]
    extractor = build_extractor(as_built(network), layers=layers, pooling=pooling, device=CPU)
    chance = torch.Generator().manual_seed(4)
    image = torch.rand(1, 3, 36, 33, generator=chance, dtype=torch.float64)
    check_gradient(extractor, image, chance)


@pytest.mark.usefixtures("torchvision_standin")
def test_the_names_of_resnets_layers_are_its_blocks_after_their_last_relu(image):
    network = find_network("resnet50")
    weights = as_built(network)
    extractor = build_extractor(weights, layers=network.layers, pooling="max", padding="zeros", device=CPU)
    found = extractor(image)
    assert list(found) == list(network.layers)
    module = build_module(network)
    module.load_state_dict(weights.tensors)
    mean, std = (torch.tensor(values).view(1, 3, 1, 1) for values in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))
    maps = module.relu(module.bn1(module.conv1((image - mean) / std)))
    torch.testing.assert_close(found["conv1"], maps, rtol=1e-4, atol=1e-5)
    maps = module.maxpool(maps)
    for stage in range(1, 5):
        for i, block in enumerate(getattr(module, f"layer{stage}"), start=1):
            maps = block(maps)
            torch.testing.assert_close(found[f"conv{stage + 1}_{i}"], maps, rtol=1e-4, atol=1e-5)


@pytest.mark.usefixtures("torchvision_standin")
def test_nothing_is_computed_after_the_deepest_layer(image):
    extractor = extractor_of("resnet50", ["conv1", "conv2_2"])
    computed = []
    for path, part in extractor._module.named_modules():
        part.register_forward_hook(lambda *_, path=path: computed.append(path))
    assert list(extractor(image)) == ["conv1", "conv2_2"]
    assert "layer1.1.conv3" in computed
    assert not {"layer1.2.conv1", "layer2.0.conv1", "fc"} & set(computed)


@pytest.mark.usefixtures("torchvision_standin")
@pytest.mark.parametrize(("name", "expected"), [("resnet18", 5), ("vgg11", 3)])
def test_stages_are_the_deepest_maps_of_each_halving(name, expected):
    stages = [f"stage{number}" for number in range(1, expected + 1)]
    found = extractor_of(f"torchvision:{name}", stages)(torch.rand(1, 3, 128, 96))
    assert [(128 // maps.shape[2], 96 // maps.shape[3]) for maps in found.values()] == [
        (2**number, 2**number) for number in range(1, expected + 1)
    ]
    if name == "resnet18":
        same = extractor_of(f"torchvision:{name}", ["layer2", "stage3"])(torch.rand(1, 3, 64, 64))
        assert torch.equal(same["layer2"], same["stage3"])


@pytest.mark.usefixtures("torchvision_standin")
@pytest.mark.parametrize(
    ("name", "layer", "message"),
    [
        ("torchvision:vgg11", "stage5", "torchvision:vgg11 has no stage5; it has stage1, stage2, stage3, features"),
        ("torchvision:vgg11", "features.77", "has no part 'features.77'; it has stage1, .*features"),
        ("torchvision:vgg11", "classifier", "returns no map of features at classifier"),
        ("torchvision:nothing", "stage1", "torchvision has no network 'nothing'; it has resnet50, resnet18"),
        ("torchvision:list_models", "stage1", "returns no torch module but a list"),
    ],
)
def test_a_missing_part_or_network_is_reported_with_some_that_exist(name, layer, message):
    with pytest.raises(InputError, match=message) as caught:
        check_input_size(64, 64, [layer], backbone=name)
    assert "\n" not in str(caught.value)


@pytest.mark.usefixtures("no_torchvision")
def test_without_torchvision_one_line_says_how_to_get_it():
    with pytest.raises(InputError, match=r"resnet50 is built by torchvision, .* pip install 'impasto\[backbones\]'"):
        check_input_size(64, 64, ["conv1"], backbone="resnet50")
    with pytest.raises(InputError, match=r"pip install 'impasto\[backbones\]'"):
        load_weights("embedded", "torchvision:resnet18")


def test_a_torchvision_for_another_torch_is_reported(monkeypatch, tmp_path):
    package = tmp_path / "torchvision"
    package.mkdir()
    (package / "__init__.py").write_text("raise RuntimeError('operator torchvision::nms does not exist')")
    monkeypatch.delitem(sys.modules, "torchvision", raising=False)
    monkeypatch.delitem(sys.modules, "torchvision.models", raising=False)
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(InputError, match=r"cannot be loaded beside torch .*nms does not exist.*belongs to this torch"):
        check_input_size(64, 64, ["conv1"], backbone="resnet50")


@pytest.mark.usefixtures("torchvision_standin")
@pytest.mark.parametrize("padding", ["reflect", "zeros"])
@pytest.mark.parametrize(
    ("name", "layer"),
    [("resnet50", "conv1"), ("resnet50", "conv3_4"), ("googlenet", "inception3b"), ("torchvision:vgg11", "stage3")],
)
def test_the_smallest_image_of_a_layer_has_features_and_a_smaller_one_is_refused(name, layer, padding):
    smallest = min_input_size(name, [layer], padding)
    with pytest.raises(InputError, match=f"1 x 1 px is too small for {layer}, .* at least {smallest} px"):
        check_input_size(1, 1, [layer], backbone=name, padding=padding)
    check_input_size(smallest, smallest + 9, [layer], backbone=name, padding=padding)
    extractor = extractor_of(name, [layer], padding=padding)
    assert min(extractor(torch.rand(1, 3, smallest + 3, smallest))[layer].shape[2:]) >= 2
    with pytest.raises(InputError, match=f"at least {smallest} px"):
        extractor(torch.rand(1, 3, smallest - 1, smallest + 3))


@pytest.mark.usefixtures("torchvision_standin")
def test_the_smallest_image_is_found_once_for_each_network_and_layers(monkeypatch):
    built = []
    monkeypatch.setattr(modules, "build_module", lambda network: built.append(network.name) or build_module(network))
    for layers in (["conv1", "conv3_1"], ("conv1", "layer2.0"), ["conv1"], ["conv1"]):
        min_input_size("resnet50", layers)
    assert built == ["resnet50"] * 2


@pytest.mark.usefixtures("torchvision_standin")
@pytest.mark.parametrize("name", ["resnet50", "googlenet", "torchvision:vgg11"])
def test_bf16_features_are_near_and_come_in_bf16(name, image):
    layers = list(find_network(name).style_layers)
    weights = as_built(find_network(name))
    exact, short = (
        build_extractor(weights, layers=layers, precision=precision, device=CPU)(image)
        for precision in ("fp32", "bf16")
    )
    for layer in layers:
        assert (exact[layer].dtype, short[layer].dtype) == (torch.float32, torch.bfloat16)
        error = (short[layer].float() - exact[layer]).square().mean().sqrt() / exact[layer].square().mean().sqrt()
        assert error < 0.05, layer


@pytest.mark.usefixtures("torchvision_standin")
def test_the_first_convolution_is_computed_in_fp32_whatever_the_precision():
    """A gray level near white is less than the spacing of bf16."""
    extractor = extractor_of("resnet50", ["conv1"], precision="bf16")
    white = torch.ones(1, 3, 40, 40)
    slightly_less = white - 1 / 255
    assert not torch.equal(extractor(white)["conv1"], extractor(slightly_less)["conv1"])


def test_no_layers_are_no_features(plain):
    weights = ModuleWeights(network=plain, tensors={}, name="", sha256="")
    assert build_extractor(weights, layers=[], device=CPU)(torch.rand(1, 3, 1, 1)) == {}

"""Networks that are torch modules, with a stand-in for torchvision: hooks, padding, pooling, gradients, errors."""

import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from torch import nn

from impasto.backbones import build_extractor, check_input_size, load_weights, min_input_size, modules
from impasto.backbones.modules import build_module
from impasto.errors import InputError
from impasto.networks import Network, find_network

CPU = torch.device("cpu")


@pytest.fixture
def extractor_of(weights_of):
    """Return a function that builds the extractor of a network, by its name or description."""
    return lambda network, layers, **options: build_extractor(weights_of(network), layers=layers, device=CPU, **options)


def normalized(image, network):
    mean, std = (torch.tensor(values, dtype=image.dtype).view(1, 3, 1, 1) for values in (network.mean, network.std))
    return (image - mean) / std


@pytest.fixture
def plain() -> Network:
    """A network of a program, in float64, with operations in place and a part that is called twice."""

    class Own(nn.Module):
        def __init__(self):
            super().__init__()
            generator = torch.Generator().manual_seed(8)
            self.first = nn.Conv2d(3, 4, 3, padding=1)
            self.second = nn.Conv2d(4, 4, 5, padding=2, stride=2)
            self.third = nn.Conv2d(4, 2, 3, padding=1)
            self.relu = nn.ReLU(inplace=True)
            self.pool = nn.MaxPool2d(2, stride=2)
            self.never = nn.Conv2d(2, 2, 1)
            self.double()
            for values in self.parameters():
                values.data.copy_(torch.randn(values.shape, generator=generator, dtype=torch.float64) / 3)

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


def test_features_are_the_outputs_of_submodules_in_the_order_of_evaluation(plain, extractor_of):
    image = torch.rand(1, 3, 18, 15, dtype=torch.float64)
    found = extractor_of(plain, plain.layers, pooling="max", padding="zeros")(image)
    state = build_module(plain).state_dict()
    parameters = {name: (state[f"{name}.weight"], state[f"{name}.bias"]) for name in ("first", "second", "third")}
    first = F.conv2d(normalized(image, plain), *parameters["first"], padding=1)
    second = F.conv2d(F.relu(first), *parameters["second"], padding=2, stride=2)
    pooled = F.max_pool2d(F.relu(second + 0.5), 2)
    third = F.conv2d(pooled, *parameters["third"], padding=1)
    expected = {"first": first, "relu": F.relu(first), "second": second, "pool": pooled, "third": third}
    assert list(found) == list(expected)
    for layer, maps in expected.items():
        torch.testing.assert_close(found[layer], maps, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("padding", ["reflect", "replicate"])
@pytest.mark.parametrize("pooling", ["average", "l2"])
def test_padding_and_pooling_are_those_of_the_options(plain, extractor_of, pooling, padding):
    image = torch.rand(1, 3, 18, 16, dtype=torch.float64)
    found = extractor_of(plain, ["first", "second", "pool"], pooling=pooling, padding=padding)(image)
    state = build_module(plain).state_dict()
    padded = F.pad(normalized(image, plain), (1,) * 4, mode=padding)
    torch.testing.assert_close(found["first"], F.conv2d(padded, state["first.weight"], state["first.bias"]))
    windows = F.relu(found["second"] + 0.5).unfold(2, 2, 2).unfold(3, 2, 2)
    mean, root = windows.mean(dim=(-1, -2)), windows.square().mean(dim=(-1, -2)).sqrt() * 1.5
    torch.testing.assert_close(found["pool"], mean if pooling == "average" else root, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", ["own", "resnet50", "googlenet", "torchvision:vgg11"])
@pytest.mark.parametrize("pooling", ["l2", "average", "max"])
def test_gradients_agree_with_finite_differences(plain, extractor_of, name, pooling, check_gradient):
    network = plain if name == "own" else find_network(name)
    double = replace(network, build=lambda **_: build_module(network).double(), arguments={})
    extractor = extractor_of(double, [*network.style_layers, *network.content_layers], pooling=pooling)
    generator = torch.Generator().manual_seed(4)
    check_gradient(extractor, torch.rand(1, 3, 36, 33, generator=generator, dtype=torch.float64), generator)


def test_the_layers_of_resnet_are_its_blocks_after_their_last_relu(weights_of):
    network = find_network("resnet50")
    weights, image = weights_of(network), torch.rand(1, 3, 70, 61)
    found = build_extractor(weights, layers=network.layers, pooling="max", padding="zeros", device=CPU)(image)
    assert list(found) == list(network.layers)
    module = build_module(network)
    module.load_state_dict(weights.tensors)
    maps = module.relu(module.bn1(module.conv1(normalized(image, network))))
    torch.testing.assert_close(found["conv1"], maps, rtol=1e-4, atol=1e-5)
    maps = module.maxpool(maps)
    for stage in range(1, 5):
        for i, block in enumerate(getattr(module, f"layer{stage}"), start=1):
            maps = block(maps)
            torch.testing.assert_close(found[f"conv{stage + 1}_{i}"], maps, rtol=1e-4, atol=1e-5)


def test_nothing_is_computed_after_the_deepest_layer(plain, extractor_of):
    def refuse(*_):
        pytest.fail("a part after the deepest layer was evaluated")

    def build():
        module = nn.Sequential(nn.Conv2d(3, 2, 3), nn.ReLU(), nn.Conv2d(2, 2, 3))
        module[2].register_forward_pre_hook(refuse)
        return module

    short = replace(plain, layers=("0", "1", "2"), build=build)
    assert list(extractor_of(short, ["0", "1"])(torch.rand(1, 3, 9, 9))) == ["0", "1"]


@pytest.mark.parametrize(("name", "count"), [("resnet18", 5), ("vgg11", 3)])
def test_stages_are_the_deepest_maps_of_each_halving(extractor_of, name, count):
    halvings = range(1, count + 1)
    found = extractor_of(f"torchvision:{name}", [f"stage{n}" for n in halvings])(torch.rand(1, 3, 128, 96))
    assert [tuple(maps.shape[2:]) for maps in found.values()] == [(128 >> n, 96 >> n) for n in halvings]


def test_a_stage_is_the_last_block_of_its_size(extractor_of):
    found = extractor_of("torchvision:resnet18", ["layer2", "stage3"])(torch.rand(1, 3, 64, 64))
    assert torch.equal(found["layer2"], found["stage3"])


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
def test_without_torchvision_the_error_explains_how_to_install_it():
    with pytest.raises(InputError, match=r"resnet50 is built by torchvision, .* pip install 'torchvision>="):
        check_input_size(64, 64, ["conv1"], backbone="resnet50")
    with pytest.raises(InputError, match=r"pip install 'torchvision>="):
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
def test_the_smallest_image_is_found_once_for_each_network_and_layers(monkeypatch):
    built = []
    monkeypatch.setattr(modules, "build_module", lambda network: built.append(network.name) or build_module(network))
    for layers in (["conv1", "conv3_1"], ("conv1", "layer2.0"), ["conv1"], ["conv1"]):
        min_input_size("resnet50", layers)
    assert built == ["resnet50"] * 2


def test_several_threads_share_an_extractor(plain, extractor_of):
    extractor = extractor_of(plain, plain.layers)
    images = [torch.rand(1, 3, 18, 15, dtype=torch.float64) for _ in range(4)]
    expected = [extractor(image)["third"] for image in images]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda image: extractor(image)["third"], images * 25))
    for maps, wanted in zip(found, expected * 25, strict=True):
        assert torch.equal(maps, wanted)

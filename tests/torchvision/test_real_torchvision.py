"""The real torchvision's networks with random weights: their names, their features, their addresses, a painting.

Run by `make test-torchvision`, in an environment of its own. Nothing is downloaded.
"""

from dataclasses import replace

import pytest
import torch

import impasto
from impasto.backbones import build_extractor, check_input_size, min_input_size
from impasto.backbones.download import published_file
from impasto.backbones.modules import build_module
from impasto.backbones.weight_formats import ModuleWeights
from impasto.networks import find_network

pytestmark = pytest.mark.torchvision

CPU = torch.device("cpu")
NAMED = ("resnet50", "googlenet", "inception_v3")


def random_weights(name):
    torch.manual_seed(6)
    network = find_network(name)
    return ModuleWeights(network=network, tensors=build_module(network).state_dict(), name=name, sha256="")


@pytest.mark.parametrize("name", NAMED)
def test_features_equal_those_extracted_by_torchvision(name):
    from torchvision.models.feature_extraction import create_feature_extractor

    network, weights = find_network(name), random_weights(name)
    image = torch.rand(1, 3, 139, 120)
    extractor = build_extractor(weights, layers=network.layers, pooling="max", padding="zeros", device=CPU)
    found = extractor(image)
    assert list(found) == list(network.layers)
    module = build_module(network)
    module.load_state_dict(weights.tensors)
    nodes = {network.modules.get(layer, layer): layer for layer in network.layers}
    mean, std = (torch.tensor(values).view(1, 3, 1, 1) for values in (network.mean, network.std))
    expected = create_feature_extractor(module, return_nodes=nodes)((image - mean) / std)
    for layer, maps in expected.items():
        torch.testing.assert_close(found[layer], maps, rtol=1e-3, atol=1e-4 * float(maps.abs().max()))


@pytest.mark.parametrize(
    "name", [*NAMED, "torchvision:densenet121", "torchvision:mobilenet_v2", "torchvision:vgg13_bn"]
)
def test_default_style_layers_have_at_most_512_channels(name):
    network = find_network(name)
    layers = list(network.style_layers)
    found = build_extractor(random_weights(name), layers=layers, device=CPU)(torch.rand(1, 3, 64, 64))
    assert all(maps.shape[1] <= 512 for maps in found.values())


@pytest.mark.parametrize("name", ["densenet121", "mobilenet_v2", "efficientnet_b0", "resnet18", "vgg16"])
def test_stages_halve_the_image_one_after_the_other(name):
    stages = [f"stage{number}" for number in range(1, 6)]
    found = build_extractor(random_weights(f"torchvision:{name}"), layers=stages, device=CPU)(torch.rand(1, 3, 128, 96))
    sizes = [tuple(maps.shape[2:]) for maps in found.values()]
    assert sizes == [(128 >> number, 96 >> number) for number in range(1, 6)]


def test_the_stages_of_resnet50_are_its_last_blocks():
    image = torch.rand(1, 3, 96, 64)
    weights = random_weights("resnet50")
    generic = ModuleWeights(network=find_network("torchvision:resnet50"), tensors=weights.tensors, name="", sha256="")
    named = build_extractor(weights, layers=["conv1", "conv2_3", "conv3_4", "conv4_6", "conv5_3"], device=CPU)(image)
    stages = build_extractor(generic, layers=[f"stage{number}" for number in range(1, 6)], device=CPU)(image)
    for one, other in zip(named.values(), stages.values(), strict=True):
        assert torch.equal(one, other)


@pytest.mark.parametrize("name", NAMED)
def test_the_published_file_is_the_one_that_torchvision_knows(name):
    from torchvision.models import get_model_weights

    assert published_file(find_network(name)).url in [entry.url for entry in get_model_weights(name)]
    same = published_file(find_network(f"torchvision:{name}"))
    assert (same.url, same.sha256) == (
        published_file(find_network(name)).url,
        published_file(find_network(name)).sha256,
    )


@pytest.mark.parametrize("name", NAMED)
def test_gradients_agree_with_finite_differences(name, check_gradient):
    network = find_network(name)
    layers = [*network.style_layers, *network.content_layers]
    weights = random_weights(name)
    double = replace(network, build=lambda **_: build_module(network).double(), arguments={})
    extractor = build_extractor(
        ModuleWeights(network=double, tensors=weights.tensors, name="", sha256=""), layers=layers, device=CPU
    )
    chance = torch.Generator().manual_seed(4)
    image = torch.rand(1, 3, 60, 56, generator=chance, dtype=torch.float64)
    check_gradient(extractor, image, chance)


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize("name", [*NAMED, "torchvision:densenet121"])
def test_a_picture_is_painted_and_its_loss_falls(name, precision, photo, painting, tmp_path):
    path = tmp_path / "random.pth"
    torch.save(random_weights(name).tensors, path)
    result = impasto.stylize(
        photo, painting, backbone=name, weights=str(path), size=64, steps=8, style_margin=0.0, precision=precision
    )
    assert result.losses["total"][-1] < result.losses["total"][0]


@pytest.mark.parametrize("name", NAMED)
def test_an_image_that_is_too_small_is_refused_with_the_smallest_side(name):
    layer = find_network(name).layers[-1]
    smallest = min_input_size(name, [layer])
    assert smallest > 20
    with pytest.raises(impasto.InputError, match=f"at least {smallest} px"):
        check_input_size(smallest - 1, 500, [layer], backbone=name)


def test_a_name_that_torchvision_does_not_know_lists_some():
    with pytest.raises(impasto.InputError, match="torchvision has no network 'resnet51'; it has alexnet"):
        check_input_size(64, 64, ["stage1"], backbone="torchvision:resnet51")

"""The networks by name: their layers, their defaults, and what is refused."""

import pytest

from impasto.errors import InputError
from impasto.networks import NETWORKS, find_network, layer_stride

VGG16 = (
    "conv1_1 conv1_2 pool1 conv2_1 conv2_2 pool2 conv3_1 conv3_2 conv3_3 pool3 "
    "conv4_1 conv4_2 conv4_3 pool4 conv5_1 conv5_2 conv5_3"
)


@pytest.mark.parametrize("name", [*NETWORKS, "torchvision:resnet18"])
def test_the_default_layers_of_a_network_exist_and_have_positive_weights(name):
    network = find_network(name)
    assert network.name == name
    for weights in (network.content_layers, network.style_layers):
        assert weights
        for layer, weight in weights.items():
            assert network.canonical(layer) == layer in network.layers
            assert weight > 0


def test_the_layers_are_those_of_the_papers():
    assert " ".join(find_network("vgg16").layers) == VGG16
    assert len([name for name in find_network("vgg19").layers if name.startswith("conv")]) == 16
    # He et al. 2015, table 1: 3, 4, 6 and 3 blocks after the first convolution.
    stages = [name.partition("_")[0] for name in find_network("resnet50").layers]
    assert [stages.count(f"conv{number}") for number in range(1, 6)] == [1, 3, 4, 6, 3]
    assert len(find_network("googlenet").layers) == 3 + 9


@pytest.mark.parametrize(
    ("network", "name", "layer"),
    [
        ("vgg19", "ReLU4_2", "conv4_2"),
        ("alexnet", " relu3 ", "conv3_1"),
        ("alexnet", "conv3_1", "conv3_1"),
        ("resnet50", "layer2.3", "conv3_4"),
        ("inception_v3", "mixed_5B", "Mixed_5b"),
        ("torchvision:vgg16", "features.8", "features.8"),
    ],
)
def test_a_layer_may_be_named_by_its_relu_its_module_or_in_other_letters(network, name, layer):
    assert find_network(network).canonical(name) == layer


@pytest.mark.parametrize(("layer", "network"), [("conv3_4", "vgg16"), ("conv1", "vgg16"), ("layer9.0", "resnet50")])
def test_a_layer_of_another_network_lists_the_known_ones(layer, network):
    with pytest.raises(InputError, match=f"unknown layer '{layer}' of {network}; known are conv1") as caught:
        find_network(network).canonical(layer)
    assert all(known in str(caught.value) for known in find_network(network).layers)


@pytest.mark.parametrize("name", ["vgg", "", "torchvision", "keras:vgg16"])
def test_an_unknown_network_lists_the_known_ones(name):
    with pytest.raises(InputError, match=f"unknown network '{name}'; known are vgg19, .*and torchvision:NAME$"):
        find_network(name)


@pytest.mark.parametrize("name", ["torchvision:", "torchvision:../x", "torchvision:a b"])
def test_an_impossible_torchvision_name_is_refused(name):
    with pytest.raises(InputError, match="names no network of torchvision: write it as in torchvision:densenet121"):
        find_network(name)


def test_alexnet_and_networks_with_residual_or_inception_blocks_are_smoothed():
    smoothed = {name for name in NETWORKS if find_network(name).smoothed}
    assert smoothed == {"alexnet", "resnet50", "googlenet", "inception_v3"}
    assert find_network("torchvision:densenet121").smoothed
    assert not find_network("torchvision:vgg13_bn").smoothed


def test_the_stride_of_a_vgg_layer_doubles_with_each_pooling():
    assert [layer_stride(name) for name in ("conv1_2", "pool1", "conv2_1", "conv4_2", "pool5")] == [1, 2, 2, 8, 32]

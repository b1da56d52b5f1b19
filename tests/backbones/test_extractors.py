"""Properties of the extractors of all networks: layers, precision, image sizes, gradients, no synchronization."""

import pytest
import torch

from impasto.backbones import FeatureExtractor, build_extractor, check_input_size, min_input_size
from impasto.backbones.features import smallest_side, smoothed
from impasto.errors import InputError
from impasto.networks import find_network

NAMES = ("vgg19", "vgg16", "alexnet", "resnet50", "googlenet", "torchvision:vgg11")
CPU, META = torch.device("cpu"), torch.device("meta")


@pytest.fixture
def make(weights_of):
    """Return a function that builds an extractor of the network of a name."""
    return lambda name, layers, device=CPU, **options: build_extractor(
        weights_of(name), layers=layers, device=device, **options
    )


@pytest.mark.parametrize(
    ("name", "layers", "expected"),
    [
        ("vgg19", ["relu3_1", "pool1", "conv1_1", "conv3_1"], ("conv1_1", "pool1", "conv3_1")),
        ("vgg16", ["relu4_1", "pool1", "conv1_1"], ("conv1_1", "pool1", "conv4_1")),
        ("alexnet", ["conv4", "pool1", "conv1_1"], ("conv1_1", "pool1", "conv4_1")),
        ("resnet50", ["layer2.0", "conv1", "conv3_1"], ("conv1", "conv3_1")),
    ],
)
def test_layers_are_ordered_by_depth_and_have_aliases(make, name, layers, expected):
    extractor = make(name, layers)
    assert isinstance(extractor, FeatureExtractor)
    assert tuple(extractor(torch.rand(1, 3, 70, 64))) == extractor.layers == expected


@pytest.mark.parametrize("name", ["vgg19", "alexnet", "resnet50"])
def test_an_unknown_layer_is_refused_with_the_known_ones(make, name):
    with pytest.raises(InputError, match=f"unknown layer 'conv9_9' of {name}; known are conv1"):
        make(name, ["conv9_9"])


@pytest.mark.parametrize("name", ["vgg19", "alexnet", "resnet50"])
def test_without_layers_nothing_is_computed_at_any_size(make, name):
    assert make(name, [])(torch.rand(1, 3, 1, 1)) == {}
    assert min_input_size(name, []) == 1


@pytest.mark.parametrize("name", NAMES)
def test_bf16_features_are_near_those_of_fp32(weights_of, name):
    weights, layers = weights_of(name), list(find_network(name).style_layers)
    image = torch.rand(1, 3, 70, 61, generator=torch.Generator().manual_seed(3))
    exact, short = (
        build_extractor(weights, layers=layers, precision=precision, device=CPU)(image)
        for precision in ("fp32", "bf16")
    )
    for layer in layers:
        assert (exact[layer].dtype, short[layer].dtype) == (torch.float32, torch.bfloat16)
        assert (short[layer].float() - exact[layer]).norm() < 0.05 * exact[layer].norm(), layer


@pytest.mark.parametrize("name", ["vgg19", "alexnet", "resnet50"])
def test_the_first_convolution_is_computed_in_fp32(make, name):
    """A gray level near white is less than the spacing of bf16."""
    first = find_network(name).layers[0]
    extractor = make(name, [first], precision="bf16")
    white = torch.ones(1, 3, 40, 40)
    assert not torch.equal(extractor(white)[first], extractor(white - 1 / 255)[first])


@pytest.mark.parametrize("padding", ["reflect", "zeros"])
@pytest.mark.parametrize(
    ("name", "layers"),
    [
        ("vgg19", ("conv1_1", "pool1", "conv4_2", "pool5")),
        ("vgg16", find_network("vgg16").layers),
        ("alexnet", find_network("alexnet").layers),
        ("resnet50", ("conv1", "conv3_4")),
        ("googlenet", ("inception3b",)),
        ("torchvision:vgg11", ("stage3",)),
    ],
)
def test_the_smallest_image_has_features_and_a_smaller_one_is_refused(make, name, layers, padding):
    for layer in layers:
        smallest = min_input_size(name, [layer], padding)
        check_input_size(smallest, smallest + 9, [layer], backbone=name, padding=padding)
        with pytest.raises(
            InputError, match=f"1 x 1 px is too small for the network's layer {layer}, .* at least {smallest} px"
        ):
            check_input_size(1, 1, [layer], backbone=name, padding=padding)
        extractor = make(name, [layer], padding=padding)
        assert min(extractor(torch.rand(1, 3, smallest + 3, smallest))[layer].shape[2:]) >= 2
        with pytest.raises(InputError, match=f"at least {smallest} px"):
            extractor(torch.rand(1, 3, smallest - 1, smallest + 3))


@pytest.mark.parametrize(("layer", "smallest"), [("conv1_1", 2), ("pool1", 4), ("relu4_2", 16), ("pool5", 64)])
def test_the_smallest_image_of_vgg19_is_twice_the_stride(layer, smallest):
    assert min_input_size("vgg19", ["conv1_1", layer]) == smallest


@pytest.mark.parametrize(("first", "expected"), [(1, 1), (37, 37), (2048, 2048), (2049, None)])
def test_the_smallest_side_is_the_first_that_works(first, expected):
    assert smallest_side(lambda side: side >= first) == expected


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize("name", NAMES)
def test_no_step_reads_a_value_on_the_host(make, name, precision):
    """On the device `meta` reading a value raises, which on a GPU would synchronize."""
    network = find_network(name)
    extractor = make(name, [*network.style_layers, *network.content_layers], device=META, precision=precision)
    image = torch.empty(1, 3, 90, 81, device=META, requires_grad=True)
    total = sum(smoothed(maps, 1.0).sum() for maps in extractor(image).values())
    (gradient,) = torch.autograd.grad(total, image)
    assert gradient.shape == image.shape

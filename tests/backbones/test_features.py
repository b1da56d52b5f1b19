"""Softmax-smoothed features against the softmax of torch, the smallest image, and steps without waiting for a GPU."""

import pytest
import torch

from impasto.backbones import FeatureExtractor, SmoothedExtractor, build_extractor, load_weights
from impasto.backbones.features import smallest_side, smoothed
from impasto.backbones.modules import build_module
from impasto.networks import find_network

CPU = torch.device("cpu")
LAYERS = ("conv1_1", "conv3_1")


def random_image(seed, height, width):
    return torch.rand(1, 3, height, width, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize(("first", "expected"), [(1, 1), (37, 37), (2048, 2048), (2049, None)])
def test_the_smallest_side_is_the_first_that_works(first, expected):
    assert smallest_side(lambda side: side >= first) == expected


def test_smoothed_features_are_a_softmax_over_the_whole_map_times_its_number_of_features():
    features = 30 * torch.randn(1, 4, 5, 6, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    expected = torch.softmax(features.flatten() / 7, dim=0).reshape(features.shape) * features.numel()
    torch.testing.assert_close(smoothed(features, 7.0), expected)


def test_the_gradient_of_smoothed_features_is_that_of_finite_differences():
    features = torch.randn(1, 2, 3, 4, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda maps: smoothed(maps, 0.5), features)


def test_large_half_precision_features_stay_finite_and_are_smoothed_in_fp32():
    features = torch.tensor([[[[0.0, 1e4], [2e4, 3e4]]]], dtype=torch.bfloat16)
    found = smoothed(features, 1.0)
    assert found.dtype == torch.float32
    assert found.isfinite().all()
    assert float(found.mean()) == pytest.approx(1)


@pytest.mark.parametrize("name", ["vgg19", "alexnet"])
def test_content_and_style_decide_the_scale_of_a_layer_and_the_canvas_does_not(name):
    images = (random_image(1, 40, 52), 0.5 * random_image(2, 60, 44))
    plain = build_extractor(load_weights("embedded", name), layers=LAYERS, device=CPU)
    smooth = SmoothedExtractor(plain, images)
    assert isinstance(smooth, FeatureExtractor)
    assert (smooth.layers, smooth.device) == (plain.layers, plain.device)
    references = [plain(image) for image in images]
    for canvas in (random_image(3, 40, 52), torch.zeros(1, 3, 40, 40)):
        raw, found = plain(canvas), smooth(canvas)
        for layer in LAYERS:
            powers = (raw[layer] / max(float(features[layer].max()) for features in references)).exp()
            torch.testing.assert_close(found[layer], powers / powers.mean(), rtol=1e-4, atol=1e-5)


@pytest.mark.usefixtures("torchvision_standin")
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize("name", ["vgg19", "vgg16", "alexnet", "resnet50"])
def test_no_step_reads_a_value_on_the_host(name, precision, tmp_path):
    """On the device `meta` tensors have no values: reading one raises, where a GPU would have to be waited for."""
    network, which = find_network(name), "embedded"
    if network.family == "module":
        which = str(tmp_path / "random.pth")
        torch.save(build_module(network).state_dict(), which)
    layers = (*network.style_layers, *network.content_layers)
    meta = torch.device("meta")
    extractor = build_extractor(load_weights(which, name), layers=layers, precision=precision, device=meta)
    image = torch.empty(1, 3, 90, 81, device=meta, requires_grad=True)
    total = sum(smoothed(maps, 1.0).sum() for maps in extractor(image).values())
    (gradient,) = torch.autograd.grad(total, image)
    assert gradient.shape == image.shape

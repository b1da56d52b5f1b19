"""Features that are computed when they are read, and softmax-smoothed ones against the softmax of torch."""

import pytest
import torch

from impasto.backbones import FeatureExtractor, Features, SmoothedExtractor, build_extractor, load_weights
from impasto.backbones.features import smoothed

CPU = torch.device("cpu")
LAYERS = ("conv1_1", "conv3_1")


def random_image(seed, height, width):
    return torch.rand(1, 3, height, width, generator=torch.Generator().manual_seed(seed))


def test_a_layer_is_computed_when_it_is_first_read_and_only_once():
    computed = []

    def values():
        for name in ("first", "second", "third"):
            computed.append(name)
            yield name, torch.zeros(1, 1, 2, 2)

    features = Features(("first", "third"), values())
    assert (len(features), list(features), computed) == (2, ["first", "third"], [])
    first = features["first"]
    assert computed == ["first"]
    assert dict(features)["first"] is first
    assert computed == ["first", "second", "third"]
    with pytest.raises(KeyError):
        features["second"]


def test_smoothed_features_are_a_softmax_over_the_whole_map_times_its_number_of_features():
    features = 30 * torch.randn(1, 4, 5, 6, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    expected = torch.softmax(features.flatten() / 7, dim=0).reshape(features.shape) * features.numel()
    torch.testing.assert_close(smoothed(features, 7.0), expected)


def test_the_gradient_of_smoothed_features_agrees_with_finite_differences():
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

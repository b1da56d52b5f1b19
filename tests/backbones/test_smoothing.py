"""Even features against NumPy's statistics and the softmax of torch, and what they must not depend on."""

import numpy as np
import pytest
import torch

from impasto.backbones import FeatureExtractor, build_extractor, evened, load_weights
from impasto.backbones.smoothing import PEAK, channel_deviations, softmax_features

CPU = torch.device("cpu")
LAYERS = ("conv1_1", "conv3_1")


def random_picture(seed, height, width):
    return torch.rand(1, 3, height, width, generator=torch.Generator().manual_seed(seed))


@pytest.fixture(scope="module")
def pictures():
    return random_picture(1, 40, 52), 0.5 * random_picture(2, 60, 44)


def test_a_softmax_is_over_the_whole_map_times_its_number_of_features():
    features = 30 * torch.randn(1, 4, 5, 6, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    expected = torch.softmax(features.flatten() / 7, dim=0).reshape(features.shape) * features.numel()
    torch.testing.assert_close(softmax_features(features, 7.0), expected)


def test_the_gradient_of_a_softmax_is_that_of_finite_differences():
    features = torch.randn(1, 2, 3, 4, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda maps: softmax_features(maps, 0.5), features)


def test_large_and_short_features_stay_finite_and_are_computed_in_fp32():
    features = torch.tensor([[[[0.0, 1e4], [2e4, 3e4]]]], dtype=torch.bfloat16)
    found = softmax_features(features, 1.0)
    assert found.dtype == torch.float32
    assert found.isfinite().all()
    assert float(found.mean()) == pytest.approx(1)


def test_deviations_are_those_of_all_positions_each_map_counting_alike():
    one, other = (torch.randn(1, 3, 8, 9, dtype=torch.float64) * 2 + 5, torch.randn(1, 3, 8, 9, dtype=torch.float64))
    both = np.concatenate([one.numpy().reshape(3, -1), other.numpy().reshape(3, -1)], axis=1)
    np.testing.assert_allclose(channel_deviations([one, other]).flatten(), both.std(axis=1))
    twice = torch.cat([other, other], dim=2)
    torch.testing.assert_close(channel_deviations([one, twice]), channel_deviations([one, other]))


def test_a_channel_that_hardly_responds_is_not_blown_up():
    maps = torch.randn(1, 4, 20, 20) * torch.tensor([1.0, 1.0, 1e-6, 0.0]).view(1, 4, 1, 1)
    deviations = channel_deviations([maps]).flatten()
    assert deviations[2:].tolist() == pytest.approx([0.05 * float(maps.var(dim=(0, 2, 3)).mean().sqrt())] * 2, rel=0.01)
    assert channel_deviations([torch.zeros(1, 2, 3, 3)]).flatten().tolist() == [1.0, 1.0]


@pytest.mark.parametrize("name", ["vgg19", "alexnet"])
@pytest.mark.parametrize("how", ["channels", "softmax"])
def test_photo_and_style_decide_what_features_are_divided_by_and_the_canvas_does_not(name, how, pictures):
    plain = build_extractor(load_weights("embedded", name), layers=LAYERS, device=CPU)
    even = evened(plain, how, pictures)
    assert isinstance(even, FeatureExtractor)
    assert (even.layers, even.device) == (plain.layers, plain.device)
    seen = [plain(picture) for picture in pictures]
    for canvas in (random_picture(3, 40, 52), torch.zeros(1, 3, 40, 40)):
        raw, found = plain(canvas), even(canvas)
        for layer in LAYERS:
            deviations = channel_deviations([features[layer] for features in seen])
            expected = raw[layer] / deviations
            if how == "softmax":
                peak = max(float((features[layer] / deviations).max()) for features in seen)
                powers = (expected * PEAK / peak).exp()
                expected = powers / powers.mean()
            torch.testing.assert_close(found[layer], expected, rtol=1e-4, atol=1e-5)


def test_even_channels_have_a_deviation_of_one_in_photo_and_style_together(pictures):
    plain = build_extractor(load_weights("embedded", "vgg16"), layers=["conv2_1"], device=CPU)
    even = evened(plain, "channels", pictures)
    deviations = channel_deviations([even(picture)["conv2_1"] for picture in pictures]).flatten()
    assert float(deviations.max()) == pytest.approx(1, abs=1e-3)


def test_where_nothing_is_made_even_the_extractor_stays_as_it_is(pictures):
    plain = build_extractor(load_weights(), layers=LAYERS, device=CPU)
    assert evened(plain, "none", pictures) is plain


@pytest.mark.parametrize("how", ["channels", "softmax"])
def test_the_gradient_through_even_features_is_that_of_finite_differences(how, small_weights):
    plain = build_extractor(small_weights, layers=["conv1_1", "conv2_1"], device=CPU)
    chance = torch.Generator().manual_seed(7)
    pictures = [torch.rand(1, 3, 12, 12, generator=chance, dtype=torch.float64) for _ in range(3)]
    even = evened(plain, how, pictures[:2])

    def loss(picture):
        return sum((maps.square()).mean() for maps in even(picture).values())

    leaf = pictures[2].clone().requires_grad_()
    (gradient,) = torch.autograd.grad(loss(leaf), leaf)
    direction = torch.randn(leaf.shape, generator=chance, dtype=torch.float64)
    step = 1e-6
    slope = (loss(pictures[2] + step * direction) - loss(pictures[2] - step * direction)) / (2 * step)
    assert float((gradient * direction).sum()) == pytest.approx(float(slope), rel=1e-5)

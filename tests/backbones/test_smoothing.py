"""Softmax-smoothed features against the softmax of torch, and what they must not depend on."""

import pytest
import torch

from impasto.backbones import build_extractor, load_weights
from impasto.backbones.smoothing import PEAK, SmoothedExtractor, pink_noise, smoothed

CPU = torch.device("cpu")


def test_smoothed_features_are_a_softmax_over_the_whole_map_times_its_number_of_features():
    features = 30 * torch.randn(1, 4, 5, 6, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    expected = torch.softmax(features.flatten() / 7, dim=0).reshape(features.shape) * features.numel()
    torch.testing.assert_close(smoothed(features, 7.0), expected)


def test_the_gradient_of_smoothed_features_is_that_of_finite_differences():
    features = torch.randn(1, 2, 3, 4, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda maps: smoothed(maps, 0.5), features)


def test_large_and_short_features_stay_finite_and_are_computed_in_fp32():
    features = torch.tensor([[[[0.0, 1e4], [2e4, 3e4]]]], dtype=torch.bfloat16)
    found = smoothed(features, 1.0)
    assert found.dtype == torch.float32
    assert found.isfinite().all()
    assert float(found.mean()) == pytest.approx(1)


@pytest.mark.parametrize("name", ["vgg19", "alexnet"])
def test_every_layer_is_divided_by_one_number_whatever_the_picture(name):
    layers = ["conv1_1", "conv3_1"]
    weights = load_weights("embedded", name)
    plain, smooth = (build_extractor(weights, layers=layers, smooth=smooth, device=CPU) for smooth in (False, True))
    assert isinstance(smooth, SmoothedExtractor)
    assert (smooth.layers, smooth.device) == (plain.layers, plain.device)
    noise = plain(pink_noise(256))
    for seed, side in ((1, 40), (2, 64)):
        picture = torch.rand(1, 3, side, side, generator=torch.Generator().manual_seed(seed))
        raw, found = plain(picture), smooth(picture)
        for layer in layers:
            exponents = raw[layer] * PEAK / float(noise[layer].max())
            torch.testing.assert_close(found[layer], exponents.exp() / exponents.exp().mean(), rtol=1e-4, atol=1e-5)


def test_the_noise_is_always_the_same_and_falls_like_one_over_the_frequency():
    noise = pink_noise(128)
    assert torch.equal(noise, pink_noise(128))
    assert 0 <= float(noise.min()) < float(noise.max()) <= 1
    power = torch.fft.rfft2(noise - noise.mean()).abs().square().mean(dim=(0, 1))
    octaves = [float(power[0, low : 2 * low].mean()) for low in (4, 8, 16)]
    assert all(2.0 < octaves[i] / octaves[i + 1] < 8.0 for i in range(2))

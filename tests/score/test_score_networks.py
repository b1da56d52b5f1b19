"""The networks of the measures, against the package their weights come from and against SciPy."""

import os
import subprocess
import sys

import numpy as np
import pytest
import scipy.signal
import torch
from specimens import noise, ripples

from impasto.backbones import describe_weights
from impasto.backbones.pooling import blur_pool
from impasto.errors import InputError
from impasto.score.content import perceptual_distance
from impasto.score.judge import feature_maps, last_layers, load_network

NETWORKS = ("vgg16", "alexnet")


def distance(name, a, b):
    weights = load_network(name)
    one, other = (feature_maps(weights, picture, last_layers(weights)) for picture in (a, b))
    return perceptual_distance(list(one.values()), list(other.values()), weights.importance)


# What LPIPS(net="vgg" or "alex", variant="shift_tolerant") of stlpips-pytorch 0.0.2 itself returned for these pictures
# (normalize=True, torch 2.13.0 on a CPU), with stand-ins for torchvision, IPython and torchsummary, which it imports
# and does not need for this. All feature maps were equal bit for bit.
PUBLISHED = [
    ("vgg16", (75, 98, 1), (75, 98, 11), 0.7549516),
    ("vgg16", (120, 81, 2), (120, 81, 12), 0.7242941),
    ("alexnet", (64, 64, 0), (64, 64, 10), 0.5240020),
    ("alexnet", (120, 81, 2), (120, 81, 12), 0.5392794),
]


@pytest.mark.parametrize(("name", "first", "second", "published"), PUBLISHED)
def test_the_distance_is_the_one_that_the_published_program_computes(name, first, second, published):
    assert distance(name, ripples(*first), ripples(*second)) == pytest.approx(published, abs=1e-5)


@pytest.mark.parametrize("name", NETWORKS)
def test_the_distance_to_itself_is_zero_and_the_distance_is_symmetric(name, photo):
    other = ripples(48, 64, 3)
    assert distance(name, photo, photo) == 0
    assert distance(name, photo, other) == pytest.approx(distance(name, other, photo), rel=1e-6)


def test_a_shift_by_one_pixel_is_small_beside_another_picture():
    wide = ripples(96, 97, 4)
    shifted, other = distance("vgg16", wide[:, 1:], wide[:, :-1]), distance("vgg16", wide[:, 1:], ripples(96, 96, 5))
    assert shifted < other / 8


def test_downsampling_is_a_blur_with_reflected_borders_at_every_other_position():
    maps = torch.randn(1, 3, 9, 12, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    kernel = np.outer([1, 2, 1], [1, 2, 1]) / 16
    expected = [
        scipy.signal.convolve2d(np.pad(channel, 2, mode="reflect"), kernel, mode="valid")[::2, ::2]
        for channel in maps[0].numpy()
    ]
    np.testing.assert_allclose(blur_pool(maps)[0], expected, atol=1e-12)


@pytest.mark.parametrize(("name", "count"), [("vgg16", 4), ("alexnet", 3)])
def test_the_blur_is_the_one_that_is_stored_with_the_weights(name, count):
    stored = torch.load(describe_weights("embedded", name)["path"], map_location="cpu", weights_only=True)
    blurs = [values for key, values in stored.items() if key.endswith(".filt")]
    maps = torch.randn(1, 4, 11, 8, generator=torch.Generator().manual_seed(2))
    assert len(blurs) == count
    for blur in blurs:
        padded = torch.nn.functional.pad(maps, (2, 2, 2, 2), mode="reflect")
        expected = torch.nn.functional.conv2d(padded, blur[:4], stride=2, groups=4)
        torch.testing.assert_close(blur_pool(maps), expected)


def test_the_last_layer_of_every_block_is_compared():
    assert last_layers(load_network("vgg16")) == ("conv1_2", "conv2_2", "conv3_3", "conv4_3", "conv5_3")
    assert last_layers(load_network("alexnet")) == tuple(f"conv{block}_1" for block in range(1, 6))


@pytest.mark.parametrize("name", NETWORKS)
def test_the_smallest_picture_is_accepted_and_a_smaller_one_refused(name):
    weights = load_network(name)
    layers = last_layers(weights)
    assert all(maps.isfinite().all() for maps in feature_maps(weights, noise(32, 40, 1), layers).values())
    with pytest.raises(InputError, match="40 x 31 px is too small to be judged"):
        feature_maps(weights, noise(31, 40, 1), layers)


def test_only_the_data_files_of_the_package_are_read():
    program = (
        "import sys; from impasto.score.judge import load_network; load_network('alexnet');"
        "assert not {'stlpips_pytorch', 'torchvision', 'IPython'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], check=True, env={**os.environ, "PYTHONPATH": ":".join(sys.path)})

"""The structure of VGG-19 in numbers, and its poolings.

Source: Simonyan and Zisserman 2014, configuration E; average pooling as in Gatys et al. 2015.
"""

from typing import Final

import torch.nn.functional as F  # noqa: N812 (the name everybody knows it by)
from jaxtyping import Float
from torch import Tensor

from impasto.backbones.frozen import root_mean_square
from impasto.networks import NETWORKS
from impasto.recipe import Pooling

LAYERS: Final = NETWORKS["vgg19"].layers
CHANNELS: Final = (64, 128, 256, 512, 512)
"""Filters of every convolution of a block."""

L2_GAIN: Final = 1.27
"""What l2 pooling is multiplied by, so that features keep the size they have with max pooling.

Measured with the embedded weights on scikit-image's astronaut, chelsea, coffee and rocket at 256 px, padding zeros: the
root mean square of the features with l2 pooling, divided by that with max pooling, geometric mean over the photos, is
1.06, 1.02, 1.03, 0.85 at conv2_1, conv3_1, conv4_1, conv5_1 with this gain (1.08, 1.04, 1.10, 0.93 at 512 px) and 0.84,
0.63, 0.50, 0.33 without. Average pooling gives 0.81, 0.56, 0.42, 0.22 and is left so, because that is the paper's
network; a gain of about 1.5 would undo it.
"""


def kernel_shape(layer: str) -> tuple[int, int, int, int]:
    """Return the shape of a convolution's kernel: filters, channels it reads, height, width.

    >>> kernel_shape("conv2_1")
    (128, 64, 3, 3)
    """
    block, index = (int(part) for part in layer.removeprefix("conv").split("_"))
    into = CHANNELS[block - 1] if index > 1 else CHANNELS[block - 2] if block > 1 else 3
    return CHANNELS[block - 1], into, 3, 3


def pool(features: Float[Tensor, "1 c h w"], kind: Pooling) -> Float[Tensor, "1 c h//2 w//2"]:
    """Halve a map by windows of 2 x 2; an odd last row or column is left out.

    `max` is what the network was trained with, `average` the paper's, `l2` the root of the window's mean square times
    `L2_GAIN`, whose gradient is zero wherever the map is.
    """
    if kind == "max":
        return F.max_pool2d(features, 2)
    if kind == "average":
        return F.avg_pool2d(features, 2)
    return root_mean_square(features, L2_GAIN)

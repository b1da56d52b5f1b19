"""The structure of VGG-19 as pure functions: one convolution with its ReLU, one pooling.

Source: Simonyan and Zisserman 2014, configuration E; average pooling as in Gatys et al. 2015.
"""

from typing import Any, Final

import torch
import torch.nn.functional as F  # noqa: N812 (the name everybody knows it by)
from jaxtyping import Float
from torch import Tensor

from impasto.layers import BACKBONE_LAYERS
from impasto.recipe import Padding, Pooling

LAYERS: Final = BACKBONE_LAYERS["vgg19"]
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
_L2_EPSILON: Final = 1e-12


def kernel_shape(layer: str) -> tuple[int, int, int, int]:
    """Return the shape of a convolution's kernel: filters, channels it reads, height, width.

    >>> kernel_shape("conv2_1")
    (128, 64, 3, 3)
    """
    block, index = (int(part) for part in layer.removeprefix("conv").split("_"))
    into = CHANNELS[block - 1] if index > 1 else CHANNELS[block - 2] if block > 1 else 3
    return CHANNELS[block - 1], into, 3, 3


def convolve(
    features: Float[Tensor, "1 c h w"],
    kernel: Float[Tensor, "k c 3 3"],
    bias: Float[Tensor, " k"],
    padding: Padding,
) -> Float[Tensor, "1 k h w"]:
    """Convolve and clip at zero (ReLU); `padding` is what lies beyond the border. `reflect` needs maps of 2 x 2."""
    if padding == "zeros":
        response = F.conv2d(features, kernel, bias, padding=1)
    else:
        response = F.conv2d(F.pad(features, (1, 1, 1, 1), mode=padding), kernel, bias)
    # In place: the convolution's gradient needs its input, never its output.
    return response.relu_()


def pool(features: Float[Tensor, "1 c h w"], kind: Pooling) -> Float[Tensor, "1 c h//2 w//2"]:
    """Halve a map by windows of 2 x 2; an odd last row or column is left out.

    `max` is what the network was trained with, `average` the paper's, `l2` the root of the window's mean square times
    `L2_GAIN`.
    """
    if kind == "max":
        return F.max_pool2d(features, 2)
    if kind == "average":
        return F.avg_pool2d(features, 2)
    pooled: Tensor = _RootMeanSquare.apply(features)  # type: ignore[no-untyped-call]
    return pooled * L2_GAIN


class _RootMeanSquare(torch.autograd.Function):
    """Root mean square of every window of 2 x 2.

    The gradient of a window y with respect to its pixel x is x / (4 y): one pass over the map, where automatic
    differentiation makes five. Epsilon keeps it finite where a whole window is zero, as ReLU often leaves it.
    """

    @staticmethod
    def forward(ctx: Any, features: Tensor) -> Tensor:
        pooled = F.avg_pool2d(features * features, 2).add_(_L2_EPSILON).sqrt_()
        ctx.save_for_backward(features, pooled)
        return pooled

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        features, pooled = ctx.saved_tensors
        height, width = features.shape[-2:]
        odd = (0, width % 2, 0, height % 2)
        # First x / (4 y), which is at most 1/2: a large gradient divided by a tiny y would overflow.
        share = F.pad(F.interpolate(1 / (4 * pooled), scale_factor=2.0), odd).mul_(features)
        return share.mul_(F.pad(F.interpolate(gradients[0], scale_factor=2.0), odd))

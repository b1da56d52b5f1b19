"""Poolings: max, average and l2 over windows, and the antialiased halving.

`max` is what the networks were trained with, `average` that of Gatys et al. 2015, and `l2` the root of a window's mean
square times a gain that keeps the size of the features about that of max pooling.
"""

from functools import lru_cache
from typing import Any, Final

import torch
import torch.nn.functional as F  # noqa: N812 (the usual name)
from jaxtyping import Float
from torch import Tensor

from impasto.recipe import Pooling

L2_GAINS: Final = {"vgg19": 1.27, "vgg16": 1.35, "alexnet": 1.5, "module": 1.5}
"""Gain of l2 pooling by network; `module` is for all torch modules, whose windows are usually those of AlexNet.

Chosen on four photos of scikit-image at 256 px such that the root mean square of the features of conv2_1 ... conv5_1
stays at 0.8 to 1.1 times that with max pooling (0.2 to 0.9 times without a gain). Average pooling has no gain, because
that is the network of the paper.
"""

_EPSILON: Final = 1e-12
"""Added to mean squares before the square root, so that the gradient of an all-zero window is finite."""


def halve(features: Float[Tensor, "1 c h w"], kind: Pooling) -> Float[Tensor, "1 c h//2 w//2"]:
    """Pool windows of 2 x 2 as VGG-19 does; an odd last row or column is left out."""
    if kind == "max":
        return F.max_pool2d(features, 2)
    if kind == "average":
        return F.avg_pool2d(features, 2)
    return root_mean_square(features, L2_GAINS["vgg19"])


def pool_windows(
    maps: Float[Tensor, "b c h w"], kind: Pooling, gain: float, **windows: Any
) -> Float[Tensor, "b c _h _w"]:
    """Pool windows described by the keyword arguments of torch's poolings; `gain` is that of l2 pooling."""
    pooled: Tensor
    if kind == "max":
        pooled = F.max_pool2d(maps, **windows)
    elif kind == "average":
        pooled = F.avg_pool2d(maps, **windows)
    else:
        pooled = (F.avg_pool2d(maps.square(), **windows) + _EPSILON).sqrt() * gain
    return pooled


def blur_pool(maps: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c (h+1)//2+1 (w+1)//2+1"]:
    """Blur by (1, 2, 1) / 4 in both directions and keep every other position of the map, reflected by two positions.

    Source: Zhang, "Making Convolutional Networks Shift-Invariant Again", 2019.
    """
    kernel = _blur_kernel(maps.dtype, maps.device).expand(maps.shape[1], 1, 3, 3)
    return F.conv2d(F.pad(maps, (2, 2, 2, 2), mode="reflect"), kernel, stride=2, groups=maps.shape[1])


@lru_cache(maxsize=8)
def _blur_kernel(dtype: torch.dtype, device: torch.device) -> Float[Tensor, "3 3"]:
    # Cached, because copying it to a GPU would synchronize every step.
    line = torch.tensor((1 / 4, 1 / 2, 1 / 4), dtype=dtype, device=device)
    return line[:, None] * line


def root_mean_square(features: Float[Tensor, "1 c h w"], gain: float) -> Float[Tensor, "1 c h//2 w//2"]:
    """Return the root mean square of every window of 2 x 2 times a gain; an odd last row or column is left out.

    Its gradient is zero wherever the map is.
    """
    pooled: Tensor = _RootMeanSquare.apply(features, gain)  # type: ignore[no-untyped-call]
    return pooled


class _RootMeanSquare(torch.autograd.Function):
    """The gradient of a window's result r with respect to its position x is gain x / (4 r): one pass over the map."""

    @staticmethod
    def forward(ctx: Any, features: Tensor, gain: float) -> Tensor:
        root = F.avg_pool2d(features * features, 2).add_(_EPSILON).sqrt_()
        ctx.gain = gain
        ctx.save_for_backward(features, root)
        return root * gain

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        features, root = ctx.saved_tensors
        height, width = root.shape[2:]
        most = torch.finfo(features.dtype).max
        share = (gradients[0] * (ctx.gain / 4) / root).clamp_(-most, most)
        # A finite gradient stays finite for any root; one that is not finite must be passed on.
        share = torch.where(gradients[0].isfinite(), share, gradients[0])
        result = torch.empty_like(features)
        if odd := features.shape[2] % 2:
            result[:, :, -odd:] = 0
        if odd := features.shape[3] % 2:
            result[:, :, :, -odd:] = 0
        torch.mul(_windows(features, height, width), share[:, :, :, None, :, None], out=_windows(result, height, width))
        return result, None


def _windows(maps: Float[Tensor, "1 c h w"], height: int, width: int) -> Float[Tensor, "1 c {height} 2 {width} 2"]:
    """Return the windows of 2 x 2 as a view."""
    windows: Tensor = maps[:, :, : 2 * height, : 2 * width].unflatten(3, (width, 2)).unflatten(2, (height, 2))
    return windows

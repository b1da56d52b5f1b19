"""Steps of a network whose weights are frozen: forward keeps only what the gradient of the picture needs.

Automatic differentiation keeps the (padded) input of every convolution for a gradient of the weights that nobody asks
for. Here a convolution keeps the signs of its output, which the next step has in memory anyway.
"""

from typing import Any, Final

import torch
import torch.nn.functional as F  # noqa: N812 (the name everybody knows it by)
from jaxtyping import Float
from torch import Tensor

_STRIP: Final = 2**15
"""Pixels that the first convolution works on at a time: its fp32 map of them stays near the processor."""


class ConvolutionReLU(torch.autograd.Function):
    """Convolve a padded map and clip at zero.

    `masked` tells that every gradient that comes back is zero already where the output is (l2 pooling's is), so that
    it need not be masked once more.
    """

    @staticmethod
    def forward(ctx: Any, padded: Tensor, kernel: Tensor, bias: Tensor, masked: bool) -> Tensor:
        response = F.conv2d(padded, kernel, bias).relu_()
        ctx.masked, ctx.shape = masked, padded.shape
        ctx.save_for_backward(kernel, *(() if masked else (response,)))
        return response

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None, None]:
        kernel, *response = ctx.saved_tensors
        gradient = gradients[0] if ctx.masked else _where_positive(gradients[0], response[0])
        return _back_through(gradient, kernel, ctx.shape), None, None, None


class FirstConvolutionReLU(torch.autograd.Function):
    """Convolve a padded picture in its own precision, clip at zero and hand the map on in a shorter number format.

    Strip by strip, in both directions, so that the long map never exists as a whole.
    """

    @staticmethod
    def forward(ctx: Any, padded: Tensor, kernel: Tensor, bias: Tensor, dtype: torch.dtype) -> Tensor:
        height, width = padded.shape[2] - 2, padded.shape[3] - 2
        response = padded.new_empty((1, height, width, len(kernel)), dtype=dtype).permute(0, 3, 1, 2)
        for top, bottom in _strips(height, width):
            response[:, :, top:bottom] = F.conv2d(padded[:, :, top : bottom + 2], kernel, bias).relu_()
        ctx.shape = padded.shape
        ctx.save_for_backward(kernel, response)
        return response

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None, None]:
        kernel, response = ctx.saved_tensors
        picture = kernel.new_zeros(ctx.shape)
        for top, bottom in _strips(response.shape[2], response.shape[3]):
            strip = _where_positive(gradients[0][:, :, top:bottom], response[:, :, top:bottom]).to(kernel.dtype)
            shape = (*ctx.shape[:2], bottom - top + 2, ctx.shape[3])
            picture[:, :, top : bottom + 2] += _back_through(strip, kernel, shape)
        return picture, None, None, None


class RootMeanSquare(torch.autograd.Function):
    """Root mean square of every window of 2 x 2, times a gain; an odd last row or column is left out.

    The gradient of a window y = gain r with respect to its pixel x is gain x / (4 r): one pass over the map. Epsilon
    keeps it finite where a whole window is zero, as ReLU often leaves it.
    """

    _EPSILON = 1e-12

    @staticmethod
    def forward(ctx: Any, features: Tensor, gain: float) -> Tensor:
        root = F.avg_pool2d(features * features, 2).add_(RootMeanSquare._EPSILON).sqrt_()
        ctx.gain = gain
        ctx.save_for_backward(features, root)
        return root * gain

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        features, root = ctx.saved_tensors
        height, width = root.shape[2:]
        # What a tiny root would blow out of range becomes the largest number there is.
        share = (gradients[0] * (ctx.gain / 4) / root).nan_to_num_()
        result = torch.empty_like(features)
        if odd := features.shape[2] % 2:
            result[:, :, -odd:] = 0
        if odd := features.shape[3] % 2:
            result[:, :, :, -odd:] = 0
        torch.mul(_windows(features, height, width), share[:, :, :, None, :, None], out=_windows(result, height, width))
        return result, None


def _windows(maps: Float[Tensor, "1 c h w"], height: int, width: int) -> Float[Tensor, "1 c {height} 2 {width} 2"]:
    """Return the windows of 2 x 2 as a view."""
    return maps[:, :, : 2 * height, : 2 * width].unflatten(3, (width, 2)).unflatten(2, (height, 2))


def _where_positive(gradient: Tensor, response: Tensor) -> Tensor:
    return torch.ops.aten.threshold_backward(gradient, response, 0)


def _back_through(gradient: Tensor, kernel: Tensor, shape: tuple[int, ...]) -> Tensor:
    """Return the gradient of a convolution's padded input, whose values do not matter for it."""
    padded = gradient.new_empty(()).expand(shape)
    result: Tensor = torch.ops.aten.convolution_backward(
        gradient, padded, kernel, None, [1, 1], [0, 0], [1, 1], False, [0, 0], 1, [True, False, False]
    )[0]
    return result


def _strips(height: int, width: int) -> list[tuple[int, int]]:
    rows = max(1, _STRIP // width)
    return [(top, min(height, top + rows)) for top in range(0, height, rows)]

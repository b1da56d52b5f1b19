"""Convolutions with frozen weights that keep only what the gradient of the image needs.

Automatic differentiation keeps the (padded) input of every convolution for the gradient of the weights, which is not
needed here. These operations keep only their output (for its signs), which the next operation keeps anyway.
"""

from collections.abc import MutableMapping
from typing import Any, Final, TypeAlias

import torch
import torch.nn.functional as F  # noqa: N812 (the usual name)
from jaxtyping import Float
from torch import Tensor
from torch.utils.weak import WeakTensorKeyDictionary

from impasto.recipe import Padding

_STRIP_PIXELS: Final = 2**15  # of the first convolution on a CPU: the fp32 map of a strip stays in the cache

_SAFE_CHANNELS: Final = 512
"""From so many channels on, the derivative of oneDNN's convolution was the same for 1 to 16 threads."""

Edges: TypeAlias = tuple[bool, bool]
"""Whether the first and the last row of a part of a map are borders of the whole map."""

_Border: TypeAlias = tuple[Padding, Edges]

WHOLE: Final = (True, True)
"""The edges of a map that is not split."""


def convolve(
    features: Float[Tensor, "1 c h w"],
    kernel: Float[Tensor, "k c 3 3"],
    bias: Float[Tensor, " k"],
    padding: Padding,
    *,
    dtype: torch.dtype | None = None,
    masked: bool = False,
    edges: Edges = WHOLE,
) -> Float[Tensor, "1 k _h w"]:
    """Pad by one position, convolve and apply ReLU; kernel and bias get no gradient.

    `reflect` needs at least 2 x 2 positions. `dtype` is the number format of the result; None: that of the features.
    With `masked` the caller guarantees that the gradient of the result is zero wherever the result is zero. A first or
    last row that is not at the border of the whole map (`edges`) is only context for its neighbor and has no result.
    """
    inputs = features, kernel, bias, (padding, edges)
    if dtype is None or dtype == features.dtype:
        response: Tensor = _ConvolutionReLU.apply(*inputs, masked)  # type: ignore[no-untyped-call]
    else:
        response = _FirstConvolutionReLU.apply(*inputs, dtype)  # type: ignore[no-untyped-call]
    return response


class _ConvolutionReLU(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, features: Tensor, kernel: Tensor, bias: Tensor, border: _Border, masked: bool) -> Tensor:
        response = F.conv2d(_pad(features, *border), kernel, bias).relu_()
        ctx.border = border
        ctx.save_for_backward(kernel, *(() if masked else (response,)))
        return response

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        image = _input_gradient(gradients[0], *ctx.saved_tensors)
        return _fold(image, *ctx.border), None, None, None, None


class _FirstConvolutionReLU(torch.autograd.Function):
    """Convolves the image in its own number format and returns the map in a shorter one.

    On a CPU strip by strip in both directions, so that the long map never exists as a whole.
    """

    @staticmethod
    def forward(ctx: Any, image: Tensor, kernel: Tensor, bias: Tensor, border: _Border, dtype: torch.dtype) -> Tensor:
        padded = _pad(image, *border)
        height, width = padded.shape[2] - 2, padded.shape[3] - 2
        response = padded.new_empty((1, height, width, len(kernel)), dtype=dtype).permute(0, 3, 1, 2)
        for top, bottom in _strips(response):
            response[:, :, top:bottom] = F.conv2d(padded[:, :, top : bottom + 2], kernel, bias).relu_()
        ctx.border = border
        ctx.save_for_backward(kernel, response)
        return response

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        kernel, response = ctx.saved_tensors
        height, width = response.shape[2:]
        image = kernel.new_zeros((1, kernel.shape[1], height + 2, width + 2))
        for top, bottom in _strips(response):
            strip = gradients[0][:, :, top:bottom], kernel, response[:, :, top:bottom]
            image[:, :, top : bottom + 2] += _input_gradient(*strip)
        return _fold(image, *ctx.border), None, None, None, None


def _strips(maps: Tensor) -> list[tuple[int, int]]:
    """Return the first row and the row after the last of every strip; on other devices than a CPU, of the whole map."""
    height, width = maps.shape[2:]
    rows = max(1, _STRIP_PIXELS // width) if maps.device.type == "cpu" else height
    return [(top, min(height, top + rows)) for top in range(0, height, rows)]


_MIRRORED: Final[MutableMapping[Tensor, Tensor]] = WeakTensorKeyDictionary()
"""Kernels with which the gradients of their convolutions are convolutions, too."""


def _input_gradient(
    gradient: Float[Tensor, "1 k h w"],
    kernel: Float[Tensor, "k c 3 3"],
    response: Float[Tensor, "1 k h w"] | None = None,
) -> Float[Tensor, "1 c _h _w"]:
    """Return the gradient of a convolution's padded input, from that of its output where the response is positive.

    On a CPU by a convolution of the padded gradient: in its own derivative the order of oneDNN's sums depends on the
    number of threads.
    """
    height, width = gradient.shape[2:]
    if gradient.device.type == "cpu" and len(kernel) < _SAFE_CHANNELS:
        wide = kernel.new_empty((1, height + 4, width + 4, len(kernel))).permute(0, 3, 1, 2)
        for edge in (wide[:, :, :2], wide[:, :, -2:], wide[..., :2], wide[..., -2:]):
            edge.zero_()
        inner = wide[:, :, 2:-2, 2:-2]
        if response is None:
            inner.copy_(gradient)
        elif gradient.dtype == inner.dtype:
            torch.ops.aten.threshold_backward.grad_input(gradient, response, 0, grad_input=inner)
        else:
            inner.copy_(torch.ops.aten.threshold_backward(gradient, response, 0))
        if kernel not in _MIRRORED:
            mirrored = kernel.flip(2, 3).transpose(0, 1)
            _MIRRORED[kernel] = mirrored.contiguous(memory_format=torch.channels_last)
        return F.conv2d(wide, _MIRRORED[kernel])
    if response is not None:
        gradient = torch.ops.aten.threshold_backward(gradient, response, 0)
    gradient = gradient.to(kernel.dtype)
    inputs = gradient.new_empty(()).expand(1, kernel.shape[1], height + 2, width + 2)
    geometry = ([1, 1], [0, 0], [1, 1], False, [0, 0], 1)  # stride, padding, dilation, transposed, its padding, groups
    result: Tensor = torch.ops.aten.convolution_backward(
        gradient, inputs, kernel, None, *geometry, [True, False, False]
    )[0]
    return result


def _pad(maps: Float[Tensor, "1 c h w"], padding: Padding, edges: Edges) -> Float[Tensor, "1 c _h w+2"]:
    """Add a border of one position, above and below only where the map ends."""
    return F.pad(maps, (1, 1, *map(int, edges)), mode="constant" if padding == "zeros" else padding)


def _fold(padded: Float[Tensor, "1 c _h _w"], padding: Padding, edges: Edges) -> Float[Tensor, "1 c h w"]:
    """Return the gradient of a map from that of the padded map, as a view of the latter, which is changed in place."""
    first, last = map(int, edges)
    if padding != "zeros":
        inward = 2 if padding == "reflect" else 1
        for dim, (before, after) in ((2, (first, last)), (3, (1, 1))):
            end = padded.shape[dim] - 1
            if before:
                padded.select(dim, inward).add_(padded.select(dim, 0))
            if after:
                padded.select(dim, end - inward).add_(padded.select(dim, end))
    return padded[:, :, first : padded.shape[2] - last, 1:-1]

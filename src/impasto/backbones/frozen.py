"""Steps of a network whose weights are frozen: forward keeps only what the gradient of the picture needs.

Automatic differentiation keeps the (padded) input of every convolution for a gradient of the weights that nobody asks
for. Here a convolution keeps the signs of its output, which the next step has in memory anyway.
"""

from typing import Any, Final, TypeAlias

import torch
import torch.nn.functional as F  # noqa: N812 (the name everybody knows it by)
from jaxtyping import Float
from torch import Tensor

from impasto.recipe import Padding

_STRIP: Final = 2**15
"""Pixels that the first convolution works on at a time: its fp32 map of them stays near the processor."""

_EPSILON: Final = 1e-12
"""Added to mean squares before their root is taken: a whole window is often zero, and its gradient must be finite."""


Edges: TypeAlias = tuple[bool, bool]
"""Whether the first and the last row of a part of a map are borders of the map."""

WHOLE: Final = (True, True)
"""The edges of a map that is not in parts."""


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
    """Convolve and clip at zero (ReLU); `padding` is what lies beyond the border. `reflect` needs maps of 2 x 2.

    `edges` tells whether the first and the last row of the map are its upper and lower border; a row that is not (of
    a part of a map) only serves its neighbour and has no response of its own.

    The result comes in `dtype` (None: the format of features and kernel). `masked` promises that every gradient that
    will come back is zero already wherever the result is, so that it need not be masked once more;
    it is not looked at where `dtype` is another. Kernel and bias get no gradient.
    """
    response: Tensor
    if dtype is None or dtype == features.dtype:
        response = _ConvolutionReLU.apply(features, kernel, bias, padding, edges, masked)  # type: ignore[no-untyped-call]
    else:
        response = _FirstConvolutionReLU.apply(features, kernel, bias, padding, edges, dtype)  # type: ignore[no-untyped-call]
    return response


def root_mean_square(features: Float[Tensor, "1 c h w"], gain: float) -> Float[Tensor, "1 c h//2 w//2"]:
    """Return the root mean square of every window of 2 x 2 times a gain; an odd last row or column is left out.

    Its gradient is zero wherever the map is.
    """
    pooled: Tensor = _RootMeanSquare.apply(features, gain)  # type: ignore[no-untyped-call]
    return pooled


class _ConvolutionReLU(torch.autograd.Function):
    """Pad a map, convolve it and clip at zero; `masked` as in `convolve`."""

    @staticmethod
    def forward(
        ctx: Any, features: Tensor, kernel: Tensor, bias: Tensor, padding: Padding, edges: Edges, masked: bool
    ) -> Tensor:
        response = F.conv2d(pad(features, padding, edges), kernel, bias).relu_()
        ctx.border, ctx.masked = (padding, edges), masked
        ctx.save_for_backward(kernel, *(() if masked else (response,)))
        return response

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        kernel, *response = ctx.saved_tensors
        gradient = gradients[0] if ctx.masked else _where_positive(gradients[0], response[0])
        return _fold(_back_through(gradient, kernel), *ctx.border), None, None, None, None, None


class _FirstConvolutionReLU(torch.autograd.Function):
    """Pad a picture, convolve it in its own precision, clip at zero, hand the map on in a shorter number format.

    Strip by strip, in both directions, so that the long map never exists as a whole.
    """

    @staticmethod
    def forward(
        ctx: Any,
        picture: Tensor,
        kernel: Tensor,
        bias: Tensor,
        padding: Padding,
        edges: Edges,
        dtype: torch.dtype,
    ) -> Tensor:
        padded = pad(picture, padding, edges)
        height, width = padded.shape[2] - 2, padded.shape[3] - 2
        response = padded.new_empty((1, height, width, len(kernel)), dtype=dtype).permute(0, 3, 1, 2)
        for top, bottom in _strips(height, width):
            response[:, :, top:bottom] = F.conv2d(padded[:, :, top : bottom + 2], kernel, bias).relu_()
        ctx.border = padding, edges
        ctx.save_for_backward(kernel, response)
        return response

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        kernel, response = ctx.saved_tensors
        height, width = response.shape[2:]
        picture = kernel.new_zeros((1, kernel.shape[1], height + 2, width + 2))
        for top, bottom in _strips(height, width):
            strip = _where_positive(gradients[0][:, :, top:bottom], response[:, :, top:bottom]).to(kernel.dtype)
            picture[:, :, top : bottom + 2] += _back_through(strip, kernel)
        return _fold(picture, *ctx.border), None, None, None, None, None


class _RootMeanSquare(torch.autograd.Function):
    """The gradient of a window gain r with respect to its pixel x is gain x / (4 r): one pass over the map."""

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
        # A finite gradient stays finite, however tiny the root; one that is not must be seen further down.
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


def _where_positive(gradient: Tensor, response: Tensor) -> Tensor:
    masked: Tensor = torch.ops.aten.threshold_backward(gradient, response, 0)
    return masked


def _back_through(gradient: Float[Tensor, "1 k h w"], kernel: Float[Tensor, "k c 3 3"]) -> Float[Tensor, "1 c _h _w"]:
    """Return the gradient of a convolution's padded input, whose values do not matter for it."""
    shape = (1, kernel.shape[1], gradient.shape[2] + 2, gradient.shape[3] + 2)
    result: Tensor = torch.ops.aten.convolution_backward(
        gradient,
        gradient.new_empty(()).expand(shape),
        kernel,
        None,
        [1, 1],
        [0, 0],
        [1, 1],
        False,
        [0, 0],
        1,
        [True, False, False],
    )[0]
    return result


def pad(maps: Float[Tensor, "1 c h w"], padding: Padding, edges: Edges = WHOLE) -> Float[Tensor, "1 c _h w+2"]:
    """Add a border of one position; `reflect` needs maps of 2 x 2."""
    return F.pad(maps, (1, 1, *map(int, edges)), mode="constant" if padding == "zeros" else padding)


def _fold(padded: Float[Tensor, "1 c _h _w"], padding: Padding, edges: Edges) -> Float[Tensor, "1 c h w"]:
    """Return the gradient of a map from that of the padded map, which is changed in place and looked into."""
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


def _strips(height: int, width: int) -> list[tuple[int, int]]:
    rows = max(1, _STRIP // width)
    return [(top, min(height, top + rows)) for top in range(0, height, rows)]

"""Chunked evaluation of VGG-19's first block in strips of the image, without keeping its maps.

The two maps of the block take 256 of the 640 bytes per pixel that all maps take in bf16, and their gradients more than
all others. If only their moments are needed, the block is evaluated for one strip at a time, which is added to the
moments and dropped, and evaluated again when the gradient is computed.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import torch
from jaxtyping import Float
from torch import Tensor

from impasto.backbones.frozen_ops import WHOLE, Edges, convolve
from impasto.backbones.moments import Moments, MomentSums, moments_gradient
from impasto.backbones.pooling import halve
from impasto.recipe import Padding, Pooling

MIN_PIXELS: Final = 2**20
"""Pixels of an image above which its first block is evaluated in chunks."""

STRIP_PIXELS: Final = 2**16  # the maps of a strip then stay in the processor's cache
_MIN_ROWS: Final = 16  # of a strip: two more rows of conv1_1 are computed for their neighbors


@dataclass(frozen=True, eq=False)
class FirstBlock:
    """Parameters of conv1_1, conv1_2 and pool1; `of_moments` names the layers whose moments are returned."""

    first: tuple[Float[Tensor, "c 3 3 3"], Float[Tensor, "c"]]
    second: tuple[Float[Tensor, "c c 3 3"], Float[Tensor, "c"]]
    padding: Padding
    pooling: Pooling
    dtype: torch.dtype
    of_moments: tuple[str, ...]

    def conv1_1(self, image: Float[Tensor, "1 3 h w"], edges: Edges = WHOLE) -> Float[Tensor, "1 c _h w"]:
        """Return conv1_1 of a part of the image, without the rows that lack a neighbor."""
        return convolve(image, *self.first, self.padding, dtype=self.dtype, edges=edges)

    def conv1_2(self, maps: Float[Tensor, "1 c h w"], edges: Edges = WHOLE) -> Float[Tensor, "1 c _h w"]:
        """Return conv1_2 of a part of conv1_1, without the rows that lack a neighbor."""
        masked = self.pooling == "l2" and "conv1_2" not in self.of_moments
        return convolve(maps, *self.second, self.padding, masked=masked, edges=edges)


def evaluate_in_chunks(
    image: Float[Tensor, "1 3 h w"], block: FirstBlock, border: int = 0
) -> tuple[Float[Tensor, "1 c h//2 w//2"], dict[str, Moments]]:
    """Return the map of pool1 and the moments of `block.of_moments`; only the image is kept for the gradient.

    The gradient needs a second forward pass of the block. The moments leave out the `border` outermost positions; then
    they have no gradient, and ValueError is raised if one is needed.
    """
    if border and torch.is_grad_enabled() and image.requires_grad:
        raise ValueError("moments that leave a border out have no gradient")
    pooled, *numbers = _ChunkedBlock.apply(image, block, border)  # type: ignore[no-untyped-call]
    count = float((image.shape[2] - 2 * border) * (image.shape[3] - 2 * border))
    found = {name: Moments(count, *numbers[2 * i : 2 * i + 2]) for i, name in enumerate(block.of_moments)}
    return pooled, found


class _ChunkedBlock(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, image: Tensor, block: FirstBlock, border: int) -> tuple[Tensor, ...]:
        height, width = image.shape[2:]
        shape = (1, height // 2, width // 2, len(block.first[1]))
        pooled = image.new_empty(shape, dtype=block.dtype).permute(0, 3, 1, 2)
        sums = {name: MomentSums() for name in block.of_moments}
        for strip in _strips(height, width):
            first = block.conv1_1(strip.with_context(image), strip.edges)
            second = block.conv1_2(first, strip.edges)
            own = first[:, :, strip.own_rows(first)]
            for name, total in sums.items():
                total.add(strip.without_border(own if name == "conv1_1" else second, border))
            strip.of_pooled(pooled).copy_(halve(second, block.pooling))
        found = [total.moments() for total in sums.values()]
        ctx.block = block
        ctx.save_for_backward(image, *(moments.mean for moments in found))
        return pooled, *(number for moments in found for number in (moments.mean, moments.covariance))

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        image, *means = ctx.saved_tensors
        block: FirstBlock = ctx.block
        height, width = image.shape[2:]
        of_moments = [gradients[i : i + 2] for i in range(1, len(gradients), 2)]
        result = torch.zeros_like(image)
        for strip in _strips(height, width):
            with torch.enable_grad():
                part = strip.with_context(image).detach().requires_grad_()
                first = block.conv1_1(part, strip.edges)
                second = block.conv1_2(first, strip.edges)
                outputs = [halve(second, block.pooling)]
            output_gradients = [strip.of_pooled(gradients[0])]
            for name, mean, moment_gradients in zip(block.of_moments, means, of_moments, strict=True):
                maps = first if name == "conv1_1" else second
                gradient = moments_gradient(maps.detach(), mean, *moment_gradients, count=height * width)
                if name == "conv1_1":
                    own = strip.own_rows(first)
                    gradient[:, :, : own.start] = 0
                    gradient[:, :, own.stop :] = 0
                outputs.append(maps)
                output_gradients.append(gradient)
            (part_gradient,) = torch.autograd.grad(outputs, part, output_gradients)
            strip.with_context(result).add_(part_gradient)
        return result, None, None


@dataclass(frozen=True)
class _Strip:
    """The rows from `top` to `bottom` of an image of `height` rows; its features depend on two more on each side."""

    top: int
    bottom: int
    height: int

    @property
    def edges(self) -> Edges:
        """Whether the strip is the first and the last of the image."""
        return self.top == 0, self.bottom == self.height

    def with_context(self, image: Tensor) -> Tensor:
        """Return the rows of the image on which the strip's features depend."""
        return image[:, :, max(0, self.top - 2) : self.bottom + 2]

    def own_rows(self, first: Tensor) -> slice:
        """Return the strip's own rows of its part of conv1_1, which has one more row beside each neighbor."""
        above, below = (int(not edge) for edge in self.edges)
        return slice(above, first.shape[2] - below)

    def without_border(self, maps: Tensor, border: int) -> Tensor:
        """Return the strip's rows of a map without the outermost positions of the whole map."""
        above, below = (border * edge for edge in self.edges)
        return maps[:, :, above : maps.shape[2] - below, border : maps.shape[3] - border]

    def of_pooled(self, maps: Tensor) -> Tensor:
        """Return the strip's rows of the pooled map."""
        return maps[:, :, self.top // 2 : self.bottom // 2]


def _strips(height: int, width: int) -> Iterator[_Strip]:
    # The number of rows is even because of the pooling; an odd last row of the image belongs to the last strip.
    rows = max(_MIN_ROWS, STRIP_PIXELS // width // 2 * 2)
    last = max(height // rows, 1) - 1
    for i in range(last + 1):
        yield _Strip(i * rows, height if i == last else (i + 1) * rows, height)

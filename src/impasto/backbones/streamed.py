"""The first block of the network, strip by strip.

Its two maps take 256 of the 640 bytes per pixel that the network's maps take in bf16, and its gradients more
than all others. Whoever needs only their moments gets them from here, with what the next block reads: a strip of the
picture goes through the block and is forgotten, and goes through it once more when its gradient is asked for.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import torch
from jaxtyping import Float
from torch import Tensor

from impasto.backbones.frozen import WHOLE, Edges, convolve
from impasto.backbones.moments import Moments, MomentSums, moments_gradient
from impasto.backbones.vgg import pool
from impasto.recipe import Padding, Pooling

STRIP: Final = 2**16
"""Pixels of a strip: its maps stay near the processor."""

_LEAST_ROWS: Final = 16
"""Rows of a strip at least: two more of conv1_1 are computed for their neighbours' sake."""


@dataclass(frozen=True, kw_only=True, eq=False)
class FirstBlock:
    """conv1_1, conv1_2 and pool1; `asked` are those of the two whose moments are wanted."""

    first: tuple[Float[Tensor, "c 3 3 3"], Float[Tensor, "c"]]
    second: tuple[Float[Tensor, "c c 3 3"], Float[Tensor, "c"]]
    padding: Padding
    pooling: Pooling
    dtype: torch.dtype
    asked: tuple[str, ...]

    def first_map(self, picture: Float[Tensor, "1 3 h w"], edges: Edges = WHOLE) -> Float[Tensor, "1 c _h w"]:
        """Return conv1_1 of a part of the picture, less the rows that lack a neighbour."""
        return convolve(picture, *self.first, self.padding, dtype=self.dtype, edges=edges)

    def second_map(self, maps: Float[Tensor, "1 c h w"], edges: Edges = WHOLE) -> Float[Tensor, "1 c _h w"]:
        """Return conv1_2 of a part of conv1_1, less the rows that lack a neighbour."""
        masked = self.pooling == "l2" and "conv1_2" not in self.asked
        return convolve(maps, *self.second, self.padding, masked=masked, edges=edges)


def stream(
    picture: Float[Tensor, "1 3 h w"], block: FirstBlock, border: int = 0
) -> tuple[Float[Tensor, "1 c h//2 w//2"], dict[str, Moments]]:
    """Return the block's pooled map and the moments that are asked for; nothing is kept but the picture.

    The picture is as the network wants it. Costs a second forward pass of the block. Moments leave `border` outermost
    positions out; ValueError if a gradient is to go through such.
    """
    if border and torch.is_grad_enabled() and picture.requires_grad:
        raise ValueError("moments that leave a border out have no gradient")
    pooled, *numbers = _Streamed.apply(picture, block, border)  # type: ignore[no-untyped-call]
    count = picture.shape[2] * picture.shape[3]
    found = {name: Moments(count, *numbers[2 * i : 2 * i + 2]) for i, name in enumerate(block.asked)}
    return pooled, found


class _Streamed(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, picture: Tensor, block: FirstBlock, border: int) -> tuple[Tensor, ...]:
        height, width = picture.shape[2:]
        shape = (1, height // 2, width // 2, len(block.first[1]))
        pooled = picture.new_empty(shape, dtype=block.dtype).permute(0, 3, 1, 2)
        sums = {name: MomentSums() for name in block.asked}
        for strip in _strips(height, width):
            first = block.first_map(strip.seen(picture), strip.edges)
            second = block.second_map(first, strip.edges)
            for name, total in sums.items():
                total.add(strip.inner(strip.own(first) if name == "conv1_1" else second, border))
            strip.pooled(pooled).copy_(pool(second, block.pooling))
        found = [total.moments() for total in sums.values()]
        ctx.block = block
        ctx.save_for_backward(picture, *(moments.mean for moments in found))
        return pooled, *(number for moments in found for number in (moments.mean, moments.covariance))

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        picture, *means = ctx.saved_tensors
        block: FirstBlock = ctx.block
        height, width = picture.shape[2:]
        slopes = [gradients[i : i + 2] for i in range(1, len(gradients), 2)]
        result = torch.zeros_like(picture)
        for strip in _strips(height, width):
            with torch.enable_grad():
                seen = strip.seen(picture).detach().requires_grad_()
                first = block.first_map(seen, strip.edges)
                second = block.second_map(first, strip.edges)
                outputs = [pool(second, block.pooling)]
            pulls = [strip.pooled(gradients[0])]
            for name, mean, slope in zip(block.asked, means, slopes, strict=True):
                maps = first if name == "conv1_1" else second
                outputs.append(maps)
                pulls.append(moments_gradient(maps.detach(), mean, *slope, count=height * width))
                if name == "conv1_1":
                    strip.clear_others(pulls[-1])
            (slope_of_seen,) = torch.autograd.grad(outputs, seen, pulls)
            strip.seen(result).add_(slope_of_seen)
        return result, None, None


@dataclass(frozen=True)
class _Strip:
    """The rows from `top` to `bottom` of a picture of a height; two more on each side are seen by their features."""

    top: int
    bottom: int
    height: int

    @property
    def edges(self) -> Edges:
        """Whether the strip is the first and the last of the picture."""
        return self.top == 0, self.bottom == self.height

    def seen(self, picture: Tensor) -> Tensor:
        """Return the rows of the picture that the strip's features see."""
        return picture[:, :, max(0, self.top - 2) : self.bottom + 2]

    def own(self, first: Tensor) -> Tensor:
        """Return the strip's own rows of its part of conv1_1."""
        begin, end = self._neighbours()
        return first[:, :, begin : first.shape[2] - end]

    def inner(self, own: Tensor, border: int) -> Tensor:
        """Return what is left of the strip's own rows of a map without its outermost positions."""
        first, last = (border * edge for edge in self.edges)
        return own[:, :, first : own.shape[2] - last, border : own.shape[3] - border]

    def clear_others(self, first: Tensor) -> None:
        """Fill with zeros what is not the strip's own in a map like its part of conv1_1."""
        begin, end = self._neighbours()
        first[:, :, :begin] = 0
        first[:, :, first.shape[2] - end :] = 0

    def _neighbours(self) -> tuple[int, int]:
        return int(self.top > 0), int(self.bottom < self.height)

    def pooled(self, maps: Tensor) -> Tensor:
        """Return the strip's rows of the pooled map."""
        return maps[:, :, self.top // 2 : self.bottom // 2]


def _strips(height: int, width: int) -> Iterator[_Strip]:
    # An even number, for the pooling; an odd last row of the picture belongs to the last strip.
    rows = max(_LEAST_ROWS, STRIP // width // 2 * 2)
    last = max(height // rows, 1) - 1
    for i in range(last + 1):
        yield _Strip(i * rows, height if i == last else (i + 1) * rows, height)

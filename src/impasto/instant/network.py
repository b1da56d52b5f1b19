"""The networks of arbitrary style transfer by Ghiasi, Lee, Kudlur, Dumoulin and Shlens (2017), as Magenta pruned them.

A predictor (MobileNetV2, Sandler et al. 2018) turns a style image into 100 numbers; a transformer repaints a photo,
with the scale and shift of each channel computed from these numbers (conditional instance normalization, Dumoulin et
al. 2017). Both are convolutional: any size, and gradients with respect to everything.
"""

from typing import Final

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

NUMBERS: Final = 100
"""How many numbers stand for a style."""
STYLE_SIZE: Final = 256
"""Side in pixels of the style images that the predictor was trained with."""
MIN_SIZE: Final = 16
"""Shortest side in pixels of a photo that the transformer can repaint: its padding mirrors what is there."""
_EPSILON: Final = 1e-5


class StylePredictor(nn.Module):
    """MobileNetV2 that returns the numbers of style images, averaged over all positions."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = _SamePadding(3, 32, 3, stride=2)
        blocks, channels = [], 32
        for factor, out, count, stride in _BLOCKS:
            for number in range(count):
                blocks.append(_InvertedResidual(channels, out, factor, stride if number == 0 else 1))
                channels = out
        self.blocks = nn.Sequential(*blocks)
        self.last = nn.Conv2d(channels, 1280, 1)
        self.numbers = nn.Conv2d(1280, NUMBERS, 1)

    def forward(
        self, style: Float[Tensor, "n 3 h w"], mask: Float[Tensor, "n 1 h w"] | None = None
    ) -> Float[Tensor, "n 100"]:
        """Return the numbers of style images.

        Args:
            style: RGB in [0, 1].
            mask: How much each position counts; None: all count alike.
        """
        maps = functional.relu6(self.last(self.blocks(functional.relu6(self.stem(style)))))
        if mask is not None:
            counts = functional.adaptive_avg_pool2d(mask, (maps.shape[2], maps.shape[3]))
            maps = maps * (counts / counts.mean((2, 3), keepdim=True))
        numbers: Tensor = self.numbers(maps.mean((2, 3), keepdim=True))
        return numbers.flatten(1)


_BLOCKS: Final = (
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)
"""Expansion, channels, number and first stride of the blocks: table 2 of Sandler et al."""


class _SamePadding(nn.Conv2d):
    """A convolution padded with zeros as TensorFlow does it: an odd one is at the right and at the bottom."""

    def forward(self, maps: Float[Tensor, "n _c h w"]) -> Float[Tensor, "n _d _h _w"]:
        """Return the filtered maps."""
        padding = []
        for length, kernel, stride in zip(maps.shape[:1:-1], self.kernel_size[::-1], self.stride[::-1], strict=True):
            total = max(kernel - stride if length % stride == 0 else kernel - length % stride, 0)
            padding += [total // 2, total - total // 2]
        return super().forward(functional.pad(maps, padding))


class _InvertedResidual(nn.Module):
    """A block of MobileNetV2: more channels, a filter for each, fewer channels; its input is added if that fits."""

    def __init__(self, channels: int, out: int, factor: int, stride: int) -> None:
        super().__init__()
        wide = channels * factor
        self.expand = nn.Conv2d(channels, wide, 1) if factor > 1 else None
        self.depthwise = _SamePadding(wide, wide, 3, stride=stride, groups=wide)
        self.project = nn.Conv2d(wide, out, 1)
        self._adds = stride == 1 and channels == out

    def forward(self, maps: Float[Tensor, "n _c h w"]) -> Float[Tensor, "n _d _h _w"]:
        """Return the maps of the block."""
        wide = maps if self.expand is None else functional.relu6(self.expand(maps))
        narrow: Tensor = self.project(functional.relu6(self.depthwise(wide)))
        return maps + narrow if self._adds else narrow


class StyleTransformer(nn.Module):
    """The network that repaints a photo in the style of given numbers."""

    def __init__(self) -> None:
        super().__init__()
        self.contract = nn.ModuleList([_conv(3, 8, 9), _conv(8, 16, 3, stride=2), _conv(16, 32, 3, stride=2)])
        self.residual = nn.ModuleList([_StyledConv(32, 32, 3) for _ in range(10)])
        self.expand = nn.ModuleList([_StyledConv(32, 16, 3), _StyledConv(16, 8, 3), _StyledConv(8, 3, 9)])

    def forward(self, photo: Float[Tensor, "n 3 h w"], numbers: Float[Tensor, "n 100"]) -> Float[Tensor, "n 3 h w"]:
        """Return the repainted photos.

        Args:
            photo: RGB in [0, 1], at least `MIN_SIZE` pixels on each side.
            numbers: A style for each photo, or one for all.

        Returns:
            RGB in [0, 1], of the same size.
        """
        height, width = photo.shape[2:]
        # The maps are halved twice and doubled twice: a side that is no multiple of 4 is continued by its mirror image.
        maps = functional.pad(photo, (0, -width % 4, 0, -height % 4), mode="reflect")
        for conv in self.contract:
            maps = functional.relu(conv(maps))
        for first, second in zip(self.residual[::2], self.residual[1::2], strict=True):
            maps = maps + second(functional.relu(first(maps, numbers)), numbers)
        for number, conv in enumerate(self.expand):
            if number < 2:
                maps = functional.interpolate(maps, scale_factor=2.0, mode="nearest")
            maps = conv(maps, numbers)
            maps = functional.relu(maps) if number < 2 else torch.sigmoid(maps)
        return maps[:, :, :height, :width]


def _conv(channels: int, out: int, kernel: int, *, stride: int = 1, bias: bool = True) -> nn.Conv2d:
    padding = kernel // 2
    return nn.Conv2d(channels, out, kernel, stride=stride, padding=padding, padding_mode="reflect", bias=bias)


class _StyledConv(nn.Module):
    """A convolution whose maps get the mean and the standard deviation that the numbers of a style ask for."""

    def __init__(self, channels: int, out: int, kernel: int) -> None:
        super().__init__()
        self.conv = _conv(channels, out, kernel, bias=False)  # a constant would be subtracted with the mean
        self.scale = nn.Linear(NUMBERS, out)
        self.shift = nn.Linear(NUMBERS, out)

    def forward(self, maps: Float[Tensor, "n _c h w"], numbers: Float[Tensor, "n 100"]) -> Float[Tensor, "n _d h w"]:
        """Return the filtered maps in the style of the numbers."""
        maps = functional.instance_norm(self.conv(maps), eps=_EPSILON)
        return torch.addcmul(self.shift(numbers)[..., None, None], maps, self.scale(numbers)[..., None, None])

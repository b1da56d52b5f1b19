"""The networks of arbitrary style transfer by Ghiasi, Lee, Kudlur, Dumoulin and Shlens (2017), as Magenta pruned them.

A predictor (MobileNetV2, Sandler et al. 2018) turns a style image into 100 numbers; a transformer repaints a photo,
with the scale and shift of each channel computed from these numbers (conditional instance normalization, Dumoulin et
al. 2017). A wider transformer for one style starts from them. All are convolutional: any size, and gradients with
respect to everything.
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
        maps = _in_fours(photo)
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


def _in_fours(photo: Float[Tensor, "n 3 h w"]) -> Float[Tensor, "n 3 _h _w"]:
    """Continue a photo by its mirror image to multiples of 4, because its maps are halved and doubled twice."""
    height, width = photo.shape[2:]
    return functional.pad(photo, (0, -width % 4, 0, -height % 4), mode="reflect")


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


_WIDTHS: Final = (16, 32, 64)
"""Channels of a network for one style at full, half and quarter size: twice those of the network for any style."""
_NOISES: Final = 8
"""Channels of noise: half of them fine, half four times as coarse."""
_COARSE: Final = 4


class OneStyleTransformer(nn.Module):
    """A network that repaints a photo in one style (Johnson, Alahi and Fei-Fei 2016), started from that for any style.

    It is twice as wide and gets noise, from which it makes strokes where the photo is even (Ulyanov et al. 2017). Maps
    are doubled by interpolation, which leaves no grid as repeated pixels do.

    Example:
        >>> network = OneStyleTransformer()
        >>> network(torch.rand(1, 3, 48, 64)).shape
        torch.Size([1, 3, 48, 64])
    """

    def __init__(self) -> None:
        """Create it with random weights."""
        super().__init__()
        full, half, quarter = _WIDTHS
        self.contract = nn.ModuleList(
            [_conv(3, full, 9), _conv(full, half, 3, stride=2), _conv(half, quarter, 3, stride=2)]
        )
        self.noise = nn.Conv2d(_NOISES, quarter, 1, bias=False)
        self.residual = nn.ModuleList([_NormedConv(quarter, quarter, 3) for _ in range(10)])
        self.expand = nn.ModuleList(
            [_NormedConv(quarter, half, 3), _NormedConv(half, full, 3), _NormedConv(full, 3, 9)]
        )

    def forward(self, photo: Float[Tensor, "1 3 h w"], seed: int = 0) -> Float[Tensor, "1 3 h w"]:
        """Return the repainted photo.

        Args:
            photo: RGB in [0, 1], at least `MIN_SIZE` pixels on each side.
            seed: Of the noise: with another one strokes fall elsewhere.

        Returns:
            RGB in [0, 1], of the same size.
        """
        height, width = photo.shape[2:]
        maps = _in_fours(photo)
        for conv in self.contract:
            maps = functional.relu(conv(maps))
        maps = maps + maps.detach().std() * self.noise(_noise(maps.shape[2], maps.shape[3], seed).to(maps))
        for first, second in zip(self.residual[::2], self.residual[1::2], strict=True):
            maps = maps + second(functional.relu(first(maps)))
        for number, conv in enumerate(self.expand):
            if number < 2:
                maps = functional.interpolate(maps, scale_factor=2.0, mode="bilinear")
            maps = conv(maps)
            maps = functional.relu(maps) if number < 2 else torch.sigmoid(maps)
        return maps[:, :, :height, :width]

    @torch.no_grad()
    def start_from(self, transformer: StyleTransformer, numbers: Float[Tensor, "1 100"], seed: int) -> None:
        """Take the weights of a transformer for the style of some numbers; what is wider begins without effect."""
        generator = torch.Generator().manual_seed(seed)
        for conv, old in zip(self.contract, transformer.contract, strict=True):
            assert isinstance(conv, nn.Conv2d)
            assert isinstance(old, nn.Conv2d)
            assert conv.bias is not None
            assert old.bias is not None
            _widen(conv.weight, old.weight, generator)
            _extend(conv.bias, old.bias)
        ours, theirs = [*self.residual, *self.expand], [*transformer.residual, *transformer.expand]
        for number, (conv, old) in enumerate(zip(ours, theirs, strict=True)):
            _widen(conv.conv.weight, old.conv.weight, generator)
            _extend(conv.scale, old.scale(numbers)[0].abs())
            conv.scale[: len(old.scale.bias)] = old.scale(numbers)[0]
            _extend(conv.shift, old.shift(numbers)[0])
            if number % 2 and number < len(self.residual):
                conv.scale[len(old.scale.bias) :] *= _CAUTION
        self.noise.weight.normal_(0, 0.1, generator=generator)


_CAUTION: Final = 0.3
"""How much the new channels of a block add to what passes it, beside the old ones."""


class _NormedConv(nn.Module):
    """A convolution whose maps get learned means and standard deviations."""

    def __init__(self, channels: int, out: int, kernel: int) -> None:
        super().__init__()
        self.conv = _conv(channels, out, kernel, bias=False)
        self.scale = nn.Parameter(torch.ones(out))
        self.shift = nn.Parameter(torch.zeros(out))

    def forward(self, maps: Float[Tensor, "n _c h w"]) -> Float[Tensor, "n _d h w"]:
        """Return the filtered maps."""
        return functional.instance_norm(self.conv(maps), weight=self.scale, bias=self.shift, eps=_EPSILON)


def _noise(height: int, width: int, seed: int) -> Float[Tensor, "1 c {height} {width}"]:
    """Return noise of variance 1: some channels differ from position to position, the others are smooth."""
    generator, fine = torch.Generator().manual_seed(seed), _NOISES // 2
    coarse_size = height // _COARSE + 1, width // _COARSE + 1
    small = torch.randn(1, _NOISES - fine, *coarse_size, generator=generator, dtype=torch.float32)
    coarse = functional.interpolate(small, scale_factor=float(_COARSE), mode="bilinear")[:, :, :height, :width]
    # Between the positions of the small map the variance is less, about 0.47 on average.
    return torch.cat([torch.randn(1, fine, height, width, generator=generator, dtype=torch.float32), 1.5 * coarse], 1)


def _widen(weight: Tensor, old: Tensor, generator: torch.Generator) -> None:
    """Put an old kernel into a wider one, whose new filters are random and whose old ones ignore new channels."""
    out, channels = old.shape[:2]
    weight.normal_(0, float(old.std()) * (channels / weight.shape[1]) ** 0.5, generator=generator)
    weight[:out, :channels], weight[:out, channels:] = old, 0


def _extend(values: Tensor, old: Tensor) -> None:
    """Put old values of channels before new ones, which get their mean."""
    values.fill_(float(old.mean()))
    values[: len(old)] = old

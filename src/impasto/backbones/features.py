"""The interface of extractors: options, features, input sizes, and smoothing."""

from bisect import bisect_left
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple, Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor

from impasto.backbones.matmul import average, full_precision
from impasto.backbones.moments import Moments
from impasto.errors import InputError
from impasto.recipe import Padding, Pooling

_LARGEST_SIDE: Final = 2048
"""A layer without features in an image of this side has none in larger ones."""


@dataclass(frozen=True, kw_only=True)
class ExtractorOptions:
    """Arguments of an extractor, see `build_extractor`; layers by the network's own names."""

    layers: tuple[str, ...]
    of_moments: tuple[str, ...]
    pooling: Pooling
    padding: Padding
    precision: Literal["fp32", "bf16"]
    device: torch.device


class InputSize(NamedTuple):
    """The smallest image side in pixels with 2 x 2 features in every layer, and the deepest layer, which needs it."""

    smallest: int
    layer: str

    def check(self, width: int, height: int) -> None:
        """Raise InputError if an image of this size is too small."""
        if min(width, height) < self.smallest:
            raise InputError(
                f"{width} x {height} px is too small for the network's layer {self.layer}, which needs both sides to "
                f"be at least {self.smallest} px"
            )


def smallest_side(works: Callable[[int], bool]) -> int | None:
    """Return the smallest image side for which `works` returns True (as for all larger ones), or None.

    >>> smallest_side(lambda side: side >= 37)
    37
    """
    sides = range(1, _LARGEST_SIDE + 1)
    index = bisect_left(sides, True, key=works)
    return sides[index] if index < len(sides) else None


class Reach(NamedTuple):
    """The pixels on which a layer depends: position p on those from p * stride - before to p * stride + after.

    Beyond the border of the image is padding, so that a window of an image, which begins at a multiple of the stride,
    has the same features as the image at the positions whose pixels lie inside it.

    Example:
        >>> Reach().convolved(3, 1).pooled(2, 2).convolved(3, 1)
        Reach(stride=2, before=3, after=4)
    """

    stride: int = 1
    before: int = 0
    after: int = 0

    def convolved(self, kernel: int, padding: int) -> "Reach":
        """Return the reach after a convolution, or after a pooling, that moves by one position."""
        return self.pooled(kernel, 1, padding)

    def pooled(self, window: int, step: int, padding: int = 0) -> "Reach":
        """Return the reach after windows that move by `step` positions, the first one `padding` before the border."""
        before, after = padding * self.stride, (window - 1 - padding) * self.stride
        return Reach(self.stride * step, self.before + before, self.after + after)


class Features(Mapping[str, Tensor]):
    """Feature maps by layer name, each computed when it is first read.

    Read the layers from the shallowest to the deepest and use each map before you read the next one: the backward pass
    then runs in the opposite order, and holds the gradient of only one layer in memory at a time.

    A layer of which the extractor keeps only moments (mean and covariance) has no map and is not among the keys;
    `map_or_moments` returns either.
    """

    def __init__(
        self,
        layers: Collection[str],
        values: Iterator[tuple[str, Tensor | Moments]],
        *,
        of_moments: Collection[str] = (),
    ) -> None:
        """Wrap an iterator over layers by depth, which may include others; layers in `of_moments` yield moments."""
        self._maps = tuple(name for name in layers if name not in of_moments)
        self._layers = layers
        self._values = values
        self._known: dict[str, Tensor | Moments] = {}

    def map_or_moments(self, layer: str) -> Tensor | Moments:
        """Return a layer's map (1 x channels x height x width), or its moments if the map is not kept."""
        if layer not in self._layers:
            raise KeyError(layer)
        while layer not in self._known:
            name, found = next(self._values)
            if name in self._layers:
                self._known[name] = found
        return self._known[layer]

    def __getitem__(self, layer: str) -> Tensor:
        found = self.map_or_moments(layer)
        if isinstance(found, Moments):
            raise KeyError(f"{layer} has only moments and no map")
        return found

    def __iter__(self) -> Iterator[str]:
        return iter(self._maps)

    def __len__(self) -> int:
        return len(self._maps)


@runtime_checkable
class FeatureExtractor(Protocol):
    """A network with frozen weights, evaluated up to the deepest layer asked for."""

    layers: tuple[str, ...]
    """The layers that a call returns, from the shallowest to the deepest."""
    device: torch.device
    reach: Mapping[str, Reach]
    """The reach of every layer; empty if some feature depends on the whole image, which then has no tiles."""

    def __call__(self, image: Float[Tensor, "1 3 h w"], *, border: int = 0, whole: bool = False) -> Features:
        """Return the features of an image; they have a gradient with respect to it.

        Args:
            image: RGB, sRGB-encoded, nominally in [0, 1]; values outside are allowed.
            border: Number of outermost positions that moments leave out, without gradient; maps are always whole.
            whole: Keep the map of every layer, also where moments would be enough.

        Returns:
            Features in the working precision; they must not be changed in place.

        Raises:
            InputError: The image is too small.
        """
        ...


class SmoothedExtractor:
    """An extractor whose features (of content, style and canvas) are smoothed by a softmax.

    Residual connections and branches make single activations dominate; a softmax over the map evens them out. Source:
    Wang, Li and Vasconcelos, "Rethinking and Improving the Robustness of Image Style Transfer", 2021 (SWAG).

    The exponential depends on absolute values, which differ between layers and networks by orders of magnitude: each
    layer is divided by its own scale, its largest activation in content and style.
    """

    reach: Mapping[str, Reach] = {}

    def __init__(self, extractor: FeatureExtractor, images: Sequence[Float[Tensor, "1 3 _h _w"]]) -> None:
        """Wrap an extractor; `images` are content and styles, which determine the scales."""
        self._extractor = extractor
        self.layers = extractor.layers
        self.device = extractor.device
        with torch.no_grad():
            found = [extractor(image) for image in images]
            peaks = {name: max(float(features[name].amax()) for features in found) for name in self.layers}
        self._scales = {name: peak if peak > 0 else 1.0 for name, peak in peaks.items()}

    def __call__(self, image: Float[Tensor, "1 3 h w"], *, border: int = 0, whole: bool = False) -> Features:
        """Return the smoothed features of every layer; see `FeatureExtractor`."""
        features = self._extractor(image, border=border, whole=whole)
        return Features(self.layers, ((name, smoothed(features[name], self._scales[name])) for name in self.layers))


def smoothed(features: Float[Tensor, "1 c h w"], scale: float) -> Float[Tensor, "1 c h w"]:
    """Return exp(F / scale) / mean(exp(F / scale)), the softmax over the whole map times its number of features.

    In fp32 or better; the mean is 1 for all features, so that losses keep their scale.
    """
    exponents = full_precision(features) / scale
    powers = (exponents - exponents.detach().amax()).exp()
    return powers / average(powers)

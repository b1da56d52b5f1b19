"""Base classes of style and content losses; each loss is one class, named in `registry`."""

from collections.abc import Callable, Mapping, Sequence
from functools import reduce
from operator import add
from typing import Any, ClassVar, Final, Literal

import torch
from jaxtyping import Float
from torch import Tensor

from impasto.losses.regions import PositionWeights
from impasto.recipe import LossSettings, Recipe

TINY: Final = 1e-12
"""Keeps a relative error finite for a target that is zero everywhere (a black picture's features can be)."""


def float64(values: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    """Return numbers in float64, on the CPU where their device has no such numbers (MPS)."""
    return values.detach().to("cpu" if values.device.type == "mps" else values.device, torch.float64)


class Loss:
    """Layers, samples and recipe of a loss.

    Args:
        recipe: The recipe of the run.
        settings: The loss's own settings; what they leave open is taken from the recipe's section.
    """

    inputs: ClassVar[Literal["layer", "pixels", "hypercolumns"]] = "layer"
    """What is compared: each layer's map; the picture (RGB in [0, 1]); or, at random places, all layers together.

    `measure` of a loss of `hypercolumns` returns `Positions`.
    """
    section: ClassVar[Literal["style", "content"]] = "style"
    """The recipe's section that the loss belongs to."""
    default_layers: ClassVar[Mapping[str, float] | None] = None
    """Layers and their weights if the recipe states none for this loss; None: those that the recipe's section names."""

    def __init__(self, recipe: Recipe, settings: LossSettings) -> None:
        layers = settings.layers if settings.layers is not None else self.default_layers
        if layers is None:
            layers = getattr(recipe, self.section).layers
        self.layers = {} if self.inputs == "pixels" else {name: weight for name, weight in layers.items() if weight}
        """Layers that are compared, with their weights."""
        self.samples = settings.samples or recipe.style.samples
        """Number of positions that a sampling loss draws."""
        self.recipe = recipe

    @property
    def has_inputs(self) -> bool:
        """Whether there is something to compare."""
        return bool(self.layers) or self.inputs == "pixels"


class StyleLoss(Loss):
    """A style loss: a statistic of features, and a comparison of the canvas's statistic with the style's.

    A new loss defines `measure` and `loss`. Statistics of disjoint positions can be added, so that a mixture of styles
    is a weighted sum, a region a weight for every position, and a picture in tiles the sum of its tiles.

    Example:
        >>> from impasto import Recipe, StyleLoss
        >>> from impasto.losses import Mean
        >>> from impasto.recipe import LossSettings
        >>> class MeanSquare(StyleLoss):
        ...     def measure(self, maps, weights=None):
        ...         return Mean.of(maps**2, weights)
        ...     def loss(self, statistic, target):
        ...         return (statistic.value - target.value).square().mean()
        >>> loss, maps = MeanSquare(Recipe(), LossSettings()), torch.ones(1, 3, 4, 4)
        >>> loss.loss(loss.measure(maps), loss.measure(2 * maps))
        tensor(9.)
    """

    needs_maps: ClassVar[bool] = True
    """False if `measure` also takes the moments of a map, so that the map itself need not be kept."""
    halo: ClassVar[int | None] = None
    """Of a loss of pixels: rows below a strip on which its `measure_rows` depends. None: it has none, and a picture in
    tiles is measured as a whole, which takes the memory of several pictures."""
    is_mean: ClassVar[bool] = False
    """True if `loss` is a mean over the positions: that of a picture in tiles is computed tile by tile."""

    def measure(self, maps: Float[Tensor, "1 c h w"], weights: PositionWeights | None = None) -> Any:
        """Return the statistic of a map.

        Args:
            maps: Features (or the picture, or hypercolumns as a map of one column) in the network's number format.
            weights: How much each position counts; None: all alike.
        """
        raise NotImplementedError

    def loss(self, statistic: Any, target: Any) -> Float[Tensor, ""]:
        """Return the distance of the canvas's statistic from the target.

        Args:
            statistic: The statistic of the canvas.
            target: What `prepare` returned.

        Returns:
            A scalar, at least 0.
        """
        raise NotImplementedError

    def measure_regions(self, maps: Float[Tensor, "1 c h w"], regions: Sequence[PositionWeights]) -> Sequence[Any]:
        """Return the statistic of every region; override it to measure all regions in one pass.

        Args:
            maps: As for `measure`.
            regions: The weights of the positions in each region.

        Returns:
            One statistic for each region.
        """
        return [self.measure(maps, weights) for weights in regions]

    def measure_rows(
        self, window: Float[Tensor, "1 3 _h w"], rows: slice, height: int, regions: Sequence[PositionWeights] | None
    ) -> Sequence[Any]:
        """Return the statistic of some rows of a picture, for a loss of pixels that states its `halo`.

        Args:
            window: These rows and, as far as there are any, the next `halo` ones.
            rows: Which rows they are.
            height: Number of rows of the picture.
            regions: The weights of the picture's pixels in each region; None: one region that is all of it.

        Returns:
            One statistic for each region; `join` of those of all strips is the statistic of the picture.
        """
        raise NotImplementedError

    def join(self, parts: Sequence[Any]) -> Any:
        """Return the statistic of several parts of a picture.

        Args:
            parts: The statistic of each part, as `measure` returned it.

        Returns:
            Their sum; those of parts without a position are left out.
        """
        counted = [part for part in parts if part.weight] if len(parts) > 1 else parts
        return reduce(add, counted or parts[:1])

    def summarize(self, statistic: Any) -> Any:
        """Reduce the statistic of a style image to what is kept of it.

        Args:
            statistic: What `measure` returned.

        Returns:
            A statistic that needs less memory; by default the same one.
        """
        return statistic

    def prepare(self, target: Any, canvas: Any, generator: torch.Generator) -> Any:
        """Return what `loss` compares with, computed once.

        Args:
            target: The mixed statistic of the style images.
            canvas: The statistic of the photo, for its number of positions.
            generator: Source of random numbers.
        """
        return target


class ContentLoss(Loss):
    """A content loss: a comparison of the canvas with the photo, position by position."""

    section = "content"

    def prepare(self, photo: Float[Tensor, "1 c h w"], saliency: Float[Tensor, "1 1 _h _w"] | None) -> Any:
        """Return the target of `loss`, from the photo's features and the saliency weights of its pixels."""
        return photo

    def part(self, target: Any, cut: Callable[[Tensor], Tensor]) -> Any:
        """Return the target of the positions that `cut` takes from a map; the losses of all parts sum to the whole."""
        return cut(target)

    def loss(self, maps: Float[Tensor, "1 c h w"], target: Any) -> Float[Tensor, ""]:
        """Return the distance of the canvas from the photo, at least 0."""
        raise NotImplementedError

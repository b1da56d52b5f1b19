"""The objective of a picture in tiles: loss and gradient of the whole picture, in the memory of one tile."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, TypeAlias

import torch
from jaxtyping import Float
from torch import Tensor

from impasto.backbones import Features, release_memory
from impasto.losses.comparisons import Comparison, StatisticComparison
from impasto.losses.objective import Key, Objective, total_of
from impasto.losses.targets import EncodedImage
from impasto.losses.tiles import TiledImage, Tiling
from impasto.recipe import Recipe

_Statistics: TypeAlias = Mapping[Key, Sequence[Any]]
"""The statistics of a tile by comparison, one for every region."""


class TiledObjective(Objective):
    """The same function as `Objective`, evaluated tile by tile in two passes.

    The first pass adds the statistics of all tiles without a gradient. The losses of the sums have gradients with
    respect to the statistics of every tile. The second pass computes the features of each tile again, and from these
    gradients that of the tile's pixels; losses that are sums over positions are computed there, too.

    Args:
        tiling: The tiles of pictures of the canvas's size.
        recipe: As for `Objective`.
        **inputs: As for `Objective`.
    """

    def __init__(self, tiling: Tiling, recipe: Recipe, **inputs: Any) -> None:
        self._tiling = tiling
        super().__init__(tiling.extractor, recipe, **inputs)

    @classmethod
    def of(cls, objective: Objective, tiling: Tiling) -> "TiledObjective":
        """Return the objective that another one is, in other tiles; what it is compared with is shared."""
        tiled = cls.__new__(cls)
        vars(tiled).update(vars(objective), _tiling=tiling)
        return tiled

    def _encoded(self, picture: Float[Tensor, "1 3 h w"]) -> TiledImage:
        return TiledImage.of(self._tiling, picture)

    def _values(self, picture: Float[Tensor, "1 3 h w"], comparisons: Mapping[Key, Comparison]) -> dict[Key, Tensor]:
        with torch.no_grad():
            values = {key: picture.new_zeros(()) for key in comparisons}
            joined, statistics = _joined(comparisons), []
            for part in self._encoded(picture).parts():
                statistics.append(_measured(joined, part))
                for key, value in _summed(comparisons, part):
                    values[key] = values[key] + value
            pixels = ((key, one) for key, one in comparisons.items() if one.scope == "pixels")
            return values | _compared(joined, statistics) | {key: _value_of_pixels(one, picture) for key, one in pixels}

    def value_and_grad(self, picture: Float[Tensor, "1 3 h w"]) -> tuple[dict[str, Tensor], Float[Tensor, "1 3 h w"]]:
        """Return the weighted terms by name, whose sum is the loss, and the gradient of the loss."""
        picture = picture.detach()
        canvas, comparisons = self._encoded(picture), self._comparisons()
        joined = _joined(comparisons)
        with torch.no_grad():
            leaves = [
                {key: _leaves(found) for key, found in _measured(joined, part).items()} for part in canvas.parts()
            ]
        with torch.enable_grad():
            values = {key: picture.new_zeros(()).requires_grad_() for key in comparisons} | _compared(joined, leaves)
            loss = total_of(self._terms_of(values, picture))
        slopes = _gradients(loss, [*values.values(), *(leaf for tile in leaves for leaf in _tensors(tile))])
        release_memory()
        factors = dict(zip(values, slopes, strict=False))
        of_statistics = iter(slopes[len(values) :])
        values = {key: value.detach() for key, value in values.items()}
        gradient = torch.zeros_like(picture)
        for number, tile in enumerate(self._tiling.tiles):
            window = canvas.window(tile).requires_grad_()
            with torch.enable_grad():
                part = canvas.part(tile, window)
                found = [*_tensors(_measured(joined, part))]
                found_slopes = [next(of_statistics) for _ in _tensors(leaves[number])]
                for key, value in _summed(comparisons, part):
                    values[key] = values[key] + value.detach()
                    found.append(value)
                    found_slopes.append(factors[key])
            canvas.window_of(gradient, tile).add_(_pulled(found, found_slopes, window))
        del leaves, slopes
        for key, one in comparisons.items():
            factor = factors[key]
            if one.scope == "pixels" and factor is not None:
                values[key], own = _value_and_grad(partial(_value_of_pixels, one), picture)
                gradient.add_(own.mul_(factor))
        terms = self._terms_of(values, picture)
        for name, term in self._picture_terms().items():
            terms[name], own = _value_and_grad(term, picture)
            gradient.add_(own)
        return terms, gradient


def _joined(comparisons: Mapping[Key, Comparison]) -> dict[Key, StatisticComparison]:
    """Return the comparisons that need the statistics of all tiles."""
    return {
        key: one
        for key, one in comparisons.items()
        if isinstance(one, StatisticComparison) and one.scope == "statistics" and one.targets
    }


def _measured(joined: Mapping[Key, StatisticComparison], part: EncodedImage) -> _Statistics:
    return {key: one.measure(part) for key, one in joined.items()}


def _compared(joined: Mapping[Key, StatisticComparison], tiles: Sequence[_Statistics]) -> dict[Key, Tensor]:
    """Return the values of comparisons from the statistics of all tiles."""
    return {key: one.compare(one.join([tile[key] for tile in tiles])) for key, one in joined.items()}


def _summed(comparisons: Mapping[Key, Comparison], part: EncodedImage) -> Iterator[tuple[Key, Tensor]]:
    """Yield what a tile adds to the comparisons that are sums over tiles."""
    return ((key, one.value(part)) for key, one in comparisons.items() if one.scope == "tiles")


def _fields(statistic: Any) -> dict[str, Any]:
    return dict(statistic._asdict()) if isinstance(statistic, tuple) else dict(vars(statistic))  # type: ignore[attr-defined]


def _leaves(statistics: Sequence[Any]) -> list[Any]:
    """Return statistics whose tensors are variables."""
    found = []
    for statistic in statistics:
        fields = _fields(statistic)
        leaves = {name: one.detach().requires_grad_() for name, one in fields.items() if _varies(one)}
        found.append(type(statistic)(**(fields | leaves)))
    return found


def _tensors(statistics: _Statistics) -> list[Tensor]:
    """Return the tensors of statistics that depend on the picture, always in the same order."""
    return [one for found in statistics.values() for each in found for one in _fields(each).values() if _varies(one)]


def _varies(value: Any) -> bool:
    return isinstance(value, Tensor) and value.is_floating_point()


def _gradients(value: Tensor, variables: Sequence[Tensor]) -> list[Tensor | None]:
    """Return the gradients with respect to some variables; None for those on which the value does not depend."""
    used = [one for one in variables if one.requires_grad and value.requires_grad]
    found = iter(torch.autograd.grad(value, used, allow_unused=True) if used else ())
    return [next(found) if one.requires_grad and value.requires_grad else None for one in variables]


def _pulled(outputs: Sequence[Tensor], slopes: Sequence[Tensor | None], window: Tensor) -> Tensor:
    """Return the gradient of a window from the gradients of what was computed from it."""
    used = [(one, slope) for one, slope in zip(outputs, slopes, strict=True) if slope is not None and one.requires_grad]
    if not used:
        return torch.zeros_like(window)
    return torch.autograd.grad([one for one, _ in used], window, [slope for _, slope in used])[0]


def _value_and_grad(function: Callable[[Tensor], Tensor], picture: Tensor) -> tuple[Tensor, Tensor]:
    with torch.enable_grad():
        leaf = picture.detach().requires_grad_()
        value = function(leaf)
    return value.detach(), _pulled([value], [torch.ones_like(value)], leaf)


def _value_of_pixels(comparison: Comparison, picture: Float[Tensor, "1 3 h w"]) -> Float[Tensor, ""]:
    return comparison.value(EncodedImage(picture, Features((), iter(()))))

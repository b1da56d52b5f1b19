"""The objective of a picture in tiles: loss and gradient of the whole picture, in the memory of one tile."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, Final, TypeAlias

import torch
from jaxtyping import Float
from torch import Tensor

from impasto.backbones import Features, processes, release_memory
from impasto.losses.comparisons import Comparison, LayerComparison, StatisticComparison
from impasto.losses.objective import Key, Objective, Paint, total_of
from impasto.losses.picture import PictureLoss, strips_with_halo
from impasto.losses.targets import EncodedImage
from impasto.losses.tiles import TiledImage, Tiling
from impasto.recipe import Recipe

_Statistics: TypeAlias = Mapping[Key, Sequence[Any]]
"""The statistics of a tile by comparison, one for every region."""
_WHOLE: Final[Key] = ("", "", "")
"""The key of a comparison that is alone."""


class TiledObjective(Objective):
    """The same function as `Objective`, evaluated tile by tile in two passes.

    The first pass adds the statistics of all tiles without a gradient. The losses of the sums have gradients with
    respect to the statistics of every tile. The second pass computes the features of each tile again, and from these
    gradients that of the tile's pixels; losses that are sums over positions are computed there, too.

    With several `processes` each evaluates its share of the tiles; statistics, losses and gradient are exchanged.

    Args:
        tiling: The tiles of pictures of the canvas's size.
        recipe: As for `Objective`.
        recompute: The photo's features that the content losses compare are not kept, which would take as much memory as
            several pictures, but computed again in every step.
        **inputs: As for `Objective`.
    """

    def __init__(self, tiling: Tiling, recipe: Recipe, *, recompute: bool = False, **inputs: Any) -> None:
        self._tiling, self._recompute = tiling, recompute
        super().__init__(tiling.extractor, recipe, **inputs)

    @classmethod
    def of(cls, objective: Objective, tiling: Tiling) -> "TiledObjective":
        """Return the objective that another one is, in other tiles; what it is compared with is shared."""
        tiled = cls.__new__(cls)
        vars(tiled).update(vars(objective), _tiling=tiling)
        return tiled

    def _encoded(self, picture: Float[Tensor, "1 3 h w"]) -> TiledImage:
        return TiledImage.of(self._tiling, picture)

    def terms(self, picture: Float[Tensor, "1 3 h w"]) -> dict[str, Tensor]:
        """Return the weighted terms of a picture by name, without a gradient."""
        with torch.no_grad():
            terms = self._terms_of(self._values(picture, self._comparisons()), picture)
            for name, (weight, loss) in self._picture_losses().items():
                for rows, window in strips_with_halo(picture, loss.halo):
                    terms[name] = terms[name] + weight * loss.part(picture[:, :, window], rows, picture.shape[2])
            return terms

    def _values(self, picture: Float[Tensor, "1 3 h w"], comparisons: Mapping[Key, Comparison]) -> dict[Key, Tensor]:
        with torch.no_grad():
            values = {key: picture.new_zeros(()) for key in comparisons}
            joined, own = _joined(comparisons), []
            canvas = self._encoded(picture)
            for tile in processes.own(self._tiling.tiles):
                part = canvas.part(tile, canvas.window(tile))
                own.append(_measured(joined, part))
                for key, value in _summed(comparisons, part):
                    values[key] = values[key] + value
            processes.add(values.values())
            statistics = _gathered(own, picture.device)
            pixels = ((key, one) for key, one in comparisons.items() if one.scope in ("strips", "pixels"))
            return values | _compared(joined, statistics) | {key: _value_of_pixels(one, picture) for key, one in pixels}

    def value_and_grad(
        self, coordinates: Float[Tensor, "1 c h w"], paint: Paint | None = None
    ) -> tuple[dict[str, Tensor], Float[Tensor, "1 c h w"]]:
        """Return the weighted terms by name, whose sum is the loss, and the gradient of the loss.

        Args:
            coordinates: Of the canvas.
            paint: Turns them into the picture, of which only parts are computed; None: they are the picture.
        """
        coordinates, paint = coordinates.detach(), paint or _as_they_are
        # Of the size of the picture, but without its pixels.
        canvas = self._encoded(coordinates[:, :1].expand(-1, 3, -1, -1))
        comparisons = self._comparisons()
        joined = _joined(comparisons)
        leaves = self._measured_tiles(canvas, joined, coordinates, paint)
        with torch.enable_grad():
            zero = coordinates.new_zeros(())
            values = {key: zero.clone().requires_grad_() for key in comparisons} | _compared(joined, leaves)
            loss = total_of(self._terms_of(values, zero))
        found = _gradients(loss, [*values.values(), *(leaf for tile in leaves for leaf in _tensors(tile))])
        del loss  # its graph holds the statistics of all tiles
        release_memory()
        factors, slopes = dict(zip(values, found, strict=False)), iter(found[len(values) :])
        values = {key: value.detach() for key, value in values.items()}
        gradient = torch.zeros_like(coordinates)
        sums = {key: zero.clone() for key, one in comparisons.items() if one.scope == "tiles"}
        pulls = [[next(slopes) for _ in _tensors(statistics)] for statistics in leaves]
        for tile, own in processes.own(list(zip(self._tiling.tiles, pulls, strict=True))):
            window = canvas.window_of(coordinates, tile).requires_grad_()
            with torch.enable_grad():
                part = canvas.part(tile, paint(window, tile[0].window, tile[1].window))
                outputs = _tensors(_measured(joined, part))
                for key, value in _summed(comparisons, part):
                    sums[key] = sums[key] + value.detach()
                    outputs.append(value)
                    own.append(factors[key])
            canvas.window_of(gradient, tile).add_(_pulled(outputs, own, window))
            del part, outputs
        del leaves, found, slopes, pulls
        processes.add([gradient, *sums.values()])
        values |= sums
        for key, one in comparisons.items():
            factor = factors[key]
            if isinstance(one, LayerComparison) and one.scope == "strips" and factor is not None:
                values[key] = _add_gradient(gradient, one, paint, coordinates, factor)
            if one.scope == "pixels" and factor is not None:
                values[key], slope = _value_and_grad(partial(_value_of_coordinates, one, paint), coordinates)
                gradient.add_(slope.mul_(factor))
        terms = self._terms_of(values, zero)
        for name, (weight, alone) in self._picture_losses().items():
            for rows, window_rows in strips_with_halo(coordinates, alone.halo):
                function = partial(_value_of_rows, alone, paint, rows, window_rows, coordinates.shape[2])
                value, slope = _value_and_grad(function, coordinates[:, :, window_rows])
                terms[name] = terms[name] + weight * value
                gradient[:, :, window_rows].add_(slope, alpha=weight)
        return terms, gradient

    def _measured_tiles(
        self, canvas: TiledImage, joined: Mapping[Key, StatisticComparison], coordinates: Tensor, paint: Paint
    ) -> list[_Statistics]:
        """Return the statistics of all tiles, as variables."""
        own: list[_Statistics] = []
        with torch.no_grad():
            for tile in processes.own(self._tiling.tiles):
                window = paint(canvas.window_of(coordinates, tile), tile[0].window, tile[1].window)
                own.append(_measured(joined, canvas.part(tile, window)))
        return [_each_tensor(_as_variable, tile) for tile in _gathered(own, coordinates.device)]


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


def _each_tensor(function: Callable[[Tensor], Tensor], statistics: _Statistics) -> _Statistics:
    """Return statistics with a function applied to their tensors."""

    def changed(statistic: Any) -> Any:
        fields = _fields(statistic)
        tensors = {name: function(one) for name, one in fields.items() if isinstance(one, Tensor)}
        return type(statistic)(**(fields | tensors))

    return {key: [changed(statistic) for statistic in found] for key, found in statistics.items()}


def _as_variable(tensor: Tensor) -> Tensor:
    return tensor.detach().requires_grad_() if _varies(tensor) else tensor


def _gathered(own: Sequence[_Statistics], device: torch.device) -> Sequence[_Statistics]:
    """Return the statistics of the tiles of all processes."""
    if processes.count == 1:
        return own
    tiles = processes.gather([_each_tensor(Tensor.cpu, tile) for tile in own])
    return [_each_tensor(lambda tensor: tensor.to(device), tile) for tile in tiles]


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


def _add_gradient(
    gradient: Tensor, comparison: LayerComparison, paint: Paint, coordinates: Tensor, factor: Tensor
) -> Float[Tensor, ""]:
    """Add the gradient of what is compared by the statistics of strips, times a factor, and return its value."""
    height, halo = coordinates.shape[2], comparison.loss.halo or 0
    strips = list(strips_with_halo(coordinates, halo))

    def measured(some: Tensor, rows: slice, window: slice) -> _Statistics:
        return {_WHOLE: comparison.measure_rows(paint(some, window), rows, height)}

    with torch.no_grad():
        found = [measured(coordinates[:, :, window], rows, window) for rows, window in strips]
    leaves = [_each_tensor(_as_variable, strip) for strip in found]
    with torch.enable_grad():
        value = comparison.compare(comparison.join([strip[_WHOLE] for strip in leaves]))
    slopes = iter(_gradients(value, [leaf for strip in leaves for leaf in _tensors(strip)]))
    for rows, window in strips:
        with torch.enable_grad():
            some = coordinates[:, :, window].detach().requires_grad_()
            outputs = _tensors(measured(some, rows, window))
        slope = _pulled(outputs, [next(slopes) for _ in outputs], some)
        gradient[:, :, window].add_(slope.mul_(factor))
    return value.detach()


def _value_of_pixels(comparison: Comparison, picture: Float[Tensor, "1 3 h w"]) -> Float[Tensor, ""]:
    return comparison.value(EncodedImage(picture, Features((), iter(()))))


def _value_of_coordinates(comparison: Comparison, paint: Paint, coordinates: Tensor) -> Float[Tensor, ""]:
    return _value_of_pixels(comparison, paint(coordinates))


def _value_of_rows(
    loss: PictureLoss, paint: Paint, rows: slice, window: slice, height: int, coordinates: Tensor
) -> Float[Tensor, ""]:
    return loss.part(paint(coordinates, window), rows, height)


def _as_they_are(coordinates: Float[Tensor, "1 3 h w"], *_: slice) -> Float[Tensor, "1 3 h w"]:
    return coordinates

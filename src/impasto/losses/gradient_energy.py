"""Gradient energy: how much neighboring pixels of a style differ, in lightness and in color."""

from collections.abc import Sequence
from typing import Final, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from impasto.backbones import total
from impasto.losses.base import StyleLoss
from impasto.losses.picture import strips_with_halo
from impasto.losses.regions import PositionWeights
from impasto.losses.statistics import Mean

_MIN_SUM: Final = 1e-6
"""Keeps the weights of a region finite that has no pixels."""
_FLOOR: Final = 1.0
"""In squared gray levels: a smaller difference of neighbors is rounding."""


def gradient_energy(picture: Float[Tensor, "1 3 h w"]) -> Float[Tensor, "3"]:
    """Return the mean squared difference of neighbors, down plus across, of lightness and two color differences.

    Lightness (r + g + b) / 3, red against blue (r - b) / 2 and green against magenta (2 g - r - b) / 4 are nearly
    independent in pictures, as red, green and blue are not (Ohta, Kanade and Sakai 1980). `picture` is RGB in [0, 1];
    the result is in squared gray levels (0..255). A direction without neighbors adds nothing.
    """
    return _energy(picture, picture.shape[2], picture.shape[2])


def _energy(window: Float[Tensor, "1 3 _h w"], count: int, height: int) -> Float[Tensor, "3"]:
    """Return what the differences that begin in `count` rows, the first of a window, add to a picture's energy."""
    width = window.shape[3]
    down = _squares(window.diff(dim=2), (height - 1) * width)
    return down + _squares(window[:, :, :count].diff(dim=3), height * (width - 1))


def _squares(differences: Float[Tensor, "1 3 h w"], neighbors: int) -> Float[Tensor, "3"]:
    flat = differences.squeeze(0).flatten(1) * 255.0
    products = flat @ flat.T / max(neighbors, 1)
    # From the products of red, green and blue follow the squares of their mixtures.
    (rr, rg, rb), (_, gg, gb), (_, _, bb) = (row.unbind() for row in products)
    return torch.stack(
        [
            (rr + gg + bb + 2 * (rg + rb + gb)) / 9,
            (rr + bb - 2 * rb) / 4,
            (rr + bb + 4 * gg + 2 * rb - 4 * (rg + gb)) / 16,
        ]
    )


class DifferenceWeights(NamedTuple):
    """How much each difference of neighbors, down and across, counts in every region; rows sum to 1."""

    down: Float[Tensor, "k n"]
    across: Float[Tensor, "k m"]


def difference_weights(masks: Float[Tensor, "k 1 h w"]) -> DifferenceWeights:
    """Return the weights of the differences of neighbors; a difference counts by the mean of its two pixels."""
    down = (masks[:, :, 1:] + masks[:, :, :-1]).flatten(1)
    across = (masks[:, :, :, 1:] + masks[:, :, :, :-1]).flatten(1)
    sums = [torch.stack([total(row) for row in part])[:, None].clamp(min=_MIN_SUM) for part in (down, across)]
    return DifferenceWeights(down / sums[0], across / sums[1])


def regional_gradient_energy(picture: Float[Tensor, "1 3 h w"], weights: DifferenceWeights) -> Float[Tensor, "k 3"]:
    """Return the gradient energy of several regions; costs hardly more for many than for one."""
    return _regional_energy(picture, slice(0, picture.shape[2]), weights)


def _regional_energy(
    window: Float[Tensor, "1 3 _h w"], rows: slice, weights: DifferenceWeights
) -> Float[Tensor, "k 3"]:
    """Return what the differences that begin in some rows, the first of a window, add to the energies of regions."""
    width, height = window.shape[3], rows.stop - rows.start
    down, across = window.diff(dim=2), window[:, :, :height].diff(dim=3)
    of_down = weights.down[:, rows.start * width :][:, : down[0, 0].numel()]
    of_across = weights.across[:, rows.start * (width - 1) :][:, : across[0, 0].numel()]
    return of_down @ _mixed_squares(down) + of_across @ _mixed_squares(across)


def _mixed_squares(differences: Float[Tensor, "1 3 h w"]) -> Float[Tensor, "n 3"]:
    """Return the squares of lightness and of both color differences, for every difference of pixels."""
    red, green, blue = (differences.squeeze(0).flatten(1) * 255.0).unbind()
    mixed = torch.stack([(red + green + blue) / 3, (red - blue) / 2, (2 * green - red - blue) / 4], dim=1)
    return mixed.square()


def gradient_energy_loss(found: Float[Tensor, "3"], target: Float[Tensor, "3"]) -> Float[Tensor, ""]:
    """Compare two gradient energies by their logarithms: mean of (1/2 ln((g + 1) / (t + 1)))^2.

    Near the target that is the squared relative error of the root mean squares; twice as strong costs as much as half
    as strong. In the statistics of network layers the finest scale is a small part of a large sum: a smooth style could
    be painted in colored speckle, or a crisp one softly.
    """
    return (((found + _FLOOR) / (target + _FLOOR)).log() / 2).square().mean()


class GradientEnergyLoss(StyleLoss):
    """Gradient energy of the pixels."""

    inputs = "pixels"
    halo = 1
    _known: tuple[Sequence[PositionWeights], DifferenceWeights] | None = None

    def measure(self, maps: Float[Tensor, "1 3 h w"], weights: PositionWeights | None = None) -> Mean:
        """Return the gradient energy of the picture, or of a region."""
        return self._measured(maps, None if weights is None else [weights])[0]

    def measure_regions(self, maps: Float[Tensor, "1 3 h w"], regions: Sequence[PositionWeights]) -> list[Mean]:
        """Return the gradient energy of every region, in one pass."""
        return self._measured(maps, regions)

    def _measured(self, picture: Float[Tensor, "1 3 h w"], regions: Sequence[PositionWeights] | None) -> list[Mean]:
        height = picture.shape[2]
        parts = [
            self.measure_rows(picture[:, :, window], rows, height, regions)
            for rows, window in strips_with_halo(picture, self.halo)
        ]
        return [self.join(part) for part in zip(*parts, strict=True)]

    def measure_rows(
        self, window: Float[Tensor, "1 3 _h w"], rows: slice, height: int, regions: Sequence[PositionWeights] | None
    ) -> list[Mean]:
        """Return the statistic of some rows, or of every region there: means that make up those of the picture."""
        count, share = rows.stop - rows.start, height / (rows.stop - rows.start)
        if regions is None:
            return [Mean(float(count * window.shape[3]), share * _energy(window, count, height))]
        if self._known is None or self._known[0] is not regions:
            masks = torch.stack([region.mask.reshape(1, height, -1) for region in regions])
            self._known = regions, difference_weights(masks)
        energies = share * _regional_energy(window, rows, self._known[1])
        return [Mean(region.count / share, energy) for region, energy in zip(regions, energies, strict=True)]

    def loss(self, statistic: Mean, target: Mean) -> Float[Tensor, ""]:
        """Compare the logarithms."""
        return gradient_energy_loss(statistic.value, target.value)

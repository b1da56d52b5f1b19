"""Gradient energy: how much neighboring pixels of a style differ, in lightness and in color."""

from collections.abc import Sequence
from typing import Final, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from impasto.backbones import total
from impasto.losses.base import StyleLoss
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
    return _energy(picture.diff(dim=2)) + _energy(picture.diff(dim=3))


def _energy(differences: Float[Tensor, "1 3 h w"]) -> Float[Tensor, "3"]:
    flat = differences.squeeze(0).flatten(1) * 255.0
    products = flat @ flat.T / max(flat.shape[1], 1)
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
    return weights.down @ _mixed_squares(picture.diff(dim=2)) + weights.across @ _mixed_squares(picture.diff(dim=3))


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
    _known: tuple[Sequence[PositionWeights], DifferenceWeights] | None = None

    def measure(self, maps: Float[Tensor, "1 3 h w"], weights: PositionWeights | None = None) -> Mean:
        """Return the gradient energy of the picture, or of a region."""
        if weights is not None:
            return self.measure_regions(maps, [weights])[0]
        return Mean(float(maps.shape[2] * maps.shape[3]), gradient_energy(maps))

    def measure_regions(self, maps: Float[Tensor, "1 3 h w"], regions: Sequence[PositionWeights]) -> list[Mean]:
        """Return the gradient energy of every region, in one pass."""
        if self._known is None or self._known[0] is not regions:
            masks = torch.stack([region.mask.reshape(1, *maps.shape[2:]) for region in regions])
            self._known = regions, difference_weights(masks)
        energies = regional_gradient_energy(maps, self._known[1])
        return [Mean(region.count, energy) for region, energy in zip(regions, energies, strict=True)]

    def loss(self, statistic: Mean, target: Mean) -> Float[Tensor, ""]:
        """Compare the logarithms."""
        return gradient_energy_loss(statistic.value, target.value)

"""What a part of the canvas is to learn: style images, the share of each, and where on the canvas it holds."""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from impasto.backbones import Features
from impasto.backbones.moments import Moments, mean_covariance
from impasto.losses.gamut import Gamut, gamut_of
from impasto.losses.grain import grain, neighbor_shares, regional_grain
from impasto.losses.regions import Places, bring_to, drawn_parts, inside, regional_moments, threshold


@dataclass(frozen=True, eq=False)
class View:
    """A picture, RGB in [0, 1], and what the network sees in it."""

    picture: Float[Tensor, "1 3 h w"]
    features: Features


@dataclass(frozen=True, kw_only=True, eq=False)
class Teacher:
    """A style image.

    `share` is how much it counts beside the other teachers of its lesson. `mask` (0..1) tells which places of it teach;
    None: all. `border` outermost positions of its maps do not teach: where a style image is cut, strokes end and what
    is beyond is invented by the padding; a canvas that learns from there grows a border.
    """

    view: View
    share: float = 1.0
    mask: Float[Tensor, "1 1 h w"] | None = None
    border: int = 0

    def moments(self, layer: str) -> Tensor | Moments:
        """Return what a layer teaches: a map, or its moments where places count differently or no map was kept."""
        seen = self.view.features.map_or_moments(layer)
        if isinstance(seen, Moments):
            return seen
        maps, mask = self._inner(seen)
        if mask is None:
            return maps
        return regional_moments(maps, Places(mask.flatten(2)[0]))[0]

    def positions(self, layer: str) -> float:
        """Return how many positions of a layer teach; infinity without a mask."""
        if self.mask is None:
            return math.inf
        _, mask = self._inner(self.view.features[layer])
        return 0.0 if mask is None else float(mask.sum())

    def vectors(self, layer: str) -> Float[Tensor, "1 c _h _w"]:
        """Return the features of the places that teach."""
        maps, mask = self._inner(self.view.features[layer])
        return maps if mask is None else inside(maps, mask)

    def grain(self) -> Float[Tensor, "3"]:
        """Return the grain of the places that teach."""
        picture = self.view.picture
        return grain(picture) if self.mask is None else regional_grain(picture, *neighbor_shares(self.mask))[0]

    @property
    def extent(self) -> float:
        """Share of the image's places that teach."""
        return 1.0 if self.mask is None else float((self.mask >= threshold(self.mask)).float().mean())

    def teaches(self, places: Float[Tensor, "n 2"]) -> Float[Tensor, "_n 2"]:
        """Return those of some places, (across, down) in [0, 1], that teach."""
        return places if self.mask is None else _those_inside(places, self.mask)

    def _inner(self, maps: Tensor) -> tuple[Tensor, Tensor | None]:
        """Leave the border that does not teach out of maps of 6 x 6 and more, and bring the mask to the rest."""
        border = self.border if min(maps.shape[2:]) >= 6 else 0
        rows, columns = slice(border, maps.shape[2] - border), slice(border, maps.shape[3] - border)
        mask = None if self.mask is None else bring_to(self.mask, maps)[:, :, rows, columns]
        if border:
            maps = maps[:, :, rows, columns].contiguous(memory_format=torch.channels_last)
        return maps, mask


@dataclass(frozen=True, kw_only=True, eq=False)
class Lesson:
    """What a part of the canvas is to learn.

    `where` (0..1) is that part; None: the whole canvas. The shares of the teachers sum to 1.
    """

    teachers: tuple[Teacher, ...]
    where: Float[Tensor, "1 1 h w"] | None = None

    @classmethod
    def of(cls, style: View) -> "Lesson":
        """Return the lesson of one style image for the whole canvas."""
        return cls(teachers=(Teacher(view=style),))

    def positions(self, layer: str) -> float:
        """Return how many positions of a layer teach this, in all style images together; infinity without masks."""
        return sum(teacher.positions(layer) for teacher in self.teachers)

    @property
    def weight(self) -> float:
        """Share of the canvas that learns this."""
        return 1.0 if self.where is None else float(self.where.mean())

    def moments(self, layer: str) -> Tensor | Moments:
        """Return what a layer teaches to losses that look at mean and covariance.

        Of several teachers those of the mixture: mean m = sum p m_i, second moment sum p (S_i + m_i m_i^T), so that
        also the Gram matrix is the mixture of theirs.
        """
        taught = [(teacher.moments(layer), teacher.share) for teacher in self.teachers]
        return taught[0][0] if len(taught) == 1 else mixed_moments([(mean_covariance(m), p) for m, p in taught])

    def vectors(self, layer: str, count: int) -> list[tuple[Float[Tensor, "1 c _h _w"], int]]:
        """Return the features of every teacher and how many of `count` vectors it has to give."""
        return [(teacher.vectors(layer), n) for teacher, n in self.split(count)]

    def split(self, count: int) -> list[tuple[Teacher, int]]:
        """Share a number out among the teachers; the parts sum to it, and those who get nothing are left out."""
        cuts, total = [0], 0.0
        for teacher in self.teachers:
            total += teacher.share
            cuts.append(round(count * min(1.0, total)))
        cuts[-1] = count
        parts = zip(self.teachers, pairwise(cuts), strict=True)
        return [(teacher, after - before) for teacher, (before, after) in parts if after > before]

    def grain(self) -> Float[Tensor, "3"]:
        """Return the grain, a mean of squares, of the teachers together."""
        return self._mean(lambda teacher: teacher.grain())

    def gamut(self) -> Gamut:
        """Return the extremes of the teachers' colours; several meet between."""
        several = [(gamut_of(teacher.view.picture, teacher.mask), teacher.share) for teacher in self.teachers]
        if len(several) == 1:
            return several[0][0]
        return Gamut(sum_of(p * g.darkest for g, p in several), sum_of(p * g.lightest for g, p in several))

    def learning(self, places: Float[Tensor, "n 2"]) -> Float[Tensor, "_n 2"]:
        """Return those of some places of the canvas, (across, down) in [0, 1], that learn this.

        Where the part is grey, they are drawn by its share; the same places give the same answer.
        """
        if self.where is None:
            return places
        shares = _at(self.where, places).to(places.device)
        return places[drawn_parts(shares[None], torch.Generator().manual_seed(len(places))) == 0]

    def _mean(self, of: Callable[[Teacher], Tensor]) -> Tensor:
        if len(self.teachers) == 1:
            return of(self.teachers[0])
        return sum_of(teacher.share * of(teacher) for teacher in self.teachers)


def sum_of(tensors: Iterable[Tensor]) -> Tensor:
    """Return the sum of some tensors of one shape."""
    return torch.stack(list(tensors)).sum(dim=0)


def mixed_moments(several: Sequence[tuple[Moments, float]]) -> Moments:
    """Return mean and covariance of a mixture of distributions, each with its share."""
    mean = sum_of([share * moments.mean for moments, share in several])
    # Taken from the common mean: of large second moments only the rounding would be left where little varies.
    spread = sum_of([share * (m.covariance + (m.mean - mean).outer(m.mean - mean)) for m, share in several])
    return Moments(mean, spread)


def _those_inside(places: Float[Tensor, "n 2"], mask: Float[Tensor, "1 1 h w"]) -> Float[Tensor, "_n 2"]:
    return places[(_at(mask, places) >= threshold(mask)).to(places.device)]


def _at(mask: Float[Tensor, "1 1 h w"], places: Float[Tensor, "n 2"]) -> Float[Tensor, "n"]:
    """Return a mask's values at some places, (across, down) in [0, 1]."""
    grid = (places * 2 - 1)[None, None].to(mask)
    return functional.grid_sample(mask, grid, mode="nearest", align_corners=False)[0, 0, 0]

"""Content losses: features, self-similarity and edges of the photo."""

from collections.abc import Callable
from typing import Final, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from impasto.backbones import average, full_precision, total
from impasto.losses.autograd import squared_error
from impasto.losses.base import TINY, ContentLoss
from impasto.losses.gram import gram
from impasto.losses.nearest import faint_length, unit_vectors
from impasto.losses.picture import shrink

MAX_VECTORS: Final = 4096
"""More vectors than this are refused by `self_similarity_loss`, whose memory grows with their square."""
_ALIKE: Final = 1e-5
"""Mean cosine distance below which all vectors count as equal, near the resolution of bf16 and fp32."""
_GRAY_LEVEL: Final = 1 / 255
"""A target flatter than this counts as if it had edges of this height."""


def self_similarity_loss(vectors: Float[Tensor, "n c"], target_vectors: Float[Tensor, "n c"]) -> Float[Tensor, ""]:
    """Compare which places are alike: the content loss of STROTSS (Kolkin et al. 2019).

    With D the cosine distances between the vectors, every column divided by its sum, it is
    1/n sum |D - D_t|, between 0 and 2; 1 is what a canvas without any difference would cost. Only ratios of distances
    count, so colors and textures may change as long as what was alike stays alike. Vectors are those of the same
    n <= 4096 places (about 1024 is the paper's), ValueError beyond that.

    3 n^2 c multiplications. Keeps about six n x n matrices.
    """
    if len(vectors) > MAX_VECTORS:
        raise ValueError(f"{len(vectors)} vectors are too many to compare all pairs: sample at most {MAX_VECTORS}")
    target_vectors = target_vectors.detach().to(vectors)
    faint = faint_length(target_vectors)
    difference = _shares(unit_vectors(vectors, faint)) - _shares(unit_vectors(target_vectors, faint))
    return total(difference.abs()) / len(vectors)


def _shares(units: Float[Tensor, "n c"]) -> Float[Tensor, "n n"]:
    """Return the cosine distances, every column divided by its sum."""
    # The Gram matrix over places instead of filters; its gradient takes one product where u u^T takes two.
    distances = 1 - gram(units[None, :, :, None])
    return distances / (distances.sum(dim=0) + _ALIKE * len(units))


def laplacian_loss(
    picture: Float[Tensor, "1 3 h w"], target: Float[Tensor, "1 3 h w"], *, pooling: tuple[int, ...] = (4, 16)
) -> Float[Tensor, ""]:
    """Compare edges: the Laplacians of the pooled pictures, relative to the target's (Li et al. 2017, Lapstyle).

    The mean over p of sum |L(pool_p x) - L(pool_p t)|^2 / sum |L(pool_p t)|^2, where L sums the second differences of
    all three channels, so that hues may change. A target without edges counts as if it had some of one gray level.
    """
    losses = []
    for p in pooling:
        edges, target_edges = _laplacian(shrink(picture, p)), _laplacian(shrink(target.detach(), p))
        losses.append(average((edges - target_edges).square()) / (average(target_edges.square()) + _GRAY_LEVEL**2))
    return torch.stack(losses).mean()


def _laplacian(picture: Float[Tensor, "1 3 h w"]) -> Float[Tensor, "1 h w"]:
    """Return the sum of the second differences, both ways, of the three channels; nothing flows over the border."""
    gray = picture.sum(dim=1)
    down, across = gray.diff(dim=1), gray.diff(dim=2)
    inflow = functional.pad(down, (0, 0, 0, 1)) - functional.pad(down, (0, 0, 1, 0))
    return inflow + functional.pad(across, (0, 1)) - functional.pad(across, (1, 0))


class FeatureTarget(NamedTuple):
    """The photo's features in a layer, how much each position counts, and what the squared error is divided by."""

    features: Float[Tensor, "1 c h w"]
    weight: Float[Tensor, "1 1 h w"] | None
    scale: Float[Tensor, ""]


class FeatureLoss(ContentLoss):
    """Squared error of each layer's features, with F those of the canvas and P those of the photo.

    By the recipe's normalization: `paper`: 1/2 sum (F - P)^2 (Gatys et al. 2015, eq. 1); `size_free`: mean (F - P)^2;
    `relative`: sum w (F - P)^2 / sum w P^2, where w are the saliency weights.
    """

    def prepare(self, photo: Float[Tensor, "1 c h w"], saliency: Float[Tensor, "1 1 _h _w"] | None) -> FeatureTarget:
        """Return the photo's features and the scale of the error; saliency counts where the error is relative."""
        weight = self.weight(saliency, (photo.shape[2], photo.shape[3]))
        return FeatureTarget(photo, weight, self.scale(self.measure(photo, weight)))

    def weight(
        self, saliency: Float[Tensor, "1 1 _h _w"] | None, size: tuple[int, int]
    ) -> Float[Tensor, "1 1 h w"] | None:
        """Return how much each position of a map of this height and width counts; None: all alike."""
        if saliency is None or self.recipe.network.normalization != "relative":
            return None
        return functional.adaptive_avg_pool2d(saliency, size)

    def measure(self, photo: Float[Tensor, "1 c h w"], weight: Float[Tensor, "1 1 h w"] | None) -> Float[Tensor, ""]:
        """Return what the features of some positions add to the scale of the error."""
        zero = photo.new_zeros(())
        if self.recipe.network.normalization != "relative":
            return full_precision(zero) + float(photo.numel())
        return squared_error(photo, zero.expand_as(photo), weight)

    def scale(self, measured: Float[Tensor, ""]) -> Float[Tensor, ""]:
        """Return the scale of the error from what all positions add to it."""
        if self.recipe.network.normalization == "paper":
            return torch.full_like(measured, 2.0)
        return measured + TINY if self.recipe.network.normalization == "relative" else measured

    def part(self, target: FeatureTarget, cut: Callable[[Tensor], Tensor]) -> FeatureTarget:
        """Return the target of some positions."""
        weight = None if target.weight is None else cut(target.weight)
        return FeatureTarget(cut(target.features), weight, target.scale)

    def loss(self, maps: Float[Tensor, "1 c h w"], target: FeatureTarget) -> Float[Tensor, ""]:
        """Return the squared error."""
        return squared_error(maps, target.features, target.weight) / target.scale


class SelfSimilarityLoss(ContentLoss):
    """Self-similarity of hypercolumns at random places."""

    inputs = "hypercolumns"

    def loss(self, maps: Float[Tensor, "1 c n 1"], target: Float[Tensor, "1 c n 1"]) -> Float[Tensor, ""]:
        """Compare which places are alike."""
        return self_similarity_loss(maps[0, :, :, 0].T, target[0, :, :, 0].T)


class LaplacianLoss(ContentLoss):
    """Edges of the pixels."""

    inputs = "pixels"

    def loss(self, maps: Float[Tensor, "1 3 h w"], target: Float[Tensor, "1 3 h w"]) -> Float[Tensor, ""]:
        """Compare Laplacians."""
        return laplacian_loss(maps, target)

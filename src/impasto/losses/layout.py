"""What keeps the photo's layout: which places are alike, where edges are, which colour the large parts have."""

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from impasto.losses.matching import faint_length, unit_vectors
from impasto.losses.statistics import gram

MOST_VECTORS = 4096
"""More vectors than this are refused by `self_similarity_loss`, whose memory grows with their square."""

_ALIKE = 1e-5
"""Mean cosine distance below which vectors count as all alike: bf16 and fp32 cannot tell them apart much further."""

_GREY_LEVEL = 1 / 255
"""A target flatter than this counts as if it had edges of this height."""

_EVEN_VARIANCE = 1 / 12
"""Variance of values that fill [0, 1] evenly."""


def self_similarity_loss(vectors: Float[Tensor, "n c"], target_vectors: Float[Tensor, "n c"]) -> Float[Tensor, ""]:
    """Compare which places are alike: the content loss of STROTSS (Kolkin et al. 2019).

    With D the cosine distances between the vectors, every column divided by its sum, it is
    1/n sum |D - D_t|, between 0 and 2; 1 is what a canvas without any difference would cost. Only ratios of distances
    count, so colours and textures may change as long as what was alike stays alike. Vectors are those of the same
    n <= 4096 places (about 1024 is the paper's), ValueError beyond that.

    3 n^2 c multiplications: 115 ms for 1024 vectors of 1984 numbers on one thread. Keeps about six n x n matrices,
    24 MB then.
    """
    if len(vectors) > MOST_VECTORS:
        raise ValueError(f"{len(vectors)} vectors are too many to compare all pairs: sample at most {MOST_VECTORS}")
    target_vectors = target_vectors.detach().to(vectors)
    faint = faint_length(target_vectors)
    difference = _shares(unit_vectors(vectors, faint)) - _shares(unit_vectors(target_vectors, faint))
    return difference.abs().sum() / len(vectors)


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
    all three channels, so that hues may change. A target without edges counts as if it had some of one grey level.
    3 ms at 512 px on one thread.
    """
    losses = []
    for p in pooling:
        edges, target_edges = _laplacian(_shrink(picture, p)), _laplacian(_shrink(target.detach(), p))
        losses.append((edges - target_edges).square().mean() / (target_edges.square().mean() + _GREY_LEVEL**2))
    return torch.stack(losses).mean()


def color_anchor_loss(picture: Float[Tensor, "1 3 h w"], target: Float[Tensor, "1 3 h w"]) -> Float[Tensor, ""]:
    """Hold the low frequencies: 12 times the mean of |down(x) - down(t)|^2, `down` being about 1/16 of the size.

    Deep layers hardly see a slow drift of brightness or hue; this does. 1/12 is the variance of values that fill [0, 1]
    evenly: the same error costs the same whatever the photo, and a constant one is no special case. Below 64 px the
    pictures shrink less, so that the shorter side keeps at least 4 px (or all it has). 1 ms at 512 px on one thread.
    """
    factor = max(1, min(16, min(picture.shape[2:]) // 4))
    return (_shrink(picture, factor) - _shrink(target.detach(), factor)).square().mean() / _EVEN_VARIANCE


def _shrink(picture: Float[Tensor, "1 3 h w"], factor: int) -> Float[Tensor, "1 3 _h _w"]:
    """Average over squares of `factor` pixels; those at the right and lower border may be smaller."""
    return functional.avg_pool2d(picture, factor, ceil_mode=True) if factor > 1 else picture


def _laplacian(picture: Float[Tensor, "1 3 h w"]) -> Float[Tensor, "1 h w"]:
    """Return the sum of the second differences, both ways, of the three channels; nothing flows over the border."""
    grey = picture.sum(dim=1)
    down, across = grey.diff(dim=1), grey.diff(dim=2)
    inflow = functional.pad(down, (0, 0, 0, 1)) - functional.pad(down, (0, 0, 1, 0))
    return inflow + functional.pad(across, (0, 1)) - functional.pad(across, (1, 0))

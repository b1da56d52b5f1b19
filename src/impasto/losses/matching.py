"""Styles as what is found in the features: sorted projections, or nearest neighbours."""

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from impasto.backbones.products import precise
from impasto.losses.derivatives import with_gradient
from impasto.losses.terms import TINY

SORTED_AT_ONCE = 2**22
"""Projections that are sorted at a time: bounds the memory, about 20 bytes for each."""

COMPARED_AT_ONCE = 2**22
"""Pairs of vectors that are compared at a time: bounds the memory, about 4 bytes for each."""

_FAINT = 1e-3
"""A vector shorter than this share of the root mean square has no direction that means anything."""


def random_directions(c: int, k: int, generator: torch.Generator) -> Float[Tensor, "{c} {k}"]:
    """Draw `k` directions in `c` dimensions, as columns of length 1 in fp32 on the generator's device.

    They come in blocks of up to `c` that are orthogonal to each other, each block evenly distributed over all
    rotations (Mezzadri 2007), so that a block of `c` misses nothing and needs fewer than independent ones.
    """
    blocks = []
    for _ in range(-(-k // c)):
        gaussian = torch.randn(c, c, generator=generator, device=generator.device)
        q, r = torch.linalg.qr(gaussian)
        blocks.append(q * torch.where(r.diagonal() < 0, -1.0, 1.0))
    return torch.cat(blocks, dim=1)[:, :k]


def sliced_targets(
    style_features: Float[Tensor, "1 c h w"], directions: Float[Tensor, "c k"], *, positions: int
) -> Float[Tensor, "k {positions}"]:
    """Return the style's projections on every direction, sorted, as `positions` quantiles (those of the canvas)."""
    return _quantiles(style_features, directions, positions)


def histogram_targets(style_features: Float[Tensor, "1 c h w"], *, positions: int) -> Float[Tensor, "c {positions}"]:
    """Return the style's values in every channel, sorted, as `positions` quantiles (those of the canvas)."""
    return _quantiles(style_features, None, positions)


def mixed_targets(several: Sequence[Float[Tensor, "k _n"]]) -> Float[Tensor, "k n"]:
    """Return the quantiles of several styles together: of each as many as is its share."""
    return several[0] if len(several) == 1 else _sort(torch.cat(list(several), dim=1))


def sliced_wasserstein_loss(
    features: Float[Tensor, "1 c h w"], target: Float[Tensor, "k n"], directions: Float[Tensor, "c k"]
) -> Float[Tensor, ""]:
    """Compare the features with the style's along every direction, as distributions.

    mean |sort(F v) - sort(S v)|^2 / mean |S v|^2, both over the directions v and the positions (Heitz et al. 2021).
    `target` comes from `sliced_targets` with the same directions and n = h w positions. The gradient flows through the
    values and not through their order.

    2 n c k multiplications and k sorts of n numbers: for 64 directions of a 512 px picture 430, 86, 26, 9 and 2 ms at
    conv1_1 to conv5_1 on one thread. Keeps one gradient of the features' size in fp32 and the target's k n numbers.
    Fewer directions than channels leave something unseen; sets that are drawn afresh see it in the long run.
    """
    return _sorted_loss(features, target, directions)


def histogram_loss(features: Float[Tensor, "1 c h w"], target: Float[Tensor, "c n"]) -> Float[Tensor, ""]:
    """Compare the features with their own copy whose histogram, channel by channel, is the style's.

    |F - match(F)|^2 / |S|^2, without a gradient through the match (Risser et al. 2017). This is the sliced Wasserstein
    loss whose directions are the channels. `target` comes from `histogram_targets` with n = h w positions.

    c sorts of n numbers: 590, 220, 100, 44 and 12 ms at conv1_1 to conv5_1 of a 512 px picture on one thread. Keeps
    one gradient of the features' size in fp32 and the target, which is as large.
    """
    return _sorted_loss(features, target, None)


def _quantiles(features: Tensor, directions: Tensor | None, positions: int) -> Float[Tensor, "k {positions}"]:
    flat = precise(features.detach()).squeeze(0).flatten(1)
    n = flat.shape[1]
    at = ((torch.arange(positions, dtype=torch.float64) + 0.5) * (n / positions) - 0.5).clamp(0, n - 1)
    low = at.floor().long()
    share = (at - low).to(flat)
    low = low.to(flat.device)
    count = len(flat) if directions is None else directions.shape[1]
    result = flat.new_empty(count, positions)
    for rows in _chunks(count, SORTED_AT_ONCE // max(n, positions)):
        ordered = _sort(_project(flat, directions, rows))
        result[rows] = torch.lerp(ordered[:, low], ordered[:, (low + 1).clamp(max=n - 1)], share)
    return result


def _sorted_loss(features: Tensor, target: Tensor, directions: Tensor | None) -> Float[Tensor, ""]:
    flat = precise(features).squeeze(0).flatten(1)
    with torch.no_grad():
        scale = target.numel() * (target.square().mean() + TINY)
        value, gradient = flat.new_zeros(()), torch.zeros_like(flat)
        for rows in _chunks(len(target), SORTED_AT_ONCE // flat.shape[1]):
            projections = _project(flat, directions, rows)
            error = projections.scatter(1, _order(projections), target[rows]).neg_().add_(projections)
            value += error.square().sum() / scale
            if directions is None:
                gradient[rows] = error.mul_(2 / scale)
            else:
                gradient.addmm_(directions[:, rows].to(flat) * (2 / scale), error)
    return with_gradient(value, flat, gradient)


def _project(flat: Float[Tensor, "c n"], directions: Float[Tensor, "c k"] | None, rows: slice) -> Tensor:
    """Return some rows of the projections; without directions the channels themselves."""
    return flat[rows].contiguous() if directions is None else directions[:, rows].T.to(flat) @ flat


def _sort(rows: Float[Tensor, "k n"]) -> Float[Tensor, "k n"]:
    # On a processor NumPy sorts thirty times as fast as torch, which always carries the order along.
    return torch.from_numpy(np.sort(rows.numpy(), axis=1)) if rows.device.type == "cpu" else rows.sort(dim=1).values


def _order(rows: Float[Tensor, "k n"]) -> Int[Tensor, "k n"]:
    # Here NumPy is six times as fast.
    return torch.from_numpy(np.argsort(rows.numpy(), axis=1)) if rows.device.type == "cpu" else rows.argsort(dim=1)


def _chunks(count: int, size: int) -> list[slice]:
    size = max(size, 1)
    return [slice(start, min(start + size, count)) for start in range(0, count, size)]


def nearest_neighbor_loss(features: Float[Tensor, "1 c h w"], style_vectors: Float[Tensor, "m c"]) -> Float[Tensor, ""]:
    """Compare every feature with the style's nearest: the mean of 1 - cos (Kolkin et al. 2022, NNST).

    Cosines are those of features minus the style's mean; 0 where every place has its like, 1 where nothing resembles.
    The gradient does not flow through the choice. Style vectors are a sample (`sample_vectors`).

    n m c multiplications: with m = 2048, 340 ms at conv3_1, 125 at conv4_1 and 15 at conv5_1 of a 512 px picture on one
    thread, over a second before that. Keeps one gradient of the features' size in fp32.
    """
    flat = precise(features).squeeze(0).flatten(1)
    style = style_vectors.detach().to(flat)
    centre = style.mean(dim=0)
    faint = faint_length(style - centre)
    units = unit_vectors(style - centre, faint)
    with torch.no_grad():
        value, gradient = flat.new_zeros(()), torch.zeros_like(flat)
        for columns in _chunks(flat.shape[1], COMPARED_AT_ONCE // len(units)):
            moved = flat[:, columns] - centre[:, None]
            length = torch.linalg.vector_norm(moved, dim=0)
            moved /= length.clamp(min=faint)
            cosine, nearest = (units @ moved).max(dim=0)
            value += (1 - cosine).sum()
            # A faint vector is divided by a constant, so its length has no part in the gradient.
            along = moved * (cosine * (length > faint))
            gradient[:, columns] = (along - units[nearest].T) / length.clamp(min=faint)
    n = flat.shape[1]
    return with_gradient(value / n, flat, gradient.div_(n))


def relaxed_emd_loss(canvas_vectors: Float[Tensor, "n c"], style_vectors: Float[Tensor, "m c"]) -> Float[Tensor, ""]:
    """Return the relaxed earth mover's distance of two sets of vectors (Kolkin et al. 2019, STROTSS).

    max(mean_i min_j C_ij, mean_j min_i C_ij) with C the cosine distance: everything on the canvas has its like in the
    style, and everything in the style has its like on the canvas. The gradient does not flow through the choices.

    n m c multiplications: 50 ms for 1024 x 1024 vectors of 1984 numbers on one thread. Keeps n + m vectors.
    """
    style = style_vectors.detach().to(canvas_vectors)
    faint = faint_length(style)
    canvas, style = unit_vectors(canvas_vectors, faint), unit_vectors(style, faint)
    in_style, on_canvas = _nearest_both_ways(canvas.detach(), style)
    there = 1 - (canvas * style[in_style]).sum(dim=1).mean()
    back = 1 - (canvas[on_canvas] * style).sum(dim=1).mean()
    return torch.maximum(there, back)


def _nearest_both_ways(a: Float[Tensor, "n c"], b: Float[Tensor, "m c"]) -> tuple[Int[Tensor, "n"], Int[Tensor, "m"]]:
    """Return for every row of `a` the row of `b` with the largest product, and for every row of `b` that of `a`."""
    to_b, to_a = [], torch.zeros(len(b), dtype=torch.long, device=b.device)
    best = b.new_full((len(b),), -torch.inf)
    for rows in _chunks(len(a), COMPARED_AT_ONCE // len(b)):
        products = a[rows] @ b.T
        to_b.append(products.argmax(dim=1))
        highest, where = products.max(dim=0)
        to_a = torch.where(highest > best, where + rows.start, to_a)
        best = torch.maximum(best, highest)
    return torch.cat(to_b), to_a


def unit_vectors(vectors: Float[Tensor, "n c"], faint: Float[Tensor, ""]) -> Float[Tensor, "n c"]:
    """Divide vectors by their lengths, those shorter than `faint` by `faint`: finite for zeros, gradient included."""
    lengths: Tensor = torch.linalg.vector_norm(vectors, dim=1, keepdim=True)
    return vectors / lengths.clamp(min=faint)


def faint_length(vectors: Float[Tensor, "n c"]) -> Float[Tensor, ""]:
    """Return the length below which a vector's direction means nothing: a thousandth of the root mean square."""
    return _FAINT * (vectors.square().sum(dim=1).mean() + TINY).sqrt()

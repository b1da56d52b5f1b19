"""Styles as Gaussians: the Wasserstein-2 distance between the Gaussians with the features' moments."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from impasto.backbones import Moments, flat, moments_of, total
from impasto.losses.autograd import with_gradient
from impasto.losses.base import TINY, StyleLoss, float64
from impasto.losses.regions import PositionWeights, regional_moments
from impasto.losses.statistics import Positions

_FLOOR: Final = 1e-4
"""What is added to the variance of every direction in both Gaussians, as a share of the style's mean variance."""
_SAFE_THREADS: Final = 8
"""With more, MKL's products in float64 depend on the number of threads on AMD's processors."""
_NEWTON_SCHULZ_STEPS: Final = 44
"""Steps after which the roots of a matrix have converged whose eigenvalues span twelve orders of magnitude."""


@dataclass(frozen=True, eq=False)
class GaussianTarget(Moments):
    """Moments of a style with the root that `wasserstein2_loss` needs.

    `root` is the symmetric root of the covariance plus `floor` in every direction, in float64.
    """

    root: Float[Tensor, "c c"]
    floor: float


def gaussian_target(style: Moments) -> GaussianTarget:
    """Return a style's moments prepared for `wasserstein2_loss`, by one eigendecomposition in float64."""
    exact = float64(style.covariance)
    floor = _FLOOR * exact.trace().item() / len(exact) + TINY
    values, vectors = _eigh(exact)
    root = (vectors * (values.clamp(min=0) + floor).sqrt()) @ vectors.T
    return GaussianTarget(style.weight, style.mean.detach(), style.covariance.detach(), root, floor)


def wasserstein2_loss(statistic: Moments | Positions, target: GaussianTarget) -> Float[Tensor, ""]:
    """Return the squared Wasserstein-2 distance of two Gaussians, relative to the second moment of the target.

    [|m1 - m2|^2 + tr(S1 + S2 - 2 (S2^1/2 S1 S2^1/2)^1/2)] / [|m2|^2 + tr S2] (Dowson and Landau 1982; Olkin and
    Pukelsheim 1982), as a style loss made popular by K. Crowson's style-transfer-pytorch. To S1 and S2 alike is added
    `_FLOOR` times the mean variance of S2: the loss is still 0 at the target, and its gradient, which contains the
    inverse of a root, no longer amplifies the noise of directions in which hardly anything varies.

    Besides the moments it needs an eigendecomposition, of the order of c^3 for any picture size. Of n positions
    (fewer than channels) at most n directions vary, so one of n x n instead of c x c does; `_FLOOR` is not needed there
    and not added, which changes the loss by one or two percent.
    """
    scale = target.mean.square().sum() + target.covariance.trace() + TINY
    if isinstance(statistic, Positions):
        error, slope = _from_positions(statistic.features.detach(), target, statistic.shares)
        return with_gradient(error, statistic.features, slope) / scale
    on_gpu = statistic.covariance.device.type == "cuda"
    bures, slope = bures_distance(statistic.covariance.detach(), target, iterate=on_gpu)
    spread = with_gradient(bures, statistic.covariance, slope)
    error = (statistic.mean - target.mean).square().sum() + spread
    return error / scale


def has_few_positions(features: Float[Tensor, "1 c h w"]) -> bool:
    """Return True if a map on a CPU has fewer positions than channels."""
    return features.shape[2] * features.shape[3] < features.shape[1] and features.device.type == "cpu"


def _from_positions(
    features: Float[Tensor, "1 c h w"], target: GaussianTarget, weights: Float[Tensor, "n"]
) -> tuple[Float[Tensor, ""], Float[Tensor, "1 c h w"]]:
    """Return |m - m_t|^2 + tr(X X^T + S - 2 (X^T S X)^1/2) and its gradient, with X = (F - m) p^1/2, sum p = 1.

    X^T S X (n x n) has the eigenvalues of S^1/2 X X^T S^1/2 that are not zero, and the root's gradient with respect to
    X is S X (X^T S X)^-1/2.
    """
    maps = float64(flat(features))
    if not torch.isfinite(maps).all():
        return maps.sum().to(target.mean) * torch.nan, features * torch.nan
    style = float64(target.covariance)
    shares = float64(weights).to(maps.device)
    with _at_most_threads(1):  # the only product with a vector: its sums depend on the number of threads
        mean = maps @ shares
    spread = (maps - mean[:, None]) * shares.sqrt()
    seen = style @ spread
    values, vectors = _eigh(spread.T @ seen)
    # The smallest belongs to the mean, which was taken out: the root of its rounding error would be noise.
    values, vectors = values[1:], vectors[:, 1:]
    roots = values.clamp(min=0).sqrt()
    bures = total(spread.square()) + style.trace() - 2 * roots.sum()
    off = mean - float64(target.mean)
    # The inverse root of directions that hardly vary is noise.
    inverse = (vectors / roots.clamp(min=target.floor)) @ vectors.T
    slope = 2 * (spread - seen @ inverse) * shares.sqrt() + 2 * shares * off[:, None]
    by_position = slope.T.to(features.device, features.dtype)
    error = off.square().sum() + bures.clamp(min=0)
    return error.to(target.mean), by_position.contiguous().T.reshape(features.shape)


def bures_distance(
    covariance: Float[Tensor, "c c"], target: GaussianTarget, *, iterate: bool
) -> tuple[Float[Tensor, ""], Float[Tensor, "c c"]]:
    """Return tr(A + B - 2 (R A R)^1/2), R R = B, and its gradient I - R (R A R)^-1/2 R.

    In float64, because the product squares the range of the spectrum. Not a number where the covariance is not, so that
    an optimizer can refuse the step.

    Args:
        covariance: A without the target's floor, which is added.
        target: The root R and the floor.
        iterate: By Newton-Schulz iterations, instead of an eigendecomposition: on a GPU that waits for the host.
    """
    root = target.root
    shifted = float64(covariance)
    identity = torch.eye(len(shifted), dtype=shifted.dtype, device=shifted.device)
    shifted = shifted + target.floor * identity
    if iterate:
        square_root, inverse_root = newton_schulz_roots(root @ shifted @ root)
        trace, slope = square_root.trace(), identity - root @ inverse_root @ root
    elif torch.isfinite(covariance).all():
        with _at_most_threads(_SAFE_THREADS):
            values, vectors = _eigh(root @ shifted @ root)
            # No eigenvalue is smaller than this but by rounding: none of either factor is smaller than its root.
            roots = values.clamp(min=target.floor**2).sqrt()
            half = root @ (vectors * roots.rsqrt())
            trace, slope = roots.sum(), identity - half @ half.T
    else:
        return covariance.sum() * torch.nan, covariance * torch.nan
    bures = shifted.trace() + total(root.square()) - 2 * trace
    return bures.clamp(min=0).to(covariance), slope.to(covariance)


def newton_schulz_roots(
    matrix: Float[Tensor, "*batch c c"], steps: int = _NEWTON_SCHULZ_STEPS
) -> tuple[Float[Tensor, "*batch c c"], Float[Tensor, "*batch c c"]]:
    """Return M^1/2 and M^-1/2 of symmetric positive definite matrices by matrix products alone (Higham 1997).

    The coupled iteration Y <- Y T, Z <- T Z with T = (3 I - Z Y) / 2, from Y = M / |M| and Z = I. A small eigenvalue
    grows by 9/4 a step, so their number bounds the range of eigenvalues. The result is not finite if the matrix is not.
    """
    norm = torch.linalg.matrix_norm(matrix, keepdim=True)
    identity = torch.eye(matrix.shape[-1], dtype=matrix.dtype, device=matrix.device)
    y, z = matrix / norm, identity.expand_as(matrix)
    for _ in range(steps):
        step = 1.5 * identity - 0.5 * (z @ y)
        # Rounding makes the factors unsymmetric, and without this the iteration diverges once it has converged.
        step = (step + step.mT) / 2
        y, z = y @ step, step @ z
    return y * norm.sqrt(), z / norm.sqrt()


def _eigh(matrix: Float[Tensor, "c c"]) -> tuple[Float[Tensor, "c"], Float[Tensor, "c c"]]:
    """Return eigenvalues and eigenvectors, computed on one CPU thread.

    The decomposition has thousands of short parallel sections. On two free cores a second thread saves a third of the
    time; on busy ones the threads wait for each other, and 512 x 512 took over ten seconds instead of 45 ms.
    """
    with _at_most_threads(1):
        try:
            values, vectors = torch.linalg.eigh(matrix)
        except torch.linalg.LinAlgError:  # type: ignore[attr-defined]
            # Torch's library gave up on a covariance of AlexNet in which most channels never vary; NumPy has another.
            values, vectors = (torch.from_numpy(part).to(matrix) for part in np.linalg.eigh(matrix.cpu().numpy()))
    return values, vectors


@contextmanager
def _at_most_threads(count: int) -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(min(threads, count))
    try:
        yield
    finally:
        torch.set_num_threads(threads)


class WassersteinLoss(StyleLoss):
    """Gaussians of each layer's features."""

    needs_maps = False

    def measure(
        self, maps: Float[Tensor, "1 c h w"] | Moments, weights: PositionWeights | None = None
    ) -> Moments | Positions:
        """Return mean and covariance, or the positions themselves where they are fewer than the channels."""
        if not isinstance(maps, Moments) and has_few_positions(maps):
            return Positions(maps, None if weights is None else weights.shares)
        return (
            moments_of(maps) if weights is None or isinstance(maps, Moments) else regional_moments(maps, [weights])[0]
        )

    def measure_regions(self, maps: Float[Tensor, "1 c h w"], regions: Any) -> Sequence[Moments | Positions]:
        """Return the moments of every region, in one pass."""
        return super().measure_regions(maps, regions) if has_few_positions(maps) else regional_moments(maps, regions)

    def join(self, parts: Sequence[Moments | Positions]) -> Moments | Positions:
        """Return the statistic of several parts; each may have few positions where the picture has not."""
        if len({type(part) for part in parts if part.weight}) > 1:
            parts = [_moments(part) for part in parts if part.weight]
        joined: Moments | Positions = super().join(parts)
        has_many = isinstance(joined, Positions) and joined.count >= joined.features.shape[1]
        return _moments(joined) if has_many and len(parts) > 1 else joined

    def summarize(self, statistic: Moments | Positions) -> GaussianTarget:
        """Return mean and covariance with its root, which takes longer than a step and is kept with them."""
        return gaussian_target(_moments(statistic))

    def prepare(self, target: Moments, canvas: Moments | Positions, generator: torch.Generator) -> GaussianTarget:
        """Return the target with its root, which that of a mixture does not have yet."""
        return target if isinstance(target, GaussianTarget) else gaussian_target(target)

    def loss(self, statistic: Moments | Positions, target: GaussianTarget) -> Float[Tensor, ""]:
        """Return the Wasserstein-2 distance."""
        return wasserstein2_loss(statistic, target)


def _moments(statistic: Moments | Positions) -> Moments:
    if isinstance(statistic, Moments):
        return statistic
    if statistic.weights is None:
        return moments_of(statistic.features)
    return regional_moments(statistic.features, [PositionWeights(statistic.weights)])[0]

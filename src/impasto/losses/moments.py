"""Styles as moments of features: mean and deviation of every channel, or a whole Gaussian."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from impasto.backbones.moments import Moments, mean_covariance
from impasto.backbones.products import centred, flat, pieces, rounded_mean
from impasto.losses.derivatives import with_gradient
from impasto.losses.terms import TINY

_CPU = torch.device("cpu")
_FLOOR = 1e-4
"""What `wasserstein2_loss` adds to both covariances, as a share of the style's mean variance."""


def mean_std(features: Float[Tensor, "1 c h w"] | Moments) -> tuple[Float[Tensor, "c"], Float[Tensor, "c"]]:
    """Return the mean and the standard deviation of every channel over the positions, in fp32 or better.

    The gradient of the deviation of a channel that is constant is 0, where that of a bare root would be infinite.
    About 8 operations for each of the n c features, gradient included: 38 ms at conv1_1 and 1 ms at conv4_1 of a
    512 px picture on one thread. Keeps only the features themselves. Of moments the deviation is the root of the
    covariance's diagonal.
    """
    if isinstance(features, Moments):
        return features.mean, (features.covariance.diagonal().clamp(min=0) + TINY).sqrt()
    mean, std = _MeanStd.apply(features)  # type: ignore[no-untyped-call]
    return mean, std


class _MeanStd(torch.autograd.Function):
    """Mean m and deviation s; the gradient is d_m / n + d_s (F - m) / (n s), in one pass and in the order of memory.

    Automatic differentiation takes three times as long for channels-last maps.
    """

    @staticmethod
    def forward(ctx: Any, features: Tensor) -> tuple[Tensor, Tensor]:
        maps = flat(features)
        shift = next(pieces(maps)).mean(dim=1)
        total, squares = torch.zeros_like(shift), torch.zeros_like(shift)
        for some in centred(maps, shift):
            total += some.sum(dim=1)
            squares += some.square_().sum(dim=1)
        rest = total / maps.shape[1]
        mean = shift + rest
        std = ((squares / maps.shape[1] - rest.square()).clamp_(min=0) + TINY).sqrt()
        ctx.save_for_backward(features, mean, std)
        return mean, std

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        features, mean, std = ctx.saved_tensors
        maps = flat(features)
        slope = (gradients[1] / (maps.shape[1] * std)).to(features.dtype)
        near, rest = rounded_mean(mean, features.dtype)
        shift = (gradients[0] / maps.shape[1] - slope * rest).to(features.dtype)
        return (maps - near[:, None]).mul_(slope[:, None]).add_(shift[:, None]).reshape(features.shape)


def mean_std_loss(
    mean: Float[Tensor, "c"],
    std: Float[Tensor, "c"],
    target_mean: Float[Tensor, "c"],
    target_std: Float[Tensor, "c"],
) -> Float[Tensor, ""]:
    """Compare means and deviations: (|d mu|^2 + |d sigma|^2) / (|mu_t|^2 + |sigma_t|^2).

    The statistics are those of Huang and Belongie 2017 (AdaIN), the loss that of Li et al. 2017 ("Demystifying Neural
    Style Transfer", their batch normalization statistics). Beside a Gram loss it holds apart what that confuses: mean
    and variance.
    """
    error = (mean - target_mean).square().sum() + (std - target_std).square().sum()
    return error / (target_mean.square().sum() + target_std.square().sum() + TINY)


@dataclass(frozen=True)
class GaussianTarget:
    """A style as a Gaussian: what `wasserstein2_loss` compares with, made by `gaussian_target`."""

    mean: Float[Tensor, "c"]
    covariance: Float[Tensor, "c c"]
    root: Float[Tensor, "c c"]
    """The symmetric root of the covariance plus `floor` in every direction, in float64."""
    floor: float
    """The variance that is added to every direction of both Gaussians."""


def gaussian_target(mean: Float[Tensor, "c"], covariance: Float[Tensor, "c c"]) -> GaussianTarget:
    """Prepare a style's mean and covariance for `wasserstein2_loss`; once, by one eigendecomposition in float64."""
    exact = _exact(covariance)
    floor = _FLOOR * exact.trace().item() / len(exact) + TINY
    values, vectors = _eigh(exact)
    root = (vectors * (values.clamp(min=0) + floor).sqrt()) @ vectors.T
    return GaussianTarget(mean.detach(), covariance.detach(), root, floor)


def wasserstein2_loss(
    mean: Float[Tensor, "c"], covariance: Float[Tensor, "c c"], target: GaussianTarget
) -> Float[Tensor, ""]:
    """Return the squared Wasserstein-2 distance of two Gaussians, relative to the second moment of the target.

    [|m1 - m2|^2 + tr(S1 + S2 - 2 (S2^1/2 S1 S2^1/2)^1/2)] / [|m2|^2 + tr S2] (Dowson and Landau 1982; Olkin and
    Pukelsheim 1982), as a style loss made popular by K. Crowson's style-transfer-pytorch. To S1 and S2 alike is added
    `_FLOOR` times the mean variance of S2: the loss is still 0 at the target, and its gradient, which holds the inverse
    of a root, no longer amplifies the noise of directions in which hardly anything varies.

    Beside `mean_covariance` an eigendecomposition, of the order of c^3 whatever the size of the picture: 0.3 ms for
    64 channels, 7 ms for 256, 45 ms for 512 on one thread. A dozen matrices of c x c numbers of memory.
    """
    bures, slope = _bures(covariance.detach(), target)
    spread = with_gradient(bures, covariance, slope)
    error = (mean - target.mean).square().sum() + spread
    return error / (target.mean.square().sum() + target.covariance.trace() + TINY)


def gaussian_loss(
    features: Float[Tensor, "1 c h w"] | Moments, target: GaussianTarget, weights: Float[Tensor, "n"] | None = None
) -> Float[Tensor, ""]:
    """Return `wasserstein2_loss` of moments or of a map's, the cheaper way for maps with fewer positions than channels.

    `weights`, which sum to 1, tell how much each position of such a small map counts. Of n positions at most n
    directions vary, so an eigendecomposition of n x n instead of c x c does: 0.2 instead of 25 ms on one thread for 64
    positions of 512 channels. `_FLOOR` is not needed there and not added, which changes the loss by one or two per
    cent.
    """
    if isinstance(features, Moments) or not has_few_positions(features):
        return wasserstein2_loss(*mean_covariance(features), target)
    count = features.shape[2] * features.shape[3]
    shares = torch.full((count,), 1 / count, dtype=torch.float64) if weights is None else weights
    error, slope = _few_positions(features.detach(), target, shares)
    return with_gradient(error, features, slope) / (target.mean.square().sum() + target.covariance.trace() + TINY)


def has_few_positions(features: Float[Tensor, "1 c h w"]) -> bool:
    """Tell whether a map has fewer positions than channels."""
    return features.shape[2] * features.shape[3] < features.shape[1]


def _few_positions(
    features: Float[Tensor, "1 c h w"], target: GaussianTarget, weights: Float[Tensor, "n"]
) -> tuple[Float[Tensor, ""], Float[Tensor, "1 c h w"]]:
    """Return |m - m_t|^2 + tr(X X^T + S - 2 (X^T S X)^1/2) and its gradient, with X = (F - m) p^1/2, sum p = 1.

    X^T S X (n x n) has the eigenvalues of S^1/2 X X^T S^1/2 that are not zero, and the root's gradient with respect to
    X is S X (X^T S X)^-1/2.
    """
    maps = _exact(flat(features))
    if not torch.isfinite(maps).all():
        return maps.sum().to(target.mean) * torch.nan, features * torch.nan
    style = _exact(target.covariance)
    shares = _exact(weights).to(maps.device)
    mean = maps @ shares
    spread = (maps - mean[:, None]) * shares.sqrt()
    seen = style @ spread
    values, vectors = _eigh(spread.T @ seen)
    # The smallest belongs to the mean, which was taken out: the root of its rounding error would be noise.
    values, vectors = values[1:], vectors[:, 1:]
    roots = values.clamp(min=0).sqrt()
    bures = spread.square().sum() + style.trace() - 2 * roots.sum()
    off = mean - _exact(target.mean)
    # Directions that hardly vary have no root worth a slope.
    inverse = (vectors / roots.clamp(min=target.floor)) @ vectors.T
    slope = 2 * (spread - seen @ inverse) * shares.sqrt() + 2 * shares * off[:, None]
    by_position = slope.T.to(features.device, features.dtype)
    error = off.square().sum() + bures.clamp(min=0)
    return error.to(target.mean), by_position.contiguous().T.reshape(features.shape)


def _bures(covariance: Float[Tensor, "c c"], target: GaussianTarget) -> tuple[Float[Tensor, ""], Float[Tensor, "c c"]]:
    """Return tr(A + B - 2 (R A R)^1/2), R R = B, and its gradient I - R (R A R)^-1/2 R, by one eigendecomposition.

    In float64, because the product squares the range of the spectrum. On a processor that is also twice as quick as
    twelve Newton-Schulz iterations in fp32. Not a number where the covariance is not, so that an optimiser can refuse
    the step; a decomposition would raise.
    """
    if not torch.isfinite(covariance).all():
        return covariance.sum() * torch.nan, covariance * torch.nan
    root = target.root
    shifted = _exact(covariance)
    shifted = shifted + target.floor * torch.eye(len(shifted), dtype=shifted.dtype, device=shifted.device)
    values, vectors = _eigh(root @ shifted @ root)
    # No eigenvalue is smaller than this but by rounding, because none of either factor is smaller than its root.
    roots = values.clamp(min=target.floor**2).sqrt()
    bures = shifted.trace() + root.square().sum() - 2 * roots.sum()
    half = root @ (vectors * roots.rsqrt())
    slope = torch.eye(len(half), dtype=half.dtype, device=half.device) - half @ half.T
    return bures.clamp(min=0).to(covariance), slope.to(covariance)


def _exact(matrix: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    """Return numbers in float64, on the processor where its device has no such numbers."""
    return matrix.detach().to("cpu" if matrix.device.type == "mps" else matrix.device, torch.float64)


def _eigh(matrix: Float[Tensor, "c c"]) -> tuple[Float[Tensor, "c"], Float[Tensor, "c c"]]:
    """Return eigenvalues and eigenvectors, computed on one processor thread.

    The decomposition has thousands of short parallel sections. On two free cores a second thread saves a third of the
    time; on busy ones the threads wait for each other, and 512 x 512 took over ten seconds instead of 45 ms.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        values, vectors = torch.linalg.eigh(matrix)
    except torch.linalg.LinAlgError:  # type: ignore[attr-defined]
        # Torch's library gave up on a covariance of AlexNet in which most channels never vary; NumPy has another one.
        values, vectors = (torch.from_numpy(part).to(matrix) for part in np.linalg.eigh(matrix.cpu().numpy()))
    finally:
        torch.set_num_threads(threads)
    return values, vectors


def together(tasks: Sequence[Callable[[], Tensor]], device: torch.device = _CPU) -> list[Tensor]:
    """Return what some tasks return that spend their time in decompositions.

    Each runs on one thread, as many at once as torch has: one decomposition alone leaves the others idle (see `_eigh`).
    """
    threads, wants_gradient = torch.get_num_threads(), torch.is_grad_enabled()
    if len(tasks) == 1 or threads == 1 or device.type != "cpu":
        return [task() for task in tasks]

    def run(task: Callable[[], Tensor]) -> Tensor:
        with torch.set_grad_enabled(wants_gradient):
            return task()

    try:
        # Of the maths libraries some keep one number for the process, some one for each thread.
        torch.set_num_threads(1)
        with ThreadPoolExecutor(min(threads, len(tasks)), initializer=torch.set_num_threads, initargs=(1,)) as pool:
            return list(pool.map(run, tasks))
    finally:
        torch.set_num_threads(threads)

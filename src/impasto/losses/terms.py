"""The losses, as pure functions of features and targets.

Each takes a `normalization`:

- `paper`: the sums of Gatys et al. 2015, on features of pictures in grey levels (0..255). The content loss grows with
  the area of the picture while the style loss does not, so one pair of weights holds for one size only.
- `size_free`: means instead of sums. Content is a mean over positions and filters and style compares means of f f^T,
  both independent of the number of pixels, so one weight means the same at 256 px and at 4096 px.
- `relative`: errors relative to the targets' own squares. Also independent of the size, and moreover of the network's
  scale, of the layer and of the picture's contrast: 1 is what features that are all zero would cost.
"""

from jaxtyping import Float
from torch import Tensor

from impasto.backbones.products import precise
from impasto.losses.squares import squared_error, squared_sum
from impasto.recipe import Normalization

TINY = 1e-12
"""Keeps a relative error finite for a target that is zero everywhere (a black picture's features can be)."""


def content_loss(
    features: Float[Tensor, "b c h w"],
    target: Float[Tensor, "b c h w"],
    *,
    normalization: Normalization,
    weight: Float[Tensor, "1 1 h w"] | None = None,
    scale: Float[Tensor, ""] | None = None,
) -> Float[Tensor, ""]:
    """Compare features with the photo's.

    `paper`: 1/2 sum (F - P)^2 (Gatys et al. 2015, eq. 1); `size_free`: mean (F - P)^2;
    `relative`: sum (F - P)^2 / sum P^2. `weight` says how much each place counts in these sums, at least 0, about 1 on
    average; `scale` is the target's `content_scale`, for those who know it already. Target and weight get no gradient.
    """
    if scale is None:
        scale = content_scale(target, normalization=normalization, weight=weight)
    return squared_error(features, target, weight) / scale


def content_scale(
    target: Float[Tensor, "b c h w"],
    *,
    normalization: Normalization,
    weight: Float[Tensor, "1 1 h w"] | None = None,
) -> Float[Tensor, ""]:
    """Return what `content_loss` divides the squared error by."""
    if normalization == "relative":
        return squared_sum(target, weight) + TINY
    return precise(target.new_zeros(())).new_tensor(2.0 if normalization == "paper" else float(target.numel()))


def style_loss(
    gram: Float[Tensor, "c c"], target: Float[Tensor, "c c"], *, normalization: Normalization
) -> Float[Tensor, ""]:
    """Compare the Gram matrix of one layer with the style's, both divided by their own number of positions.

    With N filters and M positions, G and A being sums over positions (Gatys et al. 2015, eq. 4):
    `paper`: 1/(4 N^2) sum (G/M - A/M)^2, the paper's E_l = 1/(4 N^2 M^2) sum (G - A)^2 for pictures of equal size;
    `size_free`: 1/N^2 sum (G/M - A/M)^2; `relative`: sum (G/M - A/M)^2 / sum (A/M)^2.
    """
    squares = (gram - target).square()
    if normalization == "paper":
        return squares.mean() / 4
    if normalization == "size_free":
        return squares.mean()
    return squares.sum() / (target.square().sum() + TINY)


def total_variation(picture: Float[Tensor, "b 3 h w"]) -> Float[Tensor, ""]:
    """Return the mean squared difference of neighbours, down plus across, in squared grey levels (0..255).

    `picture` is in [0, 1]. A mean over pixels, so that one weight means the same at every size. A picture of a single
    row or column has no neighbours in that direction and gives 0 for it.
    """
    grey_levels = picture * 255.0
    down = grey_levels.diff(dim=2).square()
    across = grey_levels.diff(dim=3).square()
    return down.sum() / max(down.numel(), 1) + across.sum() / max(across.numel(), 1)

"""The temporal loss: a frame of a film is held to earlier ones, as they were painted, where they show the same."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from impasto.backbones import total
from impasto.losses.picture import PictureLoss


@dataclass(frozen=True, eq=False)
class EarlierFrame:
    """A painted frame, moved to the places of a later one.

    Attributes:
        picture: RGB in [0, 1].
        weight: How much each place counts: 0 where the earlier frame shows something else.
    """

    picture: Float[Tensor, "1 3 h w"]
    weight: Float[Tensor, "1 1 h w"]


class TemporalLoss(PictureLoss):
    """The sum over earlier frames of the mean of c (x - w)^2, in squared gray levels (0..255).

    w is the frame moved, c its weight (Ruder, Dosovitskiy and Brox 2016, equations 7 and 9).

    Args:
        earlier: The earlier frames, at least one.

    Example:
        >>> frame = EarlierFrame(torch.full((1, 3, 2, 2), 0.5), torch.ones(1, 1, 2, 2))
        >>> TemporalLoss([frame])(torch.full((1, 3, 2, 2), 0.5 + 2 / 255))
        tensor(4.0000)
    """

    def __init__(self, earlier: Sequence[EarlierFrame]) -> None:
        self._earlier = earlier

    def part(self, window: Float[Tensor, "1 3 _h w"], rows: slice, height: int) -> Float[Tensor, ""]:
        """Return what some rows add."""
        errors = [
            total(frame.weight[:, :, rows] * (window - frame.picture[:, :, rows]).square()) for frame in self._earlier
        ]
        return 255.0**2 * torch.stack(errors).sum() / (3 * height * window.shape[3])

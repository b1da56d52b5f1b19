"""The temporal loss: a frame of a film is held to earlier ones, as they were painted, where they show the same."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from impasto.backbones import average


@dataclass(frozen=True, eq=False)
class EarlierFrame:
    """A painted frame, moved to the places of a later one.

    Attributes:
        picture: RGB in [0, 1].
        weight: How much each place counts: 0 where the earlier frame shows something else.
    """

    picture: Float[Tensor, "1 3 h w"]
    weight: Float[Tensor, "1 1 h w"]


def temporal_loss(picture: Float[Tensor, "1 3 h w"], earlier: Sequence[EarlierFrame]) -> Float[Tensor, ""]:
    """Return the sum over earlier frames of the mean of c (x - w)^2, in squared gray levels (0..255).

    w is the frame moved, c its weight (Ruder, Dosovitskiy and Brox 2016, equations 7 and 9).

    Example:
        >>> frame = EarlierFrame(torch.full((1, 3, 2, 2), 0.5), torch.ones(1, 1, 2, 2))
        >>> temporal_loss(torch.full((1, 3, 2, 2), 0.5 + 2 / 255), [frame])
        tensor(4.0000)
    """
    losses = [average(frame.weight * (picture - frame.picture).square()) for frame in earlier]
    return 255.0**2 * torch.stack(losses).sum()

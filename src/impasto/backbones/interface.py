"""What every network that looks at pictures has in common."""

from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor

from impasto.backbones.extract import Features


@runtime_checkable
class FeatureExtractor(Protocol):
    """A frozen network as far as the deepest layer asked for."""

    layers: tuple[str, ...]
    """The layers that a call returns, from the shallowest to the deepest."""
    device: torch.device

    def __call__(self, picture: Float[Tensor, "1 3 h w"], *, border: int = 0) -> Features:
        """Return the features of a picture, RGB, sRGB-encoded, nominally in [0, 1].

        Where moments are all that is wanted of a layer, they may leave `border` outermost positions out; maps never do.
        The gradient of the features with respect to the picture is theirs. Raises InputError for a picture that is too
        small.
        """
        ...

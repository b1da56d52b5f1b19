"""The six transforms that neural-style uses, as torchvision's documentation describes them."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor


class Compose:
    """Apply one transform after the other."""

    def __init__(self, transforms: Sequence[Callable[[Any], Any]]):
        self.transforms = transforms

    def __call__(self, value: Any) -> Any:
        for transform in self.transforms:
            value = transform(value)
        return value


class Lambda:
    """Apply a function."""

    def __init__(self, function: Callable[[Any], Any]):
        self.function = function

    def __call__(self, value: Any) -> Any:
        return self.function(value)


class Resize:
    """Resize a PIL image to (height, width), bilinear with a support that grows when the picture shrinks."""

    def __init__(self, size: tuple[int, int]):
        self.size = size

    def __call__(self, image: Image.Image) -> Image.Image:
        height, width = self.size
        return image if image.size == (width, height) else image.resize((width, height), Image.Resampling.BILINEAR)


class ToTensor:
    """Convert an 8-bit RGB image into a float tensor of 3 x height x width in [0, 1]."""

    def __call__(self, image: Image.Image) -> Tensor:
        return torch.from_numpy(np.array(image)).permute(2, 0, 1).contiguous().float() / 255


class Normalize:
    """Subtract `mean` from the channels and divide them by `std`."""

    def __init__(self, mean: Sequence[float], std: Sequence[float]):
        self.mean = torch.tensor(mean).reshape(-1, 1, 1)
        self.std = torch.tensor(std).reshape(-1, 1, 1)

    def __call__(self, picture: Tensor) -> Tensor:
        return (picture - self.mean) / self.std


class ToPILImage:
    """Convert a float tensor of 3 x height x width in [0, 1] to an 8-bit RGB image; values are truncated."""

    def __call__(self, picture: Tensor) -> Image.Image:
        return Image.fromarray(picture.detach().mul(255).byte().permute(1, 2, 0).contiguous().numpy())

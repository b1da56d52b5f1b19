"""All measures of one picture."""

import dataclasses
from typing import Final

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from impasto.images import fit, resize
from impasto.score import content as kept
from impasto.score import faults
from impasto.score import style as taken
from impasto.score.networks import Features, features

Picture = Float[np.ndarray, "_h _w 3"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Scores:
    """What was measured; each is explained where it is computed (content.py, style.py, faults.py)."""

    st_lpips: float
    ms_ssim: float
    self_similarity: float
    content_fidelity: float
    sliced_alexnet: float
    sliced_vgg16: float
    global_effects: float
    local_patterns: float
    color_distance: float
    noise: float
    grid: float
    border: float
    clipped: float
    grey: float

    @property
    def content(self) -> float:
        """The headline of content kept: ST-LPIPS, 0 for the photo itself; lower is better."""
        return self.st_lpips

    @property
    def style(self) -> float:
        """The headline of style taken: mean of both sliced Wassersteins, 0 for the style itself; lower is better."""
        return (self.sliced_alexnet + self.sliced_vgg16) / 2

    @property
    def faults(self) -> float:
        """The worst of the faults, 0 for the style itself."""
        return max(self.noise, self.grid, self.border, self.clipped, self.grey)

    def as_dict(self) -> dict[str, float]:
        """Return all measures by name, the headlines first."""
        return {"style": self.style, "content": self.content, "faults": self.faults} | dataclasses.asdict(self)


GROUPS: Final[dict[str, tuple[str, ...]]] = {
    "content": ("st_lpips", "ms_ssim", "self_similarity", "content_fidelity"),
    "style": ("sliced_alexnet", "sliced_vgg16", "global_effects", "local_patterns", "color_distance"),
    "faults": ("noise", "grid", "border", "clipped", "grey"),
}
"""The measures by what they tell."""

HIGHER_IS_BETTER: Final = frozenset({"ms_ssim", "content_fidelity", "global_effects", "local_patterns"})


class Judge:
    """Scores pictures of one size against one photo and one style, whose features are computed once."""

    def __init__(self, content: Picture, style: Picture, *, size: tuple[int, int]) -> None:
        """Bring the photo to `size` = (width, height), and the style's long side to that of the size.

        Pictures are RGB in [0, 1]. Raises InputError if one is too small to be judged or the extra is not installed.
        """
        width, height = size
        self._size = size
        self._photo = _tensor(resize(content, width, height))
        self._style = _tensor(resize(style, *fit(style.shape[1], style.shape[0], max(size))))
        self._photo_seen, self._style_seen = features("vgg16", self._photo), _both(self._style)

    def score(self, result: Picture) -> Scores:
        """Return all measures of a picture; it is brought to the judge's size."""
        picture = _tensor(resize(result, *self._size))
        deep, shallow = _both(picture)
        style_deep, style_shallow = self._style_seen
        return Scores(
            st_lpips=kept.st_lpips(deep, self._photo_seen),
            ms_ssim=kept.ms_ssim(picture, self._photo),
            self_similarity=kept.self_similarity(deep, self._photo_seen),
            content_fidelity=kept.content_fidelity(deep, self._photo_seen),
            sliced_alexnet=taken.sliced_wasserstein(shallow, style_shallow),
            sliced_vgg16=taken.sliced_wasserstein(deep, style_deep),
            global_effects=taken.global_effects(deep, style_deep, picture, self._style),
            local_patterns=taken.local_patterns(deep, style_deep),
            color_distance=taken.color_distance(picture, self._style),
            noise=faults.noise(picture, self._style),
            grid=faults.grid(picture, self._style),
            border=faults.border(picture, self._photo, self._style),
            clipped=faults.clipped(picture, self._style),
            grey=faults.grey(picture, self._style),
        )


def score_picture(result: Picture, content: Picture, style: Picture) -> Scores:
    """Score a painted picture at its own size; RGB in [0, 1].

    Raises InputError if a picture is too small to be judged or the extra `score` is not installed.
    """
    return Judge(content, style, size=(result.shape[1], result.shape[0])).score(result)


def _both(picture: Float[Tensor, "1 3 h w"]) -> tuple[Features, Features]:
    return features("vgg16", picture), features("alexnet", picture)


def _tensor(picture: Picture) -> Float[Tensor, "1 3 h w"]:
    return torch.from_numpy(np.ascontiguousarray(picture.transpose(2, 0, 1)[None], dtype=np.float32)).clamp(0, 1)

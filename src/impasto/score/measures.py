"""Names, groups and directions of the measures, and the scores of a picture."""

import dataclasses
from dataclasses import dataclass
from typing import Annotated, Final, Literal, TypeAlias, get_type_hints

Group: TypeAlias = Literal["content kept", "style taken", "faults"]


@dataclass(frozen=True)
class Measure:
    """One measure of a finished picture.

    Attributes:
        group: What it measures.
        higher_is_better: Its direction.
    """

    group: Group
    higher_is_better: bool = False


HEADLINES: Final = {
    "style": "how far textures and colors are from the style's; 0 is the style itself",
    "content": "how far each place is from that of the photo; 0 is the photo itself",
    "faults": "the largest of noise, grid, border, clipped, gray; visible above 0.01",
}
"""The three figures that stand for a group, and what they say; lower is better for each."""


@dataclass(frozen=True, kw_only=True)
class Scores:
    """All measures of a picture; the functions that compute them explain them (content.py, style.py, faults.py).

    Example:
        >>> zeros = dict.fromkeys(MEASURES, 0.0)
        >>> Scores(**zeros | {"sliced_vgg16": 0.5, "grid": 0.02}).as_dict()["style"]
        0.25
    """

    st_lpips: Annotated[float, Measure("content kept")]
    ms_ssim: Annotated[float, Measure("content kept", higher_is_better=True)]
    self_similarity: Annotated[float, Measure("content kept")]
    content_fidelity: Annotated[float, Measure("content kept", higher_is_better=True)]
    sliced_alexnet: Annotated[float, Measure("style taken")]
    sliced_vgg16: Annotated[float, Measure("style taken")]
    global_effects: Annotated[float, Measure("style taken", higher_is_better=True)]
    local_patterns: Annotated[float, Measure("style taken", higher_is_better=True)]
    color_distance: Annotated[float, Measure("style taken")]
    noise: Annotated[float, Measure("faults")]
    grid: Annotated[float, Measure("faults")]
    border: Annotated[float, Measure("faults")]
    clipped: Annotated[float, Measure("faults")]
    gray: Annotated[float, Measure("faults")]

    @property
    def content(self) -> float:
        """What of the photo is lost: ST-LPIPS; lower is better, 0 for the photo itself."""
        return self.st_lpips

    @property
    def style(self) -> float:
        """What of the style is missing: mean of both sliced Wassersteins; lower is better, 0 for the style itself."""
        return (self.sliced_alexnet + self.sliced_vgg16) / 2

    @property
    def faults(self) -> float:
        """The largest fault; 0 is none, values above 0.01 are visible."""
        return max(self.noise, self.grid, self.border, self.clipped, self.gray)

    def as_dict(self) -> dict[str, float]:
        """Return all measures by name, the three headlines first."""
        return {name: getattr(self, name) for name in HEADLINES} | dataclasses.asdict(self)


MEASURES: Final[dict[str, Measure]] = {
    name: hint.__metadata__[0] for name, hint in get_type_hints(Scores, include_extras=True).items()
}
"""Every field of `Scores`, in its order."""

HIGHER_IS_BETTER: Final = frozenset(name for name, measure in MEASURES.items() if measure.higher_is_better)
"""Names of the measures of which a higher value is better."""

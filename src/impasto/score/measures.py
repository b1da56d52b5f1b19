"""What is measured: names, groups, directions and a gloss for each, without loading anything that measures."""

from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

Group: TypeAlias = Literal["content kept", "style taken", "faults"]


@dataclass(frozen=True, kw_only=True)
class Measure:
    """One measure of a finished picture."""

    group: Group
    higher_is_better: bool = False
    gloss: str


MEASURES: Final[dict[str, Measure]] = {
    "st_lpips": Measure(group="content kept", gloss="perceptual distance, tolerant of small shifts"),
    "ms_ssim": Measure(group="content kept", higher_is_better=True, gloss="edges and shapes where the photo has them"),
    "self_similarity": Measure(group="content kept", gloss="how differently the parts resemble each other"),
    "content_fidelity": Measure(group="content kept", higher_is_better=True, gloss="cosine of deep features"),
    "sliced_alexnet": Measure(group="style taken", gloss="distance of the features' distributions, AlexNet"),
    "sliced_vgg16": Measure(group="style taken", gloss="distance of the features' distributions, VGG-16"),
    "global_effects": Measure(group="style taken", higher_is_better=True, gloss="texture and colours on the whole"),
    "local_patterns": Measure(
        group="style taken", higher_is_better=True, gloss="patches like the style's, and how many of those"
    ),
    "color_distance": Measure(group="style taken", gloss="distance of the palettes in Oklab; 0.02 is just seen"),
    "noise": Measure(group="faults", gloss="grain that neither style nor photo has"),
    "grid": Measure(group="faults", gloss="a pattern of 2 pixels, a checkerboard"),
    "border": Measure(group="faults", gloss="a frame that stands out from what is beside it"),
    "clipped": Measure(group="faults", gloss="area burnt out or drowned, beyond the style's"),
    "grey": Measure(group="faults", gloss="area without colour, beyond the style's"),
}
"""Every field of `Scores`, in its order."""

HEADLINES: Final[dict[str, str]] = {
    "content": "what of the photo is lost: st_lpips",
    "style": "what of the style is missing: mean of sliced_alexnet and sliced_vgg16",
    "faults": "the worst of them; above 0.01 it begins to be seen",
}
"""What the three figures that stand for a group are made of; lower is better for each."""

HIGHER_IS_BETTER: Final = frozenset(name for name, measure in MEASURES.items() if measure.higher_is_better)

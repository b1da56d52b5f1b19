"""The presets: recipes that have a name and a purpose."""

from typing import Final

from impasto.recipe.model import Recipe


def _gram_layers_by_channels(*names_and_channels: tuple[str, int]) -> tuple[str, ...]:
    share = 1 / len(names_and_channels)
    return tuple(f"{name}={share / channels**2!r}" for name, channels in names_and_channels)


PRESETS: Final[dict[str, Recipe]] = {
    "default": Recipe(),
    "draft": Recipe(size=256, steps=32),
    "faithful": Recipe(style_weight=9.0),
    "bold": Recipe(style_weight=200.0, steps=200),
    "photoreal": Recipe(
        style_weight=0.3, style_losses=("wasserstein=1.0",), content_losses=("features=1.0", "laplacian=0.3")
    ),
    "paper": Recipe(
        pooling="average",
        content_layers=("conv4_2",),
        padding="zeros",
        style_layers=("conv1_1", "conv2_1", "conv3_1", "conv4_1", "conv5_1"),
        style_losses=("gram=1.0",),
        tv_weight=0.0,
        gamut_weight=0.0,
        style_margin=0.0,
        rescue=0.0,
        content_weight=1.0,
        style_weight=1e3,
        normalization="paper",
        canvas="free",
        init="noise",
        steps=500,
        levels=1,
        precision="fp32",
    ),
    "classic": Recipe(
        content_layers=("conv4_2",),
        pooling="max",
        padding="zeros",
        # The program divides Gram matrices by C*H*W and takes the mean square of their difference.
        style_layers=_gram_layers_by_channels(
            ("conv1_1", 64), ("conv2_1", 128), ("conv3_1", 256), ("conv4_1", 512), ("conv5_1", 512)
        ),
        style_losses=("gram=1.0",),
        content_weight=5.0,
        style_weight=500.0,
        tv_weight=100.0,
        gamut_weight=0.0,
        style_margin=0.0,
        rescue=0.0,
        normalization="size_free",
        canvas="free",
        optimizer="adam",
        learning_rate=10.0,
        init="noise",
        noise_std=0.256,
        keep_best=True,
        steps=1000,
        levels=1,
        precision="fp32",
    ),
}
"""The presets by name."""

PRESET_PURPOSES: Final[dict[str, str]] = {
    "default": "strokes at several sizes and the style's colours, the photo still itself: where to begin",
    "draft": "a first impression in a few seconds",
    "faithful": "keeps faces, outlines and small things of the photo; for portraits and places one should recognise",
    "bold": "more of the style: larger strokes, and things dissolve in them",
    "photoreal": "the photo in the light and colours of the style, hardly any strokes",
    "paper": "exactly the method of Gatys, Ecker and Bethge (2015), from noise, for study",
    "classic": "the defaults of anishathalye/neural-style (2015): Adam from noise, 1,000 steps",
}
"""What each preset is for, in one sentence."""

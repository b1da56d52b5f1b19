"""The presets: recipes that have a name and a purpose."""

from typing import Final

from impasto.recipe.model import Recipe

_STYLE_LAYERS: Final = ("conv1_1", "conv2_1", "conv3_1", "conv4_1", "conv5_1")
_CHANNELS: Final = (64, 128, 256, 512, 512)


def _layers_by_channels(weight: float) -> dict[str, float]:
    """Return the paper's style layers, each with `weight` divided by the square of its number of filters."""
    return {name: weight / channels**2 for name, channels in zip(_STYLE_LAYERS, _CHANNELS, strict=True)}


PRESETS: Final[dict[str, Recipe]] = {
    "default": Recipe(),
    "draft": Recipe(size=256, steps=32),
    "instant": Recipe(method="instant"),
    "faithful": Recipe(style_weight=9.0),
    "bold": Recipe(style_weight=120.0, steps=200),
    "photoreal": Recipe(
        content_weight=1.0,
        style_weight=0.3,
        style_losses={"wasserstein": 1.0},
        style_matching=0.0,
        content_losses={"features": 1.0, "laplacian": 0.3},
    ),
    "paper": Recipe(
        pooling="average",
        content_layers=("conv4_2",),
        padding="zeros",
        style_layers=_STYLE_LAYERS,
        style_losses={"gram": 1.0},
        tv_weight=0.0,
        luminance_range_weight=0.0,
        style_margin=0.0,
        saliency_weight=0.0,
        style_matching=0.0,
        content_weight=1.0,
        style_weight=1e3,
        normalization="paper",
        canvas="free",
        init="noise",
        steps=500,
        levels=1,
        precision="fp32",
    ),
    "notebook": Recipe(
        # Its pictures have a short side of 512 px; `size` is the long side, here that of a photo of 4 : 3. The style's
        # short side is 512 px there too, while here its long side is the canvas's: `style_size` states another.
        size=682,
        content_layers=("conv4_2",),
        pooling="max",
        padding="zeros",
        # Gram matrices are divided by H*W; the mean square of their difference counts 1000 / C^2.
        style_layers=_layers_by_channels(1000.0),
        style_losses={"gram": 1.0},
        content_weight=1.0,
        style_weight=1.0,
        tv_weight=0.0,
        luminance_range_weight=0.0,
        style_margin=0.0,
        saliency_weight=0.0,
        style_matching=0.0,
        normalization="size_free",
        canvas="free",
        optimizer="lbfgs",
        # As torch.optim.LBFGS keeps by default; with 10 the loss after 500 steps was 6 and 17 % higher on two sizes.
        history=100,
        init="content",
        steps=500,
        levels=1,
        precision="fp32",
    ),
    "classic": Recipe(
        content_layers=("conv4_2",),
        pooling="max",
        padding="zeros",
        # The program divides Gram matrices by C*H*W and takes the mean square of their difference.
        style_layers=_layers_by_channels(1 / len(_STYLE_LAYERS)),
        style_losses={"gram": 1.0},
        content_weight=5.0,
        style_weight=500.0,
        tv_weight=100.0,
        luminance_range_weight=0.0,
        style_margin=0.0,
        saliency_weight=0.0,
        style_matching=0.0,
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
    "default": "strokes at several sizes and the style's colors, the photo still itself: where to begin",
    "draft": "a first impression in a few seconds",
    "instant": "a preview in a blink, by a trained network: texture and colors of the style, without its strokes",
    "faithful": "keeps faces, outlines and small things of the photo; for portraits and places one should recognize",
    "bold": "more of the style: larger strokes, and things dissolve in them",
    "photoreal": "the photo in the light and colors of the style, hardly any strokes",
    "paper": "exactly the method of Gatys, Ecker and Bethge (2015), from noise, for study",
    "notebook": "the loss and the start of Gatys's PyTorch notebook (leongatys/PytorchNeuralStyleTransfer), for study",
    "classic": "the defaults of anishathalye/neural-style (2015): Adam from noise, 1,000 steps",
}
"""What each preset is for, in one sentence."""

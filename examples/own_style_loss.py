"""Paint with a style loss of your own, skewness: `python examples/own_style_loss.py photo.jpg night`."""

import sys

import impasto
from impasto.losses import Mean


class Skewness(impasto.StyleLoss):
    """Mean of the cubed features of each layer."""

    def measure(self, maps, weights=None):
        """Return a statistic that can be added, so that regions and mixtures work; `weights` are those of a region."""
        return Mean.of(maps.float() ** 3, weights)

    def loss(self, statistic, target):
        """Return the squared error, relative to the style's."""
        return (statistic.value - target.value).square().sum() / target.value.square().sum()


impasto.register_style_loss("skewness", Skewness)
if __name__ == "__main__":
    result = impasto.stylize(*sys.argv[1:3], "draft", style_losses="skewness=1", size=256)
    result.save("skewness.png")

"""Networks whose features are smoothed paint with several styles and losses that look at places."""

import numpy as np
import pytest

import impasto


@pytest.mark.parametrize("losses", ["wasserstein=1,gradient_energy=0.025", "sliced,nearest", "histogram,relaxed_emd"])
@pytest.mark.parametrize("name", ["vgg16", "alexnet"])
def test_several_styles_teach_through_any_network_by_any_loss(name, losses, photo, painting):
    result = impasto.stylize(
        photo, [painting, np.rot90(painting).copy()], backbone=name, size=64, steps=4, style_losses=losses
    )
    assert result.losses["total"][-1] < result.losses["total"][0]

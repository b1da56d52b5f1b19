"""The third judge of the scoreboard."""

import numpy as np
import pytest
from skimage import data

from impasto.images import resize
from scoreboard.judges import OtherJudges, classify, stages


def square(picture):
    """The middle of a picture, at the size the network was trained with."""
    height, width = picture.shape[:2]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    return resize(picture[top : top + side, left : left + side].astype(np.float32) / 255, 224, 224)


@pytest.mark.parametrize(("name", "classes"), [("coffee", {967, 968}), ("chelsea", {281, 282, 285})])
def test_the_network_recognizes_an_espresso_and_a_cat(name, classes):
    assert int(classify(square(getattr(data, name)())).argmax()) in classes


def test_each_stage_halves_the_map():
    shapes = [tuple(one.shape[1:]) for one in stages(np.zeros((64, 96, 3), np.float32))]
    assert shapes == [(16, 32, 48), (24, 16, 24), (40, 8, 12), (112, 4, 6), (320, 2, 3)]


def test_the_photo_loses_nothing_and_the_style_has_its_style():
    photo, style = square(data.chelsea()), square(data.coffee())
    judges = OtherJudges(photo, style)
    of_photo, of_style, mixed = judges.score(photo), judges.score(style), judges.score((photo + style) / 2)
    for name in ("lost_efficientnet", "st_lpips_alexnet"):
        assert of_photo[name] == pytest.approx(0, abs=1e-5)
        assert of_photo[name] < mixed[name] < of_style[name]
    assert of_style["sliced_efficientnet"] == pytest.approx(0, abs=1e-5)
    assert of_style["sliced_efficientnet"] < mixed["sliced_efficientnet"] < of_photo["sliced_efficientnet"]

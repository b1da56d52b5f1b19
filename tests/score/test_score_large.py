"""Pictures that are larger than the networks are shown."""

import numpy as np
import pytest
from drawn import noise, ripples

from impasto.images import resize
from impasto.score import MEASURES, judge, score_picture


def test_a_large_picture_is_shrunk_for_the_networks_and_its_faults_are_looked_for_at_full_size(monkeypatch):
    photo, style = ripples(80, 120, 1), ripples(120, 90, 2)
    result = (0.9 * ripples(80, 120, 3) + 0.1 * noise(80, 120, 4)).astype(np.float32)
    full = score_picture(result, photo, style).as_dict()
    monkeypatch.setattr(judge, "LARGEST", 60)
    large = score_picture(result, photo, style).as_dict()
    small = score_picture(resize(result, 60, 40), resize(photo, 60, 40), resize(style, 45, 60)).as_dict()
    for name, measure in MEASURES.items():
        assert large[name] == pytest.approx((full if measure.group == "faults" else small)[name], abs=1e-6), name
    assert full["noise"] > 0.01 > small["noise"]

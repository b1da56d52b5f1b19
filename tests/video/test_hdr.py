"""HDR is shown as the standards say: known lights become known grays."""

import numpy as np
import pytest

from impasto.video.hdr import HLG, PQ, hlg_to_light, light_to_pq, pq_to_light, to_sdr, tone_mapped


def gray(value: float) -> np.ndarray:
    return np.full((2, 2, 3), value, np.float32)


def srgb(light: float) -> float:
    """The transfer function of IEC 61966-2-1 above its straight part."""
    return float(1.055 * light ** (1 / 2.4) - 0.055)


@pytest.mark.parametrize(
    ("value", "light"), [(0.0, 0.0), (0.508078, 100.0), (0.580688, 203.0), (0.751827, 1000.0), (1.0, 10_000.0)]
)
def test_pq_values_of_bt_2408_and_st_2084(value, light):
    assert pq_to_light(np.array([value], np.float32))[0] == pytest.approx(light, rel=2e-3, abs=1e-3)
    assert light_to_pq(np.array([light], np.float32))[0] == pytest.approx(value, abs=2e-4)


@pytest.mark.parametrize(("value", "light"), [(0.75, 203.0), (1.0, 1000.0), (0.0, 0.0)])
def test_hlg_values_of_bt_2408(value, light):
    assert hlg_to_light(gray(value))[0, 0] == pytest.approx([light] * 3, rel=5e-3, abs=1e-3)


def test_middle_tones_are_shown_as_bright_as_they_are():
    value = float(light_to_pq(np.array([40.0], np.float32))[0])
    assert to_sdr(gray(value), PQ)[0, 0] == pytest.approx([srgb(40 / 203)] * 3, abs=4e-3)


def test_the_brightest_light_is_white_and_more_light_is_never_darker():
    light = np.geomspace(0.1, 1000, 200).astype(np.float32)
    mapped = tone_mapped(light)
    assert (np.diff(mapped) > -1e-3).all()
    assert mapped[-1] == pytest.approx(203, rel=1e-3)
    assert to_sdr(gray(1.0), HLG).min() > 0.99


def test_a_gray_stays_gray_and_a_red_of_bt_709_stays_that_red():
    # The column of red of the matrix from BT.709 to BT.2020 (ITU-R BT.2087), at 100 candelas.
    red = light_to_pq(np.array([0.6274, 0.0691, 0.0164], np.float32) * 60).reshape(1, 1, 3)
    shown = to_sdr(red, PQ)[0, 0]
    assert shown == pytest.approx([srgb(60 / 203), 0, 0], abs=0.02)
    assert np.ptp(to_sdr(gray(0.4), PQ)) < 1e-3

"""The measures of pictures, against arithmetic by hand and pictures with known values."""

import numpy as np
import pytest
import torch

from impasto.recipe import PRESETS
from impasto.study import measures


def oklab(color: tuple[float, float, float]) -> np.ndarray:
    """Convert one sRGB color as Ottosson's page describes it (bottosson.github.io/posts/oklab, 2020)."""
    r, g, b = (value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4 for value in color)
    lms = (
        0.4122214708 * r + 0.5363325363 * g + 0.0514459929 * b,
        0.2119034982 * r + 0.6806995451 * g + 0.1073969566 * b,
        0.0883024619 * r + 0.2817188376 * g + 0.6299787005 * b,
    )
    long, middle, short = (value ** (1 / 3) for value in lms)
    return np.array(
        [
            0.2104542553 * long + 0.7936177850 * middle - 0.0040720468 * short,
            1.9779984951 * long - 2.4285922050 * middle + 0.4505937099 * short,
            0.0259040371 * long + 0.7827717662 * middle - 0.8086757660 * short,
        ]
    )


def halves(left: tuple[float, float, float], right: tuple[float, float, float]) -> np.ndarray:
    picture = np.empty((6, 8, 3), np.float32)
    picture[:, :4], picture[:, 4:] = left, right
    return picture


RED, GRAY = (0.8, 0.2, 0.1), (0.4, 0.4, 0.4)


def figure(name: str, picture: np.ndarray, threshold: float = 0.05) -> float:
    return measures.color_figures(picture, threshold)[name]


def test_chroma_is_the_mean_distance_from_gray():
    _, a, b = oklab(RED)
    assert figure("chroma", halves(RED, RED)) == pytest.approx(np.hypot(a, b), abs=1e-5)
    assert figure("chroma", halves(RED, GRAY)) == pytest.approx(np.hypot(a, b) / 2, abs=1e-4)


def test_the_gray_share_is_the_area_below_the_threshold(painting):
    picture = halves(RED, GRAY)
    picture[0, :4] = GRAY
    assert figure("gray", picture) == pytest.approx((24 + 4) / 48)
    assert figure("gray", picture, threshold=0.0) == 0
    own_share = figure("gray", painting, measures.gray_threshold(painting))
    assert own_share == pytest.approx(0.1, abs=1 / painting[..., 0].size)


def test_a_pixel_is_clipped_if_any_channel_is_at_an_end_of_its_range():
    picture = np.full((5, 4, 3), 0.5, np.float32)
    assert figure("clipped", picture) == 0
    picture[0, 0, 1], picture[1, 1, 2], picture[2, 2] = 0, 1, (0, 1, 1)
    picture[3, 3] = (1 / 255, 254 / 255, 0.5)
    assert figure("clipped", picture) == pytest.approx(3 / 20)


@pytest.mark.parametrize(
    ("left", "right", "spread"),
    [((0, 0, 0), (1, 1, 1), 0.5), (RED, RED, 0), (RED, GRAY, abs(oklab(RED)[0] - oklab(GRAY)[0]) / 2)],
)
def test_the_lightness_spread_of_two_halves_is_half_their_difference(left, right, spread):
    assert figure("lightness", halves(left, right)) == pytest.approx(spread, abs=1e-4)


def test_the_difference_is_the_mean_absolute_difference_in_gray_levels():
    one, other = np.full((4, 6, 3), 0.5, np.float32), np.full((4, 6, 3), 0.5, np.float32)
    other[:2] += 30 / 255
    other[2:, :, 0] -= 15 / 255
    assert measures.difference(one, other) == pytest.approx((12 * 3 * 30 + 12 * 15) / (24 * 3), rel=1e-5)
    assert measures.difference(one, one) == 0
    larger = np.full((8, 12, 3), 0.6, np.float32)
    assert measures.difference(one, larger) == pytest.approx(25.5, rel=1e-4)


def test_the_deviation_is_taken_over_the_pictures_at_each_pixel():
    pictures = [np.full((3, 4, 3), 0.4, np.float32) for _ in range(3)]
    pictures[0][1, 2] = 0.7
    deviation = measures.deviation_map(pictures)
    # Values .7, .4, .4: mean .5, deviation sqrt((.04 + .01 + .01) / 3).
    assert deviation[1, 2] == pytest.approx(np.sqrt(0.02), rel=1e-5)
    deviation[1, 2] = 0
    assert not deviation.any()


def content_loss_maps(pictures, photo, **changes):
    return measures.content_loss_maps(PRESETS["paper"].with_changes(**changes), pictures, photo)


class TestContentLossMaps:
    def test_the_photo_itself_loses_nothing(self, photo):
        (lost,) = content_loss_maps([photo], photo)
        assert lost.shape == photo.shape[:2]
        assert not lost.any()

    def test_a_destroyed_patch_loses_most(self, photo):
        broken = photo.copy()
        broken[8:24, 40:56] = np.random.default_rng(0).random((16, 16, 3))
        (lost,) = content_loss_maps([broken], photo)
        row, column = np.unravel_index(lost.argmax(), lost.shape)
        assert 8 <= row < 24
        assert 40 <= column < 56
        assert lost[:, :16].mean() < 0.1 * lost[8:24, 40:56].mean()

    def test_the_mean_is_the_relative_loss_of_the_features(self, photo, painting, make_extractor):
        picture = np.ascontiguousarray(painting[:48].repeat(2, axis=1)[:, :64])
        extractor = make_extractor(("conv4_2",), pooling="average", padding="zeros", precision="fp32")
        with torch.no_grad():
            features, targets = (
                extractor(torch.tensor(one).permute(2, 0, 1)[None])["conv4_2"].double() for one in (picture, photo)
            )
        relative = ((features - targets) ** 2).sum() / (targets**2).sum()
        (lost,) = content_loss_maps([picture], photo)
        assert lost.mean() == pytest.approx(float(relative), rel=1e-3)

    def test_all_maps_have_the_size_of_the_last_picture(self, photo):
        small = photo[::2, ::2]
        first, last = content_loss_maps([photo, small], photo)
        assert first.shape == last.shape == small.shape[:2]
        assert first.mean() < last.mean()

    def test_without_content_layers_there_are_no_maps(self, photo):
        assert content_loss_maps([photo], photo, content_layers=()) == []

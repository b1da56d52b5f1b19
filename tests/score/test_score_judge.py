"""Scores of the photo itself, of the style itself, and of what lies between them."""

import dataclasses

import numpy as np
import pytest
from specimens import noise, ripples, specimen, with_noise

from impasto.errors import InputError
from impasto.images import PLATES, resize
from impasto.score import HEADLINES, HIGHER_IS_BETTER, MEASURES, Judge, Scores, judge, score_picture

PAIRS = [("coffee", "night"), ("chelsea", "mosaic"), ("astronaut", "woodcut")]
FAULTS = [name for name, measure in MEASURES.items() if measure.group == "faults"]


@pytest.fixture(scope="module", params=PAIRS, ids="+".join)
def pair_judge(request) -> Judge:
    photo, style = (specimen(name, 128) for name in request.param)
    return Judge(photo, style, size=(photo.shape[1], photo.shape[0]))


def test_the_photo_itself_keeps_everything(pair_judge):
    scores = pair_judge.score_photo()
    assert scores.st_lpips == pytest.approx(0, abs=1e-6)
    assert scores.ms_ssim == pytest.approx(1, abs=1e-5)
    assert scores.self_similarity == pytest.approx(0, abs=1e-5)
    assert scores.content_fidelity == pytest.approx(1, abs=1e-5)
    assert scores.style > 0.5


def test_the_style_itself_lacks_nothing(pair_judge):
    scores = pair_judge.score_style()
    assert scores.sliced_alexnet == pytest.approx(0, abs=1e-5)
    assert scores.sliced_vgg16 == pytest.approx(0, abs=1e-5)
    assert scores.color_distance == pytest.approx(0, abs=1e-5)
    assert scores.global_effects == pytest.approx(1, abs=1e-5)
    assert scores.local_patterns == pytest.approx(1, abs=1e-5)
    assert [getattr(scores, name) for name in FAULTS] == [0] * len(FAULTS)
    assert scores.st_lpips > 0.4


@pytest.mark.parametrize("plate", PLATES)
def test_a_mirrored_style_has_the_style_and_no_faults(plate):
    style = specimen(plate, 128)
    scores = score_picture(np.ascontiguousarray(style[:, ::-1]), specimen("coffee", 128), style)
    assert scores.faults <= 0.01
    # Filters are not symmetric: a mirrored picture differs a little, where the photo is about 1 away.
    assert scores.style < 0.25
    assert scores.color_distance < 1e-5
    assert scores.global_effects > 0.95


@pytest.mark.parametrize(("photo_name", "plate"), PAIRS)
def test_the_more_of_the_photo_is_blended_in_the_more_is_kept_and_the_less_is_taken(photo_name, plate):
    photo = specimen(photo_name, 128)
    height, width = photo.shape[:2]
    style = resize(specimen(plate, 128), width, height)
    judge = Judge(photo, style, size=(width, height))
    scores = [
        judge.score((share * photo + (1 - share) * style).astype(np.float32)) for share in (0, 0.25, 0.5, 0.75, 1)
    ]
    assert np.all(np.diff([one.st_lpips for one in scores]) < 0)
    assert np.all(np.diff([one.content_fidelity for one in scores]) > 0)
    assert np.all(np.diff([one.style for one in scores]) > 0)


def test_a_result_is_scored_at_its_own_size():
    photo, style, result = specimen("chelsea", 200), specimen("knife", 90), specimen("chelsea", 128)
    scores = score_picture(result, photo, style)
    assert all(np.isfinite(value) for value in scores.as_dict().values())
    assert scores.st_lpips < 0.05
    assert scores == Judge(photo, style, size=(result.shape[1], result.shape[0])).score(result)


def test_a_large_picture_is_shrunk_for_the_networks_but_not_for_the_faults(monkeypatch):
    photo, style = ripples(80, 120, 1), ripples(120, 90, 2)
    result = (0.9 * ripples(80, 120, 3) + 0.1 * noise(80, 120, 4)).astype(np.float32)
    full = score_picture(result, photo, style).as_dict()
    monkeypatch.setattr(judge, "MAX_SIZE", 60)
    large = score_picture(result, photo, style).as_dict()
    small = score_picture(resize(result, 60, 40), resize(photo, 60, 40), resize(style, 45, 60)).as_dict()
    for name, measure in MEASURES.items():
        assert large[name] == pytest.approx((full if measure.group == "faults" else small)[name], abs=1e-6), name
    assert full["noise"] > 0.01 > small["noise"]


def test_8_bit_pictures_score_like_the_same_floats():
    pictures = [(specimen(name, 96) * 255).round().astype(np.uint8) for name in ("rocket", "chelsea", "mosaic")]
    floats = [picture.astype(np.float32) / 255 for picture in pictures]
    assert score_picture(*pictures) == score_picture(*floats)


def test_noise_makes_every_headline_worse():
    photo = specimen("chelsea", 128)
    judge = Judge(photo, photo, size=(photo.shape[1], photo.shape[0]))
    clean, noisy = judge.score(photo), judge.score(with_noise(photo, 20))
    assert all(getattr(noisy, name) > getattr(clean, name) + 0.01 for name in HEADLINES)


def test_every_measure_is_listed_and_the_headlines_are_made_of_them(pair_judge):
    scores = pair_judge.score_photo()
    assert list(MEASURES) == [field.name for field in dataclasses.fields(Scores)]
    assert list(scores.as_dict()) == [*HEADLINES, *MEASURES]
    assert {"ms_ssim", "content_fidelity", "global_effects", "local_patterns"} == HIGHER_IS_BETTER
    assert scores.content == scores.st_lpips
    assert scores.style == pytest.approx((scores.sliced_alexnet + scores.sliced_vgg16) / 2)
    assert scores.faults == max(getattr(scores, name) for name in FAULTS)


def test_a_picture_that_is_too_small_is_refused_in_one_line():
    with pytest.raises(InputError, match=r"20 x 13 px is too small to be judged") as refused:
        score_picture(specimen("coffee", 20), specimen("coffee", 64), specimen("night", 64))
    assert "\n" not in str(refused.value)

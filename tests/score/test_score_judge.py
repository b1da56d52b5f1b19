"""What the judge says of the photo itself, of the style itself, and of what lies between them."""

import dataclasses

import numpy as np
import pytest
from specimens import specimen, with_noise

from impasto.errors import InputError
from impasto.images import PLATES, resize
from impasto.score import HEADLINES, HIGHER_IS_BETTER, MEASURES, Judge, Scores, score_picture
from impasto.score.weights import load_judge

PAIRS = [("coffee", "night"), ("chelsea", "mosaic"), ("astronaut", "woodcut")]
FAULTS = [name for name, measure in MEASURES.items() if measure.group == "faults"]


@pytest.fixture(scope="module", params=PAIRS, ids="+".join)
def judge(request) -> Judge:
    photo, style = (specimen(name, 128) for name in request.param)
    return Judge(photo, style, size=(photo.shape[1], photo.shape[0]))


def test_of_the_photo_itself_everything_is_kept(judge):
    scores = judge.score_photo()
    assert scores.st_lpips == pytest.approx(0, abs=1e-6)
    assert scores.ms_ssim == pytest.approx(1, abs=1e-5)
    assert scores.self_similarity == pytest.approx(0, abs=1e-5)
    assert scores.content_fidelity == pytest.approx(1, abs=1e-5)
    assert scores.style > 0.5


def test_of_the_style_itself_nothing_is_missing(judge):
    scores = judge.score_style()
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
    # Filters know left from right: a mirrored picture differs a little, where the photo is about 1 away.
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


def test_photo_style_and_result_may_differ_in_size_and_the_result_is_judged_at_its_own():
    photo, style, result = specimen("chelsea", 200), specimen("knife", 90), specimen("chelsea", 128)
    scores = score_picture(result, photo, style)
    assert all(np.isfinite(value) for value in scores.as_dict().values())
    assert scores.st_lpips < 0.05
    same = Judge(photo, style, size=(result.shape[1], result.shape[0])).score(result)
    assert scores == same


def test_8_bit_pictures_score_as_the_same_floats_do():
    pictures = [(specimen(name, 96) * 255).round().astype(np.uint8) for name in ("rocket", "chelsea", "mosaic")]
    floats = [picture.astype(np.float32) / 255 for picture in pictures]
    assert score_picture(*pictures) == score_picture(*floats)


def test_noise_makes_every_headline_worse():
    photo = specimen("chelsea", 128)
    judge = Judge(photo, photo, size=(photo.shape[1], photo.shape[0]))
    clean, noisy = judge.score(photo), judge.score(with_noise(photo, 20))
    assert all(getattr(noisy, name) > getattr(clean, name) + 0.01 for name in HEADLINES)


def test_every_measure_is_described_and_the_headlines_are_made_of_them(judge):
    scores = judge.score_photo()
    assert list(MEASURES) == [field.name for field in dataclasses.fields(Scores)]
    assert set(scores.as_dict()) == {*MEASURES, *HEADLINES}
    assert {"ms_ssim", "content_fidelity", "global_effects", "local_patterns"} == HIGHER_IS_BETTER
    assert scores.content == scores.st_lpips
    assert scores.style == pytest.approx((scores.sliced_alexnet + scores.sliced_vgg16) / 2)
    assert scores.faults == max(getattr(scores, name) for name in FAULTS)


def test_a_picture_that_is_too_small_is_refused_in_one_line():
    with pytest.raises(InputError, match=r"20 x 13 px is too small to be judged") as refused:
        score_picture(specimen("coffee", 20), specimen("coffee", 64), specimen("night", 64))
    assert "\n" not in str(refused.value)


@pytest.fixture
def nothing_loaded():
    """Let the weights be looked for anew, and again after the test."""
    load_judge.cache_clear()
    yield
    load_judge.cache_clear()


def test_without_the_package_of_the_weights_the_error_says_what_to_install(monkeypatch, nothing_loaded):
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(InputError, match=r"pip install 'impasto\[score\]'"):
        score_picture(*[specimen("coffee", 64)] * 3)


def test_damaged_weights_are_refused(monkeypatch, nothing_loaded, tmp_path):
    folder = tmp_path / "weights" / "vST0.0"
    folder.mkdir(parents=True)
    for name in ("vgg_shift_tolerant.pth", "alex_shift_tolerant.pth"):
        (folder / name).write_bytes(b"not these")

    class Found:
        submodule_search_locations = (str(tmp_path),)

    monkeypatch.setattr("importlib.util.find_spec", lambda _: Found())
    with pytest.raises(InputError, match="damaged or of another version"):
        score_picture(*[specimen("coffee", 64)] * 3)

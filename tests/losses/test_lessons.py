"""Lessons of several teachers: their mixture is that of features side by side, and what is black teaches nothing."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from impasto.backbones import Features
from impasto.backbones.moments import Moments, mean_covariance
from impasto.losses.gamut import Gamut, gamut_loss, gamut_of, regional_gamut
from impasto.losses.grain import grain, neighbor_shares, regional_grain
from impasto.losses.lessons import Lesson, Teacher, View, mixed_moments
from impasto.losses.matching import histogram_targets, mixed_targets
from impasto.losses.statistics import mean_gram


def maps(channels: int, height: int, width: int, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    level = torch.randn(1, channels, 1, 1, generator=generator, dtype=torch.float64)
    return torch.rand(1, channels, height, width, generator=generator, dtype=torch.float64) + level


def seen(features: torch.Tensor, picture: torch.Tensor | None = None, layer: str = "conv1_1") -> View:
    """Return a view of a picture in which a layer has these features."""
    picture = torch.zeros(1, 3, *features.shape[2:], dtype=torch.float64) if picture is None else picture
    return View(picture, Features((layer,), iter([(layer, features)])))


def by_hand(moments: Moments, rows: torch.Tensor) -> None:
    """Check moments against those of some rows of features, one column a place."""
    mean = rows.mean(dim=1)
    covariance = torch.einsum("cn,dn->cd", rows - mean[:, None], rows - mean[:, None]) / rows.shape[1]
    torch.testing.assert_close(moments.mean, mean, rtol=1e-9, atol=1e-12)
    torch.testing.assert_close(moments.covariance, covariance, rtol=1e-9, atol=1e-12)


@settings(max_examples=50, deadline=None)
@given(
    sides=st.lists(st.tuples(st.integers(1, 9), st.integers(1, 9)), min_size=1, max_size=4),
    channels=st.integers(1, 6),
    seed=st.integers(0, 1000),
)
def test_moments_mixed_by_size_are_those_of_the_features_side_by_side(sides, channels, seed):
    several = [maps(channels, *side, seed=seed + number) for number, side in enumerate(sides)]
    total = sum(height * width for height, width in sides)
    found = mixed_moments([(mean_covariance(some), some[0, 0].numel() / total) for some in several])
    by_hand(found, torch.cat([some[0].flatten(1) for some in several], dim=1))


@settings(max_examples=30, deadline=None)
@given(shares=st.lists(st.floats(0.01, 1), min_size=2, max_size=4), seed=st.integers(0, 1000))
def test_the_gram_matrix_of_a_mixture_is_the_mixture_of_the_gram_matrices(shares, seed):
    several = [maps(4, 5, 6 + n, seed=seed + n) for n in range(len(shares))]
    shares = [share / sum(shares) for share in shares]
    found = mean_gram(mixed_moments([(mean_covariance(some), p) for some, p in zip(several, shares, strict=True)]))
    expected = sum(
        p * torch.einsum("cyx,dyx->cd", f[0], f[0]) / f[0, 0].numel() for p, f in zip(shares, several, strict=True)
    )
    torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-12)


def test_a_lesson_teaches_the_mixture_of_its_teachers():
    first, second = maps(4, 6, 6, seed=1), maps(4, 6, 12, seed=2)
    lesson = Lesson(teachers=(Teacher(view=seen(first), share=1 / 3), Teacher(view=seen(second), share=2 / 3)))
    by_hand(lesson.moments("conv1_1"), torch.cat([first[0].flatten(1), second[0].flatten(1)], dim=1))


def test_a_lesson_of_one_teacher_teaches_its_map_as_it_is():
    features = maps(4, 6, 6)
    assert Lesson.of(seen(features)).moments("conv1_1") is features
    assert Lesson.of(seen(features)).weight == 1


@settings(max_examples=100, deadline=None)
@given(
    shares=st.lists(st.floats(1e-9, 1), min_size=1, max_size=6),
    count=st.integers(0, 5000),
)
def test_a_number_is_shared_out_without_anything_lost(shares, count):
    shares = [share / sum(shares) for share in shares]
    teachers = tuple(Teacher(view=seen(maps(1, 1, 1)), share=share) for share in shares)
    parts = Lesson(teachers=teachers).split(count)
    assert sum(number for _, number in parts) == count
    assert all(number > 0 for _, number in parts)
    given_ = {id(teacher): number for teacher, number in parts}
    for teacher in teachers:
        assert abs(given_.get(id(teacher), 0) - teacher.share * count) <= 1 + 1e-6


@pytest.mark.parametrize("border", [0, 1, 2])
def test_a_teacher_without_a_mask_teaches_all_but_its_border(border):
    features = maps(4, 9, 8)
    inner = features[:, :, border : 9 - border, border : 8 - border]
    teacher = Teacher(view=seen(features), border=border)
    torch.testing.assert_close(teacher.moments("conv1_1"), inner, rtol=0, atol=0)
    torch.testing.assert_close(teacher.vectors("conv1_1"), inner, rtol=0, atol=0)


def test_a_map_too_small_to_lose_a_border_keeps_it():
    features = maps(4, 5, 9)
    assert Teacher(view=seen(features), border=1).moments("conv1_1").shape == features.shape


@pytest.mark.parametrize("border", [0, 1])
def test_a_mask_of_ones_changes_nothing(border):
    features, picture = maps(4, 9, 8), torch.rand(1, 3, 18, 16, generator=torch.Generator().manual_seed(1)).double()
    ones = torch.ones(1, 1, 18, 16, dtype=torch.float64)
    plain = Teacher(view=seen(features, picture), border=border)
    masked = Teacher(view=seen(features, picture), mask=ones, border=border)
    expected = mean_covariance(plain.moments("conv1_1"))
    torch.testing.assert_close(masked.moments("conv1_1").mean, expected.mean)
    torch.testing.assert_close(masked.moments("conv1_1").covariance, expected.covariance)
    torch.testing.assert_close(masked.vectors("conv1_1").flatten(2), plain.vectors("conv1_1").flatten(2))
    for of in (Lesson.grain, lambda lesson: lesson.gamut().darkest, lambda lesson: lesson.gamut().lightest):
        torch.testing.assert_close(of(Lesson(teachers=(masked,))), of(Lesson(teachers=(plain,))))
    places = torch.rand(20, 2, generator=torch.Generator().manual_seed(2))
    assert torch.equal(masked.teaches(places), places)


def test_a_hard_half_teaches_its_own_places_and_at_its_edge_a_third_and_two_thirds():
    features, mask = maps(4, 9, 12), torch.zeros(1, 1, 9, 12, dtype=torch.float64)
    mask[..., 6:] = 1
    weights = torch.zeros(9, 12, dtype=torch.float64)
    weights[:, 7:], weights[:, 6], weights[:, 5] = 1, 2 / 3, 1 / 3
    weights /= weights.sum()
    found = Teacher(view=seen(features), mask=mask).moments("conv1_1")
    mean = torch.einsum("yx,cyx->c", weights, features[0])
    centred = features[0] - mean[:, None, None]
    torch.testing.assert_close(found.mean, mean)
    torch.testing.assert_close(found.covariance, torch.einsum("yx,cyx,dyx->cd", weights, centred, centred))
    # Losses that know no half places take those that belong by half.
    vectors = Teacher(view=seen(features), mask=mask).vectors("conv1_1")
    torch.testing.assert_close(vectors[0, :, :, 0], features[0, :, :, 6:].flatten(1), rtol=0, atol=0)


def test_what_is_black_in_a_mask_teaches_nothing():
    features, mask = maps(4, 12, 12), torch.zeros(1, 1, 12, 12, dtype=torch.float64)
    mask[..., :6] = 1
    spoiled = features.clone()
    spoiled[..., 7:] = 99
    for border in (0, 1):
        plain, other = (Teacher(view=seen(some), mask=mask, border=border) for some in (features, spoiled))
        torch.testing.assert_close(plain.moments("conv1_1").covariance, other.moments("conv1_1").covariance)
        assert torch.equal(plain.vectors("conv1_1"), other.vectors("conv1_1"))


def test_places_that_teach_are_those_where_the_mask_is_white():
    mask = torch.zeros(1, 1, 10, 20)
    mask[..., :5, :10] = 1
    places = torch.tensor([[0.1, 0.1], [0.9, 0.1], [0.1, 0.9], [0.49, 0.49], [0.51, 0.49]])
    assert torch.equal(Teacher(view=seen(maps(1, 1, 1)), mask=mask).teaches(places), places[[0, 3]])
    lesson = Lesson(teachers=(Teacher(view=seen(maps(1, 1, 1))),), where=mask)
    assert torch.equal(lesson.learning(places), places[[0, 3]])
    assert lesson.weight == pytest.approx(0.25)


def test_the_grain_of_several_is_the_mean_of_their_mean_squares():
    pictures = [torch.rand(1, 3, 9, 9, generator=torch.Generator().manual_seed(n)).double() for n in (1, 2)]
    teachers = tuple(
        Teacher(view=seen(maps(1, 9, 9), picture), share=share)
        for picture, share in zip(pictures, (0.25, 0.75), strict=True)
    )
    expected = 0.25 * grain(pictures[0]) + 0.75 * grain(pictures[1])
    torch.testing.assert_close(Lesson(teachers=teachers).grain(), expected)


def test_the_grain_of_a_part_is_that_of_its_pixels_against_the_definition():
    picture = torch.rand(1, 3, 8, 10, generator=torch.Generator().manual_seed(1)).double()
    where = torch.rand(1, 1, 8, 10, generator=torch.Generator().manual_seed(2)).double()
    r, g, b = (picture[0] * 255).unbind()
    expected = []
    for channel in ((r + g + b) / 3, (r - b) / 2, (2 * g - r - b) / 4):
        total = 0.0
        for difference, weight in (
            (channel.diff(dim=0), where[0, 0, 1:] + where[0, 0, :-1]),
            (channel.diff(dim=1), where[0, 0, :, 1:] + where[0, 0, :, :-1]),
        ):
            total = total + (weight * difference.square()).sum() / weight.sum()
        expected.append(total)
    torch.testing.assert_close(regional_grain(picture, *neighbor_shares(where))[0], torch.stack(expected))
    torch.testing.assert_close(
        regional_grain(picture, *neighbor_shares(torch.full_like(where, 0.3)))[0], grain(picture)
    )


def test_the_gamut_of_several_lies_between_theirs():
    pictures = [torch.full((1, 3, 12, 12), value, dtype=torch.float64) for value in (0.04, 0.98)]
    teachers = tuple(Teacher(view=seen(maps(1, 1, 1), picture), share=0.5) for picture in pictures)
    found = Lesson(teachers=teachers).gamut()
    torch.testing.assert_close(found.darkest.flatten(), torch.full((3,), 0.07, dtype=torch.float64))
    torch.testing.assert_close(found.lightest.flatten(), torch.full((3,), 0.94, dtype=torch.float64))


def test_the_gamut_of_a_part_is_that_of_the_part_alone():
    picture = torch.full((1, 3, 20, 20), 0.5, dtype=torch.float64)
    picture[..., 10:] = 0.97
    picture[..., :10] = 0.05
    mask = torch.zeros(1, 1, 20, 20, dtype=torch.float64)
    mask[..., 12:] = 1
    found = gamut_of(picture, mask)
    torch.testing.assert_close(found.lightest.flatten(), torch.full((3,), 0.97, dtype=torch.float64))
    torch.testing.assert_close(found.darkest.flatten(), torch.full((3,), 0.1, dtype=torch.float64))


def test_each_part_of_a_canvas_is_held_to_its_own_extremes_and_what_is_kept_to_none():
    shape = (1, 3, 1, 1)
    narrow = Gamut(torch.full(shape, 0.1), torch.full(shape, 0.9))
    wide = Gamut(torch.full(shape, 0.0), torch.full(shape, 1.0))
    left, middle = torch.zeros(1, 1, 12, 18), torch.zeros(1, 1, 12, 18)
    left[..., :6], middle[..., 6:12] = 1, 1
    both = regional_gamut([(narrow, left), (wide, middle)])
    for columns, costs in ((slice(0, 5), True), (slice(7, 11), False), (slice(13, 18), False)):
        picture = torch.full((1, 3, 12, 18), 0.5)
        picture[..., columns] = 1.0
        assert (gamut_loss(picture, both) > 0.1) == costs
        picture[..., columns] = 0.0
        assert (gamut_loss(picture, both) > 0.1) == costs
    everywhere = regional_gamut([(narrow, torch.ones(1, 1, 12, 18))])
    white = torch.ones(1, 3, 12, 18)
    torch.testing.assert_close(gamut_loss(white, everywhere), gamut_loss(white, narrow), rtol=1e-4, atol=0)


@settings(max_examples=30, deadline=None)
@given(counts=st.lists(st.integers(1, 9), min_size=1, max_size=4), seed=st.integers(0, 1000))
def test_quantiles_of_several_are_sorted_together(counts, seed):
    several = [histogram_targets(maps(3, 4, 4, seed=seed + n), positions=count) for n, count in enumerate(counts)]
    found = mixed_targets(several)
    assert found.shape == (3, sum(counts))
    torch.testing.assert_close(found, torch.cat(several, dim=1).sort(dim=1).values, rtol=0, atol=0)

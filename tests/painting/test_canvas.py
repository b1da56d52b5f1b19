"""The canvas: coordinates and pictures."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from impasto.painting.canvas import make_canvas


def random_picture(seed: int = 0) -> torch.Tensor:
    return torch.rand(1, 3, 5, 7, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("kind", ["box", "free"])
def test_a_canvas_shows_the_picture_it_starts_from(kind):
    canvas, picture = make_canvas(kind), random_picture()
    picture[0, :, 0, 0], picture[0, :, 0, 1] = 0, 1
    torch.testing.assert_close(canvas.picture(canvas.coordinates(picture)), picture, atol=2e-6, rtol=0)


@settings(max_examples=50, deadline=None)
@given(scale=st.floats(1e-3, 1e6), seed=st.integers(0, 99))
def test_the_box_keeps_every_pixel_in_range_at_any_coordinates(scale, seed):
    coordinates = torch.randn(1, 3, 8, 8, generator=torch.Generator().manual_seed(seed)) * scale
    picture = make_canvas("box").picture(coordinates)
    assert picture.min() >= 0
    assert picture.max() <= 1


def test_the_box_reaches_black_and_white_and_leaves_them_again():
    canvas = make_canvas("box")
    coordinates = canvas.coordinates(torch.tensor([0.0, 1.0, 0.5]).expand(1, 3, 1, 3)).requires_grad_()
    (gradient,) = torch.autograd.grad(canvas.picture(coordinates).sum(), coordinates)
    assert (gradient > 0).all()


def test_coordinates_are_of_the_scale_of_gray_levels():
    for kind, low, high in (("free", 1.0, 1.0), ("box", 0.5, 0.8)):
        canvas = make_canvas(kind)
        middle = canvas.coordinates(torch.full((1, 3, 1, 1), 0.5))
        moved = (canvas.picture(middle + 1) - canvas.picture(middle)) * 255
        assert low - 1e-3 <= moved.mean().item() <= high + 1e-3


def test_the_free_canvas_leaves_the_range():
    canvas = make_canvas("free")
    assert canvas.picture(torch.full((1, 3, 1, 1), 300.0)).max() > 1


def test_inside_the_box_the_gradient_agrees_with_finite_differences():
    canvas = make_canvas("box")
    inside = canvas.coordinates(random_picture().double() * 0.9 + 0.05).requires_grad_()
    torch.autograd.gradcheck(lambda z: canvas.picture(z).square().sum(), inside)


@pytest.mark.parametrize("kind", ["box", "free"])
def test_a_gray_canvas_has_one_number_for_a_pixel_and_paints_gray(kind):
    canvas, picture = make_canvas(kind, gray=True), random_picture()
    coordinates = canvas.coordinates(picture)
    assert coordinates.shape == (1, 1, 5, 7)
    shown = canvas.picture(coordinates)
    torch.testing.assert_close(shown, picture.mean(dim=1, keepdim=True).expand(1, 3, 5, 7), atol=2e-6, rtol=0)

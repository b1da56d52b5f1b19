"""Random places and the features there, against SciPy, torch's grid_sample and finite differences."""

import numpy as np
import pytest
import scipy.ndimage
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from loss_inputs import random_map, seeded
from torch.nn import functional

from impasto.losses.sampling import hypercolumns, layer_scales, sample_positions


@settings(max_examples=50, deadline=None)
@given(down=st.integers(1, 12), across=st.integers(1, 12), seed=st.integers(0, 99))
def test_every_square_of_the_picture_has_one_place(down, across, seed):
    positions = sample_positions(8 * down, 8 * across, down * across, seeded(seed)).double()
    # One rounding to fp32 may lift a place onto the next square's edge.
    cells = {(int(x * across - 1e-6), int(y * down - 1e-6)) for x, y in positions.tolist()}
    assert cells == {(x, y) for x in range(across) for y in range(down)}


@settings(max_examples=50, deadline=None)
@given(h=st.integers(1, 300), w=st.integers(1, 300), count=st.integers(1, 1000))
def test_positions_are_inside_the_picture_and_nearly_as_many_as_requested(h, w, count):
    positions = sample_positions(h, w, count, seeded())
    assert positions.min() >= 0
    assert positions.max() <= 1
    assert len(positions) <= min(count, h * w)
    # Up to one row is lost to whole rows, and a few columns more where a side has fewer pixels than cells.
    assert len(positions) >= min(count, h * w) / 2


def test_scaled_columns_have_a_mean_squared_length_of_1_in_every_layer():
    features = {"a": random_map(3, 4, 5) * 100, "b": random_map(7, 2, 2) / 100}
    scales = layer_scales(features)
    for name, maps in features.items():
        assert np.mean(np.sum((maps.numpy()[0] * scales[name]) ** 2, axis=0)) == pytest.approx(1)


def test_a_layer_that_is_zero_is_not_scaled():
    assert layer_scales({"a": torch.zeros(1, 3, 4, 5)}) == {"a": 1.0}


@settings(max_examples=20, deadline=None)
@given(h=st.integers(1, 7), w=st.integers(1, 7), seed=st.integers(0, 99))
def test_maps_are_interpolated_as_scipy_does(h, w, seed):
    maps = random_map(2, h, w, seed)
    places = torch.rand(20, 2, generator=seeded(seed), dtype=torch.float64)
    places[:4] = torch.tensor([[0, 0], [0, 1], [1, 0], [1, 1]])
    coordinates = [places[:, 1].numpy() * h - 0.5, places[:, 0].numpy() * w - 0.5]
    expected = [
        scipy.ndimage.map_coordinates(channel, coordinates, order=1, mode="nearest") for channel in maps.numpy()[0]
    ]
    np.testing.assert_allclose(hypercolumns({"a": maps}, places, scales={"a": 1.0}), np.transpose(expected), atol=1e-12)


@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last])
def test_hypercolumns_are_scaled_layers_side_by_side(memory_format):
    features = {"b": random_map(2, 6, 8, 1), "a": random_map(3, 3, 4, 2)}
    features = {name: maps.contiguous(memory_format=memory_format) for name, maps in features.items()}
    places = torch.rand(10, 2, generator=seeded(), dtype=torch.float64)
    expected = torch.cat(
        [
            scale
            * functional.grid_sample(
                features[name], places[None, None] * 2 - 1, padding_mode="border", align_corners=False
            )[0, :, 0].T
            for name, scale in (("b", 2.0), ("a", 0.5))
        ],
        dim=1,
    )
    torch.testing.assert_close(hypercolumns(features, places, scales={"a": 0.5, "b": 2.0}), expected)


def test_gradients_agree_with_finite_differences():
    places = sample_positions(6, 8, 10, seeded())
    assert torch.autograd.gradcheck(
        lambda a, b: hypercolumns({"a": a, "b": b}, places, scales={"a": 1.0, "b": 3.0}),
        (random_map(2, 6, 8, 1).requires_grad_(), random_map(3, 3, 4, 2).requires_grad_()),
    )


def test_half_precision_maps_give_fp32_columns_and_a_gradient_in_their_own_format():
    maps = random_map(2, 6, 8, dtype=torch.bfloat16).contiguous(memory_format=torch.channels_last).requires_grad_()
    places = sample_positions(6, 8, 10, seeded())
    columns = hypercolumns({"a": maps}, places, scales={"a": 1.0})
    assert columns.dtype == torch.float32
    expected = hypercolumns({"a": maps.detach().double()}, places.double(), scales={"a": 1.0})
    torch.testing.assert_close(columns.double(), expected, atol=1e-5, rtol=1e-5)
    columns.sum().backward()
    assert maps.grad.dtype == torch.bfloat16
    assert maps.grad.is_contiguous(memory_format=torch.channels_last)
    assert maps.grad.double().sum().item() == pytest.approx(columns.numel(), rel=0.02)

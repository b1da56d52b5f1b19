"""Products of maps against NumPy in double precision, and what the quick route leaves behind."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from impasto.losses import products
from impasto.losses.products import centred, pieces, quick_products, self_product, slope_product


def maps(channels: int, height: int, width: int, seed: int, dtype: torch.dtype) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    made = torch.randn(1, channels, height, width, generator=generator, dtype=torch.float64).relu() * 3
    return made.to(dtype).contiguous(memory_format=torch.channels_last)


def as_rows(features: torch.Tensor) -> np.ndarray:
    return features.double().numpy().reshape(features.shape[1], -1)


@settings(max_examples=30, deadline=None)
@given(
    channels=st.integers(1, 9),
    height=st.integers(1, 6),
    width=st.integers(1, 6),
    seed=st.integers(0, 99),
    dtype=st.sampled_from([torch.float64, torch.float32, torch.bfloat16]),
)
def test_self_product_is_numpys(channels, height, width, seed, dtype):
    features = maps(channels, height, width, seed, dtype)
    rows = as_rows(features)
    product = self_product(features)
    assert product.dtype == (torch.float64 if dtype == torch.float64 else torch.float32)
    np.testing.assert_allclose(product.double(), rows @ rows.T, rtol=2e-3, atol=1e-4)


def test_a_product_does_not_depend_on_how_many_numbers_are_worked_on_at_a_time(monkeypatch):
    features = maps(4, 5, 7, 1, torch.float64)
    whole = self_product(features)
    monkeypatch.setattr(products, "NUMBERS_AT_ONCE", 9)
    torch.testing.assert_close(self_product(features), whole)
    assert len(list(pieces(products.flat(features)))) == 18


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
def test_slope_product_is_its_formula_in_the_features_own_format_and_order(dtype):
    features = maps(6, 5, 4, 2, dtype)
    generator = torch.Generator().manual_seed(3)
    exact = torch.float64 if dtype == torch.float64 else torch.float32
    slope = torch.randn(6, 6, generator=generator, dtype=exact)
    mean, constant = torch.randn(2, 6, generator=generator, dtype=exact)
    expected = slope.double().numpy() @ (as_rows(features) - mean.double().numpy()[:, None])
    expected += constant.double().numpy()[:, None]
    found = slope_product(slope, features, mean=mean, constant=constant)
    assert found.dtype == dtype
    assert found.is_contiguous(memory_format=torch.channels_last)
    error = np.linalg.norm(as_rows(found) - expected) / np.linalg.norm(expected)
    assert error < {torch.float64: 1e-12, torch.float32: 1e-6, torch.bfloat16: 1e-2}[dtype]
    plain = as_rows(slope_product(slope, features))
    expected = slope.double().numpy() @ as_rows(features)
    assert np.linalg.norm(plain - expected) / np.linalg.norm(expected) < 1e-2


def test_a_constant_channel_gets_the_constant_alone():
    features = torch.full((1, 3, 4, 4), 100.0, dtype=torch.bfloat16)
    slope = torch.tensor([[0.3, 0.7, -0.1], [0.2, 0.9, 0.4], [0.1, 0.5, 0.6]])
    found = slope_product(slope, features, mean=torch.full((3,), 100.0), constant=torch.tensor([1.0, 2.0, 4.0]))
    for channel, value in enumerate((1.0, 2.0, 4.0)):
        # The shift is rounded to 8 bits before it meets the product.
        assert found[0, channel].float() == pytest.approx(np.full((4, 4), value), abs=0.5)


def test_pieces_less_a_shift_leave_the_maps_as_they_were():
    features = maps(3, 4, 4, 4, torch.float64)
    kept = features.clone()
    for some in centred(products.flat(features), torch.ones(3, dtype=torch.float64)):
        some.zero_()
    assert torch.equal(features, kept)


def test_the_quick_route_is_left_as_it_was_found():
    before = torch.backends.mkldnn.matmul.fp32_precision
    with quick_products(torch.zeros(1, dtype=torch.bfloat16)):
        assert torch.backends.mkldnn.matmul.fp32_precision == "bf16"
    assert torch.backends.mkldnn.matmul.fp32_precision == before
    with pytest.raises(RuntimeError, match="broken"), quick_products(torch.zeros(1, dtype=torch.bfloat16)):
        raise RuntimeError("broken")
    assert torch.backends.mkldnn.matmul.fp32_precision == before
    with quick_products(torch.zeros(1)):
        assert torch.backends.mkldnn.matmul.fp32_precision == before

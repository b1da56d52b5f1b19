"""Products of maps against NumPy in double precision, and what the quick route leaves behind."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from impasto.backbones import products
from impasto.backbones.products import centred, pieces, quick_products, self_product, slope_product


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
    exact = dtype == torch.float64
    np.testing.assert_allclose(
        product.double(), rows @ rows.T, rtol=1e-12 if exact else 1e-5, atol=1e-12 if exact else 1e-4
    )


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
    error = np.linalg.norm(plain - expected) / np.linalg.norm(expected)
    assert error < {torch.float64: 1e-12, torch.float32: 1e-6, torch.bfloat16: 1e-2}[dtype]


@pytest.mark.parametrize("ripple", [0.0, 2.0**-8])
def test_what_hardly_varies_is_not_drowned_by_the_rounding_of_its_mean(ripple):
    generator = torch.Generator().manual_seed(5)
    waves = torch.randn(1, 3, 4, 4, generator=generator).sign() * ripple
    features = (torch.tensor([0.75, 1.25, 0.375]).reshape(1, 3, 1, 1) + waves).bfloat16()
    rows = as_rows(features)
    mean = rows.mean(axis=1)
    slope = torch.tensor([[300.1, 700.7, -100.3], [200.9, 900.2, 400.4], [100.6, 500.5, 600.8]])
    constant = torch.tensor([1.0, 2.0, 4.0])
    found = as_rows(slope_product(slope, features, mean=torch.from_numpy(mean).float(), constant=constant))
    expected = slope.double().numpy() @ (rows - mean[:, None]) + constant.double().numpy()[:, None]
    assert np.linalg.norm(found - expected) < 0.01 * np.linalg.norm(expected)


def test_pieces_less_a_shift_leave_the_maps_as_they_were():
    features = maps(3, 4, 4, 4, torch.float64)
    kept = features.clone()
    for some in centred(products.flat(features), torch.ones(3, dtype=torch.float64)):
        some.zero_()
    assert torch.equal(features, kept)


@pytest.fixture
def matmul():
    found = getattr(torch.backends.mkldnn, "matmul", None)
    if found is None:
        pytest.fail("this torch has no such setting: the quick route needs 2.9 or newer")
    return found


def test_the_quick_route_is_left_as_it_was_found(matmul):
    before, half = matmul.fp32_precision, torch.zeros(1, dtype=torch.bfloat16)
    with quick_products(half):
        assert matmul.fp32_precision == "bf16"
    assert matmul.fp32_precision == before
    with pytest.raises(RuntimeError, match="broken"), quick_products(half):
        raise RuntimeError("broken")
    assert matmul.fp32_precision == before
    with quick_products(torch.zeros(1)):
        assert matmul.fp32_precision == before


def test_the_last_of_several_threads_to_leave_the_quick_route_gives_the_setting_back(matmul):
    before, half = matmul.fp32_precision, torch.zeros(1, dtype=torch.bfloat16)
    first, second = quick_products(half), quick_products(half)
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    assert matmul.fp32_precision == "bf16"
    second.__exit__(None, None, None)
    assert matmul.fp32_precision == before


def test_a_torch_without_the_setting_multiplies_as_ever(monkeypatch):
    monkeypatch.setattr(torch.backends.mkldnn, "matmul", None, raising=False)
    features = maps(3, 4, 4, 6, torch.bfloat16)
    np.testing.assert_allclose(self_product(features), as_rows(features) @ as_rows(features).T, rtol=1e-5)

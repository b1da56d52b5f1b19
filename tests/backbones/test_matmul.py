"""Products of maps against NumPy in double precision, and the restored settings of the fast kernel."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from impasto.backbones import matmul as matmul_module
from impasto.backbones.matmul import bf16_matmul, centered_chunks, chunks, flat, gradient_product, self_product


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


def test_a_product_does_not_depend_on_how_many_numbers_are_processed_at_a_time(monkeypatch):
    features = maps(4, 5, 7, 1, torch.float64)
    whole = self_product(features)
    monkeypatch.setattr(matmul_module, "CHUNK", 9)
    torch.testing.assert_close(self_product(features), whole)
    assert len(list(chunks(flat(features)))) == 18


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
def test_gradient_product_is_its_formula_in_the_features_format_and_memory_order(dtype):
    features = maps(6, 5, 4, 2, dtype)
    generator = torch.Generator().manual_seed(3)
    exact = torch.float64 if dtype == torch.float64 else torch.float32
    slope = torch.randn(6, 6, generator=generator, dtype=exact)
    mean, constant = torch.randn(2, 6, generator=generator, dtype=exact)
    expected = slope.double().numpy() @ (as_rows(features) - mean.double().numpy()[:, None])
    expected += constant.double().numpy()[:, None]
    found = gradient_product(slope, features, mean=mean, constant=constant)
    assert found.dtype == dtype
    assert found.is_contiguous(memory_format=torch.channels_last)
    error = np.linalg.norm(as_rows(found) - expected) / np.linalg.norm(expected)
    assert error < {torch.float64: 1e-12, torch.float32: 1e-6, torch.bfloat16: 1e-2}[dtype]
    plain = as_rows(gradient_product(slope, features))
    expected = slope.double().numpy() @ as_rows(features)
    error = np.linalg.norm(plain - expected) / np.linalg.norm(expected)
    assert error < {torch.float64: 1e-12, torch.float32: 1e-6, torch.bfloat16: 1e-2}[dtype]


@pytest.mark.parametrize("ripple", [0.0, 2.0**-8])
def test_small_variations_survive_the_rounding_of_their_mean(ripple):
    generator = torch.Generator().manual_seed(5)
    waves = torch.randn(1, 3, 4, 4, generator=generator).sign() * ripple
    features = (torch.tensor([0.75, 1.25, 0.375]).reshape(1, 3, 1, 1) + waves).bfloat16()
    rows = as_rows(features)
    mean = rows.mean(axis=1)
    slope = torch.tensor([[300.1, 700.7, -100.3], [200.9, 900.2, 400.4], [100.6, 500.5, 600.8]])
    constant = torch.tensor([1.0, 2.0, 4.0])
    found = as_rows(gradient_product(slope, features, mean=torch.from_numpy(mean).float(), constant=constant))
    expected = slope.double().numpy() @ (rows - mean[:, None]) + constant.double().numpy()[:, None]
    assert np.linalg.norm(found - expected) < 0.01 * np.linalg.norm(expected)


def test_centered_chunks_are_copies():
    features = maps(3, 4, 4, 4, torch.float64)
    kept = features.clone()
    for some in centered_chunks(flat(features), torch.ones(3, dtype=torch.float64)):
        some.zero_()
    assert torch.equal(features, kept)


@pytest.fixture
def matmul():
    found = getattr(torch.backends.mkldnn, "matmul", None)
    if found is None:
        pytest.fail("this torch has no such setting: the fast route needs 2.9 or newer")
    return found


def test_the_setting_of_the_fast_route_is_restored(matmul):
    before, half = matmul.fp32_precision, torch.zeros(1, dtype=torch.bfloat16)
    with bf16_matmul(half):
        assert matmul.fp32_precision == "bf16"
    assert matmul.fp32_precision == before
    with pytest.raises(RuntimeError, match="broken"), bf16_matmul(half):
        raise RuntimeError("broken")
    assert matmul.fp32_precision == before
    with bf16_matmul(torch.zeros(1)):
        assert matmul.fp32_precision == before


def test_the_last_of_several_threads_to_leave_the_fast_route_restores_the_setting(matmul):
    before, half = matmul.fp32_precision, torch.zeros(1, dtype=torch.bfloat16)
    first, second = bf16_matmul(half), bf16_matmul(half)
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    assert matmul.fp32_precision == "bf16"
    second.__exit__(None, None, None)
    assert matmul.fp32_precision == before


def test_a_torch_without_the_setting_multiplies_all_the_same(monkeypatch):
    monkeypatch.setattr(torch.backends.mkldnn, "matmul", None, raising=False)
    features = maps(3, 4, 4, 6, torch.bfloat16)
    np.testing.assert_allclose(self_product(features), as_rows(features) @ as_rows(features).T, rtol=1e-5)

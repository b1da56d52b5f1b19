"""The first block of VGG-19 in chunks against the same block in one piece."""

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from impasto.backbones import FeatureExtractor, Moments, build_extractor, chunked, moments_of
from impasto.backbones.chunked import FirstBlock, evaluate_in_chunks
from impasto.backbones.pooling import halve

CPU = torch.device("cpu")


def block(of_moments: tuple[str, ...], **changes: Any) -> FirstBlock:
    generator = torch.Generator().manual_seed(1)
    first, second = (
        (torch.randn(4, inputs, 3, 3, generator=generator).double(), torch.randn(4, generator=generator).double())
        for inputs in (3, 4)
    )
    options: dict[str, Any] = {"padding": "reflect", "pooling": "l2", "dtype": torch.float64}
    return FirstBlock(first=first, second=second, of_moments=of_moments, **options | changes)


def numbers(pooled: Tensor, moments: list[Moments]) -> list[Tensor]:
    return [pooled, *(number for pair in moments for number in (pair.mean, pair.covariance))]


def in_one_piece(image: Tensor, block: FirstBlock) -> list[Tensor]:
    first = block.conv1_1(image)
    maps = {"conv1_1": first, "conv1_2": block.conv1_2(first)}
    return numbers(halve(maps["conv1_2"], block.pooling), [moments_of(maps[name]) for name in block.of_moments])


@pytest.fixture
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chunked, "STRIP_PIXELS", 8)
    monkeypatch.setattr(chunked, "_MIN_ROWS", 2)
    monkeypatch.setattr(chunked, "MIN_PIXELS", 16)


@pytest.mark.usefixtures("small_chunks")
@settings(max_examples=60, deadline=None)
@given(
    height=st.integers(2, 13),
    width=st.integers(2, 6),
    padding=st.sampled_from(["zeros", "reflect", "replicate"]),
    pooling=st.sampled_from(["max", "average", "l2"]),
    of_moments=st.sampled_from([(), ("conv1_1",), ("conv1_2",), ("conv1_1", "conv1_2")]),
    seed=st.integers(0, 99),
)
def test_map_moments_and_gradient_are_those_of_one_piece(
    height: int, width: int, padding: str, pooling: str, of_moments: tuple[str, ...], seed: int
) -> None:
    generator = torch.Generator().manual_seed(seed)
    image = torch.randn(1, 3, height, width, generator=generator).double().requires_grad_()
    first_block = block(of_moments, padding=padding, pooling=pooling)
    pooled, moments = evaluate_in_chunks(image, first_block)
    found, expected = numbers(pooled, list(moments.values())), in_one_piece(image, first_block)
    factors = [torch.randn(out.shape, generator=generator).double() for out in expected]
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other)
    gradients = [torch.autograd.grad(outputs, image, factors)[0] for outputs in (found, expected)]
    torch.testing.assert_close(*gradients)


@pytest.mark.usefixtures("small_chunks")
def test_only_the_image_and_the_means_are_kept(saved_tensors) -> None:
    image = torch.randn(1, 3, 40, 8).double().requires_grad_()
    with saved_tensors() as kept:
        evaluate_in_chunks(image, block(("conv1_1",)))
    assert [t.shape for t in kept] == [image.shape, (4,)]


@pytest.mark.usefixtures("small_chunks")
def test_a_gradient_that_is_not_finite_is_not_hidden() -> None:
    image = torch.randn(1, 3, 12, 6).double().requires_grad_()
    pooled, _ = evaluate_in_chunks(image, block(("conv1_1",)))
    (gradient,) = torch.autograd.grad(pooled, image, torch.full_like(pooled, torch.nan))
    assert not torch.isfinite(gradient).all()


@pytest.mark.usefixtures("small_chunks")
@pytest.mark.parametrize("height", [11, 12])
def test_moments_may_leave_the_border_of_the_map_out(height: int) -> None:
    image, both = torch.randn(1, 3, height, 6).double(), block(("conv1_1", "conv1_2"))
    first = both.conv1_1(image)
    _, found = evaluate_in_chunks(image, both, 2)
    for name, maps in (("conv1_1", first), ("conv1_2", both.conv1_2(first))):
        expected = moments_of(maps[:, :, 2:-2, 2:-2])
        torch.testing.assert_close(found[name].mean, expected.mean)
        torch.testing.assert_close(found[name].covariance, expected.covariance)
    with pytest.raises(ValueError, match="no gradient"):
        evaluate_in_chunks(image.requires_grad_(), both, 1)


LAYERS = ("conv1_1", "conv2_1")


def has_moments(extractor: FeatureExtractor, side: int = 16) -> bool:
    return isinstance(extractor(torch.rand(1, 3, side, side)).map_or_moments("conv1_1"), Moments)


@pytest.mark.usefixtures("small_chunks")
def test_large_images_are_evaluated_in_chunks_where_moments_are_enough(weights) -> None:
    extractor = build_extractor(weights, layers=LAYERS, of_moments=["relu1_1"], device=CPU)
    assert has_moments(extractor)
    assert not has_moments(extractor, side=4)
    features = extractor(torch.rand(1, 3, 16, 16))
    with pytest.raises(KeyError):
        features["conv1_1"]
    assert list(features) == ["conv2_1"]
    assert features["conv2_1"].shape == (1, 128, 8, 8)


@pytest.mark.usefixtures("small_chunks")
@pytest.mark.parametrize(
    ("layers", "of_moments"),
    [
        (LAYERS, ()),
        (LAYERS, ("conv2_1",)),
        (("conv1_1",), ("conv1_1",)),
        (("conv1_1", "conv1_2", "conv2_1"), ("conv1_1",)),
    ],
)
def test_maps_are_kept_if_they_are_wanted_or_nothing_follows(weights, layers, of_moments) -> None:
    assert not has_moments(build_extractor(weights, layers=layers, of_moments=of_moments, device=CPU))


@pytest.mark.usefixtures("small_chunks")
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_a_photo_in_chunks_has_the_features_of_one_piece(weights, photos, precision, monkeypatch) -> None:
    extractor = build_extractor(
        weights, layers=("conv1_1", "pool1", "conv3_1"), of_moments=["conv1_1"], precision=precision, device=CPU
    )
    photo = photos[0][..., :50, :61].clone().requires_grad_()
    found = []
    for min_pixels in (16, 10**6):
        monkeypatch.setattr(chunked, "MIN_PIXELS", min_pixels)
        features = extractor(photo)
        assert isinstance(features.map_or_moments("conv1_1"), Moments) == (min_pixels == 16)
        moments = moments_of(features.map_or_moments("conv1_1"))
        loss = moments.mean.square().sum() + moments.covariance.square().mean().sqrt()
        (gradient,) = torch.autograd.grad(loss + features["conv3_1"].float().square().mean(), photo)
        found.append((moments.mean, moments.covariance, features["pool1"].float(), gradient))
    for one, other in zip(*found, strict=True):
        assert (one - other).norm() < (1e-5 if precision == "fp32" else 2e-2) * other.norm()

"""The first block strip by strip against the same block in one piece."""

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from impasto.backbones import Extractor, extract, streamed
from impasto.backbones.moments import Moments, mean_covariance
from impasto.backbones.streamed import FirstBlock, stream
from impasto.backbones.vgg import pool

CPU = torch.device("cpu")


def block(asked: tuple[str, ...], **changes: Any) -> FirstBlock:
    generator = torch.Generator().manual_seed(1)
    first, second = (
        (torch.randn(4, into, 3, 3, generator=generator).double(), torch.randn(4, generator=generator).double())
        for into in (3, 4)
    )
    options: dict[str, Any] = {"padding": "reflect", "pooling": "l2", "dtype": torch.float64}
    return FirstBlock(first=first, second=second, asked=asked, **options | changes)


def in_one_piece(picture: Tensor, block: FirstBlock) -> list[Tensor]:
    first = block.first_map(picture)
    maps = {"conv1_1": first, "conv1_2": block.second_map(first)}
    moments = [mean_covariance(maps[name]) for name in block.asked]
    return [pool(maps["conv1_2"], block.pooling), *(number for pair in moments for number in pair)]


def in_strips(picture: Tensor, block: FirstBlock) -> list[Tensor]:
    pooled, moments = stream(picture, block)
    return [pooled, *(number for name in block.asked for number in moments[name])]


@pytest.fixture
def narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streamed, "STRIP", 8)
    monkeypatch.setattr(streamed, "_LEAST_ROWS", 2)
    monkeypatch.setattr(extract, "LARGE", 16)


@pytest.mark.usefixtures("narrow")
@settings(max_examples=60, deadline=None)
@given(
    height=st.integers(2, 13),
    width=st.integers(2, 6),
    padding=st.sampled_from(["zeros", "reflect", "replicate"]),
    pooling=st.sampled_from(["max", "average", "l2"]),
    asked=st.sampled_from([(), ("conv1_1",), ("conv1_2",), ("conv1_1", "conv1_2")]),
    seed=st.integers(0, 99),
)
def test_map_moments_and_gradient_are_those_of_one_piece(
    height: int, width: int, padding: str, pooling: str, asked: tuple[str, ...], seed: int
) -> None:
    generator = torch.Generator().manual_seed(seed)
    picture = torch.randn(1, 3, height, width, generator=generator).double().requires_grad_()
    first_block = block(asked, padding=padding, pooling=pooling)
    mine, expected = in_strips(picture, first_block), in_one_piece(picture, first_block)
    pulls = [torch.randn(out.shape, generator=generator).double() for out in expected]
    for one, other in zip(mine, expected, strict=True):
        torch.testing.assert_close(one, other)
    slopes = [torch.autograd.grad(outputs, picture, pulls)[0] for outputs in (mine, expected)]
    torch.testing.assert_close(*slopes)


@pytest.mark.usefixtures("narrow")
def test_nothing_but_the_picture_is_kept() -> None:
    kept: list[Tensor] = []

    def keep(tensor: Tensor) -> Tensor:
        kept.append(tensor)
        return tensor

    picture = torch.randn(1, 3, 40, 8).double().requires_grad_()
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        stream(picture, block(("conv1_1",)))
    assert [t.shape for t in kept] == [picture.shape, (4,)]


@pytest.mark.usefixtures("narrow")
def test_a_gradient_that_is_not_finite_is_not_hidden() -> None:
    picture = torch.randn(1, 3, 12, 6).double().requires_grad_()
    pooled, _ = stream(picture, block(("conv1_1",)))
    (slope,) = torch.autograd.grad(pooled, picture, torch.full_like(pooled, torch.nan))
    assert not torch.isfinite(slope).all()


@pytest.mark.usefixtures("narrow")
@pytest.mark.parametrize("height", [11, 12])
def test_moments_may_leave_the_border_of_the_map_out(height: int) -> None:
    picture, both = torch.randn(1, 3, height, 6).double(), block(("conv1_1", "conv1_2"))
    first = both.first_map(picture)
    _, found = stream(picture, both, 2)
    for name, maps in (("conv1_1", first), ("conv1_2", both.second_map(first))):
        for one, other in zip(found[name], mean_covariance(maps[:, :, 2:-2, 2:-2]), strict=True):
            torch.testing.assert_close(one, other)
    with pytest.raises(ValueError, match="no gradient"):
        stream(picture.requires_grad_(), both, 1)


LOOKED_AT = ("conv1_1", "conv2_1")


def streams(extractor: Extractor, side: int = 16, **options: Any) -> bool:
    return isinstance(extractor(torch.rand(1, 3, side, side), **options).seen("conv1_1"), Moments)


@pytest.mark.usefixtures("narrow")
def test_the_extractor_streams_where_moments_are_enough(weights) -> None:
    extractor = Extractor(weights, layers=LOOKED_AT, of_moments=["relu1_1"], device=CPU)
    assert streams(extractor)
    assert not streams(extractor, side=4)
    features = extractor(torch.rand(1, 3, 16, 16))
    with pytest.raises(KeyError):
        features["conv1_1"]
    assert list(features) == ["conv2_1"]
    assert features["conv2_1"].shape == (1, 128, 8, 8)


@pytest.mark.usefixtures("narrow")
@pytest.mark.parametrize(
    ("layers", "of_moments"),
    [
        (LOOKED_AT, ()),
        (LOOKED_AT, ("conv2_1",)),
        (("conv1_1",), ("conv1_1",)),
        (("conv1_1", "conv1_2", "conv2_1"), ("conv1_1",)),
    ],
)
def test_the_extractor_keeps_maps_that_somebody_looks_at_or_nothing_follows(weights, layers, of_moments) -> None:
    assert not streams(Extractor(weights, layers=layers, of_moments=of_moments, device=CPU))


@pytest.mark.usefixtures("narrow")
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_a_streamed_photo_looks_as_in_one_piece(weights, photos, precision, monkeypatch) -> None:
    extractor = Extractor(
        weights, layers=("conv1_1", "pool1", "conv3_1"), of_moments=["conv1_1"], precision=precision, device=CPU
    )
    photo = photos[0][..., :50, :61].clone().requires_grad_()
    found = []
    for large in (16, 10**6):
        monkeypatch.setattr(extract, "LARGE", large)
        features = extractor(photo)
        assert isinstance(features.seen("conv1_1"), Moments) == (large == 16)
        mean, covariance = mean_covariance(features.seen("conv1_1"))
        loss = mean.square().sum() + covariance.square().mean().sqrt() + features["conv3_1"].float().square().mean()
        found.append((mean, covariance, features["pool1"].float(), *torch.autograd.grad(loss, photo)))
    for one, other in zip(*found, strict=True):
        assert (one - other).norm() < (1e-5 if precision == "fp32" else 2e-2) * other.norm()

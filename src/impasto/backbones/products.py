"""Products of feature maps with themselves and with slopes, by the quickest route that is exact enough."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from jaxtyping import Float
from torch import Tensor

NUMBERS_AT_ONCE = 2**20
"""Numbers of a map that are worked on at a time: what fits the processor's cache is quicker, and no copy is made."""


def flat(features: Float[Tensor, "1 c h w"]) -> Float[Tensor, "c n"]:
    """Return a map as channels x positions, without a copy where its order in memory allows it."""
    return features.squeeze(0).flatten(1)


def precise(features: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    """Return half-precision features as fp32: sums over a whole picture need it."""
    return features.float() if features.dtype.itemsize < 4 else features


def pieces(maps: Float[Tensor, "c n"]) -> Iterator[Float[Tensor, "c _n"]]:
    """Yield some positions at a time, in fp32 or better."""
    for some in maps.split(max(1, NUMBERS_AT_ONCE // len(maps)), dim=1):
        yield precise(some)


def centred(maps: Float[Tensor, "c n"], shift: Float[Tensor, "c"]) -> Iterator[Float[Tensor, "c _n"]]:
    """Yield some positions at a time less a shift of every channel; each piece may be changed in place."""
    for some in maps.split(max(1, NUMBERS_AT_ONCE // len(maps)), dim=1):
        yield some.to(shift.dtype, copy=True).sub_(shift[:, None])


def self_product(features: Float[Tensor, "1 c h w"]) -> Float[Tensor, "c c"]:
    """Return F F^T, summed over the positions in fp32 or better."""
    maps = flat(features)
    total = precise(maps.new_zeros(())).new_zeros(len(maps), len(maps))
    with quick_products(features):
        for some in pieces(maps):
            total.addmm_(some, some.T)
    return total


def slope_product(
    slope: Float[Tensor, "c c"],
    features: Float[Tensor, "1 c h w"],
    *,
    mean: Float[Tensor, "c"] | None = None,
    constant: Float[Tensor, "c"] | None = None,
) -> Float[Tensor, "1 c h w"]:
    """Return S (F - m) + d, the gradient of a statistic, in the features' own number format, channels last in memory.

    Half-precision features are multiplied as they are, less m and with S rounded alike, the sums in fp32: the gradient
    gets that format anyway. m is taken out before the product, because of two large numbers only the rounding would
    be left where a channel hardly varies.
    """
    maps = flat(features)
    rounded = slope.to(features.dtype)
    if mean is None or constant is None:
        return (maps.T @ rounded.T).T.reshape(features.shape)
    near, rest = rounded_mean(mean, features.dtype)
    shift = (constant - rounded.to(slope.dtype) @ rest).to(features.dtype)
    by_position = maps.new_empty((maps.shape[1], len(maps)))
    step = max(1, NUMBERS_AT_ONCE // len(maps))
    for start in range(0, maps.shape[1], step):
        some = maps[:, start : start + step] - near[:, None]
        torch.addmm(shift, some.T, rounded.T, out=by_position[start : start + step])
    return by_position.T.reshape(features.shape)


def rounded_mean(mean: Float[Tensor, "c"], dtype: torch.dtype) -> tuple[Float[Tensor, "c"], Float[Tensor, "c"]]:
    """Return a mean in the features' number format, and what rounding took away, in its own."""
    near = mean.to(dtype)
    return near, mean - near.to(mean.dtype)


_LOCK = threading.Lock()
_inside: list[str] = []
"""The settings that those inside `quick_products` found; the first is given back when the last leaves."""


@contextmanager
def quick_products(features: Tensor) -> Iterator[None]:
    """Let oneDNN multiply fp32 numbers that come from bf16 features.

    Where the BLAS is slow on a processor (MKL on AMD) that is twice as quick, and as exact. Processors with AMX round
    the factors to bf16; the sums stay in fp32. The setting is that of the whole process while any thread is inside.
    """
    matmul = getattr(torch.backends.mkldnn, "matmul", None)
    if matmul is None or features.dtype != torch.bfloat16 or features.device.type != "cpu":
        yield
        return
    with _LOCK:
        _inside.append(matmul.fp32_precision)
        matmul.fp32_precision = "bf16"
    try:
        yield
    finally:
        with _LOCK:
            before = _inside[0]
            _inside.pop()
            if not _inside:
                matmul.fp32_precision = before

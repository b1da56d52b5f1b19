"""Sums and matrix products of feature maps, by the fastest exact enough kernel; threads do not change a result."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import torch
from jaxtyping import Float
from torch import Tensor

CHUNK = 2**20
"""Elements of a map processed at a time on a CPU: they fit the cache, and the whole map is not copied."""


_ROW: Final = 2**12
"""Numbers that one thread adds in `total`."""
_PIECE: Final = 2**10
"""Positions whose products one thread adds in `add_product`; oneDNN splits sums of about 2048 among threads."""


def total(values: Float[Tensor, "*shape"]) -> Float[Tensor, ""]:
    """Return the sum of all values, the same for any number of threads: torch's own full sum is split by threads.

    >>> total(torch.ones(3, 5000))
    tensor(15000.)
    """
    found: Tensor = _Total.apply(values)  # type: ignore[no-untyped-call]
    return found


def average(values: Float[Tensor, "*shape"]) -> Float[Tensor, ""]:
    """Return the mean of all values, see `total`."""
    return total(values) / values.numel()


class _Total(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, values: Tensor) -> Tensor:
        ctx.shape = values.shape
        in_memory = sorted(range(values.dim()), key=values.stride, reverse=True)
        rest = values.permute(in_memory).flatten()
        while values.device.type == "cpu" and len(rest) > _ROW:
            whole = len(rest) // _ROW * _ROW
            rest = torch.cat([rest[:whole].view(-1, _ROW).sum(dim=1), rest[whole:].sum(dim=0, keepdim=True)])
        return rest.sum()

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        return gradients[0].expand(ctx.shape)


def flat(features: Float[Tensor, "1 c h w"]) -> Float[Tensor, "c n"]:
    """Return a map as channels x positions, without a copy where its memory layout allows it."""
    return features.squeeze(0).flatten(1)


def full_precision(features: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    """Return half-precision features as fp32: sums over a whole picture need it."""
    return features.float() if features.dtype.itemsize < 4 else features


def chunk_size(channels: int, device: torch.device) -> int:
    """Return how many positions of a map are processed at a time: as many as fit the cache on a CPU, else all."""
    return max(1, CHUNK // channels) if device.type == "cpu" else 2**62


def chunks(maps: Float[Tensor, "c n"]) -> Iterator[Float[Tensor, "c _n"]]:
    """Yield the positions of a map in chunks, in fp32 or better."""
    for chunk in maps.split(min(chunk_size(len(maps), maps.device), max(1, maps.shape[1])), dim=1):
        yield full_precision(chunk)


def centered_chunks(maps: Float[Tensor, "c n"], shift: Float[Tensor, "c"]) -> Iterator[Float[Tensor, "c _n"]]:
    """Yield the positions of a map in chunks minus a shift of every channel; each chunk may be changed in place."""
    for chunk in maps.split(min(chunk_size(len(maps), maps.device), max(1, maps.shape[1])), dim=1):
        yield chunk.to(shift.dtype, copy=True).sub_(shift[:, None])


def self_product(features: Float[Tensor, "1 c h w"]) -> Float[Tensor, "c c"]:
    """Return F F^T, summed over the positions in fp32 or better."""
    maps = flat(features)
    products = full_precision(maps.new_zeros(())).new_zeros(len(maps), len(maps))
    with bf16_matmul(features):
        for chunk in chunks(maps):
            add_product(products, chunk.T, chunk.T)
    return products


def add_product(sums: Float[Tensor, "c c"], rows: Float[Tensor, "n c"], others: Float[Tensor, "n c"]) -> None:
    """Add A^T B, on a CPU in pieces that do not depend on the number of threads."""
    whole = len(rows) // _PIECE * _PIECE if rows.device.type == "cpu" and len(rows) >= 2 * _PIECE else 0
    if whole:
        a, b = (part[:whole].unflatten(0, (-1, _PIECE)) for part in (rows, others))
        sums += torch.bmm(a.mT, b).sum(dim=0)
    sums.addmm_(rows[whole:].T, others[whole:])


def gradient_product(
    slope: Float[Tensor, "c c"],
    features: Float[Tensor, "1 c h w"],
    *,
    mean: Float[Tensor, "c"] | None = None,
    constant: Float[Tensor, "c"] | None = None,
) -> Float[Tensor, "1 c h w"]:
    """Return S (F - m) + d, the gradient of a statistic, in the features' number format, channels last in memory.

    Half-precision features are multiplied in their format, with S rounded to it and sums in fp32, because the gradient
    has that format anyway. m is subtracted before the product: for a channel that hardly varies, the difference of two
    large products would be mere rounding error.
    """
    maps = flat(features)
    rounded = slope.to(features.dtype)
    if mean is None or constant is None:
        return (maps.T @ rounded.T).T.reshape(features.shape)
    near, rest = rounded_mean(mean, features.dtype)
    shift = (constant - rounded.to(slope.dtype) @ rest).to(features.dtype)
    by_position = maps.new_empty((maps.shape[1], len(maps)))
    step = max(1, min(chunk_size(len(maps), maps.device), maps.shape[1]))
    for start in range(0, maps.shape[1], step):
        chunk = maps[:, start : start + step] - near[:, None]
        torch.addmm(shift, chunk.T, rounded.T, out=by_position[start : start + step])
    return by_position.T.reshape(features.shape)


def rounded_mean(mean: Float[Tensor, "c"], dtype: torch.dtype) -> tuple[Float[Tensor, "c"], Float[Tensor, "c"]]:
    """Return a mean in the features' number format, and the rounding error in its own."""
    near = mean.to(dtype)
    return near, mean - near.to(mean.dtype)


_LOCK = threading.Lock()
_saved: list[str] = []
"""The settings found on entering `bf16_matmul`; the first is restored when the last thread leaves."""


@contextmanager
def bf16_matmul(features: Tensor) -> Iterator[None]:
    """Let oneDNN multiply fp32 numbers that come from bf16 features.

    On processors for which the BLAS is slow (MKL on AMD) that is twice as fast, and as exact. Processors with AMX round
    the factors to bf16; the sums stay in fp32. The setting holds for the whole process while any thread is inside.
    """
    matmul = getattr(torch.backends.mkldnn, "matmul", None)
    if matmul is None or features.dtype != torch.bfloat16 or features.device.type != "cpu":
        yield
        return
    with _LOCK:
        _saved.append(matmul.fp32_precision)
        matmul.fp32_precision = "bf16"
    try:
        yield
    finally:
        with _LOCK:
            before = _saved[0]
            _saved.pop()
            if not _saved:
                matmul.fp32_precision = before

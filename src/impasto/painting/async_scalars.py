"""Scalars copied from the device to the host without making the device wait."""

from collections import deque
from collections.abc import Iterator

import torch
from jaxtyping import Float
from torch import Tensor

_LAG = 4
"""Steps after which a GPU's numbers are read; by then they have long arrived."""


class AsyncScalars:
    """Takes a few numbers after each step and returns them in order: at once on a CPU, some steps later on a GPU.

    The lag is a fixed number of steps, never a matter of timing, so that decisions based on the numbers are repeatable.
    """

    def __init__(self, device: torch.device) -> None:
        self._lag = _LAG if device.type == "cuda" else 0
        self._pending: deque[tuple[int, Tensor, torch.cuda.Event | None]] = deque()

    def put(self, step: int, numbers: Float[Tensor, "n"]) -> None:
        """Send the numbers of a step to the host."""
        if not self._lag:
            self._pending.append((step, numbers, None))
            return
        copy = torch.empty(numbers.shape, dtype=numbers.dtype, pin_memory=True)
        copy.copy_(numbers, non_blocking=True)
        arrived = torch.cuda.Event()
        arrived.record()
        self._pending.append((step, copy, arrived))

    def take(self, *, everything: bool = False) -> Iterator[tuple[int, list[float]]]:
        """Yield (step, numbers) of the steps that are due, or of all."""
        while len(self._pending) > (0 if everything else self._lag):
            step, numbers, arrived = self._pending.popleft()
            if arrived is not None:
                arrived.synchronize()
            yield step, numbers.tolist()

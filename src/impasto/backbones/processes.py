"""The processes of torch.distributed, among which the tiles of one picture are divided; without it there is one."""

from collections.abc import Iterable, Sequence
from itertools import chain, zip_longest
from typing import Any, Final, TypeVar

import torch
from torch import Tensor, distributed

T = TypeVar("T")


class Processes:
    """The processes that paint one picture together: once they have joined, those of torch.distributed's default group.

    All of them take the same steps with the same canvas; each evaluates its own share of the tiles. A group that was
    made for something else changes nothing.
    """

    def __init__(self) -> None:
        self._has_joined = False

    def join(self) -> None:
        """Let all processes of the default group, each of which calls this, paint the same pictures together."""
        self._has_joined = True

    @property
    def count(self) -> int:
        """Number of processes; 1 where no group was made."""
        return distributed.get_world_size() if self._has_joined else 1

    @property
    def number(self) -> int:
        """The number of this one, from 0."""
        return distributed.get_rank() if self._has_joined else 0

    def own(self, items: Sequence[T]) -> Sequence[T]:
        """Return this process's share of some items."""
        return items[self.number :: self.count]

    def gather(self, own: Sequence[T]) -> list[T]:
        """Return the items of all processes in the order in which `own` has dealt them out."""
        if self.count == 1:
            return list(own)
        shares: list[Any] = [None] * self.count
        distributed.all_gather_object(shares, list(own))
        rounds = zip_longest(*shares, fillvalue=_NOTHING)
        return [item for item in chain.from_iterable(rounds) if item is not _NOTHING]

    def add(self, tensors: Iterable[Tensor]) -> None:
        """Replace tensors by their sums over all processes."""
        if self.count > 1:
            for tensor in tensors:
                distributed.all_reduce(tensor)

    def agree(self, tensor: Tensor) -> Tensor:
        """Return the tensor of the first process."""
        if self.count > 1:
            tensor = tensor.contiguous()
            distributed.broadcast(tensor, src=0)
        return tensor

    def agree_on(self, value: T) -> T:
        """Return the value of the first process."""
        values = [value]
        if self.count > 1:
            distributed.broadcast_object_list(values, src=0)
        return values[0]

    def any(self, flag: bool, device: torch.device) -> bool:
        """Return True if a flag is set in any process."""
        if self.count == 1:
            return flag
        flags = torch.tensor(int(flag), device=device)
        distributed.all_reduce(flags)
        return bool(flags)


_NOTHING: Final = object()

processes: Final = Processes()
"""The processes that paint together with this one."""

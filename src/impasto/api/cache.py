"""A cache of what several runs share."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

Value = TypeVar("Value")


class Cache(Generic[Value]):
    """A cache of computed values that drops the least recently used ones above a total size."""

    def __init__(self, max_size: int, size: Callable[[Value], int] = lambda value: 1) -> None:
        self._max_size = max_size
        self._size = size
        self._lock = threading.Lock()
        self._values: OrderedDict[Hashable, Value] = OrderedDict()

    def get(self, key: Hashable, make: Callable[[], Value]) -> Value:
        """Return the value of a key; two threads may make the same one at the same time."""
        with self._lock:
            known = self._values.get(key)
        value = make() if known is None else known
        if self._size(value) > self._max_size:
            return value  # kept, it would push out all others
        with self._lock:
            self._values[key] = value
            self._values.move_to_end(key)
            total = sum(map(self._size, self._values.values()))
            while total > self._max_size:
                total -= self._size(self._values.popitem(last=False)[1])
        return value

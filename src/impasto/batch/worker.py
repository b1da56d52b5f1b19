"""What every worker of a batch or a study does: it paints rows, in whatever process it is, and can be told to stop."""

import math
import os
import socket
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping
from functools import partial
from typing import Any, Final, TypeAlias

import numpy as np

from impasto.api import Result, Run
from impasto.batch.storage import OWN, Folder
from impasto.errors import ImpastoError, is_out_of_memory
from impasto.events import Event

Row: TypeAlias = dict[str, Any]
"""A picture to paint, or painted: values by column."""

STOP_FILE: Final = f"{OWN}/stop"
"""While it is in the folder of a batch, its workers stop: they may be processes anywhere."""


class Worker(ABC):
    """Paints rows one after the other; pickled as its class and arguments, because a session belongs to one process.

    Attributes:
        arguments: Keyword arguments from which it is made in another process.
    """

    def __init__(self, arguments: Mapping[str, Any], folder: Folder | None) -> None:
        self.arguments = arguments
        self._folder = folder
        self._run: Run | None = None
        self._is_stopping = threading.Event()
        self._polled = -math.inf

    def __reduce__(self) -> Any:
        """Return class and arguments."""
        return partial(type(self), **self.arguments), ()

    def __call__(self, batch: Mapping[str, Any]) -> dict[str, np.ndarray]:
        """Paint the rows of a batch, columns as arrays: what `ray.data.Dataset.map_batches` calls."""
        count = len(next(iter(batch.values())))
        rows = [self.paint({name: plain(values[i]) for name, values in batch.items()}) for i in range(count)]
        columns = {name: np.empty(count, object) for name in rows[0]} if rows else {}
        for name, column in columns.items():
            column[:] = [row[name] for row in rows]
        return columns

    @property
    def name(self) -> str:
        """Host and process."""
        return f"{socket.gethostname()}:{os.getpid()}"

    @abstractmethod
    def paint(self, row: Row) -> Row:
        """Return the row of a picture that has ended; its `status` and `error` say how."""

    def look_up(self, row: Row) -> Row | None:
        """Return the row of a picture that need not be painted; None for any other."""
        return None

    def stop(self) -> None:
        """End the row that is painted after its current step; the next ones are not begun. From any thread."""
        self._is_stopping.set()
        if self._run is not None:
            self._run.stop()

    def asked_to_stop(self) -> bool:
        """Return True if this worker, or every one of the folder, was asked to stop."""
        if self._folder is not None and time.monotonic() - self._polled > self._folder.poll_seconds:
            self._polled = time.monotonic()
            if self._folder.exists(STOP_FILE):
                self._is_stopping.set()
        return self._is_stopping.is_set()

    def receive(self, _: Event) -> None:
        """Look, in the thread that paints, whether the run is to stop."""
        if self.asked_to_stop():
            self.stop()

    def wait_for(self, run: Run) -> Result:
        """Wait for the end of a run, which `stop` may bring."""
        self._run = run
        try:
            if self._is_stopping.is_set():
                run.stop()
            return run.wait()
        except KeyboardInterrupt:
            run.stop()
            run.wait()
            raise
        finally:
            self._run = None


def problem_of(error: BaseException) -> str:
    """Return in one line why a picture failed."""
    if not isinstance(error, ImpastoError) and is_out_of_memory(error):
        return "there is not enough memory for this picture: choose a smaller --size"
    return " ".join(str(error).split()) or type(error).__name__


def plain(value: Any) -> Any:
    """Return a value of an array as Python has it."""
    return value.tolist() if isinstance(value, np.ndarray | np.generic) else value

"""Ctrl-C and SIGTERM: the first stops the run so that what is there can be saved, the second aborts."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def sigterm_as_interrupt() -> Iterator[None]:
    """Let SIGTERM raise KeyboardInterrupt, as Ctrl-C does."""
    with _handled(_interrupt, signal.SIGTERM):
        yield


@contextmanager
def first_signal_calls(stop: Callable[[], None]) -> Iterator[None]:
    """Let the first Ctrl-C or SIGTERM call `stop` and the next raise KeyboardInterrupt."""
    heard = False

    def handle(*_: Any) -> None:
        nonlocal heard
        if heard:
            raise KeyboardInterrupt
        heard = True
        stop()

    with _handled(handle, signal.SIGINT, signal.SIGTERM):
        yield


def _interrupt(*_: Any) -> None:
    raise KeyboardInterrupt


@contextmanager
def _handled(handler: Callable[..., None], *numbers: signal.Signals) -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():
        # Only the main thread may do this, and only it is interrupted.
        yield
        return
    # Whoever started us may have asked that a signal be ignored (`nohup`, `&` in a script); that stays so.
    heard = [number for number in numbers if signal.getsignal(number) is not signal.SIG_IGN]
    before = {number: signal.signal(number, handler) for number in heard}
    try:
        yield
    finally:
        for number, former in before.items():
            signal.signal(number, former)

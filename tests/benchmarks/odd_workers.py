"""Processes that the fuzzing script must survive; this module is light, because they are started anew."""

import os
import signal
import threading
from typing import Any


def dies(folder: Any, seed: int, numbers: Any, results: Any) -> None:
    results.send(numbers[0])
    os.kill(os.getpid(), signal.SIGKILL)


def hangs(folder: Any, seed: int, numbers: Any, results: Any) -> None:
    results.send(numbers[0])
    threading.Event().wait()

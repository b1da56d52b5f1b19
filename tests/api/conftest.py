"""Settings and helpers of the tests of the Python interface."""

import threading
from collections.abc import Callable
from typing import Any

import impasto

QUICK = {
    "size": 48,
    "steps": 4,
    "levels": 1,
    "content_layers": "conv2_1",
    "style_layers": "conv1_1,conv2_1",
    "style_losses": "gram",
    "style_matching": 0.0,
    "device": "cpu",
    "precision": "fp32",
}
"""A recipe that is painted in a moment."""


def start_and(act: Callable[[impasto.Run, impasto.Step], Any], *arguments: Any, **options: Any) -> impasto.Run:
    """Start a run whose listener calls `act(run, step)` after every step."""
    ready = threading.Event()

    def listen(event: impasto.Event) -> None:
        ready.wait()
        if isinstance(event, impasto.Step):
            act(run, event)

    run = impasto.start(*arguments, on_event=listen, **options)
    ready.set()
    return run

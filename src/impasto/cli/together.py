"""Painting one picture with several processes, which `torchrun` has started."""

import os
from collections.abc import Callable
from contextlib import suppress
from typing import Final

import torch
from torch import distributed

from impasto.api import Run, keep_memory
from impasto.backbones import processes
from impasto.cli.console import DONE, stop_signals
from impasto.errors import InputError

_POLL_SECONDS: Final = 0.1


def join_processes(device: str) -> int:
    """Join the processes that `torchrun` has started; return how many there are, 1 if it has not.

    Args:
        device: That of the recipe; with GPUs each process of a machine has one of its own.

    Raises:
        InputError: The processes cannot reach each other.
    """
    if "TORCHELASTIC_RUN_ID" not in os.environ or os.environ.get("WORLD_SIZE", "1") == "1":
        return 1
    is_cuda = device in ("auto", "cuda") and torch.cuda.is_available()
    try:
        if is_cuda:
            torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
        distributed.init_process_group("cpu:gloo,cuda:nccl" if is_cuda else "gloo")
    except (RuntimeError, ValueError, LookupError) as error:
        raise InputError(f"the processes of torchrun cannot paint together: {error}") from None
    processes.join()
    return processes.count


def assist(begin: Callable[..., Run]) -> int:
    """Paint what the first process paints, which alone shows and saves it; return the exit code."""
    keep_memory()
    run = begin()
    with stop_signals(run.stop):
        while run.running:
            with suppress(TimeoutError):
                run.wait(_POLL_SECONDS)
    run.wait()
    return DONE

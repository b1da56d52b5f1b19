"""Returning freed memory to the system."""

import ctypes
import sys


def release_memory() -> None:
    """Return the freed memory of this process to the system; does nothing without glibc."""
    if sys.platform.startswith("linux"):
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
        if trim is not None:
            trim(0)

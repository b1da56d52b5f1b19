"""Temporary alias for code that does not use `RunFolder.read_log().progress` yet."""

from collections.abc import Sequence
from typing import Any

from impasto.runs.log import Progress


def progress(lines: Sequence[dict[str, Any]]) -> Progress:
    """Return the step of the lines only."""
    return Progress(step=max((line["step"] for line in lines if line["type"] in ("Step", "Finished")), default=0))

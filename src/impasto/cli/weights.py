"""`impasto weights`: the files that hold what the network has learnt."""

from typing import Any

from cyclopts import App

from impasto.cli.console import say, warn
from impasto.errors import InputError

weights = App(name="weights")


@weights.default
def which() -> None:
    """Tell which weights are there."""
    from impasto.backbones import describe_weights

    for name in ("embedded", "full"):
        try:
            described = describe_weights(name)
        except InputError as error:
            say(f"{name}: {error}")
            continue
        say(f"{name}: {described['name']}")
        for key in ("path", "sha256", "license", "source"):
            say(f"  {key:8}{described[key]}")


@weights.command(help="Download torchvision's VGG-19 in full precision (548 MiB), for --weights full.")
def fetch() -> None:
    """Bring the full-precision weights into the user's cache."""
    from impasto.backbones import fetch_weights

    say(str(fetch_weights(on_progress=_Tenths())))


class _Tenths:
    """Says how far a download is, every tenth of it."""

    def __init__(self) -> None:
        self._last = 0

    def __call__(self, done: int, total: int | None) -> Any:
        tenths = 10 * done // total if total else 0
        if total and tenths > self._last:
            self._last = tenths
            warn(f"{done / 2**20:.0f} of {total / 2**20:.0f} MiB")

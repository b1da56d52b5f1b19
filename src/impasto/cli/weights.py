"""`impasto weights`: the files that hold what the network has learnt."""

from typing import Annotated, Any

from cyclopts import App, Parameter

from impasto.cli.console import say, warn
from impasto.errors import InputError
from impasto.networks import NETWORKS

weights = App(name="weights")


@weights.default
def which() -> None:
    """Tell which weights are there."""
    from impasto.backbones import describe_weights

    places = [("vgg19", "embedded"), ("vgg19", "full"), *((name, "embedded") for name in NETWORKS if name != "vgg19")]
    for backbone, name in places:
        title = name if backbone == "vgg19" else backbone
        try:
            described = describe_weights(name, backbone)
        except InputError as error:
            say(f"{title}: {error}")
            continue
        say(f"{title}: {described['name']}")
        for key in ("path", "sha256", "license", "source"):
            say(f"  {key:8}{described[key]}")


@weights.command(help="Download a network's weights (VGG-19 in full precision: 548 MiB) into the user's cache.")
def fetch(
    *, backbone: Annotated[str, Parameter(help="The network: vgg19, resnet50, ... or torchvision:NAME.")] = "vgg19"
) -> None:
    """Bring the published weights of a network into the user's cache."""
    from impasto.backbones import fetch_weights

    say(str(fetch_weights(backbone, on_progress=_Tenths())))


class _Tenths:
    """Says how far a download is, every tenth of it."""

    def __init__(self) -> None:
        self._last = 0

    def __call__(self, done: int, total: int | None) -> Any:
        tenths = 10 * done // total if total else 0
        if total and tenths > self._last:
            self._last = tenths
            warn(f"{done / 2**20:.0f} of {total / 2**20:.0f} MiB")

"""`impasto plates`, `presets` and `weights`: the built-in styles, the presets, and the weights of networks."""

from pathlib import Path
from typing import Annotated, Any

from cyclopts import App, Parameter

from impasto.cli.completion import complete_plate
from impasto.cli.console import HELP_FLAGS, warn, write_facts, write_line, write_path
from impasto.cli.options import NetworkWord
from impasto.errors import InputError
from impasto.networks import NETWORKS
from impasto.recipe import PRESET_PURPOSES, PRESETS, resolve
from impasto.shell import join

plates = App(name="plates", help_flags=HELP_FLAGS)
weights = App(name="weights", help_flags=HELP_FLAGS)


@plates.default
def list_plates() -> None:
    """List the built-in styles."""
    from impasto.images import PLATES, plate_description

    write_facts({name: plate_description(name) for name in PLATES})


@plates.command(name="export")
def export_plates(folder: Path, /, *names: Annotated[str, Parameter(completer=complete_plate)]) -> None:
    """Copy built-in styles into a folder; no other file is overwritten.

    Args:
        folder: A folder that exists.
        names: Built-in styles; by default all of them.
    """
    from impasto.images import PLATES, atomic_write, is_plate, plate_path

    if is_plate(str(folder)) and not folder.exists():
        words = join(["impasto", "plates", "export", ".", str(folder), *names])
        raise InputError(f"{folder} is a built-in style, and the folder comes first: `{words}`")
    copies = {folder / plate_path(name).name: plate_path(name).read_bytes() for name in names or PLATES}
    for path, data in copies.items():
        if path.exists() and (path.is_dir() or path.read_bytes() != data):
            raise InputError(f"{path} exists and is another picture: choose another folder")
    for path, data in copies.items():
        if not path.exists():
            atomic_write(path, data)
        write_path(path)


def presets(name: Annotated[str | None, Parameter(choices=tuple(PRESETS))] = None, /) -> None:
    """List the presets, or print one as TOML.

    Args:
        name: The preset to print, for --recipe.
    """
    if name is None:
        write_facts({preset: PRESET_PURPOSES[preset] for preset in PRESETS})
    else:
        for line in resolve(name).as_toml().splitlines():
            write_line(line)


@weights.default
def list_weights() -> None:
    """List the weights that are available here."""
    from impasto.backbones import describe_weights

    facts: dict[str, Any] = {}
    for backbone, kind in (("vgg19", "full"), *((name, "embedded") for name in NETWORKS)):
        name = f"{backbone} ({kind})" if backbone == "vgg19" else backbone
        try:
            facts[name] = describe_weights(kind, backbone)
        except InputError as error:
            facts[name] = str(error)
    write_facts(facts)


@weights.command(name="fetch")
def download_weights(*, backbone: NetworkWord = "vgg19") -> None:
    """Download a network's weights (VGG-19 in full precision: 548 MiB) into the user's cache.

    Args:
        backbone: The network: vgg19, resnet50, ... or torchvision:NAME.
    """
    from impasto.backbones import fetch_weights

    tenths_shown = 0

    def show(done: int, total: int | None) -> None:
        nonlocal tenths_shown
        if total and 10 * done // total > tenths_shown:
            tenths_shown = 10 * done // total
            warn(f"{done / 2**20:.0f} of {total / 2**20:.0f} MiB")

    write_path(fetch_weights(backbone, on_progress=show))

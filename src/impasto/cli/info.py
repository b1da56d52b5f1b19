"""`impasto info`: how a picture was painted, the layers of a network, or what this installation uses."""

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import tomli_w

from impasto.cli.console import write_facts, write_json, write_line
from impasto.cli.options import NetworkWord, Switch, read_record
from impasto.errors import InputError
from impasto.networks import NETWORKS, find_network
from impasto.recipe import Recipe, as_text, resolve
from impasto.shell import file_word, join


def info(file: str | None = None, /, *, backbone: NetworkWord | None = None, json: Switch = False) -> None:
    """Show how a picture was painted; without one, device, weights and layers here, or those of a network.

    Args:
        file: A picture that impasto painted, or a learned style.
        backbone: A network, to list its layers, defaults and weights.
        json: Print one JSON object.
    """
    if file is not None and backbone is not None:
        raise InputError("give either a picture or --backbone")
    if file is not None and Path(file).is_dir():
        listing = f"`{join(['impasto', 'runs', file_word(file)])}` lists the runs in it"
        raise InputError(f"{file} is a folder, not a picture: {listing}")
    learned = None if file is None else _of_learned(file)
    facts = learned or (_of_picture(file) if file else _of_network(backbone) if backbone else _of_installation())
    if json:
        write_json(facts)
        return
    if learned is not None:
        write_facts({name: value for name, value in learned.items() if name != "recipe"})
        return
    write_facts({name: value for name, value in facts.items() if name not in ("recipe", "command")})
    if file is not None:
        # The command is what most people look for, and the end of a long text stays on the screen.
        stopped = "; this picture was stopped early, the command paints all steps" * (facts.get("reason") == "stopped")
        heading = f"repeat it with (add the folders of the files, which are not stored{stopped})"
        for line in ("recipe", *tomli_w.dumps(facts["recipe"]).splitlines(), "", heading, facts["command"]):
            write_line(line)
        if others := _without_file(facts):
            write_line(f"put files in place of {', '.join(others)}: the pictures of these names were not files")


def _of_learned(file: str) -> dict[str, Any] | None:
    """Return what a learned style is of and how it was learned; None for any other file."""
    from impasto.images import LEARNED_SUFFIX, read_bytes, read_learned

    return dict(read_learned(read_bytes(Path(file)), file).facts) if Path(file).suffix == LEARNED_SUFFIX else None


def _of_picture(file: str) -> dict[str, Any]:
    record = read_record(file)
    inputs = record.get("inputs", {})
    names = [
        f"{entry['name']}@{entry['mask']['name']}" if entry.get("mask") else entry["name"]
        for entry in (*inputs.get("content", []), *inputs.get("styles", []))
    ]
    try:
        command = resolve(None, record["recipe"]).as_command(*(names or ["PHOTO"]))
    except InputError as error:
        command = f"(this version cannot repeat what impasto {record.get('version')} painted: {error})"
    return record | {"command": command}


def _without_file(record: Mapping[str, Any]) -> list[str]:
    """Return the words of the command that stand for pictures which were not given as files."""
    from impasto.images import is_plate

    inputs = record.get("inputs", {})
    names = [entry["name"] for role in ("content", "styles") for entry in inputs.get(role, [])]
    words = [name for name in names if "." not in name and not is_plate(name)]
    with suppress(InputError):
        regions = resolve(None, record["recipe"]).regions
        for number, region in enumerate(regions, start=1):
            words += region.placeholders(number).values()
    return words


def _of_network(name: str) -> dict[str, Any]:
    network = find_network(name)

    from impasto.backbones import describe_weights

    try:
        weights = {key: str(value) for key, value in describe_weights("embedded", network.name).items()}
    except InputError as error:
        weights = {"missing": str(error)}
    return {
        "name": network.name,
        "purpose": network.purpose,
        "layers": list(network.layers),
        "content_layers": as_text(network.content_layers).split(","),
        "style_layers": as_text(network.style_layers).split(","),
        "smoothing": "softmax" if network.smoothed else "none",
        "weights": weights,
    }


def _of_installation() -> dict[str, Any]:
    import torch

    from impasto import __version__
    from impasto.api import resolve_hardware
    from impasto.backbones import describe_weights

    recipe = resolve_hardware(Recipe())
    return {
        "version": __version__,
        "device": recipe.hardware.device,
        "precision": recipe.hardware.precision,
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "weights": {name: str(value) for name, value in describe_weights(recipe.network.weights).items()},
        "layers": {name: list(network.layers) for name, network in NETWORKS.items()},
    }

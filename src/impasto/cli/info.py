"""`impasto info`: how a picture was painted, or what this installation paints with."""

from typing import Annotated, Any

import tomli_w
from cyclopts import Parameter

from impasto.cli.console import say, say_json
from impasto.errors import InputError
from impasto.networks import NETWORKS, find_network
from impasto.recipe import Recipe, resolve


def info(
    file: Annotated[str | None, Parameter(help="A picture that impasto painted.")] = None,
    /,
    *,
    backbone: Annotated[str | None, Parameter(help="A network, to list its layers, defaults and weights.")] = None,
    json: Annotated[bool, Parameter(negative="", show_default=False, help="Print one JSON object.")] = False,
) -> None:
    """Tell how a picture was painted; without one, what is painted with here, or what is known of a network."""
    if file is not None and backbone is not None:
        raise InputError("a picture and --backbone ask for two things: name one of them")
    facts = _record(file) if file is not None else _network(backbone) if backbone is not None else _installation()
    if json:
        say_json(facts)
        return
    for line in (_story if file is not None else _portrait if backbone is not None else _lines)(facts):
        say(line)


def _record(file: str) -> dict[str, Any]:
    from impasto.cli.flags import read_painted

    record = read_painted(file)
    inputs = record.get("inputs", {})
    names = [_called(entry) for role in ("content", "styles") for entry in inputs.get(role, [])]
    try:
        command = resolve(None, record["recipe"]).as_command(*names)
    except InputError as error:
        # A later version may know more than this one.
        command = f"only impasto {record.get('version')} or later can repeat it: {error}"
    return record | {"command": command}


def _story(record: dict[str, Any]) -> list[str]:
    """Return the lines that tell a record."""
    lines = [f"painted by impasto {record.get('version')}"]
    for role, entries in record.get("inputs", {}).items():
        lines += [f"{role:8} {name}, sha256 {digest}" for entry in entries for name, digest in _pictures(entry)]
    if "weights" in record:
        lines.append(f"weights  {record['weights']['name']}, sha256 {record['weights']['sha256']}")
    if "figures" in record:
        lines.append("figures  " + ", ".join(f"{name} {value:.6g}" for name, value in record["figures"].items()))
    toml = tomli_w.dumps(record["recipe"]).splitlines()
    return [*lines, "recipe", *(f"  {line}" for line in toml), "repeat it with", f"  {record['command']}"]


def _called(entry: dict[str, Any]) -> str:
    """Return a picture as the command line names it, a style with its mask."""
    return f"{entry['name']}@{entry['mask']['name']}" if "mask" in entry else str(entry["name"])


def _pictures(entry: dict[str, Any]) -> list[tuple[str, str]]:
    """Return name and hash of a picture and of what belongs to it (its mask), or of all pictures of a region."""
    own = [(entry["name"], entry["sha256"])] if "name" in entry else []
    others = [(part, other) for part, other in entry.items() if isinstance(other, dict)]
    return own + [(f"{part} {other['name']}", other["sha256"]) for part, other in others]


def _installation() -> dict[str, Any]:
    import torch

    from impasto import __version__
    from impasto.api.hardware import resolve_hardware
    from impasto.backbones import describe_weights

    hardware = resolve_hardware(Recipe())
    weights = {name: str(value) for name, value in describe_weights(hardware.weights).items()}
    return {
        "version": __version__,
        "device": hardware.device,
        "precision": hardware.precision,
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "weights": weights,
        "layers": {name: list(network.layers) for name, network in NETWORKS.items()},
    }


def _lines(facts: dict[str, Any]) -> list[str]:
    """Return the lines that tell what impasto paints with here."""
    plain = [f"{name:9} {facts[name]}" for name in ("version", "device", "precision", "threads", "torch")]
    layers = [f"{name} has {', '.join(known)}" for name, known in facts["layers"].items()]
    weights = facts["weights"]
    return [*plain, f"weights   {weights['name']}, sha256 {weights['sha256']}", *layers]


def _network(name: str) -> dict[str, Any]:
    """Return what is known of a network; its weights are described if they are there."""
    network = find_network(name)
    facts = {
        "name": network.name,
        "purpose": network.purpose,
        "layers": list(network.layers),
        "content_layers": list(network.content_layers),
        "style_layers": list(network.style_layers),
        "smoothing": "softmax" if network.smoothed else "none",
    }

    from impasto.backbones import describe_weights

    try:
        weights: Any = {key: str(value) for key, value in describe_weights("embedded", network.name).items()}
    except InputError as error:
        weights = {"missing": str(error)}
    return facts | {"weights": weights}


def _portrait(facts: dict[str, Any]) -> list[str]:
    """Return the lines that tell of a network."""
    weights = facts["weights"]
    missing = weights.get("missing")
    lists = [
        f"{name.replace('_', ' '):14} {', '.join(facts[name])}" for name in ("layers", "content_layers", "style_layers")
    ]
    own = missing or f"{weights['name']}, sha256 {weights['sha256']}"
    lines = [
        f"{facts['name']}: {facts['purpose']}",
        *lists,
        f"{'smoothing':14} {facts['smoothing']}",
        f"{'weights':14} {own}",
    ]
    return lines if missing else [*lines, f"{'license':14} {weights['license']}", f"{'source':14} {weights['source']}"]

"""`impasto info`: how a picture was painted, what a network offers, or what this installation uses."""

from typing import Any

import tomli_w

from impasto.cli.console import write_json, write_line
from impasto.cli.options import Switch, read_record
from impasto.errors import InputError
from impasto.networks import NETWORKS, find_network
from impasto.recipe import Recipe, resolve


def info(file: str | None = None, /, *, backbone: str | None = None, json: Switch = False) -> None:
    """Show how a picture was painted; without one, device, weights and layers here, or those of a network.

    Args:
        file: A picture that impasto painted.
        backbone: A network, to list its layers, defaults and weights.
        json: Print one JSON object.
    """
    if file is not None and backbone is not None:
        raise InputError("give either a picture or --backbone")
    if file is not None:
        facts, describe = _read_facts(file), _describe_picture
    elif backbone is not None:
        facts, describe = _network_facts(backbone), _describe_network
    else:
        facts, describe = _installation_facts(), _describe_installation
    if json:
        write_json(facts)
        return
    for line in describe(facts):
        write_line(line)


# -- a picture ---------------------------------------------------------------------------------------------------------


def _read_facts(file: str) -> dict[str, Any]:
    record = read_record(file)
    inputs = record.get("inputs", {})
    names = [_input_name(entry) for role in ("content", "styles") for entry in inputs.get(role, [])]
    try:
        command = resolve(None, record["recipe"]).as_command(*names)
    except InputError as error:
        command = f"(this version cannot repeat what impasto {record.get('version')} painted: {error})"
    return record | {"command": command}


def _input_name(entry: dict[str, Any]) -> str:
    """Return an input as the command line names it, a style with its mask."""
    return f"{entry['name']}@{entry['mask']['name']}" if "mask" in entry else str(entry["name"])


def _describe_picture(record: dict[str, Any]) -> list[str]:
    lines = [f"painted by impasto {record.get('version')}"]
    for role, entries in record.get("inputs", {}).items():
        lines += [f"{role:8} {name}, sha256 {digest}" for entry in entries for name, digest in _hashes(entry)]
    if "weights" in record:
        lines.append(f"weights  {record['weights']['name']}, sha256 {record['weights']['sha256']}")
    if "figures" in record:
        lines.append("figures  " + ", ".join(f"{name} {value:.6g}" for name, value in record["figures"].items()))
    toml = tomli_w.dumps(record["recipe"]).splitlines()
    return [*lines, "recipe", *(f"  {line}".rstrip() for line in toml), "repeat it with", f"  {record['command']}"]


def _hashes(entry: dict[str, Any]) -> list[tuple[str, str]]:
    """Return name and hash of a picture and of its mask, or of all pictures of a region."""
    own = [(entry["name"], entry["sha256"])] if "name" in entry else []
    parts = [(part, other) for part, other in entry.items() if isinstance(other, dict)]
    return own + [(f"{part} {other['name']}", other["sha256"]) for part, other in parts]


# -- this installation -------------------------------------------------------------------------------------------------


def _installation_facts() -> dict[str, Any]:
    import torch

    from impasto import __version__
    from impasto.api import resolve_hardware
    from impasto.backbones import describe_weights

    recipe = resolve_hardware(Recipe())
    weights = {name: str(value) for name, value in describe_weights(recipe.network.weights).items()}
    return {
        "version": __version__,
        "device": recipe.hardware.device,
        "precision": recipe.hardware.precision,
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "weights": weights,
        "layers": {name: list(network.layers) for name, network in NETWORKS.items()},
    }


def _describe_installation(facts: dict[str, Any]) -> list[str]:
    lines = [f"{name:9} {facts[name]}" for name in ("version", "device", "precision", "threads", "torch")]
    weights = f"weights   {facts['weights']['name']}, sha256 {facts['weights']['sha256']}"
    return [*lines, weights, *(f"{name} has {', '.join(layers)}" for name, layers in facts["layers"].items())]


# -- a network ---------------------------------------------------------------------------------------------------------


def _network_facts(name: str) -> dict[str, Any]:
    """Return what is known of a network; its weights are described if they are available."""
    network = find_network(name)

    from impasto.backbones import describe_weights

    try:
        weights: Any = {key: str(value) for key, value in describe_weights("embedded", network.name).items()}
    except InputError as error:
        weights = {"missing": str(error)}
    return {
        "name": network.name,
        "purpose": network.purpose,
        "layers": list(network.layers),
        "content_layers": list(network.content_layers),
        "style_layers": list(network.style_layers),
        "smoothing": "softmax" if network.smoothed else "none",
        "weights": weights,
    }


def _describe_network(facts: dict[str, Any]) -> list[str]:
    weights = facts["weights"]
    table = {name.replace("_", " "): ", ".join(facts[name]) for name in ("layers", "content_layers", "style_layers")}
    table |= {"smoothing": facts["smoothing"]}
    if "missing" in weights:
        table |= {"weights": weights["missing"]}
    else:
        table |= {"weights": f"{weights['name']}, sha256 {weights['sha256']}"}
        table |= {key: weights[key] for key in ("license", "source")}
    return [f"{facts['name']}: {facts['purpose']}", *(f"{name:14} {text}" for name, text in table.items())]

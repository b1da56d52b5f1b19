"""`impasto info`: how a picture was painted, or what this installation paints with."""

from typing import Annotated, Any

import tomli_w
from cyclopts import Parameter

from impasto.cli.console import say, say_json
from impasto.errors import InputError
from impasto.layers import BACKBONE_LAYERS
from impasto.recipe import Recipe, resolve


def info(
    file: Annotated[str | None, Parameter(help="A picture that impasto painted.")] = None,
    /,
    *,
    json: Annotated[bool, Parameter(negative="", show_default=False, help="Print one JSON object.")] = False,
) -> None:
    """Tell how a picture was painted; without one, tell version, hardware, weights and layers."""
    facts = _installation() if file is None else _record(file)
    if json:
        say_json(facts)
        return
    for line in _lines(facts) if file is None else _story(facts):
        say(line)


def _record(file: str) -> dict[str, Any]:
    from impasto.cli.flags import read_painted

    record = read_painted(file)
    inputs = record.get("inputs", {})
    names = [entry["name"] for role in ("content", "styles") for entry in inputs.get(role, [])]
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
        lines += [f"{role:8} {entry['name']}, sha256 {entry['sha256']}" for entry in entries]
    if "weights" in record:
        lines.append(f"weights  {record['weights']['name']}, sha256 {record['weights']['sha256']}")
    if "figures" in record:
        lines.append("figures  " + ", ".join(f"{name} {value:.6g}" for name, value in record["figures"].items()))
    toml = tomli_w.dumps(record["recipe"]).splitlines()
    return [*lines, "recipe", *(f"  {line}" for line in toml), "repeat it with", f"  {record['command']}"]


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
        "layers": {name: list(layers) for name, layers in BACKBONE_LAYERS.items()},
    }


def _lines(facts: dict[str, Any]) -> list[str]:
    """Return the lines that tell what impasto paints with here."""
    plain = [f"{name:9} {facts[name]}" for name in ("version", "device", "precision", "threads", "torch")]
    layers = [f"{f'{name} has':9} {', '.join(known)}" for name, known in facts["layers"].items()]
    weights = facts["weights"]
    return [*plain, f"weights   {weights['name']}, sha256 {weights['sha256']}", *layers]

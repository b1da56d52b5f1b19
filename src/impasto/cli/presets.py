"""`impasto presets`: the recipes that have a name."""

from typing import Annotated

from cyclopts import Parameter

from impasto.cli.console import say
from impasto.recipe import PRESET_PURPOSES, PRESETS, resolve


def presets(
    name: Annotated[str | None, Parameter(help="Print this one, for --recipe.", choices=tuple(PRESETS))] = None, /
) -> None:
    """List the presets, or print one as TOML."""
    if name is not None:
        say(resolve(name).as_toml().rstrip())
        return
    width = max(map(len, PRESETS))
    for preset in PRESETS:
        say(f"{preset.ljust(width)}  {PRESET_PURPOSES[preset]}")

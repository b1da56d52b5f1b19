"""Who paints: the presets of impasto and the peers, each a command line; and the two rows that are no painting."""

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from impasto.recipe import PRESETS, Recipe
from scoreboard.store import source_digest

SOURCE = Path(__file__).parents[2] / "src" / "impasto"
ROOMS = (
    "painting",
    "losses",
    "control",
    "backbones",
    "networks",
    "api/prepare.py",
    "api/scene.py",
    "images/geometry.py",
)
"""The parts of impasto that decide how a picture looks."""
NOT_RECIPE = ("presets.py", "resolve.py")
"""Parts of the room `recipe` that do not; the values of a recipe are in the key one by one."""

ROWS = ("photo", "style")
"""What every table shows beside the methods: the photo itself and the style itself."""

SLOW = ("paper", "notebook", "classic")
"""Presets for study, of hundreds of steps at full size: at 512 px they take from ten minutes to an hour a pair, a dozen
pairs and more, so only `--all` runs them there."""

Command = Callable[[Path, Path, Path], list[str]]


@dataclass(frozen=True, kw_only=True)
class Method:
    """A program with its settings.

    `command(content, style, out)` is what is run, with `environment` beside the usual one; `identity()` is everything
    the picture depends on besides the two input pictures, as JSON.
    """

    name: str
    kind: Literal["preset", "peer"]
    command: Command
    identity: Callable[[], dict[str, Any]]
    environment: Mapping[str, str] = field(default_factory=dict)


def presets(size: int) -> list[Method]:
    """Return every preset of impasto, painting with a long side of `size` pixels."""
    return [_preset(name, recipe.with_changes(size=size)) for name, recipe in PRESETS.items()]


def _preset(name: str, recipe: Recipe) -> Method:
    def command(content: Path, style: Path, out: Path) -> list[str]:
        words = [sys.executable, "-m", "impasto", "stylize", str(content), str(style)]
        return [*words, "--preset", name, "--size", str(recipe.size), "-o", str(out), "--quiet"]

    def identity() -> dict[str, Any]:
        parts = [path for path in (SOURCE / "recipe").glob("*.py") if path.name not in NOT_RECIPE]
        sources = [source_digest(SOURCE / room for room in ROOMS), source_digest(parts, defaults=False)]
        return {"recipe": recipe.model_dump(mode="json"), "sources": sources}

    return Method(name=name, kind="preset", command=command, identity=identity)

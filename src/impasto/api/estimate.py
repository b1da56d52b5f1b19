"""How long a run takes and how much memory, from the speed of this machine, which is measured once."""

import hashlib
import json
import math
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import platformdirs
import torch
from pydantic import ValidationError

from impasto.backbones import FeatureExtractor, computed_with
from impasto.errors import ImpastoError
from impasto.images import atomic_write
from impasto.painting import Level, LevelCost, Painter, Scene, Speed, clock, measure_speed, peak_memory, plan_run
from impasto.recipe import Recipe, memory_text
from impasto.untrusted import MAX_BYTES, load_json

_LONG: Final = 3600.0
"""Seconds above which a line says what shortens a run."""
_LARGE: Final = 1_500_000
"""Pixels of a picture for which the speed is measured before it is painted, if it is not known."""
_MOST_KNOWN: Final = 200
"""Speeds that are kept."""


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """What a run will take, about.

    Attributes:
        size: Width and height of the result in pixels.
        steps: Number of steps.
        seconds: Time of painting.
        memory: Most memory of the process in bytes.
        tile: Side of the tiles in pixels; None: the picture is painted as a whole.
        levels: What the levels cost, from coarse to fine; empty with the method `instant`.
    """

    size: tuple[int, int]
    steps: int
    seconds: float
    memory: float
    tile: int | None
    levels: tuple[LevelCost, ...] = ()

    @property
    def advice(self) -> str:
        """What shortens a run of more than an hour; empty for a shorter one."""
        if self.seconds <= _LONG:
            return ""
        side = max(self.size) // 2
        return f"--size {side} takes about {clock(self.seconds / 4)}, half the --steps {clock(self.seconds / 2)}"

    def __str__(self) -> str:
        """Return it in one line."""
        width, height = self.size
        tiles = "" if self.tile is None else f" in tiles of {self.tile} px"
        costs = f"about {clock(self.seconds)}, {memory_text(self.memory)}"
        line = f"{width} x {height} px, {self.steps} step{'s' * (self.steps != 1)}{tiles}: {costs}"
        return f"{line}; {self.advice}" if self.advice else line


def estimate_run(recipe: Recipe, scene: Scene, levels: Sequence[Level], extractor: FeatureExtractor) -> Estimate:
    """Return what a run will take; the speed of this machine is measured if it is not known, which takes seconds."""
    speed = _known_speed(recipe)
    if speed is None:
        speed = measure_speed(recipe, extractor)
        _keep_speed(recipe, speed)
    finest = levels[-1]
    plans = plan_run(recipe, extractor, scene, levels)
    costs = speed.costs(recipe, levels, plans, extractor)
    return Estimate(
        size=(finest.width, finest.height),
        steps=recipe.schedule.steps,
        seconds=speed.seconds(levels, costs),
        memory=peak_memory(recipe, extractor, finest, scene.style_pixels(finest), plans[-1]),
        tile=None if plans[-1].tile is None else round(math.sqrt(plans[-1].tile)),
        levels=costs,
    )


def estimate_of(painter: Painter, *, may_measure: bool) -> Estimate | None:
    """Return what a run will take; None if the speed is not known, unless it may be measured for a large picture."""
    recipe, levels = painter.recipe, painter.levels
    is_large = levels[-1].width * levels[-1].height >= _LARGE
    if _known_speed(recipe) is None and not (may_measure and is_large):
        return None
    try:
        return estimate_run(recipe, painter.scene, levels, painter.extractor)
    except Exception:
        # Whatever hinders an estimate, such as a network that needs larger pictures, need not hinder the run.
        return None


def _speeds_file() -> Path:
    return Path(platformdirs.user_cache_dir("impasto")) / "speed.json"


def _key(recipe: Recipe) -> str:
    """Return a name for all on which the speed depends."""
    style = recipe.style.model_dump(mode="json", include={"losses", "layers", "samples", "directions"})
    content = recipe.content.model_dump(mode="json", include={"losses", "layers"})
    chosen = recipe.style.matching > 0, recipe.optimizer.name, recipe.schedule.fine_stride
    network, hardware = recipe.network.model_dump(mode="json", exclude={"weights"}), recipe.hardware
    machine = [computed_with(hardware.device), torch.get_num_threads(), hardware.device, hardware.precision]
    return hashlib.sha256(json.dumps([machine, network, style, content, chosen]).encode()).hexdigest()[:24]


def _known_speeds() -> dict[str, Speed]:
    """Return the speeds that were measured; none of those that another version has written or that are damaged."""
    found = {}
    with suppress(OSError, ValueError):
        with _speeds_file().open("rb") as file:
            values = load_json(file.read(MAX_BYTES))
        for key, value in values.items() if isinstance(values, dict) else ():
            with suppress(ValidationError):
                found[key] = Speed.model_validate(value)
    return found


def _known_speed(recipe: Recipe) -> Speed | None:
    return _known_speeds().get(_key(recipe))


def _keep_speed(recipe: Recipe, speed: Speed) -> None:
    """Keep a speed for later runs, if the cache can be written."""
    speeds = _known_speeds() | {_key(recipe): speed}
    kept = {key: value.model_dump() for key, value in list(speeds.items())[-_MOST_KNOWN:]}
    with suppress(OSError, ImpastoError):
        _speeds_file().parent.mkdir(parents=True, exist_ok=True)
        atomic_write(_speeds_file(), json.dumps(kept, indent=1).encode())

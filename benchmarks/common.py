"""What every benchmark needs: the machine it ran on, timings, a level to measure, and a place for the results."""

import json
import platform
import statistics
import subprocess
import time
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import impasto  # noqa: F401  Sets, before torch is loaded, how long OpenMP's threads spin while they wait.

# isort: split
import torch

from impasto.api import plan_job, read_inputs, region_settings
from impasto.backbones import FeatureExtractor, load_weights
from impasto.losses import make_extractor
from impasto.painting import LevelOptimizer, MemoryPlan, match_scene
from impasto.recipe import Recipe

RESULTS = Path(__file__).parent / "results"
OUT = Path(__file__).parent / "out"
IMAGES = Path(__file__).parents[2] / "shared" / "images"
"""Pictures that are not part of the repository, unless a script's `--images` names another folder."""


def machine() -> dict[str, Any]:
    """Describe the machine and the versions."""
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False)
    return {
        "processor": _processor(),
        "vector_unit": torch.backends.cpu.get_cpu_capability(),
        "threads": torch.get_num_threads(),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "impasto": version("impasto"),
        "commit": commit.stdout.strip(),
        "date": time.strftime("%Y-%m-%d"),
    }


def _processor() -> str:
    """Return the processor's name (on Linux) and its bf16 units, or its architecture."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.machine()
    facts = {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in lines)}
    units = [unit for unit in ("avx512_bf16", "amx_bf16") if unit in facts.get("flags", "").split()]
    return " ".join([facts.get("model name", platform.machine()), *units])


def seconds(work: Callable[[], Any], *, repeats: int) -> dict[str, float]:
    """Return the median, fastest and slowest seconds of `repeats` runs after one that does not count."""
    work()
    times = []
    for _ in range(repeats):
        started = time.perf_counter()
        work()
        times.append(time.perf_counter() - started)
    return spread(times)


def spread(times: Sequence[float]) -> dict[str, float]:
    """Return median, minimum and maximum."""
    return {"median": statistics.median(times), "fastest": min(times), "slowest": max(times)}


class FinestLevel(NamedTuple):
    """The last level of a job, ready to be advanced, and its parts."""

    level: LevelOptimizer
    objective: Any
    canvas: Any
    optimizer: Any
    extractor: FeatureExtractor


def finest_level(
    recipe: Recipe, photo: Any, styles: Any, regions: Any = None, *, plan: MemoryPlan | None = None
) -> FinestLevel:
    """Return the last level of a job, ready to be advanced, in the tiles of a plan."""
    if regions:
        recipe = recipe.with_changes(regions=region_settings(regions))
    job = plan_job(recipe, read_inputs(photo, styles, recipe, regions))
    network, hardware = job.recipe.network, job.recipe.hardware
    extractor = make_extractor(
        load_weights(network.weights, network.backbone),
        job.recipe,
        precision="bf16" if hardware.precision == "bf16" else "fp32",
        device=torch.device(hardware.device),
    )
    scene = job.scene
    if strength := job.recipe.style.matching:
        scene = match_scene(scene, extractor, job.levels, strength=strength)
    level = LevelOptimizer(job.recipe, scene.at(job.levels[-1]), extractor, job.levels[-1], plan=plan)
    return FinestLevel(level, level.objective, level.canvas, level.optimizer, extractor)


def store(name: str, rows: list[dict[str, Any]], **more: Any) -> None:
    """Write rows and the machine to results/NAME.json and print the rows as a table."""
    RESULTS.mkdir(exist_ok=True)
    stored = {"machine": machine() | more, "rows": rows}
    (RESULTS / f"{name}.json").write_text(json.dumps(stored, indent=1) + "\n")
    print(f"\n{name}\n{table(rows)}")


def table(rows: list[dict[str, Any]]) -> str:
    """Return rows as a Markdown table."""
    names = list(rows[0])
    lines = ["| " + " | ".join(names) + " |", "|" + "---|" * len(names)]
    for row in rows:
        cells = (f"{value:.3g}" if isinstance(value, float) else str(value) for value in row.values())
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)

"""What every benchmark needs: the machine it ran on, medians with their spread, and a place for the results."""

import json
import platform
import statistics
import subprocess
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

RESULTS = Path(__file__).parent / "results"
OUT = Path(__file__).parent / "out"


def machine() -> dict[str, Any]:
    """Say what the figures were measured on."""
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
    """Return the processor's name where Linux tells it, with what computes bf16, else its architecture."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.machine()
    told = {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in lines)}
    units = [unit for unit in ("avx512_bf16", "amx_bf16") if unit in told.get("flags", "").split()]
    return " ".join([told.get("model name", platform.machine()), *units])


def seconds(work: Callable[[], Any], *, repeats: int) -> dict[str, float]:
    """Time some work: median, fastest and slowest of `repeats`, after one run that does not count."""
    work()
    times = []
    for _ in range(repeats):
        begun = time.perf_counter()
        work()
        times.append(time.perf_counter() - begun)
    return {"median": statistics.median(times), "fastest": min(times), "slowest": max(times)}


def store(name: str, rows: list[dict[str, Any]]) -> None:
    """Write rows with the machine to results/NAME.json and print them as a table."""
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{name}.json").write_text(json.dumps({"machine": machine(), "rows": rows}, indent=1) + "\n")
    print(f"\n{name}\n{table(rows)}")


def table(rows: list[dict[str, Any]]) -> str:
    """Return rows as a Markdown table."""
    names = list(rows[0])
    lines = ["| " + " | ".join(names) + " |", "|" + "---|" * len(names)]
    for row in rows:
        cells = (f"{value:.3g}" if isinstance(value, float) else str(value) for value in row.values())
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)

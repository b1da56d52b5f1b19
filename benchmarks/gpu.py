"""How fast is an NVIDIA GPU, and how much memory does it need, with and without CUDA graphs?

`python benchmarks/gpu.py` paints `default` at 512, 1024 and 2048 px in fp32 and bf16, without and with CUDA graphs. A
graph holds value and gradient of the objective of one level; it is captured at the first step and replayed at every
other one, with the optimizer outside. Pictures go to out/gpu. The script ends within four minutes: what no longer fits
is stopped or left out, and the remark says so. Without CUDA it exits with 2.
"""

import argparse
import itertools
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from typing import Any, Final
from weakref import WeakKeyDictionary

from common import OUT, store

# isort: split
import numpy as np
import torch
from torch import Tensor

import impasto
from impasto.images import demo_photo, quantize, write_picture
from impasto.losses import Objective

SIZES: Final = (512, 1024, 2048)
PRECISIONS: Final = ("fp32", "bf16")
SECONDS: Final = 220.0
"""Time after which no further case begins and the current one is stopped."""
WARM_UP: Final = 3
"""Evaluations before a capture, on a stream of their own, as torch's documentation asks for."""

Evaluation = tuple[dict[str, Tensor], Tensor]


class GraphedObjective:
    """Value and gradient of an objective as a CUDA graph, for pictures of one size."""

    def __init__(self, evaluate: Callable[[Tensor], Evaluation], picture: Tensor) -> None:
        self._picture = picture.detach().clone()
        stream = torch.cuda.Stream()
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            for _ in range(WARM_UP):
                evaluate(self._picture)
        torch.cuda.current_stream().wait_stream(stream)
        self._graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self._graph):
            self._terms, self._gradient = evaluate(self._picture)

    def __call__(self, picture: Tensor) -> Evaluation:
        """Return copies of terms and gradient: the next replay overwrites the tensors of the graph."""
        self._picture.copy_(picture)
        self._graph.replay()
        return {name: term.clone() for name, term in self._terms.items()}, self._gradient.clone()


@contextmanager
def graphed_objectives() -> Iterator[None]:
    """Let every objective be captured at its first evaluation and replayed at every later one."""
    original = Objective.value_and_grad
    graphs: WeakKeyDictionary[Objective, GraphedObjective] = WeakKeyDictionary()

    def value_and_grad(self: Objective, picture: Tensor) -> Evaluation:
        if self not in graphs:
            graphs[self] = GraphedObjective(lambda one: original(self, one), picture)
        return graphs[self](picture)

    Objective.value_and_grad = value_and_grad  # type: ignore[method-assign]
    try:
        yield
    finally:
        Objective.value_and_grad = original  # type: ignore[method-assign]


def paint(session: impasto.Session, deadline: float, **settings: Any) -> tuple[dict[str, Any], np.ndarray | None]:
    """Paint a picture; return its figures and its pixels, or what went wrong and None."""
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats()
    steps: list[impasto.Step] = []
    started, remark = time.perf_counter(), ""
    run = session.start(
        demo_photo(),
        on_event=lambda event: steps.append(event) if isinstance(event, impasto.Step) else None,
        **settings,
    )
    try:
        try:
            result = run.wait(timeout=max(1.0, deadline - started))
        except TimeoutError:
            run.stop()
            result, remark = run.wait(), "stopped: out of time"
    except (RuntimeError, MemoryError) as error:
        first_line = (str(error).strip() or type(error).__name__).splitlines()[0]
        return {"remark": f"failed after {len(steps)} steps: {first_line}"}, None
    seconds = time.perf_counter() - started
    finest = [step.seconds for step in steps if step.level == steps[-1].level]
    figures = {
        "steps": len(steps),
        "seconds per step": (finest[-1] - finest[0]) / max(1, len(finest) - 1),
        "seconds per picture": seconds,
        "peak allocated, GB": torch.cuda.max_memory_allocated() / 1e9,
        "peak reserved, GB": torch.cuda.max_memory_reserved() / 1e9,
        "remark": remark,
    }
    return figures, result.pixels


COLUMNS: Final = (
    "steps",
    "seconds per step",
    "seconds per picture",
    "peak allocated, GB",
    "peak reserved, GB",
    "change by the graphs, gray levels",
    "remark",
)


def measure(sizes: Sequence[int], precisions: Sequence[str], seconds: float) -> list[dict[str, Any]]:
    """Return a row for every size and precision, without and with CUDA graphs; seconds per step are of the last level.

    Before, a picture of a few steps loads the network and measures the style.
    """
    deadline = time.perf_counter() + seconds
    session, rows = impasto.Session("night", device="cuda", upscale=True), []
    plain: np.ndarray | None = None
    for size, precision, graphs in itertools.product(sizes, precisions, (False, True)):
        settings = {"size": size, "precision": precision}
        figures: dict[str, Any] = {"remark": "left out: out of time"}
        if time.perf_counter() < deadline:
            if not graphs:
                paint(session, deadline, steps=8, **settings)
            with graphed_objectives() if graphs else nullcontext():
                figures, pixels = paint(session, deadline, **settings)
            if pixels is not None:
                write_picture(OUT / "gpu" / f"{size}-{precision}{'-graphs' if graphs else ''}.png", quantize(pixels))
            if graphs and pixels is not None and plain is not None and pixels.shape == plain.shape:
                figures["change by the graphs, gray levels"] = float(255 * np.abs(pixels - plain).mean())
            plain = pixels
        row: dict[str, Any] = {"pixels": size, "precision": precision, "CUDA graphs": "yes" if graphs else "no"}
        rows.append(row | {column: figures.get(column, "-") for column in COLUMNS})
        print(rows[-1], flush=True)
    return rows


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--sizes", default=",".join(map(str, SIZES)), help="long sides in pixels")
    parser.add_argument("--precisions", default=",".join(PRECISIONS), help="fp32,bf16")
    parser.add_argument("--seconds", type=float, default=SECONDS, help="time after which no further case begins")
    given = parser.parse_args(argv)
    if not torch.cuda.is_available():
        print("there is no GPU with CUDA here, so there is nothing to measure")
        return 2
    (OUT / "gpu").mkdir(parents=True, exist_ok=True)
    rows = measure([int(size) for size in given.sizes.split(",")], given.precisions.split(","), given.seconds)
    gpu = torch.cuda.get_device_properties(0)
    store(
        "gpu",
        rows,
        gpu=gpu.name,
        gpu_memory_gb=round(gpu.total_memory / 1e9),
        cuda=torch.version.cuda,
        tf32=torch.backends.cudnn.allow_tf32,
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""How close is one step to what the processor can do?

A plain Gram recipe (five Gram matrices, content on conv4_2). The bound is the time that the operations of the
convolutions take at the best rate seen in this process for their number format (of matrix products and single
convolutions), plus that of the Gram matrices and of their gradient at the best rates for these.
"""

import argparse
import statistics
import time
from collections.abc import Callable
from typing import Any, Final

from common import finest_level, store

# isort: split
import torch

from impasto.api import keep_memory, resolve_hardware
from impasto.backbones import bf16_matmul
from impasto.images import demo_photo, plate_path, read_picture, resize
from impasto.losses import total_of
from impasto.recipe import Recipe

SIZES: Final = (256, 512, 1024, 2048)
CONVOLUTIONS: Final = 361_152
"""Multiply-adds per pixel of the picture, from conv1_1 to conv5_1 (without the other conv5 layers)."""
GRAMS: Final = sum(filters**2 / 4**halvings for halvings, filters in enumerate((64, 128, 256, 512))) + 512**2 / 4**4
"""Multiply-adds per pixel of the picture of the five Gram matrices; their gradient takes as many again."""
RECIPE: Final = Recipe(
    style_layers=("conv1_1", "conv2_1", "conv3_1", "conv4_1", "conv5_1"),
    style_losses="gram",
    content_layers="conv4_2",
    tv_weight=0.0,
    luminance_range_weight=0.0,
    style_margin=0.0,
    saliency_weight=0.0,
    init="content",
    levels=1,
    device="cpu",
)


def best(work: Callable[[], Any], operations: float, seconds: float = 1.0) -> float:
    """Return the operations per second of the fastest of as many runs as fit into some seconds."""
    work()
    fastest, end = float("inf"), time.perf_counter() + seconds
    while time.perf_counter() < end:
        started = time.perf_counter()
        work()
        fastest = min(fastest, time.perf_counter() - started)
    return operations / fastest


def rates(dtype: torch.dtype) -> dict[str, float]:
    """Return the best rates of the convolutions' number format and of the Gram matrices'."""
    square = torch.rand(2048, 2048).to(dtype)
    products = best(lambda: square @ square, 2 * 2048**3)
    convolutions = []
    for filters, side in ((64, 256), (128, 128), (256, 128), (512, 64)):
        maps = torch.rand(1, filters, side + 2, side + 2).to(dtype).contiguous(memory_format=torch.channels_last)
        kernel = torch.rand(filters, filters, 3, 3).to(dtype).contiguous(memory_format=torch.channels_last)
        operations = 2 * 9 * filters**2 * side**2
        convolutions.append(best(lambda m=maps, k=kernel: torch.nn.functional.conv2d(m, k), operations))
    exact = torch.rand(2048, 2048)
    with bf16_matmul(square):
        grams = best(lambda: exact @ exact.T, 2 * 2048**3)
    return {"products": products, "convolutions": max(convolutions), "grams": grams}


class Steps:
    """Steps whose parts can be timed."""

    def __init__(self, size: int, recipe: Recipe) -> None:
        photo, style = (resize(read_picture(path).pixels, size, size) for path in (demo_photo(), plate_path("night")))
        self._level = finest_level(recipe.with_changes(size=size), photo, style)

    def step(self) -> dict[str, float]:
        """Do one step; return the seconds of its parts."""
        level, started = self._level, time.perf_counter()
        coordinates = level.optimizer.ask().detach().requires_grad_()
        loss = total_of(level.objective.terms(level.canvas.picture(coordinates)))
        forward = time.perf_counter()
        (gradient,) = torch.autograd.grad(loss, coordinates)
        backward = time.perf_counter()
        level.optimizer.tell(loss.detach(), gradient.contiguous())
        end = time.perf_counter()
        return {"forward": forward - started, "backward": backward - forward, "optimizer": end - backward}

    def network(self) -> float:
        """Return the seconds of the network's forward pass alone."""
        coordinates = self._level.optimizer.ask().detach().requires_grad_()
        started = time.perf_counter()
        features = self._level.extractor(self._level.canvas.picture(coordinates))
        for layer in self._level.extractor.layers:
            features.map_or_moments(layer)
        return time.perf_counter() - started


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--precision", choices=("auto", "fp32", "bf16"), default="auto")
    parser.add_argument("--sizes", default=",".join(map(str, SIZES)), help="sides of the square pictures in pixels")
    options = parser.parse_args()
    recipe = resolve_hardware(RECIPE.with_changes(precision=options.precision))
    precision = recipe.hardware.precision
    keep_memory()  # as the command line does
    rate = rates(torch.bfloat16 if precision == "bf16" else torch.float32)
    print({name: f"{value / 1e9:.0f} GFLOP/s" for name, value in rate.items()})
    rows = []
    for size in map(int, options.sizes.split(",")):
        bound = 4 * CONVOLUTIONS * size**2 / max(rate["products"], rate["convolutions"])
        # The Gram matrices in their own format, the product of their gradient in that of the maps.
        bound += 2 * GRAMS * size**2 * (1 / rate["grams"] + 1 / rate["products"])
        steps = Steps(size, recipe)
        # A step of L-BFGS costs the same once its history of 10 pairs is full.
        parts = [steps.step() for _ in range(16)][12:]
        whole = statistics.median(sum(part.values()) for part in parts)
        row: dict[str, Any] = {"pixels": f"{size} x {size}", "precision": precision}
        row |= {"seconds per step": whole, "bound": bound, "share of the bound, %": 100 * bound / whole}
        row |= {f"{name}, %": 100 * statistics.median(p[name] for p in parts) / whole for name in parts[0]}
        row["losses (forward), %"] = (
            row["forward, %"] - 100 * statistics.median(steps.network() for _ in range(3)) / whole
        )
        rows.append(row)
        del steps
    store("roofline", rows)


if __name__ == "__main__":
    main()

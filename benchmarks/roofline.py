"""How close is one step to what the processor can do?

The plain Gram recipe (five Gram matrices, content on conv4_2) at one size. The bound is the time that the convolutions'
operations take at the best rate seen in this process for their number format (of matrix products and single
convolutions), plus that of the Gram matrices and of their gradient at the best rates of theirs.
"""

import argparse
import statistics
import time
from collections.abc import Callable
from typing import Any, Final

import torch

from common import store
from impasto.api.hardware import keep_memory, resolve_hardware
from impasto.backbones import VGG19Weights, load_weights
from impasto.backbones import bf16_matmul
from impasto.images import demo_photo, plate_path, read_picture, resize
from impasto.losses import Lesson, Objective, View, make_extractor
from impasto.painting.canvas import make_canvas
from impasto.painting.optimisers import make_optimiser
from impasto.recipe import Recipe

SIZES: Final = (256, 512, 1024, 2048)
CONVOLUTIONS: Final = 361_152
"""Multiply-adds per pixel of the picture, from conv1_1 to conv5_1 (without the conv5 layers behind it)."""
GRAMS: Final = sum(filters**2 / 4**halvings for halvings, filters in enumerate((64, 128, 256, 512))) + 512**2 / 4**4
"""Multiply-adds per pixel of the picture of the five Gram matrices; their gradient takes as many again."""
RECIPE: Final = Recipe(
    style_layers=("conv1_1", "conv2_1", "conv3_1", "conv4_1", "conv5_1"),
    style_losses=("gram",),
    content_layers=("conv4_2",),
    tv_weight=0.0,
    gamut_weight=0.0,
    style_margin=0.0,
    rescue=0.0,
    levels=1,
)


def best(work: Callable[[], Any], operations: float, seconds: float = 1.0) -> float:
    """Return the operations per second of the quickest of as many runs as fit into some seconds."""
    work()
    fastest, end = float("inf"), time.perf_counter() + seconds
    while time.perf_counter() < end:
        begun = time.perf_counter()
        work()
        fastest = min(fastest, time.perf_counter() - begun)
    return operations / fastest


def rates(dtype: torch.dtype) -> dict[str, float]:
    """Return the best rates of the convolutions' number format and of the Gram matrices'."""
    square = torch.rand(2048, 2048).to(dtype)
    products = best(lambda: square @ square, 2 * 2048**3)
    convolved = []
    for filters, side in ((64, 256), (128, 128), (256, 128), (512, 64)):
        maps = torch.rand(1, filters, side + 2, side + 2).to(dtype).contiguous(memory_format=torch.channels_last)
        kernel = torch.rand(filters, filters, 3, 3).to(dtype).contiguous(memory_format=torch.channels_last)
        operations = 2 * 9 * filters**2 * side**2
        convolved.append(best(lambda m=maps, k=kernel: torch.nn.functional.conv2d(m, k), operations))
    exact = torch.rand(2048, 2048)
    with bf16_matmul(square):
        grams = best(lambda: exact @ exact.T, 2 * 2048**3)
    return {"products": products, "convolutions": max(convolved), "grams": grams}


class Steps:
    """Steps of the plain Gram recipe whose parts can be timed."""

    def __init__(self, size: int, weights: VGG19Weights, recipe: Recipe) -> None:
        pictures = [read_picture(path).pixels for path in (demo_photo(), plate_path("night"))]
        content, style = (
            torch.from_numpy(resize(pixels, size, size).transpose(2, 0, 1)[None].copy()) for pixels in pictures
        )
        precision: Any = recipe.precision
        self._extractor = make_extractor(weights, recipe, precision=precision, device=torch.device("cpu"))
        lessons = [Lesson.of(View(style, self._extractor(style)))]
        self._objective = Objective(self._extractor, recipe, content=content, lessons=lessons, anchor=content)
        self._canvas = make_canvas(recipe.canvas)
        self._optimiser = make_optimiser(recipe, self._canvas.coordinates(content))

    def step(self) -> dict[str, float]:
        """Do one step; return the seconds of its parts."""
        begun = time.perf_counter()
        coordinates = self._optimiser.ask().detach().requires_grad_()
        loss = self._objective(self._canvas.picture(coordinates)).sum()
        forward = time.perf_counter()
        (gradient,) = torch.autograd.grad(loss, coordinates)
        backward = time.perf_counter()
        self._optimiser.tell(loss.detach(), gradient.contiguous())
        end = time.perf_counter()
        return {"forward": forward - begun, "backward": backward - forward, "optimiser": end - backward}

    def network(self) -> float:
        """Return the seconds of the network's forward pass alone."""
        coordinates = self._optimiser.ask().detach().requires_grad_()
        begun = time.perf_counter()
        features = self._extractor(self._canvas.picture(coordinates))
        for layer in self._extractor.layers:
            features.map_or_moments(layer)
        return time.perf_counter() - begun


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--precision", choices=("auto", "fp32", "bf16"), default="auto")
    parser.add_argument("--sizes", default=",".join(map(str, SIZES)), help="sides of the square pictures in pixels")
    options = parser.parse_args()
    recipe = resolve_hardware(RECIPE.with_changes(precision=options.precision, device="cpu"))
    # As the program does.
    keep_memory()
    dtype = torch.bfloat16 if recipe.precision == "bf16" else torch.float32
    rate = rates(dtype)
    print({name: f"{value / 1e9:.0f} GFLOP/s" for name, value in rate.items()})
    weights, rows = load_weights(), []
    for size in map(int, options.sizes.split(",")):
        bound = 4 * CONVOLUTIONS * size**2 / max(rate["products"], rate["convolutions"])
        # The Grams themselves in their own format, their gradient's product in that of the maps.
        bound += 2 * GRAMS * size**2 * (1 / rate["grams"] + 1 / rate["products"])
        steps = Steps(size, weights, recipe)
        # A step of L-BFGS costs the same once its history of 10 pairs is full.
        parts = [steps.step() for _ in range(16)][12:]
        whole = statistics.median(sum(part.values()) for part in parts)
        row: dict[str, Any] = {"pixels": f"{size} x {size}", "precision": recipe.precision}
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

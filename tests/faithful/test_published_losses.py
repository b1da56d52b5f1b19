"""The presets `paper` and `notebook` compute the published losses, as a script that shares no code with impasto does.

After a change that is meant to alter the stored numbers: `IMPASTO_STORE_GOLDEN=1 python -m pytest tests/faithful`.
"""

import dataclasses
import json
import os
from pathlib import Path

import by_hand
import numpy as np
import pytest
import torch
from PIL import Image

import impasto
from impasto.images import demo_photo, plate_path, write_picture
from impasto.losses import EncodedImage, Objective, RegionTarget, make_extractor, measure_style
from impasto.recipe import PRESETS

STORE = Path(__file__).parents[1] / "golden" / "published_losses.json"
DEFINITIONS = {"paper": by_hand.paper, "notebook": by_hand.notebook}
CANVASES = ("noise", "photo", "mixed")
SWITCHED = 2e-3
"""Relative error of a gradient in fp32: a unit that rounding takes across zero, or a window of max pooling whose two
largest values are nearly equal, lets all of its gradient through or none. In float64 nothing switches."""
CASES = [(name, canvas) for name in DEFINITIONS for canvas in CANVASES]


def _every(step: int, path: Path) -> np.ndarray:
    return np.array(Image.open(path).convert("RGB"))[::step, ::step]


@pytest.fixture(scope="module")
def pictures() -> dict[str, np.ndarray]:
    """Photo and painting of different, partly odd sizes, and the canvases, all 8-bit but the noise."""
    photo = _every(6, demo_photo())
    painting = _every(14, plate_path("night"))[:, :61]
    assert (photo.shape, painting.shape) == ((67, 100, 3), (74, 61, 3))
    ramp = np.linspace(0, 1, 100)[:, None]
    tiled = np.tile(painting, (1, 2, 1))[:67, :100]
    mixed = np.rint(photo * (1 - ramp) + tiled * ramp).astype(np.uint8)
    # RandomState, because its numbers are the same in every version of NumPy. Free pixels leave the range of colors.
    noise = 118 + 64 * np.random.RandomState(7).standard_normal(photo.shape)
    assert noise.min() < 0
    assert noise.max() > 255
    return {"photo": photo, "painting": painting, "mixed": mixed, "noise": noise}


@pytest.fixture(scope="module")
def published(pictures):
    """Return a function to content and style loss of a canvas and their gradients in its gray levels."""
    network, known = by_hand.read_network(), {}

    def find(name: str, shown: str) -> tuple[list[float], list[torch.Tensor]]:
        if (name, shown) not in known:
            canvas = torch.tensor(pictures[shown], dtype=torch.float64, requires_grad=True)
            photo, painting = (torch.tensor(pictures[which]) for which in ("photo", "painting"))
            terms = DEFINITIONS[name](network, canvas, photo, painting)
            gradients = [torch.autograd.grad(term, canvas, retain_graph=True)[0] for term in terms]
            known[name, shown] = [term.item() for term in terms], gradients
        return known[name, shown]

    return find


@pytest.fixture(scope="module")
def found_by_impasto(pictures, weights):
    """Return a function to what the preset's objective finds, in fp32 or with everything in float64."""

    def find(name: str, shown: str, dtype: torch.dtype) -> tuple[list[float], list[torch.Tensor]]:
        layers = {layer: (kernel.to(dtype), bias.to(dtype)) for layer, (kernel, bias) in weights.layers.items()}
        recipe, own = PRESETS[name], dataclasses.replace(weights, layers=layers)
        extractor = make_extractor(own, recipe, precision="fp32", device=torch.device("cpu"))
        photo, painting, canvas = (
            torch.tensor(pictures[which]).to(dtype).permute(2, 0, 1)[None] / 255
            for which in ("photo", "painting", shown)
        )
        image = EncodedImage.of(extractor, painting)
        regions = [RegionTarget([measure_style(image, recipe)])]
        objective = Objective(extractor, recipe, content=photo, regions=regions, low_frequency_target=photo)
        canvas.requires_grad_()
        content, style, *others = objective.terms(canvas).values()
        assert others == [0] * len(others)
        gradients = [torch.autograd.grad(term, canvas, retain_graph=True)[0] for term in (content, style)]
        return [content.item(), style.item()], [gradient[0].permute(1, 2, 0) / 255 for gradient in gradients]

    return find


@pytest.mark.parametrize(("name", "canvas"), CASES)
@pytest.mark.parametrize(
    ("dtype", "of_losses", "of_gradients"),
    [(torch.float32, 1e-5, SWITCHED), (torch.float64, 1e-9, 1e-9)],
    ids=["fp32", "float64"],
)
def test_content_style_and_their_gradients_are_those_of_the_publication(
    name, canvas, dtype, of_losses, of_gradients, published, found_by_impasto
):
    losses, slopes = found_by_impasto(name, canvas, dtype)
    published_losses, published_slopes = published(name, canvas)
    assert losses == pytest.approx(published_losses, rel=of_losses)
    for slope, expected in zip(slopes, published_slopes, strict=True):
        assert (slope - expected).norm() <= of_gradients * expected.norm()


@pytest.mark.parametrize(("name", "canvas"), [(name, canvas) for name, canvas in CASES if canvas != "noise"])
def test_a_run_reports_the_losses_of_the_publication_at_its_first_step(name, canvas, pictures, published, tmp_path):
    write_picture(tmp_path / "start.png", pictures[canvas])
    init = "content" if canvas == "photo" else str(tmp_path / "start.png")
    result = impasto.stylize(
        pictures["photo"], pictures["painting"], name, size=100, style_size=74, steps=1, init=init, device="cpu"
    )
    losses = [result.losses[term][0] for term in ("content", "style", "total")]
    content, style = published(name, canvas)[0]
    assert losses == pytest.approx([content, style, content + style], rel=1e-4)


@pytest.mark.parametrize("name", DEFINITIONS)
def test_the_first_step_goes_down_the_gradient_of_the_published_loss(name, pictures, published):
    result = impasto.stylize(
        pictures["photo"], pictures["painting"], name, size=100, style_size=74, steps=2, init="content", device="cpu"
    )
    moved = torch.tensor(result.pixels).double() - torch.tensor(pictures["photo"]) / 255
    gradient = sum(published(name, "photo")[1])
    inside = (result.pixels > 0) & (result.pixels < 1)  # values outside the range are clipped in a result
    assert inside.mean() > 0.9
    moved, gradient = moved[inside], gradient[inside]
    assert (moved / moved.norm() + gradient / gradient.norm()).norm() < SWITCHED


@pytest.mark.parametrize(("name", "canvas"), CASES)
def test_the_published_losses_are_the_stored_ones(name, canvas, published):
    (content, style), (content_slope, style_slope) = published(name, canvas)
    found = {
        "content": content,
        "style": style,
        "gradient of content": content_slope.norm().item(),
        "gradient of style": style_slope.norm().item(),
        "slopes at row 33, column 50": (content_slope + style_slope)[33, 50].tolist(),
    }
    stored = json.loads(STORE.read_text()) if STORE.exists() else {}
    if os.environ.get("IMPASTO_STORE_GOLDEN"):
        stored[f"{name}, {canvas}"] = found
        STORE.write_text(json.dumps(stored, indent=1) + "\n")
    expected = stored[f"{name}, {canvas}"]
    assert found.keys() == expected.keys()
    for key, value in found.items():
        assert value == pytest.approx(expected[key], rel=1e-6), key

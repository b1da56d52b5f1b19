"""Planning a job from a recipe and inputs: everything that can be checked before a network is loaded."""

from pathlib import Path
from typing import Any

from impasto.api.build_scene import build_scene
from impasto.api.hardware import limit_memory, resolve_hardware
from impasto.api.job import Job, result_size
from impasto.api.methods import METHODS
from impasto.images import DecodedImage, describe_stretch, resize
from impasto.recipe import Recipe
from impasto.runs import Inputs


def plan_job(recipe: Recipe, inputs: Inputs) -> Job:
    """Resolve and check everything that can be checked before painting begins, without loading a network.

    Raises:
        InputError: In one line, for what cannot be painted.
    """
    recipe, content = resolve_hardware(recipe), inputs.content
    method = METHODS[recipe.method]
    size = result_size(recipe, content.width, content.height)
    recipe = limit_memory(recipe, method.painted_pixels(recipe, *size))
    levels = method.levels(recipe, *size)
    scene = build_scene(recipe, size, levels, inputs)
    photo_size = content.width, content.height
    method.check(recipe, size, photo_size, levels, scene)
    weights = method.weights(recipe)
    return Job(
        recipe=recipe,
        size=size,
        levels=levels,
        scene=scene,
        photo_size=photo_size,
        alpha=None if content.alpha is None else resize(content.alpha, *size),
        exif=content.exif,
        sources={
            "weights": {"name": Path(weights["name"]).name, "sha256": weights["sha256"]},
            "inputs": _describe_inputs(inputs),
        },
        notices=[
            *_reduced(recipe, size, photo_size),
            *_stretched(inputs),
            *method.notices(recipe, levels[-1], scene),
            *_late_snapshots(recipe),
        ],
    )


def _reduced(recipe: Recipe, size: tuple[int, int], photo_size: tuple[int, int]) -> list[str]:
    """Say that the photo is smaller than the recipe's size."""
    side = recipe.picture.size
    if side == "photo" or max(size) >= side:
        return []
    own = "the photo has only {} x {} px, so the result has, too".format(*photo_size)
    return [f"{own}: --upscale paints it at {side} px"]


def _late_snapshots(recipe: Recipe) -> list[str]:
    """Say which snapshots are due after the last step."""
    picture, steps = recipe.picture, recipe.schedule.steps
    late = [step for step in (*picture.snapshots, picture.snapshot_every or 0) if step > steps]
    if not late:
        return []
    return [f"no snapshot is taken after step {', '.join(map(str, late))}: the picture has {steps} steps"]


def _stretched(inputs: Inputs) -> list[str]:
    """Say which masks, and whether the picture of --init, have other proportions than what they are laid on."""
    pairs = [(inputs.init, inputs.content), *((region.mask, inputs.content) for region in inputs.regions)]
    masked = [*zip(inputs.style_masks, inputs.styles, strict=False), *((r.style_mask, r.style) for r in inputs.regions)]
    pairs += [(mask, style) for mask, style in masked if style]
    return [line for own, other in pairs if own and (line := describe_stretch(own, other))]


def _describe_inputs(inputs: Inputs) -> dict[str, Any]:
    """Return names and hashes of the pictures, masks with their styles and regions as groups."""

    def entry(picture: DecodedImage) -> dict[str, Any]:
        return {"name": picture.name + picture.suffix, "sha256": picture.sha256}

    masks = inputs.style_masks or (None,) * len(inputs.styles)
    styles = zip(inputs.styles, masks, strict=True)
    described: dict[str, Any] = {
        "content": [entry(inputs.content)],
        "styles": [entry(style) | ({"mask": entry(mask)} if mask else {}) for style, mask in styles],
        "init": [entry(inputs.init)] if inputs.init else [],
    }
    if inputs.regions:
        described["regions"] = [
            {part: entry(picture) for part, picture in vars(region).items() if picture} for region in inputs.regions
        ]
    return described

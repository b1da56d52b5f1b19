"""What programs may call instead of the page: one endpoint, which paints a picture and hands it back."""

from pathlib import Path
from typing import Any, Final

import gradio as gr

from impasto.errors import ImpastoError, RunError
from impasto.images import PLATES
from impasto.recipe import PRESETS, Recipe, resolve
from impasto.studio import Studio
from impasto.studio.page.callbacks import Number, explained, language, refusal
from impasto.studio.page.finished import exported

NAME: Final = "paint"


def add_endpoint(studio: Studio) -> None:
    """Build the endpoint inside the page that is being built: it has no widgets that are seen.

    Its arguments are those of the function below, by name and in this order.
    """

    def paint(
        request: gr.Request, photo: str | None, style: str = PLATES[0], style_picture: str | None = None,
        strength: Number | None = None, colors: Number | None = None, size: Number = 512, preset: str = "default",
        seed: Number = 0,
    ) -> str:  # fmt: skip
        if photo is None:
            raise refusal("photo is missing")
        said = {"strength": strength, "color_strength": colors, "size": int(size), "seed": int(seed)}
        given = {name: value for name, value in said.items() if value is not None}
        try:
            recipe = resolve(preset, given)
            return str(painted(studio, photo, style_picture or style, recipe))
        except ImpastoError as error:
            raise explained(error, language(request)) from None

    standard = Recipe()
    with gr.Row(visible=False):
        inputs: list[Any] = [
            gr.File(label="photo"),
            gr.Dropdown(list(PLATES), value=PLATES[0], label="style"),
            gr.File(label="style_picture"),
            gr.Number(None, label="strength", minimum=0, maximum=100),
            gr.Number(None, label="colors", minimum=0, maximum=100),
            gr.Number(512, label="size", minimum=1),
            gr.Dropdown(list(PRESETS), value="default", label="preset"),
            gr.Number(standard.seed, label="seed"),
        ]
        output = gr.File(label="painting")
        button = gr.Button("paint")
    button.click(
        paint,
        inputs,
        output,
        api_name=NAME,
        api_description="Paint a photo (a file) in a built-in style, or that of a picture of your own (style_picture), "
        "and return the finished PNG. strength and colors, 0 to 100, are the preset's if left out; size is the long "
        "side in pixels.",
        concurrency_limit=64,
    )


def keep_private(blocks: gr.Blocks) -> None:
    """Take everything but the endpoint out of what programs may call: it belongs to the page."""
    for called in blocks.fns.values():
        if called.api_name != NAME:
            called.api_visibility = "private"


def painted(studio: Studio, photo: str, style: str, recipe: Recipe) -> Path:
    """Order a picture, wait, and return a copy of it that may be handed out; raises RunError if there is none."""
    job = studio.submit(photo, style, recipe)
    with job.watching():
        job.wait()
    if job.result() is None:
        raise RunError(job.message or "it was stopped before anything was painted")
    return Path(exported(studio, job.path)[0])

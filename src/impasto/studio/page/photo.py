"""A picture that a visitor gives, as its file: impasto reads it, not Gradio."""

from typing import Any

import gradio as gr
from gradio.data_classes import ImageData


def photo(**looks: Any) -> gr.Image:
    """Return an image whose value is the path of the file that was sent, whatever it holds.

    Gradio's own opens it with Pillow first, which knows fewer formats, and whose complaints name folders. (A class of
    our own would make Gradio write a file beside this one.)
    """
    image = gr.Image(type="filepath", image_mode=None, **looks)
    image.preprocess = _path  # type: ignore[method-assign]
    return image


def _path(payload: ImageData | None) -> str | None:
    return None if payload is None else payload.path

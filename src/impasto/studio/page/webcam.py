"""The tab in which the visitor's camera is shown painted; the pictures are neither stored nor put into the queue."""

import base64
import json
from collections.abc import Callable
from typing import Any, Final

import gradio as gr
from gradio.processing_utils import save_bytes_to_cache

from impasto.errors import InputError
from impasto.images import PLATES
from impasto.studio import Studio
from impasto.studio.page import markup
from impasto.studio.page.callbacks import errors_as_toasts
from impasto.studio.page.form import Form
from impasto.studio.texts import TEXTS, translate_message

_MOST_BYTES: Final = 8_000_000
"""Of a picture that a page sends."""
_TEXTS: Final = ("picture", "rate", "denied", "missing", "insecure")
_BUTTONS: Final = ("start", "stop", "keep", "use")


class WebcamTab:
    """The styles of the wall, and beside them the camera's picture in the chosen one (webcam.js)."""

    def __init__(self, studio: Studio, text: Callable[[str], Any], form: Form) -> None:
        self._studio, self._form = studio, form

        def paint_frame(asked: list[str]) -> dict[str, str]:
            """Return the data URI of a picture (another one) in a style of the wall, or an error in a language."""
            picture, style, language = asked
            try:
                return {"picture": markup.file_uri(studio.previews.paint_frame(_bytes_of(picture), style))}
            except InputError as error:
                return {"error": translate_message(language, str(error))}

        # Gradio translates one text of a component only.
        texts = json.dumps({name: TEXTS[f"webcam_{name}"] for name in _TEXTS})
        with gr.Row(elem_id="webcam-bench"):
            with gr.Column(scale=2, min_width=300):
                self._style = gr.Radio(
                    form.wall.choices(), value=PLATES[0], label=text("style"), elem_id="webcam-styles"
                )
            with gr.Column(scale=3, min_width=320):
                self._picture = gr.HTML(
                    f'<div class="webcam"><div class="canvas empty"><p>{text("webcam_empty")}</p></div>'
                    '<p class="hint told" role="status"></p></div>',
                    elem_id="webcam", padding=False, js_on_load=markup.script("webcam.js").replace("TEXTS", texts),
                    server_functions=[paint_frame],
                )  # fmt: skip
                with gr.Row(elem_id="webcam-buttons"):
                    for name in _BUTTONS:
                        gr.Button(
                            text(f"webcam_{name}"), variant="primary" if name == "start" else "secondary",
                            elem_id=f"webcam-{name}", min_width=120,
                        )  # fmt: skip

    def connect(self, tab: gr.Tab) -> gr.events.Dependency:
        """List the styles whenever the tab is opened; return the event after which Paint has the camera's photo."""
        quick: Any = {"queue": False, "show_progress": "hidden"}
        tab.select(self._list, [self._style, self._form.wall.chosen], [self._style], **quick)
        return self._picture.select(self._use, None, [self._form.photo, *self._form.wall.outputs], **quick)

    def _list(self, shown: str, chosen: list[str]) -> Any:
        """Offer the styles that are on the wall now; the one that is chosen on the tab Paint is chosen here, too."""
        choices = self._form.wall.choices()
        names = [name for name in (*chosen[:1], shown) if name in self._studio.wall.names()]
        return gr.update(choices=choices, value=(names or PLATES)[0])

    def _use(self, event: gr.EventData, request: gr.Request) -> dict[Any, Any]:
        """Give the form a photo of the camera and the style that it was shown in."""
        with errors_as_toasts(request):
            data = _bytes_of(event._data["photo"])
            style = event._data["style"]
            self._studio.wall.path(style)
        photo = save_bytes_to_cache(data, "webcam.jpg", self._form.photo.GRADIO_CACHE)
        return {self._form.photo: photo, **self._form.wall.load([style], {}, ())}


def _bytes_of(uri: str) -> bytes:
    """Return the picture file in a data URI; raises InputError if it is too large, or none."""
    if len(uri) > _MOST_BYTES:
        raise InputError("the camera's picture is too large")
    try:
        return base64.b64decode(uri.partition(",")[2], validate=True)
    except ValueError:
        raise InputError("the camera's picture is damaged") from None

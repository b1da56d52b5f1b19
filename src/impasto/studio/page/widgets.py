"""Files that visitors give: impasto reads and checks them itself."""

from abc import ABCMeta
from typing import Any, Final

import gradio as gr
from gradio.component_meta import ComponentMeta
from gradio.components import Component
from gradio.data_classes import FileData, ImageData
from gradio.events import Dependency
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.middleware import Middleware
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from impasto.errors import InputError
from impasto.images import quantize, read_picture, sniff
from impasto.studio.page import markup
from impasto.studio.texts import translate

_NOT_SHOWN: Final = frozenset({"heic", "tiff"})
"""Formats that some browsers cannot show."""


class _WithoutStub(ComponentMeta):
    """Makes classes of widgets as Python does: Gradio would write a type stub beside their module."""

    __new__ = ABCMeta.__new__  # type: ignore[assignment]


class FileInput(gr.File, metaclass=_WithoutStub):
    """A field for files whose value is the path, or the list of paths, of what was given."""

    is_template = True  # for the browser it is a `gr.File`

    def preprocess(self, payload: Any) -> Any:
        """Return the path of what was given."""
        return _paths(payload)


class TimeSlider(gr.Slider, metaclass=_WithoutStub):
    """A slider whose maximum an update has set, which a studio that was started again does not know any more."""

    is_template = True  # for the browser it is a `gr.Slider`

    def preprocess(self, payload: int | float | None) -> float:
        """Return the value, whatever the bounds are now."""
        return float(payload or 0.0)


class ImageInput(gr.Image, metaclass=_WithoutStub):
    """A field for a picture whose value is its path.

    Gradio opens pictures with Pillow, which knows fewer formats than impasto and names folders in its errors.
    """

    is_template = True  # for the browser it is a `gr.Image`

    def preprocess(self, payload: Any) -> Any:
        """Return the path of the picture, which is not opened."""
        return _paths(payload)


def empty_if_refused(given: Dependency, widget: Component) -> None:
    """Empty the widget of a file that the callback of an event has refused."""
    given.failure(lambda: None, None, [widget], queue=False, show_progress="hidden")


def _paths(payload: Any) -> Any:
    if payload is None:
        return None
    if isinstance(payload, FileData | ImageData):
        return payload.path
    return [_paths(getattr(item, "image", None) or getattr(item, "video", item)) for item in payload.root]


def upload_limit(megabytes: int) -> Middleware:
    """Return what explains in the visitor's language why a file was refused while it arrived."""
    return Middleware(_UploadLimit, megabytes)


class _UploadLimit:
    def __init__(self, app: ASGIApp, megabytes: int) -> None:
        self._app = app
        self._megabytes = megabytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        refused = False

        async def answer(message: Message) -> None:
            nonlocal refused
            if message.get("status") == 413:
                refused = True
            elif refused:
                # Gradio gives a part whose header, which has the file's name, is too long the same status.
                found = "long_name" if message.get("body", b"").startswith(b"Headers") else "too_long"
                language = Headers(scope=scope).get("accept-language", "")
                text = translate(language, found, limit=self._megabytes)
                await PlainTextResponse(text, 413)(scope, receive, send)
            else:
                await send(message)

        await self._app(scope, receive, answer)


def shown_as_jpeg(max_megapixels: float) -> Middleware:
    """Return what sends a JPEG in place of a picture that some browsers cannot show; the file itself is kept."""
    return Middleware(_ShownAsJpeg, max_megapixels)


class _ShownAsJpeg:
    def __init__(self, app: ASGIApp, max_megapixels: float) -> None:
        self._app = app
        self._max_megapixels = max_megapixels

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        # Browsers ask like this for what they show, and otherwise for what they save.
        if scope["type"] != "http" or not Headers(scope=scope).get("accept", "").startswith("image/"):
            await self._app(scope, receive, send)
            return
        start: Message = {}
        is_replaced: bool | None = None
        body = bytearray()

        async def answer(message: Message) -> None:
            nonlocal start, is_replaced
            if message["type"] == "http.response.start":
                start = message
                return
            if is_replaced is None:
                is_replaced = start["status"] == 200 and sniff(message.get("body", b"")) in _NOT_SHOWN
                if not is_replaced:
                    await send(start)
            if not is_replaced:
                await send(message)
                return
            body.extend(message.get("body", b""))
            if not message.get("more_body"):
                data = bytes(body)
                picture = await run_in_threadpool(self._picture, data)
                if picture is not None:
                    await Response(picture, media_type="image/jpeg")(scope, receive, send)
                else:
                    await send(start)
                    await send({**message, "body": data})

        await self._app(scope, receive, answer)

    def _picture(self, data: bytes) -> bytes | None:
        try:
            return markup.jpeg(quantize(read_picture(data, max_megapixels=self._max_megapixels).pixels))
        except InputError:
            return None

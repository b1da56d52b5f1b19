"""Files that visitors give: impasto reads and checks them itself."""

from typing import Any, TypeVar

from gradio.components import Component
from gradio.data_classes import FileData, ImageData
from starlette.datastructures import Headers
from starlette.middleware import Middleware
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from impasto.studio.texts import translate

Widget = TypeVar("Widget", bound=Component)


def file_input(widget: Widget) -> Widget:
    """Let the value of a widget be the path of its file, or the paths of its pictures.

    Gradio opens pictures with Pillow, which knows fewer formats than impasto and names folders in its errors. The
    method is replaced because Gradio writes a type stub beside the module of every subclass.
    """
    widget.preprocess = _paths  # type: ignore[method-assign]
    return widget


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

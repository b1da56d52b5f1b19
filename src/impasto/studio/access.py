"""Which requests the studio answers, and what its answers tell about this computer."""

import asyncio
import hmac
import html
import json
import re
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import safehttpx
from gradio.route_utils import FnIndexInferError
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse, PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_REFUSAL: Final = "The studio does not answer to this host or origin: open the page at the address that it printed."
_NO_CALL: Final = "The studio has no such call or event: its page links to the description of those for other programs."
_CALLS: Final = ("/call/", "/queue/join", "/run/")
"""Parts of the paths of calls."""
_LOGIN_PAUSE: Final = 1.0
"""Seconds that pass after a wrong password before the next one is looked at."""
_TEXTS: Final = ("application/json", "text/html", "text/plain", "text/event-stream")


class KnownHosts:
    """Answers requests that name a known host and come from no foreign page; all others get 403.

    No page elsewhere can show an answer in a frame, where its visitor would click on what he does not see.
    A page elsewhere whose name leads to this computer (DNS rebinding) sends that name as Host. `public` is the
    address at which a proxy shows the page, without its scheme. Starlette's TrustedHostMiddleware knows neither the
    address of the connection nor origins.
    """

    def __init__(self, app: ASGIApp, names: frozenset[str], public: str) -> None:
        self._app = app
        self._names = (names | {_name_of(public)}) - {""}
        self._public = public

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or refuse it."""

        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)["Content-Security-Policy"] = "frame-ancestors 'self'"
            await send(message)

        is_answered = scope["type"] == "lifespan" or self._is_known(scope)
        await (self._app if is_answered else PlainTextResponse(_REFUSAL, 403))(scope, receive, answer)

    def _is_known(self, scope: Scope) -> bool:
        headers = Headers(scope=scope)
        hosts = [host.lower() for host in headers.getlist("host")]
        asked = [
            *hosts,
            *(one.strip().lower() for one in ",".join(headers.getlist("x-forwarded-host")).split(",") if one),
        ]
        pages = {f"{scheme}://{host}" for scheme in ("http", "https") for host in (*asked, self._public)}
        names = self._names | {scope["server"][0].removeprefix("::ffff:")}
        return (
            len(hosts) == 1
            and all(_name_of(host) in names for host in asked)
            and all(origin.lower() in pages for origin in headers.getlist("origin"))
        )


def _name_of(host: str) -> str:
    """Return the name in `NAME:PORT` or `[IPv6]:PORT`; empty if it is neither."""
    found = re.fullmatch(r"(?:\[([0-9a-f:.]+)\]|([^\s:/@\[\]]+))(?::\d+)?", host)
    return (found[1] or found[2]) if found else ""


class HiddenFolders:
    """Shows a workspace as `/studio` in answers, and takes that for its folders in requests: Gradio shows its path."""

    def __init__(self, app: ASGIApp, workspace: Path) -> None:
        self._app = app
        uploads = (workspace / "uploads").resolve()  # as Gradio does
        self._shown = {"/studio/uploads": str(uploads), "/studio/exports": str(workspace / "exports")}
        self._in_body = {_quoted(f"{name}/")[:-1]: _quoted(f"{path}/")[:-1] for name, path in self._shown.items()}
        self._in_answer = {
            spelled: name.encode()
            for name, path in self._shown.items()
            for text in (path, html.escape(path), quote(path))
            for spelled in (text.encode(), _quoted(text)[1:-1], json.dumps(text, ensure_ascii=False)[1:-1].encode())
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request and its answer on, with the other names."""
        is_text = False

        async def read() -> Message:
            message, body = await receive(), b""
            while message.get("more_body"):
                body += message["body"]
                message = await receive()
            return {**message, "body": _replace(body + message.get("body", b""), self._in_body)}

        async def answer(message: Message) -> None:
            nonlocal is_text
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                is_text = headers.get("content-type", "").startswith(_TEXTS)
                if is_text:
                    del headers["content-length"]
            elif is_text:
                message = {**message, "body": _replace(message.get("body", b""), self._in_answer)}
            await send(message)

        if scope["type"] == "http":
            for name, path in self._shown.items():
                scope["path"] = scope["path"].replace(f"file={name}/", f"file={path}/")
            is_json = Headers(scope=scope).get("content-type", "").startswith("application/json")
            await self._app(scope, read if is_json else receive, answer)
        else:
            await self._app(scope, receive, send)


class KnownCalls:
    """Answers a call of what does not exist with one line, and a request that its sender has left with none.

    Gradio logs a traceback for each.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        is_started = False

        async def answer(message: Message) -> None:
            nonlocal is_started
            is_started = True
            await send(message)

        try:
            await self._app(scope, receive, answer)
        except ClientDisconnect:
            return
        except FnIndexInferError:
            await JSONResponse({"detail": _NO_CALL}, 404)(scope, receive, send)
        except (KeyError, RuntimeError) as error:
            # A RuntimeError is an answer with another status after the first line was sent.
            is_late = isinstance(error, RuntimeError) and isinstance(error.__cause__, HTTPException)
            is_call = any(part in scope["path"] for part in _CALLS)
            if not is_call or not (is_late or isinstance(error, KeyError)):
                raise
            if is_started:
                await send({"type": "http.response.body"})  # Gradio has sent the error as an event
            else:
                await JSONResponse({"detail": _NO_CALL}, 404)(scope, receive, send)


def _quoted(text: str) -> bytes:
    return json.dumps(text).encode()


def _replace(text: bytes, new: Mapping[bytes, bytes]) -> bytes:
    for old, value in new.items():
        text = text.replace(old, value)
    return text


def check_login(auth: str) -> Any:
    """Return a coroutine function that looks at one password at a time, and takes its time after a wrong one."""
    turn = asyncio.Lock()

    async def check(user: str, password: str) -> bool:
        async with turn:
            is_right = hmac.compare_digest(f"{user}:{password}".encode(), auth.encode())
            if not is_right:
                await asyncio.sleep(_LOGIN_PAUSE)
            return is_right

    return check


class LoginSessions(dict[str, str]):
    """The users by the token of their browser, as Gradio keeps them; a token ends after `seconds` without a request."""

    now: Callable[[], float] = staticmethod(time.monotonic)
    """The clock, in seconds."""

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self._seconds = seconds
        self._seen: dict[str, float] = {}

    def __setitem__(self, token: str, user: str) -> None:
        """Begin a session, and forget those that have ended."""
        for other in list(self):
            self.get(other, seen=False)
        super().__setitem__(token, user)
        self._seen[token] = self.now()

    def get(self, token: str | None, default: Any = None, *, seen: bool = True) -> Any:
        """Return the user of a session, which goes on; `default` if there is none, or it has ended."""
        if token is None or token not in self:
            return default
        if self.now() - self._seen[token] > self._seconds:
            del self[token], self._seen[token]
            return default
        if seen:
            self._seen[token] = self.now()
        return self[token]


def refuse_downloads() -> None:
    """Let Gradio fetch nothing from an address that a visitor gives instead of a file."""

    async def refuse(url: str, *_: object, **__: object) -> str:
        raise ValueError(f"the studio fetches nothing from other servers: {url}")

    # The only library that Gradio uses for it; it looks up the host's name, too.
    safehttpx.get = safehttpx.async_validate_url = refuse

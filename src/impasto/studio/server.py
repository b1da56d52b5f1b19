"""Serves the page: address, access, and limits of uploads and downloads."""

import errno
import os
import re
import socket
import sys
import time
import webbrowser
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from impasto.errors import InputError, reason_of
from impasto.extras import missing_extra

if TYPE_CHECKING:
    from impasto.studio import Studio

PORTS: Final = range(7860, 7960)
"""Ports that are tried in this order unless one is named."""

KEPT_SECONDS: Final = 86_400
"""How long files are kept that browsers sent: a page that is loaded again shows them."""

PASSWORD_VARIABLE: Final = "IMPASTO_PASSWORD"
DEFAULT_USER: Final = "impasto"

_AUTH: Final = re.compile(r"[^:\s]+:\S+")
_LOCAL: Final = frozenset({"127.0.0.1", "localhost", "::1"})
_EVERY_NETWORK: Final = {"0.0.0.0": ("192.0.2.1", socket.AF_INET), "::": ("2001:db8::1", socket.AF_INET6)}
"""Hosts that stand for all addresses of this computer; an address of documentation (RFC 5737, RFC 3849) for each."""

_FOREIGN: Final = re.compile(
    r"GRADIO_(?!ROOT_PATH$).*|HF_.*|HUGGING.*|SPACES?_.*|SYSTEM|OAUTH_.*|KAGGLE_.*|WEB_CONCURRENCY"
)
"""Variables by which Gradio and its libraries open further ports, editors and files, or fail if they are odd."""

_SSH: Final = ("SSH_CONNECTION", "SSH_CLIENT", "SSH_TTY")


@dataclass(frozen=True, kw_only=True)
class ServerOptions:
    """Address of the page and who may open it; raises InputError in one line on creation.

    A host that other computers can reach needs `auth`, unless `insecure` is True.
    """

    host: str = "127.0.0.1"
    port: int | None = None  # None: the first free one of PORTS
    auth: str | None = None  # USER:PASSWORD
    session_hours: float = 12.0  # without a request, after which one must log in again
    insecure: bool = False
    max_upload: int = 100  # megabytes

    def __post_init__(self) -> None:
        if self.port is not None and not 1 <= self.port <= 65535:
            raise InputError(f"--port is a number from 1 to 65535, not {self.port}")
        if self.auth is not None and not _AUTH.fullmatch(self.auth):
            raise InputError("--auth is USER:PASSWORD, without spaces")
        if self.host not in _LOCAL and self.auth is None and not self.insecure:
            raise InputError(
                f"{self.host} can be reached by others: give --password-file FILE (or --auth USER:PASSWORD), or say "
                "--insecure if that is meant"
            )
        if self.max_upload < 1:
            raise InputError("--max-upload is at least 1 (megabyte)")


def read_auth(auth: str | None, password_file: Path | None) -> str | None:
    """Return USER:PASSWORD from `--auth`, from a file, or from the variable IMPASTO_PASSWORD; None if there is none.

    File and variable hold it, or a password alone, whose user is `impasto`; unlike `--auth` they are not seen in the
    list of processes. Raises InputError if two are given, or the file cannot be read.
    """
    if auth is not None and password_file is not None:
        raise InputError("--auth and --password-file both give a password: use one of them")
    if auth is not None:
        return auth
    given = os.environ.get(PASSWORD_VARIABLE, "")
    if password_file is not None:
        try:
            given = password_file.read_text(encoding="utf-8").strip()
        except (OSError, ValueError) as error:
            raise InputError(f"cannot read the password from {password_file}: {reason_of(error)}") from None
    if not given:
        if password_file is not None:
            raise InputError(f"{password_file} is empty: write a password, or USER:PASSWORD, into it")
        return None
    found = given if ":" in given else f"{DEFAULT_USER}:{given}"
    if not _AUTH.fullmatch(found):
        raise InputError(f"the password in {password_file or PASSWORD_VARIABLE} must be one line without spaces")
    return found


def serve(studio: "Studio", options: ServerOptions, *, block: bool = True) -> Any:
    """Serve the page until the process is stopped; with `block=False` return the page of the running server.

    Raises InputError if there is no such address, its port is taken, or Gradio is not installed.
    """
    public = public_name(os.environ.get("GRADIO_ROOT_PATH", ""))
    prepare_gradio(studio.workspace.path)
    with _without_proxies():
        blocks = _launch(studio, options, public)
    if block:
        blocks.block_thread()
    return blocks


def _launch(studio: "Studio", options: ServerOptions, public: str) -> Any:
    try:
        from httpx import TransportError
        from starlette.middleware import Middleware

        from impasto.studio.access import (
            HiddenFolders,
            KnownCalls,
            KnownHosts,
            LoginSessions,
            check_login,
            refuse_downloads,
        )
        from impasto.studio.page import build_page, shown_as_jpeg, upload_limit
    except ModuleNotFoundError as error:
        raise missing_extra(f"the studio needs {error.name}", "studio") from None

    blocks, look = build_page(studio, has_login=options.auth is not None)
    blocks.queue(default_concurrency_limit=64, api_open=True)
    refuse_downloads()
    port = free_port(options.host, options.port)

    @asynccontextmanager
    async def guarded(app: Any) -> AsyncIterator[None]:
        # Outside Gradio's own middleware, which would answer requests of foreign pages.
        app.middleware_stack = KnownHosts(app.middleware_stack, known_names(options.host), public)
        app.tokens = LoginSessions(3600 * options.session_hours)
        yield
        # Gradio would delete at the end what open pages show; `prepare_gradio` deletes it later.
        for files in blocks.temp_file_sets:
            files.clear()

    middleware = [
        Middleware(KnownCalls),
        upload_limit(options.max_upload),
        shown_as_jpeg(studio.limits.max_megapixels),
        Middleware(HiddenFolders, studio.workspace.path),
    ]
    try:
        blocks.launch(
            server_name=_in_url(options.host),
            server_port=port,
            auth=check_login(options.auth) if options.auth else None,
            max_file_size=options.max_upload * 1_000_000,
            app_kwargs={"middleware": middleware, "lifespan": guarded},
            allowed_paths=[str(studio.workspace.exports)],
            blocked_paths=[str(studio.workspace.runs)],
            max_threads=128,
            prevent_thread_lock=True,
            quiet=True,
            share=False,
            ssr_mode=False,
            pwa=False,
            enable_monitoring=False,
            run_history=False,
            show_error=False,
            footer_links=["api"],
            # Gradio would load the page once more, and fail where a busy computer needs more than three seconds.
            _frontend=False,
            **look,
        )
    except TransportError as error:
        address = page_address(options.host, port)
        raise InputError(f"nothing answers at {address} ({error}): is this computer's own network on?") from None
    except OSError:
        # Another program has taken the port since it was found free.
        raise InputError(_port_is_taken(port)) from None
    return blocks


def prepare_gradio(workspace: Path) -> None:
    """Set environment variables before Gradio is imported: its files are kept here, and it contacts no server.

    Those that others have set for Gradio, other than GRADIO_ROOT_PATH, are removed, and so are its old files.
    """
    folder = workspace / "uploads"
    folder.mkdir(parents=True, exist_ok=True)
    for file in folder.glob("*/*"):
        with suppress(OSError):
            if time.time() - file.stat().st_ctime > KEPT_SECONDS:
                file.unlink()
    for name in filter(_FOREIGN.fullmatch, list(os.environ)):
        del os.environ[name]
    os.environ.update(
        GRADIO_ANALYTICS_ENABLED="False",
        HF_HUB_DISABLE_TELEMETRY="1",
        HF_HUB_OFFLINE="1",
        GRADIO_TEMP_DIR=str(folder),
    )


@contextmanager
def _without_proxies() -> Iterator[None]:
    """Let httpx, with which Gradio opens its own page, find no proxy or files of TLS: it fails if they are wrong."""
    names = [name for name in os.environ if name.lower().endswith("_proxy") or name.startswith("SSL")]
    before = {name: os.environ.pop(name) for name in names}
    os.environ["no_proxy"] = "*"
    try:
        yield
    finally:
        del os.environ["no_proxy"]
        os.environ.update(before)


# -- the address -------------------------------------------------------------------------------------------------------


def public_name(root_path: str) -> str:
    """Return host and port of the address at which a proxy shows the page; empty if there is only a path, or nothing.

    >>> public_name("https://Studio.example:8443/paint"), public_name("/paint")
    ('studio.example:8443', '')
    """
    found = re.fullmatch(r"(?:https?://([^/\s@?#]+))?(?:/|(?:/[^/\s?#]+)+/?)?", root_path)
    if found is None:
        raise InputError(
            f"GRADIO_ROOT_PATH is the address of the page, such as https://studio.example, or its path, not {root_path}"
        )
    return (found[1] or "").lower()


def free_port(host: str, port: int | None) -> int:
    """Return the port if it is free, or the first free one of `PORTS`; raises InputError if the page cannot be there.

    Gradio, too, looks for a port, but does not say why it cannot have one.
    """
    for candidate in PORTS if port is None else [port]:
        try:
            for address in {host, "127.0.0.1"}:  # Gradio wants the port here, too
                socket.create_server((address, candidate), family=_family(address)).close()
            return candidate
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                continue
            if error.errno in (errno.EACCES, errno.EPERM):
                raise InputError(f"port {candidate} is kept for the system: choose --port 1024 or above") from None
            raise InputError(
                f"cannot serve at {host} ({reason_of(error)}): 127.0.0.1 is for this computer alone, 0.0.0.0 for "
                "every network that it is in"
            ) from None
    raise InputError(_port_is_taken(port))


def known_names(host: str) -> frozenset[str]:
    """Return the names by which a browser may ask for the page, besides the address of its connection."""
    computer = socket.gethostname().lower()
    return _LOCAL | {host.lower()} | ({computer, f"{computer}.local"} if host in _EVERY_NETWORK else set())


def page_address(host: str, port: int) -> str:
    """Return the address of the page; for a host that stands for every network, one that other devices there can open.

    >>> page_address("127.0.0.1", 7860), page_address("::1", 8000)
    ('http://127.0.0.1:7860', 'http://[::1]:8000')
    """
    if host in _EVERY_NETWORK:
        remote, family = _EVERY_NETWORK[host]
        with suppress(OSError), socket.socket(family, socket.SOCK_DGRAM) as probe:
            # Nothing is sent: the system chooses the address from which it would send.
            probe.connect((remote, 9))
            host = probe.getsockname()[0]
    return f"http://{_in_url('localhost' if host in _EVERY_NETWORK else host)}:{port}"


def open_browser(address: str) -> None:
    """Open the page in the user's browser; not without a display, nor over SSH, where it would be another's display."""
    has_display = sys.platform in ("win32", "darwin") or any(map(os.environ.get, ("DISPLAY", "WAYLAND_DISPLAY")))
    if has_display and not any(map(os.environ.get, _SSH)):
        webbrowser.open(address)


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET


def _in_url(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _port_is_taken(port: int | None) -> str:
    if port is None:
        return f"all ports from {PORTS[0]} to {PORTS[-1]} are taken: choose another --port"
    return f"another program, perhaps another studio, uses port {port}: leave --port out, or choose another one"

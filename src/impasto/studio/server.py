"""Serves the page: address, access, and limits of uploads and downloads."""

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from impasto.errors import InputError
from impasto.extras import missing_extra

if TYPE_CHECKING:
    from impasto.studio import Studio

_LOCAL: Final = frozenset({"127.0.0.1", "localhost", "::1"})


@dataclass(frozen=True, kw_only=True)
class ServerOptions:
    """Address of the page and who may open it; raises InputError in one line on creation.

    A host that other computers can reach needs `auth`, unless `insecure` is True.
    """

    host: str = "127.0.0.1"
    port: int = 7860
    auth: str | None = None  # USER:PASSWORD
    insecure: bool = False
    max_upload: int = 100  # megabytes

    def __post_init__(self) -> None:
        if not 1 <= self.port <= 65535:
            raise InputError(f"--port is a number from 1 to 65535, not {self.port}")
        if self.auth is not None and not re.fullmatch(r"[^:\s]+:\S+", self.auth):
            raise InputError("--auth is USER:PASSWORD, without spaces")
        if self.host not in _LOCAL and self.auth is None and not self.insecure:
            raise InputError(
                f"{self.host} can be reached by others: give --auth USER:PASSWORD, or say --insecure if that is meant"
            )
        if self.max_upload < 1:
            raise InputError("--max-upload is at least 1 (megabyte)")


def serve(studio: "Studio", options: ServerOptions, *, block: bool = True) -> Any:
    """Serve the page until the process is stopped; with `block=False` return the page of the running server.

    Raises InputError if the port is taken, or Gradio is not installed.
    """
    prepare_gradio(studio.workspace.path)
    try:
        from impasto.studio.page import build_page
    except ModuleNotFoundError as error:
        raise missing_extra(f"the studio needs {error.name}", "studio") from None

    blocks, look = build_page(studio)
    blocks.queue(default_concurrency_limit=64, api_open=True)
    user, _, password = (options.auth or "").partition(":")
    try:
        blocks.launch(
            server_name=options.host,
            server_port=options.port,
            auth=(user, password) if user else None,
            max_file_size=options.max_upload * 1_000_000,
            allowed_paths=[str(studio.workspace.exports)],
            blocked_paths=[str(studio.workspace.runs)],
            max_threads=128,
            prevent_thread_lock=not block,
            quiet=True,
            share=False,
            ssr_mode=False,
            pwa=False,
            enable_monitoring=False,
            show_error=False,
            footer_links=["api"],
            **look,
        )
    except OSError as error:
        raise InputError(f"cannot serve at {options.host}:{options.port}: {error}; choose another --port") from None
    return blocks


def prepare_gradio(workspace: Path) -> None:
    """Set environment variables before Gradio is imported: its files are kept here, and it contacts no server."""
    folder = workspace / "uploads"
    folder.mkdir(parents=True, exist_ok=True)
    os.environ.update(
        GRADIO_ANALYTICS_ENABLED="False",
        HF_HUB_DISABLE_TELEMETRY="1",
        HF_HUB_OFFLINE="1",
        GRADIO_TEMP_DIR=str(folder),
    )

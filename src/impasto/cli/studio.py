"""`impasto studio`: serve the web page."""

from contextlib import suppress
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Group, Parameter

from impasto.cli.console import warn, write_line
from impasto.cli.options import Switch

SERVER = Parameter(group=Group("Server", sort_key=1))
LIMITS = Parameter(group=Group("Limits", sort_key=2))


def studio(
    *,
    workspace: Path | None = None,
    host: Annotated[str, SERVER] = "127.0.0.1",
    port: Annotated[int | None, SERVER] = None,
    auth: Annotated[str | None, SERVER] = None,
    password_file: Annotated[Path | None, SERVER] = None,
    insecure: Annotated[Switch, SERVER] = False,
    no_open: Annotated[Switch, SERVER] = False,
    on_close: Annotated[Literal["go_on", "cancel"], LIMITS] = "go_on",
    max_upload: Annotated[int, LIMITS] = 100,
    max_megapixels: Annotated[float, LIMITS] = 50.0,
) -> None:
    """Open the studio in a browser: paint, watch, compare; everything painted is kept.

    Args:
        workspace: The folder that keeps everything painted; by default one for your user.
        host: The address to listen on; `0.0.0.0` lets a phone in the same network in.
        port: The port to listen on; by default 7860, or the next free one.
        auth: USER:PASSWORD that visitors must enter; other users of this computer can see it in the list of processes.
        password_file: A file that holds USER:PASSWORD, or a password alone for the user `impasto`; so may the variable
            IMPASTO_PASSWORD.
        insecure: Let other computers connect without a password.
        no_open: Do not open the page in a browser.
        on_close: What happens to a run when its page is closed.
        max_upload: Largest file that is accepted, in megabytes.
        max_megapixels: Largest picture that is accepted or painted, in megapixels.
    """
    from impasto.studio.server import ServerOptions, open_browser, page_address, read_auth, serve

    options = ServerOptions(
        host=host,
        port=port,
        auth=read_auth(auth, password_file),
        insecure=insecure,
        max_upload=max_upload,
    )

    from impasto.studio import Studio, Workspace

    folder = Workspace(workspace or _default_folder())
    limits = {"max_pixels": int(max_megapixels * 1e6), "max_bytes": max_upload * 1_000_000}
    with Studio(folder, on_close=on_close, **limits) as opened:
        page = serve(opened, options, block=False)
        address = page_address(host, page.server_port)
        write_line(address)
        warn(f"everything painted is kept in {folder.path}; Ctrl-C ends the studio, and unfinished runs continue later")
        if not no_open:
            open_browser(address)
        _wait()
        if opened.is_painting:
            warn("the studio closes after the current step")


def _default_folder() -> Path:
    import platformdirs

    return Path(platformdirs.user_data_dir("impasto")) / "studio"


def _wait() -> None:
    """Sleep until Ctrl-C, SIGTERM or SIGHUP."""
    import threading

    with suppress(KeyboardInterrupt):
        threading.Event().wait()

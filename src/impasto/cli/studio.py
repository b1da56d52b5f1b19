"""`impasto studio`: the page on which one paints and watches."""

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Group, Parameter

from impasto.cli.console import say, warn

SERVER = Group("Server", sort_key=1)
GUESTS = Group("Limits", sort_key=2)


def studio(
    *,
    workspace: Annotated[
        Path | None, Parameter(help="The folder that keeps everything painted; the user's own if nothing is said.")
    ] = None,
    host: Annotated[str, Parameter(help="The address that is listened at.", group=SERVER)] = "127.0.0.1",
    port: Annotated[int, Parameter(help="The port.", group=SERVER)] = 7860,
    auth: Annotated[str | None, Parameter(help="USER:PASSWORD that visitors must give.", group=SERVER)] = None,
    insecure: Annotated[
        bool, Parameter(negative="", show_default=False, help="Let others in without a password.", group=SERVER)
    ] = False,
    on_close: Annotated[
        Literal["go_on", "cancel"], Parameter(help="What becomes of a picture when its page is closed.", group=GUESTS)
    ] = "go_on",
    max_upload: Annotated[int, Parameter(help="Largest file that is taken, in megabytes.", group=GUESTS)] = 100,
    max_megapixels: Annotated[float, Parameter(help="Largest picture that is taken or painted.", group=GUESTS)] = 50.0,
) -> None:
    """Open the studio in a browser: paint, watch, compare; everything painted is kept."""
    from impasto.studio.server import ServerOptions, serve

    serving = ServerOptions(host=host, port=port, auth=auth, insecure=insecure, max_upload=max_upload)

    from impasto.studio import Studio, Workspace

    place = Workspace(workspace or _own_folder())
    limits = {"max_pixels": int(max_megapixels * 1e6), "max_bytes": max_upload * 1_000_000}
    with Studio(place, on_close=on_close, **limits) as room:
        serve(room, serving, block=False)
        say(f"http://{host}:{port}")
        warn(
            f"everything painted is kept in {place.path}; Ctrl-C ends the studio, and what is unfinished goes on later"
        )
        _wait()


def _own_folder() -> Path:
    import platformdirs

    return Path(platformdirs.user_data_dir("impasto")) / "studio"


def _wait() -> None:
    """Sleep until Ctrl-C or SIGTERM."""
    import threading

    try:
        threading.Event().wait()
    except KeyboardInterrupt:
        warn("the studio closes after the step that is being done")

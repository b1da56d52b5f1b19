"""The commands, registered by name: a command's module is imported when it is called."""

from typing import Final

from cyclopts import App

COMMANDS: Final[dict[str, tuple[str, str]]] = {
    "stylize": ("stylize:stylize", "Paint a photo in the style of a picture."),
    "demo": ("demo:demo", "Paint a built-in photo in a built-in style."),
    "recolor": ("recolor:recolor", "Give a photo the colors of a picture, without strokes."),
    "mask": ("mask:mask", "Find the main subject of a photo and write a mask of it."),
    "plates": ("plates:plates", "List the built-in styles; export them as files."),
    "presets": ("presets:presets", "List the presets; print one as a recipe (TOML)."),
    "info": ("info:info", "Tell how a picture was painted; without a file, tell what impasto paints with here."),
    "score": ("score:score", "Judge a finished picture: photo kept, style taken, faults."),
    "resume": ("resume:resume", "Go on with a run that was kept with --run."),
    "runs": ("runs:runs", "List the runs that were kept with --run."),
    "weights": ("weights:weights", "Tell which weights the network can use; fetch the full-precision ones."),
}
"""Where each command is found, and what it does."""


def make_app() -> App:
    """Return the program, ready to be called with the words of a command line."""
    app = App(
        name="impasto",
        help="Paint a photograph in the style of any picture, by optimising its pixels.",
        version=_version,
        # The texts hold `backticks` and [brackets]; the reader of Markdown alone would double the time of --help.
        help_format="plaintext",
        result_action="return_value",
        suppress_keyboard_interrupt=False,
    )
    for order, (name, (place, purpose)) in enumerate(COMMANDS.items()):
        app.command(f"impasto.cli.{place}", name=name, help=purpose, sort_key=order)
    app.register_install_completion_command(help="Teach the shell to complete impasto's commands and options.")
    return app


def _version() -> str:
    from impasto import __version__

    return f"impasto {__version__}"

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
    "studio": ("studio:studio", "Open a page in the browser: paint, watch, compare."),
    "resume": ("resume:resume", "Go on with a run that was kept with --run."),
    "runs": ("runs:runs", "List the runs that were kept with --run."),
    "weights": ("weights:weights", "Tell which weights the network can use; fetch the full-precision ones."),
}
"""Where each command is found, and what it does."""

STUDIES: Final[dict[str, str]] = {
    "iterations": "One run after 10, 100, 500, 1,000... steps.",
    "seeds": "Runs that differ in the noise alone, and one repeated.",
    "layers": "The paper's figure 3: sets of style layers, ratios of content to style.",
    "reconstruct": "The paper's figure 1: content and style rebuilt from single layers.",
    "init": "The same recipe from the photo, the recolored photo, noise, and the style.",
    "pooling": "Maximum, average and L2 pooling.",
    "optimizers": "L-BFGS, and Adam at three rates.",
    "backbones": "The networks whose weights are there.",
    "losses": "Every style loss alone.",
    "longrun": "Presets over 10,000 and 100,000 steps: grey, clipping, content.",
    "custom": "Any fields of the recipe: every combination of values.",
}
"""The studies of `impasto study`, and what each compares."""


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
    study = App(
        name="study",
        help="Repeat an experiment and write a report: the paper's figures, long runs, any grid of settings.",
        help_format="plaintext",
        result_action="return_value",
        sort_key=len(COMMANDS),
    )
    for order, (name, purpose) in enumerate(STUDIES.items()):
        study.command(f"impasto.cli.study:{name}", name=name, help=purpose, sort_key=order)
    app.command(study)
    app.register_install_completion_command(help="Teach the shell to complete impasto's commands and options.")
    return app


def _version() -> str:
    from impasto import __version__

    return f"impasto {__version__}"

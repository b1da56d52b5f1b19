"""What the shell completes: built-in styles, pictures and recipe files; and the scripts that it asks with."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

from cyclopts import App

if TYPE_CHECKING:
    from cyclopts.completion import CompletionContext

_RECIPE_SUFFIXES: Final = (".toml", ".json")
_CLIP_SUFFIXES: Final = (".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".mpg", ".ts", ".gif", ".webp")


def complete_picture(context: "CompletionContext") -> list[str]:
    """Return pictures, and folders in which there may be some."""
    from impasto.images import PICTURE_SUFFIXES

    return list(_files(context.incomplete, PICTURE_SUFFIXES))


def complete_clip(context: "CompletionContext") -> list[str]:
    """Return videos, animations, and folders in which there may be some."""
    return list(_files(context.incomplete, _CLIP_SUFFIXES))


def complete_style(context: "CompletionContext") -> list[Any]:
    """Return the built-in styles with their descriptions, pictures, learned styles and folders."""
    from impasto.images import LEARNED_SUFFIX, PICTURE_SUFFIXES

    return [*complete_plate(context), *_files(context.incomplete, (*PICTURE_SUFFIXES, LEARNED_SUFFIX))]


def complete_plate(_: "CompletionContext") -> list[Any]:
    """Return the built-in styles with their descriptions."""
    from impasto.images import PLATES, plate_description

    return [(name, plate_description(name)) for name in PLATES]


def complete_run(context: "CompletionContext") -> list[str]:
    """Return run folders, and folders in which there may be some."""
    folders = _files(context.incomplete, ())
    # Importing impasto.runs would load torch.
    return [name.rstrip("/") if _is_run(name) else name for name in folders]


def _is_run(folder: str) -> bool:
    return any(Path(os.path.expanduser(folder), name).exists() for name in ("run.json", "film.json"))


def complete_recipe(context: "CompletionContext") -> list[str]:
    """Return recipe files and folders."""
    return list(_files(context.incomplete, _RECIPE_SUFFIXES))


def _files(typed: str, suffixes: tuple[str, ...]) -> Iterator[str]:
    """Yield the files with these extensions, and the folders with a slash, that begin with what was typed."""
    start = typed.rpartition("/")[2]
    shown = typed.removesuffix(start)
    try:
        entries = sorted(Path(os.path.expanduser(shown) or ".").iterdir())
    except OSError:
        return
    for entry in entries:
        if entry.name.startswith(start) and (start or not entry.name.startswith(".")):
            if entry.is_dir():
                yield f"{shown}{entry.name}/"
            elif entry.suffix.lower() in suffixes:
                yield shown + entry.name


class CompletedApp(App):
    """An app whose completion scripts let the shell itself complete names of files, as it does elsewhere."""

    def generate_completion(
        self, *, prog_name: str | None = None, shell: Literal["zsh", "bash", "fish", "powershell"] | None = None
    ) -> str:
        """Return the script for a shell."""
        if shell is None:
            from cyclopts.completion import detect_shell

            shell = detect_shell()
        script = super().generate_completion(prog_name=prog_name, shell=shell)
        for old, new in _ADJUSTMENTS.get(shell, ()):
            script = script.replace(old, new)
        return script


_ADJUSTMENTS: Final = {
    "bash": (
        # compgen breaks names at spaces; without own candidates, bash completes names by itself.
        ('COMPREPLY=( $(compgen -f -- "${cur}") )', "COMPREPLY=()"),
        ("complete -F ", "complete -o default -F "),
        # No space after a folder, so that its content can be completed. Bash 3 has no compopt.
        (
            "}\n\ncomplete",
            "  [[ ${#COMPREPLY[@]} == 1 && ${COMPREPLY[0]} == */ ]] && compopt -o nospace 2>/dev/null\n}\n\ncomplete",
        ),
    ),
    "fish": (
        # The options of painting after a photo, too, which fish takes for a subcommand.
        ("-n __fish_use_subcommand -l ", "-n __fish_impasto_using_command -l "),
        ("-n __fish_use_subcommand -s ", "-n __fish_impasto_using_command -s "),
    ),
    "zsh": (
        # Words without the backslashes and quotes of the shell.
        ("${(@)_cyc_words", "${(@Q)_cyc_words"),
        (
            "compadd -d _cyc_disp -a _cyc_vals",
            "{ compadd -S '' -- ${(M)_cyc_vals:#*/}; "
            "_cyc_vals=(${_cyc_vals:#*/}); _cyc_disp=(${_cyc_disp:#*/}); compadd -d _cyc_disp -a _cyc_vals; }",
        ),
    ),
}
"""Changes of the scripts, by shell: what is replaced, and by what."""

"""Makes the man page from the help of the program: `python tools/man.py` writes man/impasto.1 (`make man`)."""

import contextlib
import io
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final
from unittest import mock

from cyclopts.help import DefaultFormatter, HelpEntry, HelpPanel

from impasto.cli import main
from impasto.cli.app import COMMANDS

ROOT: Final = Path(__file__).parents[1]
PAGE: Final = ROOT / "man" / "impasto.1"
HELP: Final = {"--help", "--help-all", "--version"}

HEAD: Final = r""".\" Made by tools/man.py from the help of the program.
.TH IMPASTO 1 DATE "impasto VERSION" "User Commands"
.SH NAME
impasto \- paint a photo in the style of any picture
.SH SYNOPSIS
.B impasto
.I PHOTO STYLE...
.RI [ OPTIONS ]
.br
.B impasto
.I COMMAND
.RI [ ARGUMENTS ]
.SH DESCRIPTION
impasto changes a photo step by step until it has the strokes and colors of another picture and still shows what it
showed, by the method of Gatys, Ecker and Bethge (2015). Without a command it paints one photo. Nothing is sent.
"""

TAIL: Final = r""".SH EXIT STATUS
.TP
.B 0
done
.TP
.B 1
the run failed, or
.B impasto doctor
found something wrong
.TP
.B 2
something given cannot be used
.TP
.B 3
a batch partly failed
.TP
.B 130
stopped; what is there is saved
.SH EXAMPLES
.TP
.B impasto photo.jpg night
paints photo.jpg in a built-in style and writes photo_night.png
.TP
.B impasto photo.jpg style.jpg \-\-preset bold \-\-size 1024 \-o painted.png
paints a larger picture with larger strokes and names it
.TP
.B impasto batch holiday night
paints every photo of a folder
.SH FILES
Weights that were downloaded and the measured speed of the machine lie in the user's cache folder, what the studio
paints in the user's data folder;
.B impasto doctor
and
.B impasto studio
print which.
"""


def panels_of(*words: str) -> list[HelpPanel]:
    """Return what the help of a command shows."""
    shown: list[HelpPanel] = []
    with (
        mock.patch.object(DefaultFormatter, "__call__", lambda self, console, options, panel: shown.append(panel)),
        contextlib.redirect_stdout(io.StringIO()),
    ):
        main([*words, "--help-all"])
    return shown


def plain(text: Any) -> str:
    """Return a text for roff: backslashes and leading dots have a meaning there, and a minus is no hyphen."""
    text = getattr(text, "primary_renderable", text)  # what cyclopts sets a description in
    escaped = " ".join(str(text or "").split()).replace("\\", r"\e").replace("-", r"\-").replace("`", "")
    escaped = re.sub(r",(?=\S)", r",\\:", escaped)  # a long list may break after its commas
    return re.sub(r"^([.'])", r"\\&\1", escaped)


def option(entry: HelpEntry) -> str:
    """Return the lines of an option or argument."""
    names = ", ".join(plain(name) for name in (*entry.names, *entry.shorts)) or plain(entry.positional_label)
    value = f" \\fI{plain(entry.metavar)}\\fR" if entry.metavar and entry.names else ""
    choices = f" One of {plain(', '.join(entry.choices))}." if entry.choices else ""
    default = f" Default: {plain(entry.default)}." if entry.default else ""
    return f".TP\n\\fB{names}\\fR{value}\n{plain(entry.description)}{choices}{default}\n"


def options_of(command: str, known: set[str]) -> Iterator[str]:
    """Yield the lines of the options and subcommands of a command that are not described yet."""
    for panel in panels_of(*command.split()):
        described = known | HELP
        entries = [entry for entry in panel.entries if not entry.names or not set(entry.names) <= described]
        if entries and command == "stylize":
            yield f".SS {plain(panel.title)}\n"
        yield from map(option, entries)


def page() -> str:
    """Return the man page."""
    version, date = re.findall(r"^## \[(\d\S*)\] - (\S+)$", (ROOT / "CHANGELOG.md").read_text("utf-8"), re.MULTILINE)[0]
    settings = {name for panel in panels_of("stylize") for entry in panel.entries for name in entry.names}
    settings -= {"--json"}  # what it prints differs
    lines = [HEAD.replace("DATE", date).replace("VERSION", version), ".SH COMMANDS\n"]
    lines += [f".TP\n\\fBimpasto {name}\\fR\n{plain(purpose)}\n" for name, (_, purpose) in COMMANDS.items()]
    lines += [".SH OPTIONS\nThose of painting, which most commands take, too.\n", *options_of("stylize", set())]
    lines += [".SH OPTIONS OF SINGLE COMMANDS\nBeside those of painting, where the command paints.\n"]
    for name in COMMANDS:
        own = "".join(options_of(name, settings)) if name != "stylize" else ""
        lines += [f".SS impasto {name}\n{own}"] if own else []
    return "".join([*lines, TAIL])


if __name__ == "__main__":
    PAGE.parent.mkdir(exist_ok=True)
    PAGE.write_text(page(), encoding="utf-8")

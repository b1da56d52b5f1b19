"""The progress line on standard error: one live line on a terminal, a few plain lines elsewhere, or nothing."""

import sys
from contextlib import suppress
from typing import Any, Self

from rich.console import Console
from rich.live import Live
from rich.text import Text

from impasto.cli.console import printable, warn
from impasto.events import Event, LevelStarted, Notice, Step
from impasto.painting import Eta, clock


class LiveLine:
    """A line on a terminal that is written anew, and messages above it; its methods may be called from any thread.

    Errors of a closed terminal are ignored, because the picture must still be saved.
    """

    def __init__(self, *, quiet: bool = False, console: Console | None = None) -> None:
        """Show nothing if `quiet`, a live line on a terminal (or on `console`), plain lines otherwise."""
        if console is None and sys.stderr.isatty():
            console = Console(stderr=True)
        self._quiet = quiet
        self._live: Live | None = None
        if console is not None and not quiet and not console.is_dumb_terminal:
            self._live = Live(
                console=console,
                get_renderable=lambda: Text(self.line(), no_wrap=True, overflow="ellipsis"),
                transient=True,
                refresh_per_second=8,
                redirect_stdout=False,
                redirect_stderr=False,
            )

    def __enter__(self) -> Self:
        with suppress(OSError):
            if self._live is not None:
                self._live.start()
        return self

    def __exit__(self, *_: Any) -> None:
        with suppress(OSError):
            if self._live is not None:
                self._live.stop()

    def line(self) -> str:
        """Return what the line shows now."""
        raise NotImplementedError

    def note(self, text: str) -> None:
        """Show a message on a line of its own."""
        self.note_unless_live(text)
        with suppress(OSError):
            if self._live is not None:
                # The terminal wraps it, so that a command in it can be copied.
                self._live.console.print(Text(f"impasto: {printable(text)}"), soft_wrap=True)

    def note_unless_live(self, text: str) -> None:
        """Show a message where there is no live line."""
        if not self._quiet and self._live is None:
            warn(text)


class Progress(LiveLine):
    """Shows the progress of a run."""

    def __init__(self, eta: Eta, *, quiet: bool = False, console: Console | None = None) -> None:
        self._eta = eta
        self._level = self._step = ""
        self._tenths = 0
        super().__init__(quiet=quiet, console=console)

    def line(self) -> str:
        """Return level, step, loss and the time left."""
        return f"{self._level}   {self._step}".strip()

    def show(self, event: Event) -> None:
        """Show an event; plain lines appear at the start of each level and after each tenth of the steps."""
        if isinstance(event, LevelStarted):
            self._eta.level_started(event)
            self._level = f"level {event.level + 1}/{event.levels}, {event.width} x {event.height}"
            self._step = f"step {event.step}/{event.steps}"
            self._tenths = max(self._tenths, 10 * event.step // event.steps)
            self.note_unless_live(self._level)
        elif isinstance(event, Step):
            self._eta.step_done(event)
            left = self._eta.seconds_left()
            parts = [f"step {event.step}/{event.steps}", f"loss {event.loss:.4g}"]
            parts += [] if left is None else [f"{clock(left)} left"]
            self._step = "   ".join(parts)
            if 10 * event.step // event.steps > self._tenths:
                self._tenths = 10 * event.step // event.steps
                self.note_unless_live(", ".join(parts))
        elif isinstance(event, Notice):
            self.note(event.text)

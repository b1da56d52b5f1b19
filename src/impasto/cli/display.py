"""What is seen on standard error while a picture is painted: a live line, plain lines, or nothing."""

import sys
from types import TracebackType

from rich.console import Console
from rich.live import Live
from rich.text import Text

from impasto.cli.console import warn
from impasto.events import Event, LevelStarted, Notice, Step
from impasto.painting.estimate import Estimate, clock


def make_display(estimate: Estimate, *, quiet: bool) -> "Display":
    """Return the display that suits: none if quiet, a live line on a terminal, a few plain lines elsewhere."""
    if quiet:
        return Display()
    console = Console(stderr=True)
    is_live = sys.stderr.isatty() and not console.is_dumb_terminal
    return LiveDisplay(estimate, console) if is_live else PlainDisplay(estimate)


class Display:
    """Shows nothing."""

    def __enter__(self) -> "Display":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass

    def show(self, event: Event) -> None:
        """Show how far the run is."""

    def note(self, text: str) -> None:
        """Say one thing that is good to know."""


class PlainDisplay(Display):
    """Writes a line at each level's start and whenever another tenth of the steps is done."""

    def __init__(self, estimate: Estimate) -> None:
        self._estimate = estimate
        self._tenths = 0

    def show(self, event: Event) -> None:
        """Show how far the run is."""
        if isinstance(event, LevelStarted):
            self._estimate.level_started(event)
            self._tenths = max(self._tenths, 10 * event.step // event.steps)
            self.note(_level(event))
        elif isinstance(event, Step):
            self._estimate.step_done(event)
            tenths = 10 * event.step // event.steps
            if tenths > self._tenths:
                self._tenths = tenths
                self.note(", ".join(_step(event, self._estimate)))
        elif isinstance(event, Notice):
            self.note(event.text)

    def note(self, text: str) -> None:
        """Say one thing that is good to know."""
        warn(text)


class LiveDisplay(Display):
    """Keeps one line up to date and takes it away at the end."""

    def __init__(self, estimate: Estimate, console: Console) -> None:
        self._estimate = estimate
        self._level = self._step = ""
        self._live = Live(
            console=console,
            get_renderable=self._line,
            transient=True,
            refresh_per_second=8,
            redirect_stdout=False,
            redirect_stderr=False,
        )

    def __enter__(self) -> "Display":
        self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.stop()

    def show(self, event: Event) -> None:
        """Show how far the run is."""
        if isinstance(event, LevelStarted):
            self._estimate.level_started(event)
            self._level, self._step = _level(event), f"step {event.step}/{event.steps}"
        elif isinstance(event, Step):
            self._estimate.step_done(event)
            self._step = "   ".join(_step(event, self._estimate))
        elif isinstance(event, Notice):
            self.note(event.text)

    def note(self, text: str) -> None:
        """Say one thing that is good to know."""
        self._live.console.print(Text(f"impasto: {text}"))

    def _line(self) -> Text:
        return Text(f"{self._level}   {self._step}".strip(), no_wrap=True, overflow="ellipsis")


def _level(event: LevelStarted) -> str:
    return f"level {event.level + 1}/{event.levels}, {event.width} x {event.height}"


def _step(event: Step, estimate: Estimate) -> list[str]:
    left = estimate.seconds_left()
    words = [f"step {event.step}/{event.steps}", f"loss {event.loss:.4g}"]
    return words if left is None else [*words, f"{clock(left)} left"]

"""The live line of a style that is being learned."""

from collections import deque
from typing import Final

from impasto.cli.progress import LiveLine
from impasto.events import Event, Notice, Step
from impasto.instant import crop_size, pixels_left
from impasto.painting import clock

_WINDOW: Final = 20
"""Steps over which speed and loss are averaged: every crop has another loss."""


class LearningLine(LiveLine):
    """Step, loss and time left."""

    def __init__(self, *, quiet: bool) -> None:
        self._text = "loading the networks"
        self._tenths = 0
        self._recent: deque[Step] = deque(maxlen=_WINDOW)
        super().__init__(quiet=quiet)

    def line(self) -> str:
        """Return what the line shows now."""
        return self._text

    def show(self, event: Event) -> None:
        """Show an event; without a terminal, steps after each tenth of them."""
        if isinstance(event, Notice):
            self.note(event.text)
        if not isinstance(event, Step):
            return
        self._recent.append(event)
        first, count = self._recent[0], len(self._recent)
        parts = [f"step {event.step}", f"loss {sum(step.loss for step in self._recent) / count:.3g}"]
        if event.steps > event.step and count > 1:
            each = (event.seconds - first.seconds) / (event.step - first.step)
            left = pixels_left(event.step, event.steps) / crop_size(event.step - 1, event.steps) ** 2
            parts[0] += f"/{event.steps}"
            parts.append(f"{clock(each * left)} left")
        self._text = "   ".join(parts)
        tenths = 10 * event.step // event.steps
        if self._tenths < tenths < 10:
            self._tenths = tenths
            self.note_unless_live(", ".join(parts))

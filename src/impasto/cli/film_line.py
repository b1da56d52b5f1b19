"""The live line of a film."""

import threading
import time
from typing import Final, Self

from impasto.cli.progress import LiveLine
from impasto.painting import clock
from impasto.video import Film

_POLL_SECONDS: Final = 0.5


class FilmLine(LiveLine):
    """Frame, time left and seconds per frame; workers are watched by the frames that they have finished.

    Attributes:
        seconds: How long it has been painted.
    """

    def __init__(self, *, quiet: bool) -> None:
        self.seconds = 0.0
        self._text = ""
        self._before = self._done = 0
        super().__init__(quiet=quiet)

    def line(self) -> str:
        """Return what the line shows now."""
        return self._text

    def read(self, count: int) -> None:
        """Show how many frames were read."""
        self._text = f"reading the clip: frame {count}"

    def written(self, count: int) -> None:
        """Show how many frames were written."""
        self._text = f"writing the film: frame {count}"

    @property
    def painted(self) -> int:
        """Frames that were painted since this process began."""
        return self._done - self._before

    def watching(self, film: Film) -> "_Watcher":
        """Return what shows a film within a `with` block as its frames are painted."""
        self._before = self._done = film.folder.count_frames()
        if self._before:
            self.note(f"{self._before} of {film.plan.paintings} frames are painted already")
        return _Watcher(self, film)

    def update(self, film: Film, seconds: float) -> None:
        """Show where a film is; without a terminal, after each tenth of its frames."""
        count, before = film.folder.count_frames(), self._done
        self._done, self.seconds = count, seconds
        total = film.plan.paintings
        parts = [f"frame {min(count + 1, total)}/{total}"]
        if self.painted:
            each = seconds / self.painted
            parts += [f"{clock(each * (total - count))} left", f"{each:.1f} s a frame"]
        self._text = "   ".join(parts)
        if 10 * before // total < 10 * count // total < 10:
            self.note_unless_live(", ".join([f"{count}/{total} frames", *parts[1:]]))


class _Watcher:
    """Updates a line in a thread of its own."""

    def __init__(self, line: FilmLine, film: Film) -> None:
        self._line, self._film = line, film
        self._begun = time.monotonic()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()
        self._line.update(self._film, time.monotonic() - self._begun)

    def _watch(self) -> None:
        while not self._ended.wait(_POLL_SECONDS):
            self._line.update(self._film, time.monotonic() - self._begun)

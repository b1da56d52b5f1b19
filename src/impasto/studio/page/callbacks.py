"""What passes between the widgets and the queue: orders one way, pictures and words the other."""

import html
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, TypeAlias

import gradio as gr

from impasto.errors import ImpastoError
from impasto.painting.estimate import clock
from impasto.recipe import Recipe
from impasto.runs import RunFolder
from impasto.studio import Entry, Studio, Ticket
from impasto.studio.entries import read_frame
from impasto.studio.page import drawing
from impasto.studio.texts import say

Number: TypeAlias = int | float
"""What sliders give: whole numbers as whole ones."""

_PATIENCE: Final = 0.5
"""Seconds after which the page looks again, if nothing was told before."""

_SHORTEST: Final = 0.1
"""Seconds between two pictures: more than ten a second nobody sees, and each has to be sent."""

_LONGEST_LOOK: Final = 60.0
"""Seconds within which it is surely noticed that a page which was closed looks no more."""

ENDED: Final = frozenset({"finished", "stopped", "failed"})


def language(request: gr.Request | None) -> str:
    """Return the language that a browser asks for first."""
    headers = getattr(request, "headers", None)
    return "" if headers is None else headers.get("accept-language", "")


def explained(error: ImpastoError, tongue: str) -> gr.Error:
    """Return an error as the page shows it: one line, no traceback."""
    return refusal(say(tongue, "failed", message=str(error)))


def refusal(message: str) -> gr.Error:
    """Return a line as a toast; it may hold what a visitor typed, so that it is no HTML."""
    return gr.Error(html.escape(message), duration=12, print_exception=False)


def styles_of(
    built_in: Sequence[str] | None, own: Sequence[Any] | None, mix: Number
) -> tuple[list[str], tuple[float, ...]]:
    """Return the styles that were chosen, in their order, and how they are mixed; nothing for one alone."""
    styles = [*(built_in or ()), *(path_of(item) for item in own or ())]
    if len(styles) < 2:
        return styles, ()
    rest = (100.0 - mix) / (len(styles) - 1)
    return styles, (float(mix), *(rest,) * (len(styles) - 1))


def path_of(item: Any) -> str:
    """Return the file of a gallery's item, which may come with a caption."""
    return str(item[0] if isinstance(item, (list, tuple)) else item)


class Watching:
    """Which picture each open page follows: the one it ordered last."""

    def __init__(self, studio: Studio) -> None:
        self._studio = studio
        self._names: dict[str, str] = {}
        self._looks: Counter[str] = Counter()
        self._turned = threading.Condition()

    def begin(self, name: str, request: gr.Request) -> None:
        """Let a page follow a picture."""
        self._names[request.session_hash or ""] = name

    def ticket(self, request: gr.Request) -> Ticket | None:
        """Return what a page follows now."""
        name = self._names.get(request.session_hash or "")
        return self._studio.ticket(name) if name else None

    @contextmanager
    def looking(self, request: gr.Request) -> Iterator[None]:
        """Count a page as one that looks."""
        session = request.session_hash or ""
        with self._turned:
            self._looks[session] += 1
        try:
            yield
        finally:
            with self._turned:
                self._looks[session] -= 1
                self._turned.notify_all()

    def leave(self, request: gr.Request) -> None:
        """Note that a page was closed, once it no longer looks, which is noticed a moment later."""
        session = request.session_hash or ""
        name = self._names.pop(session, None)
        ticket = self._studio.ticket(name) if name else None
        with self._turned:
            self._turned.wait_for(lambda: not self._looks[session], _LONGEST_LOOK)
            del self._looks[session]
        if ticket is not None:
            ticket.abandoned()


def follow(followed: Callable[[], Ticket | None], tongue: str) -> Iterator[tuple[Any, ...]]:
    """Yield canvas, status and buttons of what a page follows, until that ends; another order takes its place."""
    before, ticket = None, followed()
    while ticket is not None and ticket is not before:
        yield from _follow(ticket, tongue, lambda ticket=ticket: followed() is ticket)  # type: ignore[misc]
        before, ticket = ticket, followed()


def _follow(ticket: Ticket, tongue: str, still: Callable[[], bool]) -> Iterator[tuple[Any, ...]]:
    version = news = -1
    state: str | None = None
    with ticket.watch():
        while still():
            # Asked for first: what is shown next is at least as new.
            ended, version_now = ticket.state in ENDED, ticket.version
            buttons = _UNCHANGED if ticket.state == state else steering(ticket.state)
            state = ticket.state
            yield _canvas(ticket, version, tongue), below(ticket, tongue), *buttons
            version = version_now
            if ended:
                return
            time.sleep(_SHORTEST)
            news = ticket.wait_for_news(news, _PATIENCE)


def at_rest(entry: Entry, tongue: str) -> tuple[Any, ...]:
    """Return canvas, status and buttons of a run of an earlier time, which the queue no longer knows."""
    state, counted = entry.status, {"step": f"{entry.step:,}", "steps": f"{entry.steps or 0:,}"}
    words = say(tongue, state, **counted) if state in ("finished", "stopped") else say(tongue, f"state_{state}")
    share = entry.step / entry.steps if entry.steps else 0.0
    frame = read_frame(entry.picture)
    return drawing.canvas(frame, words), drawing.status(entry.name, words, share, [], ""), *steering(state)


_UNCHANGED: Final = (gr.skip(), gr.skip(), gr.skip())


def steering(state: str | None) -> tuple[Any, Any, Any]:
    """Return the updates of pause, go on and stop: they can be pressed when they do something."""
    runs = state in ("waiting", "painting")
    return tuple(gr.update(interactive=on) for on in (runs, state in ("paused", "failed"), runs or state == "paused"))  # type: ignore[return-value]


def _canvas(ticket: Ticket, seen: int, tongue: str) -> Any:
    """Return the canvas if there is a picture that was not seen yet, or a word while there is none."""
    if ticket.version == seen and ticket.state not in ENDED:
        return gr.skip()
    return drawing.canvas(ticket.frame(), told(ticket, tongue))


def below(ticket: Ticket, tongue: str) -> str:
    """Return the line below the canvas."""
    standing = ticket.progress()
    share = standing.step / standing.steps if standing.steps else 0.0
    losses = ticket.losses().get("total", [])
    return drawing.status(ticket.name, told(ticket, tongue), share, losses, say(tongue, "loss"))


def told(ticket: Ticket, tongue: str) -> str:
    """Say how a run stands, in one line."""
    standing, state = ticket.progress(), ticket.state
    if state == "failed":
        return say(tongue, "failed", message=ticket.message)
    if state == "waiting":
        return say(tongue, "next") if ticket.place <= 1 else say(tongue, "waiting", place=ticket.place - 1)
    counted = {"step": f"{standing.step:,}", "steps": f"{standing.steps:,}"}
    if state in ("finished", "stopped", "paused"):
        return say(tongue, state, **counted)
    if not standing.step:
        return say(tongue, "starting")
    return say(
        tongue,
        "painting",
        level=standing.level,
        levels=standing.levels,
        width=standing.width,
        height=standing.height,
        left="…" if standing.seconds_left is None else clock(standing.seconds_left),
        **counted,
    )


def words_of(path: Path) -> tuple[str, str]:
    """Return the command and the Python call that paint a run's picture; raises InputError."""
    folder = RunFolder.open(path)
    content, styles = folder.input_names
    portable = folder.recipe.with_changes(device="auto", threads=None, max_megapixels=Recipe().max_megapixels)
    return portable.as_command(content, *styles), portable.as_python(content, *styles)

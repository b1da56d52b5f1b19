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
from impasto.studio import JobHandle, RunEntry, Studio
from impasto.studio.page import drawing
from impasto.studio.run_index import read_pixels
from impasto.studio.texts import translate

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
    return refusal(translate(tongue, "failed", message=str(error)))


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

    def job(self, request: gr.Request) -> JobHandle | None:
        """Return what a page follows now."""
        name = self._names.get(request.session_hash or "")
        return self._studio.job(name) if name else None

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
        job = self._studio.job(name) if name else None
        with self._turned:
            self._turned.wait_for(lambda: not self._looks[session], _LONGEST_LOOK)
            del self._looks[session]
        if job is not None:
            job.page_closed()


def follow(followed: Callable[[], JobHandle | None], tongue: str) -> Iterator[tuple[Any, ...]]:
    """Yield canvas, status and buttons of what a page follows, until that ends; another order takes its place."""
    before, job = None, followed()
    while job is not None and job is not before:
        yield from _follow(job, tongue, lambda job=job: followed() is job)  # type: ignore[misc]
        before, job = job, followed()


def _follow(job: JobHandle, tongue: str, still: Callable[[], bool]) -> Iterator[tuple[Any, ...]]:
    version = news = -1
    state: str | None = None
    with job.watching():
        while still():
            # Asked for first: what is shown next is at least as new.
            ended, version_now = job.state in ENDED, job.picture_version
            buttons = _UNCHANGED if job.state == state else steering(job.state)
            state = job.state
            yield _canvas(job, version, tongue), below(job, tongue), *buttons
            version = version_now
            if ended:
                return
            time.sleep(_SHORTEST)
            news = job.wait_for_update(news, _PATIENCE)


def at_rest(entry: RunEntry, tongue: str) -> tuple[Any, ...]:
    """Return canvas, status and buttons of a run of an earlier time, which the queue no longer knows."""
    state, counted = entry.status, {"step": f"{entry.step:,}", "steps": f"{entry.steps or 0:,}"}
    words = (
        translate(tongue, state, **counted) if state in ("finished", "stopped") else translate(tongue, f"state_{state}")
    )
    share = entry.step / entry.steps if entry.steps else 0.0
    frame = read_pixels(entry.picture)
    return drawing.canvas(frame, words), drawing.status(entry.name, words, share, [], ""), *steering(state)


_UNCHANGED: Final = (gr.skip(), gr.skip(), gr.skip())


def steering(state: str | None) -> tuple[Any, Any, Any]:
    """Return the updates of pause, go on and stop: they can be pressed when they do something."""
    runs = state in ("waiting", "painting")
    return tuple(gr.update(interactive=on) for on in (runs, state in ("paused", "failed"), runs or state == "paused"))  # type: ignore[return-value]


def _canvas(job: JobHandle, seen: int, tongue: str) -> Any:
    """Return the canvas if there is a picture that was not seen yet, or a word while there is none."""
    if job.picture_version == seen and job.state not in ENDED:
        return gr.skip()
    return drawing.canvas(job.picture(), told(job, tongue))


def below(job: JobHandle, tongue: str) -> str:
    """Return the line below the canvas."""
    standing = job.progress()
    share = standing.step / standing.steps if standing.steps else 0.0
    losses = job.losses().get("total", [])
    return drawing.status(job.name, told(job, tongue), share, losses, translate(tongue, "loss"))


def told(job: JobHandle, tongue: str) -> str:
    """Say how a run stands, in one line."""
    standing, state = job.progress(), job.state
    if state == "failed":
        return translate(tongue, "failed", message=job.message)
    if state == "waiting":
        return translate(tongue, "next") if job.position <= 1 else translate(tongue, "waiting", place=job.position - 1)
    counted = {"step": f"{standing.step:,}", "steps": f"{standing.steps:,}"}
    if state in ("finished", "stopped", "paused"):
        return translate(tongue, state, **counted)
    if not standing.step:
        return translate(tongue, "starting")
    return translate(
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

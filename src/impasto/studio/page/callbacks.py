"""Helpers of callbacks: the visitor's language, errors shown as toasts, and following a job until it ends."""

import html
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, TypeAlias

import gradio as gr

from impasto.errors import ImpastoError
from impasto.painting import clock
from impasto.studio import JobHandle, RunEntry
from impasto.studio.page import markup
from impasto.studio.page.film_text import film_text
from impasto.studio.run_index import read_pixels
from impasto.studio.submission import hide_folders
from impasto.studio.texts import translate, translate_message

Number: TypeAlias = int | float
"""The value of a slider: an int if it is whole."""

RESUMABLE: Final = frozenset({"stopped", "interrupted", "failed"})
"""States of runs that can be continued, though they are not in the queue."""

_MAX_WAIT: Final = 0.5
"""Seconds after which the status is sent again even if nothing was reported."""

_MIN_INTERVAL: Final = 0.1
"""Seconds between two updates of the page."""


def language_of(request: gr.Request | None) -> str:
    """Return the languages that a browser accepts, the preferred one first."""
    headers = getattr(request, "headers", None)
    return "" if headers is None else headers.get("accept-language", "")


def toast(message: str) -> gr.Error:
    """Return an error that Gradio shows as a toast; the message is escaped because it may quote the visitor's input."""
    return gr.Error(html.escape(message), duration=12, print_exception=False)


def call_error(message: str) -> gr.Error:
    """Return an error for another program, in its own words: not escaped, and without a traceback in the log."""
    return gr.Error(message, duration=12, print_exception=False)


def one_error_for_wrong_calls(blocks: gr.Blocks, wanted: Sequence[str]) -> None:
    """Answer a call whose values Gradio cannot read with one clear error; it logs a traceback and answers nothing.

    `wanted` are the values of the endpoint for other programs.
    """
    read = blocks.preprocess_data

    async def preprocess_data(function: Any, inputs: list[Any], *rest: Any, **options: Any) -> list[Any]:
        is_endpoint = function.api_visibility == "public"
        if is_endpoint and len(inputs) != len(wanted):
            raise call_error(f"there are {len(wanted)} values ({', '.join(wanted)}), not {len(inputs)}")
        try:
            return list(await read(function, inputs, *rest, **options))
        except gr.Error:
            raise
        except Exception as error:
            kinds = (
                "files are uploaded first and given as FileData, names are texts" if is_endpoint else "reload the page"
            )
            raise call_error(f"a value cannot be used ({type(error).__name__}): {kinds}") from None

    blocks.preprocess_data = preprocess_data  # type: ignore[method-assign, assignment]


def choices_of(values: Iterable[str], text: Callable[[str], Any]) -> list[tuple[Any, str]]:
    """Return values as a list of Gradio shows them, each with its name in the visitor's language."""
    return [(text(f"choice_{value}"), value) for value in values]


@contextmanager
def errors_as_toasts(request: gr.Request | None, *given: Path) -> Iterator[None]:
    """Show an ImpastoError as a toast of one line, with the given files named without their folders."""
    try:
        yield
    except ImpastoError as error:
        raise toast(_failure(hide_folders(str(error), *given), language_of(request))) from None


def follow_jobs(current: Callable[[], JobHandle | None], language: str) -> Iterator[tuple[Any, ...]]:
    """Yield updates of canvas, status and buttons until the job that a page follows ends.

    `current` returns that job; if it returns another one, that one is followed from then on.
    """
    before, job = None, current()
    while job is not None and job is not before:
        yield from _follow_one(job, language, lambda job=job: current() is job)  # type: ignore[misc]
        before, job = job, current()


def _follow_one(job: JobHandle, language: str, still: Callable[[], bool]) -> Iterator[tuple[Any, ...]]:
    picture_version = update = -1
    state: str | None = None
    while still():
        # Read before the picture, so that the picture is at least as new as its version.
        ended, newest_version = job.has_ended, job.monitor.picture_version
        # A run that was stopped before its first step has no folder any more, and cannot go on.
        now = job.state if job.path.exists() else "deleted"
        buttons = (gr.skip(),) * 3 if now == state else button_updates(now)
        state = now
        is_seen = job.monitor.picture_version == picture_version and not ended
        text = status_text(job, language)
        canvas = (
            gr.skip() if is_seen else markup.canvas(job.picture(), text, job.name, translate(language, "zoom_hint"))
        )
        yield canvas, _status(job, text, language), *buttons
        picture_version = newest_version
        if ended:
            return
        time.sleep(_MIN_INTERVAL)
        update = job.monitor.wait(update, _MAX_WAIT)


def show_entry(entry: RunEntry, language: str) -> tuple[Any, ...]:
    """Return updates of canvas, status and buttons for a run that is no longer in the queue."""
    counts = {"step": f"{entry.step:,}", "steps": f"{entry.steps or 0:,}"}
    key = _key(entry.status, entry.steps) if entry.status in ("finished", "stopped") else f"state_{entry.status}"
    text = translate(language, key, **counts)
    canvas = markup.canvas(read_pixels(entry.picture), text, entry.name, translate(language, "zoom_hint"))
    return (
        canvas,
        markup.status(entry.name, text, _share(entry.status, entry.step, entry.steps)),
        *button_updates(entry.status),
    )


def button_updates(state: str | None) -> tuple[Any, Any, Any]:
    """Return updates that enable pause, resume and stop as far as they apply to a state."""
    runs = state in ("waiting", "painting")
    enabled = (runs, state in ("paused", *RESUMABLE), runs or state == "paused")
    pause, resume, stop = (gr.update(interactive=on) for on in enabled)
    return pause, resume, stop


def status_text(job: JobHandle, language: str) -> str:
    """Return the state of a job in one line."""
    progress, state = job.monitor.progress(), job.state
    if state == "failed":
        return _failure(job.message, language)
    if state == "waiting":
        ahead = job.position - 1
        return translate(language, "waiting", place=ahead) if ahead > 0 else translate(language, "next")
    if job.is_film:
        return film_text(job, language)
    counts = {"step": f"{progress.step:,}", "steps": f"{progress.steps:,}"}
    if state in ("finished", "stopped", "paused"):
        is_gone = state == "stopped" and not job.path.exists()
        return translate(language, "stopped_early" if is_gone else _key(state, progress.steps), **counts)
    if not progress.step:
        return translate(language, "starting")
    left = "…" if progress.seconds_left is None else clock(progress.seconds_left)
    return translate(language, "painting", **(vars(progress) | counts), left=left)


def notice_text(job: JobHandle | None, language: str) -> str:
    """Return what a job has to say; each line of it is a notice."""
    lines = "" if job is None else job.monitor.notice
    return "; ".join(translate_message(language, line) for line in lines.splitlines())


def _status(job: JobHandle, text: str, language: str) -> str:
    progress, losses = job.monitor.progress(), job.monitor.losses()
    notice = notice_text(job, language)
    share, label = _share(job.state, progress.step, progress.steps), translate(language, "loss")
    return markup.status(job.name, text, share, losses, label, notice=notice)


def _failure(message: str, language: str) -> str:
    return translate(language, "failed", message=translate_message(language, message))


def _key(state: str, steps: int | None) -> str:
    return "finished_at_once" if state == "finished" and steps == 1 else state


def _share(state: str, step: int, steps: int | None) -> float:
    if state == "finished":
        return 1.0  # a picture of one forward pass reports no step
    return step / steps if steps else 0.0

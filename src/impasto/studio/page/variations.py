"""Four small variations of the picture on the canvas, of which one is chosen to be painted large."""

from collections.abc import Callable, Iterator
from typing import Any, Final, TypeAlias

import gradio as gr
import numpy as np
from jaxtyping import UInt8

from impasto.studio import JobHandle, Studio
from impasto.studio.page.callbacks import errors_as_toasts, language_of, toast
from impasto.studio.texts import translate

_SECONDS: Final = 1.0
"""Seconds between two updates of the pictures."""

_Item: TypeAlias = tuple[UInt8[np.ndarray, "h w 3"], str]


class Variations:
    """The button that paints them, and the pictures; a click on one paints it at the size of the first picture."""

    def __init__(self, studio: Studio, text: Callable[[str], Any], current: gr.State) -> None:
        self._studio = studio
        self._jobs = gr.State(None)
        """Name of the run that is varied, and the names of its variations."""
        self._newest: dict[str | None, list[str]] = {}
        """The variations that each page started last, by session; a page has one generator that follows them."""
        self.button = gr.Button(text("variations"), size="md", elem_id="vary", min_width=80)
        self._gallery = gr.Gallery(
            label=text("variations_hint"), columns=4, height=200, object_fit="contain", allow_preview=False, buttons=[],
            interactive=False, visible=False, elem_id="variations", format="jpeg",
        )  # fmt: skip
        started = self.button.click(self._start, [current], [self._jobs, self._gallery], show_progress="hidden")
        started.success(self.follow, [self._jobs], [self._gallery], show_progress="hidden", concurrency_limit=None)

    def on_choice(self, act: Callable[..., Any], outputs: list[Any]) -> gr.events.Dependency:
        """Call `act(start, request)` when a variation is chosen; `start` submits the large picture."""

        def choose(jobs: list[str], event: gr.SelectData, request: gr.Request) -> Any:
            return act(lambda: self._repeat(jobs, event.index), request)

        return self._gallery.select(choose, [self._jobs], outputs, show_progress="hidden")

    def _repeat(self, jobs: list[str], index: int) -> str:
        whole, *varied = jobs
        recipe = self._studio.recipe_of(varied[index])
        return self._studio.repeat(whole, recipe.start.seed).name

    def _start(self, name: str | None, request: gr.Request) -> tuple[list[str], Any]:
        if not name:
            raise toast(translate(language_of(request), "nothing_again"))
        with errors_as_toasts(request):
            names = [job.name for job in self._studio.variations(name)]
        self._newest[request.session_hash] = names
        return [name, *names], gr.update(value=[], visible=True)

    def follow(self, jobs: list[str], request: gr.Request) -> Iterator[Any]:
        """Yield the pictures until all have ended; those that the page starts meanwhile are followed instead."""
        shown: list[str] = []
        while (names := self._newest.get(request.session_hash, jobs[1:])) != shown:
            handles = [job for name in names if (job := self._studio.job(name)) is not None]
            running = [job for job in handles if not job.has_ended]
            yield gr.update(value=[_item(job, number) for number, job in enumerate(handles, start=1)])
            if running:
                running[0].wait(_SECONDS)
            else:
                shown = names

    def leave(self, request: gr.Request) -> None:
        """Forget what a page that was closed has started."""
        self._newest.pop(request.session_hash, None)


def _item(job: JobHandle, number: int) -> _Item:
    picture = job.picture()
    return (np.full((48, 64, 3), 128, np.uint8) if picture is None else picture, str(number))

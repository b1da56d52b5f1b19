"""The list of all pictures that wait or are painted, above the tabs: whose they are does not matter."""

from collections.abc import Callable

import gradio as gr

from impasto.studio import JobHandle, Studio
from impasto.studio.page import markup
from impasto.studio.page.callbacks import status_text
from impasto.studio.texts import choice_label, translate


class JobQueue:
    """Shows every job that has not ended, each with a button that ends it and one that shows it on the canvas.

    `chosen` is the event of the latter for a picture, `chosen_film` for a film, see `chosen_run`.
    """

    def __init__(self, studio: Studio) -> None:
        def list_jobs(language: str) -> str:
            return _as_html(studio.jobs(), language)

        def end_job(choice: list[str]) -> str:
            name, language = choice
            if (job := studio.job(name)) is not None:
                job.stop()
            return list_jobs(language)

        html = gr.HTML(
            "", elem_id="queue", padding=False, js_on_load=markup.script("queue.js"),
            server_functions=[list_jobs, end_job],
        )  # fmt: skip
        self.chosen: Callable[..., gr.events.Dependency] = html.select
        self.chosen_film: Callable[..., gr.events.Dependency] = html.submit


def chosen_run(event: gr.EventData) -> str:
    """Return the run whose button was pressed."""
    return str(event._data["run"])


def _as_html(jobs: list[JobHandle], language: str) -> str:
    if not jobs:
        return ""
    rows = []
    for job in jobs:
        styles = (choice_label(language, style) for style in job.styles)
        rows.append((job, " + ".join((job.content, *styles)), status_text(job, language)))
    texts = {key: translate(language, f"queue_{key}") for key in ("title", "show", "stop", "cancel")}
    return markup.render("queue", rows, texts)

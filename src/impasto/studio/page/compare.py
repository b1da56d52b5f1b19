"""Two to four paintings side by side with linked zoom."""

from collections.abc import Callable, Sequence
from typing import Any, Final

import gradio as gr

from impasto.errors import ImpastoError
from impasto.studio import Studio
from impasto.studio.captions import difference_captions, gallery_label, run_title
from impasto.studio.page import drawing
from impasto.studio.page.callbacks import explained, language
from impasto.studio.page.pictures import LINKED_SCRIPT, offered, pane, served
from impasto.studio.page.vote import Vote
from impasto.studio.texts import translate

_MOST: Final = 4


class Compare:
    """The tab of comparisons."""

    def __init__(self, studio: Studio, text: Callable[[str], Any]) -> None:
        """Build it inside the tab that is being built."""
        self._studio = studio
        self.which = gr.CheckboxGroup([], label=text("which"), info=text("which_hint"), elem_id="which")
        self.wall = gr.HTML("", elem_id="which-pictures", padding=False)
        self.pictures = gr.HTML("", elem_id="compared", padding=False, js_on_load=LINKED_SCRIPT)
        self.outputs: list[Any] = [self.which, self.wall, self.pictures]
        self.which.input(
            self._chosen,
            [self.which],
            [self.which, self.pictures],
            queue=False,
            show_progress="hidden",
            trigger_mode="always_last",
        )
        with gr.Accordion(text("vote"), open=False, elem_id="vote"):
            Vote(studio, text)

    def choices(self, chosen: Sequence[str] | None, request: gr.Request) -> tuple[Any, str, str]:
        """Return the updates that offer what has been painted, and show what is chosen of it."""
        pictures = offered(self._studio)
        names = [entry.name for entry, _ in pictures]
        still = [name for name in chosen or () if name in names]
        wall = drawing.thumbnails_css("which", [served(path) for _, path in pictures])
        choices = gr.update(choices=[(gallery_label(entry), entry.name) for entry, _ in pictures], value=still)
        shown = self._compared(still, request) if pictures else _word(translate(language(request), "compare_none"))
        return choices, wall, shown

    def _chosen(self, names: Sequence[str], request: gr.Request) -> tuple[Any, str]:
        """Show what is chosen; only a choice that is too long is given back, for the next click may be on its way."""
        latest = list(names)[-_MOST:]
        return gr.skip() if len(latest) == len(names) else gr.update(value=latest), self._compared(latest, request)

    def _compared(self, names: Sequence[str], request: gr.Request) -> str:
        tongue = language(request)
        entries = {entry.name: entry for entry in self._studio.list_runs()}
        chosen = [entries[name] for name in names if name in entries]
        titles = difference_captions(chosen, tongue)
        try:
            panes = [pane(entry, title, run_title(entry)) for entry, title in zip(chosen, titles, strict=True)]
        except ImpastoError as error:
            raise explained(error, tongue) from None
        shown = drawing.linked(panes, translate(tongue, "compare_hint"))
        return _word(translate(tongue, "compare_one_more")) + shown if len(chosen) == 1 else shown


def _word(text: str) -> str:
    return f'<p class="hint">{text}</p>'

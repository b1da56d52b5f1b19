"""Two to four paintings side by side with linked zoom, and the blind vote between two of one photo."""

import random
from collections import defaultdict
from collections.abc import Callable, Sequence
from importlib.resources import files
from typing import Any

import gradio as gr
import numpy as np

from impasto.errors import ImpastoError
from impasto.images import quantize, read_picture
from impasto.studio import Entry, Studio
from impasto.studio.page.callbacks import explained, language
from impasto.studio.page.drawing import address, linked
from impasto.studio.texts import say

_MOST = 4
_LARGEST = 1600

SCRIPT = (files("impasto.studio.page") / "linked.js").read_text(encoding="utf-8")
"""Moves all pictures of a comparison as one: wheel and +/- zoom, dragging and arrows move."""


class Compare:
    """The tab of comparisons."""

    def __init__(self, studio: Studio, text: Callable[[str], Any]) -> None:
        """Build it inside the tab that is being built."""
        self._studio = studio
        gr.Markdown(text("compare_hint"))
        with gr.Row():
            self.which = gr.Dropdown(
                [], multiselect=True, max_choices=_MOST, label=text("which"), elem_id="which", scale=4
            )
            self.show = gr.Button(text("compare"), size="md", elem_id="compare", scale=1)
        self.pictures = gr.HTML(elem_id="compared", js_on_load=SCRIPT)
        with gr.Accordion(text("vote"), open=False, elem_id="vote"):
            gr.Markdown(text("vote_hint"))
            self.rater = gr.Textbox(label=text("name"), max_length=40, elem_id="rater")
            self.pair = gr.State(None)
            self.next = gr.Button(text("vote_next"), size="md", elem_id="vote-next")
            self.voted = gr.HTML(elem_id="voted")
            with gr.Row():
                left = gr.Button(text("vote_left"), size="md", elem_id="vote-left")
                neither = gr.Button(text("vote_skip"), size="md", elem_id="vote-skip")
                right = gr.Button(text("vote_right"), size="md", elem_id="vote-right")
            self.count = gr.Markdown()
        self.show.click(self._compared, [self.which], [self.pictures], show_progress="hidden").then(
            None, None, None, js=f"() => {{ const element = document.getElementById('compared'); {SCRIPT} }}"
        )
        outputs = [self.pair, self.voted, self.count]
        self.next.click(self._two, None, outputs, show_progress="hidden")
        for button, choice in ((left, 0), (right, 1), (neither, None)):
            button.click(self._voter(choice), [self.pair, self.rater], outputs, show_progress="hidden")

    def choices(self) -> Any:
        """Return the update that offers what has been painted."""
        entries = [entry for entry in self._studio.entries() if entry.picture is not None]
        return gr.update(choices=[(_called(entry), entry.name) for entry in entries])

    def _compared(self, names: Sequence[str] | None, request: gr.Request) -> str:
        entries = {entry.name: entry for entry in self._studio.entries()}
        chosen = [entries[name] for name in names or () if name in entries and entries[name].picture is not None]
        return linked({_called(entry): _source(entry) for entry in chosen[:_MOST]})

    def _two(self, request: gr.Request) -> tuple[Any, str, str]:
        """Choose two finished paintings of one photo by chance, and which stands left."""
        by_photo: dict[str, list[Entry]] = defaultdict(list)
        for entry in self._studio.entries():
            if entry.status == "finished":
                by_photo[entry.content].append(entry)
        groups = [group for group in by_photo.values() if len(group) > 1]
        if not groups:
            return None, "", say(language(request), "vote_none")
        pair = random.sample(random.choice(groups), 2)
        sources = {name: _source(entry) for name, entry in zip(("A", "B"), pair, strict=True)}
        return [entry.name for entry in pair], linked(sources), ""

    def _voter(self, choice: int | None) -> Callable[..., tuple[Any, str, str]]:
        """Return what a button of the vote does: note the choice, and show the next two."""

        def vote(pair: list[str] | None, rater: str | None, request: gr.Request) -> tuple[Any, str, str]:
            tongue = language(request)
            if pair is not None and choice is not None:
                try:
                    self._studio.workspace.vote(pair[choice], pair[1 - choice], (rater or "").strip() or "anonymous")
                except ImpastoError as error:
                    raise explained(error, tongue) from None
            following, pictures, message = self._two(request)
            count = len(self._studio.workspace.votes())
            return following, pictures, message or say(tongue, "vote_thanks", count=count)

        return vote


def _called(entry: Entry) -> str:
    when = entry.created.strftime("%m-%d %H:%M") if entry.created else ""
    strength = f", {entry.recipe.strength:g}" if entry.recipe else ""
    return f"{entry.content} · {', '.join(entry.styles)}{strength} · {when}"


def _source(entry: Entry) -> str:
    assert entry.picture is not None
    return address(np.asarray(quantize(read_picture(entry.picture).pixels)), _LARGEST)

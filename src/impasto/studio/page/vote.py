"""The blind vote: two paintings of one photo, without names."""

import random
from collections import defaultdict
from collections.abc import Callable
from itertools import combinations
from typing import Any, Final, TypeAlias

import gradio as gr

from impasto.errors import ImpastoError, InputError
from impasto.runs.header import read_header
from impasto.studio import RunEntry, Studio
from impasto.studio.captions import difference_captions
from impasto.studio.page import drawing
from impasto.studio.page.callbacks import explained, language
from impasto.studio.page.pictures import LINKED_SCRIPT, pane
from impasto.studio.texts import translate

_NAMELESS: Final = "anonymous"

_Pair: TypeAlias = list[str] | None


class Vote:
    """The fold of the vote. What the two are called stays on the server until one of them is chosen."""

    def __init__(self, studio: Studio, text: Callable[[str], Any]) -> None:
        """Build it inside the fold that is being built."""
        self._studio = studio
        pair = gr.State(None)
        gr.Markdown(text("vote_hint"))
        with gr.Row(elem_id="vote-head"):
            rater = gr.Textbox(label=text("name"), max_length=40, elem_id="rater", scale=3)
            following = gr.Button(text("vote_next"), size="md", elem_id="vote-next", scale=1, min_width=120)
        shown = gr.HTML("", elem_id="voted", padding=False, js_on_load=LINKED_SCRIPT)
        with gr.Row(elem_id="vote-buttons"):
            buttons = [
                gr.Button(text(f"vote_{name}"), size="md", elem_id=f"vote-{name}", interactive=False, min_width=80)
                for name in ("left", "skip", "right")
            ]
        told = gr.Markdown(elem_id="vote-told")
        outputs = [pair, shown, told, *buttons]
        following.click(self._begin, [pair], outputs, show_progress="hidden")
        for button, choice in zip(buttons, (0, None, 1), strict=True):
            button.click(self._voter(choice), [pair, rater], outputs, show_progress="hidden", trigger_mode="once")

    def _begin(self, pair: _Pair, request: gr.Request) -> tuple[Any, ...]:
        return self._show(pair, "", language(request))

    def _voter(self, choice: int | None) -> Callable[..., tuple[Any, ...]]:
        """Return what a button of the vote does: note the choice, tell what it was, and show the next two."""

        def vote(pair: _Pair, rater: str | None, request: gr.Request) -> tuple[Any, ...]:
            tongue = language(request)
            if pair is None:
                return self._show(None, "", tongue)
            try:
                told = self._note(pair, choice, (rater or "").strip() or _NAMELESS, tongue)
            except ImpastoError as error:
                raise explained(error, tongue) from None
            return self._show(pair, told, tongue)

        return vote

    def _note(self, pair: list[str], choice: int | None, rater: str, tongue: str) -> str:
        """Note a choice, if it is one, and return what is said about it; raises InputError."""
        workspace = self._studio.workspace
        if choice is None:
            return translate(tongue, "vote_skipped", count=len(workspace.votes()))
        workspace.vote(pair[choice], pair[1 - choice], rater)
        entries = {entry.name: entry for entry in self._studio.list_runs()}
        still = [entries[name] for name in pair if name in entries]
        names = difference_captions(still, tongue) if len(still) == len(pair) else pair
        return translate(
            tongue, "vote_thanks", kept=names[choice], other=names[1 - choice], count=len(workspace.votes())
        )

    def _show(self, before: _Pair, told: str, tongue: str) -> tuple[Any, ...]:
        """Show two that are drawn by chance, rather not those of before; if there are any, the buttons work."""
        pairs = self._pairs()
        others = [two for two in pairs if {entry.name for entry in two} != set(before or ())]
        if not pairs:
            lines = [told, translate(tongue, "vote_none")]
            return None, "", "\n\n".join(filter(None, lines)), *[gr.update(interactive=False)] * 3
        two = list(random.choice(others or pairs))
        random.shuffle(two)
        try:
            panes = [pane(entry, letter) for letter, entry in zip("AB", two, strict=True)]
        except ImpastoError as error:
            raise explained(error, tongue) from None
        pictures = drawing.linked(panes, translate(tongue, "compare_hint"))
        return [entry.name for entry in two], pictures, told, *[gr.update(interactive=True)] * 3

    def _pairs(self) -> list[tuple[RunEntry, RunEntry]]:
        """Return every two finished paintings of one photo."""
        by_photo: dict[str, list[RunEntry]] = defaultdict(list)
        for entry in self._studio.list_runs():
            if entry.status == "finished" and entry.picture is not None:
                try:
                    by_photo[read_header(entry.path).inputs.content.sha256].append(entry)
                except InputError:
                    # Deleted at this very moment.
                    continue
        return [two for entries in by_photo.values() for two in combinations(entries, 2)]

"""The tabs of earlier runs: the history, comparisons with linked zoom, and the blind vote.

Thumbnails are served from the workspace's `exports/`, never from run folders, which hold people's photos.
"""

import random
from collections import defaultdict
from collections.abc import Callable, Sequence
from contextlib import suppress
from io import BytesIO
from itertools import combinations, islice
from pathlib import Path
from typing import Any, Final, TypeAlias
from urllib.parse import quote

import gradio as gr
from PIL import Image

from impasto.errors import InputError
from impasto.images import atomic_write, read_picture
from impasto.recipe import Recipe
from impasto.runs import RunFolder
from impasto.studio import RunEntry, Studio
from impasto.studio.captions import (
    MACHINE_FIELDS,
    MAX_DIFFERENCES,
    difference_captions,
    differences,
    gallery_label,
    run_title,
    value_text,
)
from impasto.studio.page import markup
from impasto.studio.page.callbacks import RESUMABLE, errors_as_toasts, language_of
from impasto.studio.page.results import Downloads
from impasto.studio.texts import field_label, translate, translate_message

_ANONYMOUS: Final = "anonymous"
_MAX_COMPARED: Final = 4
_MAX_THUMBNAILS: Final = 120
_THUMBNAIL_SIZE: Final = 400
_PANE_SIZE: Final = 1600

_Pair: TypeAlias = list[str] | None
"""Names of the two runs of a vote."""


class History:
    """The tab that shows, continues or deletes earlier runs and loads their settings; `chosen` is a run's name."""

    # One at a time: a run that is clicked while the list is still made stays chosen.
    in_order: Final[dict[str, Any]] = {
        "show_progress": "hidden", "concurrency_id": "history", "concurrency_limit": 1,
    }  # fmt: skip

    def __init__(self, studio: Studio, text: Callable[[str], Any], *, has_films: bool) -> None:
        self._studio, self._has_films = studio, has_films
        gr.Markdown(text("history_hint"))
        self._gallery = gr.Gallery(
            label=text("history"), show_label=False, columns=5, object_fit="cover", allow_preview=False, buttons=[],
            elem_id="history", interactive=False,
        )  # fmt: skip
        self.chosen = gr.State(None)
        with gr.Row(elem_id="run"):
            with gr.Column(scale=3, min_width=280):
                script = markup.script("linked.js")
                self._picture = gr.HTML("", elem_id="run-picture", padding=False, js_on_load=script)
            with gr.Column(scale=2, min_width=280):
                self._details = gr.Markdown(elem_id="details")
                self._downloads = Downloads(studio, text, "history-download", interactive=False)
                self._downloads.connect(self.chosen)
                self._build_buttons(text)

    def _build_buttons(self, text: Callable[[str], Any]) -> None:
        def button(key: str, **options: Any) -> gr.Button:
            return gr.Button(text(key), elem_id=key.replace("_", "-"), size="md", min_width=110, **options)

        with gr.Row():
            self._title = gr.Textbox(label=text("rename_to"), max_length=80, elem_id="title-of-run", scale=3)
            rename = button("rename", scale=1)
        with gr.Row():
            self.load = button("load_settings", interactive=False)
            self.resume = button("go_on", interactive=False)
            self.resume_film, self.show_film = button("go_on_film", visible=False), button("show_film", visible=False)
            self._delete = button("delete", interactive=False, variant="stop")
            refresh = button("refresh")
        with gr.Column(visible=False, elem_id="delete-row") as self._confirm:
            question = gr.Markdown()
            with gr.Row():
                yes, no = button("delete_yes", variant="stop"), button("delete_no")
        shown = [
            self.chosen, self._picture, *self._downloads.buttons.values(), self._details, self.load, self.resume,
            self._delete, self._confirm, self._title, self.resume_film, self.show_film, self._downloads.row,
        ]  # fmt: skip
        self.outputs: list[Any] = [self._gallery, *shown]
        self._gallery.select(self._choose, None, shown, **self.in_order)
        self._delete.click(self._ask, [self.chosen], [self._confirm, question], show_progress="hidden")
        no.click(lambda: gr.update(visible=False), None, [self._confirm], queue=False, show_progress="hidden")
        yes.click(self._delete_run, [self.chosen], self.outputs, **self.in_order)
        for renamed in (rename.click, self._title.submit):
            renamed(self._rename, [self.chosen, self._title], self.outputs, **self.in_order)
        refresh.click(self.list_runs, [self.chosen], self.outputs, **self.in_order)

    def list_runs(self, chosen: str | None, request: gr.Request) -> dict[Any, Any]:
        """Return the updates that list all runs and show the chosen one as it is now, if it still exists."""
        runs = _list_thumbnails(self._studio)
        pictures = [(str(path), gallery_label(entry, language_of(request))) for entry, path in runs]
        entry = next((entry for entry, _ in runs if entry.name == chosen), None)
        gallery = gr.update(value=pictures, selected_index=None)
        return {self._gallery: gallery, **self._show(entry, language_of(request))}

    def _choose(self, event: gr.SelectData, request: gr.Request) -> dict[Any, Any]:
        """Show a run by the name of its thumbnail: the page may show an older list than the one sent last."""
        name = event.value["image"]["orig_name"].rpartition("-")[0]
        entry = next((entry for entry in self._studio.list_runs() if entry.name == name), None)
        return self._show(entry, language_of(request))

    def _show(self, entry: RunEntry | None, language: str) -> dict[Any, Any]:
        """Return the updates that show a run, or none, and enable the buttons that apply to it."""
        panes = []
        is_film = entry is not None and entry.is_film
        is_resumable = entry is not None and entry.status in RESUMABLE
        if entry is not None:
            # It may have no picture, or be deleted meanwhile.
            with suppress(InputError, OSError):
                panes.append(_pane_of(entry, run_title(entry, language)))
        return {
            self.chosen: entry and entry.name,
            self._picture: markup.linked(panes, translate(language, "zoom_hint"), translate(language, "enlarge")),
            **dict.fromkeys(self._downloads.buttons.values(), gr.update(interactive=bool(panes))),
            self._details: _describe(entry, language) if entry else "",
            self.load: gr.update(interactive=entry is not None and entry.recipe is not None, visible=not is_film),
            self.resume: gr.update(interactive=is_resumable, visible=not is_film),
            self.resume_film: gr.update(visible=self._has_films and is_film and is_resumable),
            self.show_film: gr.update(visible=self._has_films and is_film),
            self._delete: gr.update(interactive=entry is not None),
            self._confirm: gr.update(visible=False),
            self._title: gr.update(value=entry.title if entry else "", interactive=entry is not None),
            self._downloads.row: gr.update(visible=not is_film),
        }

    def _ask(self, name: str | None, request: gr.Request) -> tuple[Any, str]:
        question = translate(language_of(request), "delete_sure", name=name) if name else ""
        return gr.update(visible=bool(name)), question

    def _rename(self, name: str | None, title: str | None, request: gr.Request) -> dict[Any, Any]:
        if name:
            with errors_as_toasts(request):
                self._studio.workspace.rename(name, title or "")
        return self.list_runs(name, request)

    def _delete_run(self, name: str | None, request: gr.Request) -> dict[Any, Any]:
        if name:
            with errors_as_toasts(request):
                self._studio.delete(name)
        return self.list_runs(name, request)


def _describe(entry: RunEntry, language: str) -> str:
    """Return a run's name, state and settings that are not the default, as Markdown."""
    state = translate(language, f"state_{entry.status}")
    step, steps = f"{entry.step:,}", f"{entry.steps or 0:,}"
    key = "history_film" if entry.is_film else "history_head"
    head = translate(language, key, name=entry.name, state=state, step=step, steps=steps)
    if entry.problem:
        head += f"\n\n{translate_message(language, entry.problem)}"
    if entry.recipe is None:
        return head
    changed = [name for name in entry.recipe.changes_from(entry.recipe.plain()) if name not in MACHINE_FIELDS]
    if entry.recipe.method != Recipe().method:
        changed.insert(0, "method")
    values = {name: value_text(entry.recipe.get(name), language) for name in changed}
    lines = [f"- {field_label(language, name)} = `{value}`" for name, value in values.items()]
    return "\n".join([head, "", translate(language, "history_changed" if lines else "history_default"), "", *lines])


class Compare:
    """The tab in which two to four paintings are shown side by side."""

    def __init__(self, studio: Studio, text: Callable[[str], Any]) -> None:
        self._studio = studio
        script = markup.script("linked.js")
        self.chosen = gr.CheckboxGroup([], label=text("which"), info=text("which_hint"), elem_id="which")
        self._thumbnails = gr.HTML("", elem_id="which-pictures", padding=False)
        self._pictures = gr.HTML("", elem_id="compared", padding=False, js_on_load=script)
        self.outputs: list[Any] = [self.chosen, self._thumbnails, self._pictures]
        quick: Any = {"queue": False, "show_progress": "hidden", "trigger_mode": "always_last"}
        self.chosen.input(self._choose, [self.chosen], [self.chosen, self._pictures], **quick)
        with gr.Accordion(text("vote"), open=False, elem_id="vote"):
            Vote(studio, text)

    def list_runs(self, chosen: Sequence[str] | None, request: gr.Request) -> tuple[Any, str, Any]:
        """Return the updates that offer all paintings and show the chosen ones that still exist."""
        runs = [(entry, path) for entry, path in _list_thumbnails(self._studio) if not entry.is_film]
        still = [name for name in chosen or () if name in {entry.name for entry, _ in runs}]
        choices = gr.update(choices=[(gallery_label(entry, language_of(request)), entry.name) for entry, _ in runs])
        if still != list(chosen or ()):
            choices["value"] = still  # not always: one that is clicked while the list is made stays chosen
        css = markup.choice_pictures_css("#which", [f"gradio_api/file={quote(str(path))}" for _, path in runs])
        if not runs:
            return choices, markup.render("hint_line", translate(language_of(request), "compare_none")), ""
        return choices, markup.style(css), self._compare(still, request) if chosen else gr.skip()

    def _choose(self, names: Sequence[str], request: gr.Request) -> tuple[Any, str]:
        """Show the chosen paintings. It is sent back only if it is too long: a later click may be on its way."""
        latest = list(names)[-_MAX_COMPARED:]
        return gr.skip() if len(latest) == len(names) else gr.update(value=latest), self._compare(latest, request)

    def _compare(self, names: Sequence[str], request: gr.Request) -> str:
        language, entries = language_of(request), {entry.name: entry for entry in self._studio.list_runs()}
        chosen = [entries[name] for name in names if name in entries]
        titles, all_parts = difference_captions(chosen, language), differences(chosen, language)
        with errors_as_toasts(request):
            panes = [
                _pane_of(entry, title, run_title(entry, language), parts[MAX_DIFFERENCES:], language)
                for entry, title, parts in zip(chosen, titles, all_parts, strict=True)
            ]
        hint = markup.render("hint_line", translate(language, "compare_one_more")) if len(chosen) == 1 else ""
        return hint + markup.linked(panes, translate(language, "compare_hint"))


class Vote:
    """The blind vote between two paintings of one photo. Their names stay on the server until one is chosen."""

    def __init__(self, studio: Studio, text: Callable[[str], Any]) -> None:
        self._studio = studio
        pair = gr.State(None)
        gr.Markdown(text("vote_hint"))
        with gr.Row(elem_id="vote-head"):
            rater = gr.Textbox(label=text("name"), max_length=40, elem_id="rater", scale=3)
            next_pair = gr.Button(text("vote_next"), size="md", elem_id="vote-next", scale=1, min_width=120)
        pictures = gr.HTML("", elem_id="voted", padding=False, js_on_load=markup.script("linked.js"))
        with gr.Row(elem_id="vote-buttons"):
            buttons = {
                name: gr.Button(
                    text(f"vote_{name}"), size="md", elem_id=f"vote-{name}", interactive=False, min_width=80
                )
                for name in ("left", "skip", "right")
            }
        message = gr.Markdown(elem_id="vote-message")
        outputs = [pair, pictures, message, *buttons.values()]
        for choice, button in {**buttons, "next": next_pair}.items():
            inputs = [pair, rater, gr.State(choice)]
            button.click(self._vote, inputs, outputs, show_progress="hidden", trigger_mode="once")

    def _vote(self, pair: _Pair, rater: str | None, choice: str, request: gr.Request) -> tuple[Any, ...]:
        """Store a choice and reveal what the two are, or show the next pair."""
        if choice == "next":
            return self._next_pair(pair, request)
        if pair is None:
            return (gr.skip(),) * 6
        with errors_as_toasts(request):
            message, pictures = self._store(pair, choice, (rater or "").strip() or _ANONYMOUS, language_of(request))
        return pair, pictures, message, *[gr.update(interactive=False)] * 3

    def _store(self, pair: list[str], choice: str, rater: str, language: str) -> tuple[str, str]:
        """Store a choice unless it is `skip`; return a message and the pictures with their names; raises InputError."""
        workspace = self._studio.workspace
        entries = {entry.name: entry for entry in self._studio.list_runs()}
        existing = [entries[name] for name in pair if name in entries]
        captions = difference_captions(existing, language) if len(existing) == len(pair) else pair
        panes = [
            _pane_of(entry, f"{letter}: {caption}", run_title(entry, language))
            for letter, entry, caption in zip("AB", existing, captions, strict=False)
        ]
        pictures = markup.linked(panes, translate(language, "compare_hint"))
        if choice == "skip":
            return translate(language, "vote_skipped", count=len(workspace.votes())), pictures
        kept = ("left", "right").index(choice)
        workspace.vote(pair[kept], pair[1 - kept], rater)
        votes = {"kept": captions[kept], "other": captions[1 - kept], "count": len(workspace.votes())}
        return translate(language, "vote_thanks", **votes), pictures

    def _next_pair(self, before: _Pair, request: gr.Request) -> tuple[Any, ...]:
        """Return the updates that show a random pair, a different one than `before` if possible."""
        language, pairs = language_of(request), self._pairs()
        if not pairs:
            return None, "", translate(language, "vote_none"), *[gr.update(interactive=False)] * 3
        others = [pair for pair in pairs if {entry.name for entry in pair} != set(before or ())]
        pair = list(random.choice(others or pairs))
        random.shuffle(pair)
        with errors_as_toasts(request):
            panes = [_pane_of(entry, letter) for letter, entry in zip("AB", pair, strict=True)]
        pictures = markup.linked(panes, translate(language, "compare_hint"))
        return [entry.name for entry in pair], pictures, "", *[gr.update(interactive=True)] * 3

    def _pairs(self) -> list[tuple[RunEntry, RunEntry]]:
        """Return all pairs of finished paintings of the same photo."""
        by_photo: dict[str, list[RunEntry]] = defaultdict(list)
        for entry in self._studio.list_runs():
            if entry.status == "finished" and entry.picture is not None:
                # The run may have been deleted after it was listed.
                with suppress(InputError):
                    by_photo[RunFolder.open(entry.path).kept_inputs.content.sha256].append(entry)
        return [pair for entries in by_photo.values() for pair in combinations(entries, 2)]


def _list_thumbnails(studio: Studio) -> list[tuple[RunEntry, Path]]:
    """Return the newest runs that have a readable picture, each with the file of its thumbnail."""
    runs = ((entry, _thumbnail(studio, entry)) for entry in studio.list_runs())
    return list(islice(((entry, path) for entry, path in runs if path is not None), _MAX_THUMBNAILS))


def _thumbnail(studio: Studio, entry: RunEntry) -> Path | None:
    """Return the file of a run's thumbnail, made once for each new picture; None if the picture cannot be read."""
    try:
        if (picture := entry.picture) is None:
            return None
        target = studio.workspace.exports / f"{entry.name}-{picture.stat().st_mtime_ns}.jpg"
        if not target.exists():
            with Image.open(picture) as image:
                small = image.convert("RGBA")
            small.thumbnail((_THUMBNAIL_SIZE, _THUMBNAIL_SIZE), Image.Resampling.LANCZOS)
            small = Image.alpha_composite(Image.new("RGBA", small.size, "white"), small).convert("RGB")
            data = BytesIO()
            small.save(data, "JPEG", quality=88)
            atomic_write(target, data.getvalue())
    except (OSError, Image.DecompressionBombError, InputError):
        return None
    return target


def _pane_of(
    entry: RunEntry, title: str, note: str = "", details: Sequence[str] = (), language: str = "en"
) -> markup.Pane:
    """Return a run's picture for a comparison; raises InputError if it is gone or cannot be read."""
    if (file := entry.picture) is None:
        raise InputError(f"{entry.name} has no picture any more")
    picture = read_picture(file)
    more = translate(language, "more_differs", count=len(details)) if details else ""
    texts = {"note": "" if note == title else note, "more": more, "details": details}
    return markup.Pane.of(picture.pixels, _PANE_SIZE, title, alpha=picture.alpha, **texts)

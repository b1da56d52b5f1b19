"""The tab in which a clip is painted as a film: the clip, a preview of a frame, the order, and the films so far.

Needs PyAV.
"""

import html
import json
import os
import secrets
import shutil
import tempfile
from collections import defaultdict
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import Any, Final, NamedTuple

import gradio as gr

from impasto.errors import ImpastoError, InputError, reason_of
from impasto.images import read_picture
from impasto.runs import RunFolder
from impasto.studio import JobHandle, RunEntry, Studio
from impasto.studio.captions import run_title
from impasto.studio.film import ClipFacts, FilmOrder, film_recipe, film_seconds, frame_png, open_given, read_clip
from impasto.studio.film_record import FILM
from impasto.studio.page import markup
from impasto.studio.page.callbacks import RESUMABLE, errors_as_toasts, language_of, notice_text, status_text, toast
from impasto.studio.page.film_text import duration_text, entry_text
from impasto.studio.page.form import Form
from impasto.studio.page.queue import chosen_run
from impasto.studio.page.widgets import FileInput, TimeSlider, empty_if_refused
from impasto.studio.run_index import newest_picture, read_pixels
from impasto.studio.texts import choice_label, translate
from impasto.video import Clip

_PANE_SIZE: Final = 960
_SCROLL: Final = (
    "() => { if (innerWidth < 800) document.querySelector('#film-view').scrollIntoView({behavior: 'smooth'}); }"
)
"""On a phone the film is far below the button."""
_QUICK: Final[dict[str, Any]] = {"queue": False, "show_progress": "hidden"}
"""Options of callbacks that have nothing to say: Gradio writes messages of calls outside the queue into the log."""


class FilmTab:
    """The widgets of the tab; style, preset, strength, size and colors are those of the form of the tab Paint.

    `shown` is the list of films, whose value is the film that the tab shows.
    """

    def __init__(self, studio: Studio, text: Callable[[str], Any], form: Form) -> None:
        self._studio, self._form = studio, form
        self._watched: dict[str | None, set[JobHandle]] = defaultdict(set)
        """What each open page has begun here, by session."""
        self._facts = gr.State(None)
        self._asked = gr.State(None)
        """The run of the preview, and what it was asked with."""
        self._first = gr.State(None)
        """What a preview was asked with, its method, and the seconds that it took."""
        with gr.Row(elem_id="film-bench"):
            with gr.Column(scale=1, min_width=300):
                self._build_clip(text)
            with gr.Column(scale=1, min_width=300):
                self._build_films(text)
        self._connect()

    def _build_clip(self, text: Callable[[str], Any]) -> None:
        self._clip = FileInput(label=text("film_clip"), elem_id="film-clip", height=90)
        self._told = gr.HTML("", elem_id="film-facts", padding=False)
        with gr.Column(visible=False, elem_id="film-order") as self._order:
            self._frame = gr.HTML("", elem_id="film-frame", padding=False, js_on_load=markup.script("linked.js"))
            self._preview = _watched_html("film-preview", self._look)
            self._time = TimeSlider(0, 1, 0, step=0.01, label=text("film_time"), elem_id="film-time")
            self._try = gr.Button(text("film_try"), elem_id="film-try")
            self._style = gr.HTML("", elem_id="film-style", padding=False)
            with gr.Row():
                options: dict[str, Any] = {"min_width": 80, "minimum": 0}
                self._start = gr.Number(0, label=text("film_start"), elem_id="film-start", **options)
                self._end = gr.Number(0, label=text("film_end"), elem_id="film-end", **options)
                self._every = gr.Number(
                    1, precision=0, label=text("film_every"), elem_id="film-every", min_width=80, minimum=1
                )
            self._estimate = gr.HTML("", elem_id="film-estimate", padding=False)
            self._paint = gr.Button(text("film_paint"), variant="primary", size="lg", elem_id="film-paint")

    def _build_films(self, text: Callable[[str], Any]) -> None:
        self._empty = gr.HTML(
            f'<div class="canvas empty"><p>{text("film_empty")}</p></div>', elem_id="film-empty", padding=False
        )
        self.shown = gr.Dropdown([], label=text("film_list"), elem_id="film-list", visible=False)
        self._view = _watched_html("film-view", self._look)
        self._video = gr.Video(
            label=text("film_tab"), elem_id="film-video", visible=False, interactive=False, buttons=[], height=360
        )
        with gr.Row(visible=False, elem_id="film-steering") as self._steering:
            self._stop = gr.Button(text("stop"), variant="stop", elem_id="film-stop", min_width=80)
            self._go_on = gr.Button(text("resume"), elem_id="film-go-on", min_width=80)
            self._download = gr.DownloadButton(
                text("film_download"), variant="primary", elem_id="film-download", min_width=160
            )
            self._delete = gr.Button(text("delete"), variant="stop", elem_id="film-delete", min_width=80)
        with gr.Column(visible=False, elem_id="film-delete-row") as self._confirm:
            self._question = gr.Markdown()
            with gr.Row():
                self._yes = gr.Button(text("delete_yes"), variant="stop", elem_id="film-delete-yes", min_width=110)
                self._no = gr.Button(text("delete_no"), elem_id="film-delete-no", min_width=110)
        self.outputs: list[Any] = [
            self.shown, self._empty, self._view, self._video, self._steering, self._stop, self._go_on, self._download,
            self._delete, self._confirm,
        ]  # fmt: skip

    def _connect(self) -> None:
        order = [self._order, self._told, self._facts, self._frame, self._preview, self._time, self._start, self._end]
        # Reading a clip takes the processor, so that one is read at a time.
        reads: dict[str, Any] = {"concurrency_id": "film-clip", "concurrency_limit": 1}
        given = self._clip.upload(
            self._give,
            {self._clip, *self._form.film_settings},
            [*order, self._every, self._estimate, self._style],
            show_progress="minimal", **reads,
        )  # fmt: skip
        empty_if_refused(given, self._clip)
        self._clip.clear(lambda: (gr.update(visible=False), "", None), None, [self._order, self._told, self._facts])
        moved = self._time.input(
            self._show_frame, [self._clip, self._facts, self._time], [self._frame], show_progress="hidden",
            trigger_mode="always_last", **reads,
        )  # fmt: skip
        chosen = {self._clip, self._time, self._start, self._end, self._every, *self._form.film_settings}
        tried = self._try.click(
            self._paint_preview, {*chosen, self._facts}, [self._frame, self._preview, self._asked],
            show_progress="hidden", **reads,
        )  # fmt: skip
        self._counted = {*chosen, self._facts, self._first} - {self._clip}
        changes = [self._start.change, self._end.change, self._every.change]
        gr.on(changes, self._show_estimate, self._counted, [self._estimate], trigger_mode="always_last", **_QUICK)
        measured = self._preview.select(self._preview_ended, [self._asked], [self._first], **_QUICK)
        measured.success(self._show_estimate, self._counted, [self._estimate], **_QUICK)
        ordered = self._paint.click(self._submit, chosen, self.outputs, show_progress="hidden", **reads)
        slot = [self._clip, self._order, self._told, self._facts]
        for reading in (moved, tried, ordered):
            reading.failure(_empty_if_gone, [self._clip], slot, show_progress="hidden")
        self._paint.click(None, None, None, js=_SCROLL)
        self.shown.input(self.show, [self.shown], self.outputs, show_progress="hidden")
        self._view.select(self._film_ended, [self.shown], self.outputs, show_progress="hidden")
        self._stop.click(self._stop_film, [self.shown], None, **_QUICK)
        self._go_on.click(self.go_on, [self.shown], self.outputs, show_progress="hidden")
        self._delete.click(self._ask, [self.shown], [self._confirm, self._question], **_QUICK)
        self._no.click(lambda: gr.update(visible=False), None, [self._confirm], **_QUICK)
        self._yes.click(self._delete_film, [self.shown], self.outputs, show_progress="hidden")

    def watch_again(self, blocks: gr.Blocks) -> None:
        """Let a page that is loaded again count as one that watches the film that it showed."""
        with gr.Row(visible=False):
            remembered = gr.Textbox()
        stored = "() => [sessionStorage.getItem('impasto-film') ?? '']"
        blocks.load(self._watch_named, [remembered], None, js=stored, **_QUICK)

    def connect_tab(self, tab: gr.Tab) -> None:
        """List the films, and say what the form holds, whenever the tab is opened."""
        tab.select(self.show, [self.shown], self.outputs, show_progress="hidden")
        tab.select(self._show_style, self._form.film_settings, [self._style], **_QUICK)
        tab.select(self._show_estimate, self._counted, [self._estimate], **_QUICK)

    def leave(self, request: gr.Request) -> None:
        """Report that a page was closed to the jobs that it has begun."""
        for job in self._watched.pop(request.session_hash, ()):
            job.page_closed(request.session_hash)

    # -- the clip ------------------------------------------------------------------------------------------------------

    def _give(self, values: Mapping[Any, Any], request: gr.Request) -> dict[Any, Any]:
        """Show what a clip is, and its first frame."""
        with errors_as_toasts(request):
            clip, facts = read_clip(self._studio.limits, Path(values[self._clip]))
            first = _pane(frame_png(clip, 0.0), translate(language_of(request), "film_frame_of_clip"))
        end = round(facts.seconds, 2)
        return {
            self._order: gr.update(visible=True),
            self._told: markup.render("hint_line", _facts_text(facts, language_of(request))),
            self._facts: facts,
            self._frame: _side_by_side([first], language_of(request)),
            self._preview: "",
            self._time: gr.update(value=0, maximum=end),
            self._start: 0,
            self._end: end,
            self._every: 1,
            self._estimate: self._estimate_text(facts, facts.frames, None, language_of(request)),
            self._style: self._show_style(values, request),
        }

    def _opened(self, file: str, facts: ClipFacts | None) -> tuple[Clip, ClipFacts]:
        """Return a clip and what is known of it; a studio that was started again has to read it again."""
        if facts is None:
            return read_clip(self._studio.limits, Path(file))
        return open_given(self._studio.limits, Path(file)), ClipFacts(*facts)

    def _show_frame(self, file: str | None, facts: ClipFacts | None, seconds: float, request: gr.Request) -> Any:
        if file is None:
            return gr.skip()
        with errors_as_toasts(request):
            clip, facts = self._opened(file, facts)
            frame = frame_png(clip, min(seconds, facts.seconds))
        pane = _pane(frame, translate(language_of(request), "film_frame_of_clip"))
        return _side_by_side([pane], language_of(request))

    def _paint_preview(self, values: Mapping[Any, Any], request: gr.Request) -> Any:
        """Paint the frame at a time like a picture; it is one of the history, too."""
        language = language_of(request)
        given = self._form.read_settings(values, request)
        with errors_as_toasts(request), tempfile.TemporaryDirectory(dir=os.environ["GRADIO_TEMP_DIR"]) as folder:
            clip, facts = self._opened(_clip_of(values[self._clip], language), values[self._facts])
            recipe, size = film_recipe(given["recipe"], clip)
            seconds = min(values[self._time], facts.seconds)
            frame = Path(folder) / f"{clip.path.stem[:80]} {seconds:g} s.png"
            frame.write_bytes(frame_png(clip, seconds, size))
            job = self._studio.submit(frame, given["styles"], recipe.with_changes(size=max(size), upscale=False))
        self._watch(job, request)
        # The preview has the frame of the clip beside the painted one.
        return "", _watched_box(self._look_at(job.name, language), job.name), (job.name, self._settings(values))

    def _settings(self, values: Mapping[Any, Any]) -> str:
        """Return what tells from others what a film is painted of, and how."""
        return repr([values[self._facts], *(values[one] for one in self._form.kept if one in self._form.film_settings)])

    def _preview_ended(self, event: gr.EventData, asked: tuple[str, str] | None) -> Any:
        """Keep how long a preview took, from which the time of the film is estimated."""
        run, settings = asked or ("", "")
        with suppress(ImpastoError):
            folder = RunFolder.open(self._studio.workspace.folder_of(chosen_run(event)))
            if folder.status == "finished" and folder.path.name == run:
                return settings, folder.recipe.method, folder.read_log().progress.seconds
        return gr.skip()

    def _show_estimate(self, values: Mapping[Any, Any], request: gr.Request) -> str:
        if values[self._facts] is None:
            return ""
        facts, first = ClipFacts(*values[self._facts]), values[self._first]
        length = max(0.0, min(values[self._end] or facts.seconds, facts.seconds) - (values[self._start] or 0))
        frames = max(1, round(facts.rate * length / max(1, values[self._every] or 1)))
        # The time of a preview holds for the settings that it was painted with.
        known = None
        if first is not None and first[0] == self._settings(values):
            _, method, seconds = first
            known = film_seconds(method, seconds, frames)
        return self._estimate_text(facts, frames, known, language_of(request))

    def _estimate_text(self, facts: ClipFacts, frames: int, seconds: float | None, language: str) -> str:
        if seconds is None:
            text = translate(language, "film_unknown_time", frames=f"{frames:,}")
        else:
            text = translate(language, "film_estimate", frames=f"{frames:,}", time=duration_text(seconds, language))
        return markup.render("hint_line", text)

    def _show_style(self, values: Mapping[Any, Any], request: gr.Request) -> str:
        """Say which settings of the form a preview and a film are painted with."""
        language = language_of(request)
        styles = []
        for name in values[self._form.wall.chosen] or ():
            with suppress(InputError):
                styles.append(choice_label(language, self._studio.wall.title(name)))
        texts = {
            "styles": " + ".join(styles) or "—",
            "preset": choice_label(language, values[self._form.preset]),
            "strength": values[self._form.strength],
            "colors": values[self._form.colors],
            "size": values[self._form.size],
        }
        return markup.render("hint_line", translate(language, "film_style", **texts))

    # -- films ---------------------------------------------------------------------------------------------------------

    def _submit(self, values: Mapping[Any, Any], request: gr.Request) -> dict[Any, Any]:
        language = language_of(request)
        given = self._form.read_settings(values, request)
        known = {job.name for job in self._studio.jobs()}
        with errors_as_toasts(request):
            order = FilmOrder(
                Path(_clip_of(values[self._clip], language)),
                given["styles"],
                given["recipe"],
                float(values[self._start] or 0),
                float(values[self._end]) if values[self._end] else None,
                int(values[self._every] or 1),
            )
            job = self._studio.submit_film(order)
        if job.name in known:
            gr.Info(translate(language, "film_is_painted_already"))
        self._watch(job, request)
        return self.show(job.name, request)

    def go_on(self, name: str | None, request: gr.Request) -> dict[Any, Any]:
        """Continue a film and show it."""
        with errors_as_toasts(request):
            self._watch(self._studio.resume(name or ""), request)
        return self.show(name, request)

    def _ask(self, name: str | None, request: gr.Request) -> tuple[Any, str]:
        question = translate(language_of(request), "delete_sure", name=name) if name else ""
        return gr.update(visible=bool(name)), question

    def _delete_film(self, name: str | None, request: gr.Request) -> dict[Any, Any]:
        with errors_as_toasts(request):
            self._studio.delete(name or "")
        return self.show(None, request)

    def _watch_named(self, name: str | None, request: gr.Request) -> None:
        if (job := self._studio.job(name or "")) is not None and not job.has_ended:
            self._watch(job, request)

    def _stop_film(self, name: str | None) -> None:
        if name and (job := self._studio.job(name)) is not None:
            job.stop()

    def _film_ended(self, event: gr.EventData, shown: str | None, request: gr.Request) -> Any:
        """Offer what a film has become; another one may be shown by now."""
        return self.show(shown, request) if chosen_run(event) == shown else dict.fromkeys(self.outputs, gr.skip())

    def show_chosen(self, event: gr.EventData, request: gr.Request) -> dict[Any, Any]:
        """Show the film whose button was pressed in the queue."""
        return self.show(chosen_run(event), request)

    def show(self, name: str | None, request: gr.Request) -> dict[Any, Any]:
        """Return the updates that list all films and show one: by default what is painted, else the newest."""
        language = language_of(request)
        films = {entry.name: entry for entry in self._studio.list_runs() if entry.is_film}
        active = next((job.name for job in self._studio.jobs() if job.is_film), next(iter(films), None))
        entry = films.get(name or "") or films.get(active or "")
        name = None if entry is None else entry.name
        self._watch_named(name, request)
        # What has ended is not asked for: the answer could replace a film that is chosen meanwhile.
        view = None if name is None else self._look_at(name, language)
        titles = [(run_title(one, language), one.name) for one in films.values()]
        status = None if entry is None else entry.status
        video = None if entry is None else self._film_of(entry, language)
        is_active = status in ("waiting", "painting", "paused")
        return {
            self.shown: gr.update(choices=titles, value=name, visible=bool(films)),
            self._empty: gr.update(visible=not films),
            self._view: "" if view is None else _watched_box(view, "" if view.has_ended else name or ""),
            self._video: gr.update(value=video, visible=video is not None),
            self._steering: gr.update(visible=entry is not None),
            self._stop: gr.update(visible=is_active),
            self._go_on: gr.update(visible=status in RESUMABLE),
            self._download: gr.update(value=video, visible=video is not None),
            self._delete: gr.update(visible=not is_active),
            self._confirm: gr.update(visible=False),
        }

    def _film_of(self, entry: RunEntry, language: str) -> str | None:
        """Return a file of a finished film that visitors may have, made once; None, with a warning, if it cannot be."""
        source, target = entry.path / FILM, self._studio.workspace.exports / f"{entry.name}.mp4"
        if entry.status != "finished" or not source.is_file():
            return None
        if not target.exists():
            part = target.with_name(f".impasto-{secrets.token_hex(8)}.tmp")
            try:
                try:
                    os.link(source, part)
                except OSError:  # another file system, or one without links
                    shutil.copyfile(source, part)
                part.replace(target)
            except OSError as error:
                text = translate(language, "film_not_shown", reason=reason_of(error))
                gr.Warning(html.escape(text))
                return None
            finally:
                part.unlink(missing_ok=True)
        return str(target)

    def _watch(self, job: JobHandle, request: gr.Request) -> None:
        self._watched[request.session_hash].add(job)
        job.watch(request.session_hash)

    # -- following a run -----------------------------------------------------------------------------------------------

    def _look(self, asked: list[str]) -> str:
        """Return as JSON how a run is; pictures and status only if changed since the version that film.js names."""
        name, language, seen = asked
        view = self._look_at(name, language, seen)
        return json.dumps(
            {"pictures": view.pictures, "status": view.status, "version": view.version, "ended": view.has_ended}
        )

    def _look_at(self, name: str, language: str, seen: str = "") -> "_View":
        job = self._studio.job(name)
        if job is None or job.has_ended:
            # One that was canceled before anything was painted is not there any more.
            entry = next((one for one in self._studio.list_runs() if one.name == name), None)
            return _View("", "", "ended", has_ended=True) if entry is None else self._ended_view(entry, job, language)
        # Read before the picture, so that the picture is at least as new as its version.
        updates, picture = str(job.monitor.updates), str(job.monitor.picture_version)
        version = f"{updates} {picture}"
        if version == seen:
            return _View(None, None, version)
        progress, text = job.monitor.progress(), status_text(job, language)
        share = progress.step / progress.steps if progress.steps else 0.0
        status = markup.status(name, text, share, notice=notice_text(job, language))
        is_seen = seen.partition(" ")[2] == picture
        pictures = None if is_seen else self._pictures(job.path, language, is_film=job.is_film)
        return _View(pictures, status, version)

    def _ended_view(self, entry: RunEntry, job: JobHandle | None, language: str) -> "_View":
        if entry.is_film:
            text = entry_text(entry, language) if job is None else status_text(job, language)
        else:
            text = "" if job is None else status_text(job, language)
        share = entry.step / entry.steps if entry.steps else 0.0
        status = markup.status(entry.name, text, share, notice=notice_text(job, language)) if text else ""
        # The video shows a finished film.
        is_shown = entry.is_film and entry.status == "finished"
        pictures = "" if is_shown else self._pictures(entry.path, language, is_film=entry.is_film)
        return _View(pictures, status, "ended", has_ended=True)

    def _pictures(self, path: Path, language: str, *, is_film: bool) -> str:
        """Return the newest painted frame; for a preview the frame of the clip beside it."""
        panes = []
        if not is_film:
            with suppress(InputError, OSError):
                panes.append(_content_pane(path, translate(language, "film_frame_of_clip")))
        job = self._studio.job(path.name)
        pixels = read_pixels(newest_picture(path)) if job is None else job.picture()
        if pixels is not None:
            height, width = pixels.shape[:2]
            title = translate(language, "film_last_frame" if is_film else "film_painted_frame")
            source = markup.data_uri(pixels, _PANE_SIZE)
            panes.append(markup.Pane(title=title, source=source, width=width, height=height))
        return _side_by_side(panes, language, path.name)


class _View(NamedTuple):
    """What film.js is answered: HTML (None: as before), its version, and whether the run has ended."""

    pictures: str | None
    status: str | None
    version: str
    has_ended: bool = False


def _watched_html(name: str, look: Callable[[list[str]], str]) -> gr.HTML:
    """Return a field whose content film.js keeps as new as the run that it shows."""

    def asked(choice: list[str]) -> str:
        return look(choice)

    asked.__name__ = "look"
    # Both scripts have variables of the same names.
    script = "".join(f"{{\n{markup.script(one)}\n}}\n" for one in ("linked.js", "film.js"))
    return gr.HTML("", elem_id=name, padding=False, js_on_load=script, server_functions=[asked])


def _watched_box(view: _View, run: str = "") -> str:
    """Return what film.js fills; each has another mark, so that a run that goes on is followed again."""
    return (
        f'<div class="watched" data-run="{run}" data-turn="{secrets.token_hex(4)}">'
        f'<div class="pictures">{view.pictures or ""}</div><div class="told">{view.status or ""}</div></div>'
    )


def _side_by_side(panes: list[markup.Pane], language: str, run: str = "") -> str:
    return markup.linked(panes, translate(language, "zoom_hint"), run=run)


def _empty_if_gone(file: str | None) -> Any:
    """Empty the slot of a clip that was deleted meanwhile."""
    if file is None or Path(file).exists():
        return (gr.skip(),) * 4
    return None, gr.update(visible=False), "", None


def _pane(png: bytes, title: str) -> markup.Pane:
    return markup.Pane.of(read_picture(png, max_megapixels=100_000.0).pixels, _PANE_SIZE, title)


@lru_cache(maxsize=8)
def _content_pane(path: Path, title: str) -> markup.Pane:
    """Return the frame that a preview is painted from."""
    return markup.Pane.of(RunFolder.open(path).inputs().content.pixels, _PANE_SIZE, title)


def _clip_of(file: str | None, language: str) -> str:
    if file is None:
        raise toast(translate(language, "film_no_clip"))
    return file


def _facts_text(facts: ClipFacts, language: str) -> str:
    return translate(
        language, "film_facts", width=facts.width, height=facts.height, seconds=f"{facts.seconds:.4g}",
        rate=f"{facts.rate:.4g}", frames=f"{facts.frames:,}",
    )  # fmt: skip

"""Assembles the page: tabs, the canvas with its buttons, and what each button does."""

import threading
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import gradio as gr

from impasto.errors import InputError
from impasto.extras import extra_requirements
from impasto.images import PLATES
from impasto.recipe import PRESETS
from impasto.shell import join
from impasto.studio import JobHandle, Studio
from impasto.studio.fields import field_widgets
from impasto.studio.page import markup
from impasto.studio.page.callbacks import (
    Number,
    errors_as_toasts,
    follow_jobs,
    language_of,
    one_error_for_wrong_calls,
    show_entry,
    toast,
)
from impasto.studio.page.form import SAMPLES, Form, submission_key
from impasto.studio.page.gallery import Compare, History
from impasto.studio.page.inputs import SEND_STROKES
from impasto.studio.page.queue import JobQueue, chosen_run
from impasto.studio.page.results import ENDPOINT, Results, add_endpoint
from impasto.studio.page.variations import Variations
from impasto.studio.page.webcam import WebcamTab
from impasto.studio.server import KEPT_SECONDS
from impasto.studio.texts import translate, translations

if TYPE_CHECKING:
    from impasto.studio.page.film import FilmTab

_QUICK: Final[dict[str, Any]] = {"queue": False, "show_progress": "hidden"}
"""Options of callbacks that return immediately, and have nothing to say: Gradio writes messages outside the queue into
the log."""

_FOLLOWING: Final[dict[str, Any]] = {"show_progress": "hidden", "concurrency_limit": None}
"""Options of callbacks that wait; any number may run at a time."""


@dataclass
class _Submitted:
    """What a page submitted last, and the name of its run."""

    key: int = 0
    run: str = ""
    lock: threading.Lock = field(default_factory=threading.Lock)


def build_page(studio: Studio, *, has_login: bool = False) -> tuple[gr.Blocks, dict[str, Any]]:
    """Return the page of a studio, and the options with which Gradio launches it: texts, style sheet and theme."""
    fields = [widget for widgets in field_widgets().values() for widget in widgets]
    choices = {*PLATES, *PRESETS, *(choice for widget in fields for choice in widget.choices)}
    i18n = gr.I18n(**translations({widget.field: widget.help for widget in fields}, choices))
    with gr.Blocks(
        title=translate("en", "title"), analytics_enabled=False, fill_width=True, delete_cache=(3600, KEPT_SECONDS)
    ) as blocks:
        PageBuilder(studio, i18n, blocks, has_login=has_login)
        one_error_for_wrong_calls(blocks, add_endpoint(studio))
    for function in blocks.fns.values():
        if function.api_name != ENDPOINT:
            # The callbacks of the page are not part of the API.
            function.api_visibility = "private"
            if function.show_progress != "minimal":
                # Gradio reads what shows a call's state, and all inside it, at each change of any call's state: its
                # editor uploads photo and strokes then.
                function.show_progress_on = []
    # System fonts, so that none is downloaded; colors are set in page.css.
    fonts, monospace = ("system-ui", "Segoe UI", "Noto Sans CJK SC", "sans-serif"), ("ui-monospace", "monospace")
    theme = gr.themes.Soft(primary_hue="orange", neutral_hue="stone", font=fonts, font_mono=monospace)
    # Unlike the option `css`, this holds for the login, too.
    theme.custom_css = markup.page_css(tuple(SAMPLES.items()))
    return blocks, {"i18n": i18n, "theme": theme}


class PageBuilder:
    """Builds the tabs and connects their widgets. `current` is the run that the page shows."""

    def __init__(self, studio: Studio, text: gr.I18n, blocks: gr.Blocks, *, has_login: bool) -> None:
        self._studio = studio
        self._followed: dict[str | None, JobHandle] = {}
        """The job that each open page follows (the one submitted or resumed last), by session."""
        self._submitted: dict[str | None, _Submitted] = defaultdict(_Submitted)
        """What each open page submitted last, by session."""
        self._current = gr.State(None)
        self._resumed = gr.State(None)
        gr.HTML(f"<h1>{text('title')}</h1>", elem_id="title", padding=False)
        if has_login:
            gr.Button(text("log_out"), link="logout", size="sm", min_width=80, scale=0, elem_id="log-out")
        self._queue = JobQueue(studio)
        with gr.Tabs(elem_id="tabs") as self._tabs:
            with gr.Tab(text("paint_tab"), id="paint"), gr.Row(elem_id="bench"):
                with gr.Column(scale=2, min_width=300, elem_id="left"):
                    self._form = Form(studio, text)
                with gr.Column(scale=3, min_width=320, elem_id="middle"):
                    self._build_canvas(text)
                    self._results = Results(studio, text, self._current)
            with gr.Tab(text("film_tab"), id="film") as film_tab:
                self._build_film(film_tab, text)
            with gr.Tab(text("webcam_tab"), id="webcam") as webcam_tab:
                webcam = WebcamTab(studio, text, self._form)
            with gr.Tab(text("history"), id="history") as history_tab:
                self._history = History(studio, text, has_films=self._film is not None)
            with gr.Tab(text("compare"), id="compare") as compare_tab:
                compare = Compare(studio, text)
        history = self._history
        history_tab.select(history.list_runs, [history.chosen], history.outputs, **history.in_order)
        compare_tab.select(compare.list_runs, [compare.chosen], compare.outputs, show_progress="hidden")
        self._form.connect(blocks)
        self._results.connect(self._current)
        blocks.load(None, None, None, js=markup.page_script())
        self._connect_runs(blocks)
        self._connect_films()
        self._connect_controls()
        used = webcam.connect(webcam_tab)
        used.success(self._show_paint_tab, None, [self._tabs], **_QUICK)
        self._form.keep_after(blocks)
        loaded = self._form.load_on_click(self._history.load, self._history.chosen)
        loaded.success(self._show_paint_tab, None, [self._tabs], **_QUICK)
        if self._film is not None:
            self._film.watch_again(blocks)
        blocks.unload(self._leave)

    def _build_canvas(self, text: Callable[[str], Any]) -> None:
        empty = f'<div class="canvas empty"><p>{text("empty")}</p></div>'
        self._canvas = gr.HTML(empty, elem_id="canvas", padding=False, js_on_load=markup.script("linked.js"))
        self._status = gr.HTML("", elem_id="status", padding=False)
        look: Any = {"size": "md", "min_width": 80}
        with gr.Row(elem_id="steering"):
            self._pause = gr.Button(text("pause"), elem_id="pause", interactive=False, **look)
            self._resume = gr.Button(text("resume"), elem_id="resume", interactive=False, **look)
            self._stop = gr.Button(text("stop"), variant="stop", elem_id="stop", interactive=False, **look)
            self._again = gr.Button(text("again"), elem_id="again", **look)
            self._variations = Variations(self._studio, text, self._current)

    def _build_film(self, tab: gr.Tab, text: Callable[[str], Any]) -> None:
        """Build the tab for films; without PyAV it says how to install it."""
        self._film: FilmTab | None = None
        try:
            from impasto.studio.page import film
        except (ImportError, InputError):
            gr.Markdown(text("film_needs"), elem_id="film-needs")
            gr.Markdown(f"`{join(['pip', 'install', *extra_requirements('video')])}`")
            return
        self._film = film.FilmTab(self._studio, text, self._form)
        self._film.connect_tab(tab)

    def _connect_films(self) -> None:
        """Let the queue and the history show and continue films."""
        if self._film is not None:
            film, chosen = self._film, [self._history.chosen]
            for event in (
                self._queue.chosen_film(film.show_chosen, None, film.outputs, show_progress="hidden"),
                self._history.show_film.click(film.show, chosen, film.outputs, show_progress="hidden"),
                self._history.resume_film.click(film.go_on, chosen, film.outputs, show_progress="hidden"),
            ):
                event.success(self._show_film_tab, None, [self._tabs], queue=False)

    def _connect_runs(self, blocks: gr.Blocks) -> None:
        """Let the page follow runs that are submitted, repeated or resumed, and the run shown before a reload."""
        outputs = [self._current, *self._results.outputs]
        submitted = self._form.paint.click(self._submit, self._form.inputs, outputs, js=SEND_STROKES, **_FOLLOWING)
        self._form.paint.click(None, None, None, js=markup.script("scroll_to_canvas.js"))
        repeated = self._again.click(
            self._restart, [self._current, gr.State("repeat")], outputs, show_progress="hidden"
        )
        resumed = self._history.resume.click(
            self._restart, [self._history.chosen, gr.State("resume")], outputs, show_progress="hidden"
        )
        chosen = self._queue.chosen(self._show_job, None, outputs, **_QUICK)
        varied = self._variations.on_choice(self._start, outputs)
        for event in (resumed, chosen):
            event.success(self._show_paint_tab, None, [self._tabs], queue=False)
        with gr.Row(visible=False):
            remembered = gr.Textbox()
        loaded = blocks.load(
            self._find_remembered, [remembered], [self._current], js=markup.script("remember_run.js"), **_QUICK
        )
        for started in (submitted, repeated, resumed, chosen, varied, loaded):
            self._follow_after(started, self._current)

    def _connect_controls(self) -> None:
        """Connect the widgets that act on the running job."""
        for button, action in ((self._pause, "pause"), (self._stop, "stop")):
            button.click(self._act, [self._current, gr.State(action)], None, **_QUICK)
        resumed = self._resume.click(self._resume_current, [self._current], [self._resumed], **_QUICK)
        self._follow_after(resumed, self._resumed)
        for slider, setting in ((self._form.strength, "strength"), (self._form.colors, "color_strength")):
            inputs = [self._current, gr.State(setting), slider]
            slider.input(self._change, inputs, None, trigger_mode="always_last", **_QUICK)

    def _follow_after(self, started: gr.events.Dependency, name: gr.State) -> None:
        """Let the page follow a run once an event has started it, and then show its result."""
        controls = [self._canvas, self._status, self._pause, self._resume, self._stop]
        followed = started.success(self.follow, [name], controls, **_FOLLOWING)
        followed.then(self._show_results, [name, self._current], self._results.outputs, show_progress="hidden")

    # -- callbacks -----------------------------------------------------------------------------------------------------

    def _submit(self, values: dict[Any, Any], request: gr.Request) -> dict[Any, Any]:
        """Submit the form, unless it is what this page submitted last and still paints, as after a double click."""
        last, language = self._submitted[request.session_hash], language_of(request)

        def start() -> str:
            given = self._form.read(values, request)
            key = submission_key(given)
            # The second click of a double click arrives while the first one is still being read.
            with last.lock:
                job = self._studio.job(last.run)
                if key == last.key and job is not None and not job.has_ended:
                    gr.Info(translate(language, "is_painted_already"))
                else:
                    last.key, last.run = key, self._studio.submit(**given).name
                return last.run

        return self._start(start, request)

    def _show_job(self, event: gr.EventData, request: gr.Request) -> dict[Any, Any]:
        return self._start(lambda: chosen_run(event), request)

    def _restart(self, name: str | None, action: str, request: gr.Request) -> dict[Any, Any]:
        """Repeat the run that the page shows, or resume the run that is chosen in the history."""
        if not name:
            raise toast(translate(language_of(request), "nothing_again" if action == "repeat" else "no_run_chosen"))
        return self._start(lambda: getattr(self._studio, action)(name).name, request)

    def _start(self, start: Callable[[], str], request: gr.Request) -> dict[Any, Any]:
        """Let the page follow the run that `start` begins, and return the updates that show it."""
        with errors_as_toasts(request):
            name = start()
        self._follow_job(self._studio.job(name), request)
        return {self._current: name, **self._results.hide()}

    def _show_paint_tab(self) -> gr.Tabs:
        return gr.Tabs(selected="paint")

    def _show_film_tab(self) -> gr.Tabs:
        return gr.Tabs(selected="film")

    def _find_remembered(self, name: str | None) -> str | None:
        """Return the run that a tab showed before it was reloaded, if the run still exists."""
        try:
            return self._studio.workspace.folder_of(name).name if name else None
        except InputError:
            return None

    def follow(self, name: str | None, request: gr.Request) -> Iterator[tuple[Any, ...]]:
        """Yield updates of canvas, status and buttons until the job of a run ends."""
        job = self._studio.job(name) if name else None
        if job is None:
            entries = (entry for entry in self._studio.list_runs() if entry.name == name)
            # A generator that yields nothing would empty the canvas.
            yield next((show_entry(entry, language_of(request)) for entry in entries), (gr.skip(),) * 5)
            return
        # A page has one such generator at a time; a run that is started meanwhile is followed by it.
        self._follow_job(job, request)
        yield from follow_jobs(lambda: self._followed.get(request.session_hash), language_of(request))

    def _follow_job(self, job: JobHandle | None, request: gr.Request) -> None:
        """Let the page's generator follow this job instead of the one before."""
        before = self._followed.pop(request.session_hash, None)
        if before is not None:
            before.unwatch(request.session_hash)
        if job is not None:
            self._followed[request.session_hash] = job
            job.watch(request.session_hash)

    def _leave(self, request: gr.Request) -> None:
        """Report to the followed job that the page was closed; the page's generator ends by itself."""
        self._submitted.pop(request.session_hash, None)
        self._variations.leave(request)
        if self._film is not None:
            self._film.leave(request)
        job = self._followed.pop(request.session_hash, None)
        if job is not None:
            job.page_closed(request.session_hash)

    def _show_results(self, name: str | None, current: str | None, request: gr.Request) -> dict[Any, Any]:
        """Show the results of the last started run, if one was followed, unless another one is followed by now."""
        shown = self._results.show(current, request) if name else self._results.hide()
        job = self._followed.get(request.session_hash)
        return shown if job is None or job.has_ended else self._results.hide()

    def _act(self, name: str | None, action: str) -> None:
        job = self._studio.job(name) if name else None
        if job is not None:
            getattr(job, action)()

    def _resume_current(self, name: str | None, request: gr.Request) -> str | None:
        """Resume the current run; return its name if it had ended, so that the page follows it again."""
        job = self._studio.job(name) if name else None
        if not name or (job is not None and not job.has_ended):
            self._act(name, "resume")
            return None
        with errors_as_toasts(request):
            return self._studio.resume(name).name

    def _change(self, name: str | None, field: str, value: Number, request: gr.Request) -> None:
        """Change a setting of the running job, if there is one."""
        job = self._studio.job(name) if name else None
        if job is None or job.has_ended:
            return
        with errors_as_toasts(request):
            job.change(**{field: value})

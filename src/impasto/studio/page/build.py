"""Puts the page together."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

import gradio as gr

from impasto.errors import ImpastoError, InputError
from impasto.images import PLATES
from impasto.recipe import PRESETS
from impasto.studio import Studio
from impasto.studio.fields import field_widgets
from impasto.studio.page import drawing, history
from impasto.studio.page.callbacks import (
    ENDED,
    Number,
    Watching,
    at_rest,
    explained,
    follow,
    language,
    refusal,
    styles_of,
)
from impasto.studio.page.compare import Compare
from impasto.studio.page.crop import Crop, crops
from impasto.studio.page.endpoint import add_endpoint, keep_private
from impasto.studio.page.finished import Finished
from impasto.studio.page.history import History
from impasto.studio.page.photo import photo
from impasto.studio.page.regions import KEEP, Regions, regions_of
from impasto.studio.page.settings import Settings
from impasto.studio.page.theme import theme
from impasto.studio.texts import translate, translations

_EVERYBODY: Any = None
"""No limit of how many people a callback serves at once: it only watches."""


_TO_THE_CANVAS = """() => {
    if (window.innerWidth < 800) document.getElementById("canvas").scrollIntoView({behavior: "smooth"});
}"""
"""On a phone the canvas is far below the button."""

_WHAT_IT_SHOWED = """() => {
    addEventListener("pagehide", () => {
        const shown = document.querySelector("#status [data-run]");
        if (shown) sessionStorage.setItem("impasto-run", shown.dataset.run);
    });
    return sessionStorage.getItem("impasto-run") ?? "";
}"""
"""A tab remembers which picture it showed, for when it is loaded again: Gradio does that itself after a restart."""


@dataclass(frozen=True)
class Page:
    """The page, and what its server has to be told beside it."""

    blocks: gr.Blocks
    i18n: gr.I18n
    css: str
    theme: gr.themes.Base


def build_page(studio: Studio) -> Page:
    """Return the page of a studio."""
    i18n = gr.I18n(**translations({one.field: one.help for some in field_widgets().values() for one in some}))
    with gr.Blocks(
        title=translate("en", "title"), analytics_enabled=False, fill_width=True, delete_cache=(3600, 86400)
    ) as blocks:
        _Builder(studio, i18n, blocks)
        add_endpoint(studio)
    keep_private(blocks)
    css = (files("impasto.studio.page") / "page.css").read_text(encoding="utf-8")
    return Page(blocks=blocks, i18n=i18n, css=f"{css}\n{drawing.wall_css()}", theme=theme())


class _Builder:
    """Builds widgets, then says what each does."""

    def __init__(self, studio: Studio, text: gr.I18n, blocks: gr.Blocks) -> None:
        self._studio = studio
        self.blocks = blocks
        self.current = gr.State(None)
        self.taken_up = gr.State(None)
        with gr.Row(visible=False):
            self.showed = gr.Textbox()
        self.watching = Watching(studio)
        gr.Markdown(text("title"), elem_id="title")
        with gr.Tabs(elem_id="tabs") as self.tabs:
            with gr.Tab(text("paint"), id="paint"), gr.Row(elem_id="bench"):
                with gr.Column(scale=2, min_width=300, elem_id="left"):
                    self._left(text)
                with gr.Column(scale=3, min_width=320, elem_id="middle"):
                    self._middle(text)
            with gr.Tab(text("history"), id="history") as self.history_tab:
                self.history = History(studio, text)
            with gr.Tab(text("compare"), id="compare") as self.compare_tab:
                self.compare = Compare(studio, text)
        self._connect()

    # -- widgets -------------------------------------------------------------------------------------------------------

    def _left(self, text: gr.I18n) -> None:
        self.photo = photo(
            label=text("photo"),
            sources=["upload", "clipboard", "webcam"],
            elem_id="photo",
            height=210,
        )
        self.styles = gr.CheckboxGroup(
            list(PLATES), label=text("style"), info=text("styles_hint"), elem_id="styles", value=[PLATES[0]]
        )
        with gr.Accordion(text("own_style"), open=False) as self.own_fold:
            self.own = gr.Gallery(
                label=text("own_style"), type="filepath", interactive=True, file_types=["image"], columns=3, height=180,
                elem_id="own",
            )  # fmt: skip
            self.crop = Crop(self.own, self._studio.limits, text)
        self.mix = gr.Slider(
            0, 100, value=50, step=1, label=text("mix"), info=text("mix_hint"), elem_id="mix", visible=False
        )
        self.strength = gr.Slider(
            0, 100, value=50, step=1, label=text("strength"), info=text("strength_hint"), elem_id="strength"
        )
        self.colors = gr.Slider(
            0, 100, value=100, step=1, label=text("colors"), info=text("colors_hint"), elem_id="colors"
        )
        self.size = gr.Slider(64, 2048, value=512, step=16, label=text("size"), info=text("size_hint"), elem_id="size")
        self.paint = gr.Button(text("paint"), variant="primary", size="lg", elem_id="paint")
        with gr.Accordion(text("more"), open=False, elem_id="more"):
            self.settings = Settings(text)
        with gr.Accordion(text("regions"), open=False, elem_id="regions-fold") as self.regions_fold:
            self.regions = Regions(self.photo, self._studio.limits, text)
        self.dropped = gr.File(label=text("restore"), file_types=[".png"], elem_id="restore", height=140)

    def _middle(self, text: gr.I18n) -> None:
        self.canvas = gr.HTML(
            f'<div class="canvas empty"><p>{text("empty")}</p></div>', elem_id="canvas", padding=False
        )
        self.status = gr.HTML("", elem_id="status", padding=False)
        with gr.Row(elem_id="steering"):
            self.pause = gr.Button(text("pause"), size="md", min_width=80, elem_id="pause", interactive=False)
            self.resume = gr.Button(text("resume"), size="md", min_width=80, elem_id="resume", interactive=False)
            self.stop = gr.Button(
                text("stop"), variant="stop", size="md", min_width=80, elem_id="stop", interactive=False
            )
            self.again = gr.Button(text("again"), size="md", min_width=80, elem_id="again")
        self.finished = Finished(self._studio, text)

    # -- what they do --------------------------------------------------------------------------------------------------

    def _connect(self) -> None:
        self._connect_orders()
        self._connect_steering()
        shown = [self.strength, self.colors, self.size, self.settings.preset, *self.settings.fields]
        self.settings.preset.input(
            self._preset, [self.settings.preset], shown[:2] + self.settings.fields, queue=False, show_progress="hidden"
        )
        taken = [
            *shown, self.photo, self.styles, self.own, self.own_fold, self.mix,
            self.crop.field, self.crop.pictures, self.crop.seen,
            *self.regions.styles, self.regions.seen, self.history.taken_from, self.regions.editor, self.history.waiting,
        ]  # fmt: skip
        self.history.load.click(
            self.history.taken(self.settings), [self.history.chosen], taken, show_progress="hidden"
        ).success(
            self.history.lay_on,
            [self.history.waiting],
            [self.regions.editor, self.regions_fold, self.history.waiting, self.tabs],
            show_progress="hidden",
        )
        restored = [*shown, self.crop.field, self.crop.seen]
        self.dropped.upload(self._restore, [self.dropped], restored, show_progress="hidden")
        self.history_tab.select(self.history.listed, None, self.history.outputs, show_progress="hidden")
        self.compare_tab.select(
            self.compare.choices, [self.compare.which], self.compare.outputs, show_progress="hidden"
        )
        self.blocks.unload(self.watching.leave)

    def _connect_orders(self) -> None:
        """Whoever orders a picture follows it, and then sees it finished."""
        ordered = self.paint.click(
            self._order,
            [self.history.taken_from, self.photo, self.styles, self.own, self.crop.field, self.mix, self.strength,
             self.colors, self.size, *self.regions.inputs, *self.settings.inputs],
            [self.current, *self.finished.outputs],
            show_progress="hidden",
            concurrency_limit=_EVERYBODY,
        )  # fmt: skip
        repeated = self.again.click(
            self._again, [self.current], [self.current, *self.finished.outputs], show_progress="hidden"
        )
        continued = self.history.go_on.click(
            self._go_on, [self.history.chosen], [self.current, *self.finished.outputs], show_progress="hidden"
        )
        continued.success(lambda: gr.Tabs(selected="paint"), None, [self.tabs], queue=False)
        opened = self.blocks.load(
            self._remembered, [self.showed], [self.current], js=_WHAT_IT_SHOWED, queue=False, show_progress="hidden"
        )
        for begun in (ordered, repeated, continued, opened):
            self._then_follow(begun, self.current)
        self.paint.click(None, None, None, js=_TO_THE_CANVAS)

    def _then_follow(self, begun: Any, name: gr.State) -> None:
        """Let the page follow a picture once an event has begun it, and then show it finished."""
        begun.success(
            self._follow,
            [name],
            [self.canvas, self.status, self.pause, self.resume, self.stop],
            show_progress="hidden",
            concurrency_limit=_EVERYBODY,
        ).then(self._shown, [name, self.current], self.finished.outputs, show_progress="hidden")

    def _connect_steering(self) -> None:
        """Let widgets act on the picture that is being painted, and on each other."""
        quick: Any = {"queue": False, "show_progress": "hidden"}
        for button, wish in ((self.pause, "pause"), (self.stop, "stop")):
            button.click(lambda name, wish=wish: self._steer(name, wish), [self.current], None, **quick)
        resumed = self.resume.click(self._resume, [self.current], [self.taken_up], **quick)
        self._then_follow(resumed, self.taken_up)
        for slider, field in ((self.strength, "strength"), (self.colors, "color_strength")):
            slider.input(
                lambda name, value, field=field: self._change(name, field, value),
                [self.current, slider],
                None,
                trigger_mode="always_last",
                **quick,
            )
        chosen: list[Any] = [self.styles, self.own]
        for source in chosen:
            source.change(self._mixes, chosen, [self.mix], **quick)

    def _order(
        self, request: gr.Request, recalled: str | None, photo: str | None, styles: list[str], own: Any,
        crop: str | None, mix: Number, strength: Number, colors: Number, size: Number, painted: Any, red: str,
        green: str, blue: str, *values: Any,
    ) -> list[Any]:  # fmt: skip
        """Take an order; the page then follows it."""
        tongue = language(request)
        regions = regions_of(painted, [red, green, blue])
        chosen, shares = styles_of(styles, own, mix)
        if photo is None or not (chosen or regions):
            raise refusal(translate(tongue, "none_chosen"))
        styled = sum(region.style != KEEP for region in regions or ())
        said = {
            "strength": strength,
            "color_strength": colors,
            "size": int(size),
            "style_mix": shares,
            "style_crop": crops(crop, len(styles or ()), len(own or ()), styled) or (),
        }
        try:
            recipe = self.settings.recipe(values, **said)
            job = self._studio.submit(photo, chosen, recipe, regions, source_run=recalled)
        except ImpastoError as error:
            raise explained(error, tongue) from None
        self.watching.begin(job.name, request)
        return [job.name, *self.finished.hidden()]

    def _remembered(self, name: str | None) -> str | None:
        """Open with the picture that this tab showed before it was loaded again, if it is still there."""
        try:
            return self._studio.workspace.folder_of(name).name if name else None
        except InputError:
            return None

    def _again(self, name: str | None, request: gr.Request) -> list[Any]:
        if not name:
            raise refusal(translate(language(request), "nothing_again"))
        return self._named(lambda: self._studio.repeat(name).name, request)

    def _go_on(self, name: str | None, request: gr.Request) -> list[Any]:
        if not name:
            raise refusal(translate(language(request), "no_run_chosen"))
        return self._named(lambda: self._studio.resume(name).name, request)

    def _named(self, order: Callable[[], str], request: gr.Request) -> list[Any]:
        try:
            name = order()
        except ImpastoError as error:
            raise explained(error, language(request)) from None
        self.watching.begin(name, request)
        return [name, *self.finished.hidden()]

    def _follow(self, name: str | None, request: gr.Request) -> Iterator[tuple[Any, ...]]:
        job = self._studio.job(name) if name else None
        if job is None:
            entries = (entry for entry in self._studio.list_runs() if entry.name == name)
            # What yields nothing would empty the canvas.
            yield next((at_rest(entry, language(request)) for entry in entries), (gr.skip(),) * 5)
            return
        # The page follows one picture at a time: while it does, a later order is only noted here.
        self.watching.begin(job.name, request)
        with self.watching.looking(request):
            yield from follow(lambda: self.watching.job(request), language(request))

    def _shown(self, name: str | None, newest: str | None, request: gr.Request) -> list[Any]:
        """Show the picture that was ordered last, if one was followed at all."""
        return self.finished.shown(newest, request) if name else self.finished.hidden()

    def _steer(self, name: str | None, wish: str) -> None:
        job = self._studio.job(name) if name else None
        if job is not None:
            getattr(job, wish)()

    def _resume(self, name: str | None, request: gr.Request) -> str | None:
        """Go on with what is paused, which the page follows already, or with what failed: its name is returned."""
        job = self._studio.job(name) if name else None
        if not name or (job is not None and job.state != "failed"):
            self._steer(name, "resume")
            return None
        try:
            return self._studio.resume(name).name
        except ImpastoError as error:
            raise explained(error, language(request)) from None

    def _change(self, name: str | None, field: str, value: Number) -> None:
        """Change a running picture; of one that has ended, the slider is for the next."""
        job = self._studio.job(name) if name else None
        if job is None or job.state in ENDED:
            return
        try:
            job.change(**{field: value})
        except InputError as error:
            gr.Warning(str(error))

    def _mixes(self, styles: list[str], own: Any) -> Any:
        return gr.update(visible=len(styles or ()) + len(own or ()) > 1)

    def _preset(self, name: str) -> list[Any]:
        recipe = PRESETS[name]
        return [recipe.strength, recipe.color_strength, *self.settings.updates(recipe)]

    def _restore(self, file: str, request: gr.Request) -> list[Any]:
        try:
            return history.restored(self.settings, file)
        except ImpastoError as error:
            raise explained(error, language(request)) from None

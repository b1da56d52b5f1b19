"""The wall of styles on the page: choosing and mixing them, adding pictures, parts of them, and the photo in each."""

import html
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, TypedDict

import gradio as gr
import numpy as np

from impasto.errors import ImpastoError, InputError
from impasto.images import PLATES, quantize, read_picture
from impasto.recipe import KEEP
from impasto.studio import Studio
from impasto.studio.page import markup
from impasto.studio.page.callbacks import Number, choices_of, errors_as_toasts, language_of
from impasto.studio.page.inputs import region_choices
from impasto.studio.page.widgets import FileInput, empty_if_refused
from impasto.studio.texts import choice_label, translate, translate_message

_CROP_PICTURE_SIZE: Final = 640
_WHOLE: Final = "full"
_UNREADABLE: Final = np.full((48, 64, 3), 0.5, np.float32)
"""Stands for a picture that cannot be read."""


class _Crops(TypedDict):
    """The styles that the field of crops describes, in its order, and the crops of all styles so far."""

    shown: list[str]
    known: dict[str, str]


class Wall:
    """Check boxes with pictures. A click on a picture chooses it alone (page.js); its box adds it to a mix."""

    def __init__(self, studio: Studio, text: Callable[[str], Any]) -> None:
        self._studio, self._wall, self._text = studio, studio.wall, text
        self.chosen = gr.CheckboxGroup(
            self.choices(), label=text("style"), info=text("styles_hint"), elem_id="styles", value=[]
        )
        self._own_css = gr.HTML("", elem_classes="css", padding=False)
        self._preview_css = gr.HTML("", elem_classes="css", padding=False)
        self._order_css = gr.HTML("", elem_classes="css", padding=False)
        self.mix = gr.Slider(0, 100, value=50, step=1, label=text("mix"), elem_id="mix", visible=False)
        self._own = FileInput(label=text("own_style"), file_count="multiple", elem_id="own", height=90)
        with gr.Accordion(text("crop_style"), open=False, visible=False, elem_id="crop-fold") as self._fold:
            script = markup.script("crop.js")
            self._crop_pictures = gr.HTML("", elem_id="crop-pictures", padding=False, js_on_load=script)
            self.crop = gr.Textbox(label=text("crop_numbers"), info=text("crop_hint"), elem_id="crop")
        self._remove = gr.Button(text("remove_style"), size="sm", visible=False, elem_id="remove-style")
        self._crops = gr.State(_Crops(shown=[], known={}))
        self._turn = gr.State([0])
        """Number of the newest series of previews of a tab; those before it end."""
        self.inputs = [self.chosen, self.mix, self.crop]
        self.outputs: list[Any] = [self.chosen, self.mix, self.crop, self._crops, self._own_css]

    def connect(self, blocks: gr.Blocks, photo: gr.Image, others: Sequence[gr.Dropdown]) -> None:
        """Connect the widgets; `others` are lists that offer the styles of the wall, too."""
        quick: Any = {"queue": False, "show_progress": "hidden"}
        self.chosen.input(None, [self.chosen], [self.chosen], js="(chosen) => [impasto.choose(chosen)]")
        outputs = [
            self.mix, self._order_css, self._fold, self._crop_pictures, self.crop, self._crops, self._remove,
        ]  # fmt: skip
        # In the queue: Gradio writes messages of other calls into the log.
        self.chosen.change(self._show_chosen, [self.chosen, self.crop, self._crops], outputs, show_progress="hidden")
        listed = [self.chosen, self._own_css, *others]
        self._others = others
        added = self._own.upload(self._add, {self._own, *others}, [self._own, *listed], show_progress="hidden")
        empty_if_refused(added, self._own)
        removed = self._remove.click(self._take_away, {self.chosen, *others}, listed, **quick)
        blocks.load(lambda given: self._listed({}, given), {*others}, listed, **quick)
        for changed in (photo.change, added.then, removed.then):
            # Each begins at once, so that the one before it ends.
            changed(
                self._preview, [photo, self._turn], [self._preview_css], show_progress="hidden",
                trigger_mode="multiple", concurrency_limit=None,
            )  # fmt: skip

    def choices(self) -> list[tuple[Any, str]]:
        """Return the names of all styles, each with its title in the visitor's language."""
        own = []
        for name in self._wall.names():
            # Another visitor may remove it meanwhile.
            with suppress(InputError):
                own += [(self._wall.title(name), name)] if name not in PLATES else []
        return [*choices_of(PLATES, self._text), *own]

    def load(self, names: Sequence[str], crops: Mapping[str, str], mix: Sequence[float]) -> dict[Any, Any]:
        """Return the updates that choose styles with their shares; `crops` may hold those of other styles, too."""
        choices = self.choices()
        return {
            self.chosen: gr.update(choices=choices, value=list(names)),
            self._own_css: self._tiles(choices),
            self.mix: _first_share(mix, len(names)),
            self.crop: _joined([crops.get(name, _WHOLE) for name in names]),
            self._crops: _Crops(shown=list(names), known=dict(crops)),
        }

    def restored(self, chosen: Any, mix: Any, crop: Any) -> dict[Any, Any]:
        """Return the updates that show what a browser has kept of the values of `inputs`."""
        known = self._wall.names()
        names = [name for name in chosen if name in known] if isinstance(chosen, list) else []
        crops = crops_of(names, crop) if names == chosen and isinstance(crop, str) else {}
        return self.load(names, crops, style_shares(mix if isinstance(mix, int | float) else 50, len(names)))

    def sources(self, values: Mapping[Any, Any]) -> list[str | Path]:
        """Return the chosen styles as `Studio.submit` takes them, in the order in which they were chosen."""
        return [self._wall.source(name) for name in values[self.chosen] or ()]

    # -- callbacks -----------------------------------------------------------------------------------------------------

    def _listed(self, chosen: Mapping[str, Any], given: Mapping[Any, Any]) -> tuple[Any, ...]:
        """Return the updates of everything that lists the styles.

        `chosen` holds a new choice of the wall. A region whose style, in `given`, is gone keeps the photo.
        """
        choices = self.choices()
        offered = region_choices(choices, self._text)
        known = {name for _, name in offered}
        lists = [
            gr.update(choices=offered) if given[one] in known else gr.update(choices=offered, value=KEEP)
            for one in self._others
        ]
        return gr.update(choices=choices, **chosen), self._tiles(choices), *lists

    def _tiles(self, choices: Sequence[tuple[Any, str]]) -> str:
        own = [self._tile(name) for _, name in choices[len(PLATES) :]]
        return markup.style(markup.choice_pictures_css(markup.STYLES, own, first=len(PLATES) + 1))

    def _tile(self, name: str) -> str:
        try:
            return markup.file_uri(self._wall.tile(name))
        except InputError:
            return markup.data_uri(quantize(_UNREADABLE))

    def _add(self, given: Mapping[Any, Any], request: gr.Request) -> tuple[Any, ...]:
        """Keep pictures, choose them, and empty the field."""
        names = []
        for path in map(Path, given[self._own]):
            with errors_as_toasts(request, path):
                self._studio.limits.check(path)
                read_picture(path, max_megapixels=self._studio.limits.max_megapixels)
                names.append(self._wall.add(path))
        return None, *self._listed({"value": names}, given)

    def _take_away(self, given: Mapping[Any, Any]) -> tuple[Any, ...]:
        for name in given[self.chosen]:
            self._wall.remove(name)
        return self._listed({"value": [name for name in given[self.chosen] if name in PLATES]}, given)

    def _preview(self, photo: str | None, turn: list[int]) -> Iterator[Any]:
        """Show the photo in every style of the wall, one after the other; without a photo the styles themselves.

        `turn` is the tab's own, one list for all of its calls.
        """
        names, rules = self._wall.names(), ""
        turn[0] += 1
        mine = turn[0]
        yield ""
        if photo is None:
            return
        try:
            self._studio.limits.check(Path(photo))
            for name, pixels in self._studio.previews.paint(Path(photo), names):
                if turn[0] != mine:
                    yield gr.skip()  # Gradio sends the last value again at the end
                    return
                rules += markup.preview_css("styles", names.index(name) + 1, quantize(pixels))
                yield markup.style(rules)
        except (ImpastoError, OSError):
            return  # the field of the photo says why

    def _show_chosen(self, chosen: list[str], field: str | None, crops: _Crops, request: gr.Request) -> tuple[Any, ...]:
        """Show what belongs to the chosen styles: their order and shares, and the parts of them that are used."""
        language = language_of(request)
        known = crops["known"] | crops_of(crops["shown"], field or "")
        parts = [known.get(name, _WHOLE) for name in chosen]
        panes = [self._pane(name, language) for name in chosen]
        titles, names = [pane.title for pane in panes], self._wall.names()
        numbered = [
            (names.index(name) + 1, number)
            for number, name in enumerate(chosen, start=1)
            if len(chosen) > 1 and name in names
        ]
        hint = translate(language, "mix_hint", first=titles[0], others=", ".join(titles[1:])) if titles[1:] else ""
        return (
            gr.update(visible=len(chosen) > 1, info=html.escape(hint)),
            markup.style(markup.order_css("styles", numbered)),
            gr.update(visible=bool(chosen)),
            markup.render("crop_pictures", panes, translate(language, "crop_hint")),
            gr.skip() if crops["shown"] == chosen else _joined(parts),
            _Crops(shown=chosen, known=known),
            gr.update(visible=any(name not in PLATES for name in chosen)),
        )

    def _pane(self, name: str, language: str) -> markup.Pane:
        """Return the picture of a style; of one that cannot be read a gray area, so that it can be taken away."""
        title = name
        try:
            title = choice_label(language, self._wall.title(name))
            pixels = self._wall.pixels(name)
        except InputError as error:
            message = translate(language, "failed", message=translate_message(language, str(error)))
            gr.Warning(html.escape(message))
            pixels = _UNREADABLE
        return markup.Pane.of(pixels, _CROP_PICTURE_SIZE, title)


def crops_of(names: Sequence[str], field: str) -> dict[str, str]:
    """Return the crop of each style from a field that lists them; some may be missing.

    >>> crops_of(["night", "knife"], "full/1,2,30,40"), crops_of(["night"], "")
    ({'night': 'full', 'knife': '1,2,30,40'}, {})
    """
    return dict(zip(names, _split(field), strict=False))


def all_crops(field: str | None, styles: int, regions: int = 0) -> str:
    """Return the crops of all styles from those of the chosen ones; the styles of regions come last, uncropped.

    >>> all_crops("1,2,30,40", 1), all_crops("full/1,2,30,40", 2, 2), all_crops("", 1, 1)
    ('1,2,30,40', 'full/1,2,30,40/full/full', '')
    """
    parts = _split(field)
    return "/".join(parts + [_WHOLE] * (regions if len(parts) == styles else 0))


def style_shares(first: Number, count: int) -> tuple[float, ...]:
    """Return the shares of styles in percent if the first has `first`; none for a single style.

    >>> style_shares(40, 3), style_shares(40, 1)
    ((40.0, 30.0, 30.0), ())
    """
    if count < 2:
        return ()
    return (float(first), *((100.0 - first) / (count - 1),) * (count - 1))


def _first_share(shares: Sequence[float], count: int) -> Any:
    """Return the share of the first of several styles in percent."""
    shares = shares or (1.0,) * count
    total = float(sum(shares))
    return round(100 * shares[0] / total) if count > 1 and total else gr.skip()


def _split(field: str | None) -> list[str]:
    return field.strip().split("/") if field and field.strip() else []


def _joined(crops: Sequence[str]) -> str:
    return "" if all(crop == _WHOLE for crop in crops) else "/".join(crops)

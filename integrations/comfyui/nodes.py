"""The nodes. They translate ComfyUI's tensors and settings, and leave every decision to impasto."""

import tomllib
from collections.abc import Iterator
from functools import cache
from queue import Empty, SimpleQueue
from typing import Any, Final

import comfy.model_management
import comfy.utils
import numpy as np
import torch
from comfy_api.latest import ComfyExtension, io

import impasto
from impasto.images import PLATES, plate_path, quantize, read_picture
from impasto.recipe import resolve

CATEGORY: Final = "image/impasto"
OF_PRESET: Final = "as the preset"
COLORS: Final = (OF_PRESET, "style", "photo", "match", "luminance")
AS_PRESET: Final = {"strength": 50.0, "color": OF_PRESET}
"""What the widgets show where the preset decides, so that it is not stated."""
SEPARATE, FILM = "separate pictures", "a film"
PREVIEWS: Final = 512
"""Longest side of a preview in pixels."""
EVERY: Final = 5
"""Steps from one preview to the next."""


@cache
def session() -> impasto.Session:
    """Return the session of this process: networks and styles are loaded once for all nodes."""
    return impasto.Session()


def pictures(images: torch.Tensor) -> list[np.ndarray]:
    """Return a batch, b x h x w x c in [0, 1], as single pictures in RGB."""
    return [np.ascontiguousarray(image[..., :3]) for image in images.detach().float().cpu().clamp(0, 1).numpy()]


def masks(mask: torch.Tensor, count: int) -> list[np.ndarray]:
    """Return a mask for each of so many pictures; a single one holds for all of them."""
    each = list(mask.detach().float().cpu().reshape(-1, *mask.shape[-2:]).clamp(0, 1).numpy())
    if len(each) not in (1, count):
        raise impasto.InputError(f"there are {len(each)} masks for {count} images: give one, or one for each")
    return each * count if len(each) == 1 else each


def batch(painted: list[np.ndarray]) -> torch.Tensor:
    """Return pictures of one size as a batch, b x h x w x 3.

    They are rounded to 8 bits as in the files that impasto writes, because ComfyUI cuts off when it saves.
    """
    return torch.from_numpy(quantize(np.stack(painted)).astype(np.float32) / 255)


def settings_of(text: str, **chosen: Any) -> dict[str, Any]:
    """Return the settings that differ from the preset, and over them the lines of TOML (`style_scale = 2`)."""
    try:
        stated = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise impasto.InputError(f"settings are lines such as style_scale = 2: {error}") from None
    return {name: value for name, value in chosen.items() if value != AS_PRESET.get(name)} | stated


class Progress:
    """Shows how far a node is, and the picture as it grows; raises ComfyUI's error once the user has cancelled."""

    def __init__(self, pictures: int) -> None:
        self._bar = comfy.utils.ProgressBar(pictures * 1000)
        self._pictures = pictures

    def show(self, done: float, preview: Any = None) -> None:
        """Show so many pictures, or parts of one, as done.

        Args:
            done: From 0 to the number of pictures.
            preview: A PIL image, or None.
        """
        comfy.model_management.throw_exception_if_processing_interrupted()
        shown = None if preview is None else ("JPEG", preview, PREVIEWS)
        self._bar.update_absolute(round(done * 1000), self._pictures * 1000, shown)


def paint(photo: np.ndarray, styles: list[Any], options: dict[str, Any], progress: Progress, before: int) -> Any:
    """Paint one picture, with progress and previews; a cancelled run is stopped before its error is passed on."""
    events: SimpleQueue[impasto.Event] = SimpleQueue()
    run = session().start(photo, styles, on_event=events.put, **options)
    try:
        for event in _events_of(run, events):
            if isinstance(event, impasto.Step):
                preview = run.image if event.step % EVERY == 0 else None
                progress.show(before + event.step / event.steps, preview)
            else:
                progress.show(before)
        return run.wait()
    except BaseException:
        run.stop()
        run.wait()
        raise


def _events_of(run: impasto.Run, events: "SimpleQueue[impasto.Event]") -> Iterator[impasto.Event | None]:
    """Yield the events of a run until it ends, and None meanwhile: a cancellation is noticed while nothing happens."""
    while run.running or not events.empty():
        try:
            yield events.get(timeout=0.1)
        except Empty:
            yield None


def paint_film(
    photos: list[np.ndarray], styles: list[Any], recipe: impasto.Recipe, regions: list[Any] | None, progress: Progress
) -> Iterator[np.ndarray]:
    """Yield the painted frames of one scene, each of which continues the one before."""
    from impasto.video import scene_painter

    painter = scene_painter(session(), recipe, styles, regions=regions)
    for number, photo in enumerate(photos):
        progress.show(number)
        yield painter.paint(photo)
    progress.show(len(photos))


def painting_inputs() -> list[Any]:
    """Return the inputs that Stylize and Stylize (regions) share."""
    return [
        io.Combo.Input("preset", options=list(impasto.PRESETS), default="default"),
        io.Int.Input(
            "size", default=512, min=16, max=65536, tooltip="Long side in pixels; never more than the image's"
        ),
        io.Float.Input("strength", default=50.0, min=0.0, max=100.0, step=1.0, tooltip="0 is the photo, 100 the style"),
        io.Combo.Input("color", options=list(COLORS), default=OF_PRESET, tooltip="Whose colors"),
        io.Int.Input("seed", default=0, min=0, max=2**31 - 1, control_after_generate=True),
        io.Combo.Input(
            "frames", options=[SEPARATE, FILM], default=SEPARATE, tooltip="What several images of a batch are"
        ),
        io.String.Input(
            "settings", multiline=True, default="", optional=True, tooltip="Any other setting, such as style_scale = 2"
        ),
    ]


class LoadStyle(io.ComfyNode):
    """One of the built-in styles."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """Describe the node."""
        return io.Schema(
            node_id="ImpastoLoadStyle",
            display_name="Load style (impasto)",
            category=CATEGORY,
            description="One of the styles that impasto brings. Any other image can be a style, too.",
            inputs=[io.Combo.Input("style", options=list(PLATES))],
            outputs=[io.Image.Output("image", display_name="style")],
        )

    @classmethod
    def execute(cls, style: str) -> io.NodeOutput:
        """Return the style as an image."""
        return io.NodeOutput(batch([read_picture(plate_path(style)).pixels]))


class Stylize(io.ComfyNode):
    """Images in the style of another one."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """Describe the node."""
        return io.Schema(
            node_id="ImpastoStylize",
            display_name="Stylize (impasto)",
            category=CATEGORY,
            description="Paints images in the style of another; several styles in one batch are mixed.",
            inputs=[io.Image.Input("image"), io.Image.Input("style"), *painting_inputs()],
            outputs=[
                io.Image.Output("painted", display_name="image"),
                io.String.Output("recipe", display_name="recipe"),
            ],
        )

    @classmethod
    def execute(
        cls, image: torch.Tensor, style: torch.Tensor, frames: str = SEPARATE, settings: str = "", **chosen: Any
    ) -> io.NodeOutput:
        """Paint every image of the batch."""
        return stylized(image, pictures(style), [], frames, settings_of(settings, **chosen))


class StylizeRegions(io.ComfyNode):
    """Images whose regions have styles of their own."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """Describe the node."""
        optional: list[Any] = []
        for number in (1, 2, 3):
            hint = f"Where style {number} is painted; without that style the image stays there as it is"
            optional += [
                io.Mask.Input(f"mask_{number}", optional=True, tooltip=hint),
                io.Image.Input(f"style_{number}", optional=True),
            ]
        return io.Schema(
            node_id="ImpastoStylizeRegions",
            display_name="Stylize, regions (impasto)",
            category=CATEGORY,
            description="Paints each region in a style of its own. A mask without a style keeps the image there.",
            inputs=[io.Image.Input("image"), io.Image.Input("style"), *painting_inputs(), *optional],
            outputs=[
                io.Image.Output("painted", display_name="image"),
                io.String.Output("recipe", display_name="recipe"),
            ],
        )

    @classmethod
    def execute(
        cls, image: torch.Tensor, style: torch.Tensor, frames: str = SEPARATE, settings: str = "", **chosen: Any
    ) -> io.NodeOutput:
        """Paint every image of the batch with its masks."""
        given = [(chosen.pop(f"mask_{n}", None), chosen.pop(f"style_{n}", None)) for n in (1, 2, 3)]
        regions = [
            (masks(mask, len(image)), pictures(own)[0] if own is not None else "keep")
            for mask, own in given
            if mask is not None
        ]
        if not regions:
            raise impasto.InputError("no mask is connected: connect one, or use the node Stylize")
        return stylized(image, pictures(style), regions, frames, settings_of(settings, **chosen))


class Instant(io.ComfyNode):
    """Images in the style of another one, in one pass of a trained network."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """Describe the node."""
        return io.Schema(
            node_id="ImpastoInstant",
            display_name="Instant (impasto)",
            category=CATEGORY,
            description="Texture and colors of a style in a fraction of a second, by a trained network.",
            inputs=[
                io.Image.Input("image"),
                io.Image.Input("style"),
                io.Int.Input("size", default=512, min=16, max=65536, tooltip="Long side in pixels"),
                io.Float.Input("strength", default=50.0, min=0.0, max=100.0, step=1.0),
                io.Combo.Input("color", options=list(COLORS), default=OF_PRESET),
            ],
            outputs=[
                io.Image.Output("painted", display_name="image"),
                io.String.Output("recipe", display_name="recipe"),
            ],
        )

    @classmethod
    def execute(cls, image: torch.Tensor, style: torch.Tensor, **chosen: Any) -> io.NodeOutput:
        """Paint every image of the batch."""
        return stylized(image, pictures(style), [], SEPARATE, settings_of("", preset="instant", **chosen))


def stylized(
    image: torch.Tensor, styles: list[Any], regions: list[Any], frames: str, options: dict[str, Any]
) -> io.NodeOutput:
    """Return the painted batch, and the recipe as TOML.

    Args:
        image: The batch, b x h x w x c.
        styles: The styles, which are mixed.
        regions: For each region its masks, one an image, and its style or `keep`.
        frames: Whether the images are separate pictures or the frames of a film.
        options: Preset and settings.
    """
    photos = pictures(image)
    progress = Progress(len(photos))

    def regions_of(number: int) -> list[Any] | None:
        return [impasto.Region(mask[number], style) for mask, style in regions] or None

    # ComfyUI computes in inference mode, in which nothing can be optimized.
    with torch.inference_mode(False), torch.enable_grad():
        if frames == FILM and len(photos) > 1:
            recipe = resolve(options.pop("preset"), options)
            painted = list(paint_film(photos, styles, recipe, regions_of(0), progress))
        else:
            results = [
                paint(photo, styles, options | {"regions": regions_of(number)}, progress, number)
                for number, photo in enumerate(photos)
            ]
            painted, recipe = [result.pixels for result in results], results[0].recipe
    return io.NodeOutput(batch(painted), recipe.as_toml())


class ImpastoExtension(ComfyExtension):
    """What ComfyUI loads."""

    async def get_node_list(self) -> list[type[io.ComfyNode]]:
        """Return the nodes."""
        return [LoadStyle, Stylize, StylizeRegions, Instant]

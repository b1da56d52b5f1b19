"""Runs that show themselves in Jupyter: progress, the picture as it grows, and buttons. Needs the extra `notebook`."""

from io import BytesIO
from typing import Any, Final, Unpack

from impasto.api import Run, RunOptions, Session, Source, Styles
from impasto.events import Event, Finished, LevelStarted, Notice, Step
from impasto.extras import missing_extra
from impasto.recipe import Recipe

_PICTURES: Final = 40
"""How often the picture is renewed in a run."""
_WIDTH: Final = "512px"


def watch(
    content: Source,
    styles: Styles | None = None,
    recipe: Recipe | str | None = None,
    *,
    session: Session | None = None,
    **options: Unpack[RunOptions],
) -> Run:
    """Begin to paint in the background, and show progress and the growing picture below the cell.

    The buttons pause, continue and stop the run while no cell is executed. `wait` of the run that is returned gives
    the finished picture, which shows itself, too.

    Args:
        content: The photo, as for `impasto.stylize`.
        styles: Style image or images, as for `impasto.stylize`.
        recipe: A recipe or the name of a preset.
        session: A session that keeps networks and style targets for several runs.
        **options: As for `impasto.start`.

    Returns:
        The handle of the run.

    Raises:
        InputError: If something given cannot be used, or ipywidgets is not installed, in one line.

    Example:
        >>> from impasto.notebook import watch
        >>> run = watch("photo.jpg", "night", size=384)  # doctest: +SKIP
        >>> run.wait()  # doctest: +SKIP
    """
    try:
        import ipywidgets
        from IPython.display import display
    except ModuleNotFoundError as error:
        raise missing_extra(f"to watch a run in a notebook needs {error.name}", "notebook") from None
    view = _View(ipywidgets)
    listener = options.get("on_event")

    def on_event(event: Event) -> None:
        view.show(event)
        if listener is not None:
            listener(event)

    options["on_event"] = on_event
    run = (session or Session()).start(content, styles, recipe, **options)
    view.attach(run)
    display(view.box)  # type: ignore[no-untyped-call]
    return run


class _View:
    """The widgets of one run."""

    def __init__(self, widgets: Any) -> None:
        self._bar = widgets.IntProgress(value=0, max=1, layout=widgets.Layout(width=_WIDTH))
        self._line = widgets.Label("reading the pictures")
        self._picture = widgets.Image(format="png", layout=widgets.Layout(width=_WIDTH, display="none"))
        self._pause = widgets.Button(description="Pause")
        self._stop = widgets.Button(description="Stop")
        self._run: Run | None = None
        self._every = 1
        self.box = widgets.VBox([self._bar, self._line, widgets.HBox([self._pause, self._stop]), self._picture])

    def attach(self, run: Run) -> None:
        """Let the buttons act on a run."""
        self._run = run
        self._pause.on_click(lambda _: self._pause_or_resume(run))
        self._stop.on_click(lambda _: run.stop())

    def show(self, event: Event) -> None:
        """Show an event; called in the thread that paints."""
        if isinstance(event, LevelStarted):
            self._bar.max, self._every = event.steps, max(1, event.steps // _PICTURES)
            self._line.value = f"level {event.level + 1} of {event.levels}: {event.width} x {event.height} pixels"
        elif isinstance(event, Step):
            self._bar.value = event.step
            if event.step % self._every == 0:
                self._line.value = f"step {event.step} of {event.steps}, loss {event.loss:.4g}"
                self._renew()
        elif isinstance(event, Notice):
            self._line.value = event.text
        elif isinstance(event, Finished):
            self._bar.value = self._bar.max if event.reason != "stopped" else event.step
            self._bar.bar_style = "success" if event.reason != "stopped" else "warning"
            self._line.value = f"{event.step} steps in {event.seconds:.1f} s ({event.reason})"
            self._pause.disabled = self._stop.disabled = True
            self._renew()

    def _renew(self) -> None:
        image = None if self._run is None else self._run.image
        if image is not None:
            file = BytesIO()
            image.save(file, "PNG")
            self._picture.value = file.getvalue()
            self._picture.layout.display = ""

    def _pause_or_resume(self, run: Run) -> None:
        if run.paused:
            run.resume()
        else:
            run.pause()
        self._pause.description = "Go on" if run.paused else "Pause"

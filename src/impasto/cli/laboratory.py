"""What all studies share: paint every run, show how far the study is, write the report."""

from dataclasses import replace
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any, Final

from impasto.api import Run, keep_memory
from impasto.api.prepare import result_size
from impasto.cli.console import is_stdio, say, say_json, warn
from impasto.cli.display import Display, make_display
from impasto.cli.entry import DONE, FAILED, STOPPED, is_out_of_memory
from impasto.cli.options import Telling
from impasto.cli.signals import first_signal_calls
from impasto.errors import InputError, RunError
from impasto.events import Event, Finished, LevelStarted, Step
from impasto.painting import plan_levels
from impasto.painting.estimate import Estimate
from impasto.recipe import read_style

if TYPE_CHECKING:
    from impasto.study import Cell, StudyFolder

_PATIENCE: Final = 0.1


def conduct(
    name: str, content: str, style: str, out: Path | None, telling: Telling, *, preset: str | None, **chosen: Any
) -> int:
    """Conduct a study and return the exit code: 0, 1 if a run failed, 130 if the person stopped it.

    `chosen` are the fields of the recipe that were stated and the study's own options.
    """
    if is_stdio(content) or is_stdio(style):
        raise InputError("a study reads its pictures from files, so that it can go on later")
    try:
        from impasto.study import EXPERIMENTS, StudyFolder, write_report
    except ModuleNotFoundError as error:
        raise InputError(f"a study needs {error.name}: pip install 'impasto[study]'") from None

    plan = EXPERIMENTS[name].plan(chosen.pop("stated"), preset, **chosen)
    path = out or Path(f"{Path(content).stem}_{Path(read_style(style)[0]).stem}_{name}")
    study = StudyFolder(path, plan, content, style)
    keep_memory()
    watch = _Watch(study)
    with first_signal_calls(watch.stop), make_display(Estimate(watch.levels), quiet=telling.quiet) as display:
        watch.follow(display)
    if watch.is_stopping:
        return _stopped(path)
    try:
        findings = write_report(study, content, style)
    except KeyboardInterrupt:
        return _stopped(path)
    report = path / "report.html"
    if not telling.quiet:
        for sentence in EXPERIMENTS[name].says(findings):
            warn(sentence)
    if telling.json:
        looks = [{"run": look.cell.key, "step": look.step} | dict(look.figures) for look in findings.all()]
        say_json({"path": str(report), "pictures": _finite(looks)})
    else:
        say(str(report))
    return FAILED if study.failed() else DONE


def _stopped(path: Path) -> int:
    warn(f"stopped: the same command goes on; what is there is in {path}")
    return STOPPED


class _Watch:
    """Paints the runs that are missing, one after the other, and shows them as one long run."""

    def __init__(self, study: "StudyFolder") -> None:
        self.is_stopping = False
        self._study = study
        self._run: Run | None = None
        self._waiting = [cell for cell in study.plan.cells if not study.is_finished(cell)]
        sizes = [_size(study, cell) for cell in self._waiting]
        plans = [plan_levels(cell.recipe, *size) for cell, size in zip(self._waiting, sizes, strict=True)]
        self.levels = [level for levels in plans for level in levels]
        self._counts = [len(levels) for levels in plans]

    def stop(self) -> None:
        """End after the step that is being done."""
        self.is_stopping = True
        if self._run is not None:
            self._run.stop()

    def follow(self, display: Display) -> None:
        """Paint everything, or until the person stops."""
        total = sum(cell.recipe.steps for cell in self._waiting)
        level = step = 0
        for number, (cell, count) in enumerate(zip(self._waiting, self._counts, strict=True), start=1):
            if self.is_stopping:
                return
            display.note(f"run {number} of {len(self._waiting)}: {cell.caption}")
            self._paint(cell, display, levels=(level, len(self.levels)), steps=(step, total))
            level, step = level + count, step + cell.recipe.steps

    def _paint(self, cell: "Cell", display: Display, *, levels: tuple[int, int], steps: tuple[int, int]) -> None:
        events: SimpleQueue[Event] = SimpleQueue()
        self._run = run = self._study.begin(cell, events.put)
        if self.is_stopping:
            run.stop()
        while run.running or not events.empty():
            try:
                event = events.get(timeout=_PATIENCE)
            except Empty:
                continue
            if isinstance(event, LevelStarted):
                event = replace(event, level=event.level + levels[0], levels=levels[1])
            if isinstance(event, LevelStarted | Step):
                event = replace(event, step=event.step + steps[0], steps=steps[1])
            if not isinstance(event, Finished):
                display.show(event)
        try:
            run.wait()
        except Exception as error:
            # One run of a grid may well be beyond what can be painted; the others are worth having.
            if not isinstance(error, RunError) and not is_out_of_memory(error):
                raise
            display.note(f"{cell.caption} failed: {str(error) or 'there is not enough memory'}")


def _size(study: "StudyFolder", cell: "Cell") -> tuple[int, int]:
    return result_size(cell.recipe, *study.photo_size)


def _finite(looks: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Leave out figures that are not known: JSON has no word for them."""
    return [{name: value for name, value in look.items() if value == value} for look in looks]

"""`impasto study`: repeat an experiment and write a report; one command for each study."""

import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, make_dataclass
from pathlib import Path
from typing import Annotated, Any, Final

from cyclopts import App, Group, Parameter

from impasto.cli.console import (
    DONE,
    FAILED,
    HELP_FLAGS,
    STOPPED,
    is_stdio,
    stop_signals,
    warn,
    warn_of_files_like,
    write_json,
    write_path,
)
from impasto.cli.options import (
    OUTPUT,
    RECIPE_SOURCE,
    REPORTING,
    PhotoWord,
    RecipeFlags,
    RecipeSource,
    Reporting,
    StyleWord,
    Switch,
    stated_settings,
)
from impasto.cli.workplace import WORKPLACE, Workplace
from impasto.errors import InputError
from impasto.extras import missing_extra
from impasto.recipe import read_style

STUDIES: Final[dict[str, str]] = {
    "iterations": "One run after 10, 100, 500, 1,000... steps.",
    "seeds": "Runs that differ only in the noise, one of them repeated.",
    "layers": "The paper's figure 3: sets of style layers, ratios of content to style.",
    "reconstruct": "The paper's figure 1: content and style reconstructed from single layers.",
    "init": "The same recipe from the photo, the recolored photo, noise, and the style.",
    "pooling": "Maximum, average and L2 pooling.",
    "optimizers": "L-BFGS, and Adam at three learning rates.",
    "backbones": "All networks whose weights are available.",
    "losses": "Every style loss alone.",
    "longrun": "Presets over 10,000 and 100,000 steps, at 96 px by default: gray, clipping, content.",
    "custom": "Any settings of the recipe: every combination of values.",
}
"""The studies, and what each compares."""

_OPTIONS: Final[list[tuple[str, str, Any, str]]] = [
    ("iterations", "at", str, "Steps after which the picture is kept; by default 10,100,500,1000."),
    ("seeds", "runs", int, "How many seeds; by default 3."),
    ("layers", "ratios", str, "Content weight / style weight, as 1e-4,1e-3; by default those of the paper's figure."),
    ("longrun", "at", str, "Steps after which the picture is kept; by default 10,30,100 and so on to 100000."),
    ("longrun", "recipes", str, "Presets to compare; by default paper,classic,default."),
    ("custom", "vary", list[str], "SETTING=VALUE,VALUE; several make a grid. A slash separates the items of a list."),
]
"""Options of single studies: study, name, type, help."""

_MAY_HAVE_MANY_RUNS: Final = ("seeds", "layers", "custom")

STUDY: Final = Group("Study", sort_key=-3)
study = App(name="study", help_flags=HELP_FLAGS)


def _command(name: str) -> Callable[..., int]:
    """Return the command of a study."""
    fields: list[tuple[str, Any, Any]] = [
        (option, Annotated[kind | None, Parameter(help=text, group=STUDY)], None)
        for owner, option, kind, text in _OPTIONS
        if owner == name
    ]
    own_options = Parameter(name="*")(make_dataclass("Options", fields, namespace={"__module__": __name__}))
    no_options = own_options()

    def command(
        photo: PhotoWord,
        style: StyleWord,
        /,
        *,
        own: Any = no_options,
        out: Annotated[Path | None, Parameter(name=("--out", "-o"), group=OUTPUT)] = None,
        yes: Annotated[Switch, Parameter(group=STUDY)] = False,
        source: RecipeSource = RECIPE_SOURCE,
        where: Workplace = WORKPLACE,
        reporting: Reporting = REPORTING,
        flags: RecipeFlags | None = None,
    ) -> int:
        """Conduct a study.

        Args:
            photo: The photo.
            style: The style image, or the name of a built-in style (see plates).
            out: The study's folder, by default PHOTO_STYLE_STUDY; if it holds the same study, that is continued.
            yes: Allow more than 200 runs.
        """
        options = {option: value for option, value in asdict(own).items() if value is not None}
        options |= {"yes": yes} if name in _MAY_HAVE_MANY_RUNS else {}
        settings = stated_settings(source, flags, (photo, style))
        # A file states every setting; the settings varied by the study override a file, but not a flag.
        by_study = {text.partition("=")[0].strip().replace("-", "_") for text in options.get("vary", ())}
        by_study |= {"steps"} if hasattr(own, "at") else set()
        by_study -= set() if flags is None else flags.model_fields_set
        options["stated"] = {setting: value for setting, value in settings.items() if setting not in by_study}
        options["preset"] = source.preset
        return _conduct(name, photo, style, out, options, source, where, reporting)

    # Without fields it would be shown as an argument itself.
    command.__annotations__["own"] = own_options if fields else Annotated[Any, Parameter(parse=False)]
    return command


for _order, (_name, _purpose) in enumerate(STUDIES.items()):
    study.command(_command(_name), name=_name, help=_purpose, sort_key=_order)


sweep = _command("custom")


def _conduct(
    name: str,
    photo: str,
    style: str,
    out: Path | None,
    options: dict[str, Any],
    source: RecipeSource,
    where: Workplace,
    reporting: Reporting,
) -> int:
    """Conduct a study and return the exit code: 0, 1 if a run failed, 130 if it was stopped."""
    if is_stdio(photo) or is_stdio(style):
        raise InputError("a study reads its pictures from files, so that it can be continued later")
    try:
        from impasto.study import EXPERIMENTS, StudyFolder, report_files, write_report
    except ModuleNotFoundError as error:
        raise missing_extra(f"a study needs {error.name}", "study") from None
    from impasto.api import keep_memory
    from impasto.cli.destination import input_files
    from impasto.cli.progress import Progress
    from impasto.images import Outputs, default_name
    from impasto.painting import Eta

    plan = EXPERIMENTS[name].plan(**options)
    warn_of_files_like([style])
    path = out or Path(default_name(Path(photo).stem, Path(read_style(style)[0]).stem, name))
    inputs = {file for cell in plan.cells for file in input_files(photo, style, recipe=cell.recipe, source=source)}
    Outputs(folder=path, kept=report_files(path)).check(inputs)
    engine = where.chosen()
    folder = StudyFolder(path, plan, photo, style)
    keep_memory()
    findings = None
    try:
        progress = Progress(Eta(folder.remaining_levels), quiet=reporting.quiet)
        with stop_signals(folder.stop), progress:
            folder.paint(progress.show, progress.note, engine)
        if not folder.is_stopping:
            findings = write_report(folder, photo, style)
    except KeyboardInterrupt:
        pass
    if findings is None:
        warn(f"stopped: the same command continues; what is there is in {path}")
        return STOPPED
    if not reporting.quiet:
        for sentence in EXPERIMENTS[name].conclusions(findings):
            warn(sentence)
    report = path / "report.html"
    if reporting.json:
        pictures = [{"run": p.cell.key, "step": p.step} | _known(p.figures) for p in findings.pictures]
        write_json({"path": str(report), "pictures": pictures})
    else:
        write_path(report)
    return FAILED if folder.has_failed else DONE


def _known(figures: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out unknown figures, because JSON has no NaN."""
    return {name: value for name, value in figures.items() if not math.isnan(value)}

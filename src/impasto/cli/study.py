"""`impasto study`: the experiments of the laboratory, one function for each."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final, TypeAlias

from cyclopts import Group, Parameter

from impasto.cli.flags import RecipeFlags, stated
from impasto.cli.options import OUTPUT, RECIPE, TELLING, Telling
from impasto.recipe import PRESETS

STUDY: Final = Group("Study", sort_key=-3)

Photo: TypeAlias = Annotated[str, Parameter(name="CONTENT", help="The photo.")]
Style: TypeAlias = Annotated[
    str, Parameter(name="STYLE", help="The picture to learn from, or the name of a built-in style (see plates).")
]
Runs: TypeAlias = Annotated[int | None, Parameter(help="How many seeds; 3 if nothing is said.", group=STUDY)]
Ratios: TypeAlias = Annotated[
    str | None,
    Parameter(help="Content weight / style weight, such as 1e-4,1e-3; those of the paper's figure.", group=STUDY),
]
Recipes: TypeAlias = Annotated[
    str | None, Parameter(help="Presets to compare; paper,classic,default if nothing is said.", group=STUDY)
]
Vary: TypeAlias = Annotated[
    list[str] | None,
    Parameter(help="FIELD=VALUE,VALUE; several make a grid. Values of lists have slashes between them.", group=STUDY),
]


def _at(standard: str) -> Any:
    return Parameter(help=f"Steps after which the picture is looked at; {standard} if nothing is said.", group=STUDY)


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class Common:
    """What all studies take beside the flags of the recipe."""

    out: Annotated[
        Path | None,
        Parameter(
            name=("--out", "-o"),
            group=OUTPUT,
            help="The study's folder; CONTENT_STYLE_STUDY if nothing is said. The same study in it goes on.",
        ),
    ] = None
    yes: Annotated[bool, Parameter(negative="", show_default=False, group=STUDY, help="Allow more than 200 runs.")] = (
        False
    )
    preset: Annotated[str | None, Parameter(help="What to begin with.", group=RECIPE, choices=tuple(PRESETS))] = None
    recipe: Annotated[Path | None, Parameter(help="A recipe (TOML or JSON), over the preset.", group=RECIPE)] = None
    from_: Annotated[
        str | None, Parameter(name="--from", help="A picture whose recipe is taken, over the preset.", group=RECIPE)
    ] = None


COMMON: Final = Common()


def iterations(
    content: Photo,
    style: Style,
    /,
    *,
    at: Annotated[str | None, _at("10,100,500,1000")] = None,
    common: Common = COMMON,
    telling: Telling = TELLING,
    flags: RecipeFlags | None = None,
) -> int:
    """Look at one picture again and again while it is painted; begins with the preset `paper`."""
    return _conduct("iterations", content, style, common, telling, flags, at=at)


def seeds(
    content: Photo,
    style: Style,
    /,
    *,
    runs: Runs = None,
    common: Common = COMMON,
    telling: Telling = TELLING,
    flags: RecipeFlags | None = None,
) -> int:
    """Paint the same picture from different noise, and one of them twice; begins with the preset `paper`."""
    return _conduct("seeds", content, style, common, telling, flags, runs=runs, yes=common.yes)


def layers(
    content: Photo,
    style: Style,
    /,
    *,
    ratios: Ratios = None,
    common: Common = COMMON,
    telling: Telling = TELLING,
    flags: RecipeFlags | None = None,
) -> int:
    """Paint the grid of the paper's figure 3; begins with the preset `paper`."""
    return _conduct("layers", content, style, common, telling, flags, ratios=ratios, yes=common.yes)


def _plain(name: str, purpose: str) -> Callable[..., int]:
    """Return the command of a study that has no options of its own."""

    def command(
        content: Photo,
        style: Style,
        /,
        *,
        common: Common = COMMON,
        telling: Telling = TELLING,
        flags: RecipeFlags | None = None,
    ) -> int:
        return _conduct(name, content, style, common, telling, flags)

    command.__name__, command.__doc__ = name, purpose
    return command


reconstruct = _plain("reconstruct", "Rebuild content and style from what single layers know; begins with `paper`.")
init = _plain("init", "Start from the photo, the recolored photo, noise, and the style; begins with `paper`.")
pooling = _plain("pooling", "Compare the ways to halve the network's maps; begins with `paper`.")
optimizers = _plain("optimizers", "Compare L-BFGS with Adam at three rates; begins with `paper`.")
backbones = _plain("backbones", "Compare the networks whose weights are there, as they come; begins with `default`.")
losses = _plain("losses", "Compare the style losses, each alone; begins with `default`.")


def longrun(
    content: Photo,
    style: Style,
    /,
    *,
    at: Annotated[str | None, _at("10,30,100 and so on to 100000")] = None,
    recipes: Recipes = None,
    common: Common = COMMON,
    telling: Telling = TELLING,
    flags: RecipeFlags | None = None,
) -> int:
    """Paint presets side by side for very long, at 96 px unless --size says otherwise."""
    return _conduct("longrun", content, style, common, telling, flags, at=at, recipes=recipes)


def custom(
    content: Photo,
    style: Style,
    /,
    *,
    vary: Vary = None,
    common: Common = COMMON,
    telling: Telling = TELLING,
    flags: RecipeFlags | None = None,
) -> int:
    """Paint every combination of values of any fields of the recipe; begins with the preset `paper`."""
    return _conduct("custom", content, style, common, telling, flags, vary=vary, yes=common.yes)


def _conduct(
    name: str,
    content: str,
    style: str,
    common: Common,
    telling: Telling,
    flags: RecipeFlags | None,
    **options: Any,
) -> int:
    said = set() if flags is None else flags.model_fields_set
    # A file states every field; what the study itself sets holds over it, but not over a flag.
    own = {word.partition("=")[0].strip().replace("-", "_") for word in options.get("vary") or ()}
    own |= {"steps"} if "at" in options else set()
    told = stated(common.recipe, common.from_, flags)
    told = {field: value for field, value in told.items() if field in said or field not in own}

    from impasto.cli.laboratory import conduct

    chosen = {option: value for option, value in options.items() if value is not None}
    return conduct(name, content, style, common.out, telling, stated=told, preset=common.preset, **chosen)

"""Options that several commands share."""

from dataclasses import dataclass
from typing import Annotated, Final, Literal

from cyclopts import Group, Parameter

RECIPE: Final = Group("Recipe", sort_key=-2)
OUTPUT: Final = Group("Output", sort_key=-1)


@Parameter(name="*", group=OUTPUT)
@dataclass(frozen=True, kw_only=True)
class Saving:
    """Where the picture goes, and in what quality."""

    out: Annotated[str | None, Parameter(name=("--out", "-o"), help="Where the picture goes; overwritten.")] = None
    bits: Annotated[Literal[8, 16], Parameter(help="Bits per channel; 16 for PNG and TIFF.")] = 8
    quality: Annotated[int, Parameter(help="Quality of JPEG and WebP, 1 to 100.")] = 95


@Parameter(name="*", group=OUTPUT)
@dataclass(frozen=True, kw_only=True)
class Telling:
    """What is said on the way and at the end."""

    json: Annotated[
        bool, Parameter(negative="", show_default=False, help="Print one JSON object instead of the path.")
    ] = False
    quiet: Annotated[bool, Parameter(negative="", show_default=False, help="Say nothing but the path and errors.")] = (
        False
    )


SAVING: Final = Saving()
TELLING: Final = Telling()
"""What holds when nothing is said."""

"""The built-in style pictures (plates), which tools/plates.py of the repository drew, and the photo of the demo."""

from pathlib import Path
from typing import Final

from impasto.errors import InputError, did_you_mean, similar

_DESCRIPTIONS: Final[dict[str, str]] = {
    "night": "thick oil strokes that whirl around stars over a lake, blue and gold",
    "mosaic": "stone tesserae in dark grout along the outlines of fish and sun, teal and terracotta",
    "woodcut": "tapered grooves cut in black and red blocks, printed on cream paper",
    "pointillism": "round dots of pure color, large and small, a river bank at evening",
    "watercolor": "transparent washes with hard and bleeding edges, flowers in every hue",
    "stained-glass": "glowing, streaked glass in lead, a rose window of ruby, cobalt and amber",
    "knife": "slabs laid on with the palette knife, a harbor at sunset in red, orange and plum",
}

_DATA: Final = Path(__file__).with_name("data")

PLATES: Final[tuple[str, ...]] = tuple(_DESCRIPTIONS)
"""Names of the built-in plates in the order in which they are shown."""


def is_plate(name: str) -> bool:
    """Return True if a built-in plate has this name.

    Example:
        >>> is_plate("night"), is_plate("night.jpg")
        (True, False)
    """
    return name in _DESCRIPTIONS


def plate_path(name: str) -> Path:
    """Return the file of a plate: 1024 x 1024 px, sRGB, WebP.

    Raises:
        InputError: There is no plate of this name; the message lists the known ones.
    """
    plate_description(name)
    return _DATA / f"{name}.webp"


def plate_description(name: str) -> str:
    """Return one line about subject and technique of a plate.

    Raises:
        InputError: There is no plate of this name; the message lists the known ones.
    """
    if not is_plate(name):
        hint = did_you_mean(similar(Path(name).stem, PLATES), f"known are {', '.join(PLATES)}")
        raise InputError(f"there is no built-in style {name!r}; {hint}")
    return _DESCRIPTIONS[name]


def demo_photo() -> Path:
    """Return the photo of the demo, a cup of coffee: 600 x 400 px, sRGB, WebP without loss."""
    return _DATA / "coffee.webp"

"""The built-in style pictures (plates), which tools/plates.py of the repository drew, and the photo of the demo."""

from difflib import get_close_matches
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from impasto.errors import InputError

_DESCRIPTIONS: Final[dict[str, str]] = {
    "night": "thick oil strokes that whirl around stars over a lake, blue and gold",
    "mosaic": "stone tesserae in dark grout along the outlines of fish and sun, teal and terracotta",
    "woodcut": "tapered grooves cut in black and red blocks, printed on cream paper",
    "pointillism": "round dots of pure color, large and small, a river bank at evening",
    "watercolor": "transparent washes with hard and bleeding edges, flowers in every hue",
    "stained-glass": "glowing, streaked glass in lead, a rose window of ruby, cobalt and amber",
    "knife": "slabs laid on with the palette knife, a harbor at sunset in red, orange and plum",
}

PLATES: Final[tuple[str, ...]] = tuple(_DESCRIPTIONS)
"""Names of the built-in plates in the order in which they are shown."""


def is_plate(name: str) -> bool:
    """Return True if a built-in plate has this name.

    Example:
        >>> is_plate("night"), is_plate("night.jpg")
        (True, False)
    """
    return name in _DESCRIPTIONS


def similar_plate(name: str) -> str:
    """Return the plate that a name probably means, or an empty text.

    Example:
        >>> similar_plate("Nigth"), similar_plate("night.webp"), similar_plate("starry")
        ('night', 'night', '')
    """
    return next(iter(get_close_matches(Path(name).stem.lower().replace("_", "-"), PLATES, n=1)), "")


def plate_path(name: str) -> Path:
    """Return the file of a plate: 1024 x 1024 px, sRGB, WebP.

    Raises:
        InputError: There is no plate of this name; the message lists the known ones.
    """
    plate_description(name)
    return Path(str(files("impasto.images"))) / "data" / f"{name}.webp"


def plate_description(name: str) -> str:
    """Return one line about subject and technique of a plate.

    Raises:
        InputError: There is no plate of this name; the message lists the known ones.
    """
    if not is_plate(name):
        similar = similar_plate(name)
        hint = f"did you mean {similar}?" if similar else f"known are {', '.join(PLATES)}"
        raise InputError(f"there is no built-in style {name!r}; {hint}")
    return _DESCRIPTIONS[name]


def demo_photo() -> Path:
    """Return the photo of the demo, a file of scikit-image, without importing scikit-image.

    Raises:
        InputError: scikit-image is not installed, or does not have the photo.
    """
    spec = find_spec("skimage")
    if spec is None or spec.origin is None:
        raise InputError("the demo's photo comes with scikit-image: pip install 'impasto[demo]'")
    photo = Path(spec.origin).parent / "data" / "coffee.png"
    if not photo.is_file():
        raise InputError(f"this scikit-image lacks the demo's photo {photo.name}: pip install --upgrade scikit-image")
    return photo

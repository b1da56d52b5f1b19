"""Keyframes: frames that a person has painted or edited, which take the place of painted ones."""

import re
from pathlib import Path

from impasto.errors import InputError
from impasto.images import PICTURE_SUFFIXES
from impasto.video.plan import Plan


def keyframe_files(folder: Path) -> list[Path]:
    """Return the pictures in a folder of keyframes, in the order of their names; raises InputError if it is none."""
    try:
        return sorted(path for path in folder.iterdir() if path.suffix.lower() in PICTURE_SUFFIXES and path.is_file())
    except OSError:
        raise InputError(f"--keyframes takes a folder of painted frames, and {folder} is none") from None


def find_keyframes(folder: Path, plan: Plan) -> dict[int, Path]:
    """Return the pictures of a folder by the number of the frame that the last digits of their names are.

    Raises:
        InputError: There are none, two have one number, or there is no such frame in the film.
    """
    files = keyframe_files(folder)
    found: dict[int, Path] = {}
    numbers = set(map(int, plan.numbers))
    for path in files:
        digits = re.search(r"(\d+)$", path.stem)
        if digits is None:
            raise InputError(f"{path} is named after no frame: its name ends with the frame's number, as 000012.png")
        number = int(digits[1])
        if number not in numbers:
            which = f"{min(numbers)} to {max(numbers)}"
            raise InputError(f"{path} is the picture of frame {number}, and the film has no such frame of {which}")
        if number in found:
            raise InputError(f"{found[number]} and {path} are both frame {number}: remove one")
        found[number] = path
    if not found:
        raise InputError(f"there are no pictures in {folder}: --keyframes takes painted frames such as 000012.png")
    return found

"""Opening a clip of any kind."""

from fractions import Fraction
from pathlib import Path
from typing import Final

from impasto.errors import InputError, did_you_mean, similar
from impasto.images import check_is_no_url, one_line_errors, sniff
from impasto.video.clip import NUMBERED, Clip
from impasto.video.stills import Animation, NumberedPictures
from impasto.video.video_file import VideoFile

_HEAD: Final = 64
_SUFFIXES: Final = (
    ".mp4",
    ".m4v",
    ".mov",
    ".mkv",
    ".webm",
    ".avi",
    ".mpg",
    ".ts",
    ".wmv",
    ".flv",
    ".ogv",
    ".gif",
    ".webp",
)


def open_clip(path: Path, fps: Fraction | None = None) -> Clip:
    """Open a video, an animated GIF, WebP or PNG, or a sequence of pictures such as `frames/%05d.png`.

    Args:
        path: The file, or the pattern of the sequence.
        fps: Frames per second of a sequence; None: 25.

    Returns:
        The clip.

    Raises:
        InputError: There is no such file, it has no frames, or it is a single picture, in one line.
    """
    check_is_no_url(path)
    if NUMBERED.search(path.name) and not path.exists():
        return NumberedPictures.open(path, fps or Fraction(25))
    if fps is not None:
        raise InputError(f"--fps is for pictures such as frames/%05d.png, and {path} has a rate of its own")
    if path.is_dir():
        raise InputError(f"{path} is a folder: name its frames by a pattern such as {path}/%05d.png")
    if not path.exists():
        raise InputError(": ".join(filter(None, (f"{path} does not exist", did_you_mean(_similar_clip(path))))))
    with one_line_errors("read", path):
        if not path.is_file():
            raise InputError(f"{path} is a device, not a video")
        with path.open("rb") as file:
            head = file.read(_HEAD)
    if not head:
        raise InputError(f"{path} is empty")
    return VideoFile.open(path) if sniff(head) is None else Animation.open(path)


def _similar_clip(path: Path) -> str:
    try:
        files = {file.stem: str(file) for file in path.parent.iterdir() if file.suffix.lower() in _SUFFIXES}
    except OSError:
        return ""
    return files.get(similar(path.stem, files), "")

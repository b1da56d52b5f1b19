"""What can be changed on a finished picture without painting it again: more of the photo, and of its colors."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from jaxtyping import Float

from impasto.color import finish_colors
from impasto.images import encode_picture, read_metadata, read_picture, resize
from impasto.recipe import ColorSettings
from impasto.runs import RunFolder


@dataclass(frozen=True, kw_only=True)
class Finish:
    """How much of the photo, and then of its colors, a finished picture takes back, each from 0 to 100."""

    photo: float = 0.0
    photo_colors: float = 0.0

    @property
    def changes_nothing(self) -> bool:
        """Whether the picture stays as it was painted."""
        return not self.photo and not self.photo_colors


UNCHANGED: Final = Finish()


def apply_finish(
    finish: Finish, painted: Float[np.ndarray, "h w 3"], photo: Float[np.ndarray, "h w 3"]
) -> Float[np.ndarray, "h w 3"]:
    """Return a painted picture with a share of the photo's colors (its chroma), and then of the photo itself.

    Args:
        finish: The shares.
        painted: RGB in [0, 1].
        photo: RGB in [0, 1], of the same size.
    """
    colored = finish_colors(ColorSettings(mode="photo", strength=finish.photo_colors), painted, photo)
    return np.asarray(colored + np.float32(finish.photo / 100) * (photo - colored), np.float32)


def encode_finished(source: Path, path: Path, finish: Finish, suffix: str, **options: Any) -> bytes:
    """Return a run's picture with a finish as a file; the recipe in it says what was changed.

    Args:
        source: The run's picture.
        path: The folder of the run.
        finish: The shares.
        suffix: The kind of file, as for `encode_picture`.
        **options: As for `encode_picture`.
    """
    picture = read_picture(source, max_megapixels=100_000.0)
    photo = resize(RunFolder.open(path).inputs().content.pixels, picture.width, picture.height)
    metadata = {**(read_metadata(path / "result.png") or {}), "finish": asdict(finish)}
    pixels = apply_finish(finish, picture.pixels, photo)
    return encode_picture(pixels, suffix, alpha=picture.alpha, metadata=metadata, **options)

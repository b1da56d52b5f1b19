"""Clean pictures to be judged, and what may be done to them."""

import numpy as np
import skimage.data

from impasto.images import PLATES, fit, plate_path, read_picture, resize


def specimen(name: str, long_side: int) -> np.ndarray:
    """Return a built-in plate or a photo of scikit-image, float32, h x w x 3."""
    stored = (
        read_picture(plate_path(name)).pixels if name in PLATES else getattr(skimage.data, name)() / np.float32(255)
    )
    return resize(stored, *fit(stored.shape[1], stored.shape[0], long_side))


def as_saved(picture: np.ndarray) -> np.ndarray:
    """Round to 8 bits, as a file would."""
    return np.round(np.clip(picture, 0, 1) * 255).astype(np.float32) / 255


def with_noise(picture: np.ndarray, grey_levels: float = 8) -> np.ndarray:
    return as_saved(picture + np.random.default_rng(0).normal(0, grey_levels / 255, picture.shape))


def with_stripes(picture: np.ndarray, grey_levels: float = 16) -> np.ndarray:
    """Brighten every other column."""
    striped = picture.copy()
    striped[:, ::2] += grey_levels / 255
    return as_saved(striped)


def doubled(picture: np.ndarray) -> np.ndarray:
    """Halve the picture and enlarge it again by repeating every pixel."""
    return picture[::2, ::2].repeat(2, axis=0).repeat(2, axis=1)[: picture.shape[0], : picture.shape[1]]


def framed(picture: np.ndarray, width: int, brightness: float) -> np.ndarray:
    frame = np.full_like(picture, brightness)
    frame[width:-width, width:-width] = picture[width:-width, width:-width]
    return frame


def stretched(picture: np.ndarray, contrast: float = 2.5) -> np.ndarray:
    return as_saved((picture - 0.5) * contrast + 0.5)


def with_a_grey_quarter(picture: np.ndarray) -> np.ndarray:
    faded = picture.copy()
    height, width = picture.shape[0] // 2, picture.shape[1] // 2
    faded[:height, :width] = faded[:height, :width].mean(axis=2, keepdims=True)
    return faded

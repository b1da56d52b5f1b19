"""Pictures to be scored, and ways to damage them."""

import numpy as np
import skimage.data

from impasto.images import PLATES, fit, plate_path, read_picture, resize


def specimen(name: str, long_side: int) -> np.ndarray:
    """Return a built-in plate or a photo of scikit-image, float32, h x w x 3."""
    stored = (
        read_picture(plate_path(name)).pixels if name in PLATES else getattr(skimage.data, name)() / np.float32(255)
    )
    return resize(stored, *fit(stored.shape[1], stored.shape[0], long_side))


def noise(height: int, width: int, seed: int) -> np.ndarray:
    """Return white noise, h x w x 3 in [0, 1]."""
    return np.random.default_rng(seed).random((height, width, 3), dtype=np.float32)


def ripples(height: int, width: int, seed: int) -> np.ndarray:
    """Return colored waves that cross, and the edges of a disc, h x w x 3 in [0, 1]."""
    y, x = np.mgrid[0:height, 0:width] / 32
    channels = []
    for channel in range(3):
        turn = seed + channel
        waves = np.sin(3 * x * np.cos(turn) + 5 * y * np.sin(turn)) * np.cos((1 + turn % 3) * (x - y))
        disc = np.hypot(x - 1 - 0.1 * seed, y - 1) < 0.7
        channels.append(0.5 + 0.3 * waves + 0.2 * np.where(disc, 1, -1))
    return np.stack(channels, axis=-1).astype(np.float32)


def as_saved(picture: np.ndarray) -> np.ndarray:
    """Round to 8 bits, as a file would."""
    return np.round(np.clip(picture, 0, 1) * 255).astype(np.float32) / 255


def with_noise(picture: np.ndarray, gray_levels: float = 8) -> np.ndarray:
    return as_saved(picture + np.random.default_rng(0).normal(0, gray_levels / 255, picture.shape))


def with_stripes(picture: np.ndarray, gray_levels: float = 16) -> np.ndarray:
    """Brighten every other column."""
    striped = picture.copy()
    striped[:, ::2] += gray_levels / 255
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


def with_a_gray_quarter(picture: np.ndarray) -> np.ndarray:
    faded = picture.copy()
    height, width = picture.shape[0] // 2, picture.shape[1] // 2
    faded[:height, :width] = faded[:height, :width].mean(axis=2, keepdims=True)
    return faded

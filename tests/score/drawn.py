"""Pictures that are drawn by a formula, so that they are the same everywhere."""

import numpy as np


def noise(height: int, width: int, seed: int) -> np.ndarray:
    """Draw white noise, h x w x 3 in [0, 1]."""
    return np.random.default_rng(seed).random((height, width, 3), dtype=np.float32)


def ripples(height: int, width: int, seed: int) -> np.ndarray:
    """Draw coloured waves that cross, and the edges of a disc, h x w x 3 in [0, 1]."""
    y, x = np.mgrid[0:height, 0:width] / 32
    channels = []
    for channel in range(3):
        turn = seed + channel
        waves = np.sin(3 * x * np.cos(turn) + 5 * y * np.sin(turn)) * np.cos((1 + turn % 3) * (x - y))
        disc = np.hypot(x - 1 - 0.1 * seed, y - 1) < 0.7
        channels.append(0.5 + 0.3 * waves + 0.2 * np.where(disc, 1, -1))
    return np.stack(channels, axis=-1).astype(np.float32)

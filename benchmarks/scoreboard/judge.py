"""The judge: impasto's own scores, by networks that no method optimises."""

import functools
from pathlib import Path
from typing import Any

from impasto.images import read_picture
from scoreboard.inputs import Pair
from scoreboard.methods import SOURCE
from scoreboard.store import Store, digest, source_digest

ROOMS = ("score", "losses/matching.py", "losses/statistics.py", "images/geometry.py")
"""The parts of impasto that the scores are computed by."""


def judge(picture: Path, pixels: str, pair: Pair, store: Store) -> dict[str, float]:
    """Return all scores of a picture of this pair, from the store if they are there; `pixels` is its digest."""
    sources = source_digest(SOURCE / room for room in ROOMS)
    key = digest([pixels, pair.content_digest, pair.style_digest, sources])
    record = store.get(key)
    if record is None:
        record = _score(picture, pair)
        store.put(key, record)
    return record


def _score(picture: Path, pair: Pair) -> dict[str, float]:
    return {name: float(value) for name, value in _judge_of(pair).score(read_picture(picture).pixels).as_dict().items()}


@functools.lru_cache(maxsize=1)
def _judge_of(pair: Pair) -> Any:
    # Loaded only when something is to be judged: it brings the networks.
    from impasto.score import Judge

    photo, style = read_picture(pair.content).pixels, read_picture(pair.style).pixels
    return Judge(photo, style, size=(photo.shape[1], photo.shape[0]))

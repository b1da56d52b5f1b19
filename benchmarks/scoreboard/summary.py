"""Scores of the pictures, and the figures of one size as they are stored in results/quality.json."""

import dataclasses
import functools
import statistics
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from impasto.images import read_picture, resize
from impasto.score import HIGHER_IS_BETTER, Judge
from scoreboard.inputs import PAIRS, Pair
from scoreboard.judges import OtherJudges
from scoreboard.methods import PEERS, ROWS, SOURCE, Method
from scoreboard.paint import key_of
from scoreboard.ranking import BASELINES, Board, checks, complete, duel, mean_ranks, mean_relative
from scoreboard.store import Store, digest, source_digest

Records = Mapping[str, Mapping[int, dict[str, Any]]]
"""Record of each painting, by method and pair."""

MEASURES = ("style", "content", "faults")
SCORE_SOURCES = ("score", "losses", "images/geometry.py")
"""The parts of impasto by which the scores are computed."""
JUDGES_SOURCE = Path(__file__).parent / "judges.py"
_OWN_LOAD = 0.75
"""If the load exceeds the number of our threads by more than this, other programs were running."""


def gather(methods: Iterable[Method], pairs: Sequence[Pair], paintings: Store, scores: Store) -> tuple[Board, Records]:
    """Judge every picture and the two rows; return scores and records."""
    methods = list(methods)
    board: dict[str, dict[int, dict[str, float]]] = {name: {} for name in (*ROWS, *(m.name for m in methods))}
    records: dict[str, dict[int, dict[str, Any]]] = {method.name: {} for method in methods}
    # Pair by pair, so that photo and style image are evaluated once.
    for pair in pairs:
        board["photo"][pair.index] = judge(pair.content, pair.content_digest, pair, scores)
        board["style"][pair.index] = judge(pair.style, pair.style_digest, pair, scores)
        for method in methods:
            key = key_of(method, pair)
            record = paintings.get(key)
            if record is not None:
                records[method.name][pair.index] = record | {"picture": str(paintings.picture(key))}
                board[method.name][pair.index] = judge(paintings.picture(key), record["pixels"], pair, scores)
    return {name: rows for name, rows in board.items() if rows}, records


def picture_of(records: Records, method: str, pair: Pair) -> Path | None:
    """Return the file of the picture of a method or a row for a pair; None if it has not been painted."""
    if method in ROWS:
        return pair.content if method == "photo" else pair.style
    record = records.get(method, {}).get(pair.index)
    return None if record is None else Path(record["picture"])


def judge(picture: Path, pixels: str, pair: Pair, store: Store) -> dict[str, float]:
    """Return all scores of a picture of this pair, from the store if they are there; `pixels` is its digest."""
    sources = source_digest(SOURCE / part for part in SCORE_SOURCES)
    key = digest([pixels, pair.content_digest, pair.style_digest, sources, source_digest([JUDGES_SOURCE])])
    record = store.get(key)
    if record is None:
        record = _score(picture, pair)
        store.put(key, record)
    return record


def _score(picture: Path, pair: Pair) -> dict[str, float]:
    pixels = read_picture(picture).pixels
    judge, others = _judges_of(pair)
    scores = judge.score(pixels).as_dict() | others.score(resize(pixels, *judge.size))
    return {name: float(value) for name, value in scores.items()}


@functools.lru_cache(maxsize=1)
def _judges_of(pair: Pair) -> tuple[Judge, OtherJudges]:
    photo, style = read_picture(pair.content).pixels, read_picture(pair.style).pixels
    return Judge(photo, style, size=(photo.shape[1], photo.shape[0])), OtherJudges(photo, style)


def summarize(board: Board, records: Records, pairs: Sequence[Pair], size: int) -> dict[str, Any]:
    """Return all figures of one size as JSON: table, comparisons, checks and every score."""
    indices = [pair.index for pair in pairs]
    full = complete(board, board, indices)
    painters = [method for method in full if method not in ROWS]
    table = _table(board, records, indices, painters)
    duels = [
        {"peer": peer} | dataclasses.asdict(duel(board, "default", peer, indices))
        for peer in PEERS
        if {peer, "default"} <= set(full)
    ]
    return {
        "size": size,
        "pairs": {pair.name: " x ".join(PAIRS[pair.index]) for pair in pairs},
        "table": table,
        "partly": {name: len(rows) for name, rows in board.items() if name not in full},
        "ranks": _all_ranks(board, indices, painters),
        "duels": duels,
        "checks": [dataclasses.asdict(check) | {"passed": check.passed} for check in checks(board, indices)],
        "scores": {name: {f"{index:02d}": dict(rows[index]) for index in sorted(rows)} for name, rows in board.items()},
    }


def _table(board: Board, records: Records, pairs: list[int], painters: list[str]) -> list[dict[str, Any]]:
    places = {measure: mean_ranks(board, measure, painters, pairs) for measure in MEASURES}
    rows = []
    for method in (*sorted(painters, key=lambda name: places["style"][name]), *ROWS):
        row: dict[str, Any] = {"method": method}
        for measure in MEASURES:
            row[f"{measure}, mean rank"] = places[measure].get(method)
        for measure in BASELINES:
            row[f"{measure} left"] = mean_relative(board, method, measure, pairs)
        row["most faults"] = max(board[method][pair]["faults"] for pair in pairs)
        row["seconds"], row["beside other work"] = _seconds(records.get(method, {}).values())
        rows.append(row)
    return rows


def _all_ranks(board: Board, pairs: list[int], painters: list[str]) -> list[dict[str, Any]]:
    """Return the mean rank in each single measure."""
    measures = [name for name in board["photo"][pairs[0]] if name not in MEASURES]
    places = {
        measure: mean_ranks(board, measure, painters, pairs, highest=measure in HIGHER_IS_BETTER)
        for measure in measures
    }
    return [{"measure": measure} | places[measure] for measure in measures] if painters else []


def _seconds(records: Iterable[Mapping[str, Any]]) -> tuple[float | None, bool | None]:
    """Return the median seconds, and whether other programs were running during most of the runs."""
    records = list(records)
    if not records:
        return None, None
    busy = [record["load"] > record["threads"] + _OWN_LOAD for record in records]
    return statistics.median(record["seconds"] for record in records), 2 * sum(busy) > len(busy)

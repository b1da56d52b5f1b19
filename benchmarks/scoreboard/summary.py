"""From pictures and records to the figures of one size, as they are stored in results/quality.json."""

import dataclasses
import statistics
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from impasto.score import HIGHER_IS_BETTER
from scoreboard.checks import checks
from scoreboard.inputs import PAIRS, Pair
from scoreboard.judge import judge
from scoreboard.methods import ROWS, Method
from scoreboard.peers import PEERS
from scoreboard.ranking import BASELINES, Board, complete, duel, mean_ranks, mean_relative
from scoreboard.store import Store
from scoreboard.work import key_of

Records = Mapping[str, Mapping[int, dict[str, Any]]]
"""Record of each painting, by method and pair."""

MEASURES = ("style", "content", "faults")
_OWN_LOAD = 0.75
"""A load of so much more than our own threads means that others worked beside us."""


def gather(methods: Iterable[Method], pairs: Sequence[Pair], paintings: Store, scores: Store) -> tuple[Board, Records]:
    """Judge whatever is painted, and the two rows; returns scores and records."""
    methods = list(methods)
    board: dict[str, dict[int, dict[str, float]]] = {name: {} for name in (*ROWS, *(m.name for m in methods))}
    records: dict[str, dict[int, dict[str, Any]]] = {method.name: {} for method in methods}
    # Pair by pair, because the judge looks at photo and style once for all that follow.
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
    """Return where the picture lies that a method, or a row, shows for a pair; None if it is not painted."""
    if method in ROWS:
        return pair.content if method == "photo" else pair.style
    record = records.get(method, {}).get(pair.index)
    return None if record is None else Path(record["picture"])


def summarize(board: Board, records: Records, pairs: Sequence[Pair], size: int) -> dict[str, Any]:
    """Return all figures of one size as JSON: the table of methods, the duels, the checks and every score."""
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
    """Return the mean rank in each single measure; the headlines are made of only three of them."""
    measures = [name for name in board["photo"][pairs[0]] if name not in MEASURES]
    places = {
        measure: mean_ranks(board, measure, painters, pairs, highest=measure in HIGHER_IS_BETTER)
        for measure in measures
    }
    return [{"measure": measure} | places[measure] for measure in measures] if painters else []


def _seconds(records: Iterable[Mapping[str, Any]]) -> tuple[float | None, bool | None]:
    """Return the median seconds, and whether most of them were taken while the machine had other work too."""
    records = list(records)
    if not records:
        return None, None
    busy = [record["load"] > record["threads"] + _OWN_LOAD for record in records]
    return statistics.median(record["seconds"] for record in records), 2 * sum(busy) > len(busy)

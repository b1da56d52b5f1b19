"""What tells several runs apart, in few words: captions of pictures that stand side by side."""

from collections.abc import Sequence
from typing import Any, Final

from impasto.recipe import Recipe
from impasto.recipe.fields import written
from impasto.studio.run_index import RunEntry
from impasto.studio.texts import field_label, translate

MACHINE_FIELDS: Final = frozenset({"device", "precision", "max_megapixels", "threads", "snapshots", "snapshot_every"})
"""Fields that do not make a picture another one."""

_MOST: Final = 3
"""More differences than that are counted, not told."""

_FIRST: Final = ("strength", "color_strength", "size", "style_mix", "seed")
"""Fields that are told first: those that people turn."""


def run_title(entry: RunEntry) -> str:
    """Return how a run is called in a list: styles and strength, photo, and when it was ordered, in local time."""
    when = entry.created.astimezone().strftime("%m-%d %H:%M") if entry.created else ""
    strength = f"{entry.recipe.strength:g}" if entry.recipe and entry.styles else ""
    painted = " ".join(filter(None, (_styles(entry), strength)))
    return " · ".join(filter(None, (painted, entry.content, when))) or entry.name


def gallery_label(entry: RunEntry) -> str:
    """Return the same in two lines, for below a small picture."""
    return run_title(entry).replace(" · ", "\n", 1)


def difference_captions(entries: Sequence[RunEntry], language: str) -> list[str]:
    """Return for each run what it differs in from the others; where that is nothing, when it was ordered."""
    columns = [_contents(entries), _looks(entries), *_fields(entries, language)]
    differing = [column for column in columns if len(set(filter(None, column))) > 1]
    captions = []
    for number, entry in enumerate(entries):
        parts = [column[number] for column in differing if column[number]]
        more = [translate(language, "more_differs", count=len(parts) - _MOST)] if len(parts) > _MOST else []
        captions.append(" · ".join(parts[:_MOST] + more) or run_title(entry))
    # By chance two may read alike, such as the same recipe painted twice.
    return [
        _dated(caption, entry) if captions.count(caption) > 1 else caption
        for caption, entry in zip(captions, entries, strict=True)
    ]


def _contents(entries: Sequence[RunEntry]) -> list[str]:
    return [entry.content for entry in entries]


def _looks(entries: Sequence[RunEntry]) -> list[str]:
    return [_styles(entry) for entry in entries]


def _styles(entry: RunEntry) -> str:
    return " + ".join(entry.styles)


def _fields(entries: Sequence[RunEntry], language: str) -> list[list[str]]:
    """Return a column for each field of the recipe, the ones that people turn first."""
    names = [*_FIRST, *(name for name in Recipe.model_fields if name not in {*_FIRST, *MACHINE_FIELDS})]
    return [[_field(entry, name, language) for entry in entries] for name in names]


def _field(entry: RunEntry, name: str, language: str) -> str:
    if entry.recipe is None:
        return ""
    return f"{field_label(language, name)} {_value(getattr(entry.recipe, name))}"


def _value(value: Any) -> str:
    if isinstance(value, tuple) and all(isinstance(item, float) for item in value):
        return ", ".join(f"{item:g}" for item in value) or "–"
    return f"{value:g}" if isinstance(value, float) else written(value) or "–"


def _dated(caption: str, entry: RunEntry) -> str:
    return f"{caption} · {entry.created.astimezone():%H:%M:%S}" if entry.created else f"{caption} · {entry.name}"

"""Captions: titles of runs, and the settings in which runs differ."""

from collections.abc import Sequence
from typing import Any, Final

from impasto.recipe import FIELDS, RegionSettings, as_text
from impasto.studio.run_index import RunEntry
from impasto.studio.texts import choice_label, field_label, translate

MACHINE_FIELDS: Final = frozenset(
    {"device", "precision", "max_megapixels", "max_memory", "threads", "snapshots", "snapshot_every"}
)
"""Settings of the machine, which do not change the picture."""

MAX_DIFFERENCES: Final = 3
"""Number of differences that a caption names."""

_FIRST: Final = ("strength", "color_strength", "size", "style_mix", "seed")
"""Settings that are named first, because people change them most."""


def run_title(entry: RunEntry, language: str = "en") -> str:
    """Return the name of a run in a list: its title, or styles, strength and photo, and local time of submission.

    The strength is that at the end; a variation has its seed and size, too.
    """
    when = entry.created.astimezone().strftime("%m-%d %H:%M") if entry.created else ""
    if entry.title:
        return " · ".join(filter(None, (entry.title, when)))
    recipe = entry.recipe and entry.recipe.after()
    strength = f"{recipe.style.strength:g}" if recipe and entry.styles else ""
    painted = " ".join(filter(None, (_styles(entry, language), strength)))
    varied = ""
    if recipe and recipe.start.seed:
        size = recipe.picture.size
        varied = f"{field_label(language, 'seed')} {recipe.start.seed}, {size}{' px' if isinstance(size, int) else ''}"
    return " · ".join(filter(None, (painted, varied, entry.content, when))) or entry.name


def gallery_label(entry: RunEntry, language: str = "en") -> str:
    """Return the title of a run in two lines, shown below a thumbnail."""
    return run_title(entry, language).replace(" · ", "\n", 1)


def differences(entries: Sequence[RunEntry], language: str) -> list[list[str]]:
    """Return for each run all settings in which it differs from the others, those that people change most first."""
    columns = [[entry.content for entry in entries], [_styles(entry, language) for entry in entries]]
    names = [*_FIRST, *(name for name in FIELDS if name not in {*_FIRST, *MACHINE_FIELDS})]
    columns += [[_setting(entry, name, language) for entry in entries] for name in names]
    differing = [column for column in columns if len(set(filter(None, column))) > 1]
    return [[column[number] for column in differing if column[number]] for number in range(len(entries))]


def difference_captions(entries: Sequence[RunEntry], language: str) -> list[str]:
    """Return for each run the first settings in which it differs from the others, or its title if there are none."""
    captions = [
        " · ".join(parts[:MAX_DIFFERENCES]) or run_title(entry, language)
        for parts, entry in zip(differences(entries, language), entries, strict=True)
    ]
    # Captions can be equal, for instance if a recipe was painted twice.
    return [
        _with_time(caption, entry) if captions.count(caption) > 1 else caption
        for caption, entry in zip(captions, entries, strict=True)
    ]


def _styles(entry: RunEntry, language: str) -> str:
    return " + ".join(choice_label(language, style) for style in entry.styles)


def _setting(entry: RunEntry, name: str, language: str) -> str:
    if entry.recipe is None:
        return ""
    label, value = field_label(language, name), value_text(entry.recipe.get(name), language)
    return f"{label} {value}" if value else translate(language, "without", name=label)


def value_text(value: Any, language: str) -> str:
    """Return the value of a setting as the page shows it; empty if there is none."""
    if isinstance(value, tuple) and all(isinstance(item, float) for item in value):
        return ", ".join(f"{item:g}" for item in value)
    if isinstance(value, tuple) and isinstance(value[0], RegionSettings):
        return ", ".join(_region(region, number, language) for number, region in enumerate(value, start=1))
    if isinstance(value, float):
        return f"{value:g}"
    return "" if value is None else as_text(value)


def _region(region: RegionSettings, number: int, language: str) -> str:
    """Return the style of a region, after the name of its mask if that is a file."""
    text = region.as_text().removeprefix(f"{region.mask}=")
    style = translate(language, "region_keep") if region.keeps else text
    return style if "mask" in region.placeholders(number) else f"{region.mask}: {style}"


def _with_time(caption: str, entry: RunEntry) -> str:
    return f"{caption} · {entry.created.astimezone():%H:%M:%S}" if entry.created else f"{caption} · {entry.name}"

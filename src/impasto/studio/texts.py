"""The texts of the page in English and Chinese, read from `texts.toml`."""

import re
import tomllib
from collections.abc import Iterable
from importlib.resources import files
from typing import Final

from impasto.images import PLATES
from impasto.recipe import FIELDS, PRESET_PURPOSES, PRESETS, flag_of
from impasto.studio.fields import HIDDEN

_TABLES: Final = tomllib.loads((files("impasto.studio") / "texts.toml").read_text(encoding="utf-8"))

TEXTS: Final[dict[str, tuple[str, str]]] = {key: (en, zh) for key, (en, zh) in _TABLES["texts"].items()}
"""English and Chinese text of each key; names in braces are filled in by `translate`."""

_SETTINGS_IN_CHINESE: Final[dict[str, tuple[str, str]]] = {
    name: (title, description) for name, (title, description) in _TABLES["settings"].items()
}
_CHOICES_IN_CHINESE: Final[dict[str, str]] = _TABLES["choices"]
_PURPOSES_IN_CHINESE: Final[dict[str, str]] = _TABLES["purposes"]
_MESSAGES_IN_CHINESE: Final[list[tuple[re.Pattern[str], str]]] = [
    (re.compile(re.sub(r"\\{(\w+)\\}", r"(?P<\1>.+?)", re.escape(english))), chinese)
    for english, chinese in _TABLES["messages"].items()
]
NAMES_IN_CHINESE: Final[dict[str, str]] = _TABLES["names"]
"""What Gradio's widgets are called in Chinese, for screen readers and in tool tips, by the English words."""

_TEXT_KEYS: Final = {"color_strength": "colors", "style_mix": "mix"}
"""Keys of settings with their own widget, where the key is not the setting's name."""


def setting_title(name: str) -> str:
    """Return the English name of a setting.

    >>> setting_title("style_weight")
    'Style weight'
    """
    return name.replace("_", " ").capitalize()


def field_label(language: str, name: str) -> str:
    """Return the name of a setting for use inside a sentence.

    >>> field_label("en", "color_strength"), field_label("zh-CN", "seed"), field_label("zh-CN", "regions")
    ('colors', '种子', '区域')
    """
    if name not in _SETTINGS_IN_CHINESE:
        return translate(language, _TEXT_KEYS.get(name, name)).lower()
    return _SETTINGS_IN_CHINESE[name][0] if _is_chinese(language) else setting_title(name).lower()


def name_widgets(language: str, text: str) -> str:
    """Return a message in which flags and names of settings are replaced by what the page calls them.

    >>> name_widgets("en", "--upscale paints it at 512 px"), name_widgets("zh-CN", "set --size, or see --help")
    ("'Upscale' paints it at 512 px", "set '尺寸', or see --help")
    >>> name_widgets("en", "size takes 16 to 99; tv_weight of my_photo.png"), name_widgets("en", "no size is named")
    ("'Size' takes 16 to 99; 'Tv weight' of my_photo.png", 'no size is named')
    """

    def named(word: re.Match[str]) -> str:
        name = names.get(word[0])
        return word[0] if name is None else f"'{field_label(language, name).capitalize()}'"

    shown = [name for name in FIELDS if name not in HIDDEN]
    names = {name: name for name in shown} | {flag_of(name): name for name in shown}
    # A name of one word is a word of the language elsewhere.
    return re.sub(r"--[a-z]+(-[a-z]+)*|^[a-z]+(?= takes |: )|(?<![\w-])[a-z]+(_[a-z]+)+(?![\w.])", named, text)


def translate_message(language: str, text: str) -> str:
    """Return an error or a notice in the visitor's language, with what the page calls the settings in it.

    A message whose Chinese is not known stays English.

    >>> translate_message("zh-CN", "steps takes a whole number from 1 to 9, not 0")
    '“步数”须为 1 到 9 之间的整数，而不是 0'
    """
    found = ((pattern.fullmatch(text), chinese) for pattern, chinese in _MESSAGES_IN_CHINESE)
    match, chinese = next(((match, chinese) for match, chinese in found if match), (None, text))
    if match is not None and _is_chinese(language):
        parts = match.groupdict()
        if parts.get("setting") in FIELDS:
            parts["setting"] = field_label(language, parts["setting"])
        text = chinese.format(**parts)
    return name_widgets(language, text)


def translations(descriptions: dict[str, str], choices: Iterable[str]) -> dict[str, dict[str, str]]:
    """Return all texts by language, as Gradio takes them.

    Besides those of the page there are `field_NAME` and `help_NAME` for each setting, `choice_VALUE` for each value
    that is chosen from a list, `purpose_PRESET`, and in Chinese what Gradio has not translated.

    Args:
        descriptions: English description of each setting that the page shows.
        choices: The values.
    """
    english, chinese = ({key: pair[number] for key, pair in TEXTS.items()} for number in (0, 1))
    for name, description in descriptions.items():
        english |= {f"field_{name}": setting_title(name), f"help_{name}": description}
        title, sentence = _SETTINGS_IN_CHINESE[name]
        chinese |= {f"field_{name}": title, f"help_{name}": sentence}
    for choice in choices:
        english[f"choice_{choice}"], chinese[f"choice_{choice}"] = (choice_label(one, choice) for one in ("en", "zh"))
    for preset in PRESETS:
        english[f"purpose_{preset}"], chinese[f"purpose_{preset}"] = (purpose_of(one, preset) for one in ("en", "zh"))
    chinese |= _TABLES["gradio"]
    return {"en": english, "zh": chinese, "zh-CN": chinese}


def choice_label(language: str, value: str) -> str:
    """Return a value that is chosen from a list as the page calls it; in Chinese that of a setting has its name, too.

    >>> choice_label("en", "night"), choice_label("zh", "night"), choice_label("zh", "transport")
    ('night', '星夜', '最优传输 transport')
    """
    word = _CHOICES_IN_CHINESE.get(value) if _is_chinese(language) else None
    if word is None:
        return value
    return word if value in PRESETS or value in PLATES else f"{word} {value}"


def purpose_of(language: str, preset: str) -> str:
    """Return what a preset is for, in one sentence."""
    if _is_chinese(language):
        return _PURPOSES_IN_CHINESE[preset]
    purpose = PRESET_PURPOSES[preset]
    return purpose[0].upper() + purpose[1:]


def translate(language: str, key: str, **values: object) -> str:
    """Return a text with its braces filled in; a language that begins with `zh` is Chinese, all others English."""
    return TEXTS[key][_is_chinese(language)].format(**values)


def _is_chinese(language: str) -> bool:
    return language.lower().startswith("zh")

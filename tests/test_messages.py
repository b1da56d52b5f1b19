"""Every message of an error in the code is explained in docs/messages.md, and that page explains no other."""

import ast
import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest

import impasto
from impasto.errors import ImpastoError

ROOT = Path(__file__).parents[1]
SOURCES = ROOT / "src" / "impasto"
PAGE = (ROOT / "docs" / "messages.md").read_text(encoding="utf-8")
COMPOSED = {"MissingWordsError": "… needs …", "missing_extra": "… needs …: … pip install …"}
"""Texts of errors that are made of parts."""


def kinds() -> set[str]:
    """Return the names of all errors of impasto, wherever they are defined."""
    for path in SOURCES.rglob("*.py"):
        if re.search(r"^class \w+\(.*Error", path.read_text(encoding="utf-8"), flags=re.MULTILINE):
            import_module(".".join(path.relative_to(SOURCES.parent).with_suffix("").parts))
    found, waiting = set(), [ImpastoError]
    while waiting:
        kind = waiting.pop()
        found.add(kind.__name__)
        waiting += kind.__subclasses__()
    return found


def text(node: ast.expr, module: ModuleType) -> str:
    """Return what is known of a text before the program runs, with `…` for the rest."""
    match node:
        case ast.Constant():
            return str(node.value)
        case ast.JoinedStr():
            return "".join(text(part, module) for part in node.values)
        case ast.FormattedValue(value=ast.JoinedStr() | ast.IfExp() | ast.Name() as value):
            return text(value, module)
        case ast.BinOp(op=ast.Add()):
            return text(node.left, module) + text(node.right, module)
        case ast.IfExp():
            return text(node.body, module) + " / " + text(node.orelse, module)
        case ast.BoolOp():
            return " / ".join(text(value, module) for value in node.values)
        case ast.Name() if isinstance(getattr(module, node.id, None), str):
            return getattr(module, node.id)
        case ast.Call(func=ast.Attribute(attr="format", value=ast.Constant() as template)):
            return re.sub(r"\{[^}]*\}", "…", str(template.value))
    return "…"


def messages() -> Iterator[tuple[str, str]]:
    """Yield place and text of every error that is made in the code; one that passes another's text on has none."""
    names = {*kinds(), *COMPOSED, "file_error"}
    for path in sorted(SOURCES.rglob("*.py")):
        place = path.relative_to(SOURCES.parent)
        calls = [
            node
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
            if isinstance(node, ast.Call) and getattr(node.func, "id", getattr(node.func, "attr", "")) in names
        ]
        if calls:
            module = import_module(".".join(place.with_suffix("").parts).removesuffix(".__init__"))
        for call in calls:
            made_by = getattr(call.func, "id", "")
            words = COMPOSED.get(made_by) or "".join(text(argument, module) for argument in call.args)
            words = re.sub("…+", "…", words)
            if re.search(r"\b(?!not\b)[a-z]{3}", words):
                yield f"{place}:{call.lineno}", words
    yield from usage()


def usage() -> Iterator[tuple[str, str]]:
    """Yield what is said of a command line that cannot be parsed."""
    module = import_module("impasto.cli.usage")
    for node in ast.walk(ast.parse(Path(module.__file__).read_text(encoding="utf-8"))):
        if isinstance(node, ast.Return) and isinstance(node.value, ast.JoinedStr):
            yield f"impasto/cli/usage.py:{node.lineno}", text(node.value, module)


MESSAGES = dict(messages())
PHRASES = [
    phrase for row in re.findall(r"^\| (`.*?`) \|", PAGE, flags=re.MULTILINE) for phrase in re.findall("`([^`]+)`", row)
]


def explains(phrase: str, message: str) -> bool:
    return re.search(".*".join(re.escape(part.strip()) for part in phrase.split("…")), message) is not None


def test_the_code_has_messages_and_the_page_phrases():
    assert len(MESSAGES) > 300
    assert len(PHRASES) > 150


def test_every_message_of_the_code_is_explained():
    assert {place: words for place, words in MESSAGES.items() if not any(explains(p, words) for p in PHRASES)} == {}


def test_every_phrase_of_the_page_is_in_a_message_of_the_code():
    assert [phrase for phrase in PHRASES if not any(explains(phrase, words) for words in MESSAGES.values())] == []


@pytest.mark.parametrize("kind", sorted(kinds()))
def test_every_kind_of_error_is_named(kind):
    assert f"`impasto.{kind}`" in PAGE or (kind not in impasto.__all__ and f"`{kind}`" in PAGE)

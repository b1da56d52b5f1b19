"""The Chinese README matches the English one: everything but the prose is the same in both, section by section."""

import ast
import re
import shlex
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ENGLISH, CHINESE = ROOT / "README.md", ROOT / "README.zh.md"
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", flags=re.MULTILINE | re.DOTALL)


def prose(text: str) -> str:
    return FENCE.sub("", text)


def sections(text: str) -> list[str]:
    """Return the text under every heading, including code, where lines with # are not headings."""
    masked = FENCE.sub(lambda block: block[0].replace("#", "%"), text)
    starts = [match.start() for match in re.finditer(r"^#+ ", masked, flags=re.MULTILINE)]
    return [text[start:end] for start, end in zip(starts, [*starts[1:], len(text)], strict=True)]


def levels(text: str) -> list[int]:
    return [len(re.match("#+", section)[0]) for section in sections(text)]


def code(text: str) -> list[object]:
    """Return all fenced code without its comments: shell as lines of words, Python as its syntax tree."""

    def bare(language: str, block: str) -> object:
        if language == "python":
            return ast.dump(ast.parse(block))
        return [words for line in block.splitlines() if (words := shlex.split(line, comments=True))]

    return [(language, bare(language, block)) for language, block in FENCE.findall(text)]


def links(text: str) -> list[tuple[int, str, str, str]]:
    """Return of every link the number of its section, the mark of a picture, the label if it is a path, and the target.

    The link of a page to the other one is left out.
    """
    found = []
    for number, section in enumerate(sections(text)):
        for mark, label, target in re.findall(r"(!?)\[([^\]]*)\]\(([^)\s]+)\)", section):
            if target not in (ENGLISH.name, CHINESE.name):
                found.append((number, mark, label if re.fullmatch(r"\S*(/|\.md)", label) else "", target))
    return sorted(found)


def names(text: str) -> list[list[str]]:
    """Return the names set as code in the prose of every section."""
    return [sorted(re.findall(r"`[^`]+`", prose(section))) for section in sections(text)]


def numbers(text: str) -> list[list[str]]:
    """Return the numbers written as digits in the prose of every section."""
    return [sorted(re.findall(r"(?<![\w.])\d+(?:[.,]\d+)*", prose(section))) for section in sections(text)]


@pytest.mark.parametrize("view", [levels, code, links, names, numbers], ids=lambda view: view.__name__)
def test_both_readmes_have_the_same(view):
    english, chinese = (view(page.read_text(encoding="utf-8")) for page in (ENGLISH, CHINESE))
    assert any(english)
    assert chinese == english


def test_each_readme_leads_to_the_other_in_its_first_lines():
    for page, other in ((ENGLISH, CHINESE), (CHINESE, ENGLISH)):
        assert f"]({other.name})" in "".join(page.read_text(encoding="utf-8").splitlines()[:3])


def test_the_comments_and_the_headings_of_the_chinese_readme_are_chinese():
    text = CHINESE.read_text(encoding="utf-8")
    comments = [line.partition(" #")[2] for _, block in FENCE.findall(text) for line in block.splitlines()]
    titles = [section.splitlines()[0] for section in sections(text)]
    said = [*filter(None, comments), *(title for title in titles if title not in ("# impasto", "## Python"))]
    assert len(said) > 8
    assert [words for words in said if not re.search(r"[\u4e00-\u9fff]", words)] == []

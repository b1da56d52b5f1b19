"""Chinese pages match the English ones: everything but the prose is the same in both, section by section."""

import ast
import re
import shlex
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ENGLISH, CHINESE = ROOT / "README.md", ROOT / "README.zh.md"
DOCS = ROOT / "docs"
PAGES = [ENGLISH, *(DOCS / path.relative_to(DOCS / "zh") for path in sorted(DOCS.glob("zh/**/*.md")))]
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

    The target is without the folders before it, because Chinese pages are one folder deeper, and without the anchor,
    because headings have Chinese ones. The link of the READMEs to each other is left out.
    """
    found = []
    for number, section in enumerate(sections(text)):
        for mark, label, target in re.findall(r"(!?)\[([^\]]*)\]\(([^)\s]+)\)", section):
            place = re.sub(r"^(\.\./)*(docs/)?(zh/)?", "", target.partition("#")[0]).replace(".zh.md", ".md")
            if place != ENGLISH.name or mark or "#" in target:
                found.append((number, mark, label if re.fullmatch(r"\S*(/|\.md)", label) else "", place))
    return sorted(found)


def names(text: str) -> list[list[str]]:
    """Return the names set as code in the prose of every section."""
    return [sorted(re.findall(r"`[^`]+`", prose(section))) for section in sections(text)]


def numbers(text: str) -> list[list[str]]:
    """Return the numbers written as digits in the prose of every section."""
    return [sorted(re.findall(r"(?<![\w.])\d+(?:[.,]\d+)*", prose(section))) for section in sections(text)]


def formulas(text: str) -> list[str]:
    return re.findall(r"\$+[^$]+\$+", prose(text))


@pytest.fixture(params=PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def both(request) -> list[str]:
    """The texts of an English page and its Chinese one."""
    english = request.param
    chinese = CHINESE if english == ENGLISH else DOCS / "zh" / english.relative_to(DOCS)
    return [page.read_text(encoding="utf-8") for page in (english, chinese)]


@pytest.mark.parametrize("view", [levels, code, links, names, numbers, formulas], ids=lambda view: view.__name__)
def test_both_pages_have_the_same(view, both):
    english, chinese = map(view, both)
    assert chinese == english


def test_the_views_see_something():
    text = "\n".join(page.read_text(encoding="utf-8") for page in PAGES)
    assert all(any(view(text)) for view in (levels, code, links, names, numbers, formulas))


def test_home_tutorials_and_settings_are_there_in_chinese():
    tutorials = {path.relative_to(DOCS) for path in DOCS.glob("tutorials/*.md")}
    assert {path.relative_to(DOCS) for path in PAGES[1:]} == {Path("index.md"), Path("settings.md"), *tutorials}


def test_each_readme_leads_to_the_other_in_its_first_lines():
    for page, other in ((ENGLISH, CHINESE), (CHINESE, ENGLISH)):
        assert f"]({other.name})" in "".join(page.read_text(encoding="utf-8").splitlines()[:3])


def test_the_comments_and_the_headings_of_chinese_pages_are_chinese():
    text = "\n".join(page.read_text(encoding="utf-8") for page in (CHINESE, *sorted(DOCS.glob("zh/**/*.md"))))
    comments = [line.partition(" #")[2] for _, block in FENCE.findall(text) for line in block.splitlines()]
    titles = [section.splitlines()[0] for section in sections(text)]
    said = [*filter(None, comments), *(title for title in titles if not re.fullmatch(r"# impasto|#+ `.+`", title))]
    assert len(said) > 8
    assert [words for words in said if not re.search(r"[\u4e00-\u9fff]", words)] == []

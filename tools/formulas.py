"""Turn formulas in Markdown, `$inline$` and `$$displayed$$`, into MathML, which browsers show without a script."""

import re
from xml.etree.ElementTree import Element

from latex2mathml.converter import convert_to_element
from markdown import Extension, Markdown
from markdown.inlinepatterns import InlineProcessor


class Formula(InlineProcessor):
    """A formula in LaTeX, between one or two dollar signs."""

    def handleMatch(self, match: re.Match[str], data: str) -> tuple[Element, int, int]:  # noqa: N802
        display = "block" if match[1] == "$$" else "inline"
        return convert_to_element(match[2].strip(), display=display), match.start(), match.end()


class Formulas(Extension):
    """Find formulas before backslashes are looked at, and after code."""

    def extendMarkdown(self, md: Markdown) -> None:  # noqa: N802
        md.inlinePatterns.register(Formula(r"(\$\$?)([^$]+)\1", md), "formula", 185)

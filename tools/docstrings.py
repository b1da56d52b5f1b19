"""Read `Example:` of our docstrings as the section `Examples:`, which griffe knows (named in mkdocs.yml)."""

import re
from typing import Any

import griffe


class ExampleSections(griffe.Extension):
    """Let examples be shown as code."""

    def on_object(self, *, obj: griffe.Object, **_: Any) -> None:
        if obj.docstring is not None:
            obj.docstring.value = re.sub(r"^Example:$", "Examples:", obj.docstring.value, flags=re.MULTILINE)

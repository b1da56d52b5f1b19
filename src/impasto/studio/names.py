"""Names of new runs: what a photo and a style are called, as a name that every file system and every link takes."""

import re
import unicodedata
from datetime import datetime
from typing import Final

LONGEST_PART: Final = 24
"""Letters that are kept of the photo's and of the style's name."""

_SPELT: Final = str.maketrans({"ß": "ss", "æ": "ae", "œ": "oe", "ø": "o", "ł": "l", "đ": "d", "þ": "th", "ı": "i"})


def slug(text: str, otherwise: str) -> str:
    """Return a name as lower-case ASCII letters, digits and single dashes; `otherwise` if nothing of it is left.

    >>> slug("Über den Dächern (2).JPG", "photo"), slug("夜", "style")
    ('uber-den-dachern-2-jpg', 'style')
    """
    plain = unicodedata.normalize("NFKD", text.lower().translate(_SPELT)).encode("ascii", "ignore").decode().lower()
    words = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")
    return words[:LONGEST_PART].strip("-") or otherwise


def run_name(moment: datetime, content: str, style: str) -> str:
    """Return the name of a run that is ordered at a moment; names sort by time.

    >>> run_name(datetime(2026, 11, 26, 10, 15, 3), "Cat", "night")
    '20261126-101503-cat-night'
    """
    return f"{moment:%Y%m%d-%H%M%S}-{slug(content, 'photo')}-{slug(style, 'style')}"

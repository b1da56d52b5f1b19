"""Commands that are printed, so that they can be pasted into a shell whatever names they contain."""

import os
import re
import shlex
from collections.abc import Iterable
from typing import Final

CONTROLS: Final = "\\x00-\\x1f\\x7f-\\x9f\\u061c\\u200e\\u200f\\u2028-\\u202e\\u2066-\\u2069"
"""What a terminal obeys, and what turns the direction of text (Unicode's bidirectional controls), for `[...]`."""
_UNPRINTABLE: Final = re.compile(rf"[{CONTROLS}\ud800-\udfff]")


def quote(word: str | os.PathLike[str]) -> str:
    r"""Return a word as a POSIX shell reads it, on one line and without control characters.

    >>> print(quote("my town"), quote("a\nb"))
    'my town' "$(printf 'a\012b')"
    """
    word = os.fspath(word)
    if not _UNPRINTABLE.search(word):
        return shlex.quote(word)
    kept = word.rstrip("\n")
    # The shell drops line breaks at the end of what a command prints.
    ends = "".join("$'\\n'" for _ in word[len(kept) :])
    data = kept.encode("utf-8", "surrogateescape")
    octal = "".join(chr(byte) if 32 <= byte < 127 and byte not in b"-'\\%" else f"\\{byte:03o}" for byte in data)
    return f"\"$(printf '{octal}')\"{ends}"


def join(words: Iterable[str | os.PathLike[str]]) -> str:
    """Return words as one line for a POSIX shell."""
    return " ".join(map(quote, words))


def file_word(path: str | os.PathLike[str]) -> str:
    """Return a path that is not taken for an option.

    >>> file_word("-town.png"), file_word("town.png")
    ('./-town.png', 'town.png')
    """
    name = os.fspath(path)
    return f"./{name}" if name.startswith("-") else name


def option(flag: str, value: str) -> list[str]:
    """Return the words of an option; with an equals sign, a value that begins with a dash is none itself.

    >>> option("--seed", "3"), option("--init", "-a.png")
    (['--seed', '3'], ['--init=-a.png'])
    """
    return [f"{flag}={value}"] if value.startswith("-") else [flag, value]

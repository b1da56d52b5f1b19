"""The two streams: results go to standard output, everything else to standard error."""

import json
import sys
from typing import Any, Final

from impasto.errors import InputError

STDIO: Final = "\0-"
"""What a lone `-` becomes before parsing; no word of a real command line holds a null character."""


def is_stdio(word: str) -> bool:
    """Tell whether a word of the command line stands for standard input or output."""
    return word in (STDIO, "-")


def source(word: str) -> str | bytes:
    """Return the path as it was given, or what comes from standard input if it is `-`."""
    if not is_stdio(word):
        return word
    data = sys.stdin.buffer.read()
    if not data:
        raise InputError("standard input is empty: a picture is expected there for `-`")
    return data


def say(text: str) -> None:
    """Write a line to standard output."""
    sys.stdout.write(f"{_printable(text, sys.stdout.encoding)}\n")


def say_json(value: Any) -> None:
    """Write one JSON object to standard output."""
    say(json.dumps(value, ensure_ascii=False))


def say_bytes(data: bytes) -> None:
    """Write a file's bytes to standard output."""
    sys.stdout.flush()
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()


def warn(text: str) -> None:
    """Write one line to standard error, however many the text has."""
    text = text.replace(STDIO, "-").replace(ascii(STDIO).strip("'"), "-")
    line = " ".join(text.split())
    sys.stderr.write(f"impasto: {_printable(line, sys.stderr.encoding)}\n")
    sys.stderr.flush()


def _printable(text: str, encoding: str | None) -> str:
    """Replace what the stream cannot write (a file's name may be any bytes) instead of failing."""
    encoding = encoding or "utf-8"
    return text.encode(encoding, "backslashreplace").decode(encoding)

"""Reading what a stranger may have written, within bounds of size, number and depth, in milliseconds."""

import json
import os
import stat
import tomllib
from pathlib import Path
from typing import Any, Final, TypeAlias

from typing_extensions import TypeAliasType

MAX_BYTES: Final = 1 << 20
_MAX_VALUES: Final = 50_000
_MAX_DEPTH: Final = 16

Value: TypeAlias = TypeAliasType("Value", "bool | int | float | str | list[Value] | dict[str, Value]")
"""What both JSON and TOML can hold."""


def open_regular(path: str | Path, flags: int = os.O_RDONLY) -> int:
    """Open a file, and never a pipe or device, which could make the program wait; an `opener` for `open`."""
    descriptor = os.open(path, flags | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0), 0o666)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(None, "it is not a file")
    return descriptor


def load_json(data: str | bytes) -> Any:
    """Parse JSON; raises ValueError, in a few words, if it is damaged or out of bounds."""
    return _load(json.loads, data, data.encode("utf-8", "replace") if isinstance(data, str) else data)


def load_toml(text: str) -> dict[str, Any]:
    """Parse TOML, like `load_json`."""
    found: dict[str, Any] = _load(tomllib.loads, text, text.encode("utf-8", "replace"))
    return found


def _load(parse: Any, text: str | bytes, data: bytes) -> Any:
    openings = data.count(b"[") + data.count(b"{") + (data.count(b".") if parse is tomllib.loads else 0)
    if len(data) > MAX_BYTES or openings + data.count(b",") + data.count(b"\n") > _MAX_VALUES:
        raise ValueError("it is too long")
    try:
        value = parse(text)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    if openings > _MAX_DEPTH:
        _check_depth(value, _MAX_DEPTH)
    return value


def _check_depth(value: Any, left: int) -> None:
    if left < 0:
        raise ValueError("it is nested too deeply")
    for item in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        _check_depth(item, left - 1)

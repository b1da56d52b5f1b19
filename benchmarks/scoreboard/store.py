"""A store of pictures and scores under keys of everything they depend on, so that only what changed is computed."""

import ast
import functools
import hashlib
import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any


def digest(value: Any) -> str:
    """Return SHA-256 of a JSON value, whatever the order of its keys.

    >>> digest({"a": 1, "b": 2}) == digest({"b": 2, "a": 1})
    True
    """
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def source_digest(paths: Iterable[Path], *, defaults: bool = True) -> str:
    """Return SHA-256 of the code in Python files and folders, without comments, docstrings and layout.

    Without `defaults`, the default values of the fields of classes are left out, too. Missing files count as empty.
    """
    files = sorted(file for path in paths for file in (path.rglob("*.py") if path.is_dir() else (path,)))
    return digest([(file.name, _meaning(file, file.stat().st_mtime_ns, defaults)) for file in files if file.is_file()])


@functools.lru_cache(maxsize=512)
def _meaning(file: Path, changed: int, defaults: bool) -> str:
    """Return the syntax tree of a file as text; `changed`, its time stamp, is part of the key of the cache."""
    tree = ast.parse(file.read_text())
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list):
            kept = [line for line in body if not _is_text(line)]
            node.body = kept or [ast.Pass()]  # type: ignore[attr-defined]
        if isinstance(node, ast.ClassDef) and not defaults:
            for line in node.body:
                if isinstance(line, ast.AnnAssign):
                    line.value = None
    return ast.dump(tree)


def _is_text(line: ast.AST) -> bool:
    """Return True if the statement is nothing but a string, as docstrings are."""
    return isinstance(line, ast.Expr) and isinstance(line.value, ast.Constant) and isinstance(line.value.value, str)


class Store:
    """A folder of records (JSON objects), each with an optional picture."""

    def __init__(self, folder: Path):
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def get(self, key: str) -> dict[str, Any] | None:
        """Return the record, or None if there is none."""
        path = self.folder / f"{key}.json"
        return json.loads(path.read_text()) if path.is_file() else None

    def put(self, key: str, record: dict[str, Any]) -> None:
        """Store the record; its picture must have been stored before, because `get` looks for the record."""
        path = self.folder / f"{key}.json"
        partial = path.with_suffix(f".{os.getpid()}.part")
        partial.write_text(json.dumps(record, indent=1) + "\n")
        partial.replace(path)

    def picture(self, key: str) -> Path:
        """Return the file for the picture of this record."""
        return self.folder / f"{key}.png"

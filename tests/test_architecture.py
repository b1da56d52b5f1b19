"""Rules that hold for every module, checked by reading the sources and importing the package."""

import ast
import inspect
import re
from collections.abc import Iterator
from dataclasses import is_dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

import impasto
from impasto.recipe import FIELDS, PRESET_PURPOSES, PRESETS

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "src" / "impasto"
MODULES = sorted(PACKAGE.rglob("*.py"))
PACKAGES = [path.parent for path in MODULES if path.name == "__init__.py"]
FOLDERS = ("src", "tests", "tools", "examples", "benchmarks", "docs", "integrations", "man", ".ci", ".github")
BINARY = (".webp", ".png", ".jpg", ".npz", ".safetensors")
GENERATED = {"__pycache__", "out", ".hypothesis", ".git"}
OUTPUT_CALLS = {"print", "sys.exit", "exit", "quit", "os._exit", "sys.stdout.write", "sys.stderr.write", "input"}
OLD_WORDS = re.compile(
    "adapt|anchor|colour|grey|hear|ledger|lesson|looking|optimiser?|palette|recall|rescue|says|sketch|streamed|teacher"
    "|tells|ticket|told"
)


def relative(path: Path) -> str:
    return path.relative_to(PACKAGE).as_posix()


def parse(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def texts() -> Iterator[tuple[Path, str]]:
    """Yield every text file of the repository."""
    below = [path for folder in FOLDERS for path in (ROOT / folder).rglob("*")]
    for path in [*ROOT.glob("*"), *below]:
        if path.is_file() and not GENERATED & set(path.parts) and path.suffix not in BINARY:
            yield path.relative_to(ROOT), path.read_text(encoding="utf-8")


def public_objects() -> dict[str, Any]:
    """Return the classes, functions and methods that users import from `impasto`, by name."""
    found = {}
    for name in impasto.__all__:
        value = getattr(impasto, name)
        if not inspect.isclass(value) and not inspect.isfunction(value):
            continue
        found[name] = value
        if inspect.isclass(value):
            own = [cls for cls in value.__mro__ if cls.__module__.partition(".")[0] == "impasto"]
            methods = {key: member for cls in reversed(own) for key, member in vars(cls).items() if key[0] != "_"}
            found |= {
                f"{name}.{key}": getattr(member, "__func__", member)
                for key, member in methods.items()
                if inspect.isfunction(getattr(member, "__func__", member)) or isinstance(member, property)
            }
    return found


def identifiers(path: Path) -> Iterator[str]:
    """Yield the names of a module and of its classes, functions and arguments."""
    yield path.stem
    for node in ast.walk(parse(path)):
        if isinstance(node, (ast.ClassDef, ast.FunctionDef)):
            yield node.name
        elif isinstance(node, ast.arg):
            yield node.arg


PUBLIC = public_objects()


def test_every_setting_is_described_in_a_sentence():
    assert {name for name, field in FIELDS.items() if not (field.info.description or "").endswith(".")} == set()


def test_every_preset_has_a_purpose_in_one_line():
    assert list(PRESET_PURPOSES) == list(PRESETS)
    assert all(purpose and "\n" not in purpose for purpose in PRESET_PURPOSES.values())


@pytest.mark.parametrize("path", MODULES, ids=relative)
def test_a_module_has_a_docstring_and_types_at_run_time(path):
    assert ast.get_docstring(parse(path))
    imported = {node.module for node in ast.walk(parse(path)) if isinstance(node, ast.ImportFrom)}
    assert "__future__" not in imported, "shapes in signatures are objects, not strings"


def test_nothing_below_the_command_line_prints_or_exits():
    below = [path for path in MODULES if not {"cli", "__main__.py"} & set(path.relative_to(PACKAGE).parts)]
    calls = {
        f"{relative(path)}: {name}"
        for path in below
        for node in ast.walk(parse(path))
        if isinstance(node, ast.Call) and (name := ast.unparse(node.func)) in OUTPUT_CALLS
    }
    assert calls == set()


def test_recipe_and_command_line_load_neither_torch_nor_numpy_on_import():
    light = [PACKAGE / name for name in ("errors.py", "cli/app.py", "cli/console.py", "cli/options.py")]
    for path in [*light, *(PACKAGE / "networks").glob("*.py"), *(PACKAGE / "recipe").glob("*.py")]:
        imports = [ast.unparse(node) for node in parse(path).body if isinstance(node, (ast.Import, ast.ImportFrom))]
        assert not re.search(r"\b(torch|numpy|pyvips)\b", "\n".join(imports)), path


@pytest.mark.parametrize("folder", PACKAGES, ids=relative)
def test_every_name_that_a_package_exports_exists(folder):
    package = import_module(".".join(folder.relative_to(PACKAGE.parent).parts))
    assert [name for name in getattr(package, "__all__", ()) if not hasattr(package, name)] == []


@pytest.mark.parametrize("name", PUBLIC)
def test_a_public_name_has_a_complete_docstring(name):
    value = PUBLIC[name]
    text = inspect.getdoc(value) or ""
    assert text
    if inspect.isclass(value):
        assert ">>>" in text
    if inspect.isfunction(value):
        signature = inspect.signature(value)
        assert ">>>" in text or "." in name
        assert "Args:" in text or not set(signature.parameters) - {"self", "cls"}
        assert re.search(r"Returns:|^Return\b", text, re.MULTILINE) or signature.return_annotation is None
    elif is_dataclass(value):
        assert re.search("Attributes:|Args:", text)


@pytest.mark.parametrize("path", MODULES, ids=relative)
def test_no_name_of_older_versions_remains(path):
    words = {name: re.sub("(?<=[a-z])(?=[A-Z])", "_", name).lower().split("_") for name in identifiers(path)}
    assert [name for name, parts in words.items() if any(map(OLD_WORDS.fullmatch, parts))] == []


def test_no_file_names_a_folder_of_a_machine_or_the_number_of_an_issue():
    # Written apart, so that this file does not find itself.
    folders = "|".join("/" + name + "/" for name in ("work", "root", "home", "Users", "mnt"))
    issue = r"(?:issue|pull request|ticket|\bPR)\s*#?\s*\d+|(?:fixes|closes|refs|see)\s+#\d+"
    pattern = re.compile(f"(?<![\\w.])(?:{folders})|(?i:{issue})")
    found = [
        f"{path}:{number}: {line.strip()}"
        for path, text in texts()
        for number, line in enumerate(text.splitlines(), start=1)
        if pattern.search(line)
    ]
    assert found == []

"""The rules of the house that can be read off the sources."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from impasto.recipe import PRESET_PURPOSES, PRESETS, Recipe

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "src" / "impasto"
MODULES = sorted(PACKAGE.rglob("*.py"))
FOLDERS = ("src", "tests", "tools", "examples", "benchmarks", "docs", ".ci")
GENERATED = {"__pycache__", "out", ".hypothesis", ".git"}
MOST_LINES, MOST_LINES_OF_A_FUNCTION = 350, 45


def texts() -> Iterator[tuple[Path, str]]:
    """Yield every text file of the repository."""
    below = [path for folder in FOLDERS for path in (ROOT / folder).rglob("*")]
    for path in [*ROOT.glob("*"), *below]:
        if path.is_file() and not GENERATED & set(path.parts) and path.suffix not in (".webp", ".png"):
            yield path.relative_to(ROOT), path.read_text(encoding="utf-8")


def functions(path: Path) -> Iterator[ast.FunctionDef]:
    """Yield every function and method of a module."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    yield from (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef))


def calls(path: Path) -> set[str]:
    """Return what a module calls, as it is written."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {ast.unparse(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}


def test_every_field_of_the_recipe_is_documented_in_a_sentence():
    for name, field in Recipe.model_fields.items():
        assert field.description, name
        assert field.description.endswith("."), name


def test_every_preset_has_a_purpose_in_one_line():
    assert list(PRESET_PURPOSES) == list(PRESETS)
    assert all(purpose and "\n" not in purpose for purpose in PRESET_PURPOSES.values())


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_a_module_fits_the_house(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    assert ast.get_docstring(tree), "a module says what it holds"
    assert len(path.read_text(encoding="utf-8").splitlines()) <= MOST_LINES
    for function in functions(path):
        assert function.end_lineno - function.body[0].lineno < MOST_LINES_OF_A_FUNCTION, function.name
    imported = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert "__future__" not in imported, "shapes in signatures are objects, not strings"


@pytest.mark.parametrize(
    "path",
    [path for path in MODULES if not {"cli", "__main__.py"} & set(path.relative_to(PACKAGE).parts)],
    ids=lambda path: path.relative_to(PACKAGE).as_posix(),
)
def test_nothing_below_the_command_line_prints_or_exits(path):
    forbidden = {"print", "sys.exit", "exit", "quit", "os._exit", "sys.stdout.write", "sys.stderr.write", "input"}
    assert not forbidden & calls(path)


def test_the_recipe_and_the_command_line_load_neither_torch_nor_numpy_on_import():
    light = [PACKAGE / name for name in ("errors.py", "cli/app.py", "cli/console.py", "cli/options.py")]
    light += sorted((PACKAGE / "networks").glob("*.py"))
    recipe = sorted((PACKAGE / "recipe").glob("*.py"))
    assert len(recipe) > 1
    for path in [*light, *recipe]:
        tree = ast.parse(path.read_text(encoding="utf-8"))
        top = [node for node in tree.body if isinstance(node, (ast.Import, ast.ImportFrom))]
        assert not any(re.search(r"\b(torch|numpy|pyvips)\b", ast.unparse(node)) for node in top), path


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

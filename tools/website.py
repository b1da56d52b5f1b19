"""Build the site of the documentation: `python tools/website.py` (or `make docs`) writes it to build/site/.

The pages are the Markdown files of docs/, which can be read in the repository, too. What the repository has elsewhere
(measurements, changelog, examples) and what is generated (settings, interface of Python) is added here; links are
adjusted. Zensical then builds an English and a Chinese site, each strictly: a broken link or anchor ends the build.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any, Final

import zensical

import impasto
from impasto.recipe import FIELDS, accepted, as_text, flag_of

ROOT: Final = Path(__file__).parents[1]
BUILD: Final = ROOT / "build"
SITE: Final = BUILD / "site"
DOCS: Final = "docs"
CHINESE: Final = "docs/zh"
SECTIONS: Final[dict[str, tuple[str, ...]]] = {
    "Learn": (
        "install.md",
        "installation.md",
        "tutorials/first-picture.md",
        "tutorials/colors.md",
        "tutorials/regions.md",
        "tutorials/portraits.md",
        "tutorials/posters.md",
        "tutorials/folders.md",
        "tutorials/films.md",
        "tutorials/paper.md",
    ),
    "Gallery": ("gallery.md",),
    "Settings": ("settings.md", "reference/settings.md"),
    "Use": (
        "command-line.md",
        "studio.md",
        "controls.md",
        "batch.md",
        "video.md",
        "posters.md",
        "instant.md",
        "runs.md",
        "formats.md",
        "messages.md",
        "limits.md",
        "reliability.md",
        "scale.md",
    ),
    "Understand": ("losses.md", "backbones.md", "laboratory.md", "score.md"),
    "Build": ("python.md", "reference/python.md", "design.md", "extend.md", "contributing.md", "changelog.md"),
    "Measure": ("benchmarks/index.md", "benchmarks/scoreboard.md"),
}
"""The pages in their order, below `index.md`. A page of docs/ that is not here is added to `Use`."""

IN_CHINESE: Final = {
    "Learn": "学习",
    "Settings": "设置",
    "Use light colors": "使用浅色",
    "Use dark colors": "使用深色",
    "Paints a photo in the style of any picture": "用任意一幅画的风格来画照片",
}
STAGED: Final = {
    "README.md": "install.md",
    "README.zh.md": "install.md",
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
    "benchmarks/README.md": "benchmarks/index.md",
    "benchmarks/results/quality.md": "benchmarks/scoreboard.md",
}
"""Pages outside docs/, and where they are in the site. Of the READMEs that is the section on how to install."""

SEARCH_WORKER: Final = "assets/iframe-worker.js"
"""Zensical loads a script of this name from another server unless the configuration names one."""

PYTHON: Final = {
    "Paint": ("stylize", "preview", "Session", "start", "resume", "Run", "Result"),
    "Styles, regions and masks": ("Style", "Region", "subject_mask", "Mask", "matched_parts", "Parts"),
    "Colors": ("recolor", "Recolored"),
    "Instant styles": ("learn", "Learned"),
    "Recipes": ("PRESETS", "Recipe"),
    "Events": ("Event", "LevelStarted", "Step", "Snapshot", "Notice", "Finished"),
    "Errors": ("ImpastoError", "InputError", "RunError"),
    "Extend": ("StyleLoss", "register_style_loss"),
}
"""Every public name of impasto, by topic."""

FENCED: Final = re.compile(r"(^```.*?^```$)", flags=re.MULTILINE | re.DOTALL)
TARGET: Final = re.compile(r'(\]\(|(?:src|href)=")([^)\s"#]+)(#[^)\s"]*)?')
LANGUAGE: Final = {".py": "python", ".toml": "toml", ".json": "json", ".txt": "text", ".yml": "yaml"}


def staged_place(path: str) -> str:
    """Return where a file of the repository is in the site."""
    if path in STAGED:
        return STAGED[path]
    for folder in (CHINESE, DOCS):
        if path.startswith(f"{folder}/"):
            return path.removeprefix(f"{folder}/")
    return path if Path(path).suffix in (".svg", ".webp", ".png") else f"source/{path}.md"


class Stage:
    """A folder with the pages of one language, and what they link to, as Zensical reads it."""

    def __init__(self, language: str) -> None:
        self.folder = BUILD / DOCS / language
        self.language = language
        self.waiting: list[str] = []
        shutil.rmtree(self.folder, ignore_errors=True)

    def write(self, place: str, text: str) -> None:
        path = self.folder / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    def copy(self, path: str) -> None:
        target = self.folder / staged_place(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / path, target)

    def page(self, path: str) -> None:
        """Stage a page of the repository with its links adjusted."""
        place = staged_place(path)
        text = (ROOT / path).read_text(encoding="utf-8")
        if place == "install.md":
            text = f"# {re.split('^## ', text, flags=re.MULTILINE)[1]}"
        parts = FENCED.split(text)
        prose = [part if part.startswith("```") else self.adjusted(part, path, place) for part in parts]
        self.write(place, "".join(prose))

    def adjusted(self, text: str, path: str, place: str) -> str:
        def link(match: re.Match[str]) -> str:
            before, target, anchor = match[1], match[2], match[3] or ""
            if re.match(r"[a-z]+:", target):
                return match[0]
            found = os.path.normpath(Path(path).parent / target)
            if self.language == "zh" and found.endswith(".md") and not found.startswith((CHINESE, "README.zh.md")):
                english = Path("..") / Path(staged_place(found)).with_suffix(".html")
                return f"{before}{os.path.relpath(english, Path(place).parent)}{anchor}"
            if not found.endswith(".md"):
                self.waiting.append(found)
            if staged_place(found) == "install.md":
                anchor = ""
            return f"{before}{os.path.relpath(staged_place(found), Path(place).parent)}{anchor}"

        return TARGET.sub(link, text)

    def linked_files(self) -> None:
        """Stage the pictures and the sources that pages link to; a folder is not in the site."""
        for path in sorted({path for path in self.waiting if (ROOT / path).is_file()}):
            if staged_place(path).endswith(".md"):
                language = LANGUAGE.get(Path(path).suffix, "text")
                source = (ROOT / path).read_text(encoding="utf-8").rstrip()
                self.write(staged_place(path), f"# {path}\n\n````{language}\n{source}\n````\n")
            else:
                self.copy(path)


def settings_page() -> str:
    """Return a page with every setting, as the help of the command line describes it."""
    lines = ["# Every setting", "", "Each is a flag, a keyword argument of Python and a key of recipe files.", ""]
    section = None
    for name, field in FIELDS.items():
        if field.section != section:
            section = field.section
            lines += [f"## {(section or 'method').capitalize()}", ""]
        default = as_text(field.info.get_default(call_default_factory=True))
        lines += [f"### `{flag_of(name)}`", "", f"{field.info.description}", ""]
        lines += [f"{label}: {value}.  " for label, value in described(name, accepted(field.info), default)]
        lines.append("")
    return "\n".join(lines)


def described(name: str, values: str, default: str) -> Iterator[tuple[str, str]]:
    if values:
        yield "Values", values
    if default:
        yield "Default", f"`{default}`"
    yield "In Python", f"`{name}`"


def python_page() -> str:
    """Return a page with every public name, which mkdocstrings fills from the docstrings."""
    names = sorted(name for topic in PYTHON.values() for name in topic)
    assert names == sorted(set(impasto.__all__) - {"__version__"}), "PYTHON lacks a public name, or has one too many"
    lines = [
        "# Interface of Python",
        "",
        "Everything that `import impasto` offers. [Python](../python.md) shows it in use.",
        "",
    ]
    for topic, members in PYTHON.items():
        lines += [f"## {topic}", ""]
        for name in members:
            lines += [f"::: {origin(name)}", ""]
    return "\n".join(lines)


def origin(name: str) -> str:
    """Return the module in which a public name is defined, and the name."""
    value = getattr(impasto, name)
    if hasattr(value, "__qualname__"):
        return f"{value.__module__}.{value.__qualname__}"
    module = next(module for module, names in impasto._MODULES.items() if name in names)
    return (
        f"{sys.modules[module].__name__}.{name}"
        if module in sys.modules
        else f"{import_module(module).__name__}.{name}"
    )


def repository_pages(folder: str) -> list[str]:
    """Return the pages below a folder of the repository."""
    found = sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / folder).rglob("*.md"))
    return [path for path in found if folder == CHINESE or not path.startswith(f"{CHINESE}/")]


def navigation(stage: Stage, translate: Callable[[str], str]) -> list[Any]:
    """Return the pages that are staged, by section, as Zensical wants them."""
    nav: list[Any] = ["index.md"]
    known = {place for places in SECTIONS.values() for place in places}
    pages = repository_pages(CHINESE if stage.language == "zh" else DOCS)
    further = [place for place in map(staged_place, pages) if place not in known and place != "index.md"]
    for section, places in SECTIONS.items():
        there = [
            place for place in (*places, *(further if section == "Use" else ())) if (stage.folder / place).exists()
        ]
        if there:
            nav.append({translate(section): there} if len(there) > 1 else there[0])
    return nav


def configuration(stage: Stage) -> dict[str, Any]:
    """Return what differs between the languages; the rest is in mkdocs.yml."""
    chinese = stage.language == "zh"

    def translate(text: str) -> str:
        return IN_CHINESE[text] if chinese else text

    def scheme(name: str, other: str, icon: str) -> dict[str, Any]:
        toggle = {"icon": f"lucide/{icon}", "name": translate(f"Use {other} colors")}
        media = {"light": "default", "dark": "slate"}
        return {"media": f"(prefers-color-scheme: {name})", "scheme": media[name], "toggle": toggle}

    return {
        "INHERIT": "../mkdocs.yml",
        "site_description": translate("Paints a photo in the style of any picture"),
        "docs_dir": f"{DOCS}/{stage.language}",
        "site_dir": "site/zh" if chinese else "site",
        "nav": navigation(stage, translate),
        "theme": {
            "language": stage.language,
            "palette": [scheme("light", "dark", "sun"), scheme("dark", "light", "moon")],
        },
        "extra": {
            "polyfills": [{"path": SEARCH_WORKER}],
            "alternate": [
                {"name": "English", "link": "../index.html" if chinese else "index.html", "lang": "en"},
                {"name": "中文", "link": "index.html" if chinese else "zh/index.html", "lang": "zh"},
            ],
        },
    }


def stage_language(language: str) -> Stage:
    stage = Stage(language)
    for path in repository_pages(CHINESE if language == "zh" else DOCS):
        stage.page(path)
    if language == "zh":
        stage.page("README.zh.md")
    else:
        for path in sorted(STAGED.keys() - {"README.zh.md"}):
            stage.page(path)
        stage.write("reference/settings.md", settings_page())
        stage.write("reference/python.md", python_page())
    stage.linked_files()
    shutil.copytree(ROOT / DOCS / "assets", stage.folder / "assets", dirs_exist_ok=True)
    stage.write(SEARCH_WORKER, search_without_server())
    return stage


def search_without_server() -> str:
    """Return a script by which the search works where the pages are opened as files, without a server.

    Browsers start no worker from a file, so that the worker of Zensical's search is started from a text.
    """
    (worker,) = (Path(zensical.__file__).parent / "templates/assets/javascripts/workers").glob("search.*.js")
    text = json.dumps(worker.read_text(encoding="utf-8").replace("//# sourceMappingURL", "//"))
    start = "constructor() { super(URL.createObjectURL(new Blob([text], { type: 'text/javascript' }))) }"
    body = f"const text = {text};\nwindow.Worker = class extends Worker {{ {start} }};"
    return f"if (location.protocol === 'file:') {{\n{body}\n}}\n"


def build() -> None:
    """Stage and build both languages; a warning ends the build."""
    shutil.rmtree(SITE, ignore_errors=True)
    for language in ("en", "zh"):
        stage = stage_language(language)
        config = BUILD / f"mkdocs.{language}.yml"
        config.write_text(json.dumps(configuration(stage), ensure_ascii=False, indent=2), encoding="utf-8")
        command = [sys.executable, "-m", "zensical", "build", "--clean", "--strict", "-f", str(config)]
        subprocess.run(command, cwd=ROOT, check=True)
    for page in SITE.rglob("*.html"):
        # An empty corner of a table heads nothing; screen readers would announce it.
        text = page.read_text(encoding="utf-8")
        page.write_text(re.sub(r"<th([^>]*)></th>", r"<td\1></td>", text), encoding="utf-8")
    print(SITE / "index.html")


if __name__ == "__main__":
    build()

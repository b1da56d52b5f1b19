"""Every command and every Python block of the documents is run, and every link has a target.

Each document runs word for word and in its order in a folder that is empty at first; a page of docs/ runs after the
README's first picture, whose files it uses. To be quick, pictures are made small and short below the command line
(`small_and_short`), and a run that is kept in a folder is stopped after its first step, so that it can be resumed.
"""

import contextlib
import io
import re
import shlex
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from unittest import mock

import jaxtyping
import pytest
from tests.video.painters import fading, moving, write_clip

import impasto.api
from impasto import recipe as recipes
from impasto.cli import main
from impasto.cli.app import COMMANDS
from impasto.losses import STYLE_LOSSES
from impasto.networks import NETWORKS
from impasto.recipe import FIELDS, PRESET_PURPOSES, PRESETS, flag_of

ROOT = Path(__file__).parents[1]
DOCUMENTS = [*sorted(ROOT.glob("*.md")), *sorted(ROOT.glob("docs/**/*.md")), *sorted(ROOT.glob("benchmarks/*.md"))]
PAGES = [page for page in sorted(ROOT.glob("docs/**/*.md")) if "zh" not in page.parts]
"""English pages; tests/test_chinese.py finds the same commands in the Chinese ones."""
LONG_PAGES = {"controls.md", "laboratory.md", "posters.md", "settings.md", "tutorials/paper.md", "tutorials/posters.md"}
"""Pages whose commands take as long as those of all others."""
LEFT_BY_A_PAGE = {
    "tutorials/first-picture.md": ("photo_mosaic-2.png", "painted.png", "photo_night-4.png"),
    "tutorials/colors.md": ("photo_night-5.png", "photo_night_colors.png"),
    "tutorials/regions.md": ("subject.png", "photo_watercolor.png"),
    "tutorials/posters.md": ("small.png", "poster.tif", "poster.dzi", "fine.tif"),
    "tutorials/folders.md": ("album/photo_night.png", "drafts/photo_mosaic.png"),
    "tutorials/films.md": ("clip_night-000006.png", "part.mp4", "film.mp4", "small.gif", "edited.mp4"),
    "extend.md": ("skewed.png", "coarse.png", "few-colors.png", "mine.toml"),
    "command-line.md": ("photo_night.png", "photo_night-2.png", "big.tif", "town.png", "piped.png", "mine.toml"),
    "batch.md": ("album/photo_night.png", "album/photo_mosaic.png", "album/manifest.jsonl", "album/contact-sheet.jpg"),
    "controls.md": ("mixes.png", "around.png", "regions.png", "photo_night_colors.png", "photo_mask.png"),
    "python.md": ("photo_in_night.png", "watched.png", "continued.png"),
    "video.md": ("clip_night-000006.png", "film.mp4", "twice.webp", "small.gif", "frames/film.json", "edited.mp4"),
    "runs.md": ("again.png", "runs/town/result.png"),
}
SMALL = {"size": 64, "steps": 2}
README = (ROOT / "README.md").read_text(encoding="utf-8")
COMMAND_LINE = (ROOT / "docs" / "command-line.md").read_text(encoding="utf-8")


def blocks(text: str) -> Iterator[tuple[str, str]]:
    """Yield language and content of every fenced block."""
    for match in re.finditer(r"^```(\w*)\n(.*?)^```$", text, flags=re.MULTILINE | re.DOTALL):
        yield match[1], match[2]


def commands(block: str) -> Iterator[list[str]]:
    """Yield the words of every line, comments left out."""
    for line in block.splitlines():
        words = shlex.split(line, comments=True)
        if words:
            yield words


def section(text: str, heading: str) -> str:
    """Return the text from a heading to the next one of its level."""
    level = heading.partition(" ")[0]
    return re.split(rf"^{level} ", text.partition(f"{heading}\n")[2], flags=re.MULTILINE)[0]


def page_of(document: Path) -> str:
    """Return the name of a document, below docs/ if it is there."""
    docs = ROOT / "docs"
    return document.relative_to(docs).as_posix() if document.is_relative_to(docs) else document.name


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    """The current folder, which is empty; the user's cache is empty, too."""
    working = tmp_path / "empty"
    working.mkdir()
    monkeypatch.chdir(working)
    monkeypatch.setattr("platformdirs.user_cache_dir", lambda *_: str(tmp_path / "cache"))
    return working


@pytest.fixture
def small_and_short(monkeypatch, plain_charts) -> None:
    """Let everything that is painted be tiny and charts be empty; a run kept with --run stops after its first step."""
    really_start = impasto.api.Session.start

    def start(*session_pictures_and_recipe, on_event=None, run=None, **given):
        begun = threading.Event()

        def tell(event):
            if on_event is not None:
                on_event(event)
            if run is not None and not Path(run).is_absolute() and isinstance(event, impasto.Step):
                begun.wait()
                handle.stop()

        recipes = (*session_pictures_and_recipe, given.get("preset"))
        is_instant = any(getattr(one, "method", one if isinstance(one, str) else "") == "instant" for one in recipes)
        small = {"size": SMALL["size"]} if is_instant else SMALL
        handle = really_start(*session_pictures_and_recipe, on_event=tell, run=run, **{**given, **small})
        begun.set()
        return handle

    really_learn = impasto.api.Learning.__init__

    def learn(self, *given, **settings):
        really_learn(self, *given, **{**settings, "steps": 1, "size": SMALL["size"]})

    monkeypatch.setattr("impasto.api.Learning.__init__", learn)
    monkeypatch.setattr("impasto.api.Session.start", start)
    # The frames of films are mixed by a formula.
    monkeypatch.setattr("impasto.video.scene_worker.scene_painter", fading)


@pytest.fixture
def no_network(monkeypatch) -> None:
    """Fail every connection."""

    def refuse(*_, **__):
        raise OSError("no route to host")

    monkeypatch.setattr("urllib.request.urlopen", refuse)


def redirected(words: list[str], monkeypatch) -> tuple[list[str], Path | None]:
    """Take `< FILE` and `> FILE` out of a command: standard input is read from the first, the second is returned."""
    rest, output = [], None
    remaining = iter(words)
    for word in remaining:
        if word == "<":
            monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(Path(next(remaining)).read_bytes())))
        elif word == ">":
            output = Path(next(remaining))
        else:
            rest.append(word)
    return rest, output


def check_studio(words: list[str], monkeypatch) -> None:
    """Check that the studio takes these words, up to the point where it would serve for ever."""
    served = []

    def serve(studio, options, block):
        served.append(options)
        return SimpleNamespace(server_port=options.port or 7860)

    monkeypatch.setattr("impasto.studio.server.serve", serve)
    monkeypatch.setattr("webbrowser.open", lambda address: True)
    monkeypatch.setattr("impasto.cli.studio._wait", lambda: None)
    monkeypatch.setattr("impasto.cli.studio._default_folder", lambda: Path("own"))
    Path("password.txt").write_text("secret\n")
    assert main(words) == 0
    assert len(served) == 1


def run_command(words: list[str], monkeypatch, capfdbinary) -> None:
    """Run one line of a shell block; a line that is not impasto's fails."""
    assert words[0] == "impasto", words
    rest, output = redirected(words[1:], monkeypatch)
    capfdbinary.readouterr()
    if rest[0] == "studio":
        check_studio(rest, monkeypatch)
        return
    code = main(rest)
    said = capfdbinary.readouterr()
    if rest == ["weights", "fetch"]:
        assert (code, said.out, said.err.count(b"\n")) == (2, b"", 1), said
        assert b"embedded weights are used" in said.err
        return
    assert code == (130 if "--run" in rest and rest[0] != "video" else 0), (words, said)
    if output is not None:
        output.write_bytes(said.out)


def run_python(block: str) -> None:
    """Run a Python block twice, each time as if it were pasted anew; it must show something."""
    for _ in range(2):
        with contextlib.redirect_stdout(io.StringIO()) as shown:
            exec(compile(block, "block", "exec"), {})
        assert shown.getvalue().strip(), block


@pytest.fixture
def run_text(folder, small_and_short, no_network, monkeypatch, capfdbinary):
    """Return a function that runs every command and every Python block of a text, in their order.

    Python runs without the type checks that only tests have. A network or a loss that a block adds is gone afterwards.
    """
    monkeypatch.setattr(jaxtyping.config, "jaxtyping_disable", True)

    def run(text: str) -> None:
        for language, block in blocks(text):
            if language == "sh":
                for words in commands(block):
                    run_command(words, monkeypatch, capfdbinary)
            elif language == "python":
                run_python(block)

    with mock.patch.dict(NETWORKS), mock.patch.dict(STYLE_LOSSES), mock.patch.dict(recipes.STYLE_LOSSES):
        yield run


def test_the_readme_is_one_screen_and_a_half():
    assert len(README.splitlines()) < 110


def test_every_command_and_every_python_block_of_the_readme_runs_and_leaves_the_files_it_names(run_text, folder):
    run_text(README.replace(section(README, "## Install"), ""))
    made = {path.name for path in folder.iterdir()}
    named = {"impasto-demo.png", "photo.jpg", "mosaic.webp", "photo_mosaic.png", "painted.png"}
    assert named <= made
    others = {"photo_preview.png", "own", "password.txt"}  # the studio keeps its pictures in `own` here
    assert made - named == {f"photo_night{number}.png" for number in ("", "-2", "-3", "-4")} | others


@pytest.fixture(scope="module")
def first_picture(tmp_path_factory) -> Path:
    """The place of a folder with the files of the README's first picture, which the first test of a page makes."""
    return tmp_path_factory.mktemp("first") / "picture"


@pytest.mark.parametrize(
    "document",
    [pytest.param(one, marks=[pytest.mark.long] * (page_of(one) in LONG_PAGES), id=page_of(one)) for one in PAGES],
)
def test_every_command_and_every_python_block_of_a_page_in_docs_runs(run_text, document, folder, first_picture):
    if not first_picture.exists():
        run_text(section(README, "## First picture"))
        shutil.copytree(folder, first_picture)
    shutil.copytree(first_picture, folder, dirs_exist_ok=True)
    if document.name in ("video.md", "films.md"):
        write_clip(folder / "clip.mp4", moving(12), sound="aac")
    run_text(document.read_text(encoding="utf-8"))
    assert [name for name in LEFT_BY_A_PAGE.get(page_of(document), ()) if not (folder / name).exists()] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=page_of)
def test_every_picture_of_a_document_says_what_it_shows(document):
    text = document.read_text(encoding="utf-8")
    texts = re.findall(r"!\[([^\]]*)\]\(", text) + [
        (re.findall(r'alt="([^"]*)"', tag) or [""])[0] for tag in re.findall("<img [^>]*>", text)
    ]
    assert [shown for shown in texts if len(shown) < 3] == []


@pytest.mark.parametrize("document", [ROOT / "README.md", *PAGES], ids=page_of)
def test_every_block_of_a_document_has_a_language_that_is_run(document):
    assert {language for language, _ in blocks(document.read_text(encoding="utf-8"))} <= {"sh", "python"}


def test_the_table_of_presets_lists_each_with_its_purpose():
    rows = re.findall(r"^\| `([\w-]+)` \| (.+) \|$", section(COMMAND_LINE, "## Presets"), flags=re.MULTILINE)
    assert rows == [(name, PRESET_PURPOSES[name]) for name in PRESETS]


@pytest.fixture(scope="module")
def flags() -> set[str]:
    """Every flag that some command has."""
    with contextlib.redirect_stdout(io.StringIO()) as said:
        for command in ("", *COMMANDS, "study iterations", "study seeds", "study longrun"):
            main([*command.split(), "--help-all"])
    return {"--help", *re.findall(r"--[a-z][a-z-]*", said.getvalue())}


def test_the_page_of_the_command_line_names_every_command():
    assert [command for command in COMMANDS if f"`impasto {command}`" not in COMMAND_LINE] == []


@pytest.mark.parametrize("document", [ROOT / "README.md", ROOT / "CHANGELOG.md", *PAGES], ids=page_of)
def test_every_flag_that_a_document_names_is_there(document, flags):
    text = without_old_names(document.read_text(encoding="utf-8"))
    assert set(map(flag_of, FIELDS)) <= flags
    assert set(re.findall(r"`(--[a-z][a-z-]*)[^`]*`", text)) <= flags | {"--install-completion"}


# -- the changelog -----------------------------------------------------------------------------------------------------

CHANGELOG = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
SOURCES = "".join(
    path.read_text(encoding="utf-8")
    for path in (
        ROOT / "Makefile",
        ROOT / "pyproject.toml",
        *(file for part in ("src", "benchmarks", "tools") for file in ROOT.glob(f"{part}/**/*.py")),
    )
)


def without_old_names(text: str) -> str:
    """Return the text without the first column of tables of old and new names."""
    table = re.compile(r"^ *\| Old \|.*\n(?: *\|.*\n)+", flags=re.MULTILINE)
    return table.sub(lambda rows: re.sub(r"(?m)^ *\|[^|]*", "", rows[0]), text)


def names_of_the_changelog() -> list[str]:
    return sorted(set(re.findall(r"`([^`]+)`", without_old_names(CHANGELOG))))


def test_every_python_name_of_the_changelog_can_be_used_after_import_impasto():
    names = [
        name for name in names_of_the_changelog() if re.fullmatch(r"(from impasto[\w.]* import |impasto\.)\w+", name)
    ]
    assert names
    script = "import impasto\n" + "\n".join(names)
    subprocess.run([sys.executable, "-c", script], check=True)


def test_every_command_of_the_changelog_is_there():
    named = {words[1] for words in map(str.split, names_of_the_changelog()) if words[0] == "impasto" and words[1:]}
    assert named
    assert {word for word in named if word.islower()} <= {*COMMANDS, "help"}


def test_every_other_word_that_the_changelog_names_is_in_the_sources():
    named = " ".join(names_of_the_changelog()).replace("-", "_")
    words = {word.strip("_") for word in re.findall(r"[A-Za-z_]\w+", named)}
    known = (
        {word.strip("_") for word in re.findall(r"\w+", SOURCES.replace("-", "_"))}
        | {path.stem for path in ROOT.glob("*/*")}
        | {"README", "md", "zh"}
    )
    assert {word for word in words if word not in known} == set()


# -- links -------------------------------------------------------------------------------------------------------------


def anchors(document: Path) -> set[str]:
    """Return the anchors of the headings of a document, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", document.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("document", DOCUMENTS, ids=page_of)
def test_every_link_leads_to_a_file_and_a_heading(document):
    links = re.findall(r'(?:\]\(|(?:src|href)=")([^)"\s]+)[)"]', document.read_text(encoding="utf-8"))
    local = [link.partition("#") for link in links if not re.match(r"https?:|mailto:", link)]
    targets = [(document.parent / file if file else document, anchor) for file, _, anchor in local]
    assert [target for target, _ in targets if not target.exists()] == []
    assert [(target, anchor) for target, anchor in targets if anchor and anchor not in anchors(target)] == []

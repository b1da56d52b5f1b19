"""Every command and every Python block of the documents is run, and every link has a target.

The blocks of a document run in their order in one folder that holds photo.jpg, harbor.jpg, style.jpg and two masks,
word for word as they are. To be quick, their pictures are made small and short below the command line
(`small_and_short`), and a run that is kept in a folder is stopped after its first step, so that it can be resumed.
"""

import io
import re
import shlex
import sys
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from unittest import mock

import numpy as np
import PIL.Image
import pytest

import impasto.api
from impasto.cli import main
from impasto.images import plate_path, quantize
from impasto.networks import NETWORKS
from impasto.recipe import FIELDS, PRESET_PURPOSES, PRESETS, flag_of

ROOT = Path(__file__).parents[1]
DOCUMENTS = [*sorted(ROOT.glob("*.md")), *sorted(ROOT.glob("docs/**/*.md")), *sorted(ROOT.glob("benchmarks/*.md"))]
PAGES = sorted(ROOT.glob("docs/**/*.md"))
SMALL = {"size": 64, "steps": 2}
README = (ROOT / "README.md").read_text(encoding="utf-8")


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


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    """The current folder: two photos (640 x 480), style.jpg (700 x 700), two masks, and an empty user's cache."""
    generator = np.random.default_rng(5)
    coarse = PIL.Image.fromarray(quantize(generator.random((6, 8, 3), dtype=np.float32)))
    for name in ("photo.jpg", "harbor.jpg"):
        coarse.resize((640, 480), PIL.Image.Resampling.BICUBIC).save(tmp_path / name)
    PIL.Image.open(plate_path("mosaic")).resize((700, 700)).save(tmp_path / "style.jpg")
    PIL.Image.linear_gradient("L").rotate(180).save(tmp_path / "sky.png")
    PIL.Image.radial_gradient("L").save(tmp_path / "stars.png")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("platformdirs.user_cache_dir", lambda *_: str(tmp_path / "cache"))
    return tmp_path


@pytest.fixture
def small_and_short(monkeypatch, plain_charts) -> None:
    """Let everything that is painted be tiny and charts be empty; a run that is kept stops after its first step."""
    really_start = impasto.api.Session.start

    def start(*session_pictures_and_recipe, on_event=None, run=None, **given):
        begun = threading.Event()

        def tell(event):
            if on_event is not None:
                on_event(event)
            if run is not None and isinstance(event, impasto.Step):
                begun.wait()
                handle.stop()

        handle = really_start(*session_pictures_and_recipe, on_event=tell, run=run, **{**given, **SMALL})
        begun.set()
        return handle

    monkeypatch.setattr("impasto.api.Session.start", start)


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
    monkeypatch.setattr("impasto.studio.server.serve", lambda studio, options, block: served.append(options))
    monkeypatch.setattr("impasto.cli.studio._wait", lambda: None)
    monkeypatch.setattr("impasto.cli.studio._default_folder", lambda: Path("own"))
    assert main(words) == 0
    assert len(served) == 1


def run_command(words: list[str], monkeypatch, capfdbinary) -> None:
    """Run one line of a shell block; a line that is neither impasto's nor make's fails."""
    if words[0] == "make":
        assert all(re.search(rf"^{target}:", (ROOT / "Makefile").read_text(), re.MULTILINE) for target in words[1:])
        return
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
    assert code == (130 if "--run" in rest else 0), (words, said)
    if output is not None:
        output.write_bytes(said.out)


@pytest.fixture
def run_document(folder, small_and_short, no_network, monkeypatch, capfdbinary):
    """Return a function that runs every command and every Python block of a document, in their order.

    `spared` are commands that are left out. A network that a block adds is gone afterwards.
    """

    def run(document: Path, spared: Sequence[list[str]] = ()) -> None:
        for language, block in blocks(document.read_text(encoding="utf-8")):
            if language == "sh":
                for words in commands(block):
                    if words not in spared:
                        run_command(words, monkeypatch, capfdbinary)
            elif language == "python":
                exec(compile(block, str(document), "exec"), {})

    with mock.patch.dict(NETWORKS):
        yield run


def test_every_command_and_every_python_block_of_the_readme_runs_and_leaves_the_files_it_names(run_document, folder):
    run_document(ROOT / "README.md")
    made = {path.name for path in folder.iterdir()}
    assert {"photo_style.png", "painted.png", "again.png", "big.tif", "piped.png", "mine.toml", "night.webp"} <= made
    for run in ("runs/town", "runs/harbor"):
        assert (folder / run / "result.png").exists()
    # Colors alone are moved, and masks are made, at the photo's own size.
    others = ("_colors", "_mask", "sky", "stars")
    painted = [path for path in folder.glob("*.png") if not path.stem.endswith(others)]
    assert {max(PIL.Image.open(path).size) for path in painted} == {SMALL["size"]}
    for name in ("photo_style_colors.png", "photo_mask.png"):
        assert PIL.Image.open(folder / name).size == PIL.Image.open(folder / "photo.jpg").size


@pytest.mark.parametrize("document", PAGES, ids=lambda path: path.name)
def test_every_command_and_every_python_block_of_a_page_in_docs_runs(run_document, document):
    # A study takes long, no other command needs it, and those that the README has word for word run there.
    known = [words for language, block in blocks(README) if language == "sh" for words in commands(block)]
    studies = [words for words in known if words[:2] == ["impasto", "study"]]
    run_document(document, spared=studies)


@pytest.mark.parametrize("document", [ROOT / "README.md", *PAGES], ids=lambda path: path.name)
def test_every_block_of_a_document_has_a_language_that_is_run(document):
    assert {language for language, _ in blocks(document.read_text(encoding="utf-8"))} <= {"sh", "python"}


def test_the_table_of_presets_lists_each_with_its_purpose():
    rows = re.findall(
        r"^\| `([\w-]+)` \| (.+) \|$", README.split("### Presets")[1].split("\n### ")[0], flags=re.MULTILINE
    )
    assert rows == [(name, PRESET_PURPOSES[name]) for name in PRESETS]


def test_the_tour_names_every_command_and_no_option_that_is_not_there(capfd):
    main(["--help"])
    listed = re.findall(r"^│ ([a-z]+) ", capfd.readouterr().out, flags=re.MULTILINE)
    assert listed
    assert all(f"impasto {command}" in README or command == "demo" for command in listed)
    for command in ("stylize", "score", "study iterations", "study seeds", "study custom", "studio"):
        main([*command.split(), "--help-all"])
    known = {"--help", *re.findall(r"--[a-z][a-z-]*", capfd.readouterr().out)}
    assert set(map(flag_of, FIELDS)) <= known
    assert set(re.findall(r"--[a-z][a-z-]*", README)) <= known


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_link_to_a_file_leads_to_one(document):
    links = re.findall(r"\]\(([^)\s]+)\)", document.read_text(encoding="utf-8"))
    local = [link.partition("#")[0] for link in links if not re.match(r"https?:|mailto:|#", link)]
    missing = [link for link in local if not (document.parent / link).exists()]
    assert missing == []

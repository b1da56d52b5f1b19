"""The site of the documentation builds without a warning, and every page works in a browser without a network."""

import functools
import http.server
import importlib
import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[1]
SITE = ROOT / "build" / "site"
HOME, CHINESE_HOME = "index.html", "zh/index.html"


@pytest.fixture(scope="module")
def site() -> Path:
    """The site, built as `make docs` builds it."""
    built = subprocess.run([sys.executable, "tools/website.py"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stdout + built.stderr
    assert (built.stdout + built.stderr).count("No issues found") == 2
    return SITE


@pytest.fixture(scope="module")
def pages(site) -> list[str]:
    return sorted(path.relative_to(site).as_posix() for path in site.rglob("*.html"))


@pytest.fixture(scope="module")
def address(site) -> Iterator[str]:
    """The site, served on this computer."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            """Print nothing."""

    handler = functools.partial(Quiet, directory=site)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture
def tool(monkeypatch) -> Iterator[ModuleType]:
    monkeypatch.syspath_prepend(str(ROOT / "tools"))
    yield importlib.import_module("website")
    del sys.modules["website"]


def test_every_page_of_docs_is_in_the_navigation_of_its_language(site, tool):
    for language, folder in (("en", "docs"), ("zh", "docs/zh")):
        listed = json.dumps(json.loads((ROOT / f"build/mkdocs.{language}.yml").read_text(encoding="utf-8"))["nav"])
        assert [page for page in tool.repository_pages(folder) if f'"{tool.staged_place(page)}"' not in listed] == []


def test_every_local_link_and_picture_of_a_page_is_there(site, pages):
    missing = []
    for page in set(pages) - {"404.html", "zh/404.html"}:  # which are for the root of a server
        for target in re.findall(r'(?:href|src)="([^"#]+)', (site / page).read_text(encoding="utf-8")):
            if not re.match(r"[a-z]+:", target) and not (site / page).parent.joinpath(target).exists():
                missing.append((page, target))
    assert missing == []


def test_every_picture_of_a_page_says_what_it_shows(site, pages):
    pictures = [
        (page, tag) for page in pages for tag in re.findall(r"<img [^>]*>", (site / page).read_text(encoding="utf-8"))
    ]
    assert len(pictures) > 60
    silent = [(page, tag) for page, tag in pictures if not re.search(r'alt="[^"]{3,}"', tag)]
    assert [found for found in silent if "assets/logo.svg" not in found[1]] == []


def test_formulas_are_mathml(site):
    page = (site / "tutorials/paper.html").read_text(encoding="utf-8")
    source = (ROOT / "docs/tutorials/paper.md").read_text(encoding="utf-8")
    assert page.count("<math") == len(re.findall(r"\$\$.+?\$\$|\$[^$]+\$", source, flags=re.DOTALL)) > 30
    assert (
        "$"
        not in re.sub(r"<code.*?</code>", "", page, flags=re.DOTALL).partition("<article")[2].partition("</article")[0]
    )


def test_every_public_name_is_in_the_interface_of_python(site):
    import impasto

    page = (site / "reference/python.html").read_text(encoding="utf-8")
    named = set(re.findall(r'id="impasto\.[\w.]*?(\w+)"', page))
    assert set(impasto.__all__) - {"__version__"} - named == set()


@pytest.fixture(scope="module")
def walk(browser, address, pages) -> dict[str, list[str]]:
    """What is wrong with each page in the browser: errors, requests to elsewhere, violations of accessibility."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    wrong: dict[str, list[str]] = {page: [] for page in pages}
    seen: list[str] = []
    for scheme, width in (("light", 1280), ("dark", 390)):
        context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
        tab = context.new_page()
        tab.on("console", lambda message: seen.append(message.text) if message.type == "error" else None)
        tab.on("pageerror", lambda error: seen.append(str(error)))
        tab.on("request", lambda request: None if is_local(request.url, address) else seen.append(request.url))
        for page in pages if scheme == "light" else [page for page in pages if not page.startswith(("source/", "zh/"))]:
            tab.goto(f"{address}/{page}")
            found = axe.run(tab, options={"resultTypes": ["violations"]}).response["violations"]
            wider = tab.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
            wrong[page] += [f"{scheme}: {one['id']}: {one['nodes'][0]['html'][:150]}" for one in found]
            wrong[page] += [f"{scheme}: {wider} pixels wider than the screen"] if wider > 0 else []
            wrong[page] += seen
            seen.clear()
        context.close()
    return wrong


def is_local(url: str, address: str) -> bool:
    return url.startswith((address, "data:", "blob:"))


def test_no_page_logs_an_error_or_asks_another_server_or_excludes_people(walk):
    assert {page: lines for page, lines in walk.items() if lines} == {}


@pytest.mark.parametrize(("page", "words", "found"), [(HOME, "tiles", "Posters"), (CHINESE_HOME, "海报", "海报")])
def test_the_search_finds_a_page_even_where_the_site_is_opened_as_files(site, browser, page, words, found):
    context = browser.new_context(offline=True)
    tab = context.new_page()
    tab.goto((site / page).as_uri())
    tab.keyboard.press("Control+k")
    tab.keyboard.type(words)
    tab.get_by_text(found).nth(1).wait_for()
    context.close()


def test_the_slider_of_the_home_page_shows_more_of_either_picture(address, browser):
    tab = browser.new_page()
    tab.goto(f"{address}/{HOME}")
    slider = tab.get_by_role("slider")
    slider.fill("20")
    assert tab.locator(".compare").evaluate("box => getComputedStyle(box).getPropertyValue('--shown')") == "20%"
    tab.close()


def test_what_is_built_is_not_a_part_of_the_repository():
    ignored = (ROOT / ".gitignore").read_text(encoding="utf-8").split()
    assert os.path.relpath(SITE, ROOT).partition("/")[0] + "/" in ignored

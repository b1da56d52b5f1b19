"""The report in a browser: it opens by itself, on a screen and on a phone, and everything in it is there."""

import functools
import html
import re
import shlex
from dataclasses import dataclass

import pytest
from conducted import SMALL, STUDIES, run_main

from impasto.errors import InputError
from impasto.study import StudyFolder

SCREEN, PHONE = {"width": 1280, "height": 900}, {"width": 390, "height": 844}


@dataclass(frozen=True)
class Seen:
    """What a browser makes of a report: all that it asked for and complained of, on a screen and on a phone."""

    title: str
    language: str
    asked: set[str]
    told: list[str]
    images: list[tuple[bool, int, str, int]]
    links: list[tuple[str, str]]
    widths_on_phone: tuple[int, int]
    narrowest_on_phone: int


def look_at(browser, path) -> Seen:
    """Open a report on a screen, until it asks for nothing more, and once more on a phone."""
    page = browser.new_page(viewport=SCREEN)
    asked, told = set(), []
    page.on("request", lambda request: asked.add(request.url))
    page.on("console", lambda message: told.append(message.text) if message.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: told.append(str(error)))
    page.goto(path.as_uri())
    page.wait_for_load_state("networkidle")
    wide = {
        "title": page.title(),
        "language": page.locator("html").get_attribute("lang"),
        "images": page.evaluate("[...document.images].map(i => [i.complete, i.naturalWidth, i.alt, i.clientWidth])"),
        "links": page.evaluate("[...document.links].map(a => [a.getAttribute('href'), a.href])"),
    }
    page.set_viewport_size(PHONE)
    page.reload()
    narrow = {
        "widths_on_phone": page.evaluate("[document.documentElement.scrollWidth, window.innerWidth]"),
        "narrowest_on_phone": page.evaluate("Math.min(...[...document.images].map(i => i.clientWidth))"),
    }
    page.close()
    return Seen(asked=asked, told=told, **wide, **narrow)


@pytest.fixture(scope="module")
def seen(studies, browser):
    """Return a function to what is seen of the report of a study, which is opened once."""
    return functools.cache(lambda name: look_at(browser, studies(name).path / "report.html"))


def repeated(done):
    """Return the words of the command that repeats a study, as its report tells it."""
    text = html.unescape((done.path / "report.html").read_text(encoding="utf-8"))
    return shlex.split(text.split('id="repeat"')[1].split("<pre>")[1].split("</pre>")[0])


@pytest.mark.parametrize("name", STUDIES)
def test_a_report_opens_without_a_complaint_and_asks_the_network_for_nothing(studies, seen, name):
    report = seen(name)
    assert report.told == []
    assert {url for url in report.asked if not url.startswith("data:")} == {
        (studies(name).path / "report.html").as_uri()
    }
    assert f"impasto study {name}" in report.title
    assert report.language == "en"


@pytest.mark.parametrize("name", STUDIES)
def test_every_picture_of_a_report_is_seen_and_said_in_words(studies, seen, name):
    images = seen(name).images
    assert len(images) > len(studies(name).lines("figures.csv")) + 2
    for complete, width, words, shown in images:
        assert complete
        assert width > 0
        assert shown > 0
        assert words.strip()


@pytest.mark.parametrize("name", STUDIES)
def test_a_report_fits_a_phone(seen, name):
    wide, shown = seen(name).widths_on_phone
    assert wide <= shown == PHONE["width"]
    assert seen(name).narrowest_on_phone >= 90


@pytest.mark.parametrize("name", STUDIES)
def test_the_links_of_a_report_lead_to_its_files(studies, seen, name):
    done, links = studies(name), seen(name).links
    assert {"figures.csv", "steps.csv"} < {link for link, _ in links}
    assert len(links) == 2 + len(done.lines("figures.csv"))
    for link, whole in links:
        assert not link.startswith(("/", "http", "file"))
        assert whole == (done.path / link).as_uri()
        assert (done.path / link).is_file()


@pytest.mark.parametrize("name", STUDIES)
def test_a_report_names_every_run_and_what_was_seen(studies, name):
    done = studies(name)
    text = html.unescape((done.path / "report.html").read_text(encoding="utf-8"))
    said = re.findall(r"<li>(.*?)</li>", text)
    told = " ".join(done.err.split())
    assert said
    for sentence in said:
        assert " ".join(sentence.split()) in told
    assert text.count("<pre>impasto stylize photo.png style.jpg") == len(done.recipes())
    assert "nan" not in re.sub(r"data:[^\"]*", "", text).split("<main>")[1].split('id="repeat"')[0]


@pytest.mark.parametrize("name", STUDIES)
def test_the_command_of_a_report_repeats_the_study(studies, tmp_path, monkeypatch, name):
    def begin(*_):
        raise InputError("everything is planned and nothing is painted")

    done = studies(name)
    program, *words = repeated(done)
    assert program == "impasto"
    monkeypatch.setattr(StudyFolder, "begin", begin)
    _, _, err = run_main(done.path.parent, *words, "--quiet", "-o", str(tmp_path / "again"))
    assert err == "impasto: everything is planned and nothing is painted\n"
    assert (tmp_path / "again" / "study.json").read_bytes() == (done.path / "study.json").read_bytes()


def test_the_command_of_a_report_paints_the_same_pictures(studies, tmp_path):
    done = studies("iterations")
    _, *words = repeated(done)
    code, _, err = run_main(done.path.parent, *words, "-o", str(tmp_path / "again"))
    assert code == 0, err
    for name in ("figures.csv", "steps.csv", "pictures/run-000006.png"):
        assert (tmp_path / "again" / name).read_bytes() == (done.path / name).read_bytes()


def test_what_is_stated_is_repeated_also_where_it_is_what_a_preset_says(fresh, tmp_path):
    stated = ("--at", "1", "--recipes", "paper", "--optimizer", "lbfgs", "--init", "recolored")
    done = fresh("longrun", *stated)
    words = repeated(done)
    assert words[words.index("--init") + 1] == "recolored"
    assert words[words.index("--optimizer") + 1] == "lbfgs"
    assert [word for word in SMALL if word not in words] == []


def test_a_file_that_states_strength_and_weights_is_repeated_in_one_breath(fresh, tmp_path):
    (tmp_path / "both.toml").write_text("strength = 70.0\nstyle_weight = 500.0\n")
    done = fresh("custom", "--vary", "seed=0", "--steps", "1", "--recipe", str(tmp_path / "both.toml"))
    words = repeated(done)
    assert "--strength" not in words
    said = {name: float(words[words.index(name) + 1]) for name in ("--content-weight", "--style-weight")}
    assert said == pytest.approx({"--content-weight": 0.6**1.5, "--style-weight": 500 * 1.4**1.5})

"""The report in a browser: it opens by itself, on a screen and on a phone, and everything in it is there."""

import contextlib
import html
import re
import shlex

import pytest
from conducted import SMALL, STUDIES, run_main

from impasto.errors import InputError
from impasto.study import StudyFolder

SCREEN, PHONE = {"width": 1280, "height": 900}, {"width": 390, "height": 844}


@contextlib.contextmanager
def opened(browser, path, size):
    """Open a report; yield the page, everything that it asked for and every complaint of the console."""
    page = browser.new_page(viewport=size)
    asked, told = [], []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: told.append(message.text) if message.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: told.append(str(error)))
    page.goto(path.as_uri())
    page.wait_for_load_state("networkidle")
    yield page, asked, told
    page.close()


def repeated(done):
    """Return the words of the command that repeats a study, as its report tells it."""
    text = html.unescape((done.path / "report.html").read_text(encoding="utf-8"))
    return shlex.split(text.split('id="repeat"')[1].split("<pre>")[1].split("</pre>")[0])


@pytest.mark.parametrize("name", STUDIES)
def test_a_report_opens_without_a_complaint_and_asks_the_network_for_nothing(studies, browser, name):
    report = studies(name).path / "report.html"
    with opened(browser, report, SCREEN) as (page, asked, told):
        assert told == []
        assert {url for url in asked if not url.startswith("data:")} == {report.as_uri()}
        assert f"impasto study {name}" in page.title()
        assert page.locator("html").get_attribute("lang") == "en"


@pytest.mark.parametrize("name", STUDIES)
def test_every_picture_of_a_report_is_seen_and_said_in_words(studies, browser, name):
    done = studies(name)
    with opened(browser, done.path / "report.html", SCREEN) as (page, _, _):
        images = page.evaluate("[...document.images].map(i => [i.complete, i.naturalWidth, i.alt, i.clientWidth])")
    assert len(images) > len(done.lines("figures.csv")) + 2
    for complete, width, words, shown in images:
        assert complete
        assert width > 0
        assert shown > 0
        assert words.strip()


@pytest.mark.parametrize("name", STUDIES)
def test_a_report_fits_a_phone(studies, browser, name):
    with opened(browser, studies(name).path / "report.html", PHONE) as (page, _, told):
        wide, seen = page.evaluate("[document.documentElement.scrollWidth, window.innerWidth]")
        narrowest = page.evaluate("Math.min(...[...document.images].map(i => i.clientWidth))")
    assert wide <= seen == PHONE["width"]
    assert narrowest >= 90
    assert told == []


@pytest.mark.parametrize("name", STUDIES)
def test_the_links_of_a_report_lead_to_its_files(studies, browser, name):
    done = studies(name)
    with opened(browser, done.path / "report.html", SCREEN) as (page, _, _):
        links = page.evaluate("[...document.links].map(a => [a.getAttribute('href'), a.href])")
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

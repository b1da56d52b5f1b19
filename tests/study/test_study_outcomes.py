"""Results of every study: runs, figures and reports that agree with each other and open in a browser."""

import functools
import html
import json
import math
import re
import shlex
from types import SimpleNamespace

import numpy as np
import PIL.Image
import pytest

from impasto.cli import main
from impasto.errors import InputError
from impasto.recipe import PRESETS
from impasto.study import EXPERIMENTS, StudyFolder
from impasto.study.findings import COLUMNS

PICTURES = {
    "iterations": 3,
    "seeds": 3,
    "layers": 4,
    "reconstruct": 4,
    "init": 4,
    "pooling": 3,
    "optimizers": 4,
    "losses": 7,
    "longrun": 4,
    "custom": 4,
}
"""Number of evaluated pictures; for `backbones` it depends on the available weights."""

each_study = pytest.mark.parametrize("name", EXPERIMENTS)


class TestFiles:
    @each_study
    def test_a_study_leaves_its_runs_pictures_and_report(self, studies, name):
        done = studies(name)
        files = {"figures.csv", "pictures", "report.html", "runs", "sheet.png", "steps.csv", "study.json"}
        assert {path.name for path in done.path.iterdir()} == files
        assert not done.study.has_failed
        assert len(done.notes) == len(done.recipes())

    @each_study
    def test_the_header_holds_every_recipe(self, studies, name):
        header = json.loads((studies(name).path / "study.json").read_text(encoding="utf-8"))
        assert header["study"] == name
        assert header["runs"] == {cell.key: cell.recipe.to_dict() for cell in studies(name).study.plan.cells}

    @each_study
    def test_every_picture_has_a_file_and_a_line_of_figures(self, studies, name):
        done = studies(name)
        lines = done.lines("figures.csv")
        assert len(lines) == PICTURES.get(name, len(done.recipes()))
        assert len(list((done.path / "pictures").iterdir())) == len(lines)
        for line in lines:
            assert line["problem"] == ""
            assert (line["width"], line["height"]) == ("48", "36")
            assert line["run"] in done.recipes()
            for column in set(COLUMNS) - {"change"}:
                assert math.isfinite(float(line[column])), (line["run"], column)

    @each_study
    def test_every_step_has_a_line_whose_terms_sum_to_the_loss(self, studies, name):
        done = studies(name)
        steps = done.lines("steps.csv")
        for key, recipe in done.recipes().items():
            assert [int(line["step"]) for line in steps if line["run"] == key] == list(range(1, recipe["steps"] + 1))
        for line in steps:
            terms = sum(float(line[term]) for term in ("content", "style", "low_frequency", "luminance_range", "tv"))
            assert float(line["loss"]) == pytest.approx(terms, rel=1e-5)

    @each_study
    def test_the_loss_of_a_picture_is_the_loss_of_the_last_accepted_step(self, studies, name):
        done = studies(name)
        for line in done.lines("figures.csv"):
            accepted = [
                step
                for step in done.lines("steps.csv")
                if step["run"] == line["run"] and int(step["step"]) <= int(line["step"]) and step["accepted"] == "1"
            ]
            assert [line[column] for column in ("loss", "content_loss", "style_loss")] == [
                accepted[-1][column] for column in ("loss", "content", "style")
            ]

    @each_study
    def test_the_contact_sheet_has_room_for_every_picture(self, studies, name):
        done = studies(name)
        width, height = PIL.Image.open(done.path / "sheet.png").size
        assert width * height >= 128 * 96 * len(done.lines("figures.csv"))


class TestRuns:
    @pytest.mark.parametrize(("name", "key"), [("iterations", "run"), ("longrun", "paper"), ("longrun", "default")])
    def test_the_pictures_are_the_snapshots_and_the_last_is_the_result(self, studies, name, key):
        done = studies(name)
        for line in [line for line in done.lines("figures.csv") if line["run"] == key]:
            step = int(line["step"])
            shown = done.picture("pictures", f"{key}-{step:06d}.png")
            assert (shown == done.picture("runs", key, "snapshots", f"{step:06d}.png")).all()
        assert (shown == done.picture("runs", key, "result.png")).all()

    def test_the_change_is_the_mean_difference_from_the_previous_picture(self, studies):
        done = studies("iterations")
        first, *others = done.lines("figures.csv")
        assert first["change"] == ""
        before = done.picture("pictures", "run-000001.png").astype(float)
        for line in others:
            after = done.picture("pictures", f"run-{int(line['step']):06d}.png").astype(float)
            assert float(line["change"]) == pytest.approx(np.abs(after - before).mean(), rel=1e-3)
            before = after

    def test_the_repeated_seed_gives_the_same_picture_and_another_seed_another(self, studies):
        done = studies("seeds")
        first, other, again = (done.picture("runs", key, "result.png") for key in ("seed-0", "seed-1", "again"))
        assert (first == again).all()
        assert (first != other).any()
        said = " ".join(EXPERIMENTS["seeds"].summary(done.findings))
        assert "The repeated seed gave the same picture, bit for bit." in said
        distance = np.abs(first.astype(float) - other).mean()
        assert f"Pictures of different seeds are {distance:.1f} gray levels apart" in said

    def test_the_layers_grow_and_the_ratios_are_exact(self, studies):
        recipes = list(studies("layers").recipes().values())
        one, two = {"conv1_1": 1.0}, {"conv1_1": 0.5, "conv2_1": 0.5}
        assert [recipe["style_layers"] for recipe in recipes] == [one, one, two, two]
        ratios = [recipe["content_weight"] / recipe["style_weight"] for recipe in recipes]
        assert ratios == pytest.approx([1e-4, 1e-2, 1e-4, 1e-2], rel=1e-12)

    def test_a_reconstruction_has_the_content_of_one_layer_or_the_style_of_a_set(self, studies):
        recipes = studies("reconstruct").recipes()
        for name in ("conv1_1", "conv2_1"):
            recipe = recipes[f"content-{name}"]
            assert (list(recipe["content_layers"]), recipe["style_weight"]) == ([name], 0)
            assert recipe["content_weight"] > 0
        for name, layers in (("conv1_1", ["conv1_1"]), ("conv2_1", ["conv1_1", "conv2_1"])):
            recipe = recipes[f"style-{name}"]
            assert (list(recipe["style_layers"]), recipe["content_weight"]) == (layers, 0)
            assert recipe["style_weight"] > 0
        assert {recipe["init"] for recipe in recipes.values()} == {"noise"}

    @pytest.mark.parametrize(
        ("name", "changed"),
        [
            ("init", {"init"}),
            ("pooling", {"pooling"}),
            ("optimizers", {"optimizer", "learning_rate"}),
            ("backbones", {"backbone", "content_layers", "style_layers", "style_losses"}),
            ("losses", {"style_losses"}),
            ("seeds", {"seed"}),
            ("custom", {"seed", "style_weight"}),
        ],
    )
    def test_runs_differ_only_in_the_compared_setting(self, studies, name, changed):
        first, *others = studies(name).recipes().values()
        for other in others:
            assert {field for field in first if first[field] != other[field]} <= changed
        assert len({str(recipe) for recipe in (first, *others)}) == len(others) + (1 if name != "seeds" else 0)

    def test_a_long_run_has_the_balance_of_the_paper_at_512_px(self, studies):
        recipes = studies("longrun").recipes()
        ratio = recipes["paper"]["content_weight"] / recipes["paper"]["style_weight"]
        assert ratio == pytest.approx(1e-3 * (512 / 48) ** 2)
        assert recipes["default"]["content_weight"] == PRESETS["default"].content.weight
        assert {recipe["plateau"] for recipe in recipes.values()} == {0.0}

    @pytest.mark.parametrize("name", ["longrun", "custom"])
    def test_the_events_count_levels_and_steps_over_all_runs(self, studies, name):
        done = studies(name)
        steps = [event.step for event in done.events if type(event).__name__ == "Step"]
        assert steps == list(range(1, sum(recipe["steps"] for recipe in done.recipes().values()) + 1))
        levels = [event for event in done.events if type(event).__name__ == "LevelStarted"]
        assert [event.level for event in levels] == list(range(levels[0].levels))
        assert {event.steps for event in levels} == {steps[-1]}


def open_page(browser, path) -> SimpleNamespace:
    """Return the layout of a report in a browser, on a screen and on a phone."""
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    seen = SimpleNamespace(requests=set(), complaints=[])
    page.on("request", lambda request: seen.requests.add(request.url))
    page.on("console", lambda text: seen.complaints.append(text.text) if text.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: seen.complaints.append(str(error)))
    page.goto(path.as_uri())
    page.wait_for_load_state("networkidle")
    seen.title, seen.language = page.title(), page.locator("html").get_attribute("lang")
    seen.images = page.evaluate("[...document.images].map(i => [i.complete, i.naturalWidth, i.alt, i.clientWidth])")
    seen.links = page.evaluate("[...document.links].map(a => [a.getAttribute('href'), a.href])")
    page.set_viewport_size({"width": 390, "height": 844})
    page.reload()
    seen.widths_on_phone = page.evaluate("[document.documentElement.scrollWidth, window.innerWidth]")
    seen.narrowest_on_phone = page.evaluate("Math.min(...[...document.images].map(i => i.clientWidth))")
    page.close()
    return seen


def report_text(done) -> str:
    return html.unescape((done.path / "report.html").read_text(encoding="utf-8"))


def repeat_command(done) -> list[str]:
    """Return the words of the command that repeats the study, from its report."""
    return shlex.split(report_text(done).split('id="repeat"')[1].split("<pre>")[1].split("</pre>")[0])


@pytest.fixture(scope="module")
def pages(studies, browser):
    """Return a function to the page of a study's report, which is opened once."""
    return functools.cache(lambda name: open_page(browser, studies(name).path / "report.html"))


class TestReport:
    @each_study
    def test_a_report_opens_without_complaints_and_loads_nothing_else(self, studies, pages, name):
        page = pages(name)
        assert page.complaints == []
        file = (studies(name).path / "report.html").as_uri()
        assert {url for url in page.requests if not url.startswith("data:")} == {file}
        assert f"impasto study {name}" in page.title
        assert page.language == "en"

    @each_study
    def test_every_picture_of_a_report_is_visible_and_has_a_text_alternative(self, studies, pages, name):
        images = pages(name).images
        assert len(images) > len(studies(name).findings.pictures) + 2
        for complete, width, alternative, shown_width in images:
            assert complete
            assert min(width, shown_width) > 0
            assert alternative.strip()

    @each_study
    def test_a_report_fits_a_phone(self, pages, name):
        content, window = pages(name).widths_on_phone
        assert content <= window == 390
        assert pages(name).narrowest_on_phone >= 90

    @each_study
    def test_the_links_of_a_report_are_relative_and_lead_to_its_files(self, studies, pages, name):
        done, links = studies(name), pages(name).links
        assert {"figures.csv", "steps.csv"} < {link for link, _ in links}
        assert len(links) == 2 + len(done.findings.pictures)
        for link, target in links:
            assert target == (done.path / link).as_uri()
            assert (done.path / link).is_file()

    @each_study
    def test_a_report_contains_the_summary_and_a_command_for_every_run(self, studies, name):
        done, text = studies(name), report_text(studies(name))
        listed = [" ".join(sentence.split()) for sentence in re.findall(r"<li>(.*?)</li>", text, re.DOTALL)]
        assert listed == [" ".join(said.split()) for said in EXPERIMENTS[name].conclusions(done.findings)]
        photo = done.path.parent / "photo.png"
        assert text.count(f"<pre>impasto {photo}") == len(done.recipes())
        assert "nan" not in re.sub(r"data:[^\"]*", "", text).split("<main>")[1].split('id="repeat"')[0]

    @each_study
    def test_the_command_of_a_report_plans_the_same_study(self, studies, tmp_path, monkeypatch, capsys, name):
        def paint(*_, **__):
            raise InputError("everything is planned and nothing is painted")

        done = studies(name)
        program, *words = repeat_command(done)
        assert program == "impasto"
        monkeypatch.setattr(StudyFolder, "paint", paint)
        main([*words, "--quiet", "-o", str(tmp_path / "again")])
        assert capsys.readouterr().err == "impasto: everything is planned and nothing is painted\n"
        assert (tmp_path / "again" / "study.json").read_bytes() == (done.path / "study.json").read_bytes()

    def test_the_same_study_gives_the_same_figures(self, studies):
        done, again = studies("iterations"), studies("iterations", "-again")
        for name in ("figures.csv", "steps.csv", "pictures/run-000006.png"):
            assert (again.path / name).read_bytes() == (done.path / name).read_bytes()

    def test_a_stated_field_is_in_the_command_even_if_a_preset_has_the_same_value(self, fresh):
        stated = {"optimizer": "lbfgs", "init": "recolored"}
        words = repeat_command(fresh("longrun", stated, at="1", recipes="paper"))
        assert [words[words.index(flag) + 1] for flag in ("--init", "--optimizer")] == ["recolored", "lbfgs"]
        assert {"--size", "--device", "--precision"} <= set(words)

    def test_strength_and_weights_of_a_file_become_weights_in_the_command(self, fresh):
        stated = {"strength": 70.0, "style_weight": 500.0, "steps": 1}
        words = repeat_command(fresh("custom", stated, vary=["seed=0"]))
        assert "--strength" not in words
        weights = [float(words[words.index(name) + 1]) for name in ("--content-weight", "--style-weight")]
        assert weights == pytest.approx([0.6**1.5, 500 * 1.4**1.5])

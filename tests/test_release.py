"""What belongs to a release names one version; the workflow, the image and the man page follow the sources."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import yaml
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
DOCKERFILE = (ROOT / "Dockerfile").read_text()
WORKFLOW = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text())


def test_changelog_citation_and_man_page_name_the_version_of_the_project():
    version = PROJECT["version"]
    changelog = re.findall(r"^## \[(\d\S+)\] - (\S+)$", (ROOT / "CHANGELOG.md").read_text(), flags=re.MULTILINE)
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert changelog[0] == (version, str(citation["date-released"]))
    assert citation["version"] == version
    assert f'"impasto {version}"' in (ROOT / "man" / "impasto.1").read_text()


def test_the_man_page_is_the_one_that_the_help_makes_now():
    # In a process of its own: the help adapts to what other tests have registered.
    program = "import sys, man; sys.stdout.write(man.page())"
    made = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT / "tools", capture_output=True, text=True, check=True
    )
    assert made.stdout == (ROOT / "man" / "impasto.1").read_text(), "make man renews it"


def test_a_user_can_read_the_man_page_whatever_the_texts_hold():
    page = (ROOT / "man" / "impasto.1").read_text()
    assert "object at 0x" not in page
    assert ".SS impasto doctor" in page
    # A line of roff that begins with a dot is a request; only these are used.
    requests = set(re.findall(r"^(\.\S*)", page, flags=re.MULTILINE))
    assert requests == {'.\\"', ".TH", ".SH", ".SS", ".TP", ".B", ".I", ".RI", ".br"}


def test_the_workflow_and_ci_run_call_the_same_commands():
    steps = [step["run"] for job in WORKFLOW["jobs"].values() for step in job["steps"] if "run" in step]
    assert "bash .ci/run" in steps
    assert "make check test" in (ROOT / ".ci" / "run").read_text().splitlines()
    targets = {word for step in steps for word in re.findall(r"\bmake (\S+)", step)}
    makefile = (ROOT / "Makefile").read_text()
    assert {target for target in targets if f"\n{target}:" not in makefile} == set()


def test_the_workflow_covers_three_systems_and_two_versions_and_its_gpu_is_off_unless_a_runner_is_named():
    matrix = WORKFLOW["jobs"]["test"]["strategy"]["matrix"]
    assert {name.partition("-")[0] for name in matrix["system"]} == {"ubuntu", "macos", "windows"}
    assert len(matrix["python"]) == 2
    named = {
        entry.rpartition(" ")[2] for entry in PROJECT["classifiers"] if "3 :: 3" in entry or "Python :: 3." in entry
    }
    assert set(matrix["python"]) <= named
    assert WORKFLOW["jobs"]["gpu"]["if"] == "vars.GPU_RUNNER != ''"


def test_the_image_is_made_of_files_that_are_sent_to_the_builder_and_does_not_run_as_root():
    lines = DOCKERFILE.replace("\\\n", " ").splitlines()
    copied = [
        word for line in lines if line.startswith("COPY ") and "--from" not in line for word in line.split()[1:-1]
    ]
    sent = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    assert {"src", "pyproject.toml"} <= set(copied) <= sent
    assert all((ROOT / name).exists() for name in copied)
    assert [line for line in lines if line.startswith("USER ")] == ["USER 1000"]
    assert lines.index("USER 1000") < next(n for n, line in enumerate(lines) if line.startswith("ENTRYPOINT"))
    assert any(line.startswith("HEALTHCHECK ") for line in lines)
    extras = set(re.search(r"\.\[([a-z,]+)\]", DOCKERFILE)[1].split(","))
    assert extras <= set(PROJECT["optional-dependencies"])


def test_every_package_that_is_asked_for_has_a_version_in_the_constraints():
    pinned = {
        Requirement(line).name for line in (ROOT / "constraints.txt").read_text().splitlines() if line[:1] not in "#"
    }
    asked = [*PROJECT["dependencies"], *(name for names in PROJECT["optional-dependencies"].values() for name in names)]
    lacking = {Requirement(entry).name for entry in asked} - pinned
    assert lacking == {"torchvision"}  # the environment that has it names its own

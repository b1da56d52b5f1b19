"""A test that is skipped fails a run under IMPASTO_NO_SKIPS, by the hook of this suite's own conftest.py."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

CONFTEST = Path(__file__).with_name("conftest.py").read_text()
PASSES = "def test_a():\n    assert True\n"
SKIPS = "import pytest\n\ndef test_b():\n    pytest.skip('there is no such thing here')\n"
SKIPS_WHOLE_MODULE = "import pytest\n\npytest.importorskip('a_library_that_nobody_has')\n"


def hook() -> str:
    """Return a conftest.py that has only the hook: the rest of ours loads torch, which takes its time."""
    named = [node for node in ast.parse(CONFTEST).body if getattr(node, "name", "") == "pytest_sessionfinish"]
    return f"import os\nimport pytest\n{ast.unparse(named[0])}\n"


def run_suite(folder: Path, text: str, *options: str, no_skips: bool) -> subprocess.CompletedProcess[str]:
    """Run pytest in a child process over one passing test and `text`, with the hook."""
    (folder / "conftest.py").write_text(hook())
    (folder / "test_passes.py").write_text(PASSES)
    (folder / "test_other.py").write_text(text)
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST", "IMPASTO"))}
    return subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-p",
            "no:cacheprovider",
            "--rootdir",
            str(folder),
            str(folder),
            *options,
        ],
        env=environment | ({"IMPASTO_NO_SKIPS": "1"} if no_skips else {}),
        cwd=folder,
        capture_output=True,
        text=True,
    )


@pytest.mark.parametrize("options", [(), ("-n", "2")], ids=["one process", "two processes"])
@pytest.mark.parametrize("text", [SKIPS, SKIPS_WHOLE_MODULE], ids=["test", "module"])
def test_a_skipped_test_fails_the_run(tmp_path, text, options):
    outcome = run_suite(tmp_path, text, *options, no_skips=True)
    assert outcome.returncode == pytest.ExitCode.TESTS_FAILED, outcome
    assert "skipped tests fail this run" in outcome.stdout


@pytest.mark.parametrize(("text", "no_skips"), [(SKIPS, False), ("", True)], ids=["not asked for", "none skipped"])
def test_a_run_passes_without_skips_or_where_they_are_allowed(tmp_path, text, no_skips):
    assert run_suite(tmp_path, text, no_skips=no_skips).returncode == pytest.ExitCode.OK

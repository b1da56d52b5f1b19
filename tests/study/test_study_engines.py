"""Studies whose runs are painted in other processes."""

from functools import partial
from pathlib import Path

import PIL.Image
from tests.study.conftest import SMALL

from impasto.batch import in_processes
from impasto.study import EXPERIMENTS, StudyFolder


def test_runs_that_are_painted_in_processes_are_those_of_one_process(tmp_path, write_pictures):
    write_pictures(tmp_path)
    pictures = str(tmp_path / "photo.png"), str(tmp_path / "style.jpg")
    plan = EXPERIMENTS["custom"].plan(SMALL | {"steps": 1}, vary=["seed=0,1"])
    notes: dict[str, list[str]] = {"one": [], "two": []}
    for name, engine in (("one", None), ("two", partial(in_processes, count=2, threads=1))):
        study = StudyFolder(tmp_path / name, plan, *pictures)
        study.paint(lambda _: None, notes[name].append, *([engine] if engine else []))
        assert not (tmp_path / name / ".impasto").exists()
    assert notes["one"] == ["run 1 of 2: seed 0", "run 2 of 2: seed 1"]
    assert sorted(note.partition(": ")[2] for note in notes["two"]) == ["seed 0", "seed 1"]
    assert notes["two"][0].startswith("run 1 of 2 is done: ")
    results = sorted(path.relative_to(tmp_path / "one") for path in (tmp_path / "one").rglob("result.png"))
    assert len(results) == 2
    for path in results:
        one, two = (PIL.Image.open(Path(tmp_path, name, path)) for name in ("one", "two"))
        assert one.tobytes() == two.tobytes()

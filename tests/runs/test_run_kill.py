import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import PIL.Image
import torch
from torch import Tensor

from impasto.events import SnapshotSaved
from impasto.recipe import Recipe
from impasto.runs import Inputs, RunFolder, list_runs

SHARED = """
import os, sys
from pathlib import Path
import numpy as np
import torch
from impasto.events import Snapshot, Step
from impasto.recipe import Recipe
from impasto.runs import Inputs, RunFolder

torch.set_num_threads(1)  # threads and os.fork do not go together
path = Path(sys.argv[1])

def state(step):
    generator = torch.Generator().manual_seed(step)
    canvas = torch.randn(1, 3, 64, 96, generator=generator)
    history = torch.randint(-9, 9, (4, 1000), generator=generator)
    return {"canvas": canvas, "history": history}, {"step": step, "loss": 1 / step}

def report(*words):
    os.write(1, (" ".join(map(str, words)) + "\\n").encode())
"""

SAVES_UNTIL_KILLED = """
def work():
    folder = RunFolder.open(path)
    checkpoint = folder.load_checkpoint()
    step = checkpoint.scalars["step"] if checkpoint else 0
    folder.rewind(step)
    while True:
        step += 1
        folder.record(Step(step=step, steps=10**6, level=0, loss=1 / step))
        folder.save_checkpoint(*state(step))
        report("saved", step)

for _ in sys.stdin:
    child = os.fork()
    if not child:
        report("pid", os.getpid())
        work()
    os.waitpid(child, 0)
    report("gone")
"""

DIES_BEFORE_EACH_FILE_OPERATION = """
from impasto.images import read_picture

image = np.full((4, 6, 3), 200, np.uint8)

os.fsync = lambda descriptor: None  # guards against power cuts, not against kills, and takes most of the time

def scenario(path):
    recipe = Recipe()
    picture = read_picture(image)  # not before the fork: libvips has threads
    folder = RunFolder.create(path, recipe=recipe, inputs=Inputs(content=picture, styles=(picture,)))
    report("created")
    for step in (1, 2, 3):
        folder.record(Step(step=step, steps=9, level=0, loss=1 / step))
        folder.record(Snapshot(step=step, image=image), {"step": step})
        folder.save_checkpoint(*state(step))
        report("saved", step)
    folder.record_change(recipe.with_changes(style_weight=2.0), 3)
    report("changed")
    folder.record(Step(step=4, steps=9, level=0, loss=0.1))
    folder.record(Snapshot(step=4, image=image))
    folder.rewind(3)
    report("rewound")
    folder.record(Step(step=4, steps=9, level=0, loss=0.1))
    folder.save_checkpoint(*state(4))
    report("saved", 4)
    folder.finish(b"the picture", "steps")
    report("finished")

def die_at(number, path):
    left = number
    def watch(event, arguments):
        nonlocal left
        if event.startswith(("open", "os.", "shutil.", "fcntl.")) and (str(path) in map(str, arguments) or any(
            str(argument).startswith(str(path) + "/") for argument in arguments)):
            if not left:
                os._exit(9)
            left -= 1
    sys.addaudithook(watch)

for number in range(1000):
    run = path / f"{number:03d}"
    report("begin", number)
    child = os.fork()
    if not child:
        die_at(number, run)
        scenario(run)
        os._exit(0)
    if os.waitpid(child, 0)[1] == 0:
        break
"""


def state(step: int) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(step)
    canvas = torch.randn(1, 3, 64, 96, generator=generator)
    return {"canvas": canvas, "history": torch.randint(-9, 9, (4, 1000), generator=generator)}


def check_checkpoint(run: RunFolder, *, at_least: int) -> int:
    """Check that the newest checkpoint is a complete state that was written, and return its step."""
    checkpoint = run.load_checkpoint()
    if checkpoint is None:
        assert at_least == 0, "a checkpoint was saved and is gone"
        return 0
    step: int = checkpoint.scalars["step"]
    assert step in (at_least, at_least + 1)
    assert checkpoint.scalars == {"step": step, "loss": 1 / step}
    expected = state(step)
    assert checkpoint.tensors.keys() == expected.keys()
    assert all(torch.equal(checkpoint.tensors[name], expected[name]) for name in expected)
    return step


def logged_steps(run: RunFolder) -> list[int]:
    return [event.step for event in run.read_log().steps]


def test_after_kill_9_during_a_save_the_last_saved_state_is_restored_bit_for_bit(
    new_run: Callable[..., RunFolder],
) -> None:
    run, chance, saved = new_run(), random.Random(0), 0
    command = [sys.executable, "-c", SHARED + SAVES_UNTIL_KILLED, str(run.path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as helper:
        assert helper.stdin is not None
        assert helper.stdout is not None
        for _ in range(12):
            helper.stdin.write("go\n")
            helper.stdin.flush()
            kind, pid = helper.stdout.readline().split()
            assert kind == "pid"
            assert helper.stdout.readline() == f"saved {saved + 1}\n"
            assert run.status == "running"
            time.sleep(chance.random() * 0.05)
            os.kill(int(pid), signal.SIGKILL)
            reports = list(iter(helper.stdout.readline, "gone\n"))
            last = int(reports[-1].split()[1]) if reports else saved + 1
            saved = check_checkpoint(run, at_least=last)
            assert run.status == "interrupted"
            assert logged_steps(run)[:saved] == list(range(1, saved + 1))
            assert len(logged_steps(run)) in (saved, saved + 1)
        helper.stdin.close()
    assert saved > 12


def test_a_run_killed_before_any_single_file_operation_can_be_continued(tmp_path: Path, inputs: Inputs) -> None:
    command = [sys.executable, "-c", SHARED + DIES_BEFORE_EACH_FILE_OPERATION, str(tmp_path / "runs")]
    output = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout
    reports = [report.split("\n")[1:-1] for report in output.split("begin")[1:]]
    assert len(reports) > 60
    assert reports[0] == []
    assert reports[-1][-1] == "finished"
    for number, done in enumerate(reports):
        check_killed_run(tmp_path / "runs" / f"{number:03d}", done, inputs)


def check_killed_run(path: Path, done: list[str], inputs: Inputs) -> None:
    """Check a run that reported this much before it was killed."""
    if "created" not in done and not (path / "run.json").exists():
        RunFolder.create(path, recipe=Recipe(), inputs=inputs).close()
        return
    run = RunFolder.open(path)
    assert run.status in (["finished"] if "finished" in done else ["interrupted", "finished"])
    assert list_runs([path])[0].status == run.status
    assert not done or done[-1] != "changed" or run.recipe.after().style.weight == 2.0
    saved = max((int(line.split()[1]) for line in done if line.startswith("saved")), default=0)
    step = check_checkpoint(run, at_least=saved)
    with run:
        run.rewind(step)
    assert logged_steps(run) == list(range(1, step + 1))
    snapshots = [path / event.file for event in run.read_log().of(SnapshotSaved)]
    assert [int(file.stem) for file in snapshots] == list(range(1, min(step, 3) + 1))
    for file in snapshots:
        with PIL.Image.open(file) as image:
            assert image.getpixel((5, 3)) == (200, 200, 200)

import fcntl
import os
import signal
import subprocess
import sys
import threading
import time
from io import FileIO
from pathlib import Path

import pytest

from impasto.errors import InputError
from impasto.runs import lock as module
from impasto.runs.lock import FolderLock, is_locked

HOLDER = """
import sys, time
from pathlib import Path
from impasto.runs import lock as module
from impasto.runs.lock import FolderLock
lock = FolderLock(Path(sys.argv[1]))
lock.acquire()
print("held", flush=True)
time.sleep(600)
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "run.lock"


def test_a_second_process_is_refused_until_the_first_is_killed(path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", HOLDER, str(path)], stdout=subprocess.PIPE, text=True) as holder:
        try:
            assert holder.stdout is not None
            assert holder.stdout.readline() == "held\n"
            assert is_locked(path)
            with pytest.raises(InputError, match=rf"another impasto \(process {holder.pid}\) is painting into"):
                FolderLock(path).acquire()
        finally:
            holder.send_signal(signal.SIGKILL)
    assert not is_locked(path)
    lock = FolderLock(path)
    lock.acquire()
    assert lock.held
    lock.release()


def test_a_second_object_of_the_same_process_is_refused_too(path: Path) -> None:
    lock = FolderLock(path)
    lock.acquire()
    lock.acquire()
    with pytest.raises(InputError, match=f"process {os.getpid()}"):
        FolderLock(path).acquire()
    lock.release()
    lock.release()
    assert not lock.held
    assert not is_locked(path)


def test_looking_at_the_lock_neither_makes_a_file_nor_stands_in_anyones_way(path: Path) -> None:
    assert not is_locked(path)
    assert not path.exists()
    path.touch()
    with path.open("rb") as looking:
        fcntl.flock(looking, fcntl.LOCK_SH)
        threading.Timer(0.1, fcntl.flock, (looking.fileno(), fcntl.LOCK_UN)).start()
        lock = FolderLock(path)
        lock.acquire()
        lock.release()


def test_only_one_of_many_threads_gets_the_lock(path: Path) -> None:
    outcomes: list[bool] = []

    def try_it() -> None:
        lock = FolderLock(path)
        try:
            lock.acquire()
        except InputError:
            outcomes.append(False)
        else:
            time.sleep(1)
            outcomes.append(True)
            lock.release()

    threads = [threading.Thread(target=try_it) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == [False] * 5 + [True]


def test_a_lock_file_that_was_removed_meanwhile_does_not_count(path: Path) -> None:
    first, second = FolderLock(path), FolderLock(path)
    first.acquire()
    path.unlink()
    second.acquire()
    assert second.held
    assert is_locked(path)
    first.release()
    assert is_locked(path)
    second.release()


def test_a_lock_file_that_is_removed_while_it_is_being_locked_does_not_count(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, removals = module._try_lock, iter([path.unlink])

    def try_lock(file: FileIO, *, exclusive: bool) -> bool:
        next(removals, lambda: None)()
        return real(file, exclusive=exclusive)

    monkeypatch.setattr(module, "_try_lock", try_lock)
    lock = FolderLock(path)
    lock.acquire()
    assert is_locked(path)
    lock.release()


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"cannot write into .*missing: No such file or directory"):
        FolderLock(tmp_path / "missing" / "run.lock").acquire()

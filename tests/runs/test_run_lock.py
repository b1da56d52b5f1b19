import fcntl
import os
import signal
import subprocess
import sys
import threading
from contextlib import suppress
from io import FileIO
from pathlib import Path

import pytest

from impasto.errors import InputError
from impasto.runs import FolderLock, is_locked
from impasto.runs import lock as module

HOLDER = """
import sys
from pathlib import Path
from impasto.runs import FolderLock
lock = FolderLock(Path(sys.argv[1]))
lock.acquire()
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "run.lock"


def test_a_second_process_is_refused_until_the_first_is_killed(path: Path) -> None:
    command = [sys.executable, "-c", HOLDER, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
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


def test_a_second_object_of_the_same_process_is_refused(path: Path) -> None:
    lock = FolderLock(path)
    lock.acquire()
    lock.acquire()
    with pytest.raises(InputError, match=f"process {os.getpid()}"):
        FolderLock(path).acquire()
    lock.release()
    lock.release()
    assert not lock.held
    assert not is_locked(path)


def test_is_locked_creates_no_file(path: Path) -> None:
    assert not is_locked(path)
    assert not path.exists()


def test_a_reader_of_the_lock_is_no_holder_and_does_not_block_acquiring(path: Path) -> None:
    path.touch()
    with path.open("rb") as reader:
        fcntl.flock(reader, fcntl.LOCK_SH)
        assert not is_locked(path)
        threading.Timer(0.1, fcntl.flock, (reader.fileno(), fcntl.LOCK_UN)).start()
        lock = FolderLock(path)
        lock.acquire()
        lock.release()


def test_only_one_of_many_threads_acquires_the_lock(path: Path) -> None:
    outcomes: list[bool] = []
    all_tried = threading.Barrier(6)

    def try_it() -> None:
        lock = FolderLock(path)
        with suppress(InputError):
            lock.acquire()
        outcomes.append(lock.held)
        all_tried.wait()
        lock.release()

    threads = [threading.Thread(target=try_it) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == [False] * 5 + [True]


def test_a_lock_on_a_file_that_was_removed_does_not_count(path: Path) -> None:
    first, second = FolderLock(path), FolderLock(path)
    first.acquire()
    path.unlink()
    second.acquire()
    assert second.held
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


def test_a_folder_that_does_not_exist_is_reported_and_not_created(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"cannot write into .*missing: No such file or directory"):
        FolderLock(tmp_path / "missing" / "run.lock").acquire()
    assert not (tmp_path / "missing").exists()

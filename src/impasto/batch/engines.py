"""Where the rows of a batch are painted: in this process, in several, or on a cluster of Ray."""

import logging
import multiprocessing
import os
import signal
import socket
import threading
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack, contextmanager
from multiprocessing import resource_tracker
from multiprocessing.connection import wait as wait_for_end
from typing import Any, Final, TypeAlias

import torch

from impasto.api import keep_memory, usable_cores
from impasto.batch.worker import Row, Worker, plain
from impasto.errors import InputError, reason_of
from impasto.extras import missing_extra

_TRIES: Final = 3
"""How often a row is painted whose process dies; it may be the row that kills it."""
_MOST_PROCESSES: Final = 60
"""Processes on one machine: Windows waits for hardly more, and each takes some of the open files that Linux allows."""
_ANSWER_SECONDS: Final = 10.0
"""How long a cluster may take to accept a connection."""
_MOST_ROWS: Final = 5_000
"""Rows of one dataset of Ray, which plans a task for each."""


Engine: TypeAlias = Callable[[Worker, list[Row]], Iterator[Row]]
"""Yields the rows as they end, in any order, and ends early once they have the status `stopped` or `full`.

A row whose process died again and again is not yielded.
"""


def is_ending(row: Row) -> bool:
    """Return True for a row after which no other is begun."""
    return row["status"] in ("stopped", "full")


def in_process(worker: Worker, rows: Iterable[Row]) -> Iterator[Row]:
    """Paint rows one after the other in this process."""
    for row in rows:
        done = worker.paint(row)
        yield done
        if is_ending(done):
            return


def on_this_machine(worker: Worker, rows: list[Row], *, count: int) -> Iterator[Row]:
    """Paint rows in this process, or in several, which share the cores.

    Several begin only at the first row that has to be painted, because their start takes seconds.

    Args:
        worker: Is sent to every process.
        rows: What is painted.
        count: The largest number of processes.
    """
    left = deque(rows)
    while count > 1 and left and (known := worker.look_up(left[0])) is not None:
        left.popleft()
        yield known
        if is_ending(known):
            return
    count = min(count, len(left), _MOST_PROCESSES)
    if count > 1:
        yield from in_processes(worker, left, count=count, threads=max(1, usable_cores() // count))
    else:
        yield from in_process(worker, left)


# -- processes ---------------------------------------------------------------------------------------------------------


def in_processes(worker: Worker, rows: Iterable[Row], *, count: int, threads: int) -> Iterator[Row]:
    """Paint rows in several processes of this machine.

    Args:
        worker: Is sent to every process.
        rows: What is painted.
        count: How many processes.
        threads: Threads of each one.
    """
    waiting, deaths = deque(enumerate(rows)), Counter[int]()
    running: dict[Future[Row], tuple[ProcessPoolExecutor, int, Row]] = {}
    with ExitStack() as pools:

        def begin() -> ProcessPoolExecutor:
            # A pool for each process: if one dies, it is known which, and the others go on.
            context, given = multiprocessing.get_context("spawn"), (worker, threads)
            return pools.enter_context(ProcessPoolExecutor(1, context, initializer=_begin, initargs=given))

        idle = [begin() for _ in range(count)]
        while waiting or running:
            while waiting and idle:
                pool, (number, row) = idle.pop(), waiting.popleft()
                with _signals_held_back():
                    running[pool.submit(_paint, row)] = pool, number, row
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                pool, number, row = running.pop(future)
                if isinstance(future.exception(), BrokenProcessPool):
                    deaths[number] += 1
                    if deaths[number] < _TRIES:
                        waiting.appendleft((number, row))  # is continued from its checkpoint
                    idle.append(begin())
                    continue
                idle.append(pool)
                if is_ending(future.result()):
                    waiting.clear()
                yield future.result()


@contextmanager
def _signals_held_back() -> Iterator[None]:
    """Let processes begin without hearing Ctrl-C, which a terminal sends to all; here it takes effect afterwards."""
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    resource_tracker.ensure_running()  # its start would let the signals through
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGHUP})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


_worker: Worker


def _begin(worker: Worker, threads: int) -> None:
    global _worker
    _worker = worker
    # The process that began this one is told to stop, and says so to all.
    for name in ("SIGINT", "SIGHUP"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)
    torch.set_num_threads(threads)
    keep_memory()
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """End when the process is gone that began this one: nobody would hear of what is painted."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait_for_end([parent.sentinel])
        os.kill(os.getpid(), signal.SIGTERM)


def _paint(row: Row) -> Row:
    return _worker.paint(row)


# -- Ray ---------------------------------------------------------------------------------------------------------------


def on_ray(
    worker: Worker,
    rows: list[Row],
    *,
    count: int | None = None,
    address: str | None = None,
    cpus: float = 1.0,
    gpus: float = 0.0,
) -> Iterator[Row]:
    """Paint rows on a cluster of Ray.

    Rows hold paths, so that no decoded picture is ever in Ray's object store.

    Args:
        worker: Its class is made of its arguments in every actor.
        rows: What is painted.
        count: How many actors; None: as many as the cluster has room for now.
        address: Address of a cluster; None: the one this process is connected to, or a new one on this machine.
        cpus: Processors of each actor.
        gpus: Graphics cards of each actor, or shares of one.

    Raises:
        InputError: The cluster cannot be reached, or Ray is not installed.
    """
    connect_to_ray(address)
    import ray

    left = dict(enumerate(rows))
    for _ in range(_TRIES):
        numbers = list(left)
        for start in range(0, len(numbers), _MOST_ROWS):
            part = [{**left[number], "_number": number} for number in numbers[start : start + _MOST_ROWS]]
            for row in _on_actors(ray.data, worker, part, count or _room(ray, cpus, gpus), cpus, gpus):
                left.pop(row.pop("_number"), None)
                yield row
                if is_ending(row):
                    left.clear()
        if not left:
            return


def connect_to_ray(address: str | None = None) -> None:
    """Connect this process to a cluster, or start one on this machine, reachable from here only.

    Raises:
        InputError: The cluster cannot be reached, or Ray is not installed.
    """
    # Nothing is sent to the makers of Ray, and what it starts here listens on this machine only.
    own = {"RAY_USAGE_STATS_ENABLED": "0"} | ({} if address else {"RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0"})
    for name, value in own.items():
        os.environ.setdefault(name, value)
    try:
        import ray
        import ray.data
    except ModuleNotFoundError as error:
        raise missing_extra(f"--engine ray needs {error.name}", "batch") from None
    if not ray.is_initialized():
        _check_reachable(address or "")
        try:
            dashboard = None if address else False
            ray.init(address=address, include_dashboard=dashboard, log_to_driver=False, logging_level=logging.ERROR)
        except (ConnectionError, TimeoutError, RuntimeError, ValueError) as error:
            raise InputError(f"there is no cluster of Ray at {address}: {reason_of(error)}") from None
    logging.getLogger("ray.data").setLevel(logging.ERROR)
    ray.data.DataContext.get_current().enable_progress_bars = False


def _check_reachable(address: str) -> None:
    """Raise InputError if nothing answers at HOST:PORT, where Ray would wait for minutes and write its own messages."""
    host, _, port = address.rpartition("://")[2].rpartition(":")
    if host and port.isdigit():
        try:
            socket.create_connection((host, int(port)), timeout=_ANSWER_SECONDS).close()
        except (OSError, OverflowError) as error:
            raise InputError(f"there is no cluster of Ray at {address}: {reason_of(error)}") from None


def _room(ray: Any, cpus: float, gpus: float) -> int:
    has = ray.cluster_resources()
    rooms = [has.get(name, 0) // each for name, each in (("CPU", cpus), ("GPU", gpus)) if each]
    if not int(min(rooms)):
        raise InputError(f"the cluster of Ray has no room for an actor with {cpus:g} CPUs and {gpus:g} GPUs")
    return int(min(rooms))


def _on_actors(data: Any, worker: Worker, rows: list[Row], count: int, cpus: float, gpus: float) -> Iterator[Row]:
    """Yield the rows that actors paint; those of an actor that dies are left out."""
    count = min(count, len(rows))
    dataset = data.from_items(rows, override_num_blocks=len(rows))
    dataset.context.max_errored_blocks = -1
    painted = dataset.map_batches(
        type(worker),
        fn_constructor_kwargs=dict(worker.arguments),
        # A row more than is painted waits at every actor.
        compute=data.ActorPoolStrategy(size=count, max_tasks_in_flight_per_actor=2),
        batch_size=1,
        num_cpus=cpus,
        num_gpus=gpus,
    )
    ending = set()
    for row in painted.iter_rows():
        yield {name: plain(value) for name, value in row.items()}
        if is_ending(row):
            ending.add(row["worker"])
            if len(ending) == count:
                return

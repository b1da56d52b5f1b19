"""Does anything but a picture, or one line that says why not, come of odd files and calls? Tries damaged ones."""

import argparse
import io
import json
import multiprocessing
import os
import re
import resource
import shlex
import shutil
import signal
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Final, NamedTuple

from common import OUT, machine, table
from damaged import CASES, Materials, build

# isort: split
import numpy as np
from PIL import Image

import impasto.backbones.weights as weights_module
from impasto.cli import main as impasto

SECONDS: Final = 2.0
"""CPU time in which a call must be refused."""
MEGABYTES: Final = 300
"""Memory that a refused call may take beyond what the program has anyway."""
STOPS_AFTER = 3.0
"""Seconds after which a call that paints is stopped by a signal, as by Ctrl-C."""
HANGS_AFTER = 60.0
_BEGINS_WITHIN: Final = 600.0
_ADDRESS_SPACE: Final = 8 << 30
_CONTROLS: Final = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
_OK, _REFUSED, _OTHER = OUTCOMES = "ok", "refused in one line", "anything else"


class Ended(NamedTuple):
    """How a call ended: exit code, what it wrote, and what it took."""

    code: object
    out: bytes = b""
    err: bytes = b""
    seconds: float = 0.0
    megabytes: float = 0.0


class Tried(NamedTuple):
    """A case and what came of it; `fault` is empty unless that is anything but a picture or a line."""

    kind: str
    words: list[str]
    refused: bool
    fault: str
    seconds: float = 0.0
    megabytes: float = 0.0


def judge(ended: Ended, words: Sequence[str]) -> str:
    """Return what is wrong with the end of a call, or nothing."""
    if ended.code not in (0, 1, 2, 130):
        return f"ended with {ended.code}: {_end_of(ended.err)}"
    err = ended.err.decode("utf-8", "replace")
    lines = err.splitlines()
    if "this is a bug in impasto" in err or not all(line.startswith("impasto: ") for line in lines):
        return f"wrote {_end_of(ended.err)}"
    if ended.code in (1, 2) and not 1 <= len(lines) <= (1 if ended.code == 2 else 2):
        return f"wrote {len(lines)} lines: {_end_of(ended.err)}"
    # A picture goes to standard output only if a dash says so; the help draws frames.
    if _CONTROLS.search(err) or ("-" not in words and _CONTROLS.search(ended.out.decode("utf-8", "replace"))):
        return f"wrote control characters: {_end_of(ended.err + ended.out)}"
    if ended.code == 2 and ended.seconds > SECONDS:
        return f"took {ended.seconds:.1f} s to refuse: {_end_of(ended.err)}"
    if ended.code == 2 and ended.megabytes > MEGABYTES:
        return f"took {ended.megabytes:.0f} MB to refuse: {_end_of(ended.err)}"
    return ""


def _end_of(data: bytes) -> str:
    return ascii(data.decode("utf-8", "replace")[-400:])


def call(words: Sequence[str]) -> Ended:
    """Call the command line in this process and return how it ended; after STOPS_AFTER seconds it is stopped."""
    stop = threading.Timer(STOPS_AFTER, os.kill, (os.getpid(), signal.SIGINT))
    before, started = _restart_peak(), time.process_time()
    code: object
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        with _redirected(out, err):
            stop.start()
            try:
                code = impasto(words)
            except KeyboardInterrupt:
                code = 130
            except BaseException as error:
                code = f"{type(error).__name__}: {error}"
            with suppress(KeyboardInterrupt):
                stop.cancel()
                stop.join()
        seconds, peak = time.process_time() - started, _peak() - before
        texts = [os.pread(file.fileno(), 1 << 30, 0) for file in (out, err)]
    return Ended(code, texts[0], texts[1], seconds, peak)


@contextmanager
def _redirected(out: Any, err: Any) -> Iterator[None]:
    """Send standard output and error to files, whoever writes, and give nothing to read."""
    before = [os.dup(number) for number in range(3)]
    streams = sys.stdin, sys.stdout, sys.stderr
    nothing = os.open(os.devnull, os.O_RDONLY)
    for number, descriptor in enumerate((nothing, out.fileno(), err.fileno())):
        os.dup2(descriptor, number)
    texts = [io.TextIOWrapper(os.fdopen(os.dup(number), "wb"), encoding="utf-8") for number in (1, 2)]
    sys.stdin, (sys.stdout, sys.stderr) = io.TextIOWrapper(os.fdopen(nothing, "rb")), texts
    try:
        yield
    finally:
        for text in (*texts, sys.stdin):
            text.close()
        sys.stdin, sys.stdout, sys.stderr = streams
        for number, descriptor in enumerate(before):
            os.dup2(descriptor, number)
            os.close(descriptor)


def _restart_peak() -> float:
    """Start to measure the largest resident memory anew (on Linux), and return it in MB."""
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")
    return _peak()


def _peak() -> float:
    with suppress(OSError):
        found = re.search(r"VmHWM:\s*(\d+)", Path("/proc/self/status").read_text())
        return int(found[1]) / 1000 if found else 0.0
    return 0.0


def attempt(made: Materials, seed: int, number: int, here: Path, do: Callable[[Sequence[str]], Ended] = call) -> Tried:
    """Build a case in a new folder, try it, and return what came of it."""
    kind, words = build(made, seed, number, here)
    given = {path: path.read_bytes() for path in here.iterdir() if path.is_file()}
    back = os.getcwd()
    os.chdir(here)
    try:
        ended = do(words)
    finally:
        os.chdir(back)
    fault = judge(ended, words) or _changed(given, words) or (_wrong_picture(made, ended, here, kind))
    return Tried(kind, words, ended.code in (1, 2), fault, ended.seconds, ended.megabytes)


def _changed(given: dict[Path, bytes], words: Sequence[str]) -> str:
    """Return which input was changed. What only `-o` names is no input."""
    for path, data in given.items():
        named = [at for at, word in enumerate(words) if path.name in word]
        is_input = any(at == 0 or words[at - 1] not in ("-o", "--out") for at in named)
        if is_input and not (path.is_file() and path.read_bytes() == data):
            return f"changed {path.name}, an input"
    return ""


def _wrong_picture(made: Materials, ended: Ended, here: Path, kind: str) -> str:
    if kind != "checkpoint" or ended.code != 0:
        return ""
    found, whole = (np.asarray(Image.open(file)) for file in (here / "out.png", io.BytesIO(made.whole)))
    return "" if np.array_equal(found, whole) else "continued to another picture"


def work(folder: Path, seed: int, numbers: Sequence[int], results: Connection) -> None:
    """Try cases in this process, and tell of each before and after it."""
    made, place = Materials(folder), folder / "cases"
    os.environ |= {"HOME": str(place), "XDG_CACHE_HOME": str(place), "OMP_NUM_THREADS": "1"}
    signal.signal(signal.SIGINT, signal.default_int_handler)
    resource.setrlimit(resource.RLIMIT_AS, (_ADDRESS_SPACE, resource.getrlimit(resource.RLIMIT_AS)[1]))
    # The weights are decoded once; their hash is still checked each time.
    decoded = weights_module.load_weights("embedded").layers
    weights_module.decode_embedded = lambda path: dict(decoded)
    _warm_up(place / "warm", made)
    for number in numbers:
        here = place / str(number)
        results.send(number)
        results.send(attempt(made, seed, number, here))
        shutil.rmtree(here, ignore_errors=True)
        if any(thread.name == "impasto" for thread in threading.enumerate()):
            return  # a call that was stopped is still painting


def _warm_up(here: Path, made: Materials) -> None:
    """Load what the calls load, which is no memory and time of theirs."""
    shutil.rmtree(here, ignore_errors=True)
    shutil.copytree(made.run.parent / "pictures", here)
    back = os.getcwd()
    os.chdir(here)
    small = ("--size", "32", "--steps", "1", "-o", "out.png")
    calls = [("recolor", name, "rgb.png", "-o", "out.png") for name in made.pictures]
    calls += [("mask", "rgb.jpg", "-o", "out.png"), ("rgb.jpg", "rgb.png", *small), ("info", "out.png"), ("info",)]
    for words in calls:
        call(words)
    os.chdir(back)


def fuzz(
    folder: Path, seed: int, minutes: float, numbers: Sequence[int], kept: Path, target: Callable[..., None] = work
) -> Iterator[tuple[int, Tried]]:
    """Yield cases and what came of them, until the time is over; each runs in a process that may die or hang.

    Args:
        folder: The materials.
        seed: With its number it determines a case.
        minutes: The time.
        numbers: Which cases.
        kept: The files of a fault are drawn again into a folder there, where it can be repeated.
        target: What the process does.
    """
    context, ends = multiprocessing.get_context("spawn"), time.monotonic() + 60 * minutes
    while numbers and time.monotonic() < ends:
        results, theirs = context.Pipe(duplex=False)
        process = context.Process(target=target, args=(folder, seed, numbers, theirs), daemon=True)
        process.start()
        theirs.close()
        number = None
        try:
            while time.monotonic() < ends:
                # The process needs more time to begin.
                if not (results.poll(_BEGINS_WITHIN) if number is None else _is_told(results, process)):
                    break
                told = results.recv()
                if isinstance(told, int):
                    number, numbers = told, numbers[numbers.index(told) + 1 :]
                elif number is not None:
                    yield number, _kept(folder, seed, number, told, kept)
                    number = None
            fault = "did not end" if time.monotonic() < ends else ""
        except EOFError:
            process.join()
            fault = f"ended its process with {process.exitcode}"
        process.kill()
        process.join()
        if number is not None and fault:
            yield number, _kept(folder, seed, number, Tried("", [], False, fault), kept)
        elif process.exitcode not in (0, -signal.SIGKILL):
            raise SystemExit("the process that tries the cases has failed")


def _is_told(results: Connection, process: Any) -> bool:
    """Wait for what a process tells; return False if it hangs, and does not only compute slowly on a busy machine."""
    before = _computed(process)
    while not results.poll(HANGS_AFTER):
        if not before + 1 < (computed := _computed(process)) < before + HANGS_AFTER:
            return False
        before = computed
    return True


def _computed(process: Any) -> float:
    """Return the seconds that a process has computed."""
    fields = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _kept(folder: Path, seed: int, number: int, tried: Tried, kept: Path) -> Tried:
    if not tried.fault:
        return tried
    here = kept / f"{seed}-{number}"
    shutil.rmtree(here, ignore_errors=True)
    kind, words = build(Materials(folder), seed, number, here)
    return tried._replace(kind=kind, words=words)


def rows_of(tried: Sequence[Tried]) -> list[dict[str, Any]]:
    """Return the outcomes of every kind, and the largest time and memory of what was refused."""
    rows = []
    for kind in (*CASES, ""):
        some = [one for one in tried if kind in ("", one.kind)]
        counts = Counter(_OTHER if one.fault else _REFUSED if one.refused else _OK for one in some)
        refused = [one for one in some if one.refused]
        row: dict[str, Any] = {"what": kind or "all", "cases": len(some)} | {name: counts[name] for name in OUTCOMES}
        row["longest refusal, s"] = max((one.seconds for one in refused), default=0.0)
        rows.append(row | {"most memory of a refusal, MB": max((one.megabytes for one in refused), default=0.0)})
    return rows


def _quoted(word: str) -> str:
    """Return a word for the shell, in ASCII."""
    if word.isascii() and word.isprintable():
        return shlex.quote(word)
    return "$'" + "".join(f"\\x{byte:02x}" for byte in os.fsencode(word)) + "'"


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--minutes", type=float, default=1.0, help="how long to try")
    parser.add_argument("--seed", type=int, default=0, help="another seed draws other cases")
    parser.add_argument("--case", type=int, help="try only this case")
    given = parser.parse_args(argv)
    numbers = range(1_000_000) if given.case is None else [given.case]
    kept, found = OUT / "fuzz", []
    with tempfile.TemporaryDirectory(prefix="impasto-fuzz-") as place:
        folder = Path(place)
        Materials.make(folder)
        for number, tried in fuzz(folder, given.seed, given.minutes, numbers, kept):
            found.append(tried)
            if tried.fault:
                here = f"cd {shlex.quote(str(kept / f'{given.seed}-{number}'))}"
                print(
                    f"{tried.kind}: {tried.fault}\n  {here} && impasto {' '.join(map(_quoted, tried.words))}",
                    flush=True,
                )
    print(table(rows_of(found)))
    print(json.dumps(machine() | {"seed": given.seed, "minutes": given.minutes}))
    return int(any(tried.fault for tried in found))


if __name__ == "__main__":
    sys.exit(main())

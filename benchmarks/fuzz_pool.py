"""The processes of the fuzzer: each reads its share of the inputs, timed and watched."""

from __future__ import annotations

import multiprocessing
import os
import resource
import signal
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Iterator
from ctypes import c_longlong
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from types import FrameType

from benchmarks.fuzz_inputs import mutated
from benchmarks.fuzz_seeds import Bundle
from benchmarks.fuzz_targets import Broken, exercise

ROOT = Path(__file__).resolve().parents[1]

LIMIT = 1.0
"""Processor seconds that an input may take: elapsed time says more about other programs."""

HANGS = 20
"""Seconds after which an input that waits or runs is stopped."""

GROWTH = 64 << 20
"""Bytes by which the memory of a process may grow over one input."""

WARM = 500
"""Inputs of a process after which growth of its memory counts."""

MOST_MEMORY = 8 << 30
"""Bytes of address space that a process may use: a reader that wants more fails."""

_TELL_EVERY = 200


class Hang(BaseException):
    """An input took longer than HANGS; no reader catches it."""


@dataclass(slots=True)
class Defect:
    """An input that showed a defect. `kind` is the same for all inputs that show the same one."""

    form: str
    number: int
    kind: str
    told: str = ""


@dataclass(slots=True)
class Tally:
    """What one process did since it last told."""

    worker: int
    counts: Counter[str] = field(default_factory=Counter)
    processor_s: dict[str, float] = field(default_factory=dict)
    slowest: dict[str, tuple[float, int, int]] = field(default_factory=dict)
    """For each format: processor seconds, number and bytes of its slowest input."""

    defects: list[Defect] = field(default_factory=list)
    grown_bytes: int = 0
    done: bool = False


@dataclass(frozen=True, slots=True)
class Job:
    """What all processes do: every number below `count`, of the formats in turns, until `end`."""

    seed: int
    count: int
    forms: tuple[str, ...]
    workers: int
    end: float

    def input(self, at: int) -> tuple[str, int]:
        """Return the format of input `at`, and its number among those of this format."""
        return self.forms[at % len(self.forms)], at // len(self.forms)


def run_one(form: str, bundle: Bundle, scratch: Path) -> tuple[float, str, str]:
    """Read one input; return its processor seconds, and kind and traceback of a defect or ""."""
    signal.setitimer(signal.ITIMER_REAL, HANGS)
    memory, begun = _peak(), time.process_time()
    kind = told = ""
    try:
        exercise(form, bundle, scratch)
    except (Exception, Hang) as error:
        kind, told = _kind(form, error), traceback.format_exc()
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
    seconds = time.process_time() - begun
    if not kind and seconds > LIMIT:
        kind = f"{form}: over {LIMIT:g} s"
        told = f"{seconds:.2f} s of processor time"
    if not kind and _peak() - memory > GROWTH:
        kind = f"{form}: memory"
        told = f"{(_peak() - memory) >> 20} MiB more for one input"
    return seconds, kind, told


def _kind(form: str, error: BaseException) -> str:
    if isinstance(error, Broken):
        return f"{form}: {error}"
    frames = traceback.extract_tb(error.__traceback__)
    here = [one for one in frames if Path(one.filename).is_relative_to(ROOT)]
    last = [one for one in here if Path(one.filename).parent != Path(__file__).parent][-1:] or here
    where = f"{os.path.relpath(last[-1].filename, ROOT)}:{last[-1].lineno} {last[-1].name}"
    return f"{type(error).__name__} at {where}"


def _peak() -> int:
    """Return the most memory that this process had, in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def stop_hangs() -> None:
    """Let `run_one` stop an input that takes too long, in this process."""
    signal.signal(signal.SIGALRM, _stop)


def _stop(_: int, __: FrameType | None) -> None:
    raise Hang(f"over {HANGS} s")


def _work(job: Job, worker: int, first: int, now: c_longlong, told: Connection) -> None:
    """Do this worker's share from input `first` on; `now` holds the number of the current one."""
    stop_hangs()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY, MOST_MEMORY))
    with tempfile.TemporaryDirectory(dir=fast_folder()) as folder:
        tally, held = Tally(worker), 0
        for done, at in enumerate(range(first, job.count, job.workers)):
            if time.time() > job.end:
                break
            now.value = at
            form, number = job.input(at)
            _count(tally, form, number, mutated(job.seed, form, number), Path(folder) / "run")
            if done == WARM:
                held = _peak()
            if done > WARM:
                tally.grown_bytes = _peak() - held
            if done % _TELL_EVERY == 0:
                told.send(tally)
                tally = Tally(worker)
        tally.done = True
        told.send(tally)


def _count(tally: Tally, form: str, number: int, bundle: Bundle, scratch: Path) -> None:
    seconds, kind, text = run_one(form, bundle, scratch)
    tally.counts[form] += 1
    tally.processor_s[form] = tally.processor_s.get(form, 0.0) + seconds
    size = sum(map(len, bundle.values()))
    tally.slowest[form] = max(tally.slowest.get(form, (0.0, 0, 0)), (seconds, number, size))
    if kind:
        tally.defects.append(Defect(form, number, kind, text))


def fast_folder() -> str | None:
    """Return a folder in memory for files that are read once, None where there is none."""
    memory = Path("/dev/shm")
    return str(memory) if os.access(memory, os.W_OK) else None


class Pool:
    """The processes of a job; one that died or hangs is started anew with its next input.

    Nothing that they share has a lock: a process that dies while it holds one silences the others.
    """

    def __init__(self, job: Job) -> None:
        self._job = job
        self._context = multiprocessing.get_context("spawn")
        self._now = [self._context.RawValue(c_longlong, worker) for worker in range(job.workers)]
        self._moved = dict.fromkeys(range(job.workers), (-1, 0.0))
        self._running: dict[int, BaseProcess] = {}
        self._told: dict[int, Connection] = {}

    def tallies(self) -> Iterator[Tally]:
        """Yield what the processes tell, until all have done their share."""
        for worker in range(self._job.workers):
            self._start(worker, worker)
        while self._running:
            ready = wait(list(self._told.values()), timeout=0.5)
            for worker, told in list(self._told.items()):
                if told in ready:
                    yield self._heard(worker, told)
                elif self._stuck(worker):
                    yield self._lost(worker, "a hang that no signal stops")

    def _start(self, worker: int, first: int) -> None:
        self._told[worker], tell = self._context.Pipe(duplex=False)
        arguments = (self._job, worker, first, self._now[worker], tell)
        process = self._context.Process(target=_work, args=arguments, daemon=True)
        process.start()
        tell.close()
        self._running[worker] = process
        self._moved[worker] = (first, time.time())

    def _heard(self, worker: int, told: Connection) -> Tally:
        """Return what a process told, or the defect that it died."""
        try:
            tally: Tally = told.recv()
        except (EOFError, OSError):
            self._running[worker].join()
            return self._lost(worker, f"death, {self._running[worker].exitcode}")
        if tally.done:
            self._running.pop(worker).join()
            self._told.pop(worker).close()
        return tally

    def _stuck(self, worker: int) -> bool:
        """Tell whether a process works on one input for longer than any signal leaves it."""
        at = self._now[worker].value
        if at != self._moved[worker][0]:
            self._moved[worker] = (at, time.time())
        return time.time() - self._moved[worker][1] > 3 * HANGS

    def _lost(self, worker: int, why: str) -> Tally:
        """Return the defect that ended a process, and start it anew with its next input."""
        process, at = self._running[worker], self._now[worker].value
        process.kill()
        process.join()
        self._told[worker].close()
        form, number = self._job.input(at)
        self._start(worker, at + self._job.workers)
        return Tally(worker, defects=[Defect(form, number, f"{form}: {why}")])

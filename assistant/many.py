"""Many runs judged on all cores, each on its own: one that cannot be read spoils no other."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path

from assistant.answer import Answer
from assistant.engine import diagnose
from ingest.runs.open import given_layer, open_run
from kb.errors import SslDoctorError
from kb.types import Scalar
from kb.vocabulary import vocabulary

ALONE = 6
"""Runs up to which starting processes costs more than it saves."""

_QUEUED = 4
"""Runs handed to each process ahead, so that none waits and cancelling is quick."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """One run: its answer, or why it could not be read."""

    path: str
    answer: Answer | None
    error: str = ""


def judge_all(
    paths: Sequence[Path],
    k: int,
    *,
    names: Mapping[str, str] | None = None,
    settings: Mapping[str, Scalar] | None = None,
    on_done: Callable[[], object] = lambda: None,
) -> Iterator[Judgement]:
    """Yield a judgement for each path, in the order given. `on_done` is called after each.

    Names and settings as for `open_run`; UsageError for a metric or a setting that does not
    exist, which is wrong for every run.
    """
    given_layer(settings or {})
    for metric in (names or {}).values():
        vocabulary().metric(metric)
    work = [(path, k, dict(names or {}), dict(settings or {})) for path in paths]
    if len(work) <= ALONE:
        for one in work:
            done = _judge(one)
            on_done()
            yield done
        return
    # Threads of a parent do not survive a fork, and no library here promises to live with that.
    context = multiprocessing.get_context("spawn")
    workers = min(os.cpu_count() or 1, len(work))
    with ProcessPoolExecutor(workers, mp_context=context) as pool:
        waiting: dict[Future[Judgement], int] = {}
        finished: dict[int, Judgement] = {}
        queue = iter(enumerate(work))
        shown = 0
        try:
            while shown < len(work):
                while len(waiting) < _QUEUED * workers and (item := next(queue, None)):
                    waiting[pool.submit(_judge, item[1])] = item[0]
                ready, _ = wait(waiting, return_when=FIRST_COMPLETED)
                for future in ready:
                    finished[waiting.pop(future)] = future.result()
                    on_done()
                while shown in finished:
                    yield finished.pop(shown)
                    shown += 1
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def _judge(work: tuple[Path, int, dict[str, str], dict[str, Scalar]]) -> Judgement:
    path, k, names, settings = work
    try:
        run = open_run(path, names=names, settings=settings)
        return Judgement(str(path), diagnose(run, k))
    except SslDoctorError as error:
        return Judgement(str(path), None, error=str(error))

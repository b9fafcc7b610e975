"""Claims: a process killed at any moment leaves each document whole or absent, and what was
committed stays; writers and readers at once get no errors and lose nothing.
"""

from __future__ import annotations

import hashlib
import itertools
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from crash_writer import DIM, ENCODER, steps, version_of

from kb.store import Store

pytestmark = pytest.mark.slow

KILLS = 200
SEED = 7
ROOT = Path(__file__).parents[2]
WRITER = Path(__file__).with_name("crash_writer.py")


def start(*arguments: object) -> subprocess.Popen[str]:
    command = [sys.executable, str(WRITER), *map(str, arguments)]
    surroundings = os.environ | {"PYTHONPATH": str(ROOT)}
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=surroundings)


def check_whole(store: Store) -> dict[str, int]:
    """Return document -> version, after checking that every part is of that version."""
    found = {}
    for info in store.documents():
        document = store.document(info.id)
        assert document is not None
        version = int(document.sha256, 16)
        assert document == version_of(info.id, version)
        found[info.id] = version
    expected = [version_of(name, version) for name, version in found.items()]
    assert len(store.passage_table()) == sum(len(one.passages) for one in expected)
    assert sum(1 for _ in store.entries()) == sum(len(one.entries) for one in expected)
    rowids, matrix = store.vectors(ENCODER)
    texts = dict(store.passage_texts())
    assert sorted(texts) == rowids.tolist()
    rows = [hashlib.sha256(texts[rowid].encode()).digest()[:DIM] for rowid in rowids.tolist()]
    wanted = np.frombuffer(b"".join(rows), np.uint8).reshape(-1, DIM)
    assert np.array_equal(matrix.reshape(-1, DIM), wanted.astype(np.float16))
    return found


def check_sums(store: Store, tmp_path: Path) -> None:
    """Check that the sums say the same as those of a new store with the same documents."""
    with Store.open(tmp_path / "fresh.sqlite") as fresh:
        for info in fresh.documents():
            fresh.remove(info.id)
        for info in store.documents():
            document = store.document(info.id)
            assert document is not None
            fresh.put(document, None, ENCODER)
        assert store.content_hash() == fresh.content_hash()


def test_killed_at_any_moment_it_keeps_what_was_stored(tmp_path: Path) -> None:
    pace = random.Random(SEED)
    stored: dict[str, int] = {}
    path = tmp_path / "store.sqlite"
    mid_write = 0
    for kill in range(KILLS):
        if kill % 20 == 0:  # the first moments of a new file count too
            path, stored = tmp_path / f"store{kill}.sqlite", {}
        first = kill * 1000
        writer = start("for_ever", path, first)
        assert writer.stdout is not None
        assert writer.stdout.readline() == "ready\n"
        time.sleep(pace.uniform(0, 0.05))
        mid_write += Path(f"{path}-wal").exists()
        writer.kill()
        said = writer.stdout.read().count("stored\n")
        assert writer.wait() == -signal.SIGKILL
        writer.stdout.close()
        done = list(itertools.islice(steps(first), said + 1))
        for name, version in done[:-1]:
            stored[name] = version
        # The step under way is there or not: nothing in between, and nothing else changed.
        under_way = dict([done[-1]])
        with Store.open(path) as store:
            found = dict.fromkeys(stored | under_way, -1) | check_whole(store)
            check_sums(store, tmp_path)
        before = {name: stored.get(name, -1) for name in found}
        assert found in (before, before | under_way)
        stored = found
    assert mid_write > KILLS / 2


def test_marks_made_together_stay_together_when_killed(tmp_path: Path) -> None:
    pace = random.Random(SEED)
    path = tmp_path / "store.sqlite"
    first = 0
    for _ in range(KILLS // 5):
        writer = start("mark_for_ever", path, first)
        assert writer.stdout is not None
        assert writer.stdout.readline() == "ready\n"
        time.sleep(pace.uniform(0, 0.05))
        writer.kill()
        kept = first + writer.stdout.read().count("stored\n") - 1
        writer.wait()
        writer.stdout.close()
        with Store.open(path) as store:
            found = {(mark.word, int(mark.run)) for mark in store.marks().values()}
        if kept >= first:  # else nothing of this writer's need be there
            ((word, number),) = found
            assert number in (kept, kept + 1)
            assert word == ("helped" if number % 2 else "did-not")
        first = kept + 2


def test_two_writers_and_a_reader_at_once_lose_nothing(tmp_path: Path) -> None:
    path = tmp_path / "store.sqlite"
    writers = [start("rounds", path, names, 60) for names in ("a b shared", "c d shared")]
    while any(writer.poll() is None for writer in writers):
        with Store.open(path) as store, store.snapshot():
            check_whole(store)
    for writer in writers:
        assert writer.returncode == 0
        assert writer.stdout is not None
        writer.stdout.close()
    with Store.open(path) as store:
        assert check_whole(store) == dict.fromkeys(["a", "b", "c", "d", "shared"], 59)
        check_sums(store, tmp_path)


def test_many_processes_may_make_the_same_store(tmp_path: Path) -> None:
    path = tmp_path / "new" / "store.sqlite"
    writers = [start("rounds", path, name, 1) for name in "abcdef"]
    for writer in writers:
        assert writer.wait() == 0
        assert writer.stdout is not None
        writer.stdout.close()
    with Store.open(path) as store:
        assert check_whole(store) == dict.fromkeys("abcdef", 0)

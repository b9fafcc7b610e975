"""Claims: an ingest killed at any moment leaves each file wholly there or absent, loses nothing
that was there before, and the next ingest completes it.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from crash_ingester import NAMES, text_of, write
from hash_encoder import HashEncoder, vectors_fit

from ingest.ingestion import add
from ingest.markdown import parse_markdown
from kb.encoder import OnnxEncoder
from kb.paths import user_store
from kb.store import Store

pytestmark = pytest.mark.slow

KILLS = 200
SEED = 11
ROOT = Path(__file__).parents[2]
INGESTER = Path(__file__).with_name("crash_ingester.py")


def versions(store: Store, folder: Path) -> dict[str, int]:
    """Return note -> stored version, after checking that every part of it is of that version."""
    found = {}
    expected = []
    for info in store.documents():
        document = store.document(info.id)
        assert document is not None
        name = info.id.removeprefix(f"user:{folder}/").removesuffix(".md")
        version = int(document.text.partition("\n")[0].removeprefix("# "))
        wanted = parse_markdown(text_of(name, version), path=info.path, document_id=info.id)
        assert document == wanted
        found[name] = version
        expected.append(wanted)
    assert len(store.passage_table()) == sum(len(one.passages) for one in expected)
    assert sum(1 for _ in store.entries()) == sum(len(one.entries) for one in expected)
    assert vectors_fit(store)
    return found


def test_killed_at_any_moment_each_file_is_whole_and_nothing_is_lost(tmp_path: Path) -> None:
    pace = random.Random(SEED)
    path, before = tmp_path / "store.sqlite", dict[str, int]()
    mid_write = changed = 0
    for kill in range(KILLS):
        folder = tmp_path / "notes"
        if kill % 20 == 0:  # the first moments of a new store count too
            path, before = tmp_path / f"store{kill}.sqlite", {}
        first = kill * 1000
        process = subprocess.Popen(
            [sys.executable, str(INGESTER), str(path), str(folder), str(first)],
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
        )
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        # Each third kill strikes the first round; the others come after a whole one, however
        # slow the machine is.
        first_said = "" if kill % 3 == 0 else process.stdout.readline()
        time.sleep(pace.uniform(0, 0.12))
        mid_write += Path(f"{path}-wal").exists()
        process.kill()
        said = (first_said + process.stdout.read()).split("stored ")[1:]
        assert process.wait() == -signal.SIGKILL
        process.stdout.close()
        last = int(said[-1]) if said else None
        with Store.open(path) as store:
            found = versions(store, folder)
        for name in NAMES:
            if last is None:  # the first round was under way
                assert found.get(name, -1) in (before.get(name, -1), first)
            else:
                assert found[name] in (last, last + 1)
        changed += found != before
        before = found
    assert mid_write > KILLS / 4
    assert changed > KILLS / 2
    write(tmp_path / "notes", 1)
    with Store.open(path) as store:
        add(tmp_path / "notes", store, encoder=HashEncoder())
        assert versions(store, tmp_path / "notes") == dict.fromkeys(NAMES, 1)


def until_it_grows(path: Path, count: int, process: subprocess.Popen[bytes]) -> None:
    """Wait until the store holds more documents, or the process ends."""
    end = time.monotonic() + 60
    while process.poll() is None and time.monotonic() < end:
        with Store.open(path) as store:
            if len(store.documents()) > count:
                return
        time.sleep(0.05)


def test_killed_ten_times_with_the_real_model_it_completes_at_last(
    tmp_path: Path, encoder_export: Path
) -> None:
    pace = random.Random(SEED)
    early = tmp_path / "early.md"
    early.write_text("# Early\n\nThis was there before.\n")
    encoder = OnnxEncoder(encoder_export)
    add(early, encoder=encoder)
    for number in range(60):
        path = tmp_path / "notes" / f"{number:02}.md"
        path.parent.mkdir(exist_ok=True)
        lines = "".join(f"My run {number} was stuck at step {n} of all.\n\n" for n in range(20))
        path.write_text(f"# Note {number}\n\n{lines}")
    command = [sys.executable, "-c", "from assistant.cli import main; main()"]
    command += ["ingest", str(tmp_path / "notes")]
    counts = [1]
    for kill in range(10):
        with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
            time.sleep(pace.uniform(0.4, 1.5))
            if kill % 2:  # on a slow machine nothing may be stored by then
                until_it_grows(user_store(), counts[-1], process)
            process.kill()
        with Store.open(user_store()) as store:
            documents = [store.document(info.id) for info in store.documents()]
            assert store.missing_vectors(encoder.identity) == []
        for document in documents:
            assert document is not None
            source = Path(document.id.removeprefix("user:"))
            assert document == parse_markdown(
                source.read_text(), path=str(source), document_id=document.id
            )
        assert any(document and document.path == str(early) for document in documents)
        counts.append(len(documents))
    assert counts == sorted(counts)
    assert len(set(counts)) > 3
    report = add(tmp_path / "notes", encoder=encoder)
    assert not report.failed
    with Store.open(user_store()) as store:
        assert len(store.documents()) == 61
        rowids, matrix = store.vectors(encoder.identity)
        texts = dict(store.passage_texts())
        assert sorted(texts) == rowids.tolist()
        again = encoder.encode([texts[rowid] for rowid in rowids.tolist()])
        cosines = (again * matrix.astype(np.float32)).sum(axis=1)
    assert cosines.min() > 0.999

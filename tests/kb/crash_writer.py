"""The process that `test_store_crash` kills; without pytest, so that it starts quickly."""

from __future__ import annotations

import hashlib
import itertools
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt

from kb.store import Store
from kb.types import Document, Entry, LineSpan, MarkWord, Passage

ENCODER = "hash@1"
DIM = 16


def encode(document: Document) -> npt.NDArray[np.float32]:
    """A fake encoder: the hash of the text as numbers, so that a mix-up shows."""
    rows = [hashlib.sha256(one.text.encode()).digest()[:DIM] for one in document.passages]
    return np.frombuffer(b"".join(rows), np.uint8).reshape(-1, DIM).astype(np.float32)


def version_of(name: str, version: int) -> Document:
    """Return version `version` of a document; the number of its parts depends on it."""
    count = 1 + version * 7 % 60
    entries = tuple(
        Entry(f"{name}/{at}", f"{version}", "loss", "user", "draft", aliases=(f"{name}#{at}",))
        for at in range(1 + count // 8)
    )
    passages = tuple(
        Passage(
            f"p{at}", "symptom", f"{name} {version} {at} " * 20, LineSpan(at, at),
            entry_id=entries[at // 8].id,
        )
        for at in range(count)
    )  # fmt: skip
    text = f"{version}\n" * 200
    return Document(name, name, "user", "x", name, f"{version:064x}", text, passages, entries)


def put(store: Store, name: str, version: int) -> None:
    document = version_of(name, version)
    store.put(document, encode(document), ENCODER)


def steps(first: int) -> Iterator[tuple[str, int]]:
    """Yield what a writer does without end: (document, version), version -1 for removing it."""
    for version in itertools.count(first):
        for name in "abcd":
            yield name, -1 if name == "d" and version % 5 == 4 else version


def write_for_ever(path: str, first: str) -> None:
    """Do the steps, saying after each that it is stored."""
    print("ready", flush=True)
    with Store.open(Path(path)) as store:
        for name, version in steps(int(first)):
            if version < 0:
                store.remove(name)
            else:
                put(store, name, version)
            print("stored", flush=True)


def write_rounds(path: str, names: str, rounds: str) -> None:
    """Write so many versions of each of some documents, then end."""
    with Store.open(Path(path)) as store:
        for version in range(int(rounds)):
            for name in names.split():
                put(store, name, version)


def mark_for_ever(path: str, first: str) -> None:
    """Mark three fixes at a time, the number of the round as their run, saying when it is kept."""
    print("ready", flush=True)
    with Store.open(Path(path)) as store:
        for number in itertools.count(int(first)):
            word: MarkWord = "helped" if number % 2 else "did-not"
            store.set_marks(["a/b#1", "a/b#2", "a/b#3"], word, str(number))
            print("stored", flush=True)


if __name__ == "__main__":
    if sys.argv[1] == "for_ever":
        write_for_ever(*sys.argv[2:])
    elif sys.argv[1] == "mark_for_ever":
        mark_for_ever(*sys.argv[2:])
    else:
        write_rounds(*sys.argv[2:])

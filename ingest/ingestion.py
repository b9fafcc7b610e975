"""Markdown files -> the user's store: read, parse, encode, and write each file whole.

Unchanged files cost a hash; with nothing to encode no model is loaded. Files go in one by
one, each in one transaction after everything that can fail, so that a crash leaves it wholly
in or out and memory holds one document at a time.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Protocol

import numpy as np

from ingest.files import discover, printable, read_text
from ingest.markdown import counts, parse_markdown
from ingest.parser_version import PARSER_VERSION
from ingest.report import FileResult, Outcome, Report
from ingest.similar import Catalogue
from kb.encoder import Encoder, Vectors
from kb.errors import InputUnreadable
from kb.paths import BUNDLE, user_store
from kb.store import Store, write_stamp
from kb.types import Document

Notify = Callable[[str], None]
PathInput = str | os.PathLike[str]

_BATCH = 128
"""Passages between two steps of the progress bar."""


class Progress(Protocol):
    """Told how many bytes of the changed files are done, of how many."""

    def __call__(self, done: int, total: int) -> None: ...


@dataclass(frozen=True, slots=True)
class _Changed:
    """A file to ingest. `size` in bytes, as it was when it was looked at."""

    path: Path
    identity: str
    size: int
    outcome: Outcome


def add(
    paths: Iterable[PathInput] | PathInput,
    store: Store | None = None,
    *,
    encoder: Encoder | None = None,
    dry_run: bool = False,
    describe_unchanged: bool = False,
    progress: Progress | None = None,
    notify: Notify = lambda _: None,
) -> Report:
    """Ingest Markdown files and folders into the user's store; return what happened to each.

    A file that cannot be read is reported and the others still go in. `encoder` defaults to
    the configured model, loaded only when something has to be encoded. `describe_unchanged`
    also says what was found in files that are in the store already. A dry run writes nothing.
    """
    several: Iterable[PathInput] = [paths] if isinstance(paths, (str, os.PathLike)) else paths
    named = [Path(path) for path in several]
    with nullcontext(store) if store is not None else _user_store(dry_run) as opened:
        ingest = _Ingest(opened, encoder, dry_run, describe_unchanged, progress, notify)
        return ingest.run(named)


def document_id(path: Path) -> str:
    """Return the id of a user's document: where it lay when it was ingested."""
    return f"user:{Path(os.path.realpath(path)).as_posix()}"


def _user_store(dry_run: bool) -> AbstractContextManager[Store | None]:
    """Open the user's store; a dry run must not even make the file."""
    path = user_store()
    if not dry_run:
        return Store.open(path)
    return Store.open(path, read_only=True) if path.is_file() else nullcontext()


class _Ingest:
    def __init__(
        self,
        store: Store | None,
        encoder: Encoder | None,
        dry_run: bool,
        describe_unchanged: bool,
        progress: Progress | None,
        notify: Notify,
    ) -> None:
        self.store = store
        self.given = encoder
        self.dry_run = dry_run
        self.describe_unchanged = describe_unchanged
        self.progress = progress
        self.notify = notify
        self.encoded = 0
        self.done = 0
        self.total = 0
        self.known = store.known_hashes() if store else {}

    def run(self, paths: list[Path]) -> Report:
        """Look at every file first, so that the progress bar knows how much there is."""
        looked = [self._look(found.path, found.error) for found in discover(paths)]
        waiting = [item for item in looked if isinstance(item, _Changed)]
        self.total = sum(item.size for item in waiting)
        if waiting:
            # Loaded here: that it cannot be is no fault of the first file.
            _ = self.encoder
            self._tell(0)
        results = [self._ingest(item) if isinstance(item, _Changed) else item for item in looked]
        return Report(tuple(results), self.dry_run, self.encoded)

    def _look(self, path: Path, error: InputUnreadable | None) -> FileResult | _Changed:
        """Tell whether a file has to be ingested; only its hash is kept of it."""
        try:
            if error is not None:
                raise error
            text = read_text(path)
            identity = document_id(path)
            _check_name(identity, path)
        except InputUnreadable as refused:
            return FileResult(printable(path), "failed", error=str(refused))
        known = self.known.get(identity)
        if known == (_digest(text), self.stamp):
            return self._unchanged(path, identity)
        size = len(text.encode())
        return _Changed(path, identity, size, "updated" if known else "added")

    def _unchanged(self, path: Path, identity: str) -> FileResult:
        held = self.store.document(identity) if self.store and self.describe_unchanged else None
        if held is None:
            return FileResult(printable(path), "unchanged")
        return self._described(held, path, "unchanged", self.stored_vectors.get(identity))

    def _ingest(self, item: _Changed) -> FileResult:
        """Read, parse and encode a file, and write it in one transaction."""
        try:
            document = _parsed(item)
        except InputUnreadable as refused:
            return FileResult(printable(item.path), "failed", error=str(refused))
        finally:
            start, self.done = self.done, self.done + item.size
        vectors = self._encode([one.searched_text for one in document.passages], start)
        if self.store is not None and not self.dry_run:
            identity = self.encoder.identity
            self.store.put(document, vectors, identity, parser_version=PARSER_VERSION)
        return self._described(document, item.path, item.outcome, vectors)

    def _described(
        self, document: Document, path: Path, outcome: Outcome, vectors: Vectors | None
    ) -> FileResult:
        compared = vectors is not None and len(vectors) == len(document.passages)
        catalogue = self.catalogue if compared else None
        return FileResult(
            printable(path),
            outcome,
            document.dialect,
            counts(document),
            tuple((span.start, span.end) for span in document.unparsed),
            catalogue.near(document, vectors) if catalogue and vectors is not None else (),
            catalogue.refuted(document, vectors) if catalogue and vectors is not None else (),
        )

    def _encode(self, texts: Sequence[str], start: int) -> Vectors:
        """Return the vectors of a file's texts; its bytes are done step by step with them."""
        vectors = np.zeros((len(texts), self.encoder.dim), dtype=np.float32)
        for first in range(0, len(texts), _BATCH):
            part = texts[first : first + _BATCH]
            vectors[first : first + len(part)] = self.encoder.encode(part)
            self.encoded += len(part)
            share = (first + len(part)) / len(texts)
            self._tell(start + int(share * (self.done - start)))
        if not texts:
            self._tell(self.done)
        return vectors

    def _tell(self, done: int) -> None:
        if self.progress is not None:
            self.progress(done, self.total)

    @cached_property
    def encoder(self) -> Encoder:
        """The given encoder, or the configured one."""
        if self.given is not None:
            return self.given
        from ingest.encode import query_encoder

        return query_encoder(self.notify)

    @cached_property
    def identity(self) -> str:
        """The identity of the encoder, known without loading it."""
        from ingest.encode import encoder_identity

        return self.given.identity if self.given else encoder_identity()

    @cached_property
    def stamp(self) -> str:
        """What the store knows of a document that need not be ingested again."""
        return write_stamp(PARSER_VERSION, self.identity)

    @cached_property
    def catalogue(self) -> Catalogue | None:
        """The bundled vectors to compare with, if any ship."""
        if not BUNDLE.is_file():
            return None
        with Store.open(BUNDLE, read_only=True) as bundle:
            return Catalogue.from_store(bundle, self.identity)

    @cached_property
    def stored_vectors(self) -> dict[str, Vectors]:
        """The vectors of each stored document, in the order of its passages."""
        if self.store is None:
            return {}
        rowids, matrix = self.store.vectors(self.identity)
        rows: dict[str, list[int]] = {}
        place = {rowid: row for row, rowid in enumerate(rowids.tolist())}
        for one in self.store.passages(rowids.tolist()):
            rows.setdefault(one.document_id, []).append(place[one.rowid])
        return {name: matrix[held].astype(np.float32) for name, held in rows.items()}


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _check_name(identity: str, path: Path) -> None:
    """Refuse a name that the store cannot hold."""
    try:
        identity.encode()
    except UnicodeEncodeError as error:
        raise InputUnreadable(
            "its name is not UTF-8", where=printable(path), hint="rename the file"
        ) from error


def _parsed(item: _Changed) -> Document:
    """Read and parse a file. Kept under its absolute path: a later question is asked elsewhere."""
    where = printable(item.identity.removeprefix("user:"))
    text = read_text(item.path)
    try:
        document = parse_markdown(text, path=where, document_id=item.identity)
    except InputUnreadable as error:
        shown = error.where.replace(where, printable(item.path), 1)
        raise InputUnreadable(error.message, where=shown, hint=error.hint) from error
    try:
        json.dumps(dict(document.meta))
    except (ValueError, TypeError, RecursionError) as error:
        # Such as an integer of ten thousand digits, which YAML reads and JSON refuses.
        raise InputUnreadable(
            "the YAML head holds a value that cannot be kept",
            where=f"{printable(item.path)}:1",
            hint="quote the value",
        ) from error
    return document

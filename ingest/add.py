"""Markdown files -> the user's store: read, parse, encode, and write each file whole.

Unchanged files cost a hash; with nothing to encode no model is loaded. Each file is written
in one transaction after everything that can fail, so a crash leaves it wholly in or out.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from ingest.files import discover, read_text
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
    """Told how much there is to encode, and each time some of it is done."""

    def __call__(self, done: int, total: int) -> None: ...


@dataclass(frozen=True, slots=True)
class _Parsed:
    document: Document
    outcome: Outcome


def add(
    paths: Iterable[PathInput] | PathInput,
    store: Store | None = None,
    *,
    encoder: Encoder | None = None,
    dry_run: bool = False,
    progress: Progress | None = None,
    notify: Notify = lambda line: None,
) -> Report:
    """Ingest Markdown files and folders into the user's store; return what happened to each.

    A file that cannot be read is reported and the others still go in. `encoder` defaults to
    the configured model, loaded only when something has to be encoded.
    """
    single = isinstance(paths, str | os.PathLike)
    named = [Path(path) for path in ([paths] if single else paths)]  # type: ignore[list-item]
    if store is not None:
        return _Ingest(store, encoder, dry_run, progress, notify).run(named)
    with Store.open(user_store()) as opened:
        return _Ingest(opened, encoder, dry_run, progress, notify).run(named)


def document_id(path: Path) -> str:
    """Return the id of a user's document: where it lay when it was ingested."""
    return f"user:{path.resolve().as_posix()}"


class _Ingest:
    def __init__(
        self,
        store: Store,
        encoder: Encoder | None,
        dry_run: bool,
        progress: Progress | None,
        notify: Notify,
    ) -> None:
        self.store = store
        self.given = encoder
        self.dry_run = dry_run
        self.progress = progress
        self.notify = notify
        self.encoded = 0
        self.total = 0
        self.known = store.known_hashes()

    def run(self, paths: list[Path]) -> Report:
        """Parse everything first, so that the progress bar knows how much there is."""
        outcomes: list[FileResult | _Parsed] = [
            self._parse(found.path, found.error) for found in discover(paths)
        ]
        waiting = [item.document for item in outcomes if isinstance(item, _Parsed)]
        self.total = sum(len(document.passages) for document in waiting)
        results = [
            self._write(item) if isinstance(item, _Parsed) else item for item in outcomes
        ]
        return Report(tuple(results), self.dry_run, self.encoded)

    def _stamp(self) -> str:
        from ingest.encode import encoder_identity

        identity = self.given.identity if self.given else encoder_identity()
        return write_stamp(PARSER_VERSION, identity)

    def _parse(self, path: Path, error: InputUnreadable | None) -> FileResult | _Parsed:
        shown = str(path)
        try:
            if error is not None:
                raise error
            text = read_text(path)
            identity = document_id(path)
            digest = hashlib.sha256(text.encode()).hexdigest()
            known = self.known.get(identity)
            if known == (digest, self._stamp()):
                return FileResult(shown, "unchanged")
            document = parse_markdown(text, path=shown, document_id=identity)
        except InputUnreadable as refused:
            return FileResult(shown, "failed", error=str(refused))
        return _Parsed(document, "updated" if known else "added")

    def _write(self, item: _Parsed) -> FileResult:
        document = item.document
        vectors = self._encode([passage.searched_text for passage in document.passages])
        if not self.dry_run:
            encoder = self.given or self._encoder()
            self.store.put(document, vectors, encoder.identity, parser_version=PARSER_VERSION)
        catalogue = self._catalogue()
        return FileResult(
            document.path,
            item.outcome,
            document.dialect,
            counts(document),
            tuple((span.start, span.end) for span in document.unparsed),
            catalogue.near(document, vectors) if catalogue else (),
            catalogue.refuted(document.passages, vectors) if catalogue else (),
        )

    def _encoder(self) -> Encoder:
        if self.given is None:
            from ingest.encode import query_encoder

            self.given = query_encoder(self.notify)
        return self.given

    def _encode(self, texts: list[str]) -> Vectors:
        encoder = self._encoder()
        vectors = np.zeros((len(texts), encoder.dim), dtype=np.float32)
        for start in range(0, len(texts), _BATCH):
            part = texts[start : start + _BATCH]
            vectors[start : start + len(part)] = encoder.encode(part)
            self.encoded += len(part)
            if self.progress is not None:
                self.progress(self.encoded, self.total)
        return vectors

    def _catalogue(self) -> Catalogue | None:
        if not hasattr(self, "_cached"):
            self._cached: Catalogue | None = None
            if BUNDLE.is_file():
                with Store.open(BUNDLE, read_only=True) as bundle:
                    self._cached = Catalogue.from_store(bundle, self._encoder().identity)
        return self._cached

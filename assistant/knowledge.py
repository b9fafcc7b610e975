"""What a query reads, opened once: the bundled store, the user's store, index and encoder."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from threading import Thread
from typing import TYPE_CHECKING

from kb.corrections import Corrections
from kb.encoder import OnnxEncoder
from kb.errors import InputUnreadable
from kb.paths import BUNDLE, cache_dir, user_store
from kb.store import Store
from kb.types import Document, Entry, Mark

if TYPE_CHECKING:
    from kb.index import Index

Notify = Callable[[str], None]

MAX_DOCUMENTS = 64
"""Documents kept in memory: all of ours, and the few of the user's that questions touch."""


def silent(line: str) -> None:
    """Tell nobody."""


@dataclass(eq=False)
class Knowledge:
    """Open stores and what was derived from them. Reused until a store's content changes."""

    bundled: Store
    user: Store | None
    notify: Notify
    _documents: dict[tuple[int, str], Document | None] = field(default_factory=dict)

    @classmethod
    def open(cls, notify: Notify = silent) -> Knowledge:
        """Return the opened knowledge of this process, reopened when the user's store changed."""
        path = user_store()
        place = (str(path), path.is_file())
        if _held:
            content, knowledge = _held[0]
            if content == (*place, *knowledge.content()):
                knowledge.notify = notify
                return knowledge
            knowledge.close()
            _held.clear()
        if not BUNDLE.is_file():
            raise InputUnreadable(
                "the bundled knowledge is missing",
                where=str(BUNDLE),
                hint="reinstall ssl-doctor, or run python -m ingest.bundle in a checkout",
            )
        bundled = Store.open(BUNDLE, read_only=True)
        user = Store.open(path) if path.is_file() else None
        knowledge = cls(bundled, user, notify)
        _held.append(((*place, *knowledge.content()), knowledge))
        return knowledge

    @property
    def stores(self) -> tuple[Store, ...]:
        """Return the bundled store, then the user's when there is one."""
        return (self.bundled,) if self.user is None else (self.bundled, self.user)

    @cached_property
    def encoder_identity(self) -> str:
        """Return what names the configured encoder, without loading it."""
        from ingest.encode import encoder_identity

        return encoder_identity()

    def content(self) -> tuple[str, ...]:
        """Return what an index over the stores depends on, as hashes."""
        return tuple(store.index_stamp(self.encoder_identity) for store in self.stores)

    @cached_property
    def encoder(self) -> OnnxEncoder:
        """Return the query encoder, exported on first use."""
        from ingest.encode import query_encoder

        return query_encoder(self.notify)

    def start_encoder(self) -> None:
        """Load the encoder on a thread, once: it is the longest part of a cold start."""
        if "_started" not in self.__dict__:
            self._started = Thread(target=self.encoder.encode, args=(["warm"],), daemon=True)
            self._started.start()

    @cached_property
    def index(self) -> Index:
        """Return the index over both stores, rebuilt when stale."""
        from kb.index import Index

        encoder = self.encoder
        stores = [self._encoded(store, encoder) for store in self.stores]
        return Index.load_or_build(
            cache_dir() / "index", stores, encoder.identity, encoder.dim, self.notify
        )

    def _encoded(self, store: Store, encoder: OnnxEncoder) -> Store:
        """Return the store with vectors of this encoder, encoding what another model encoded.

        The bundled store cannot be written, so a copy of it takes the new vectors.
        """
        missing = store.missing_vectors(encoder.identity)
        if not missing:
            return store
        if store is self.bundled:
            copy = cache_dir() / "bundles" / f"{store.content_hash()[:16]}.sqlite"
            if not copy.is_file():
                copy.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(BUNDLE, copy)
            store = self.bundled = Store.open(copy)
            missing = store.missing_vectors(encoder.identity)
        for number, name in enumerate(missing, 1):
            self.notify(f"encoding for {encoder.identity}: {number} of {len(missing)} documents")
            document = store.document(name)
            if document is not None:
                texts = [passage.searched_text for passage in document.passages]
                store.set_vectors(document, encoder.encode(texts), encoder.identity)
        return store

    @cached_property
    def bundled_entries(self) -> tuple[Entry, ...]:
        """Return all entries that ship with the package."""
        return tuple(self.bundled.entries())

    @cached_property
    def signed(self) -> tuple[Entry, ...]:
        """Return the bundled entries that have a signature."""
        return tuple(entry for entry in self.bundled_entries if entry.signature)

    @cached_property
    def user_documents(self) -> int:
        """Return how many documents of the user are ingested."""
        return len(self.user.documents()) if self.user else 0

    def marks(self) -> dict[str, Mark]:
        """Return what the user said of fixes, by global id; read anew, it may change any time."""
        return self.user.marks() if self.user else {}

    @cached_property
    def corrections(self) -> Corrections:
        """Return the claims that bundled entries refute."""
        return Corrections.from_store(self.bundled, self.encoder.identity)

    def document(self, store: Store, document_id: str) -> Document | None:
        """Return a document, kept while this knowledge is open: sections are shown again."""
        key = (id(store), document_id)
        if key not in self._documents:
            if len(self._documents) >= MAX_DOCUMENTS:
                self._documents.clear()
            self._documents[key] = store.document(document_id)
        return self._documents[key]

    def entry(self, entry_id: str) -> Entry | None:
        """Return an entry of either store."""
        return next((one for store in self.stores if (one := store.entry(entry_id))), None)

    def close(self) -> None:
        """Close the stores."""
        for store in self.stores:
            store.close()


_held: list[tuple[tuple[object, ...], Knowledge]] = []
"""The one open Knowledge of this process with what it was opened on, or nothing."""

"""What a query reads, opened once: the bundled store, the user's store, index and encoder."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property

from kb.corrections import Corrections
from kb.encoder import OnnxEncoder
from kb.errors import InputUnreadable
from kb.index import Index
from kb.paths import BUNDLE, cache_dir, user_store
from kb.store import Store
from kb.types import Entry

Notify = Callable[[str], None]


def silent(line: str) -> None:
    """Tell nobody."""


@dataclass(eq=False)
class Knowledge:
    """Open stores and what was derived from them. Reused until a store's content changes."""

    bundled: Store
    user: Store | None
    notify: Notify

    @classmethod
    def open(cls, notify: Notify = silent) -> Knowledge:
        """Return the opened knowledge of this process, reopened when the user's store changed."""
        global _opened
        path = user_store()
        key = (str(path), path.is_file())
        if _opened is not None and _opened[0] == (*key, _opened[1].content()):
            _opened[1].notify = notify
            return _opened[1]
        if _opened is not None:
            _opened[1].close()
            _opened = None
        if not BUNDLE.is_file():
            raise InputUnreadable(
                "the bundled knowledge is missing",
                where=str(BUNDLE),
                hint="reinstall ssl-doctor, or run python -m ingest.bundle in a checkout",
            )
        bundled = Store.open(BUNDLE, read_only=True)
        user = Store.open(path) if path.is_file() else None
        knowledge = cls(bundled, user, notify)
        _opened = ((*key, knowledge.content()), knowledge)
        return knowledge

    @property
    def stores(self) -> tuple[Store, ...]:
        """Return the bundled store, then the user's when there is one."""
        return (self.bundled,) if self.user is None else (self.bundled, self.user)

    def content(self) -> tuple[str, ...]:
        """Return what the stores hold, as hashes."""
        return tuple(store.content_hash() for store in self.stores)

    @cached_property
    def _encoder(self) -> Future[OnnxEncoder]:
        # Loaded beside the index: the two are the whole cold start, and there are two cores.
        pool = ThreadPoolExecutor(1, thread_name_prefix="encoder")
        future = pool.submit(_warm_encoder, self.notify)
        pool.shutdown(wait=False)
        return future

    @property
    def encoder(self) -> OnnxEncoder:
        """Return the query encoder, exported on first use."""
        return self._encoder.result()

    @cached_property
    def index(self) -> Index:
        """Return the index over both stores, rebuilt when stale."""
        from ingest.encode import encoder_identity

        encoder = self._encoder  # started first, so that it loads while the index does
        identity = encoder_identity()
        self._encode_missing(identity)
        return Index.load_or_build(
            cache_dir() / "index", list(self.stores), identity, notify=self.notify
        )

    def _encode_missing(self, identity: str) -> None:
        """Encode again what another model encoded, which happens after a change of model."""
        for store in self.stores:
            missing = store.missing_vectors(identity)
            if len(missing) and not store.read_only:
                self.notify(f"encoding {len(missing)} passages for {identity} ...")
                texts = [stored.passage.text for stored in store.passages(missing)]
                store.set_vectors(identity, missing, self.encoder.encode(texts))

    @cached_property
    def signed(self) -> tuple[Entry, ...]:
        """Return the bundled entries that have a signature."""
        return tuple(entry for entry in self.bundled.entries() if entry.signature)

    @cached_property
    def corrections(self) -> Corrections:
        """Return the claims that bundled entries refute."""
        return Corrections.from_store(self.bundled, self.encoder.identity)

    def entry(self, entry_id: str) -> Entry | None:
        """Return an entry of either store."""
        return next((one for store in self.stores if (one := store.entry(entry_id))), None)

    def close(self) -> None:
        """Close the stores."""
        for store in self.stores:
            store.close()


_opened: tuple[tuple[object, ...], Knowledge] | None = None


def _warm_encoder(notify: Notify) -> OnnxEncoder:
    from ingest.encode import query_encoder

    encoder = query_encoder(notify)
    encoder.encode(["warm"])
    return encoder

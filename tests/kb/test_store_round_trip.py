"""Claim: any document, whatever characters it holds, comes back equal."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kb.store import Store
from kb.store_records import OWNERS
from kb.types import (
    COSTS,
    PASSAGE_KINDS,
    STATUSES,
    Correction,
    Document,
    Entry,
    Fix,
    LineSpan,
    Neighbour,
    Passage,
)

ENCODER = "fake@1"

# NUL, quotes, private use, and what is left of a byte that did not decode.
TEXT = st.text(st.characters(exclude_categories=()), max_size=30)
NAME = st.text(st.characters(codec="utf-8"), max_size=20)
SPAN = st.builds(LineSpan, st.integers(0, 10**6), st.integers(0, 10**6))
SCALAR = st.one_of(TEXT, st.integers(), st.booleans(), st.floats(allow_nan=False))
JSON = st.recursive(
    st.one_of(st.none(), SCALAR),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(TEXT, inner, max_size=3)),
    max_leaves=8,
)


def tuples(of: st.SearchStrategy[str]) -> st.SearchStrategy[tuple[str, ...]]:
    return st.lists(of, max_size=3).map(tuple)


FIX = st.builds(
    Fix,
    TEXT,
    TEXT,
    TEXT,
    st.one_of(st.none(), st.sampled_from(COSTS)),
    st.dictionaries(TEXT, SCALAR, max_size=3),
    st.one_of(st.none(), TEXT),
)
ENTRY = st.builds(
    Entry,
    NAME,
    TEXT,
    TEXT,
    st.sampled_from(OWNERS),
    st.sampled_from(STATUSES),
    tuples(TEXT),
    tuples(NAME),
    st.one_of(st.none(), TEXT),
    tuples(TEXT),
    tuples(NAME),
    st.lists(st.builds(Correction, TEXT, TEXT), max_size=2).map(tuple),
    tuples(TEXT),
    tuples(TEXT),
    st.lists(FIX, max_size=2).map(tuple),
    st.lists(st.builds(Neighbour, TEXT, TEXT), max_size=2).map(tuple),
    tuples(TEXT),
    tuples(TEXT),
    TEXT,
    SPAN,
)
PASSAGE = st.builds(
    Passage,
    NAME,
    st.sampled_from(PASSAGE_KINDS),
    TEXT,
    SPAN,
    tuples(TEXT),
    st.one_of(st.none(), NAME),
    TEXT,
    st.dictionaries(TEXT, TEXT, max_size=2),
)
DOCUMENT = st.builds(
    Document,
    NAME,
    NAME,
    st.sampled_from(OWNERS),
    NAME,
    NAME,
    NAME,
    TEXT,
    st.lists(PASSAGE, max_size=4, unique_by=lambda one: one.key).map(tuple),
    st.lists(ENTRY, max_size=3, unique_by=lambda one: one.id).map(tuple),
    st.lists(SPAN, max_size=3).map(tuple),
    st.dictionaries(TEXT, JSON, max_size=3),
)


def ones(document: Document) -> npt.NDArray[np.float32]:
    return np.ones((len(document.passages), 4), np.float32)


@given(documents=st.lists(DOCUMENT, max_size=3, unique_by=lambda one: one.id))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_documents_come_back_equal(
    tmp_path_factory: pytest.TempPathFactory, documents: list[Document]
) -> None:
    path = tmp_path_factory.mktemp("trip") / "store.sqlite"
    with Store.open(path) as store:
        for document in documents:
            store.put(document, ones(document), ENCODER)
        filled = store.content_hash()
    with Store.open(path) as store:
        for document in documents:
            assert store.document(document.id) == document
            for entry in document.entries:
                assert store.resolve(entry.id) == entry.id
        passages = [one for document in documents for one in document.passages]
        rowids = store.passage_table().rowids
        assert [one.passage for one in store.passages(rowids.tolist())] == passages
        assert list(store.passage_texts()) == [
            (rowid, one.searched_text) for rowid, one in zip(rowids, passages, strict=True)
        ]
        assert list(store.entries()) == [one for each in documents for one in each.entries]
        assert store.content_hash() == filled
        for document in documents:
            assert store.remove(document.id)
        assert set(store.content_hash()) == {"0"}
        assert set(store.index_stamp(ENCODER)) == set(store.index_stamp("another"))

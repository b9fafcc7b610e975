"""Entries, passages and documents as JSON text, and back to equal values.

JSON is written as pure ASCII, so that any character a hostile file holds survives SQLite.
"""

from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import Mapping
from typing import Any

from kb.errors import StoreError
from kb.types import (
    Correction,
    Document,
    Entry,
    Fix,
    LineSpan,
    Neighbour,
    Passage,
)


def dump(value: object) -> str:
    """Return compact ASCII JSON, keys in their own order."""
    return json.dumps(value, separators=(",", ":"))


def entry_record(entry: Entry) -> dict[str, Any]:
    """Return an entry as JSON values."""
    # Left out when empty, so that what older versions stored keeps its digest.
    leads_to = {"leads_to": list(entry.leads_to)} if entry.leads_to else {}
    return leads_to | {
        "id": entry.id,
        "title": entry.title,
        "family": entry.family,
        "owner": entry.owner,
        "status": entry.status,
        "methods": list(entry.methods),
        "aliases": list(entry.aliases),
        "signature": entry.signature,
        "metrics": list(entry.metrics),
        "corrects": [[one.claim, one.truth] for one in entry.corrects],
        "symptoms": list(entry.symptoms),
        "causes": list(entry.causes),
        "fixes": [
            [fix.id, fix.title, fix.text, fix.cost, dict(fix.change), fix.unless]
            for fix in entry.fixes
        ],
        "tell_apart": [[one.entry_id, one.decided_by] for one in entry.tell_apart],
        "false_alarms": list(entry.false_alarms),
        "references": list(entry.references),
        "source": entry.source,
        "span": _pair(entry.span),
    }


def load_entry(text: str) -> Entry:
    """Return the entry that `entry_record` described."""
    record: dict[str, Any] = json.loads(text)
    lists = ("methods", "aliases", "metrics", "symptoms", "causes", "false_alarms", "references")
    record |= {name: tuple(record[name]) for name in lists}
    record["corrects"] = tuple(Correction(*one) for one in record["corrects"])
    record["fixes"] = tuple(Fix(*one) for one in record["fixes"])
    record["tell_apart"] = tuple(Neighbour(*one) for one in record["tell_apart"])
    record["span"] = LineSpan(*record["span"])
    record["leads_to"] = tuple(record.get("leads_to", ()))
    return Entry(**record)


def passage_record(passage: Passage) -> list[Any]:
    """Return a passage as JSON values."""
    return [
        passage.key,
        passage.kind,
        passage.text,
        _pair(passage.span),
        list(passage.section),
        passage.entry_id,
        passage.markdown,
        dict(passage.attributes),
    ]


def load_passage(text: str) -> Passage:
    """Return the passage that `passage_record` described."""
    key, kind, plain, span, section, entry_id, markdown, attributes = json.loads(text)
    return Passage(
        key, kind, plain, LineSpan(*span), tuple(section), entry_id, markdown, attributes
    )


def load_passage_text(text: str) -> str:
    """Return only what is indexed of a stored passage."""
    return load_passage(text).searched_text


def spans_record(spans: tuple[LineSpan, ...]) -> list[list[int]]:
    """Return line spans as pairs of numbers."""
    return [_pair(span) for span in spans]


def load_spans(text: str) -> tuple[LineSpan, ...]:
    """Return the spans that `spans_record` described."""
    return tuple(LineSpan(*pair) for pair in json.loads(text))


def pack_text(text: str) -> bytes:
    """Return text compressed; lone surrogates of undecodable bytes survive."""
    return zlib.compress(text.encode("utf-8", "surrogatepass"))


def unpack_text(data: bytes) -> str:
    """Return the text that `pack_text` compressed."""
    return zlib.decompress(data).decode("utf-8", "surrogatepass")


def meta_record(document: Document) -> dict[str, object]:
    """Return the document's meta, or raise StoreError when JSON would change it."""
    try:
        return {key: _plain(value, key) for key, value in document.meta.items()}
    except (TypeError, RecursionError) as error:
        raise StoreError(
            f"meta cannot be kept: {error}",
            where=document.id,
            hint="use text, numbers, true or false, none, lists, and mappings with text keys",
        ) from error


def document_digest(document: Document) -> str:
    """Return the SHA-256 of all that is kept of a document, its text and parts.

    The order of keys in a mapping does not count, as it does not for equality.
    """
    content = [
        [document.id, document.path, document.owner, document.dialect, document.title],
        [document.sha256, document.text, spans_record(document.unparsed), meta_record(document)],
        [passage_record(passage) for passage in document.passages],
        [entry_record(entry) for entry in document.entries],
    ]
    text = json.dumps(content, separators=(",", ":"), sort_keys=True)
    return hashlib.sha256(text.encode("ascii")).hexdigest()


def _pair(span: LineSpan) -> list[int]:
    return [span.start, span.end]


def _plain(value: object, where: str) -> object:
    """Return a value made of JSON's own types; raise TypeError for any other, tuples too."""
    if isinstance(value, Mapping):
        if not all(isinstance(key, str) for key in value):
            raise TypeError(f"{where} has a key that is not text")
        return {key: _plain(item, f"{where}.{key}") for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item, where) for item in value]
    if value is None or type(value) in (str, int, float, bool):
        return value
    raise TypeError(f"{where} is a {type(value).__name__}")

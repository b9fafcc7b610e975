"""One JSON document that holds a whole log.

Hugging Face's trainer_state.json, an array of records, or an object with a list of values for
each name, as Keras writes its history.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import PurePath

from ingest.runs.formats.base import FileFormat
from ingest.runs.formats.json_lines import JsonRecords
from ingest.runs.formats.records import Records
from ingest.runs.formats.standing import shows_training, standing
from ingest.runs.log import Log

MAX_BYTES = 64 << 20
"""Largest document read; 400,000 records of a trainer_state.json take as much."""

_MAX_PARTS = 8_000_000
"""Most commas and brackets in it: values take about 60 bytes each once they are parsed."""

_FLUSH_EVERY = 10_000

_MAX_ATTEMPTS = 64
"""How often a document is parsed before it is known to be complete: each attempt reads it all."""

_SETTINGS = ("max_steps", "num_train_epochs", "train_batch_size", "logging_steps", "eval_steps")
_NAMES = re.compile(r'"([^"\\\n]{1,100})"\s{0,9}:\s{0,9}(\[?)\s{0,9}(?=[-\dN])')
_DECODER = json.JSONDecoder()


class JsonDocumentReader:
    """Keeps the document until it is complete, then reads it; see `ingest.runs.source.Reader`.

    Only the first object or array counts; what follows it is noted.
    """

    def __init__(self, log: Log, where: str) -> None:
        self._log = log
        self._where = where
        self._buffer = bytearray()
        self._attempts = 0
        self._done = False
        self._too_large = False
        self._trailing = False

    def feed(self, data: bytes) -> None:
        """Keep the bytes; read the document if they complete it."""
        if self._done or self._too_large:
            self._trailing = self._trailing or bool(data.strip())
            return
        self._buffer += data
        if len(self._buffer) > MAX_BYTES:
            self._too_large = True
            self._buffer.clear()
        elif data.rstrip().endswith((b"}", b"]")) and self._attempts < _MAX_ATTEMPTS:
            self._attempts += 1
            self._try()

    def close(self) -> None:
        """Read what is there, or note that it is no complete document."""
        if self._buffer and not self._done:
            self._try()
        if self._too_large:
            text = "a document of this size is not read: nothing of it was"
            self._log.find("left out", text, self._where)
        elif not self._done and self._buffer.strip():
            text = "the document ends early or is no JSON: expected one whole object or array"
            self._log.find("incomplete record", text, self._where)
        elif self._trailing:
            text = "something follows the document; it was not read"
            self._log.find("unreadable record", text, self._where)

    def _try(self) -> None:
        text = self._buffer.decode("utf-8", "replace").lstrip("\ufeff \t\r\n")
        if not text.startswith(("{", "[")):
            return
        if sum(map(text.count, ",[{")) > _MAX_PARTS:
            self._too_large = True
            self._buffer.clear()
            return
        try:
            document, end = _DECODER.raw_decode(text)
        except (ValueError, RecursionError):
            return
        self._done = True
        self._buffer.clear()
        self._trailing = bool(text[end:].strip())
        records = JsonRecords(self._log, Records(self._log, self._where))
        for at, record in enumerate(self._records(document)):
            records.add(record)
            if at % _FLUSH_EVERY == 0:
                records.flush()
        records.close()

    def _records(self, document: object) -> Iterator[Mapping[str, object]]:
        if isinstance(document, list):
            yield from (one for one in document if isinstance(one, dict))
        elif isinstance(document, dict) and isinstance(document.get("log_history"), list):
            for name in _SETTINGS:
                self._log.set(name, document.get(name))
            yield from self._records(document["log_history"])
        elif isinstance(document, dict):
            yield from _rows(document)


def _rows(document: Mapping[str, object]) -> Iterator[dict[str, object]]:
    """Yield the rows of an object that has a list for each name; shorter lists end earlier."""
    columns = {name: values for name, values in document.items() if isinstance(values, list)}
    for at in range(max(map(len, columns.values()), default=0)):
        yield {name: values[at] for name, values in columns.items() if at < len(values)}


def _claims(name: str, head: bytes) -> float:
    path = PurePath(name.lower())
    if b"\0" in head or path.suffix not in ("", ".json"):
        return 0.0
    text = head.decode("utf-8", "replace").lstrip("\ufeff \t\r\n")
    if path.name == "trainer_state.json" and text.startswith("{"):
        return 1.0
    if '"log_history"' in text and text.startswith("{"):
        return 0.9
    names = [(match[1], bool(match[2])) for match in _NAMES.finditer(text)]
    if text.startswith("["):
        first = text[1:].lstrip()
        plain = [one for one, in_list in names if not in_list]
        clocked = any(standing(one) == "clock" for one in plain) and len(set(plain)) > 1
        return 0.8 if first.startswith("{") and (clocked or shows_training(plain)) else 0.0
    listed = [one for one, in_list in names if in_list]
    return 0.7 if text.startswith("{") and shows_training(listed) else 0.0


FORMAT = FileFormat("JSON document", "", _claims, JsonDocumentReader)

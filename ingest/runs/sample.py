"""The first bytes of a log, and how much they tell."""

from __future__ import annotations

import zlib
from pathlib import Path

from ingest.runs.formats.base import HEAD
from ingest.runs.log import Log
from ingest.runs.source import open_regular
from kb.vocabulary import vocabulary

SAMPLE = 1 << 20
"""Bytes read of each of several logs of one run, to tell which has most metrics."""

_GZIP = b"\x1f\x8b"
_CLOCKS = frozenset(("step", "epoch"))


def head_of(path: Path, size: int = HEAD) -> bytes:
    """Return the first `size` bytes of a file, decompressed; InputUnreadable if it is no file."""
    with open_regular(path) as file:
        head = file.read(size)
    if not head.startswith(_GZIP):
        return head
    try:
        return zlib.decompressobj(wbits=31).decompress(head, size)
    except zlib.error:
        return b""


def metrics_in(log: Log) -> int:
    """Count the metrics that a log holds, the clocks not among them."""
    named = {vocabulary().resolve(name, logger=log.logger).metric for name in log.columns}
    return len(named - _CLOCKS - {None})

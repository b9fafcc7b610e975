"""TFRecord framing: bytes as they come -> complete records, over damage and missing ends.

A record is its length (8 bytes), the masked CRC of the length (4), the data, the masked CRC of
the data (4). The length's CRC is checked of every record; after one that is wrong, the next
length whose CRC is right is searched for. The CRC of the data is the caller's to check.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ingest.runs.formats.crc32c import contribution, crc32c, masked, masked_crc
from ingest.runs.source import MAX_RECORD
from kb.run import FindingKind, IntArray

DAMAGED = "a record is damaged; what stands in it is left out"

HEADER = 12
FOOTER = 4
_LONGEST = 1 << 31
"""No protobuf message is longer, so a longer length is damage whatever its CRC says."""

_MEMO = 4096
_SLICE = 1 << 16
_HEADER = struct.Struct("<QI")

Find = Callable[[FindingKind, str], None]


@dataclass(frozen=True, slots=True)
class Block:
    """Complete records of one piece of a file: where each one's data starts, and its length.

    `starts` and `lengths` have shape (n,); the data's CRC follows the data.
    """

    data: bytes
    starts: IntArray
    lengths: IntArray


class Framing:
    """Cuts fed bytes into records; what is damaged or too long is noted by `find`."""

    def __init__(self, find: Find) -> None:
        self._find = find
        self._rest = bytearray()
        self._needed = HEADER
        self._skip = 0
        self._searching = False
        self._crcs: dict[int, int] = {}

    def feed(self, data: bytes) -> Block | None:
        """Return the records that are complete now; None while there is none."""
        dropped = min(self._skip, len(data))
        self._skip -= dropped
        self._rest += data[dropped:]
        if len(self._rest) < self._needed:
            return None
        block = bytes(self._rest)
        starts: list[int] = []
        lengths: list[int] = []
        position = 0
        headers: IntArray | None = None
        while True:
            if self._searching:
                headers = _headers(block) if headers is None else headers
                position = self._search(headers, position, len(block))
            position = self._walk(block, position, starts, lengths)
            if not self._searching or len(block) - position < HEADER:
                break
        self._keep(block, position)
        if not starts:
            return None
        return Block(block, np.array(starts, dtype=np.int64), np.array(lengths, dtype=np.int64))

    def waiting(self) -> int:
        """Return the bytes of a record whose end has not come."""
        return len(self._rest) + self._skip

    def _walk(self, block: bytes, position: int, starts: list[int], lengths: list[int]) -> int:
        """Follow the lengths from one record to the next; return where that ends."""
        size, crcs = len(block), self._crcs
        while size - position >= HEADER:
            length, crc = _HEADER.unpack_from(block, position)
            if crcs.get(length) != crc and not self._is_header(length, crc):
                self._find("unreadable record", DAMAGED)
                self._searching = True
                return position + 1
            end = position + HEADER + length + FOOTER
            if length > MAX_RECORD:
                self._find("left out", f"a record of {length:,} bytes")
                self._skip = max(0, end - size)
                position = min(end, size)
            elif end > size:
                break
            else:
                starts.append(position + HEADER)
                lengths.append(length)
                position = end
        return position

    def _is_header(self, length: int, crc: int) -> bool:
        if length > _LONGEST or length_crc(length) != crc:
            return False
        if len(self._crcs) >= _MEMO:
            self._crcs.clear()
        self._crcs[length] = crc
        return True

    def _search(self, headers: IntArray, position: int, size: int) -> int:
        """Return where the next undamaged length is, or what has to wait for more bytes."""
        nearest = int(np.searchsorted(headers, position))
        if nearest == len(headers):
            return max(position, size - HEADER + 1)
        self._searching = False
        return int(headers[nearest])

    def _keep(self, block: bytes, position: int) -> None:
        del self._rest[:position]
        self._needed = HEADER
        if len(block) - position >= HEADER and not self._searching:
            length, _ = _HEADER.unpack_from(block, position)
            self._needed = HEADER + length + FOOTER


def length_crc(length: int) -> int:
    """Return the masked CRC of a record's length."""
    return masked_crc(np.frombuffer(struct.pack("<Q", length), dtype=np.uint8))


def starts_with_record(head: bytes) -> bool:
    """Tell whether a file's first bytes are the length of a record and its CRC."""
    if len(head) < HEADER:
        return False
    length, crc = _HEADER.unpack_from(head)
    return length <= _LONGEST and bool(length_crc(length) == crc)


def _headers(block: bytes) -> IntArray:
    """Return every position at which a length stands with its CRC, of shape (n,)."""
    found: list[IntArray] = []
    data = np.frombuffer(block, dtype=np.uint8)
    for start in range(0, len(data) - HEADER + 1, _SLICE):
        piece = data[start : start + _SLICE + HEADER - 1]
        windows = np.lib.stride_tricks.sliding_window_view(piece, HEADER)
        crc = contribution(windows[:, :8], np.arange(7, -1, -1)) ^ np.uint32(_ZEROS)
        stored = windows[:, 8:].copy().view("<u4")[:, 0]
        # A length has at most four bytes that are not zero: it is below 2^32.
        right = (masked(crc) == stored) & ~windows[:, 4:8].any(axis=1)
        found.append(start + np.flatnonzero(right))
    return np.concatenate(found) if found else np.zeros(0, dtype=np.int64)


_ZEROS = crc32c(np.zeros(8, dtype=np.uint8))

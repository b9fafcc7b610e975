"""Records of formats that check them: cut out, and framed again with the right checksum."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ingest.runs.formats.crc32c import LONGEST, masked_crc


@dataclass(frozen=True, slots=True)
class Record:
    """A record: where it stands with its frame, its kind, and what is in it."""

    start: int
    stop: int
    kind: int
    content: bytes


def _cut_events(data: bytes) -> list[Record]:
    found, at = [], 0
    while at + 16 <= len(data):
        (length,) = struct.unpack_from("<Q", data, at)
        if at + 16 + length > len(data):
            break
        found.append(Record(at, at + 16 + length, 0, data[at + 12 : at + 12 + length]))
        at += 16 + length
    return found


def _frame_event(_: int, content: bytes) -> bytes:
    head = struct.pack("<Q", len(content))
    ends = [struct.pack("<I", _crc(one)) for one in (head, content[:LONGEST])]
    return head + ends[0] + content + ends[1]


def _crc(data: bytes) -> int:
    return masked_crc(np.frombuffer(data, dtype=np.uint8))


def _cut_pieces(data: bytes) -> list[Record]:
    found, at = [], 7
    while at + 7 <= len(data):
        _, length, kind = struct.unpack_from("<IHB", data, at)
        found.append(Record(at, at + 7 + length, kind, data[at + 7 : at + 7 + length]))
        at += 7 + length
    return found


def _frame_piece(kind: int, content: bytes) -> bytes:
    crc = zlib.crc32(content, zlib.crc32(bytes([kind])))
    return struct.pack("<IHB", crc, len(content), kind) + content


FRAMED: dict[str, tuple[Callable[[bytes], list[Record]], Callable[[int, bytes], bytes]]] = {
    "tensorboard-events": (_cut_events, _frame_event),
    "wandb": (_cut_pieces, _frame_piece),
    "wandb-run": (_cut_pieces, _frame_piece),
}

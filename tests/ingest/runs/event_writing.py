"""TensorBoard events for tests, as bytes: what no fixture of a real logger holds."""

from __future__ import annotations

import struct

import numpy as np

from ingest.runs.formats.crc32c import LONGEST, masked_crc


def varint(value: int) -> bytes:
    """Return an integer as the wire format writes it, a negative one in ten bytes."""
    value &= 0xFFFF_FFFF_FFFF_FFFF
    parts = []
    while value > 0x7F:
        parts.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*parts, value])


def field(number: int, content: bytes | str | int | float) -> bytes:
    """Return a field: an integer as varint, a float as double, the rest with its length."""
    if isinstance(content, int):
        return varint(number << 3) + varint(content)
    if isinstance(content, float):
        return varint(number << 3 | 1) + struct.pack("<d", content)
    raw = content.encode() if isinstance(content, str) else content
    return varint(number << 3 | 2) + varint(len(raw)) + raw


def simple(tag: str, value: float) -> bytes:
    """Return a summary's value as SummaryWriter writes it."""
    return field(1, field(1, tag) + b"\x15" + struct.pack("<f", value))


def tensor(tag: str, content: bytes) -> bytes:
    """Return a summary's value that is a tensor with these fields."""
    return field(1, field(1, tag) + field(8, content))


def event(step: int, *values: bytes, time: float = 1e9) -> bytes:
    """Return an event; a step of 0 is left out, as protobuf does."""
    return field(1, time) + (field(2, step) if step else b"") + field(5, b"".join(values))


def framed(data: bytes, length: int | None = None) -> bytes:
    """Return a record around `data`, which may say that it is longer."""
    head = struct.pack("<Q", len(data) if length is None else length)
    return head + _crc(head) + data + (_crc(data) if len(data) <= LONGEST else bytes(4))


def _crc(data: bytes) -> bytes:
    return struct.pack("<I", masked_crc(np.frombuffer(data, dtype=np.uint8)))


def records(data: bytes) -> list[bytes]:
    """Cut an undamaged file into its records."""
    found = []
    while data:
        (length,) = struct.unpack_from("<Q", data)
        found.append(data[: length + 16])
        data = data[length + 16 :]
    return found

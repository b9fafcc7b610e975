"""The protobuf wire format, as far as logs need it: fields of a message, nothing about schemas.

A message is read from the middle of a larger buffer, so that nothing is copied on the way down.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

MOST_FIELDS = 20_000
"""Fields read of one message, a choice: no logger writes a tenth of it, and it bounds the time
that a few megabytes of one-byte fields can cost."""

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_LONGEST_VARINT = 10


class WireError(ValueError):
    """The bytes are no protobuf message."""


Field = tuple[int, int, int, int]
"""Key, number, start and stop. The key is `key(field, kind)`; the number is that of a varint,
else 0; start and stop enclose the field's content in the buffer."""


def varint_key(number: int) -> int:
    """Return the key of an integer, boolean or enum field."""
    return number << 3 | _VARINT


def double_key(number: int) -> int:
    """Return the key of an eight-byte field."""
    return number << 3 | _FIXED64


def float_key(number: int) -> int:
    """Return the key of a four-byte field."""
    return number << 3 | _FIXED32


def bytes_key(number: int) -> int:
    """Return the key of a text, bytes, message or packed field."""
    return number << 3 | _BYTES


def fields(data: bytes, start: int, stop: int) -> Iterator[Field]:
    """Yield the fields of the message in data[start:stop]; WireError where it is none."""
    for _ in range(MOST_FIELDS):
        if start >= stop:
            return
        key, start = varint(data, start, stop)
        kind = key & 7
        number = 0
        if kind == _BYTES:
            length, start = varint(data, start, stop)
            end = start + length
        elif kind == _VARINT:
            number, end = varint(data, start, stop)
        elif kind == _FIXED64:
            end = start + 8
        elif kind == _FIXED32:
            end = start + 4
        else:
            raise WireError("unknown kind of field")
        if end > stop or key < 8:
            raise WireError("field out of bounds")
        yield key, number, start, end
        start = end
    raise WireError("too many fields")


def varint(data: bytes, start: int, stop: int) -> tuple[int, int]:
    """Return an unsigned integer of up to 64 bits and the position after it."""
    if start < stop and data[start] < 0x80:  # most are this short
        return data[start], start + 1
    value = shift = 0
    for position in range(start, min(stop, start + _LONGEST_VARINT)):
        byte = data[position]
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value & 0xFFFF_FFFF_FFFF_FFFF, position + 1
        shift += 7
    raise WireError("integer without an end")


def signed(value: int) -> int:
    """Return an unsigned 64-bit number as the signed one with the same bits."""
    return value - (1 << 64) if value >= 1 << 63 else value


def double(data: bytes, start: int) -> float:
    """Return the double at a position."""
    number: float = struct.unpack_from("<d", data, start)[0]
    return number


def text(data: bytes, start: int, stop: int) -> str:
    """Return UTF-8 text, with a mark for each byte that is none."""
    return data[start:stop].decode("utf-8", "replace")

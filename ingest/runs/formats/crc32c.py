"""CRC-32C over many short byte strings at once, and the masked form that TFRecord stores.

A CRC is linear over XOR: that of a string is the CRC of as many zeros, XORed with what each
byte adds by its distance from the end. So it is a table look-up per byte without any order,
and strings that differ in a few places share the rest.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import numpy.typing as npt

Bytes2D = npt.NDArray[np.uint8]
Crcs = npt.NDArray[np.uint32]

LONGEST = 4096
"""Longest string in bytes; the table takes a kilobyte for each."""

_POLYNOMIAL = 0x82F63B78
_MASK_DELTA = np.uint32(0xA282EAD8)


def crc32c(data: npt.NDArray[np.uint8]) -> int:
    """Return the CRC of one string, of shape (n,), n <= LONGEST."""
    n = len(data)
    distances = np.arange(n - 1, -1, -1)
    return _of_zeros(n) ^ int(contribution(data[None, :], distances)[0])


def contribution(columns: Bytes2D, distances: npt.NDArray[np.int64]) -> Crcs:
    """Return what bytes add to the CRC of the strings they are in, of shape (k,).

    `columns` (k, m) holds m bytes of each of k strings, `distances` (m,) how many bytes follow
    each of them.
    """
    if not len(distances):
        return np.zeros(len(columns), dtype=np.uint32)
    table = _table(_rounded(int(distances.max()) + 1))
    places = (distances << 8) + columns
    found: Crcs = np.bitwise_xor.reduce(table.take(places), axis=1)
    return found


def masked(crc: Crcs) -> Crcs:
    """Return CRCs as they are stored: rotated and shifted, so that a CRC may be checked itself."""
    return ((crc >> np.uint32(15)) | (crc << np.uint32(17))) + _MASK_DELTA


def unmasked(stored: Crcs) -> Crcs:
    """Return the CRCs whose masked form was stored."""
    rotated = stored - _MASK_DELTA
    return (rotated >> np.uint32(17)) | (rotated << np.uint32(15))


def masked_crc(data: npt.NDArray[np.uint8]) -> int:
    """Return the masked CRC of one string, of shape (n,), n <= LONGEST."""
    return int(masked(np.array([crc32c(data)], dtype=np.uint32))[0])


def _rounded(length: int) -> int:
    return max(64, 1 << (length - 1).bit_length())


@cache
def _table(length: int) -> Crcs:
    """Return what each byte value adds at each distance from the end, flat, (length * 256,)."""
    table = np.zeros((length, 256), dtype=np.uint32)
    first = np.arange(256, dtype=np.uint32)
    for _ in range(8):
        first = np.where(first & 1, (first >> 1) ^ np.uint32(_POLYNOMIAL), first >> 1)
    table[0] = first
    for distance in range(1, length):
        table[distance] = (table[distance - 1] >> 8) ^ first[table[distance - 1] & 0xFF]
    return table.ravel()


@cache
def _of_zeros(length: int) -> int:
    """Return the CRC of zeros: that of the start value, carried through them."""
    if length == 0:
        return 0
    first = _table(64)[:256]
    crc = _of_zeros_raw(length, first)
    return crc ^ 0xFFFF_FFFF


def _of_zeros_raw(length: int, first: Crcs) -> int:
    crc = 0xFFFF_FFFF
    for _ in range(length):
        crc = (crc >> 8) ^ int(first[crc & 0xFF])
    return crc

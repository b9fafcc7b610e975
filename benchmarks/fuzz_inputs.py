"""Inputs of the fuzzer: what is done to small logs.

An input is a function of seed, format and number.
"""

from __future__ import annotations

import random
import re
import struct
import zlib
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from benchmarks.fuzz_frames import FRAMED
from benchmarks.fuzz_seeds import FILES, Bundle, database, seeds

SMALL, LARGE = 4 << 10, 256 << 10
"""Bytes that a file is cut to: most are small, so that many are tried."""

_LARGE_SHARE = 0.01
_METRICS = b"step,loss\n0,4.1\n1,4.0\n2,3.9\n"

_TOKENS: Sequence[bytes] = [
    *(b"NaN", b"-Infinity", b"inf", b"1e999", b"-1e-999", b"9" * 25, b"9" * 400, b"0" * 5000),
    *(b"9223372036854775808", b"-9223372036854775809", b"0x1p1023", b"1_000", b"1.2.3", b"-"),
    *(b"\0", b"\x1b[31m", b"\x1b]0;t\x07", b"\xef\xbb\xbf", b"\xff\xfe", b"\xc2\x85", b"\x7f"),
    *("\u2028\u202e\u200b".encode(), b"\xed\xa0\x80", rb"\ud800", rb"\udfff", rb"\u0000"),
    *(b"\r", b"\r\n", b"\n\n", b"\t", b"  ", b'"', b"'", b"\\", b",", b";", b":", b"=", b"|"),
    *(b"{", b"}", b"[", b"]", b"(", b")", b"{}", b"[]", b'{"a":', b"null", b"true", b"#", b"&a"),
    *(b"epoch: 3 ", b"step 7 ", b"[ 2/10]", b"100%|##| 7/9 [00:01<00:02, loss=4.1]", b"loss=4.1"),
    *(b"Traceback (most recent call last):\n", b"Namespace(", b"a.py --lr ", b"val_", b"*" * 40),
    *(b"\x1f\x8b\x08\0", b"\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01", struct.pack("<d", 1e308)),
    *(b"step", b"epoch", b"loss", b"_step", b"global_step", b"mode", b"args", b"config", b"0"),
]
_NUMBER = re.compile(rb"-?\d+\.?\d*(?:e-?\d+)?")


def mutated(seed: int, form: str, number: int) -> Bundle:
    """Return input `number` of a format."""
    rng = random.Random(f"{seed}/{form}/{number}")
    held = seeds(form)
    if form in ("mlflow", "trackio") and rng.random() < 0.5:
        bundle = database(form, partial(_odd, rng), rng.randint(0, 12))
    else:
        bundle = dict(rng.choice(held))
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        path = rng.choice(sorted(bundle))
        limit = LARGE if rng.random() < _LARGE_SHARE else max(SMALL, len(bundle[path]))
        bundle[path] = _mutated(bundle[path], form, rng)[:limit]
    if form == "settings":
        bundle["metrics.csv"] = _METRICS
    return bundle


def _mutated(data: bytes, form: str, rng: random.Random) -> bytes:
    if form in FRAMED and rng.random() < 0.6:
        cut, frame = FRAMED[form]
        records = cut(data)
        if records:
            at = rng.randrange(len(records))
            kind, content = records[at].kind, records[at].content
            changed = frame(kind, _change(content, rng)[:SMALL])
            return data[: records[at].start] + changed + data[records[at].stop :]
    if data.startswith(b"SQLite") and rng.random() < 0.5:
        return _flipped(data, rng)
    for _ in range(rng.choice((1, 1, 2, 4, 8))):
        data = _change(data, rng)[:LARGE]
    return data


def _change(data: bytes, rng: random.Random) -> bytes:
    return rng.choice(_CHANGES)(data, rng)


def _flipped(data: bytes, rng: random.Random) -> bytes:
    held = bytearray(data)
    for _ in range(rng.choice((1, 2, 8, 32)) if held else 0):
        held[rng.randrange(len(held))] = rng.randrange(256)
    return bytes(held)


def _span(data: bytes, rng: random.Random) -> tuple[int, int]:
    start = rng.randint(0, len(data))
    return start, min(len(data), start + rng.choice((1, 4, 16, 64, 512)))


def _cut_short(data: bytes, rng: random.Random) -> bytes:
    return data[: rng.randint(0, len(data))]


def _without(data: bytes, rng: random.Random) -> bytes:
    start, stop = _span(data, rng)
    return data[:start] + data[stop:]


def _twice(data: bytes, rng: random.Random) -> bytes:
    start, stop = _span(data, rng)
    return data[:stop] + data[start:stop] * rng.choice((1, 2, 20)) + data[stop:]


def _spliced(data: bytes, rng: random.Random) -> bytes:
    """Go on with a log of any format."""
    other = rng.choice(seeds(rng.choice(sorted(FILES))))
    start, _ = _span(data, rng)
    tail = next(iter(other.values()))
    return data[:start] + tail[_span(tail, rng)[0] :]


def _inserted(data: bytes, rng: random.Random) -> bytes:
    start, stop = _span(data, rng)
    stop = rng.choice((start, stop))
    return data[:start] + rng.choice(_TOKENS) * rng.choice((1, 1, 1, 3)) + data[stop:]


def _renumbered(data: bytes, rng: random.Random) -> bytes:
    found = [match.span() for match in _NUMBER.finditer(data)]
    if not found:
        return _inserted(data, rng)
    start, stop = rng.choice(found)
    return data[:start] + rng.choice(_TOKENS[:14]) + data[stop:]


def _swollen(data: bytes, rng: random.Random) -> bytes:
    """Insert something deep or long."""
    start, _ = _span(data, rng)
    unit = rng.choice((b"[", b'{"a":', b"(", b"a: ", b"- ", b"a,", b" ", b"x", b"9", b'"', b"\r"))
    return data[:start] + unit * rng.choice((50, 300, 1200, 60_000)) + data[start:]


def _lines_swapped(data: bytes, rng: random.Random) -> bytes:
    lines = data.split(b"\n")
    rng.shuffle(lines)
    return b"\n".join(lines)


def _compressed(data: bytes, rng: random.Random) -> bytes:
    engine = zlib.compressobj(1, wbits=31)
    packed = engine.compress(data) + engine.flush()
    return packed if rng.random() < 0.5 else _flipped(packed, rng)


_CHANGES: Sequence[Callable[[bytes, random.Random], bytes]] = [
    *(_flipped, _cut_short, _without, _twice, _spliced, _inserted, _inserted, _renumbered),
    *(_renumbered, _swollen, _lines_swapped, _flipped, _inserted, _without, _compressed),
]


def _odd(rng: random.Random, value: Any) -> Any:
    """Return a value, now and then another one of any type; bytes are rather changed."""
    if rng.random() < 0.85:
        return value
    if isinstance(value, bytes) and rng.random() < 0.8:
        return _change(value, rng)
    token = rng.choice(_TOKENS)
    odd = (None, token, token.decode("utf-8", "replace"), 2**63 - 1, -(2**63), 1e308, "x" * 3000)
    return rng.choice((*odd, float("inf"), -1, 0.5))

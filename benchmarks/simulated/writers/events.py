"""A TensorBoard event file: TFRecords of Event messages, written without TensorFlow.

Record = length (8 bytes), masked CRC-32C of it, data, masked CRC-32C of the data. The data is
the protocol buffer Event{wall_time = 1, step = 2, file_version = 3, summary = 5}.
"""

from __future__ import annotations

import json
import struct
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

from benchmarks.simulated.generate import Simulated
from benchmarks.simulated.writers import names
from benchmarks.simulated.writers.rows import points
from kb.run import Series

STARTED = 1_780_000_000.0
"""Wall time of the first event; any second of 2026 would do."""

Block = npt.NDArray[np.uint8]


def tensorboard(one: Simulated, folder: Path) -> None:
    """Write tb/events.out.tfevents.* with one scalar event a value, in log order."""
    (folder / "config.json").write_text(json.dumps(names.logged_config(one), indent=1) + "\n")
    (folder / "tb").mkdir()
    loss = one.run.series["loss"]
    made: list[tuple[int, bytes]] = []
    for name, series in one.run.series.items():
        tag = names.logged_name(names.TENSORBOARD, name, one)
        where = points(loss.steps, series.steps)
        factor = names.logged_value(tag, 1.0)
        made += zip(where.tolist(), _records(tag, series, where, factor), strict=True)
    made.sort(key=lambda pair: pair[0])
    version = struct.pack("<Bd", 0x09, STARTED) + _field(3, b"brain.Event:2")
    path = folder / "tb" / f"events.out.tfevents.{int(STARTED)}.simulated.1.0"
    path.write_bytes(_framed([version])[0] + b"".join(record for _, record in made))


def _records(tag: str, series: Series, where: npt.NDArray[np.int64], factor: float) -> list[bytes]:
    """Return the framed scalar events of one tag, values times `factor`."""
    with np.errstate(over="ignore"):
        scalars = (factor * series.values).astype("<f4")
    return _framed(
        [
            struct.pack("<Bd", 0x09, STARTED + 2.0 * point)
            + b"\x10"
            + _varint(step)
            + _field(5, _field(1, _field(1, tag.encode()) + b"\x15" + scalar.tobytes()))
            for point, step, scalar in zip(
                where.tolist(), series.steps.tolist(), scalars, strict=True
            )
        ]
    )


def _field(number: int, data: bytes) -> bytes:
    return bytes([number << 3 | 2]) + _varint(len(data)) + data


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _framed(events: list[bytes]) -> list[bytes]:
    """Return events as records. CRCs are computed for all events of one length together."""
    framed = [b""] * len(events)
    lengths = np.array([len(event) for event in events])
    for length in np.unique(lengths).tolist():
        chosen = np.flatnonzero(lengths == length)
        block = np.frombuffer(b"".join(events[i] for i in chosen), dtype=np.uint8)
        crcs = masked_crcs(block.reshape(chosen.size, length)).astype("<u4")
        size = struct.pack("<Q", length)
        head = size + struct.pack("<I", int(masked_crcs(np.frombuffer(size, np.uint8)[None])[0]))
        for i, crc in zip(chosen.tolist(), crcs, strict=True):
            framed[i] = head + events[i] + crc.tobytes()
    return framed


def masked_crcs(block: Block) -> npt.NDArray[np.uint32]:
    """Return the masked CRC-32C of each row of `block` (k, length)."""
    table, crc = _table(), np.full(block.shape[0], 0xFFFFFFFF, dtype=np.uint32)
    for column in block.T:
        crc = table[(crc ^ column) & 0xFF] ^ (crc >> np.uint32(8))
    crc = ~crc
    rotated = (crc >> np.uint32(15)) | (crc << np.uint32(17))
    return rotated + np.uint32(0xA282EAD8)


@cache
def _table() -> npt.NDArray[np.uint32]:
    table = np.arange(256, dtype=np.uint32)
    for _ in range(8):
        table = np.where(table & 1, (table >> np.uint32(1)) ^ np.uint32(0x82F63B78), table >> 1)
    return table.astype(np.uint32)

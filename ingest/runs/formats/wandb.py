"""W&B's transaction log, `run-<id>.wandb`, read without wandb.

The file is framed like a LevelDB log: blocks of 32 KiB, in them records or pieces of records
with a CRC-32. What the records say is in `wandb_records`.
"""

from __future__ import annotations

import struct
import zlib

from ingest.runs.formats.base import FileFormat
from ingest.runs.formats.wandb_records import WandbRecords
from ingest.runs.log import Log
from ingest.runs.source import MAX_RECORD

_MAGIC = b":W&B\xe1\xbe"
_FILE_HEADER = 7
_BLOCK = 32 * 1024
_PIECE = struct.Struct("<IHB")
_PADDING = bytes(_PIECE.size)
_WHOLE, _FIRST, _MIDDLE, _LAST = 1, 2, 3, 4


class WandbReader:
    """Reads the records of a `.wandb` file; see `ingest.runs.source.Reader`."""

    def __init__(self, log: Log, where: str) -> None:
        self._log = log
        self._where = where
        self._records = WandbRecords(log, where)
        self._rest = bytearray()
        self._offset = 0
        self._skip = _FILE_HEADER
        self._joined: bytearray | None = None

    def feed(self, data: bytes) -> None:
        """Read every complete record."""
        self._rest += data
        block = bytes(self._rest)
        position = self._pass_over(block, 0)
        while (end := self._read_piece(block, position)) is not None:
            position = self._pass_over(block, end)
        del self._rest[:position]
        self._offset += position
        self._records.flush()

    def close(self) -> None:
        """Note a record whose end never came."""
        if self._joined is not None or self._rest:
            text = "the last record ends early: the writer was killed, or is still writing"
            self._log.find("incomplete record", text, self._where)
        self._records.close()

    def _pass_over(self, block: bytes, position: int) -> int:
        """Move on over bytes that hold no piece: the file's header, the end of a block."""
        passed = min(self._skip, len(block) - position)
        self._skip -= passed
        return position + passed

    def _read_piece(self, block: bytes, position: int) -> int | None:
        """Read one piece; return where it ends, or None while it is not complete."""
        left = _BLOCK - (self._offset + position) % _BLOCK
        if self._skip or (left >= _PIECE.size and len(block) - position < _PIECE.size):
            return None
        if left < _PIECE.size:
            self._skip = left
            return position
        if block.startswith(_PADDING, position):
            self._skip = left
            return position
        crc, length, kind = _PIECE.unpack_from(block, position)
        start = position + _PIECE.size
        end: int = start + length
        if _PIECE.size + length > left:
            self._damaged()
            self._skip = left
            return position
        if end > len(block):
            return None
        content = block[start:end]
        if zlib.crc32(content, zlib.crc32(bytes([kind]))) == crc:
            self._join(kind, content)
        else:
            self._damaged()
        return end

    def _join(self, kind: int, content: bytes) -> None:
        joined = self._joined
        if (joined is not None) != (kind in (_MIDDLE, _LAST)):
            self._damaged()
        if kind == _WHOLE:
            self._joined = None
            self._read(content)
        elif kind == _FIRST:
            self._joined = bytearray(content)
        elif joined is not None and len(joined) + len(content) > MAX_RECORD:
            self._log.find("left out", f"a record over {MAX_RECORD:,} bytes", self._where)
            self._joined = None
        elif joined is not None:
            joined += content
            if kind == _LAST:
                self._joined = None
                self._read(bytes(joined))

    def _read(self, record: bytes) -> None:
        if not self._records.read(record):
            self._damaged()

    def _damaged(self) -> None:
        self._joined = None
        text = "a record is damaged; what stands in it is left out"
        self._log.find("unreadable record", text, self._where)


def _claims(name: str, head: bytes) -> float:
    if head.startswith(_MAGIC):
        return 1.0
    return 0.5 if name.endswith(".wandb") else 0.0


FORMAT = FileFormat("W&B", "wandb", _claims, WandbReader)

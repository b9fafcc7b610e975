"""A growing file read piece by piece: what is new, what was rewritten, what is not complete yet.

A reader of a format is fed bytes; this module knows about files: offsets, rotation,
truncation, gzip. Run files are only ever opened for reading.
"""

from __future__ import annotations

import os
import stat
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO, Protocol

from ingest.files import printable
from ingest.runs.log import Log
from kb.errors import InputUnreadable

CHUNK = 1 << 20
MAX_RECORD = 8 << 20
"""Longest line or record, in bytes; a longer one is left out."""

_GZIP = b"\x1f\x8b"
_REMEMBERED = 1024
"""Bytes kept from the start of a file and from before the place where reading stopped. A table
that gets a wider header changes at its start, a longer JSON document before its old end."""


class Reader(Protocol):
    """Turns the bytes of one file into values of a Log, as they come.

    `feed` reads every complete record and keeps the rest for the next call: a partial record is
    not wrong, it is not there yet. `close` is called when no more will come, and reads or
    reports what is left. Neither raises for any bytes: what is no record is skipped and noted
    as a finding.
    """

    def feed(self, data: bytes) -> None: ...

    def close(self) -> None: ...


class Source(Protocol):
    """Something that is read again and again: a file, a database, a folder of files."""

    def poll(self) -> bool:
        """Read what is new into the Log; return whether anything was."""
        ...

    def close(self) -> None:
        """Say that nothing more will come."""
        ...

    def files(self) -> tuple[Path, ...]:
        """Return the files read so far."""
        ...


MakeReader = Callable[[Log, str], Reader]
"""Makes a reader that fills a Log; the text names the file in findings."""


class FileSource:
    """One file that may grow, be cut short, replaced or written anew from its start.

    `on_restart` is called before such a file is read anew. InputUnreadable when the file cannot
    be read.
    """

    def __init__(
        self, path: Path, log: Log, make: MakeReader, on_restart: Callable[[], None] | None = None
    ) -> None:
        self.path = path
        self._log = log
        self._make = make
        self._on_restart = on_restart or log.clear
        self._start()

    def _start(self) -> None:
        self._reader = self._make(self._log, printable(self.path.name))
        self._offset = 0
        self._identity: tuple[int, int] | None = None
        self._head = b""
        self._tail = b""
        self._unpack: _Gunzip | None = None

    def poll(self) -> bool:
        """Feed the reader what was appended since the last call; see Source.

        What is written while this reads is left for the next call, so that a call ends.
        """
        with open_regular(self.path) as file:
            try:
                return self._read(file)
            except OSError as error:
                where = printable(self.path)
                raise InputUnreadable(error.strerror or str(error), where=where) from error

    def _read(self, file: BinaryIO) -> bool:
        state = os.fstat(file.fileno())
        identity = (state.st_dev, state.st_ino)
        anew = self._identity is not None and not (
            self._identity == identity and state.st_size >= self._offset and self._goes_on(file)
        )
        if anew:
            self._on_restart()
            self._start()
        self._identity = identity
        begun = self._offset
        file.seek(begun)
        while chunk := file.read(min(CHUNK, state.st_size - self._offset)):
            self._take(chunk)
        return anew or self._offset > begun

    def _goes_on(self, file: BinaryIO) -> bool:
        """Tell whether what was read of the file still stands in it."""
        if file.read(len(self._head)) != self._head:
            return False
        file.seek(self._offset - len(self._tail))
        return file.read(len(self._tail)) == self._tail

    def _take(self, chunk: bytes) -> None:
        if self._offset == 0 and chunk.startswith(_GZIP):
            self._unpack = _Gunzip()
        self._offset += len(chunk)
        self._head += chunk[: _REMEMBERED - len(self._head)]
        self._tail = (self._tail + chunk[-_REMEMBERED:])[-_REMEMBERED:]
        for plain in self._unpack.feed(chunk) if self._unpack else (chunk,):
            self._reader.feed(plain)

    def close(self) -> None:
        """Tell the reader that the file is complete."""
        if self._unpack is not None and self._unpack.incomplete:
            where = printable(self.path.name)
            self._log.find(
                "incomplete record", "the compressed data ends early or is damaged", where
            )
        self._reader.close()

    def files(self) -> tuple[Path, ...]:
        """Return the file."""
        return (self.path,)


def open_regular(path: Path) -> BinaryIO:
    """Open a regular file for reading; InputUnreadable for anything else.

    Opened without blocking, so that a pipe with no writer is refused rather than waited for.
    """
    where = printable(path)
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | getattr(os, "O_CLOEXEC", 0))
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise InputUnreadable(reason, where=where) from error
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise InputUnreadable("no regular file", where=where, hint="expected a log or a run folder")
    return os.fdopen(descriptor, "rb")


class _Gunzip:
    """Decompresses in bounded pieces, several members one after another."""

    def __init__(self) -> None:
        self._engine = zlib.decompressobj(wbits=31)
        self._broken = False
        self.incomplete = False
        """Whether the data is damaged, or ends before a member does."""

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        while chunk and not self._broken:
            try:
                plain = self._engine.decompress(chunk, CHUNK)
            except zlib.error:
                self._broken = self.incomplete = True
                return
            yield plain
            chunk = self._engine.unconsumed_tail
            self.incomplete = not self._engine.eof
            if self._engine.eof:
                chunk = self._engine.unused_data
                self._engine = zlib.decompressobj(wbits=31)


class Lines:
    """Cuts fed bytes into lines without their ends; a line over MAX_RECORD is left out.

    \\n, \\r and both together end a line: progress bars rewrite theirs with \\r.
    """

    def __init__(self) -> None:
        self._rest = b""
        self._dropping = False
        self._after_return = False
        self.left_out = 0
        """Lines so far that were too long."""

    def feed(self, data: bytes) -> list[str]:
        """Return the complete lines; the rest waits for more."""
        if self._after_return and data:
            data = data.removeprefix(b"\n")  # The other half of a \r\n.
            self._after_return = False
        self._after_return = self._after_return or data.endswith(b"\r")
        text = self._rest + data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        *lines, self._rest = text.split(b"\n")
        if self._dropping and lines:
            lines = lines[1:]
            self._dropping = False
        kept = [line for line in lines if len(line) <= MAX_RECORD]
        self.left_out += len(lines) - len(kept)
        self._drop()
        return [line.decode("utf-8", "replace") for line in kept]

    def _drop(self) -> None:
        """Keep nothing of a line that is too long already."""
        if len(self._rest) > MAX_RECORD and not self._dropping:
            self._dropping = True
            self.left_out += 1
        if self._dropping:
            self._rest = b""

    def close(self) -> str:
        """Return what came after the last line end."""
        rest, self._rest = self._rest, b""
        return rest.decode("utf-8", "replace")

    def report(self, log: Log, where: str) -> None:
        """Note lines that were too long as a finding."""
        if self.left_out:
            text = f"lines over {MAX_RECORD:,} bytes: {self.left_out}"
            log.find("left out", text, where)

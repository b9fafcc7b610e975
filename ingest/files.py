"""Paths a user names -> the Markdown files below them, read as bounded plain text.

Everything here is hostile until read: links, devices, sizes, encodings.
"""

from __future__ import annotations

import codecs
import os
import re
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from kb.errors import InputUnreadable

SUFFIXES = (".md", ".markdown", ".mdown")

MAX_BYTES = 4 * 1024 * 1024
"""Largest file read, a choice: the longest method document seen is 35 KB, and notes of a big
vault stay under 1 MB."""

MAX_LINES = 100_000
"""Most lines read, a choice: a parser makes about 2 KB of an item, so that a megabyte of the
shortest items (250,000) took 0.6 GB and 13 s; this many take a quarter of either."""

MAX_LINE = 1024 * 1024
"""Longest line accepted, in characters; no prose has it."""

_CONTROL = re.compile(r"[\x00-\x08\x0b\x0e-\x1f\x7f]")
_UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


@dataclass(frozen=True, slots=True)
class Found:
    """A file to read, or why it will not be read."""

    path: Path
    error: InputUnreadable | None = None


def discover(paths: Iterable[Path]) -> Iterator[Found]:
    """Yield each Markdown file once, in a stable order; folders are searched recursively.

    Hidden folders are skipped. A link that leaves the folder it was found in, a folder that
    cannot be listed and one without any Markdown are reported.
    """
    seen: set[str] = set()
    for path in paths:
        for found in _below(path):
            key = f"{found.path}: {found.error}" if found.error else os.path.realpath(found.path)
            if key not in seen:
                seen.add(key)
                yield found


def printable(path: str | os.PathLike[str]) -> str:
    """Return a path as one line that a terminal shows and UTF-8 can hold."""
    return "".join(one if one.isprintable() else ascii(one)[1:-1] for one in os.fspath(path))


def _below(path: Path) -> Iterator[Found]:
    try:
        mode = path.stat().st_mode
    except (OSError, ValueError) as error:
        yield _refused(path, _reason(error))
        return
    if not stat.S_ISDIR(mode):
        yield Found(path)
        return
    empty = True
    for found in _inside(path):
        empty = False
        yield found
    if empty:
        yield _refused(path, "no Markdown files in this folder")


def _inside(top: Path) -> Iterator[Found]:
    """Yield what lies below a folder: files, links and folders that cannot be read."""
    root = Path(os.path.realpath(top))
    unlisted: list[OSError] = []
    for folder, folders, names in os.walk(top, onerror=unlisted.append):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        below = frozenset(folders)
        for name in sorted([*names, *below]):
            path = Path(folder) / name
            markdown = name.lower().endswith(SUFFIXES) and not name.startswith(".")
            if name in below:
                if path.is_symlink() and not _stays(path, root):
                    yield _refused(path, f"link leaves {printable(root)}, not followed")
                elif markdown:
                    yield _refused(path, "a folder, expected a file; what is in it was read")
            elif markdown:
                yield _linked(path, root) if path.is_symlink() else Found(path)
    for error in unlisted:
        yield _refused(Path(os.fsdecode(error.filename or top)), _reason(error))


def _linked(path: Path, root: Path) -> Found:
    """Return the file behind a link, if there is one and it lies below `root`."""
    if not path.exists():
        return _refused(path, "broken or cyclic link")
    if not _stays(path, root):
        return _refused(path, f"link leaves {printable(root)}, not followed")
    return Found(path)


def _stays(path: Path, root: Path) -> bool:
    return Path(os.path.realpath(path)).is_relative_to(root)


def _refused(path: Path, reason: str) -> Found:
    return Found(path, InputUnreadable(reason, where=printable(path)))


def read_text(path: Path) -> str:
    """Return the text of a regular UTF-8 file; raise InputUnreadable with one line otherwise."""
    where = printable(path)
    content = _content(path, where)
    if content.startswith(_UTF_16):
        raise InputUnreadable("UTF-16, expected UTF-8", where=where, hint="save it as UTF-8")
    if b"\0" in content:
        raise InputUnreadable("a binary file (it holds NUL bytes), expected text", where=where)
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise InputUnreadable(
            f"not UTF-8 at byte {error.start}", where=f"{where}:{line}", hint="save it as UTF-8"
        ) from error
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\f", "\n")
    control = _CONTROL.search(text)
    if control:
        line = text.count("\n", 0, control.start()) + 1
        raise InputUnreadable(
            f"control character U+{ord(control[0]):04X}, expected plain text",
            where=f"{where}:{line}",
        )
    _check_lines(text, where)
    return text


def _content(path: Path, where: str) -> bytes:
    """Return the bytes of a regular file of bounded size."""
    try:
        # Non-blocking, so that a pipe or device that was named by mistake cannot hang us.
        handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
        try:
            status = os.fstat(handle)
            if not stat.S_ISREG(status.st_mode):
                raise InputUnreadable("not a regular file", where=where)
            content = b"" if status.st_size > MAX_BYTES else _read(handle)
        finally:
            os.close(handle)
    except (OSError, ValueError) as error:
        raise InputUnreadable(_reason(error), where=where) from error
    size = max(status.st_size, len(content))
    if size > MAX_BYTES:
        raise InputUnreadable(
            f"{size / 1e6:.1f} MB, expected at most {MAX_BYTES / 1e6:.1f} MB", where=where
        )
    return content


def _read(handle: int) -> bytes:
    """Read to the end or just past the limit: a file may grow after it was measured."""
    with os.fdopen(handle, "rb", closefd=False) as stream:
        return stream.read(MAX_BYTES + 1)


def _check_lines(text: str, where: str) -> None:
    count = text.count("\n")
    if count > MAX_LINES:
        raise InputUnreadable(f"{count} lines, expected at most {MAX_LINES}", where=where)
    for number, line in enumerate(text.split("\n"), 1):
        if len(line) > MAX_LINE:
            raise InputUnreadable(
                f"a line of {len(line)} characters, expected at most {MAX_LINE}",
                where=f"{where}:{number}",
            )


def _reason(error: OSError | ValueError) -> str:
    """Return what went wrong, without the path that the message names anyway."""
    return getattr(error, "strerror", None) or str(error)

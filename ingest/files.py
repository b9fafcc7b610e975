"""Paths a user names -> the Markdown files below them, read as bounded plain text.

Everything here is hostile until read: links, devices, sizes, encodings.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from kb.errors import InputUnreadable

SUFFIXES = (".md", ".markdown", ".mdown")
MAX_BYTES = 32 * 1024 * 1024
"""Largest file read; the longest method document seen is 35 KB, a big vault's notes under 1 MB."""

MAX_LINE = 4 * 1024 * 1024
"""Longest line accepted; no prose has it, and inline parsing costs more than linear time."""

_CONTROL = re.compile(r"[\x00-\x08\x0b\x0e-\x1f\x7f]")


@dataclass(frozen=True, slots=True)
class Found:
    """A file to read, or why it will not be read."""

    path: Path
    error: InputUnreadable | None = None


def discover(paths: Iterable[Path]) -> Iterator[Found]:
    """Yield each Markdown file once, in a stable order; folders are searched recursively.

    Hidden folders are skipped, and a link that leaves the folder it was found in is reported
    rather than followed.
    """
    seen: set[Path] = set()
    for path in paths:
        for found in _below(path):
            key = found.path if found.error else found.path.resolve()
            if key not in seen:
                seen.add(key)
                yield found


def _below(path: Path) -> Iterator[Found]:
    try:
        mode = path.stat().st_mode
    except OSError as error:
        yield Found(path, InputUnreadable(_reason(error), where=str(path)))
        return
    if not stat.S_ISDIR(mode):
        yield Found(path)
        return
    root = path.resolve()
    for folder, folders, names in os.walk(path):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            if name.lower().endswith(SUFFIXES) and not name.startswith("."):
                yield _inside(Path(folder) / name, root)


def _inside(path: Path, root: Path) -> Found:
    if path.is_symlink():
        try:
            target = path.resolve(strict=True)
        except (OSError, RuntimeError) as error:
            return Found(path, InputUnreadable(f"broken or cyclic link: {error}", where=str(path)))
        if not target.is_relative_to(root):
            return Found(path, InputUnreadable(f"link leaves {root}", where=str(path)))
    return Found(path)


def read_text(path: Path) -> str:
    """Return the text of a regular UTF-8 file; raise InputUnreadable with one line otherwise."""
    where = str(path)
    try:
        # Non-blocking, so that a pipe or device that was named by mistake cannot hang us.
        handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
    except OSError as error:
        raise InputUnreadable(_reason(error), where=where) from error
    with os.fdopen(handle, "rb") as stream:
        status = os.fstat(stream.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise InputUnreadable("not a regular file", where=where)
        if status.st_size > MAX_BYTES:
            raise InputUnreadable(
                f"{status.st_size / 1e6:.0f} MB, expected at most {MAX_BYTES / 1e6:.0f} MB",
                where=where,
            )
        content = stream.read(MAX_BYTES + 1)
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
    for number, line_text in enumerate(text.split("\n"), 1):
        if len(line_text) > MAX_LINE:
            raise InputUnreadable(
                f"a line of {len(line_text)} characters, expected at most {MAX_LINE}",
                where=f"{where}:{number}",
            )
    return text


def _reason(error: OSError) -> str:
    return error.strerror or str(error)

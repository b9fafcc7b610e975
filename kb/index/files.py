"""An index on disk: written whole or not at all, checked before it is used, never repaired.

One folder per identity inside the cache folder, so what fits is found by its name. Files are
checked by size, and by checksum only if their time differs from the one noted when they were
written: reading 200 MB twice would cost more than the query.
"""

from __future__ import annotations

import json
import shutil
import sqlite3
import tempfile
import time
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any, Final

import numpy as np

from kb.index import dense
from kb.index.build import Identity, Parts
from kb.index.lexical import Lexical
from kb.index.table import Table

MANIFEST: Final = "manifest.json"
DENSE: Final = "dense.faiss"
VECTORS: Final = "vectors.npy"
LEXICAL: Final = "lexical.npz"
TABLE: Final = "table.npz"

KEPT: Final = 2
"""Folders left after a build: two programs with different settings need not rebuild in turns."""

_LOCK_SECONDS: Final = 600.0
_ABANDONED_SECONDS: Final = 3600.0
_TEMPORARY: Final = "building-"
_REPLACED: Final = "-replaced"

_UNREADABLE = (OSError, ValueError, KeyError, TypeError, EOFError, RuntimeError, MemoryError)


class UnusableError(Exception):
    """There is no index of this identity, or one that cannot be trusted; says why."""


def load(directory: Path, identity: Identity) -> Parts:
    """Return the index of this identity, vectors mapped; raise UnusableError if it is not whole."""
    home = directory / identity.key()
    try:
        if not home.is_dir():
            raise UnusableError(
                "there is none yet" if not _homes(directory) else "something changed"
            )
        n_units = _checked(home, identity)
        with np.load(home / LEXICAL, allow_pickle=False) as arrays:
            lexical = Lexical(**{key: arrays[key] for key in arrays}, n_units=n_units)
        with np.load(home / TABLE, allow_pickle=False) as arrays:
            table = Table(**{key: arrays[key] for key in arrays})
        parts = Parts(table, lexical, _mapped(home / VECTORS), dense.read(home / DENSE))
    except (*_UNREADABLE, zipfile.BadZipFile, zlib.error) as error:
        raise UnusableError(f"it is damaged ({error})") from error
    return parts


def save(directory: Path, identity: Identity, parts: Parts) -> None:
    """Write the index beside its place, then move it there in one step; raise OSError."""
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    building = Path(tempfile.mkdtemp(prefix=_TEMPORARY, dir=directory))
    try:
        np.save(building / VECTORS, parts.vectors)
        np.savez(building / LEXICAL, **_arrays(parts.lexical))
        np.savez(building / TABLE, **_arrays(parts.table))
        dense.write(parts.dense, building / DENSE)
        _write_manifest(building, identity, parts)
        home = directory / identity.key()
        if home.exists():  # damaged, or it would have been loaded
            home.rename(directory / (building.name + _REPLACED))
        building.rename(home)
    except BaseException:
        shutil.rmtree(building, ignore_errors=True)
        raise
    _prune(directory, home)


@contextmanager
def locked(directory: Path, notify: Callable[[str], None]) -> Iterator[None]:
    """Let one process at a time build; raise OSError when the folder cannot be written.

    SQLite's lock works everywhere and ends with its process. After ten minutes the next one
    builds all the same, which wastes time but harms nothing.
    """
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        lock = sqlite3.connect(directory / "lock", timeout=0, isolation_level=None)
    except sqlite3.Error as error:
        raise OSError(str(error)) from error
    try:
        _wait_for(lock, notify)
        yield
    finally:
        lock.close()


def _wait_for(lock: sqlite3.Connection, notify: Callable[[str], None]) -> None:
    """Take the lock, or give up waiting."""
    deadline = time.monotonic() + _LOCK_SECONDS
    told = False
    while time.monotonic() < deadline:
        try:
            lock.execute("BEGIN EXCLUSIVE")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY:
                raise OSError(str(error)) from error
        except sqlite3.Error as error:
            raise OSError(str(error)) from error
        if not told:
            notify("another process is building the search index; waiting for it")
            told = True
        time.sleep(0.05)


def _checked(home: Path, identity: Identity) -> int:
    """Return the number of units, or raise ValueError for a file that is not as written."""
    manifest = json.loads((home / MANIFEST).read_text(encoding="utf-8"))
    if manifest["identity"] != json.loads(json.dumps(asdict(identity))):
        raise ValueError("the manifest is of another index")
    for name, expected in manifest["files"].items():
        status = (home / name).stat()
        if status.st_size != expected["bytes"]:
            raise ValueError(f"{name} has {status.st_size} bytes, not {expected['bytes']}")
        if status.st_mtime_ns != expected["mtime_ns"] and _crc(home / name) != expected["crc32"]:
            raise ValueError(f"{name} has another checksum")
    return int(manifest["units"])


def _write_manifest(building: Path, identity: Identity, parts: Parts) -> None:
    described = {
        path.name: {
            "bytes": path.stat().st_size,
            "crc32": _crc(path),
            "mtime_ns": path.stat().st_mtime_ns,
        }
        for path in sorted(building.iterdir())
    }
    manifest = {"identity": asdict(identity), "units": parts.lexical.n_units, "files": described}
    text = json.dumps(manifest, indent=1) + "\n"
    (building / MANIFEST).write_text(text, encoding="utf-8")


def _arrays(record: Lexical | Table) -> dict[str, Any]:
    """Return the fields of a record that are arrays, by name."""
    values = {field.name: getattr(record, field.name) for field in fields(record)}
    return {name: value for name, value in values.items() if isinstance(value, np.ndarray)}


def _mapped(path: Path) -> Any:
    """Return the vectors, read page by page when needed; an empty file cannot be mapped."""
    try:
        return np.load(path, mmap_mode="r", allow_pickle=False)
    except ValueError:
        return np.load(path, allow_pickle=False)


def _crc(path: Path) -> int:
    """Return the CRC-32 of a file, read in pieces."""
    checksum = 0
    with path.open("rb") as stream:
        while piece := stream.read(1 << 20):
            checksum = zlib.crc32(piece, checksum)
    return checksum


def _homes(directory: Path) -> list[Path]:
    """Return the folders of finished indexes, newest first."""
    if not directory.is_dir():
        return []
    found = [one for one in directory.iterdir() if (one / MANIFEST).is_file()]
    finished = [one for one in found if not one.name.startswith(_TEMPORARY)]
    return sorted(finished, key=lambda one: one.stat().st_mtime_ns, reverse=True)


def _prune(directory: Path, current: Path) -> None:
    """Remove indexes that nothing will ask for, and what a killed process left."""
    unwanted = [one for one in _homes(directory) if one != current][KEPT - 1 :]
    now = time.time()
    for one in directory.glob(f"{_TEMPORARY}*"):
        if one.name.endswith(_REPLACED) or now - one.stat().st_mtime > _ABANDONED_SECONDS:
            unwanted.append(one)
    for one in unwanted:
        shutil.rmtree(one, ignore_errors=True)

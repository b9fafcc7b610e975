"""A folder -> the files in it that may be logs, within bounds."""

from __future__ import annotations

import os
import re
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path, PurePath

from ingest.runs.layout import DATABASES, is_event_file

MAX_DEPTH = 6
"""Folders below the given one that are looked into, a choice: `outputs/day/time/wandb/run/files`
is five."""

MAX_FILES = 20_000
"""Entries looked at, a choice: 1,000 runs with 20 files each."""

_NO_LOGS = frozenset(
    """
    pt pth ckpt bin safetensors npy npz pkl pickle joblib h5 hdf5 mat parquet arrow feather onnx
    pb tflite engine png jpg jpeg gif bmp webp svg tif tiff pdf mp4 avi mov wav mp3 flac zip tar
    tgz bz2 xz 7z zst so o a dll whl egg py pyc pyx ipynb sh bash c cc cpp cu h hpp js ts css html
    htm md rst tex bib toml cfg ini yaml yml xml lock patch diff sqlite-wal db-wal db-shm
    sqlite-shm
    """.split()
)
"""Suffixes of files that are no logs whatever is in them."""

_SKIPPED = frozenset(("__pycache__", "node_modules", "site-packages"))
_MLFLOW = re.compile(r"metrics|params|tags|artifacts|[0-9a-f]{32}")
_WANDB = re.compile(r"(?:offline-)?run-")
_LINKS = "links out of the folder"


@dataclass(frozen=True, slots=True)
class Seen:
    """A file: where, how many bytes, and when it was written, in seconds since the epoch."""

    path: Path
    size: int
    modified: float


@dataclass(slots=True)
class Walk:
    """What lies in a folder.

    `files` may be logs; `stores` are databases and folders that hold many runs. `others` counts
    the rest by suffix, and `cut` tells that the folder has more than was looked at.
    """

    files: list[Seen] = field(default_factory=list)
    stores: list[Path] = field(default_factory=list)
    others: Counter[str] = field(default_factory=Counter)
    cut: bool = False
    _entries: int = 0

    def told(self) -> str:
        """Return what was found instead of logs, in words."""
        names = [f"{count} {name}" for name, count in self.others.most_common(4)]
        names += [f"{len(self.files)} of other kinds"] if self.files and names else []
        return ", ".join(names) or (f"{len(self.files)} files" if self.files else "no files")


def walk(top: Path) -> Walk:
    """Return what lies below a folder; hidden folders and links that leave it are passed over."""
    found = Walk()
    root = os.path.realpath(top)
    level = [root]
    for depth in range(MAX_DEPTH + 1):
        below: list[str] = []
        for folder in level:
            below += _look(folder, root, found)
        found.cut = found.cut or (depth == MAX_DEPTH and bool(below))
        level = below
    return found


def _look(folder: str, root: str, found: Walk) -> list[str]:
    """Add what stands right in a folder; return the folders to look into next."""
    below: list[str] = []
    held: list[os.DirEntry[str]] = []
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if found._entries >= MAX_FILES:
                    found.cut = True
                    break
                found._entries += 1
                held.append(entry)
    except OSError:
        return below
    if _is_store(folder, [entry.name for entry in held]):
        found.stores.append(Path(folder))
        return below
    for entry in sorted(held, key=lambda one: one.name):
        if entry.name.startswith(".") or entry.name in _SKIPPED:
            continue
        try:
            if entry.is_dir(follow_symlinks=False):
                below.append(entry.path)
            elif not entry.is_symlink() or _stays(entry, root, found):
                _add(entry, found)
        except OSError:
            continue
    return below


def _is_store(folder: str, names: list[str]) -> bool:
    """Tell whether a folder is an experiment or a run of MLflow, or a run of W&B."""
    if "meta.yaml" in names:
        return any(_MLFLOW.fullmatch(name) for name in names)
    if _WANDB.match(Path(folder).name) is None:
        return False
    summary = Path(folder, "files", "wandb-summary.json")
    return any(name.endswith(".wandb") for name in names) or summary.is_file()


def _stays(entry: os.DirEntry[str], root: str, found: Walk) -> bool:
    """Tell whether a link leads to a file below `root`; links to folders there are seen anyway."""
    target = os.path.realpath(entry.path)
    if not target.startswith(root + os.sep):
        found.others[_LINKS] += 1
        return False
    return entry.is_file()


def _add(entry: os.DirEntry[str], found: Walk) -> None:
    suffix = PurePath(entry.name).suffix.lower().lstrip(".")
    if f".{suffix}" in DATABASES:
        found.stores.append(Path(entry.path))
    elif suffix in _NO_LOGS and not is_event_file(entry.name):
        found.others[f".{suffix}"] += 1
    elif entry.is_file():
        state = entry.stat()
        found.files.append(Seen(Path(entry.path), state.st_size, state.st_mtime))

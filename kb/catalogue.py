"""The catalogue as files: all entries of a folder, for lint, status and the bundle.

Queries never come here; they read the bundle that was made from these files.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from kb.entry_reader import EntryFile, read_entry
from kb.paths import CATALOGUE


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Entry files in the order of their ids."""

    files: tuple[EntryFile, ...]

    @classmethod
    def from_directory(cls, directory: Path = CATALOGUE) -> Catalogue:
        """Read every entry below `directory`; faults stay in each file's `problems`."""
        return cls.from_paths(sorted(directory.glob("*/*.md")), root=directory.parent.parent)

    @classmethod
    def from_paths(cls, paths: Iterable[Path], *, root: Path | None = None) -> Catalogue:
        """Read the given files; paths are shown relative to `root` where they lie below it."""
        return cls(tuple(read_entry(path, shown_as=_shown(path, root)) for path in paths))

    def __iter__(self) -> Iterator[EntryFile]:
        return iter(self.files)

    def __len__(self) -> int:
        return len(self.files)


def _shown(path: Path, root: Path | None) -> str:
    if root is not None and path.is_relative_to(root):
        return path.relative_to(root).as_posix()
    return str(path)

"""`python -m kb.status`: set every entry's status from the evidence files, never by hand."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from pathlib import Path

from kb.catalogue import Catalogue
from kb.evidence import Reference, read_references
from kb.paths import CATALOGUE
from kb.types import Entry, Status

_STATUS_LINE = re.compile(r"^status: .*$", re.MULTILINE)


def earned_status(entry: Entry, references: Mapping[str, Reference]) -> Status:
    """Return the status that the evidence supports.

    An entry is documented when it has references and each of them was opened.
    """
    if entry.references and all(name in references for name in entry.references):
        return "documented"
    return "draft"


def set_statuses(directory: Path = CATALOGUE) -> list[str]:
    """Rewrite the status line of each entry that differs from what it has earned; say which."""
    references = read_references()
    changes: list[str] = []
    for file in Catalogue.from_directory(directory):
        status = earned_status(file.entry, references)
        path = directory.parent.parent / file.document.path
        written, count = _STATUS_LINE.subn(f"status: {status}", file.document.text, count=1)
        if count and written != file.document.text:
            path.write_text(written, encoding="utf-8")
            changes.append(f"{file.entry.id}: {file.entry.status} -> {status}")
    return changes


def main() -> int:
    """Set the status of every entry of the catalogue."""
    for change in set_statuses():
        sys.stdout.write(f"{change}\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

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


def main() -> int:
    """Rewrite the status line of each entry that differs from what it has earned."""
    references = read_references()
    for file in Catalogue.from_directory(CATALOGUE):
        status = earned_status(file.entry, references)
        if status != file.entry.status:
            path = CATALOGUE / f"{file.entry.id}.md"
            text = path.read_text(encoding="utf-8")
            Path(path).write_text(_STATUS_LINE.sub(f"status: {status}", text, count=1), "utf-8")
            sys.stdout.write(f"{file.entry.id}: {file.entry.status} -> {status}\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

"""A run's folder as `ssl-doctor` reads it: config.json and one JSON line a record."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TextIO

METRICS = "metrics.jsonl"
CONFIG = "config.json"


class RunLog:
    """Appends records to `folder`/metrics.jsonl; a resumed run goes on in the same file.

    NaN and infinity are written as such: they are findings, not errors.
    """

    def __init__(self, folder: Path, config: Mapping[str, object]) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        if config:
            text = json.dumps(dict(config), indent=2, default=str)
            (folder / CONFIG).write_text(f"{text}\n", encoding="utf-8")
        path = folder / METRICS
        self._file: TextIO = path.open("a", encoding="utf-8")
        if path.stat().st_size and not _ends_whole(path):
            self._file.write("\n")

    def write(self, record: Mapping[str, float]) -> None:
        """Append one record and hand it to the system, so that a follower sees it at once."""
        self._file.write(json.dumps(record) + "\n")
        self._file.flush()

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def _ends_whole(path: Path) -> bool:
    """Tell whether the last line is complete; a killed run may leave half of one."""
    with path.open("rb") as file:
        file.seek(-1, 2)
        return file.read(1) == b"\n"

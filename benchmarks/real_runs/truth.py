"""What is known of each kept run: one JSON line each in `truth.jsonl`, beside the runs.

A line holds `run` (the folder), `format` (the logger), `method`, `healthy`, `what`, `labels`
(taxonomy id to grade) and `check` (what was measured at the start and at the end).
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

RUNS = Path(__file__).parents[1] / "data" / "real_runs"

Line = dict[str, Any]


def truths(folder: Path) -> dict[str, Line]:
    """Return the lines of `folder`'s truth.jsonl by run, of the runs whose logs are there."""
    path = folder / "truth.jsonl"
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    found = {line["run"]: line for line in map(json.loads, text.splitlines())}
    return {name: line for name, line in found.items() if (folder / name).is_dir()}


def write_truths(folder: Path, lines: dict[str, Line]) -> None:
    """Write the lines, sorted by run."""
    text = "".join(json.dumps(lines[name], ensure_ascii=False) + "\n" for name in sorted(lines))
    (folder / "truth.jsonl").write_text(text, encoding="utf-8")

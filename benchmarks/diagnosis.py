"""Score the diagnosis of runs whose truth is known.

    python -m benchmarks.diagnosis DIR [--json OUT]

DIR holds one folder for each run and a truth.jsonl of lines {"run", "healthy", "labels": {entry:
grade}}; several such folders may lie below it. Printed: verdict accuracy, false alarms, how often
a label of grade 2 comes first and among the first three, seconds per run, peak memory.
"""

from __future__ import annotations

import argparse
import json
import platform
import resource
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tqdm import tqdm

from assistant.engine import diagnose
from ingest import open_run
from kb.errors import SslDoctorError


@dataclass
class Scored:
    """One run: what was expected, what came out."""

    name: str
    format: str
    healthy: bool
    labels: dict[str, int]
    verdict: str
    named: list[str] = field(default_factory=list)
    seconds: float = 0.0
    error: str = ""

    def rank_of(self, grade: int) -> int | None:
        """Return the 1-based place of the first label of at least `grade`."""
        for place, name in enumerate(self.named, 1):
            if self.labels.get(name, 0) >= grade:
                return place
        return None


def truths(directory: Path) -> Iterator[tuple[Path, dict[str, object]]]:
    """Yield (run folder, truth) for every truth.jsonl at or below `directory`."""
    for path in sorted(directory.rglob("truth.jsonl")):
        for line in path.read_text(encoding="utf-8").splitlines():
            truth = json.loads(line)
            yield path.parent / truth["run"], truth


def score(directory: Path) -> list[Scored]:
    """Diagnose every run below `directory`."""
    found: list[Scored] = []
    items = list(truths(directory))
    if items:
        _judge(items[0][0])  # what is loaded once is no run's cost
    for path, truth in tqdm(items, unit="run", disable=not sys.stderr.isatty()):
        labels = truth.get("labels") or {}
        assert isinstance(labels, dict)
        started = time.perf_counter()
        verdict, named, error = _judge(path)
        found.append(
            Scored(
                str(path.relative_to(directory)),
                str(truth.get("format", "")),
                bool(truth["healthy"]),
                labels,
                verdict,
                named,
                time.perf_counter() - started,
                error,
            )
        )
    return found


def _judge(path: Path) -> tuple[str, list[str], str]:
    try:
        answer = diagnose(open_run(path))
    except SslDoctorError as error:
        return "unread", [], str(error)
    return answer.verdict or "undecided", [one.entry.id for one in answer.diagnoses], ""


def _right(one: Scored) -> bool:
    return one.verdict == ("healthy" if one.healthy else "sick")


def summary(scored: list[Scored]) -> dict[str, object]:
    """Return the scores as plain JSON types."""
    well = [one for one in scored if one.healthy]
    ill = [one for one in scored if not one.healthy]
    right = [one for one in scored if _right(one)]
    times = sorted(one.seconds for one in scored)
    per_label: dict[str, list[int]] = defaultdict(lambda: [0, 0, 0])
    for one in ill:
        for name, grade in one.labels.items():
            if grade == 2:
                per_label[name][0] += 1
                per_label[name][1] += one.rank_of(2) == 1
                per_label[name][2] += one.verdict == "sick"
    return {
        "runs": len(scored),
        "verdict_right": len(right),
        "false_alarms": sum(one.verdict == "sick" for one in well),
        "healthy": len(well),
        "healthy_said_healthy": sum(one.verdict == "healthy" for one in well),
        "faulty": len(ill),
        "faulty_said_sick": sum(one.verdict == "sick" for one in ill),
        "grade2_first": sum(one.rank_of(2) == 1 for one in ill),
        "grade2_in_three": sum((one.rank_of(2) or 9) <= 3 for one in ill),
        "any_label_first": sum(one.rank_of(1) == 1 for one in ill),
        "unread": sum(one.verdict == "unread" for one in scored),
        "seconds_median": times[len(times) // 2] if times else 0.0,
        "seconds_max": times[-1] if times else 0.0,
        "peak_memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "per_label": dict(sorted(per_label.items())),
        "environment": f"{platform.platform()}, Python {platform.python_version()}",
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("directory", type=Path)
    parser.add_argument("--json", type=Path, help="write the scores and every run's outcome")
    parser.add_argument("--all", action="store_true", help="print every run, not the wrong ones")
    parser.add_argument("--least", type=int, default=0, help="fail below so many right verdicts")
    parser.add_argument("--no-false-alarm", action="store_true", help="fail on a false alarm")
    args = parser.parse_args()
    scored = score(args.directory)
    if not scored:
        raise SystemExit(f"{args.directory}: no truth.jsonl at or below it")
    for one in scored:
        if args.all or not _right(one) or (not one.healthy and one.rank_of(2) != 1):
            wanted = [name for name, grade in one.labels.items() if grade == 2]
            print(f"{one.name:<28} {one.verdict:<9} {one.named[:3]} wanted {wanted} {one.error}")
    result = summary(scored)
    for name, value in result.items():
        if name != "per_label":
            print(f"{name:<22} {value:.4g}" if isinstance(value, float) else f"{name:<22} {value}")
    if args.json:
        runs = [
            {"run": one.name, "verdict": one.verdict, "named": one.named, "seconds": one.seconds}
            for one in scored
        ]
        args.json.write_text(json.dumps(result | {"each": runs}, indent=1) + "\n")
    if sum(map(_right, scored)) < args.least:
        raise SystemExit(f"fewer than {args.least} verdicts are right")
    if args.no_false_alarm and any(one.healthy and one.verdict == "sick" for one in scored):
        raise SystemExit("a healthy run was called sick")


if __name__ == "__main__":
    main()

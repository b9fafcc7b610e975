"""Score four published log checkers on runs whose truth is known.

    python -m benchmarks.rivals DIR --python PATH_TO_RIVALS_PYTHON [--json OUT]

DIR is laid out as for benchmarks.diagnosis. Each tool is called on the run's own log and on the
same values as a CSV table under names it documents; its answer is that on its own log, or that on
the table where it has no reader for the log or finds no training loss in it. A run is flagged
when the tool says anything at its own level of warning or worse; lesser notes are counted apart.
A fault is named when any finding, note, cause or fix holds one of the run's terms in
benchmarks/data/rival_terms.json. The counts that begin with "best" choose the better of the two
answers for each run with the truth at hand: an upper bound.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tqdm import tqdm

from benchmarks.diagnosis import truths
from benchmarks.rival_table import write_table
from benchmarks.rival_tools import NAMES, RIVALS, Given, Rival, Said, answer_of
from ingest import open_run
from kb.run import Run

TERMS = Path(__file__).parent / "data" / "rival_terms.json"
SHORT = 600
_SECONDS = 120


@dataclass(frozen=True, slots=True)
class Answer:
    """What one tool printed about one run by one route; `said` is None where it could not read."""

    route: str
    command: str
    printed: str
    said: list[Said] | None

    @property
    def flagged(self) -> bool:
        return any(one.level == "alarm" for one in self.said or ())


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one tool made of one run, by the first route it could read.

    `says` holds (level, finding), `printed` the words of the findings or, without any, what was
    printed, cut at SHORT characters. `best_flagged` and `best_named` give the tool the better of
    both routes: one that flags or names a fault, one that is silent on a healthy run.
    """

    run: str
    healthy: bool
    route: str
    command: str
    flagged: bool
    noted: bool
    named: list[str]
    best_flagged: bool
    best_named: bool
    says: list[tuple[str, str]]
    printed: str


def terms_of(run: str, table: Any) -> list[str]:
    """Return the terms that count as naming the fault of `run`, "folder/run"."""
    groups = table["runs"][run]["groups"]
    return sorted({term for group in groups for term in table["groups"][group]["terms"]})


def named_in(text: str, terms: Sequence[str]) -> list[str]:
    """Return the terms that stand as whole words in `text`, in whatever case."""
    low = text.lower()
    return [
        term for term in terms if re.search(rf"(?<![a-z0-9_]){re.escape(term)}(?![a-z0-9_])", low)
    ]


def outcome_of(run: str, healthy: bool, answers: Sequence[Answer], terms: Sequence[str]) -> Outcome:
    """Return the outcome of `answers`, one for each route in the order of preference."""
    read = [one for one in answers if one.said is not None]
    used = read[0] if read else answers[-1]
    named = [named_in(_words(one), terms) for one in read]
    flags = [one.flagged for one in read]
    return Outcome(
        run=run,
        healthy=healthy,
        route=used.route if read else "unread",
        command=used.command,
        flagged=used.flagged,
        noted=bool(used.said),
        named=named[0] if read else [],
        best_flagged=bool(flags) and (all(flags) if healthy else any(flags)),
        best_named=any(named),
        says=[(one.level, one.name) for one in used.said or ()],
        printed=(_words(used) or used.printed)[:SHORT],
    )


def _words(answer: Answer) -> str:
    return "\n".join(one.text for one in answer.said or ())


def ask(rival: Rival, python: Path, folder: Path, run: Run) -> list[Answer]:
    """Call `rival` on the run's own log, if it has a reader for it, and on the table of it."""
    answers = []
    with tempfile.TemporaryDirectory() as made:
        for route, given in _given(folder, run, Path(made)):
            arguments = rival.arguments(given)
            if arguments is not None:
                printed, errors = _call(python, [rival.module, *arguments])
                command = _shown(" ".join(["python -m", rival.module, *arguments]), made)
                shown = _shown(" ".join((printed or errors).split()), made)
                answers.append(Answer(route, command, shown, answer_of(rival, printed)))
    return answers


def _given(folder: Path, run: Run, made: Path) -> Iterator[tuple[str, Given]]:
    yield "own log", Given.of(folder, run)
    table = made / "metrics.csv"
    write_table(run, table)
    names = {ours: name for ours, name in NAMES.items() if ours in run.series}
    yield "table", Given(table, [table], "csv", names)


def _shown(text: str, made: str) -> str:
    return text.replace(made, "TABLE").replace(f"{Path.cwd()}/", "")


def _call(python: Path, arguments: list[str]) -> tuple[str, str]:
    done = subprocess.run(
        [str(python), "-m", *arguments],
        capture_output=True,
        text=True,
        timeout=_SECONDS,
        check=False,
        env=os.environ | {"NO_COLOR": "1", "OMP_NUM_THREADS": "1"},
    )
    return done.stdout, done.stderr


def versions(python: Path) -> dict[str, str]:
    """Return the versions of the tools, and of Python, in the environment of `python`."""
    names = [one.name for one in RIVALS]
    code = (
        "import importlib.metadata as m, json, platform, sys;"
        "print(json.dumps({n: m.version(n) for n in sys.argv[1:]}"
        " | {'python': platform.python_version()}))"
    )
    printed = subprocess.run(
        [str(python), "-c", code, *names], capture_output=True, text=True, check=True
    )
    found: dict[str, str] = json.loads(printed.stdout)
    return found


def totals(outcomes: Sequence[Outcome]) -> dict[str, int]:
    """Return the counts of one tool."""
    well = [one for one in outcomes if one.healthy]
    ill = [one for one in outcomes if not one.healthy]
    return {
        "runs": len(outcomes),
        "read": sum(one.route != "unread" for one in outcomes),
        "read_own_log": sum(one.route == "own log" for one in outcomes),
        "faulty": len(ill),
        "flagged": sum(one.flagged for one in ill),
        "flagged_or_noted": sum(one.noted for one in ill),
        "named": sum(bool(one.named) for one in ill),
        "healthy": len(well),
        "false_alarms": sum(one.flagged for one in well),
        "false_alarms_or_notes": sum(one.noted for one in well),
        "best_flagged": sum(one.best_flagged for one in ill),
        "best_named": sum(one.best_named for one in ill),
        "best_false_alarms": sum(one.best_flagged for one in well),
    }


def score(directory: Path, python: Path) -> dict[str, list[Outcome]]:
    """Return every tool's outcomes on the runs at or below `directory`."""
    table = json.loads(TERMS.read_text(encoding="utf-8"))
    found: dict[str, list[Outcome]] = {one.name: [] for one in RIVALS}
    items = list(truths(directory))
    names = [f"{folder.parent.name}/{folder.name}" for folder, _ in items]
    lost = [
        name
        for name, (_, truth) in zip(names, items, strict=True)
        if not truth["healthy"] and name not in table["runs"]
    ]
    if lost:
        raise SystemExit(f"{TERMS}: no terms for {', '.join(lost)}; add what names each fault")
    pairs = zip(names, items, strict=True)
    for name, (folder, truth) in tqdm(pairs, total=len(items), disable=not sys.stderr.isatty()):
        healthy = bool(truth["healthy"])
        terms = [] if healthy else terms_of(name, table)
        run = open_run(folder)
        for rival in RIVALS:
            answers = ask(rival, python, folder, run)
            found[rival.name].append(outcome_of(name, healthy, answers, terms))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("directory", type=Path)
    parser.add_argument("--python", type=Path, required=True, help="Python that has the four tools")
    parser.add_argument("--json", type=Path, help="write totals and every run's outcome")
    args = parser.parse_args()
    outcomes = score(args.directory, args.python)
    if not any(outcomes.values()):
        raise SystemExit(f"{args.directory}: no truth.jsonl at or below it")
    sums = {name: totals(ones) for name, ones in outcomes.items()}
    for name, counts in sums.items():
        print(name, *(f"{key}={value}" for key, value in counts.items()))
    if args.json:
        result = {
            "command": f"python -m benchmarks.rivals {args.directory} --python RIVALS_PYTHON",
            "date": time.strftime("%Y-%m-%d"),
            "environment": f"{platform.platform()}, Python {platform.python_version()}",
            "versions": versions(args.python),
            "called": {one.name: one.used for one in RIVALS},
            "totals": sums,
            "runs": {name: [asdict(one) for one in ones] for name, ones in outcomes.items()},
        }
        args.json.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

"""How long does an answer take? Cold, first ever, warm, and with up to 100,000 entries.

    python -m benchmarks.latency [--quick] [--only first cold warm scale] [--sizes 250 10000]

first  one question with empty caches: the model is exported, the index built
cold   the command in new processes, in turns with `--help` and with the same question through
       sentence-transformers and FAISS (benchmarks/plain_search.py); files are in the page cache
warm   `assistant.query` in one process, development queries repeated and shuffled
scale  the same with made-up entries in the user's store (benchmarks/synthetic.py), and whether
       the index still finds what exact search finds

Everything runs in temporary XDG folders. Writes benchmarks/results/latency.json, of which
`--only` and `--sizes` replace what they measured.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmarks.index_choice import environment

ROOT = Path(__file__).resolve().parents[1]
RESULT = ROOT / "benchmarks" / "results" / "latency.json"
PLAIN = ROOT / "benchmarks" / "plain_search.py"
COMMAND = Path(sys.executable).with_name("ssl-doctor")
QUESTION = "loss stuck at 4.14"
PARTS = ("first", "cold", "warm", "scale")

COLD_RUNS, PLAIN_RUNS = 11, 5
WARM_REPEATS, SCALE_REPEATS = 3, 3
"""Times 196 development queries."""

BARS = {
    "first_s": 20.0,
    "cold_share_of_plain": 1 / 6,
    "help_s": 0.15,
    "p50_ms": 15.0,
    "p99_ms": 40.0,
    "scale_p50_ms": 40.0,
    "scale_peak_mb": 1500.0,
    "scale_ndcg_kept": 0.99,
}
"""What the project promises; those of scale are for 100,000 entries."""


class Home:
    """Temporary data and cache folders that processes started here use instead of the user's."""

    def __init__(self, folder: Path, models: Path | None = None) -> None:
        """Make the folders; `models` are exports to share with another home."""
        self.folder = folder
        self.cache = folder / "cache" / "ssl-doctor"
        self.cache.mkdir(parents=True)
        (folder / "data").mkdir()
        if models is not None:
            (self.cache / "models").symlink_to(models)
        self._environment = os.environ | {
            "XDG_CACHE_HOME": str(folder / "cache"),
            "XDG_DATA_HOME": str(folder / "data"),
            "HF_HUB_OFFLINE": "1",
        }
        self._environment.pop("SSL_DOCTOR_MODEL", None)

    @property
    def models(self) -> Path:
        """Where this home keeps the exported model."""
        return self.cache / "models"

    def seconds(self, *command: object) -> float:
        """Return the wall time of a command that must succeed and print something."""
        started = time.perf_counter()
        done = self._run(*command)
        seconds = time.perf_counter() - started
        if not done.stdout.strip():
            raise RuntimeError(f"{command} printed nothing")
        return seconds

    def step(self, name: str, number: int = 1) -> Any:
        """Return what a step of benchmarks.latency_steps reports, run in a new process."""
        command = (sys.executable, "-m", "benchmarks.latency_steps", name, number)
        return json.loads(self._run(*command).stdout.splitlines()[-1])

    def _run(self, *command: object) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [str(part) for part in command],
            cwd=ROOT,
            env=self._environment,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(f"{command} ended with {done.returncode}: {done.stderr[-2000:]}")
        return done


def measure_first(home: Home) -> dict[str, Any]:
    """Answer once with empty caches."""
    return {"first_s": round(home.seconds(COMMAND, QUESTION), 2)}


def measure_cold(home: Home, quick: bool) -> dict[str, Any]:
    """Run our command, its help and the plain script in turns, so that all meet the same load."""
    plain = home.step("export")
    home.seconds(COMMAND, QUESTION)  # the index is built, everything is in the page cache
    script = (sys.executable, PLAIN, plain["model"], plain["vectors"], plain["texts"], QUESTION)
    home.seconds(*script)
    runs, plain_runs = (5, 2) if quick else (COLD_RUNS, PLAIN_RUNS)
    times: dict[str, list[float]] = {"cold": [], "help": [], "plain": []}
    for turn in range(runs):
        times["cold"].append(home.seconds(COMMAND, QUESTION))
        times["help"].append(home.seconds(COMMAND, "--help"))
        if turn % 2 and len(times["plain"]) < plain_runs:
            times["plain"].append(home.seconds(*script))
    medians = {name: statistics.median(values) for name, values in times.items()}
    return {
        "entries": plain["entries"],
        "passages": plain["passages"],
        **{f"{name}_s": round(value, 3) for name, value in medians.items()},
        **{f"{name}_all_s": [round(one, 3) for one in values] for name, values in times.items()},
        "cold_share_of_plain": round(medians["cold"] / medians["plain"], 4),
    }


def measure_warm(home: Home, quick: bool) -> dict[str, Any]:
    """Ask in one process, with the bundled entries alone."""
    home.step("build")
    return dict(home.step("ask", 1 if quick else WARM_REPEATS))


def measure_scale(home: Home, entries: int, bundled: int, quick: bool) -> dict[str, Any]:
    """Fill a user's store up to so many entries in all, build, ask, compare with exact search."""
    made_up = max(entries - bundled, 0) if entries < 1000 else entries
    record: dict[str, Any] = {"entries": bundled + made_up, "made_up": made_up}
    if made_up:
        record |= home.step("fill", made_up)
    record |= home.step("build")
    record |= home.step("ask", 1 if quick else SCALE_REPEATS)
    record |= home.step("agree")
    record["peak_mb"] = max(record["peak_mb"], record["build_peak_mb"])
    record["ndcg_kept"] = round(record["ndcg@10"] / record["ndcg@10_exact"], 4)
    return record


def table(report: dict[str, Any]) -> str:
    """Return one line per number that has a bar, and one per size."""
    lines = [f"{'':34}{'measured':>10}{'bar':>8}"]

    def line(label: str, value: float, bar: float | None, *, least: bool = False) -> None:
        limit = "" if bar is None else f"{bar:.3g}"
        met = bar is None or (value >= bar if least else value <= bar)
        lines.append(f"{label:34}{value:>10.4g}{limit:>8}{'' if met else '  MISSED'}")

    if first := report.get("first"):
        line("first question, s", first["first_s"], BARS["first_s"])
    if cold := report.get("cold"):
        line("cold command, s", cold["cold_s"], None)
        line("  the first of them, s", cold["cold_all_s"][0], None)
        line("plain script, s", cold["plain_s"], None)
        line("  cold / plain", cold["cold_share_of_plain"], BARS["cold_share_of_plain"])
        line("--help, s", cold["help_s"], BARS["help_s"])
    if warm := report.get("warm"):
        line("warm p50, ms", warm["p50_ms"], BARS["p50_ms"])
        line("warm p99, ms", warm["p99_ms"], BARS["p99_ms"])
        line("  resident, MB", warm["resident_mb"], None)
    for one in report.get("scale", []):
        bars = BARS if one["made_up"] >= 100_000 else {}
        line(f"{one['entries']} entries: p50, ms", one["p50_ms"], bars.get("scale_p50_ms"))
        line("  p99, ms", one["p99_ms"], None)
        line("  peak memory, MB", one["peak_mb"], bars.get("scale_peak_mb"))
        line("  index build, s", one["build_s"], None)
        line("  nDCG@10 / exact", one["ndcg_kept"], bars.get("scale_ndcg_kept"), least=True)
    return "\n".join(lines)


def stamped(record: dict[str, Any], quick: bool, load: float) -> dict[str, Any]:
    """Return a part with what its numbers depend on; `load` is from before it ran."""
    packages = ("onnxruntime", "torch", "sentence-transformers", "ssl-doctor")
    held = environment() | {"load_before": round(load, 2)}
    held |= {name: version(name) for name in packages}
    return {**record, "quick": quick, "environment": held}


def main() -> int:
    """Measure, print the table and store the JSON."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--quick", action="store_true", help="fewer repetitions, up to 10,000")
    parser.add_argument("--sizes", type=int, nargs="+", help="made-up entries; below 1,000: all")
    parser.add_argument("--out", type=Path, default=RESULT)
    arguments = parser.parse_args()
    quick: bool = arguments.quick
    sizes = arguments.sizes or ([250, 10_000] if quick else [250, 10_000, 100_000])
    report: dict[str, Any] = {}
    if arguments.out.is_file():
        report = json.loads(arguments.out.read_text(encoding="utf-8"))

    def keep(part: str, record: dict[str, Any], load: float) -> None:
        held = stamped(record, quick, load)
        if part == "scale":
            others = [one for one in report.get(part, []) if one["made_up"] != held["made_up"]]
            report[part] = sorted([*others, held], key=lambda one: int(one["made_up"]))
        else:
            report[part] = held
        arguments.out.parent.mkdir(exist_ok=True)
        arguments.out.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")

    with tempfile.TemporaryDirectory() as folder:
        home = Home(Path(folder) / "home")
        load = os.getloadavg()[0]
        if "first" in arguments.only:
            keep("first", measure_first(home), load)
        bundled = int(home.step("export")["entries"])
        for part, measure in (("cold", measure_cold), ("warm", measure_warm)):
            load = os.getloadavg()[0]
            if part in arguments.only:
                keep(part, measure(home, quick), load)
        for size in sizes if "scale" in arguments.only else []:
            load = os.getloadavg()[0]
            with tempfile.TemporaryDirectory(dir=folder) as place:
                large = Home(Path(place) / "home", home.models)
                keep("scale", measure_scale(large, size, bundled, quick), load)
    print(table(report))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

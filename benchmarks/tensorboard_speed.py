"""Time of reading TensorBoard scalars: this reader, tensorboard's and tbparse's, in one run.

    python -m benchmarks.tensorboard_speed

Run it from the checkout with an interpreter that has numpy, PyYAML, tensorboard, tbparse and
torch, which writes the file. Every reader reads the whole file in a process that has read it
before, so that imports and the disk do not count; the values that they found are compared.
Seconds are those of the processor: all three use one thread, and the machine may be shared.
Writes `benchmarks/results/tensorboard_speed.json`.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import platform
import statistics
import tempfile
import time
from collections.abc import Callable
from importlib import import_module
from importlib.metadata import version
from pathlib import Path

from ingest.runs.formats.tensorboard import FORMAT
from ingest.runs.log import Log
from ingest.runs.source import FileSource

TAGS = ("train/loss", "train/lr", "repr/z_std", "val/acc", "grad_norm")
RESULT = Path(__file__).parent / "results" / "tensorboard_speed.json"
PACKAGES = ("numpy", "tensorboard", "tbparse", "torch", "protobuf", "pandas")

Read = Callable[[Path], dict[str, tuple[int, float]]]
"""Reads a folder with an event file; returns the count and the sum of each tag's values."""


def write(folder: Path, scalars: int) -> None:
    """Write `scalars` values of five metrics with torch's SummaryWriter."""
    from torch.utils.tensorboard import SummaryWriter

    with SummaryWriter(str(folder)) as writer:
        for step in range(scalars // len(TAGS)):
            for place, tag in enumerate(TAGS):
                writer.add_scalar(tag, math.sin(step / 1000 + place), step)


def read_ours(folder: Path) -> dict[str, tuple[int, float]]:
    """Read by `ingest.runs.formats.tensorboard`."""
    log = Log()
    source = FileSource(next(folder.iterdir()), log, FORMAT.make)
    source.poll()
    source.close()
    held = {name: column.arrays()[1] for name, column in log.columns.items() if name in TAGS}
    return {name: (len(values), float(values.sum())) for name, values in held.items()}


def read_event_accumulator(folder: Path) -> dict[str, tuple[int, float]]:
    """Read by tensorboard's EventAccumulator, keeping all scalars."""
    module = import_module("tensorboard.backend.event_processing.event_accumulator")
    events = module.EventAccumulator(str(folder), size_guidance={"scalars": 0})
    events.Reload()
    held = {tag: [one.value for one in events.Scalars(tag)] for tag in TAGS}
    return {tag: (len(values), math.fsum(values)) for tag, values in held.items()}


def read_tbparse(folder: Path) -> dict[str, tuple[int, float]]:
    """Read by tbparse's SummaryReader into a data frame."""
    frame = import_module("tbparse").SummaryReader(str(folder)).scalars
    held = {tag: frame.loc[frame["tag"] == tag, "value"] for tag in TAGS}
    return {tag: (len(values), float(values.sum())) for tag, values in held.items()}


READERS: dict[str, Read] = {
    "ours": read_ours,
    "EventAccumulator": read_event_accumulator,
    "tbparse": read_tbparse,
}


def measure(folder: Path, repeats: int) -> dict[str, list[float]]:
    """Return the seconds of each reader, `repeats` times in turn; AssertionError if two differ."""
    seconds: dict[str, list[float]] = {name: [] for name in READERS}
    for _ in range(repeats):
        found = {}
        for name, read in READERS.items():
            begin = time.process_time()
            found[name] = read(folder)
            seconds[name].append(time.process_time() - begin)
        for name, tags in found.items():
            for tag, (count, total) in tags.items():
                ours = found["ours"][tag]
                if count != ours[0] or not math.isclose(total, ours[1], abs_tol=1e-3):
                    raise AssertionError(f"{name} and ours differ in {tag}")
    return seconds


def main() -> None:
    """Measure and store."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scalars", type=int, default=1_000_000)
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        small, large = Path(name, "small"), Path(name, "large")
        write(small, 1000)
        measure(small, 1)
        write(large, options.scalars)
        size = next(large.iterdir()).stat().st_size
        seconds = measure(large, options.repeats)
    medians = {name: statistics.median(times) for name, times in seconds.items()}
    result = {
        "command": "python -m benchmarks.tensorboard_speed",
        "scalars": options.scalars,
        "bytes": size,
        "processor_seconds": {
            name: [round(one, 3) for one in times] for name, times in seconds.items()
        },
        "median_processor_seconds": {name: round(one, 3) for name, one in medians.items()},
        "times_as_fast": {
            name: round(one / medians["ours"], 1) for name, one in medians.items() if name != "ours"
        },
        "environment": {
            "python": platform.python_version(),
            "machine": f"{platform.machine()}, {os.cpu_count()} cores",
            **{name: version(name) for name in PACKAGES},
        },
    }
    RESULT.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()

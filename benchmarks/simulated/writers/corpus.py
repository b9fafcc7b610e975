"""A directory of runs: one folder a run, and truth.jsonl that says what each of them is."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from zlib import crc32

from benchmarks.simulated.generate import Simulated
from benchmarks.simulated.writers import text
from benchmarks.simulated.writers.events import tensorboard
from kb.errors import UsageError, nearest

Write = Callable[[Simulated, Path], None]

FORMATS: dict[str, Write] = {
    "lightning_csv": text.lightning_csv,
    "jsonl": text.json_lines,
    "dino_log_txt": text.dino_log,
    "meter": text.meter,
    "hf_trainer_state": text.hugging_face,
    "tensorboard": tensorboard,
}

_PER_EPOCH = ("dino_log_txt",)
"""Formats with a line an epoch and no steps: only for runs with an epoch clock."""


def write_corpus(
    runs: Iterable[Simulated], folder: Path, formats: Sequence[str] = tuple(FORMATS)
) -> None:
    """Write runs and truth.jsonl into `folder`, which must be new or empty.

    A run's format is a function of its name. UsageError for an unknown format, for formats
    that cannot hold every run, and for a folder that holds something.
    """
    for name in formats:
        if name not in FORMATS:
            raise UsageError(f'unknown format "{name}"{nearest(name, tuple(FORMATS))}')
    if not set(formats) - set(_PER_EPOCH):
        raise UsageError(
            "no format for runs that log by step", hint=f"give one of {', '.join(FORMATS)}"
        )
    if folder.exists() and any(folder.iterdir()):
        raise UsageError(f"{folder} is not empty", hint="give a new directory")
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "truth.jsonl").open("w") as truth:
        for number, one in enumerate(runs, 1):
            # Numbered: a folder's name must not tell what is wrong with its run.
            run, chosen = f"run{number:05d}", format_of(one, formats)
            (folder / run).mkdir()
            FORMATS[chosen](one, folder / run)
            truth.write(json.dumps(_truth(one, run, chosen)) + "\n")


def format_of(one: Simulated, formats: Sequence[str]) -> str:
    """Return the format in which a run is written."""
    fits = [f for f in formats if f not in _PER_EPOCH or one.parameters["clock"] == "epoch"]
    return fits[crc32(one.name.encode()) % len(fits)]


def _truth(one: Simulated, run: str, chosen: str) -> dict[str, object]:
    labels = {} if one.truth is None else {one.truth: 2, **dict.fromkeys(one.also, 1)}
    return {
        "run": run,
        "name": one.name,
        "format": chosen,
        "healthy": one.truth is None,
        "what": one.notes,
        "labels": labels,
    }

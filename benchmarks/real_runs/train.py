"""Train the runs of `healthy.yaml` and `faulty.yaml` and keep their logs.

    python -m benchmarks.real_runs.train --all
    python -m benchmarks.real_runs.train NAME ... [--again] [--keep DIR]

One process, one thread. A run that is in `benchmarks/data/real_runs` already is skipped unless
`--again`. Needs torch, mlxtend, scikit-learn, lightning, tensorboard, wandb, mlflow, trackio.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import shutil
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from tqdm import tqdm

from benchmarks.real_runs.faults import FAULTS
from benchmarks.real_runs.loggers import Clock, Recorder
from benchmarks.real_runs.services import RECORDERS
from benchmarks.real_runs.session import Row, Session
from benchmarks.real_runs.spec import KINDS, Spec, namings, read_specs, renamed
from benchmarks.real_runs.truth import RUNS, truths, write_truths


def main() -> None:
    """Train what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", help="runs to train")
    parser.add_argument("--all", action="store_true", help="every run that is not there yet")
    parser.add_argument("--again", action="store_true", help="train runs that are there, too")
    parser.add_argument("--keep", type=Path, default=RUNS, help="where the logs go")
    asked = parser.parse_args()
    specs = [spec for kind in KINDS for spec in read_specs(kind)]
    if unknown := set(asked.names) - {spec.name for spec in specs}:
        parser.error(f"no such run: {', '.join(sorted(unknown))}")
    if not asked.all and not asked.names:
        parser.error("name a run, or give --all")
    chosen = [spec for spec in specs if asked.all or spec.name in asked.names]
    due = [s for s in chosen if asked.again or s.name not in truths(asked.keep / s.kind)]
    os.environ.setdefault("WANDB_SILENT", "true")
    torch.set_num_threads(1)
    with tqdm(due, file=sys.stderr) as progress:
        for spec in progress:
            progress.set_description(spec.name)
            line = train(spec, asked.keep / spec.kind)
            progress.write(json.dumps({key: line[key] for key in ("run", "check")}))


def train(spec: Spec, folder: Path) -> dict[str, Any]:
    """Train one run, put its log under `folder` and its line in truth.jsonl; return the line."""
    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as scratch:
        work = Path(scratch) / "output"
        work.mkdir()
        check = _logged_training(spec, work)
        check["seconds"] = round(time.perf_counter() - start, 1)
        target = folder / spec.name
        if target.exists():
            shutil.rmtree(target)
        folder.mkdir(parents=True, exist_ok=True)
        shutil.move(str(work), target)
    line = {
        "run": spec.name,
        "format": spec.logger,
        "method": spec.method,
        "healthy": spec.kind == "healthy",
        "what": spec.what,
        "labels": dict(spec.labels),
        "check": check,
    }
    write_truths(folder, truths(folder) | {spec.name: line})
    return line


def _logged_training(spec: Spec, work: Path) -> dict[str, Any]:
    session = Session(spec)
    before = session.check()
    for name in spec.faults:
        FAULTS[name](session)
    options = {
        **spec.logger_set,
        "per_epoch": session.per_epoch,
        "epochs": _epochs(session),
        "every": spec.every,
        "batch_size": spec.batch_size,
    }
    recorder = RECORDERS[spec.logger](work, _settings(session), options)
    course = _loop(session, recorder)
    recorder.close()
    after = session.check()
    return {
        "knn_start": before["knn"],
        "knn_end": after["knn"],
        "spread_start": _plain(before["spread"]),
        "spread_end": _plain(after["spread"]),
        "loss_start": _plain(course.loss_start),
        "loss_end": _plain(course.loss_end),
        "steps": spec.steps,
        "points": course.points,
    }


def _plain(value: float) -> float | str:
    """Return the value at five digits, or as text when it is not finite."""
    return float(f"{value:.5g}") if math.isfinite(value) else str(value)


@dataclass
class Course:
    """How a training went: the loss of its first 5 and last 20 steps, the values logged."""

    losses: list[float] = field(default_factory=list)
    points: int = 0

    @property
    def loss_start(self) -> float:
        return sum(self.losses[:5]) / 5

    @property
    def loss_end(self) -> float:
        return sum(self.losses[-20:]) / 20


def _loop(session: Session, recorder: Recorder) -> Course:
    """Train to the end, through the resume if there is one."""
    spec, course = session.spec, Course()
    due = bool(spec.resume)
    saved: dict[str, Any] = {}
    rows: list[Row] = []
    while session.step < spec.steps:
        at = Clock(session.step, session.epoch)
        row = session.update()
        rows.append(row)
        course.losses.append(row["loss"])
        if spec.every and at.step % spec.every == 0:
            found = renamed(row, spec.log, by_epoch=False)
            recorder.on_step(at, found)
            course.points += len(found)
        if session.step % session.per_epoch == 0:
            if found := renamed(_of_epoch(session, rows), spec.log, by_epoch=True):
                recorder.on_epoch(at, found)
                course.points += len(found)
            rows = []
        if due and session.step == spec.resume:
            saved = session.snapshot()
        if due and session.step == spec.resume + spec.lost:
            session.resume(saved)
            recorder.resumed()
            due, rows = False, []
    return course


def _of_epoch(session: Session, rows: list[Row]) -> Row:
    """Return the means over an epoch, and what is measured at its end if it is logged."""
    wanted = {one.ours for one in namings(session.spec.log)}
    mean = {name: sum(row[name] for row in rows) / len(rows) for name in rows[-1]}
    if "knn" in wanted:
        mean["knn"] = session.knn()
    if "val_loss" in wanted:
        mean["val_loss"] = session.held_out_loss()
    return mean


def _epochs(session: Session) -> int:
    return max(1, session.spec.steps // session.per_epoch)


def _settings(session: Session) -> dict[str, Any]:
    """Return what the run writes as its config, under the names it uses."""
    spec = session.spec
    known: dict[str, Any] = {
        **session.method.set,
        "method": spec.method,
        "arch": spec.encoder,
        "dataset": spec.data,
        "dataset_size": len(session.loader.images),
        "batch_size": spec.batch_size,
        "lr": spec.lr,
        "optimizer": spec.optimizer,
        "weight_decay": spec.weight_decay,
        "epochs": _epochs(session),
        "steps": spec.steps,
        "warmup_steps": spec.warmup,
        "warmup_epochs": round(spec.warmup / session.per_epoch, 1),
        "schedule": spec.schedule,
        "grad_clip": spec.grad_clip or None,
        "accum": spec.accum,
        "precision": "16-mixed" if spec.precision == "16" else "32",
        "seed": spec.seed,
        "workers": 0,
    }
    return {one.theirs: known[one.ours] for one in namings(spec.config)}


if __name__ == "__main__":
    main()

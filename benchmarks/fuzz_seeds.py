"""Logs that the fuzzer starts from: fixtures of real loggers, and small ones of every format."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

Bundle = dict[str, bytes]
"""Relative paths with their bytes."""

DATA = Path(__file__).resolve().parents[1] / "tests" / "data" / "runs"

FILES = {
    "table": ("text/*/*.csv",),
    "json-lines": (
        "text/*/log.txt",
        "text/*/stats.txt",
        "text/*/[!t]*.json",
        "text/*/*_metrics.json",
    ),
    "json-document": ("text/hf/*.json",),
    "console-text": ("text/console/*.log",),
    "tensorboard-events": ("tensorboard/*",),
    "wandb": ("wandb/*/*.wandb",),
}

_WRITTEN: dict[str, list[Bundle]] = {
    "table": [
        {"metrics.csv": b'step;"loss";val_loss\r\n0;"4,1";\r\n1;nan;inf\r\n'},
        {"summary.csv": b"epoch,train_loss,eval_loss,eval_top1\n0,6.9,6.8,1e-3\n1,,5.5,2\n"},
        {"results.tsv": b"mode\tstep\tloss\ntrain\t0\t4.1\nval\t0\t4.2\ntrain\t1\t3.9\n"},
    ],
    "json-lines": [
        {"log.jsonl": b'{"step": 0, "loss": NaN}\n{"step": 1, "loss": {"a": 1, "b": "2"}}\n'},
        {"log.json": b'main.py --lr 0.1 --dim 8\n{"mode": "val", "iter": 3, "epoch": 1, "x": 1}\n'},
    ],
    "json-document": [
        {"history.json": b'{"loss": [4.1, 3.9, NaN], "val_loss": [4.2], "lr": [0.1, 0.2, 0.3]}'},
        {"log.json": b'[{"epoch": 1, "loss": 4.1}, {"epoch": 2, "loss": 3.9, "x": null}]'},
    ],
    "console-text": [
        {"train.log": b"Namespace(lr=0.3, dims=[1, 2])\nEpoch [3/100] Loss: 14.3 Std: 0.9\n"},
        {"out.txt": b"lr: 0.1\n [ 2/10] loss 4.1 (4.2)\rstep 7 | loss 4.0 | z_std 1e-3\n"},
    ],
}

_SETTINGS: list[Bundle] = [
    {"hparams.yaml": b"method: simclr\nlr: 1e-3\noptim:\n  betas: [0.9, 0.999]\n  name: null\n"},
    {"config.json": b'{"method": "vicreg", "batch_size": 256, "model": {"dim": [1, {"a": 2}]}}'},
    {"args.txt": b"--lr 0.3\nbatch_size: 64\ntemperature = 0.1\nNamespace(epochs=100)\n"},
    {".hydra/config.yaml": b"defaults:\n- a\n- b: &x {c: 1}\ntemperature: 0.1\n"},
]


@cache
def seeds(form: str) -> list[Bundle]:
    """Return the logs of a format that inputs are made from; KeyError for one that has none."""
    if form == "settings":
        return _SETTINGS
    if form == "mlflow":
        return [*_mlflow_folders(), database(form, _as_it_is, 4)]
    if form == "trackio":
        return [database(form, _as_it_is, 4)]
    if form == "wandb-run":
        return [_wandb_folder(path) for path in sorted(DATA.glob(FILES["wandb"][0]))]
    paths = sorted(path for pattern in FILES[form] for path in DATA.glob(pattern))
    return [{path.name: path.read_bytes()} for path in paths] + _WRITTEN.get(form, [])


def _mlflow_folders() -> list[Bundle]:
    runs = [meta.parent for meta in sorted(DATA.glob("mlruns/*/*/meta.yaml"))]
    return [
        {
            f"mlruns/0/{'a' * 32}/{path.relative_to(run)}": path.read_bytes()
            for path in sorted(run.rglob("*"))
            if path.is_file()
        }
        for run in runs
    ]


def _wandb_folder(log: Path) -> Bundle:
    name = "offline-run-20261121_000000-abc"
    return {
        f"{name}/run-abc.wandb": log.read_bytes(),
        f"{name}/files/config.yaml": b"wandb_version: 1\nlr:\n  value: 0.1\nx:\n  desc: null\n",
        f"{name}/files/wandb-summary.json": b'{"loss": 4.1, "_step": 7, "h": {"a": NaN}}',
    }


_TABLES = {
    "mlflow": (
        "CREATE TABLE runs(run_uuid, name, status, start_time, lifecycle_stage)",
        "CREATE TABLE metrics(key, value, timestamp, run_uuid, step, is_nan)",
        "CREATE TABLE params(key, value, run_uuid)",
    ),
    "trackio": (
        "CREATE TABLE metrics(id INTEGER PRIMARY KEY, timestamp, run_name, step, metrics)",
        "CREATE TABLE configs(id INTEGER PRIMARY KEY, run_name, config, created_at)",
    ),
}


Odd = Callable[[Any], Any]
"""Returns a value, now and then another one of any type."""


def _as_it_is(value: Any) -> Any:
    return value


def database(form: str, odd: Odd, rows: int) -> Bundle:
    """Return a database of MLflow or Trackio; each of its values has been through `odd`."""
    connection = sqlite3.connect(":memory:", isolation_level=None)
    connection.execute("PRAGMA page_size = 512")
    for table in _TABLES[form]:
        connection.execute(table)
    held = _mlflow_rows(odd, rows) if form == "mlflow" else _trackio_rows(odd, rows)
    for statement, row in held:
        connection.execute(statement, row)
    content = connection.serialize()
    connection.close()
    return {"log.db": content}


Row = tuple[str, tuple[Any, ...]]


def _mlflow_rows(odd: Odd, rows: int) -> list[Row]:
    run = ("r", odd("name"), odd("RUNNING"), odd(1_800_000), "active")
    found: list[Row] = [("INSERT INTO runs VALUES(?, ?, ?, ?, ?)", run)]
    for at in range(rows):
        metric = (odd("loss"), odd(4.1), odd(at), "r", odd(at), 0)
        found.append(("INSERT INTO metrics VALUES(?, ?, ?, ?, ?, ?)", metric))
        found.append(("INSERT INTO params VALUES(?, ?, ?)", (odd("lr"), odd("0.1"), "r")))
    return found


def _trackio_rows(odd: Odd, rows: int) -> list[Row]:
    config = odd(b'{"lr": 0.1, "_Group": null}')
    found: list[Row] = [("INSERT INTO configs(run_name, config) VALUES(?, ?)", ("r", config))]
    for at in range(rows):
        record = odd(json.dumps({"loss": 4.1, "a": {"b": at}, "x": "NaN"}).encode())
        row = (odd("2026-11-21T00:00:00"), "r", odd(at), record)
        into = "INSERT INTO metrics(timestamp, run_name, step, metrics) VALUES(?, ?, ?, ?)"
        found.append((into, row))
    return found

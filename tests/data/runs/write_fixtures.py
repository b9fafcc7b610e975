"""Write the fixtures of the binary and database loggers, each by the logger itself.

    python tests/data/runs/write_fixtures.py        (needs the packages of VERSIONS)

Every fixture logs the same short run (see `ROWS`), with NaN, infinities and nested names, so
that the tests can say what has to be read. The databases are shrunk by VACUUM and packed by
gzip: they are mostly empty pages. A logger writes its own times and ids, so that a second
writing gives other bytes with the same content.
"""

from __future__ import annotations

import gzip
import math
import os
import shutil
import sqlite3
import tempfile
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
VERSIONS = {
    "torch": "2.13.0",
    "tensorboard": "2.21.0",
    "wandb": "0.31.0",
    "mlflow": "3.17.2",
    "trackio": "0.43.0",
}
CONFIG: dict[str, Any] = {"method": "simclr", "lr": 0.03, "batch_size": 256, "cosine": True}
ROWS: list[dict[str, float]] = [
    {"train/loss": 5.0 - step / 8, "z_std": 0.0625, "val/acc": step / 4} for step in range(6)
]
ROWS[3]["train/loss"] = math.nan
ROWS[4]["train/loss"] = math.inf
ROWS[5]["train/loss"] = -math.inf
STEPS = [step * 50 for step in range(6)]


def write_tensorboard(folder: Path) -> None:
    """Write the rows as plain scalars, then as tensors, with histogram, text and hparams."""
    import numpy as np
    from torch.utils.tensorboard import SummaryWriter

    for name, new_style in (("plain", False), ("tensors", True)):
        with SummaryWriter(str(folder / name)) as writer:
            for step, row in zip(STEPS, ROWS, strict=True):
                for tag, value in row.items():
                    writer.add_scalar(tag, value, step, new_style=new_style)
            if new_style:
                writer.add_scalar("double", 0.1, 7, new_style=True, double_precision=True)
            writer.add_histogram("weights", np.arange(100.0), 0)
            writer.add_text("args", '{"learning_rate": 0.5, "optim": "lars"}')
            writer.add_text("hyperparameters", "|param|value|\n|-|-|\n|epochs|100|\n|mixed|True|")
            writer.add_text("remark", "no settings here")
    with SummaryWriter(str(folder / "hparams")) as writer:
        writer.add_hparams(CONFIG, {"hp_metric": -1.0}, run_name="session")


def write_wandb(folder: Path) -> None:
    """Write a finished run and a crashed one, offline."""
    wandb: Any = import_module("wandb")

    for name, code in (("finished", 0), ("crashed", 1)):
        options = wandb.Settings(x_disable_stats=True, disable_git=True, console="off")
        options.x_disable_meta = True
        run = wandb.init(
            project="p", name=name, id=name, config=CONFIG, dir=str(folder), settings=options
        )
        for step, row in zip(STEPS, ROWS, strict=True):
            extra = {"nested": {"inner": step}, "text": "no number", "none": None, "flag": True}
            run.log({**row, **extra}, step=step)
        run.log({"weights": wandb.Histogram([1, 2, 3])}, step=STEPS[-1])
        run.config.update({"late": [1, 2]})
        run.summary["knn"] = 0.75
        run.finish(exit_code=code)


def _log_to_mlflow(uri: str) -> None:
    mlflow: Any = import_module("mlflow")

    mlflow.set_tracking_uri(uri)
    mlflow.set_experiment("ssl")
    with mlflow.start_run(run_name="older"):
        mlflow.log_metric("train/loss", 9.0, step=1)
    with mlflow.start_run(run_name="newer"):
        mlflow.log_params(CONFIG)
        for step, row in zip(STEPS, ROWS, strict=True):
            for name, value in row.items():
                mlflow.log_metric(name, value, step=step)
        for value in (3.0, 2.0, 1.0):
            mlflow.log_metric("without_step", value)


def write_mlflow(folder: Path) -> None:
    """Write the same two runs to a file store and to a database."""
    _log_to_mlflow((folder / "mlruns").as_uri())
    _log_to_mlflow(f"sqlite:///{folder / 'mlflow.db'}")
    pack(folder / "mlflow.db")


def write_trackio(folder: Path) -> None:
    """Write two runs of one project."""
    trackio: Any = import_module("trackio")

    for name in ("older", "newer"):
        trackio.init(project="ssl", name=name, config=CONFIG, auto_log_gpu=False)
        for step, row in zip(STEPS, ROWS, strict=True):
            trackio.log({**row, "nested": {"inner": step}, "text": "no number"}, step=step)
        trackio.finish()
    pack(folder / "ssl.db")


def pack(path: Path) -> None:
    """Replace a database by a small one without a write-ahead log, compressed."""
    small = path.with_suffix(".small")
    with sqlite3.connect(path) as database:
        database.execute("PRAGMA journal_mode = DELETE")
        database.execute("PRAGMA page_size = 512")
        database.execute("VACUUM")
        database.execute(f"VACUUM INTO '{small}'")
    (HERE / f"{path.name}.gz").write_bytes(gzip.compress(small.read_bytes(), 9, mtime=0))


def main() -> None:
    """Write all fixtures anew; SystemExit when other versions are installed."""
    found = {name: version(name).partition("+")[0] for name in VERSIONS}
    if found != VERSIONS:
        raise SystemExit(f"installed {found}, expected {VERSIONS}: change both or neither")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        os.environ.update(
            WANDB_MODE="offline",
            WANDB_SILENT="true",
            TRACKIO_DIR=str(folder),
            HF_HUB_OFFLINE="1",
            DO_NOT_TRACK="true",
            MLFLOW_DISABLE_TELEMETRY="true",
            MLFLOW_ALLOW_FILE_STORE="true",
        )
        for write in (write_tensorboard, write_wandb, write_mlflow, write_trackio):
            write(folder)
        for old in ("tensorboard", "wandb", "mlruns"):
            shutil.rmtree(HERE / old, ignore_errors=True)
        (HERE / "tensorboard").mkdir()
        for kind in ("plain", "tensors", "hparams/session"):
            (event_file,) = (folder / kind).glob("events*")
            target = f"events.out.tfevents.1.{kind.partition('/')[0]}"
            shutil.copy(event_file, HERE / "tensorboard" / target)
        for log in sorted((folder / "wandb").glob("offline-run-*/*.wandb")):
            run_folder = HERE / "wandb" / f"offline-{log.stem}"
            run_folder.mkdir(parents=True)
            shutil.copy(log, run_folder)
        unused = shutil.ignore_patterns("tags", "artifacts", "0")
        shutil.copytree(folder / "mlruns", HERE / "mlruns", ignore=unused)


if __name__ == "__main__":
    main()

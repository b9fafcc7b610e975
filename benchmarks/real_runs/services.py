"""Runs logged by the libraries themselves: Lightning, TensorBoard, W&B, MLflow, Trackio."""

from __future__ import annotations

import importlib
import os
import shutil
import sqlite3
from pathlib import Path
from typing import Any

from benchmarks.real_runs.loggers import (
    Clock,
    JsonLines,
    MeterText,
    PlainText,
    Recorder,
    Row,
    StepCsv,
    SummaryCsv,
    TrainerState,
    write_config,
)


class LightningCsv(Recorder):
    """Lightning's CSVLogger; learning rates come from a monitor of their own, as a row apart."""

    def start(self) -> None:
        from lightning.pytorch.loggers import CSVLogger

        name = str(self.options.get("name", "lightning_logs"))
        self.logger: Any = CSVLogger(self.folder, name=name, version=0)
        self.logger.log_hyperparams(dict(self.config))

    def on_step(self, at: Clock, row: Row) -> None:
        rates = {name: value for name, value in row.items() if name.startswith("lr-")}
        if rates:
            self.logger.log_metrics(rates, at.step)
        rest = {name: value for name, value in row.items() if name not in rates}
        self.logger.log_metrics({**rest, "epoch": at.epoch}, at.step)

    def on_epoch(self, at: Clock, row: Row) -> None:
        self.logger.log_metrics({**row, "epoch": at.epoch}, at.step)

    def close(self) -> None:
        self.logger.finalize("success")


class LightningTensorBoard(Recorder):
    """Lightning's TensorBoardLogger: event file with hparams, and hparams.yaml."""

    def start(self) -> None:
        from lightning.pytorch.loggers import TensorBoardLogger

        self.logger: Any = TensorBoardLogger(self.folder, name="lightning_logs", version=0)
        self.logger.log_hyperparams(dict(self.config))

    def on_step(self, at: Clock, row: Row) -> None:
        self.logger.log_metrics({**row, "epoch": at.epoch}, at.step)

    def on_epoch(self, at: Clock, row: Row) -> None:
        self.logger.log_metrics({**row, "epoch": at.epoch}, at.step)

    def close(self) -> None:
        self.logger.finalize("success")


class TensorBoard(Recorder):
    """torch's SummaryWriter. Options: `folder`, `config` (a file), `epoch_clock: epoch` to
    log what comes once an epoch against the epoch instead of the step."""

    def start(self) -> None:
        if self.config:
            write_config(self.folder, self.config, str(self.options.get("config", "config.json")))
        self._open()

    def _open(self) -> None:
        from torch.utils.tensorboard import SummaryWriter

        self.writer: Any = SummaryWriter(str(self.folder / str(self.options.get("folder", "tb"))))

    def on_step(self, at: Clock, row: Row) -> None:
        for name, value in row.items():
            self.writer.add_scalar(name, value, at.step)

    def on_epoch(self, at: Clock, row: Row) -> None:
        by_epoch = self.options.get("epoch_clock") == "epoch"
        self.on_step(Clock(at.epoch, at.epoch) if by_epoch else at, row)

    def resumed(self) -> None:
        self.writer.close()
        self._open()

    def close(self) -> None:
        self.writer.close()


class WeightsAndBiases(Recorder):
    """W&B offline. Its debug logs and links are left out; they hold no metrics."""

    def start(self) -> None:
        # By name: beside the fixtures of tests a folder is called wandb too, and mypy finds that.
        wandb: Any = importlib.import_module("wandb")
        settings = wandb.Settings(
            mode="offline",
            console="off",
            silent=True,
            disable_git=True,
            disable_code=True,
            x_disable_stats=True,
            x_disable_meta=True,
            x_save_requirements=False,
        )
        self.run: Any = wandb.init(
            dir=str(self.folder), project="ssl", config=dict(self.config), settings=settings
        )

    def on_step(self, at: Clock, row: Row) -> None:
        self.run.log({**row, "epoch": at.epoch}, step=at.step)

    def on_epoch(self, at: Clock, row: Row) -> None:
        self.run.log(dict(row), step=at.step)

    def close(self) -> None:
        self.run.finish()
        for path in [*self.folder.rglob("*")]:
            if path.is_symlink():
                path.unlink()
            elif path.is_dir() and path.name in ("logs", "tmp"):
                shutil.rmtree(path)


class MLflow(Recorder):
    """MLflow's file store."""

    def start(self) -> None:
        os.environ["MLFLOW_ALLOW_FILE_STORE"] = "true"
        import mlflow

        self.mlflow: Any = mlflow
        mlflow.set_tracking_uri(f"file://{self.folder / 'mlruns'}")
        mlflow.set_experiment("pretrain")
        mlflow.start_run(run_name=str(self.options.get("name", "pretrain")))
        mlflow.set_tag("mlflow.source.name", "train.py")
        mlflow.log_params(dict(self.config))

    def on_step(self, at: Clock, row: Row) -> None:
        self.mlflow.log_metrics(dict(row), step=at.step)

    def on_epoch(self, at: Clock, row: Row) -> None:
        self.mlflow.log_metrics(dict(row), step=at.step)

    def close(self) -> None:
        self.mlflow.end_run()


class Trackio(Recorder):
    """Trackio's SQLite file, compacted: its many empty tables and indices take a page each, so
    pages are made small."""

    def start(self) -> None:
        self.home = Path(os.environ.setdefault("TRACKIO_DIR", "/tmp/real_runs_trackio"))
        import trackio

        self.project = str(self.options.get("project", "pretrain"))
        (self.home / f"{self.project}.db").unlink(missing_ok=True)
        self.trackio: Any = trackio
        trackio.init(
            project=self.project,
            name=str(self.options.get("name", "pretrain")),
            config=dict(self.config),
            embed=False,
            auto_log_gpu=False,
            auto_log_cpu=False,
        )

    def on_step(self, at: Clock, row: Row) -> None:
        self.trackio.log({**row, "epoch": at.epoch}, step=at.step)

    def on_epoch(self, at: Clock, row: Row) -> None:
        self.trackio.log(dict(row), step=at.step)

    def close(self) -> None:
        self.trackio.finish()
        path = self.home / f"{self.project}.db"
        database = sqlite3.connect(path)
        database.execute("pragma journal_mode=delete")
        database.execute("pragma page_size=512")
        database.execute("vacuum")
        database.close()
        shutil.copy(path, self.folder / path.name)


RECORDERS: dict[str, type[Recorder]] = {
    "lightning_csv": LightningCsv,
    "lightning_tensorboard": LightningTensorBoard,
    "tensorboard": TensorBoard,
    "wandb": WeightsAndBiases,
    "mlflow": MLflow,
    "trackio": Trackio,
    "jsonl": JsonLines,
    "meter_text": MeterText,
    "plain_text": PlainText,
    "step_csv": StepCsv,
    "summary_csv": SummaryCsv,
    "trainer_state": TrainerState,
}

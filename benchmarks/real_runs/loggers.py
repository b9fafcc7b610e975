"""How runs are logged: one class per kind of log, each writing what its users find on disk.

This file has those that write text. `services.py` has the libraries. A recorder is given the
names and values to write; which names, and how often, is the business of the run.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

Row = Mapping[str, float]
Config = Mapping[str, Any]


@dataclass(frozen=True)
class Clock:
    """Optimiser steps and epochs that were complete before this one, both from 0."""

    step: int
    epoch: int


class Recorder:
    """Writes one run into `folder`. `options` are the logger's own, from the run's spec."""

    def __init__(self, folder: Path, config: Config, options: Mapping[str, Any]) -> None:
        self.folder = folder
        self.config = config
        self.options = options
        self.start()

    def start(self) -> None:
        """Write the settings."""

    def on_step(self, at: Clock, row: Row) -> None:
        """Write what one step logged."""

    def on_epoch(self, at: Clock, row: Row) -> None:
        """Write what the epoch that ends with this step logged."""

    def resumed(self) -> None:
        """Go on after a checkpoint was loaded."""

    def close(self) -> None:
        """Finish the files."""


def write_config(folder: Path, config: Config, name: str) -> None:
    """Write settings as JSON or YAML, by the name's ending."""
    text = json.dumps(config, indent=1) if name.endswith("json") else yaml.safe_dump(dict(config))
    (folder / name).write_text(text, encoding="utf-8")


class JsonLines(Recorder):
    """One JSON object a line.

    Options: `file`, `step` and `epoch` (their keys, empty for none), `config` (a file name, or
    `line` for a command line as the first line, or `record` for a first record of settings),
    `digits` (significant digits kept).
    """

    def start(self) -> None:
        path = str(self.options.get("file", "metrics.jsonl"))
        (self.folder / path).parent.mkdir(parents=True, exist_ok=True)
        self.stream = (self.folder / path).open("w", encoding="utf-8")
        kind = str(self.options.get("config", "config.json"))
        if kind == "line":
            words = " ".join(f"--{key} {value}" for key, value in self.config.items())
            self.stream.write(f"main_pretrain.py {words}\n")
        elif kind == "record":
            self.stream.write(json.dumps(dict(self.config)) + "\n")
        elif kind:
            write_config(self.folder, self.config, kind)

    def on_step(self, at: Clock, row: Row) -> None:
        keys = {str(self.options.get("epoch", "epoch")): at.epoch}
        keys |= {str(self.options.get("step", "step")): at.step}
        self._write({**{key: value for key, value in keys.items() if key}, **row})

    def on_epoch(self, at: Clock, row: Row) -> None:
        self._write({**row, "epoch": at.epoch})

    def _write(self, row: Mapping[str, Any]) -> None:
        digits = int(self.options.get("digits", 17))
        short = {
            key: float(f"{value:.{digits}g}") if isinstance(value, float) else value
            for key, value in row.items()
        }
        self.stream.write(json.dumps(short) + "\n")

    def close(self) -> None:
        self.stream.close()


class MeterText(Recorder):
    """The progress meter of PyTorch's ImageNet example, as MoCo and SimSiam print it."""

    def start(self) -> None:
        self.stream = (self.folder / str(self.options.get("file", "train.log"))).open("w")
        if self.config:
            words = ", ".join(f"{key}={value!r}" for key, value in self.config.items())
            self.stream.write(f"Namespace({words})\n")
        self.stream.write("=> creating model\n")
        self.sums: dict[str, list[float]] = {}
        self.epoch = 0

    def on_step(self, at: Clock, row: Row) -> None:
        if at.epoch != self.epoch:
            self.epoch, self.sums = at.epoch, {}
        parts = []
        for name, value in row.items():
            seen = self.sums.setdefault(name, [])
            seen.append(value)
            form = {"Time": "6.3f", "Data": "6.3f", "Acc@1": "6.2f", "Loss": ".4e"}.get(name, ".4f")
            parts.append(f"{name} {value:{form}} ({sum(seen) / len(seen):{form}})")
        per_epoch = int(self.options["per_epoch"])
        head = f"Epoch: [{at.epoch}][{at.step % per_epoch:>3}/{per_epoch}]"
        self.stream.write("\t".join([head, *parts]) + "\n")

    def on_epoch(self, at: Clock, row: Row) -> None:
        del at
        words = " ".join(f"{name} {value:.3f}" for name, value in row.items())
        self.stream.write(f" * {words}\n")

    def close(self) -> None:
        self.stream.close()


class PlainText(Recorder):
    """Free text of one line an epoch: `Epoch [3/100] Time: 2.1s LR: 0.1 Loss: 14.3 Inv: 0.3`."""

    def start(self) -> None:
        self.stream = (self.folder / str(self.options.get("file", "log.txt"))).open("w")
        for key, value in self.config.items():
            self.stream.write(f"{key}: {value}\n")

    def on_epoch(self, at: Clock, row: Row) -> None:
        parts = [f"{name}: {value:.5g}" for name, value in row.items()]
        head = f"Epoch [{at.epoch + 1}/{self.options['epochs']}]"
        self.stream.write(" ".join([head, *parts]) + "\n")

    def resumed(self) -> None:
        self.stream.write("=> loaded checkpoint 'checkpoint.pth.tar'\n")

    def close(self) -> None:
        self.stream.close()


class StepCsv(Recorder):
    """The csv of I-JEPA and V-JEPA: epoch (from 1), iteration in the epoch, fixed columns."""

    def start(self) -> None:
        write_config(self.folder, self.config, str(self.options.get("config", "params.yaml")))
        self.path = self.folder / str(self.options.get("file", "log_r0.csv"))
        self.names: list[str] = []

    def on_step(self, at: Clock, row: Row) -> None:
        with self.path.open("a", encoding="utf-8") as stream:
            if not self.names:
                self.names = list(row)
                stream.write(",".join(["epoch", "itr", *self.names]) + "\n")
            values = [f"{row[name]:.5f}" for name in self.names]
            itr = at.step % int(self.options["per_epoch"])
            stream.write(",".join([str(at.epoch + 1), str(itr), *values]) + "\n")


class SummaryCsv(Recorder):
    """timm's summary.csv: one row an epoch; settings in args.yaml."""

    def start(self) -> None:
        write_config(self.folder, self.config, "args.yaml")
        self.names: list[str] = []

    def on_epoch(self, at: Clock, row: Row) -> None:
        with (self.folder / "summary.csv").open("a", encoding="utf-8", newline="") as stream:
            writer = csv.writer(stream)
            if not self.names:
                self.names = list(row)
                writer.writerow(["epoch", *self.names])
            writer.writerow([at.epoch, *[row[name] for name in self.names]])


class TrainerState(Recorder):
    """What Hugging Face's Trainer leaves in `checkpoint-N/trainer_state.json`, rebuilt."""

    def start(self) -> None:
        self.history: list[dict[str, Any]] = []
        self.step = 0

    def on_step(self, at: Clock, row: Row) -> None:
        self._add(at.step, row)

    def on_epoch(self, at: Clock, row: Row) -> None:
        self._add(at.step + 1, row)

    def _add(self, step: int, row: Row) -> None:
        self.step = step
        clock = round(step / int(self.options["per_epoch"]), 4)
        self.history.append({"epoch": clock, **row, "step": step})

    def close(self) -> None:
        folder = self.folder / f"checkpoint-{self.step}"
        folder.mkdir(parents=True)
        epochs = int(self.options["epochs"])
        state = {
            "best_metric": None,
            "epoch": self.history[-1]["epoch"],
            "global_step": self.step,
            "is_hyper_param_search": False,
            "is_local_process_zero": True,
            "is_world_process_zero": True,
            "log_history": self.history,
            "logging_steps": int(self.options["every"]),
            "max_steps": epochs * int(self.options["per_epoch"]),
            "num_train_epochs": epochs,
            "save_steps": 500,
            "total_flos": 0.0,
            "train_batch_size": self.options["batch_size"],
            "trial_name": None,
            "trial_params": None,
        }
        (folder / "trainer_state.json").write_text(json.dumps(state, indent=1), encoding="utf-8")
        if self.config:
            write_config(folder, self.config, "config.json")

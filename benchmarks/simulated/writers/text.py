"""Runs as text files: Lightning CSV, JSON lines, DINO's log.txt, meters, Hugging Face's state."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Mapping
from pathlib import Path

import yaml

from benchmarks.simulated.generate import Simulated
from benchmarks.simulated.metrics import SLOW
from benchmarks.simulated.writers import names
from benchmarks.simulated.writers.rows import Row, rows


def lightning_csv(one: Simulated, folder: Path) -> None:
    """Write what Lightning's CSVLogger writes: the rate, training and evaluation in own rows."""
    version = folder / "lightning_logs" / "version_0"
    version.mkdir(parents=True)
    called = {name: names.logged_name(names.LIGHTNING, name, one) for name in one.run.series}
    columns = sorted({"epoch", "step", *(called[name] for name in called if name != "epoch")})
    with (version / "metrics.csv").open("w", newline="") as file:
        table = csv.DictWriter(file, columns, restval="", lineterminator="\n")
        table.writeheader()
        for row in _rows(one):
            for part in _lightning_parts(row):
                cells = {
                    called[name]: names.logged_value(called[name], value)
                    for name, value in part.items()
                }
                epoch = {} if set(part) == {"lr"} else {"epoch": row.epoch}
                table.writerow({**cells, "step": row.step, **epoch})
    # The logger's own file; its settings keep their Python types.
    (version / "hparams.yaml").write_text(yaml.safe_dump(names.logged_config(one)))


def _lightning_parts(row: Row) -> list[dict[str, float]]:
    rate = {name: row.values[name] for name in ("lr",) if name in row.values}
    slow = {name: value for name, value in row.values.items() if name in SLOW}
    fast = {n: value for n, value in row.values.items() if n not in SLOW and n != "lr"}
    return [part for part in (rate, fast, slow) if part]


def json_lines(one: Simulated, folder: Path) -> None:
    """Write one JSON object a point, with bare NaN and Infinity as Python's json writes them."""
    _config(one, folder)
    with (folder / "metrics.jsonl").open("w") as file:
        for row in _rows(one):
            clock = {"step": row.step, "epoch": row.epoch}
            file.write(json.dumps({**clock, **_named(one, names.PLAIN, row)}) + "\n")


def dino_log(one: Simulated, folder: Path) -> None:
    """Write log.txt as DINO and MAE do: a line an epoch, the epoch last."""
    _config(one, folder)
    with (folder / "log.txt").open("w") as file:
        for row in _rows(one):
            file.write(json.dumps({**_named(one, names.DINO, row), "epoch": row.epoch}) + "\n")


def meter(one: Simulated, folder: Path) -> None:
    """Write a console log: the arguments, then a progress meter with value and running mean."""
    pairs = ", ".join(f"{name}={value!r}" for name, value in names.logged_config(one).items())
    lines, made = [f"Namespace({pairs})"], _rows(one)
    length, totals = _epoch_length(one, made), dict.fromkeys(_AVERAGED, 0.0)
    for count, row in enumerate(made, 1):
        for name in _AVERAGED:
            totals[name] += row.values.get(name, 0.0)
        means = {name: total / count for name, total in totals.items()}
        if one.parameters["clock"] == "epoch":
            head = f"Epoch [{row.epoch}/{made[-1].epoch + 1}]"
        else:
            head = f"Epoch: [{row.step // length}][{row.step % length:5d}/{length}]"
        fields = [_meter_field(one, name, value, means) for name, value in row.values.items()]
        lines.append("\t".join([head, *fields]))
    (folder / "train.out").write_text("\n".join(lines) + "\n")


_AVERAGED = ("loss", "data_time", "step_time")
"""What meters print with its running mean in brackets."""


def _meter_field(one: Simulated, name: str, value: float, means: Mapping[str, float]) -> str:
    called = names.logged_name(names.METER, name, one)
    if name == "loss":
        return f"{called} {value:.4e} ({means[name]:.4e})"
    return f"{called} {value:.6g} ({means[name]:.6g})" if name in means else f"{called} {value:.6g}"


def hugging_face(one: Simulated, folder: Path) -> None:
    """Write trainer_state.json with its log_history; evaluation has entries of its own."""
    _config(one, folder)
    history: list[dict[str, float]] = []
    for row in _rows(one):
        clock = {"epoch": float(row.epoch), "step": row.step}
        for part in _lightning_parts(Row(row.step, row.epoch, _without_rate(row))):
            extra = {"lr": row.values["lr"]} if "loss" in part and "lr" in row.values else {}
            whole = Row(row.step, row.epoch, {**part, **extra})
            history.append({**_named(one, names.HUGGING_FACE, whole), **clock})
    state = {
        "best_metric": None,
        "epoch": history[-1]["epoch"],
        "global_step": history[-1]["step"],
        "is_world_process_zero": True,
        "log_history": history,
    }
    (folder / "trainer_state.json").write_text(json.dumps(state, indent=1))


def _without_rate(row: Row) -> dict[str, float]:
    return {name: value for name, value in row.values.items() if name != "lr"}


def _rows(one: Simulated) -> list[Row]:
    if one.parameters["clock"] == "epoch":
        return rows(one.run)
    last = int(one.run.series["loss"].steps.max()) + 1
    return rows(one.run, float(one.parameters["epochs"]) / last)


def _epoch_length(one: Simulated, made: list[Row]) -> int:
    last = max(row.step for row in made) + 1
    return max(1, math.ceil(last / float(one.parameters["epochs"])))


def _named(one: Simulated, dialect: Mapping[str, str], row: Row) -> dict[str, float]:
    return {names.logged_name(dialect, name, one): value for name, value in row.values.items()}


def _config(one: Simulated, folder: Path) -> None:
    (folder / "config.json").write_text(json.dumps(names.logged_config(one), indent=1) + "\n")

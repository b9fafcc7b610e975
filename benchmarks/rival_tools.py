"""Four published tools that judge training logs: how each is called, what its answer says.

Each is called as its own documents say, on the run's own log, with the names of its columns given
where the tool takes them. Only what it prints as JSON is judged.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from kb.run import Run

Level = Literal["alarm", "note"]
"""`alarm`: the tool's own warning or worse. `note`: what it reports below that."""

NAMES: Mapping[str, str] = {
    "loss": "loss",
    "val/loss": "eval_loss",
    "lr": "lr",
    "grad_norm": "grad_norm",
    "step_time": "step_time",
    "data_time": "data_time",
    "gpu_util": "gpu_util",
}
"""Our metric -> the name of it that every one of the four documents or looks for."""

_FORMATS = {"table": "csv", "JSON lines": "jsonl", "TensorBoard events": "tensorboard"}


@dataclass(frozen=True, slots=True)
class Said:
    """One finding of a tool, with every word of it: title, evidence, causes, fixes."""

    level: Level
    name: str
    text: str


@dataclass(frozen=True, slots=True)
class Given:
    """What a tool is pointed at: the run's folder, its log files, their format by the word that
    the tools share (None: only runmedic may know it), our metric -> its name in the log."""

    folder: Path
    logs: Sequence[Path]
    format: str | None
    names: Mapping[str, str]

    @classmethod
    def of(cls, folder: Path, run: Run) -> Given:
        """Return the run's own log as it lies in `folder`."""
        logs = [Path(name) for name in run.files]
        known = "hf" if logs[0].name == "trainer_state.json" else _FORMATS.get(run.format)
        names = {name: run.series[name].logged_as for name in NAMES if name in run.series}
        return cls(folder, logs, known, names)


@dataclass(frozen=True, slots=True)
class Rival:
    """A tool. `arguments` are those of `python -m module`; None: it has no reader for the format.
    `read` turns its JSON into findings; None: it found no training loss there."""

    name: str
    module: str
    used: str
    arguments: Callable[[Given], list[str] | None]
    read: Callable[[Any], list[Said] | None]


def _joined(*parts: object) -> str:
    words: list[str] = []
    for part in parts:
        words += [str(one) for one in part] if isinstance(part, list) else [str(part or "")]
    return " ".join(" ".join(words).split())


def _runmedic(given: Given) -> list[str] | None:
    return ["diagnose", str(given.folder), "--json"]


def _read_runmedic(answer: Any) -> list[Said] | None:
    if not any("train_loss" in run["roles"] for run in answer):
        return None
    return [
        Said(
            "note" if one["severity"] == "info" else "alarm",
            one["check"],
            _joined(one["title"], one["evidence"], one["likely_causes"], one["fixes"]),
        )
        for run in answer
        for one in run["findings"]
    ]


def _losslint(given: Given) -> list[str] | None:
    if given.format is None:
        return None
    options: list[str] = []
    if given.format == "csv":  # it takes names for CSV alone
        for ours, option in (("loss", "--loss-col"), ("val/loss", "--eval-loss-col")):
            options += [option, given.names[ours]] if ours in given.names else []
    return ["check", *map(str, given.logs), *options, "--format", "json"]


def _read_losslint(answer: Any) -> list[Said] | None:
    names = [name.lower() for run in answer["runs"] for name in run["series"]]
    if not any("loss" in name for name in names):
        return None
    return [
        Said(
            "note" if one["severity"] == "info" else "alarm",
            one["check"],
            _joined(one["check"], one["message"]),
        )
        for one in answer["findings"]
        if one["check"] != "parse"  # about the file, not about the training
    ]


def _trainspotter(given: Given) -> list[str] | None:
    if given.format is None:
        return None
    path = given.logs[0].parent if given.format == "tensorboard" else given.logs[0]
    return ["analyze", str(path), "--format", given.format, "--output", "json"]


def _read_trainspotter(answer: Any) -> list[Said] | None:
    if "train/loss" not in answer["run"]["metrics"]:
        return None
    return [
        Said(
            "note" if one["severity"] == "info" else "alarm",
            one["detector"],
            _joined(one["title"], one["message"], one["fixes"]),
        )
        for one in answer["findings"]
    ]


_TRAINPROOF_NAMES = {"val/loss": "eval_loss", "data_time": "loader_time"}


def _trainproof(given: Given) -> list[str] | None:
    if given.format is None:
        return None
    events = given.format == "tensorboard"
    path = given.logs[0].parent if events else given.logs[0]
    maps: list[str] = []
    for ours, logged in given.names.items():
        maps += ["--map", f"{_TRAINPROOF_NAMES.get(ours, ours)}={logged}"]
    return ["epoch", str(path), "--format", "tfevents" if events else given.format, *maps, "--json"]


def _read_trainproof(answer: Any) -> list[Said] | None:
    reports = answer["reports"]
    findings = [one for report in reports for one in report["findings"]]
    unread = {"TP-NO-LOSS", "TP-NO-RECORDS"} & {one["id"] for one in findings}
    if unread or all(report["verdict"] == "NOT-CHECKED" for report in reports):
        return None
    return [
        Said("alarm", one["id"], _joined(one["id"], one["message"], one["evidence"]))
        for one in findings
        if one["level"] in ("WARN", "FAIL")  # INFO is "context", PASS lists what was looked at
    ]


RIVALS: Sequence[Rival] = (
    Rival(
        "runmedic",
        "runmedic",
        "`runmedic diagnose` on the run's folder; it finds logs and names itself",
        _runmedic,
        _read_runmedic,
    ),
    Rival(
        "losslint",
        "losslint.cli",
        "`losslint check` on the log files; loss columns of a CSV named by --loss-col",
        _losslint,
        _read_losslint,
    ),
    Rival(
        "trainspotter",
        "trainspotter.cli",
        "`trainspotter analyze` on the log file or the TensorBoard folder, --format given",
        _trainspotter,
        _read_trainspotter,
    ),
    Rival(
        "trainproof",
        "trainproof",
        "`trainproof epoch` on the log file or the TensorBoard folder, --format given, every "
        "column it judges named by --map",
        _trainproof,
        _read_trainproof,
    ),
)


def answer_of(rival: Rival, printed: str) -> list[Said] | None:
    """Return what a tool said; None when it printed no verdict or found no training loss."""
    try:
        answer = json.loads(printed)
    except json.JSONDecodeError:
        return None
    return rival.read(answer)

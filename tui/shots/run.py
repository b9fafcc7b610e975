"""Pictures of the Run, Compare and Numbers screens: each of their states."""

from __future__ import annotations

import json
import math
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tui.shots.scene import Scene, until

if TYPE_CHECKING:
    from textual.pilot import Pilot

    from tui.app import DoctorApp

STEPS = 1200
BATCH = 32


def write_run(folder: Path, fault: str) -> Path:
    """Write a SimCLR run that is `healthy`, `stuck` at its chance value or ends in `nan`."""
    rng = np.random.default_rng(5)
    folder.mkdir(parents=True, exist_ok=True)
    config = {"method": "simclr", "batch_size": BATCH, "temperature": 0.5, "proj_dim": 128}
    config |= {"lr": 0.6 if fault == "nan" else 0.06, "epochs": 12}
    (folder / "config.json").write_text(json.dumps(config))
    with (folder / "log.jsonl").open("w") as file:
        for step in range(STEPS):
            file.write(json.dumps(_row(step, fault, rng)) + "\n")
    return folder


def _row(step: int, fault: str, rng: np.random.Generator) -> dict[str, float]:
    fallen = 1 - math.exp(-step / 300)
    row = {
        "step": step,
        "epoch": step // 100,
        "train/loss": math.log(2 * BATCH - 1) - 1.1 * fallen + rng.normal(0, 0.03),
        "z_std": 0.088 * (0.6 + 0.3 * fallen) + rng.normal(0, 5e-4),
        "grad_norm": 1.5 + abs(rng.normal(0, 0.2)),
        "lr": config_lr(step),
    }
    if step % 50 == 0:
        row["val/knn"] = 0.2 + 0.5 * fallen
    if fault == "stuck":
        row["train/loss"] = math.log(2 * BATCH - 1) + rng.normal(0, 1e-3)
        row["z_std"] = 1e-4 + 0.08 * math.exp(-step / 20)
        row["val/knn"] = 0.1
    if fault == "nan" and step > 0.7 * STEPS:
        row["grad_norm"] *= math.exp((step - 0.7 * STEPS) / 30)
        if step > 0.8 * STEPS:
            row["train/loss"] = math.nan
    return row


def config_lr(step: int) -> float:
    """Return a cosine schedule with a warm-up."""
    if step < 100:
        return 0.06 * step / 100
    return 0.03 * (1 + math.cos(math.pi * (step - 100) / (STEPS - 100)))


def _attached(fault: str, *keys: str) -> Any:
    async def drive(pilot: Pilot[Any], app: DoctorApp) -> None:
        with tempfile.TemporaryDirectory() as folder:
            app.attach(write_run(Path(folder) / "exp7", fault))
            await until(pilot, lambda: app.session.run_answer is not None)
            app.switch_mode("run")
            await pilot.pause(0.8)
            await pilot.press(*keys)
            await pilot.pause(0.3)

    return drive


async def _none(pilot: Pilot[Any], app: DoctorApp) -> None:
    app.switch_mode("run")
    await pilot.pause(1.5)


async def _waiting(pilot: Pilot[Any], app: DoctorApp) -> None:
    app.attach(Path("runs/to-come"))
    app.switch_mode("run")
    await until(pilot, lambda: app.session.life is not None)
    await pilot.pause(0.5)


async def _compare(pilot: Pilot[Any], app: DoctorApp) -> None:
    with tempfile.TemporaryDirectory() as folder:
        good, bad = (write_run(Path(folder) / name, name) for name in ("healthy", "nan"))
        app.compare(good, bad)
        await pilot.pause(2.0)
        await pilot.press("left", "left_square_bracket", "left_square_bracket")
        await pilot.pause(0.3)


async def _numbers(pilot: Pilot[Any], app: DoctorApp) -> None:
    from tui.numbers.screen import NumbersBox

    app.action_paste_numbers()
    await pilot.pause(0.3)
    box = app.screen.query_one(NumbersBox)
    box.insert("simclr loss 4.143, batch 32, z_std 1e-4, rank 3, foo 7")
    await pilot.pause(3.0)


SCENES = (
    Scene("run-none", _none),
    Scene("run-waiting", _waiting),
    Scene("run-stuck", _attached("stuck")),
    Scene("run-healthy", _attached("healthy", "left", "left_square_bracket")),
    Scene("run-nan", _attached("nan")),
    Scene("run-light", _attached("stuck"), theme="doctor-light"),
    Scene("run-ansi", _attached("stuck"), theme="ansi-dark"),
    Scene("compare", _compare),
    Scene("numbers", _numbers),
)

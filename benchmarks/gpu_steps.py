"""The steps of `benchmarks.gpu_lab`: correctness, images a second, losses, in this order."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from typing import Any

import torch
from torch.nn.functional import cross_entropy, normalize

from benchmarks.gpu_clock import peak_mib, seconds_of
from benchmarks.lightly_loop import LightlyLoop
from reference_impl.methods.simclr import nt_xent
from reference_impl.methods.vicreg import vicreg_loss
from reference_impl.train import RunSpec
from reference_impl.train.hardware import allow_tf32
from reference_impl.train.session import Session

BATCH = 512
METHODS = ("simclr", "vicreg")
CONFIGS: Mapping[str, Mapping[str, object]] = {
    "simclr": {"temperature": 0.5, "dim": 128},
    "vicreg": {"dim": 2048, "hidden_dim": 2048},
}
"""Heads of the widths that lightly's examples have."""

OURS: Mapping[str, Mapping[str, Any]] = {
    "float32": {"precision": "tf32", "channels_last": False},
    "bfloat16": {"precision": "bfloat16"},
    "bfloat16 graph": {"precision": "bfloat16", "cuda_graph": True},
    "bfloat16 compiled": {"precision": "bfloat16", "compile": "default"},
}
LOSS_BATCHES = (4096, 8192, 16384, 32768, 65536)


@dataclass(frozen=True)
class Setting:
    """Where the steps run, and whether on sizes that only show that they work."""

    device: str
    small: bool

    @property
    def cuda(self) -> bool:
        return self.device.startswith("cuda")


Step = Callable[[], Mapping[str, Any]]


def steps(setting: Setting) -> dict[str, Step]:
    """Return the steps by name, the most valuable first."""
    found: dict[str, Step] = {"verify": partial(verified, setting)}
    for method in METHODS:
        for name, how in OURS.items():
            if setting.cuda or name == "float32":
                found[f"images/{method}/{name}"] = partial(our_speed, setting, method, how)
        if find_spec("lightly") is not None:
            for precision in ("float32", "bfloat16") if setting.cuda else ("float32",):
                found[f"images/{method}/lightly {precision}"] = partial(
                    lightly_speed, setting, method, precision
                )
    for batch in (64, 128) if setting.small else LOSS_BATCHES:
        for loss in LOSSES:
            found[f"loss/{loss}/{batch}"] = partial(loss_cost, setting, loss, batch)
    if setting.cuda and find_spec("pytest") is not None:
        found["tests"] = gpu_tests
    return found


def verified(setting: Setting) -> Mapping[str, Any]:
    """Run `verify` on the device and return its exit code, how many checks it made, the largest
    error of each kind, and the checks that failed."""
    command = [sys.executable, "-m", "reference_impl.verify", "--device", setting.device]
    command += ["--no-write", "--json", *(["simclr"] if setting.small else [])]
    run = subprocess.run(command, capture_output=True, text=True, timeout=400, check=False)
    if run.returncode not in (0, 5):
        raise RuntimeError(f"exit code {run.returncode}: {run.stderr[-2000:]}")
    checks = json.loads(run.stdout)["checks"]
    largest: dict[str, float] = {}
    for check in checks:
        largest[check["kind"]] = max(largest.get(check["kind"], 0.0), check["error"] or 0.0)
    return {
        "exit_code": run.returncode,
        "checks": len(checks),
        "largest_error": largest,
        "failed": [check for check in checks if not check["passed"]],
    }


def gpu_tests() -> Mapping[str, Any]:
    """Run the tests that need a CUDA device."""
    command = [sys.executable, "-m", "pytest", "-m", "gpu", "-q", "tests/reference_impl"]
    run = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    if run.returncode:
        raise RuntimeError(f"exit code {run.returncode}: {run.stdout[-2000:]}{run.stderr[-500:]}")
    return {"exit_code": 0, "told": run.stdout[-2000:]}


def our_speed(setting: Setting, method: str, how: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return images a second of our training: ResNet-18 on images of 32 x 32, views included."""
    batch = 4 if setting.small else BATCH
    spec = RunSpec(
        method,
        config=CONFIGS[method],
        recipe={"batch_size": batch},
        data="procedural",
        images=16 if setting.small else 20_000,
        encoder="resnet18",
        steps=10_000,
        device=setting.device,
        **how,
    )
    allow_tf32(spec.precision)
    session = Session.start(spec, setting.device)
    batches = session.batches()

    def update() -> None:
        session.updater.update(session.done, next(batches), watched=False)
        session.done += 1

    rounds = (0, 1) if setting.small else (20, 100)
    seconds = seconds_of(update, setting.device, *rounds)
    return {"images_per_s": round(batch / seconds, 1), "batch": batch}


def lightly_speed(setting: Setting, method: str, precision: str) -> Mapping[str, Any]:
    """Return images a second of lightly's loop: its transforms in a DataLoader, its loss."""
    batch = 4 if setting.small else BATCH
    loop = LightlyLoop(method, batch, setting.device, precision, small=setting.small)
    rounds = (0, 1) if setting.small else (5, 25)
    seconds = seconds_of(loop.update, setting.device, *rounds)
    return {"images_per_s": round(batch / seconds, 1), "batch": batch, "workers": loop.workers}


def plain_nt_xent(first: Any, second: Any) -> Any:
    """Return NT-Xent through the whole matrix of similarities."""
    rows = normalize(torch.cat([first, second]), dim=1)
    scores = (rows @ rows.T / 0.1).fill_diagonal_(-torch.inf)
    places = torch.arange(len(rows), device=rows.device).roll(len(first))
    return cross_entropy(scores, places)


def plain_vicreg(first: Any, second: Any) -> Any:
    """Return VICReg through both covariance matrices, as the official code has it."""
    total = 25.0 * (first - second).square().mean()
    for view in (first, second):
        centred = view - view.mean(0)
        covariance = centred.T @ centred / (len(view) - 1)
        off_diagonal = covariance - torch.diag(covariance.diagonal())
        hinge = torch.relu(1 - (centred.var(0) + 1e-4).sqrt()).mean()
        total = total + 12.5 * hinge + off_diagonal.square().sum() / view.shape[1]
    return total


LOSSES: Mapping[str, tuple[Callable[..., Any], int]] = {
    "nt_xent ours": (partial(nt_xent, temperature=0.1), 128),
    "nt_xent eager": (plain_nt_xent, 128),
    "vicreg ours": (vicreg_loss, 2048),
    "vicreg eager": (plain_vicreg, 2048),
}
"""Losses of two views with the width they are measured at."""


def loss_cost(setting: Setting, loss: str, batch: int) -> Mapping[str, Any]:
    """Return milliseconds and peak memory of one forward and backward pass in float32."""
    allow_tf32("float32")
    function, width = LOSSES[loss]
    generator = torch.Generator(device=setting.device).manual_seed(0)
    views = [
        torch.randn(batch, width, generator=generator, device=setting.device, requires_grad=True)
        for _ in range(2)
    ]

    def forget() -> None:
        for view in views:
            view.grad = None

    def once() -> None:
        forget()
        function(*views).backward()

    try:
        seconds = seconds_of(once, setting.device, *((1, 2) if setting.small else (3, 10)))
        forget()
        memory = peak_mib(once, setting.device)
    except torch.OutOfMemoryError:
        torch.cuda.empty_cache()
        return {"out_of_memory": True, "batch": batch, "width": width}
    with torch.no_grad():
        value = float(function(*views))
    return {
        "ms": round(1e3 * seconds, 3),
        "peak_mib": memory,
        "value": value,
        "batch": batch,
        "width": width,
    }

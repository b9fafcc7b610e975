"""Training: `train(RunSpec("vicreg", steps=400))` here, `python -m reference_impl.train` outside."""

from __future__ import annotations

from reference_impl.train.loop import train
from reference_impl.train.spec import RunResult, RunSpec

__all__ = ["RunResult", "RunSpec", "train"]

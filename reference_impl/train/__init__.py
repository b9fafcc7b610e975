"""Training: `train(RunSpec("vicreg"))`, or `python -m reference_impl.train vicreg`."""

from __future__ import annotations

from reference_impl.train.loop import train
from reference_impl.train.spec import RunResult, RunSpec

__all__ = ["RunResult", "RunSpec", "train"]

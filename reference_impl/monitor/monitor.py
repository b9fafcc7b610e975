"""`Monitor`: what to record of a training step, and when its cost allows it."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Any

import torch
from torch import nn

from reference_impl import distributed
from reference_impl.ema import lag
from reference_impl.monitor.log import RunLog
from reference_impl.monitor.metrics import measured
from reference_impl.monitor.sample import Sample, gradient_norms, mark, rows_of
from reference_impl.shapes import Float, Tensor

EVERY = 10
"""Steps between two records of scalars. A choice: 1,000 steps give 100 values, enough for every
reduction of a signature."""

SPECTRA_EVERY = 100
"""Steps between two records of ranks and spread, which change slowly. A choice."""

ROWS = 512
"""Rows that ranks and spread are computed from: an eigenvalue problem of 512 takes tens of
milliseconds on a CPU (`python -m benchmarks.monitor_cost`)."""

BUDGET = 0.01
"""Share of the training's time that ranks and spread may take."""

_WAITING = 8
"""Samples of a GPU run that may wait for the host; a further one is left out."""


class Monitor:
    """Records a run for `ssl-doctor watch`, without any effect on its weights.

    No random number is drawn, no module is called, nothing is changed. On a GPU the tensors are
    copied beside the training and measured on another thread; on a CPU they are measured at
    once, as often as `budget` allows. Only the first process of several writes.

    `config` should hold what the training was started with; names of docs/signatures.md
    (`method`, `batch_size`, `temperature`, `dim`, ...) let signatures use it. `budget` None
    measures at every `spectra_every` whatever it costs.
    """

    def __init__(
        self,
        folder: str | os.PathLike[str],
        *,
        config: Mapping[str, object] | None = None,
        every: int = EVERY,
        spectra_every: int = SPECTRA_EVERY,
        rows: int = ROWS,
        budget: float | None = BUDGET,
    ) -> None:
        for name, value in (("every", every), ("spectra_every", spectra_every), ("rows", rows)):
            if value < 1:
                raise ValueError(f"{name} is {value}, expected at least 1")
        self._writes = distributed.rank() == 0
        self._log = RunLog(Path(folder), config or {}) if self._writes else None
        self._every, self._spectra_every = every, spectra_every
        self._rows, self._budget = rows, budget
        self._step = -1
        self._begun: float | None = None
        self._last = 0.0
        self._data_time = 0.0
        self._thread: ThreadPoolExecutor | None = None
        self._waiting: list[Future[None]] = []
        self.spent = 0.0
        """Seconds that measuring took on the training's own thread."""

    def observe(
        self,
        loss: Float[Tensor, ""] | float,
        *,
        h: Float[Tensor, "batch width"] | None = None,
        z: Float[Tensor, "batch dim"] | tuple[Float[Tensor, "batch dim"], ...] = (),
        teacher: Float[Tensor, "batch prototypes"] | None = None,
        model: nn.Module | None = None,
        target: nn.Module | None = None,
        online: nn.Module | None = None,
        step: int | None = None,
        **scalars: Any,
    ) -> None:
        """Record a step, after the backward pass and before gradients are set to zero.

        `h` are backbone features, `z` projector outputs of one view or of several, not
        normalised; `teacher` a teacher's probabilities. `model` gives the gradient norms,
        `target` and `online` how far an averaged network trails. `scalars` are further metrics
        under vocabulary names (lr=..., epoch=...). Steps count by themselves unless given.
        """
        self._step = self._step + 1 if step is None else step
        if self._log is None:
            return
        begun = time.perf_counter()
        step_time, self._last = begun - self._last, begun
        first = self._begun is None
        if first:
            self._begun = begun
        if self._step % self._every == 0:
            sample = Sample(self._step)
            sample.add({"loss": loss, **scalars})
            if not first:
                sample.add({"step_time": step_time, "data_time": self._data_time})
            device = loss.device if isinstance(loss, Tensor) else torch.device("cpu")
            if self._step % self._spectra_every == 0 and self._affordable(begun, device):
                self._take(sample, h, z, teacher)
                self._follow(sample, model, target, online)
            sample.ready = mark(device)
            self._keep(sample, device)
        self._data_time = 0.0
        self.spent += time.perf_counter() - begun

    def record(self, step: int, **scalars: float) -> None:
        """Record what was measured beside the steps, such as a probe's accuracy, at any cadence."""
        if self._log is None:
            return
        sample = Sample(step)
        sample.add(scalars)
        if self._thread is None:
            self._write(sample)
        else:
            self._waiting.append(self._thread.submit(self._write, sample))

    def timed(self, loader: Iterable[Any]) -> Iterator[Any]:
        """Yield the batches of a loader and measure how long each was waited for."""
        batches = iter(loader)
        while True:
            begun = time.perf_counter()
            try:
                batch = next(batches)
            except StopIteration:
                return
            self._data_time = time.perf_counter() - begun
            yield batch

    def close(self) -> None:
        """Write what is still measured and close the file. Errors of the thread surface here."""
        if self._thread is not None:
            self._thread.shutdown(wait=True)
            self._forget_done()
        if self._log is not None:
            self._log.close()
            self._log = None

    def __enter__(self) -> Monitor:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _affordable(self, now: float, device: torch.device) -> bool:
        if device.type == "cuda":
            return len(self._waiting) < _WAITING
        assert self._begun is not None
        elapsed = now - self._begun
        return self._budget is None or not elapsed or self.spent <= self._budget * elapsed

    def _take(self, sample: Sample, h: Any, z: Any, teacher: Any) -> None:
        """Copy rows of the step's tensors."""
        several = z if isinstance(z, tuple | list) else (z,)
        sample.embeddings = tuple(rows_of(one, self._rows) for one in several)
        sample.features = None if h is None else rows_of(h, self._rows)
        sample.probabilities = None if teacher is None else rows_of(teacher, self._rows)

    def _follow(
        self,
        sample: Sample,
        model: nn.Module | None,
        target: nn.Module | None,
        online: nn.Module | None,
    ) -> None:
        """Measure gradients and the distance of an averaged network."""
        if model is not None:
            sample.add(gradient_norms(model))
        if target is not None and online is not None:
            sample.add({"ema_dist": lag(target, online)})

    def _keep(self, sample: Sample, device: torch.device) -> None:
        if device.type != "cuda":
            self._write(sample)
            return
        if self._thread is None:
            self._thread = ThreadPoolExecutor(1, "ssl-doctor monitor")
        self._forget_done()
        self._waiting.append(self._thread.submit(self._write, sample))

    def _forget_done(self) -> None:
        for done in [one for one in self._waiting if one.done()]:
            self._waiting.remove(done)
            done.result()

    def _write(self, sample: Sample) -> None:
        sample.wait()
        record: dict[str, float] = {"step": sample.step, **sample.numbers}
        record |= {name: float(value) for name, value in sample.scalars.items()}
        record |= measured(sample.features, sample.embeddings, sample.probabilities)
        assert self._log is not None
        self._log.write(record)

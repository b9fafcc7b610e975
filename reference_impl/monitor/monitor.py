"""`Monitor`: what to record of a training step, and when its cost allows it."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Any

from torch import nn

from reference_impl.distributed import is_first_process
from reference_impl.ema import lag
from reference_impl.monitor.log import RunLog
from reference_impl.monitor.metrics import measured
from reference_impl.monitor.sample import Sample, gradient_norms, on_gpu
from reference_impl.monitor.spare import Spare
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
    once, as often as `budget` allows. Only the first process of several writes. What fails in it
    becomes one warning, and the training goes on.

    A run that `folder` holds already is moved to `folder`/.earlier/1, or the next free number.
    With `resume` it is gone on with: give `observe` the `step` then, and what an interrupted run
    recorded from there on is replaced; without it, steps count on from the last record.

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
        resume: bool = False,
    ) -> None:
        for name, value in (("every", every), ("spectra_every", spectra_every), ("rows", rows)):
            if value < 1:
                raise ValueError(f"{name} is {value}, expected at least 1")
        writes = is_first_process()
        self._log = RunLog(Path(folder), config or {}, resume=resume) if writes else None
        self._every, self._spectra_every = every, spectra_every
        self._rows, self._budget = rows, budget
        self._step = self._log.last_step if self._log is not None else -1
        self._begun: float | None = None
        self._last = 0.0
        self._data_time = 0.0
        self._thread: ThreadPoolExecutor | None = None
        self._waiting: list[Future[None]] = []
        self._spare = Spare()
        self.spent = 0.0
        """Seconds that measuring took on the training's own thread."""

    def observe(
        self,
        loss: Float[Tensor, ""] | float | None,
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

        Call it at every step: between two records it only reads the clock. `h` are backbone
        features, `z` projector outputs of one view or of several, not normalised; feature maps
        and tokens are averaged over their positions. `teacher` are a teacher's probabilities, in
        the last dimension. `model` gives the gradient norms, `target` and `online` how far an
        averaged network trails. `scalars` are further metrics under vocabulary names (lr=...,
        epoch=...), a step_time=... instead of the time since the last call among them. Steps
        count by themselves unless given.
        """
        self._step = self._step + 1 if step is None else step
        if self._log is None:
            return
        begun = time.perf_counter()
        times = self._times(begun)
        if self._step % self._every == 0:
            with self._spare("recording a step"):
                sample = Sample(self._step)
                sample.add({} if loss is None else {"loss": loss})
                sample.add({**times, **scalars})
                views = tuple(z) if isinstance(z, tuple | list) else (z,)
                if self._step % self._spectra_every == 0 and self._affordable(
                    begun, gpu=on_gpu(loss, h, teacher, *views)
                ):
                    self._take(sample, h, views, teacher)
                    self._follow(sample, model, target, online)
                sample.mark()
                self._keep(sample)
        self._data_time = 0.0
        self.spent += time.perf_counter() - begun

    def record(self, step: int, **scalars: float) -> None:
        """Record what was measured beside the steps, such as a probe's accuracy, at any cadence."""
        if self._log is None:
            return
        with self._spare("recording a measurement"):
            sample = Sample(step)
            sample.add(scalars)
            sample.mark()
            self._keep(sample)

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
        """Write what is still measured and close the file."""
        if self._thread is not None:
            self._thread.shutdown(wait=True)
        if self._log is not None:
            with self._spare("closing its log"):
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

    def _times(self, now: float) -> dict[str, float]:
        """Return the seconds since the last call and those waited for data; {} at the first."""
        before, self._last = self._last, now
        if self._begun is None:
            self._begun = now
            return {}
        return {"step_time": now - before, "data_time": self._data_time}

    def _affordable(self, now: float, *, gpu: bool) -> bool:
        if gpu:
            self._forget_done()
            return len(self._waiting) < _WAITING
        assert self._begun is not None
        elapsed = now - self._begun
        return self._budget is None or not elapsed or self.spent <= self._budget * elapsed

    def _take(
        self,
        sample: Sample,
        h: Tensor | None,
        views: tuple[Tensor, ...],
        teacher: Tensor | None,
    ) -> None:
        """Copy rows of the step's tensors."""
        with self._spare("copying h, z or teacher"):
            sample.embeddings = tuple(sample.rows(one, self._rows) for one in views)
            sample.features = None if h is None else sample.rows(h, self._rows)
            if teacher is not None:
                # A mean of probabilities has another entropy: each token is a row.
                sample.probabilities = sample.rows(teacher.flatten(0, -2), self._rows)

    def _follow(
        self,
        sample: Sample,
        model: nn.Module | None,
        target: nn.Module | None,
        online: nn.Module | None,
    ) -> None:
        """Measure gradients and the distance of an averaged network."""
        with self._spare("measuring model, target or online"):
            if model is not None:
                sample.add(gradient_norms(model))
            if target is not None and online is not None:
                sample.add({"ema_dist": lag(target, online)})

    def _keep(self, sample: Sample) -> None:
        """Write a sample at once, or behind those that a GPU's copies are waited for."""
        if self._thread is None and not sample.gpus:
            self._write(sample)
            return
        if self._thread is None:
            self._thread = ThreadPoolExecutor(1, "ssl-doctor monitor")
        self._forget_done()
        self._waiting.append(self._thread.submit(self._write, sample))

    def _forget_done(self) -> None:
        self._waiting = [one for one in self._waiting if not one.done()]

    def _write(self, sample: Sample) -> None:
        with self._spare("writing a record"):
            sample.wait()
            record: dict[str, float] = {"step": sample.step, **sample.numbers}
            record |= {name: float(value) for name, value in sample.scalars.items()}
            with self._spare("measuring embeddings"):
                record |= measured(sample.features, sample.embeddings, sample.probabilities)
            assert self._log is not None
            self._log.write(record)

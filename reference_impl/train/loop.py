"""The training loop: updates, the monitor, probes, checkpoints, and what is left at the end."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack

import torch
from torch import distributed as dist

from kb.errors import UsageError
from reference_impl.distributed import rank, world
from reference_impl.method import Batch, StepOutput
from reference_impl.monitor import Monitor
from reference_impl.monitor.log import METRICS, cut
from reference_impl.monitor.metrics import measured
from reference_impl.probes import probe
from reference_impl.shapes import Tensor
from reference_impl.train import checkpoint, hardware
from reference_impl.train.bar import Bar
from reference_impl.train.interrupt import Interrupt
from reference_impl.train.session import Session
from reference_impl.train.spec import RunResult, RunSpec, save_interval
from reference_impl.train.update import Update

FINAL_ROWS = 1024
"""Rows of the last updates that final ranks and spreads are computed from. A choice: fewer make
ranks noisy, and the weights hardly move at the end of the schedule."""

FINAL_LOSSES = 20
"""Updates whose mean is the final loss and its terms. A choice."""


def train(spec: RunSpec) -> RunResult:
    """Train what `spec` says and return how it ended.

    With `out`, the folder holds `config.json`, `metrics.jsonl` (`ssl-doctor diagnose` and `watch`
    read them) and `checkpoint.pt`, saved once an epoch unless `save_every` says otherwise. A first
    Ctrl-C or SIGTERM ends the run after its current update, saved if there is a folder, and
    raises KeyboardInterrupt; `resume` then goes on bit for bit (on a CPU). Raises UsageError for
    settings that do not exist or do not fit together, and for a folder that holds a run.
    """
    if spec.out is None and (spec.resume or spec.save_every):
        raise UsageError("saving and resuming need a folder", hint="set out")
    if spec.out is not None and not spec.resume and (spec.out / METRICS).exists():
        raise UsageError(
            "this folder holds a run already",
            where=str(spec.out),
            hint="resume it, or train into another folder"
            if (spec.out / checkpoint.CHECKPOINT).exists()
            else f"it has no checkpoint: {checkpoint.NOTHING_TO_RESUME}",
        )
    with hardware.processes(spec.device) as device:
        hardware.allow_tf32(spec.precision)
        session = Session.start(spec, device)
        for line in session.images.remarks():
            hardware.say(line)
        return _Run(session).result()


class _Run:
    """One call of `train`."""

    def __init__(self, session: Session) -> None:
        self.session, self.spec = session, session.spec
        self.save_every = save_interval(self.spec, session.order.steps_per_epoch)
        self.probes = self.spec.probe and session.images.classes_to_probe
        self.random_probe: dict[str, float] = {}
        self.seconds = 0.0
        self.monitor: Monitor | None = None
        self.last: deque[dict[str, Tensor]] = deque(maxlen=_kept(session))
        self.recent: deque[dict[str, Tensor]] = deque(maxlen=FINAL_LOSSES)
        self._logged = (0, 0.0)
        self._ended: float | None = None

    def result(self) -> RunResult:
        """Train to the end."""
        self._prepare()
        with ExitStack() as stack:
            if self.spec.out is not None:
                own = Monitor(
                    self.spec.out,
                    config=self.session.settings,
                    every=max(self.spec.log_every, 1),
                    spectra_every=max(self.spec.log_every, 1),
                    resume=self.spec.resume,
                )
                self.monitor = stack.enter_context(own)
                if not self.session.done:
                    self._record(0, self.random_probe)
            bar = stack.enter_context(Bar(self.session.steps, self.session.done, shown=rank() == 0))
            interrupt = stack.enter_context(Interrupt(self.session.device))
            self._updates(bar, interrupt)
            final = self._final()
            self._record(self.session.done, final)
        kept = None if self.spec.out is None else self.spec.out / METRICS
        return RunResult(self.spec, final, kept, self.seconds, self.session.done)

    def _prepare(self) -> None:
        """Resume, or look at the encoder before it has learnt anything."""
        session, out = self.session, self.spec.out
        if self.spec.resume and out is not None:
            state = checkpoint.load(out, session.settings)
            session.restore(state)
            self.random_probe, self.seconds = state["random_probe"], state["seconds"]
            self.recent.extend(_moved(one, session.device) for one in state["recent"])
            self.last.extend(_moved(one, session.device) for one in state["last"])
            if rank() == 0 and (out / METRICS).exists():
                cut(out / METRICS, session.done)  # a resumed run writes it again
            return
        if self.probes:
            self.random_probe = self._probed(linear=True, suffix="_random")

    def _updates(self, bar: Bar, interrupt: Interrupt) -> None:
        session, spec = self.session, self.spec
        begun = time.perf_counter()
        for parts in self._timed(session.batches()):
            watched = bool(spec.log_every) and session.done % spec.log_every == 0
            update = session.updater.update(session.done, parts, watched=watched)
            self._observe(update, begun, bar, watched=watched)
            session.done += 1
            bar.advance()
            stop = interrupt.asked(session.done)
            if due(spec.probe_every, session) or due(self.save_every, session) or stop:
                self._synchronise()
                self.seconds += time.perf_counter() - begun
                self._between(stop=stop)
                begun = time.perf_counter()
        self._synchronise()
        self.seconds += time.perf_counter() - begun
        if self.save_every:
            self._save()

    def _timed(self, batches: Iterable[tuple[Batch, ...]]) -> Iterator[tuple[Batch, ...]]:
        return iter(batches) if self.monitor is None else self.monitor.timed(batches)

    def _observe(self, update: Update, begun: float, bar: Bar, *, watched: bool) -> None:
        session, output = self.session, update.output
        if session.done >= session.steps - FINAL_LOSSES:
            self.recent.append(_cloned({"loss": output.loss, **output.terms}))
            self.last.append(_snapshot(output))
        seconds = self.seconds + time.perf_counter() - begun
        took = self._took(seconds)
        if not watched:
            return
        bar.show({"loss": output.loss})
        if self.monitor is None:
            return
        rate = self._rate(seconds)
        epoch = session.done / session.order.steps_per_epoch
        self.monitor.observe(
            output.loss,
            h=output.features[0] if output.features else None,
            z=output.embeddings,
            step=session.done,
            **{"epoch": epoch, **took, **rate, **output.terms, **update.values},
        )

    def _took(self, seconds: float) -> dict[str, float]:
        """Return the last update's time of `seconds` trained so far, nothing for the first.

        The monitor is called at watched updates only and would count all since the last of them.
        """
        before, self._ended = self._ended, seconds
        return {} if before is None else {"step_time": seconds - before}

    def _rate(self, seconds: float) -> dict[str, float]:
        """Return images a second since the last record, without probes and saving."""
        step, before = self._logged
        self._logged = (self.session.done, seconds)
        if before == 0.0:
            return {}
        images = (self.session.done - step) * self.session.order.batch_size
        return {"imgs_per_s": images / (seconds - before)}

    def _between(self, *, stop: bool) -> None:
        """Probe and save between two updates, and end the run when asked to."""
        session, spec = self.session, self.spec
        probed = due(spec.probe_every, session) and session.images.classes_to_probe
        if probed and session.done < session.steps:
            self._record(session.done, self._probed(linear=False))
        if stop or due(self.save_every, session):
            self._save()
        if stop:
            raise KeyboardInterrupt(f"stopped after {session.done} of {session.steps} updates")

    def _probed(self, *, linear: bool, suffix: str = "") -> dict[str, float]:
        """Return the probes' accuracies; the other processes wait for the first."""
        found: dict[str, float] = {}
        if rank() == 0:
            encoder = self.session.method.evaluated_encoder
            found = dict(probe(encoder, self.session.images, linear=linear).named(suffix))
        if world() > 1:
            dist.barrier()
        return found

    def _record(self, done: int, values: Mapping[str, float]) -> None:
        if self.monitor is not None and values:
            self.monitor.record(done, **values)

    def _save(self) -> None:
        if self.spec.out is None:
            return
        state = self.session.state()
        if rank() == 0:
            state |= {"random_probe": self.random_probe, "seconds": self.seconds}
            state |= {"recent": list(self.recent), "last": list(self.last)}
            checkpoint.save(self.spec.out, state)
        if world() > 1:
            # A process that ended before the file lies there would have the first one killed.
            dist.barrier()

    def _final(self) -> dict[str, float]:
        final = {
            name: float(torch.stack([one[name].float() for one in self.recent]).mean())
            for name in (self.recent[-1] if self.recent else {})
        }
        if self.last:
            rows = {
                name: torch.cat([one[name] for one in self.last])[-FINAL_ROWS:].float().cpu()
                for name in self.last[-1]
            }
            final |= measured(rows.pop("features", None), tuple(rows.values()))
        if self.probes:
            final |= self.random_probe | self._probed(linear=True)
        return final

    def _synchronise(self) -> None:
        if self.session.device.startswith("cuda"):
            torch.cuda.synchronize()


def due(every: int, session: Session) -> bool:
    """Tell whether something that happens at every so many updates is due."""
    return bool(every) and session.done % every == 0


def _kept(session: Session) -> int:
    rows = session.preset.recipe.batch_size // (world() * session.spec.accum)
    return max(1, min(FINAL_ROWS // rows, FINAL_LOSSES))


def _cloned(values: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return copies in memory of their own: a CUDA graph overwrites its outputs."""
    return {name: value.detach().clone() for name, value in values.items()}


def _moved(values: Mapping[str, Tensor], device: str) -> dict[str, Tensor]:
    return {name: value.to(device) for name, value in values.items()}


def _snapshot(output: StepOutput) -> dict[str, Tensor]:
    """Return the first view's features and all views' embeddings, (batch, anything)."""
    rows = {f"embeddings {k}": one.flatten(1) for k, one in enumerate(output.embeddings)}
    if output.features:
        rows["features"] = output.features[0].flatten(1)
    return _cloned(rows)

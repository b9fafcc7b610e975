"""What can go wrong, done to a session before it starts or on its way.

A fault that is only a setting (a weight, a temperature, a learning rate) needs no code: the
run of `faulty.yaml` has that setting. Here is the rest, each under the name used there.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace
from types import MethodType
from typing import Any

import torch
from torch import nn

from benchmarks.real_runs import losses
from benchmarks.real_runs.data import Batch
from benchmarks.real_runs.session import Session

Fault = Callable[[Session], None]


def encoder_detached(session: Session) -> None:
    """Embeddings leave the graph before the loss: no weight receives a gradient."""

    def detached(method: Any, images: Any) -> Any:
        return method.head(method.encoder(images)).detach().requires_grad_()

    method: Any = session.method
    method.project = MethodType(detached, method)


def optimizer_of_a_copy(session: Session) -> None:
    """The optimiser was made for a copy of the model, as after a forgotten `model = ...`."""
    twin = copy.deepcopy(session.method)
    session.make_optimizer(list(twin.parameters()))


def encoder_not_optimized(session: Session) -> None:
    """Only the head's weights reach the optimiser."""
    inside = {id(one) for one in session.method.encoder.parameters()}
    session.make_optimizer([one for one in session.trained() if id(one) not in inside])


def views_mispaired(session: Session) -> None:
    """The second view is that of another image, or the caption is."""

    def shifted(batch: Batch) -> Batch:
        second, images = batch.second.roll(1, 0), batch.images.roll(1, 0)
        return replace(batch, second=second, images=images, labels=batch.labels.roll(1, 0))

    session.loader.alter.append(shifted)


def same_view_twice(session: Session) -> None:
    """Both views are one tensor, as when the transform is called once."""
    session.loader.alter.append(lambda batch: replace(batch, second=batch.first))


def blank_input(session: Session) -> None:
    """Every image is blank, as after dividing by 255 twice and rounding."""
    session.loader.alter.append(_blank)


def blank_batches(session: Session) -> None:
    """One batch in fifty or so is blank."""
    session.loader.alter.append(lambda batch: _blank(batch) if torch.rand(()) < 0.02 else batch)


def wild_batches(session: Session) -> None:
    """One batch in forty or so was not normalised: its pixels are sixty times as large."""

    def change(batch: Batch) -> Batch:
        wild = 60.0 if session.step > 20 and torch.rand(()) < 0.025 else 1.0
        return replace(
            batch, first=batch.first * wild, second=batch.second * wild, images=batch.images * wild
        )

    session.loader.alter.append(change)


def nan_pixels(session: Session) -> None:
    """One unreadable image comes as NaN, in the middle of the run."""

    def change(batch: Batch) -> Batch:
        if session.step != session.spec.steps // 2:
            return batch
        spoilt = batch.first.clone()
        spoilt[0] = float("nan")
        return replace(batch, first=spoilt)

    session.loader.alter.append(change)


def _blank(batch: Batch) -> Batch:
    nothing = torch.zeros_like(batch.images)
    return replace(batch, first=nothing, second=nothing, images=nothing)


def slow_reader(session: Session) -> None:
    """Reading a batch takes several times as long as the step."""
    session.loader.delay = float(session.method.set.get("delay", 0.03))


def no_stop_gradient(session: Session) -> None:
    """The target is computed with the trained weights and passes its gradient on."""
    method: Any = session.method
    method.stop = lambda target: target
    if hasattr(method, "target"):
        method.target = method.project


def target_is_online(session: Session) -> None:
    """A JEPA without a teacher: the targets come from the encoder, with gradient."""
    method: Any = session.method
    method.stop = lambda target: target
    method.teacher = method.encoder


def no_predictor(session: Session) -> None:
    """The predictor is the identity."""
    session.method.predictor = nn.Identity()
    session.make_optimizer(session.trained())


def dead_head(session: Session) -> None:
    """The projector ends in a ReLU with biases far below zero: it gives zeros."""
    method = session.method
    last = nn.Linear(method.set["dim"], method.set["dim"])
    nn.init.constant_(last.bias, -20.0)
    method.head = nn.Sequential(method.head, last, nn.ReLU())
    session.make_optimizer(session.trained())


def bare_root(session: Session) -> None:
    """The standard deviation has no epsilon: the root's gradient at 0 is infinite."""

    def bare(first: Any, second: Any) -> dict[str, Any]:
        terms = losses.vicreg_terms(first, second)
        spread = [torch.relu(1 - torch.sqrt(z.var(dim=0))).mean() for z in (first, second)]
        return {**terms, "var": (spread[0] + spread[1]) / 2}

    method: Any = session.method
    method.compare = bare


def log_of_softmax(session: Session) -> None:
    """DINO's cross-entropy as log(softmax(x)): once a share underflows it is 0 * log 0."""
    method: Any = session.method
    method.compare = lambda target, logits: (
        -(target * torch.log(torch.softmax(logits, dim=1))).sum(dim=1).mean()
    )


def exp_without_max(session: Session) -> None:
    """NT-Xent by its formula, exp(s / tau) summed as it stands."""
    method: Any = session.method
    method.compare = lambda first, second, heat: _plain_nt_xent(first, second, heat, torch.float32)


def half_logits(session: Session) -> None:
    """NT-Xent by its formula in float16, whose largest number is exp(11.09)."""
    method: Any = session.method
    method.compare = lambda first, second, heat: _plain_nt_xent(first, second, heat, torch.float16)


def _plain_nt_xent(first: Any, second: Any, heat: float, kind: Any) -> Any:
    z = losses.unit(torch.cat([first, second])).to(kind)
    powers = torch.exp(z @ z.T / heat).masked_fill(torch.eye(len(z), dtype=torch.bool), 0.0)
    positive = torch.exp((z * z.roll(len(first), 0)).sum(dim=1) / heat)
    return -torch.log(positive / powers.sum(dim=1)).float().mean()


def unnormalised_half_logits(session: Session) -> None:
    """float16 logits of embeddings that were not normalised, divided by the temperature."""
    method: Any = session.method

    def compare(first: Any, second: Any, heat: float) -> Any:
        z = torch.cat([first, second]).half()
        logits = z @ z.T / heat
        logits.fill_diagonal_(float("-inf"))
        target = torch.arange(len(z)).roll(len(first))
        return nn.functional.cross_entropy(logits.float(), target)

    method.compare = compare


def no_decoder_positions(session: Session) -> None:
    """The decoder is not told which patch it reconstructs, nor what the others show."""
    method: Any = session.method
    with torch.no_grad():
        method.position.zero_()
    method.position.requires_grad_(False)
    method.stop_visible = torch.zeros_like
    session.make_optimizer(session.trained())


def lr_jumps(session: Session) -> None:
    """From two thirds of the run on the learning rate is `jump` times what it should be."""
    factor = float(session.method.set["jump"])
    session.lr_factor = lambda step: factor if step >= 2 * session.spec.steps // 3 else 1.0


def stop_gradient_lost(session: Session) -> None:
    """From the middle of the run on the target passes its gradient on."""

    def loosen(step: int) -> None:
        if step == session.spec.steps // 2:
            no_stop_gradient(session)

    session.before_step.append(loosen)


def variance_switched_off(session: Session) -> None:
    """The weight of the variance term is annealed to zero over the second half."""
    start = float(session.method.set["std_coeff"])

    def anneal(step: int) -> None:
        half = session.spec.steps // 2
        session.method.set["std_coeff"] = start * min(1.0, max(0.0, 1 - 4 * (step - half) / half))

    session.before_step.append(anneal)


def schedule_restarts(session: Session) -> None:
    """After the resume the schedule counts from zero again."""
    session.on_resume.append(lambda: setattr(session, "schedule_offset", session.step))


def optimizer_lost(session: Session) -> None:
    """The checkpoint lacks the optimiser's state."""
    session.on_resume.append(lambda: session.make_optimizer(session.trained()))


def queue_lost(session: Session) -> None:
    """The checkpoint lacks MoCo's queue."""
    method: Any = session.method
    session.on_resume.append(method.fill_queue)


def teacher_lost(session: Session) -> None:
    """The checkpoint lacks the teacher: it starts again from random weights."""

    def forget() -> None:
        for module in session.method.teacher.modules():
            if hasattr(module, "reset_parameters"):
                module.reset_parameters()
        if hasattr(session.method, "center"):
            session.method.center.zero_()

    session.on_resume.append(forget)


def projector_lost(session: Session) -> None:
    """The checkpoint holds the backbone only: the head and its optimiser state start afresh."""

    def forget() -> None:
        method = session.method
        method.head = method.make_head()
        session.make_optimizer(session.trained())

    session.on_resume.append(forget)


FAULTS: dict[str, Fault] = {
    one.__name__.replace("_", "-"): one
    for one in (
        encoder_detached,
        optimizer_of_a_copy,
        encoder_not_optimized,
        views_mispaired,
        same_view_twice,
        blank_input,
        blank_batches,
        wild_batches,
        nan_pixels,
        slow_reader,
        no_stop_gradient,
        target_is_online,
        no_predictor,
        dead_head,
        bare_root,
        log_of_softmax,
        exp_without_max,
        half_logits,
        unnormalised_half_logits,
        no_decoder_positions,
        lr_jumps,
        stop_gradient_lost,
        variance_switched_off,
        schedule_restarts,
        optimizer_lost,
        queue_lost,
        teacher_lost,
        projector_lost,
    )
}

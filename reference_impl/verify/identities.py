"""Values known on paper, symmetries, and other libraries."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch

from reference_impl.verify.case import Case, Check, Generator, Known, Relation, compared
from reference_impl.verify.tensors import evaluate, tensors_of
from reference_impl.verify.values import GRADIENT_TOLERANCE, NAMES, VALUE_TOLERANCE

SAME = 1e-9
"""Two float64 evaluations of one value differ by no more, relative to max(1, |value|)."""

CHANGED = 1e-4
"""A loss that must notice a change moves by more than this. A choice, far above rounding."""


def known_checks(case: Case, rng: Generator, device: str) -> Iterator[Check]:
    """Compare the loss with kb's closed forms on inputs made for them, in float64."""
    for known in case.known:
        yield from _known(case, known, rng, device)


def _known(case: Case, known: Known, rng: Generator, device: str) -> Iterator[Check]:
    evaluated = evaluate(case, known.inputs(rng), torch.float64, device)
    yield compared(
        case, "known value", known.name, evaluated.value, known.expected, known.tolerance
    )
    if known.still:
        largest = max(float(np.abs(one).max()) for one in evaluated.gradients.values())
        yield compared(case, "known value", f"{known.name}: gradient", largest, 0.0, 1e-9)
    elif not evaluated.finite:
        yield compared(case, "known value", f"{known.name}: gradient", float("nan"), 0.0, 1e-9)


def relation_checks(case: Case, rng: Generator, device: str) -> Iterator[Check]:
    """Check that the loss ignores what it must and notices what it must, on every draw."""
    for draw in case.draws:
        arrays = draw(rng)
        before = evaluate(case, arrays, torch.float64, device).value
        for relation in case.relations:
            after = evaluate(case, relation.change(arrays, rng), torch.float64, device).value
            yield _related(case, relation, before, after)


def _related(case: Case, relation: Relation, before: float, after: float) -> Check:
    if relation.same:
        return compared(case, "relation", relation.name, after, before, SAME)
    moved = abs(after - before) / max(1.0, abs(before))
    kept = moved if np.isfinite(moved) and moved > CHANGED else float("nan")
    return compared(case, "relation", relation.name, kept, moved, SAME)


def peer_checks(case: Case, rng: Generator, device: str) -> Iterator[Check]:
    """Compare value and gradient with the other library's, in float64 and float32."""
    if case.peer is None:
        return
    for draw in case.draws:
        arrays = draw(rng)
        for dtype, tolerance in VALUE_TOLERANCE.items():
            ours = evaluate(case, arrays, dtype, device)
            theirs = tensors_of(arrays, case, dtype, device)
            value = case.peer.value(theirs)
            value.backward()
            yield compared(
                case,
                f"{case.peer.name} {NAMES[dtype]}",
                "value",
                ours.value,
                float(value.detach()),
                tolerance,
            )
            for name in case.moving:
                expected = theirs[name].grad.double().cpu().numpy()
                scale = float(np.abs(expected).max()) or 1.0
                gap = float(np.abs(ours.gradients[name] - expected).max()) / scale
                yield compared(
                    case,
                    f"{case.peer.name} {NAMES[dtype]}",
                    f"gradient of {name}",
                    gap,
                    0.0,
                    GRADIENT_TOLERANCE[dtype],
                )

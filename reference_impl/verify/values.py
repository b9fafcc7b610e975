"""Value and gradient of a loss against its transcription."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import numpy.typing as npt
import torch

from reference_impl.verify.case import Arrays, Case, Check, Generator, compared
from reference_impl.verify.tensors import Gradients, evaluate

VALUE_TOLERANCE = {torch.float64: 1e-6, torch.float32: 1e-4}
GRADIENT_TOLERANCE = {torch.float64: 1e-5, torch.float32: 1e-3}
"""What the laboratory promises (issue 5): of max(1, |expected|)."""

DIRECTIONS = 4
"""Random directions per draw in which the gradient is compared. A choice."""

STEP = 1e-5
"""Half the width of a central difference, in units of the inputs' size: the truncation and the
rounding error are both near 1e-9 of the derivative."""

NAMES = {torch.float64: "float64", torch.float32: "float32"}


def value_checks(case: Case, rng: Generator, device: str) -> Iterator[Check]:
    """Compare the value on every draw, in float64 and float32."""
    for number, draw in enumerate(case.draws):
        arrays = draw(rng)
        expected = case.truth(arrays)
        for dtype, tolerance in VALUE_TOLERANCE.items():
            found = evaluate(case, arrays, dtype, device).value
            detail = f"draw {number + 1}"
            yield compared(case, f"value {NAMES[dtype]}", detail, found, expected, tolerance)


def gradient_checks(case: Case, rng: Generator, device: str) -> Iterator[Check]:
    """Compare the gradient with central differences of the transcription.

    Directions are scaled so that the derivative along them is of order 1: the tolerance is then
    relative to the gradient's size, however small the loss's gradients are.
    """
    for number, draw in enumerate(case.draws):
        arrays = draw(rng)
        double = evaluate(case, arrays, torch.float64, device)
        single = evaluate(case, arrays, torch.float32, device)
        norm = _norm(double.gradients) or 1.0
        for turn in range(DIRECTIONS):
            direction = {name: rng.standard_normal(arrays[name].shape) for name in case.moving}
            slope = difference(case, arrays, direction)
            detail = f"draw {number + 1}, direction {turn + 1}"
            for dtype, evaluated in ((torch.float64, double), (torch.float32, single)):
                found = _along(evaluated.gradients, direction)
                yield compared(
                    case,
                    f"gradient {NAMES[dtype]}",
                    detail,
                    found / norm,
                    slope / norm,
                    GRADIENT_TOLERANCE[dtype],
                )
        if case.stopped:
            leaks = len(double.leaked)
            detail = f"no gradient to {', '.join(case.stopped)}"
            yield compared(case, "stop-gradient", detail, leaks, 0, 0.0)


def difference(case: Case, arrays: Arrays, direction: Gradients) -> float:
    """Return the derivative of the transcription along `direction` by a central difference."""
    size = np.sqrt(np.mean([np.mean(arrays[name] ** 2) for name in case.moving]))
    step = STEP * float(size or 1.0)
    values = []
    for sign in (1.0, -1.0):
        moved = {**arrays, **_moved(arrays, direction, sign * step)}
        values.append(case.held(moved, arrays) if case.held else case.truth(moved))
    return (values[0] - values[1]) / (2 * step)


def _moved(
    arrays: Arrays, direction: Gradients, step: float
) -> Mapping[str, npt.NDArray[np.float64]]:
    return {name: arrays[name] + step * way for name, way in direction.items()}


def _along(gradients: Gradients, direction: Gradients) -> float:
    return float(sum((gradients[name] * way).sum() for name, way in direction.items()))


def _norm(gradients: Gradients) -> float:
    return float(np.sqrt(sum((one * one).sum() for one in gradients.values())))
